"""What the messages without columns say: events, acknowledgements, orders and their answers.

Each form fits one body of 120 octets or raises WireError with what is too long. `sms/WIRE.md` is the contract.
Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sms.octets import Octets, varint
from sms.squeeze import deflated, inflated, squeezed, unsqueezed
from sms.wire import BODY, COUNTER_MAX, Type, WireError
from sms.words import FORMS as WORDS

OFFSET_MAX: Final = 2**31
MISSING_MAX: Final = 4096
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
class Train:
    """Make a prior from the reports (type REPORT) of a schema with these counters, both ends included."""

    schema: int
    first: int
    last: int
    prior: int
    """The id it must come to."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Up to which counter everything is stored, and what is missing behind it, ascending (type ACK)."""

    settled: int
    missing: tuple[int, ...] = ()
    utc_s: int | None = None
    is_test: bool = False
    """It answers a test."""
    train: Train | None = None


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
            octets = _ack_body(form)
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
            return _ack_of(octets)
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


def _ack_body(form: Ack) -> bytes:
    """Return flags, settled, then what the flags say is there, then the missing: pairs of steps and lengths."""
    train = form.train
    if not 0 <= form.settled <= COUNTER_MAX or not 0 <= (form.utc_s or 0) < 2**32:
        raise WireError(f"settled {form.settled} or time {form.utc_s} does not fit an acknowledgement")
    flags = form.is_test | (form.utc_s is not None) << 1 | (train is not None) << 2
    octets = bytes((flags,)) + form.settled.to_bytes(3)
    if form.utc_s is not None:
        octets += form.utc_s.to_bytes(4)
    if train is not None:
        try:
            octets += bytes((train.schema,)) + train.first.to_bytes(3) + train.last.to_bytes(3) + bytes((train.prior,))
        except (OverflowError, ValueError) as exc:
            raise WireError(f"{train} does not fit an acknowledgement") from exc
    at = form.settled
    for start, length in _runs(form.missing, at):
        octets += varint(start - at - 1) + varint(length - 1)
        at = start + length - 1
    return octets


def _runs(missing: Sequence[int], settled: int) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    last = settled
    for counter in missing:
        if not last < counter <= COUNTER_MAX:
            raise WireError(f"missing {counter} does not ascend from settled {settled}")
        if runs and counter == last + 1:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((counter, 1))
        last = counter
    if len(missing) > MISSING_MAX:
        raise WireError(f"{len(missing)} missing: at most {MISSING_MAX} in one acknowledgement")
    return runs


def _ack_of(body_octets: bytes) -> Ack:
    octets = Octets(body_octets)
    flags = octets.number(1)
    if flags > 7:
        raise WireError(f"flags {flags} of an acknowledgement are not known here")
    settled = octets.number(3)
    utc_s = octets.number(4) if flags & 2 else None
    train = Train(octets.number(1), octets.number(3), octets.number(3), octets.number(1)) if flags & 4 else None
    missing: list[int] = []
    at = settled
    while octets.left:
        start = at + 1 + octets.varint()
        length = 1 + octets.varint()
        at = start + length - 1
        if at > COUNTER_MAX or len(missing) + length > MISSING_MAX:
            raise WireError(f"an acknowledgement with {len(missing) + length} missing up to {at}")
        missing += range(start, at + 1)
    return Ack(settled, tuple(missing), utc_s, bool(flags & 1), train)


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
