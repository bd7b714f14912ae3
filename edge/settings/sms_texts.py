"""The texts of alarms to people, each one message: what, where, how much, since when, what to do, in this order.

One function a text, from plain values; the sentences are `sms.*` of the text catalogue. `edge.settings.sms_fit` makes
them fit: names give way, a value, a limit, a time or a code never.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from edge.core.limit import BELOW, ON_QUALITY
from edge.settings import catalogue
from edge.settings.event_text import figure
from edge.settings.sms_fit import fitted
from edge.settings.sms_phrases import (
    TEST,
    Reader,
    Said,
    how_much,
    known,
    lasting,
    local_time,
    reason,
    since,
    span,
    stands,
)

NAMED_MOST: Final = 4
"""Points that a text of several alarms names."""
MAINS: Final = "mains_lost"


# -- one alarm


def begin(reader: Reader, said: Said, code: str) -> str:
    """Return S1, the begin of an alarm; of a fault S3, of the mains S11."""
    if said.kind in ON_QUALITY:
        return _fault(reader, said, code)
    if said.diagnosis == MAINS:
        return mains(reader, said, code)
    values = {**_alarm(reader, said), "code": code}
    return fitted(reader.lang, "sms.begin", values, _names(reader, said), ("diagnosis",))


def _fault(reader: Reader, said: Said, code: str) -> str:
    values = {**_alarm(reader, said), "code": code, **known(last=figure(said.last), u=said.u)}
    return fitted(reader.lang, "sms.fault", values, _names(reader, said), ("last",))


def mains(reader: Reader, said: Said, code: str, runs_min: int | None = None) -> str:
    """Return S11, the mains are lost; `runs_min`: how long the box goes on by itself, where that is known."""
    word = catalogue.word(reader.lang, "diagnosis", MAINS)
    values = {**_alarm(reader, said), "code": code, "lost": word[:1].upper() + word[1:], **known(runs_min=runs_min)}
    return fitted(reader.lang, "sms.mains", values, {"site": reader.site}, ("runs_min",))


def end(reader: Reader, said: Said, code: str = "") -> str:
    """Return S2, the end of an alarm; with a code it still waits for its acknowledgement."""
    values = {**_alarm(reader, said), "span": span(reader, said.begin_ms, said.end_ms, said.for_ms)}
    values["now"] = stands(reader.lang, said)
    if said.peak is not None and not said.word:
        extreme = "low" if said.kind in BELOW else "high"
        peak = {"peak": figure(said.peak), "u": said.u, **known(time=local_time(reader, said.peak_ms))}
        values["extreme"] = catalogue.render(reader.lang, f"sms.peak_{extreme}", peak)
    return fitted(reader.lang, "sms.end", {**values, **_seen(reader, said, code)}, _names(reader, said, by=said.by),
                  ("extreme", "by"))  # fmt: skip


def reminder(
    reader: Reader, said: Said, code: str, n: int, of: int, following: str = "", next_ms: int | None = None
) -> str:
    """Return S14, again, with who is called next and when where somebody is."""
    values = {**_alarm(reader, said), "code": code, "n": n, "of": of, **known(next_at=local_time(reader, next_ms))}
    if said.for_ms is not None:
        values["since"] = lasting(reader, said)
    names = _names(reader, said, following=following if next_ms is not None else "")
    return fitted(reader.lang, "sms.reminder", values, names, ("next_at",))


def chattering(reader: Reader, said: Said, code: str) -> str:
    """Return that an alarm comes and goes by itself, how often so far."""
    values = {**_alarm(reader, said), "code": code, "begins": said.begins}
    return fitted(reader.lang, "sms.chattering", values, _names(reader, said))


def acknowledged(reader: Reader, said: Said) -> str:
    """Return to who was told that somebody else has taken it."""
    values = {**_alarm(reader, said), **known(seen_at=local_time(reader, said.ack_ms))}
    return fitted(reader.lang, "sms.acknowledged", values, _names(reader, said, by=said.by))


def gave_up(reader: Reader, said: Said, code: str, told: Sequence[str]) -> str:
    """Return that nobody acknowledged, that all were told, and that no reminder follows."""
    values = {**_alarm(reader, said), "code": code}
    names = _names(reader, said, told=", ".join(name for name in told if name))
    return fitted(reader.lang, "sms.gave_up", values, names, ("told",))


# -- several


def merged(reader: Reader, begun: Sequence[Said], ended: Sequence[Said], code: str, *, count: int | None = None) -> str:
    """Return S4, several alarms in one text: the first by name, then the others, and which are over.

    `count`: of how many, where not all are given. Raises ValueError when there is none.
    """
    if not begun:
        return _ended(reader, ended, code, count)
    more = (count or len(begun)) - len(begun[:NAMED_MOST])
    starts = [one.begin_ms for one in begun if one.begin_ms is not None]
    values: dict[str, Any] = {
        "count": count or len(begun) + len(ended), "number": begun[0].number, "code": code,
        "span": span(reader, min(starts, default=None), max(starts, default=None), None, is_over=False),
        **known(more=more, ended=_numbers(ended)),
    }  # fmt: skip
    return fitted(reader.lang, "sms.merged", values, _several(reader, begun), ("ended",))


def _ended(reader: Reader, ended: Sequence[Said], code: str, count: int | None) -> str:
    if not ended:
        raise ValueError("a text of several alarms needs one")
    starts = [one.begin_ms for one in ended if one.begin_ms is not None]
    ends = [one.end_ms for one in ended if one.end_ms is not None]
    values: dict[str, Any] = {
        "count": count or len(ended), "span": span(reader, min(starts, default=None), max(ends, default=None), None),
        **known(more=(count or len(ended)) - len(ended[:NAMED_MOST]), code=code),
        **({} if code else {"done": catalogue.render(reader.lang, "sms.nothing", {})}),
    }  # fmt: skip
    return fitted(reader.lang, "sms.ended", values, _several(reader, ended))


def reminders(
    reader: Reader, waiting: Sequence[Said], code: str, n: int, of: int, following: str = "",
    next_ms: int | None = None,
) -> str:  # fmt: skip
    """Return S14 of several alarms."""
    more = max(0, len(waiting) - 2)
    values = {
        "n": n,
        "of": of,
        "code": code,
        **_many(reader, waiting),
        "more": more,
        "next_at": local_time(reader, next_ms),
    }
    values = {name: value for name, value in values.items() if value not in {None, 0}}
    names = {**_several(reader, waiting[:2]), **known(following=following if next_ms is not None else "")}
    return fitted(reader.lang, "sms.reminders", values, names, ("next_at",))


def acknowledged_several(reader: Reader, said: Sequence[Said]) -> str:
    """Return to who was told of several that somebody else has them."""
    values = {**_many(reader, said), **known(seen_at=local_time(reader, said[0].ack_ms))}
    return fitted(reader.lang, "sms.acknowledged_several", values, {**_several(reader, said), **known(by=said[0].by)})


def gave_up_several(reader: Reader, said: Sequence[Said], code: str, told: Sequence[str]) -> str:
    """Return that nobody acknowledged any of several."""
    names = {**_several(reader, said[:2]), **known(told=", ".join(name for name in told if name))}
    values = {**_many(reader, said), "code": code, **known(more=len(said) - 2 if len(said) > 2 else 0)}
    return fitted(reader.lang, "sms.gave_up_several", values, names, ("told",))


def _many(reader: Reader, said: Sequence[Said]) -> dict[str, Any]:
    """Return how many, and since when the oldest."""
    starts = [one.begin_ms for one in said if one.begin_ms is not None]
    oldest = msgspec.structs.replace(said[0], begin_ms=min(starts, default=None))
    more = len(said) - len(said[:NAMED_MOST])
    return {"count": len(said), "since": since(reader, oldest), **known(more=more)}


# -- parts of sentences


def _alarm(reader: Reader, said: Said) -> dict[str, Any]:
    kind = "critical" if said.prio == "critical" and said.kind != TEST else said.kind
    word = catalogue.word(reader.lang, "priority", "critical").upper() if kind == "critical" else ""
    return {
        "number": said.number,
        "kind": word or catalogue.word(reader.lang, "alarm", said.kind),
        "what": how_much(reader.lang, said),
        "since": since(reader, said),
        **known(diagnosis=said.diagnosis, why=reason(reader.lang, said.why)),
    }


def _names(reader: Reader, said: Said, **others: str) -> dict[str, str]:
    return {"site": reader.site, "point": said.point or reader.box, **known(**others)}


def _several(reader: Reader, said: Sequence[Said]) -> dict[str, str]:
    places = ("first", "second", "third", "fourth")
    return {"site": reader.site, **{place: one.point for place, one in zip(places, said, strict=False)}}


def _seen(reader: Reader, said: Said, code: str) -> dict[str, Any]:
    """Return who acknowledged it and when; the code where nobody did."""
    if code:
        return {"code": code}
    if said.by or said.ack_ms is not None:
        return {"seen_at": local_time(reader, said.ack_ms) or ""}
    return {"done": catalogue.render(reader.lang, "sms.nothing", {})}


def _numbers(said: Sequence[Said]) -> str:
    """Return the numbers of some alarms, the first ones."""
    numbers = [str(one.number) for one in said]
    more = len(numbers) - NAMED_MOST
    return ", ".join(numbers[:NAMED_MOST]) + (f" (+{more})" if more > 0 else "")
