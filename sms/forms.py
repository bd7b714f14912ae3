"""What the messages without columns say: events, acknowledgements, orders and their answers.

Each form fits one body of 120 octets or raises WireError with what is too long. `sms/WIRE.md` is the contract.
Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sms.acks import MISSING_MAX, Ack, Train, ack_body, ack_of
from sms.squeeze import deflated, inflated, squeezed, unsqueezed
from sms.wire import BODY, COUNTER_MAX, Type, WireError
from sms.words import FORMS as WORDS

__all__ = [
    "CUT", "MISSING_MAX", "OFFSET_MAX", "TYPE_OF", "Ack", "Answer", "Event", "Events", "Form", "Order", "Train", "body",
    "fitted", "form_of",
]  # fmt: skip

OFFSET_MAX: Final = 2**31
FACTS: Final = "sms_box"
"""No event: what the operator of the gateway sees of a box, its site and signal (value, in %), where there is room."""
CUT: Final = "cut"
"""The word that stands in an event in place of those for which there was no room: how many."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the box: when, what, which point, the measured value where there is one, and its own words."""

    offset_s: int
    """From the base time of the header; it may be negative."""
    kind: str
    point: str
    value: float | None = None
    unit: str = ""
    words: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Events:
    """A few events (type ALARM). None and `is_test`: the gateway is asked for an acknowledgement at once."""

    events: tuple[Event, ...] = ()
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A command from the server (type COMMAND)."""

    id: str
    verb: str
    args: Mapping[str, Any]
    expires_utc_s: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the order in the message with this counter (type REPLY). Its text is cut to what fits."""

    counter: int
    done: bool
    text: str


Form: TypeAlias = Events | Ack | Order | Answer
TYPE_OF: Final[Mapping[type, Type]] = {
    Events: Type.ALARM, Ack: Type.ACK, Order: Type.COMMAND, Answer: Type.REPLY,
}  # fmt: skip


def fitted(events: Sequence[Event], *, is_test: bool = False) -> Events:
    """Return as many events from the front as one message carries, at least one.

    One that alone is too long loses its longest words; how many stands in its word `cut`. Raises WireError when there
    is no room even for kind, point and value.
    """
    if not events:
        return Events((), is_test)
    taken = 0
    while taken < len(events) and _octets_of(Events(tuple(events[: taken + 1]), is_test)) <= BODY:
        taken += 1
    if taken:
        return Events(tuple(events[:taken]), is_test)
    first = events[0]
    words = dict(first.words)
    cut = 0
    while words:
        del words[max(words, key=lambda name: len(str(words[name])) + len(name))]
        cut += 1
        short = Events((Event(first.offset_s, first.kind, first.point, first.value, first.unit, words | {CUT: cut}),))
        if _octets_of(short) <= BODY:
            return Events(short.events, is_test)
    raise WireError(f"the event {first.kind[:40]} of {first.point[:40]} does not fit {BODY} octets, even without words")


def _octets_of(form: Events) -> int:
    try:
        return len(_events_body(form))
    except WireError:
        return BODY + 1


def body(form: Form) -> bytes:
    """Return the body of a form, at most 120 octets. Raises WireError, saying what is too long or can't be said."""
    match form:
        case Events():
            octets = _events_body(form)
            what = f"{len(form.events)} events"
        case Ack():
            octets = ack_body(form)
            what = f"an acknowledgement with {len(form.missing)} missing"
        case Order():
            octets = squeezed([form.id, form.verb, form.expires_utc_s, dict(form.args)], WORDS)
            what = f"the order {form.verb[:40]}"
        case Answer():
            octets = _answer_body(form)
            what = "an answer"
    if len(octets) > BODY:
        raise WireError(f"{what}: {len(octets)} octets, and a message has {BODY}")
    return octets


def form_of(kind: Type, octets: bytes) -> Form:
    """Return the form that a body of this type holds. Raises WireError for what can't be read, and says why."""
    if len(octets) > BODY:
        raise WireError(f"a body of {len(octets)} octets: at most {BODY}")
    match kind:
        case Type.ALARM:
            return _events_of(octets)
        case Type.ACK:
            return ack_of(octets)
        case Type.COMMAND:
            match unsqueezed(octets, WORDS):
                case [str(id_), str(verb), int(expires), dict(args)] if not isinstance(expires, bool):
                    return Order(id_, verb, args, expires)
            raise WireError("the order is no list of id, verb, expiry and args")
        case Type.REPLY:
            return _answer_of(octets)
        case _:
            raise WireError(f"a message of type {kind.name.lower()} holds no form")


def _events_body(form: Events) -> bytes:
    rows: list[list[Any]] = []
    for event in form.events:
        if abs(event.offset_s) > OFFSET_MAX:
            raise WireError(f"the event {event.kind[:40]} is {event.offset_s} s from the base time")
        row: list[Any] = [event.offset_s, event.kind, event.point, event.value, event.unit, dict(event.words)]
        while len(row) > 3 and row[-1] in (None, "", {}):
            row.pop()
        rows.append(row)
    return bytes((form.is_test,)) + squeezed(rows, WORDS) if rows else bytes((form.is_test,))


def _events_of(octets: bytes) -> Events:
    if not octets or octets[0] > 1:
        raise WireError("events begin with an octet of 0, or of 1 for a test")
    events = []
    rows = unsqueezed(octets[1:], WORDS) if len(octets) > 1 else []
    for row in rows if isinstance(rows, list) else [None]:
        match [*row, *(None, "", {})[len(row) - 3 :]] if isinstance(row, list) and 3 <= len(row) <= 6 else None:
            case [int(offset), str(kind), str(point), (int() | float() | None) as value, str(unit), dict(words)] if (
                not isinstance(offset, bool) and not isinstance(value, bool) and abs(offset) <= OFFSET_MAX
            ):
                events.append(Event(offset, kind, point, value, unit, words))
            case _:
                raise WireError("an event is no list of offset, kind, point, value, unit and words")
    return Events(tuple(events), octets[0] == 1)


def _answer_body(form: Answer) -> bytes:
    if not 0 <= form.counter <= COUNTER_MAX:
        raise WireError(f"counter {form.counter} does not fit an answer")
    head = form.counter.to_bytes(3) + bytes((form.done,))
    text = form.text.encode("utf-8", "replace").decode()[:500]
    while True:
        octets = head + deflated(text.encode(), WORDS)
        if len(octets) <= BODY:
            return octets
        text = text[: len(text) - max(len(octets) - BODY, 2) // 2]


def _answer_of(octets: bytes) -> Answer:
    if len(octets) < 4 or octets[3] > 1:
        raise WireError("an answer begins with a counter of 3 octets, and 0 or 1")
    try:
        return Answer(int.from_bytes(octets[:3]), octets[3] == 1, inflated(octets[4:], WORDS).decode())
    except UnicodeDecodeError as exc:
        raise WireError(f"the answer's text is no UTF-8: {exc}") from exc
