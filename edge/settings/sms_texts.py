"""The texts of alarms to people, each one message: what, where, how much, since when, what to do, in this order.

One function a text, from plain values; the sentences are `sms.*` of the text catalogue. `edge.settings.sms_fit` makes
them fit: names give way, a value, a limit, a time or a code never.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

import msgspec

from edge.core.limit import BELOW, ON_QUALITY
from edge.settings import catalogue
from edge.settings.event_text import of_alarm
from edge.settings.sms_fit import fitted, short, sms_name

DIGITS: Final = 4
"""Of a value that people read; more where it would look like its limit."""
NAMED_MOST: Final = 4
"""Points that a text of several alarms names."""
STATE_MOST: Final = 40
"""Letters of a state's word."""
MAINS: Final = "mains_lost"
TEST: Final = "test"


class Reader(msgspec.Struct, frozen=True):
    """Who reads: in which language and zone, and which site the box watches."""

    lang: str
    zone: tzinfo
    site: str
    box: str = ""


class Said(msgspec.Struct, frozen=True):
    """One alarm as it stands. Instants are UTC in ms, None where no clock vouched for them."""

    number: int
    kind: str
    point: str
    """Its name in the reader's language."""
    prio: str = "medium"
    limit: str = ""
    v: float | None = None
    u: str = ""
    at: float | None = None
    or_equal: bool = False
    word: str = ""
    why: str = ""
    diagnosis: str = ""
    per: str = ""
    begin_ms: int | None = None
    end_ms: int | None = None
    for_ms: int | None = None
    """How long it has lasted."""
    peak: float | None = None
    peak_ms: int | None = None
    last: float | None = None
    """Of a fault, the last reading."""
    ack_ms: int | None = None
    by: str = ""
    begins: int = 1


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
    values = {**_alarm(reader, said), "code": code, **_known(last=_figure(said.last), u=said.u)}
    return fitted(reader.lang, "sms.fault", values, _names(reader, said), ("last",))


def mains(reader: Reader, said: Said, code: str, runs_min: int | None = None) -> str:
    """Return S11, the mains are lost; `runs_min`: how long the box goes on by itself, where that is known."""
    word = catalogue.word(reader.lang, "diagnosis", MAINS)
    values = {**_alarm(reader, said), "code": code, "lost": word[:1].upper() + word[1:], **_known(runs_min=runs_min)}
    return fitted(reader.lang, "sms.mains", values, {"site": reader.site}, ("runs_min",))


def end(reader: Reader, said: Said, code: str = "") -> str:
    """Return S2, the end of an alarm; with a code it still waits for its acknowledgement."""
    values = {**_alarm(reader, said), "span": _span(reader, said.begin_ms, said.end_ms, said.for_ms)}
    values["now"] = _now(reader.lang, said)
    if said.peak is not None and not said.word:
        extreme = "low" if said.kind in BELOW else "high"
        peak = {"peak": _figure(said.peak), "u": said.u, **_known(time=_time(reader, said.peak_ms))}
        values["extreme"] = catalogue.render(reader.lang, f"sms.peak_{extreme}", peak)
    return fitted(reader.lang, "sms.end", {**values, **_seen(reader, said, code)}, _names(reader, said, by=said.by),
                  ("extreme", "by"))  # fmt: skip


def reminder(
    reader: Reader, said: Said, code: str, n: int, of: int, following: str = "", next_ms: int | None = None
) -> str:
    """Return S14, again, with who is called next and when where somebody is."""
    values = {**_alarm(reader, said), "code": code, "n": n, "of": of, **_known(next_at=_time(reader, next_ms))}
    names = _names(reader, said, following=following if next_ms is not None else "")
    return fitted(reader.lang, "sms.reminder", values, names, ("next_at",))


def chattering(reader: Reader, said: Said, code: str) -> str:
    """Return that an alarm comes and goes by itself, how often so far."""
    values = {**_alarm(reader, said), "code": code, "begins": said.begins}
    return fitted(reader.lang, "sms.chattering", values, _names(reader, said))


def acknowledged(reader: Reader, said: Said) -> str:
    """Return to who was told that somebody else has taken it."""
    values = {**_alarm(reader, said), **_known(seen_at=_time(reader, said.ack_ms))}
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
        "span": _span(reader, min(starts, default=None), max(starts, default=None), None, is_over=False),
        **_known(more=more, ended=_numbers(ended)),
    }  # fmt: skip
    return fitted(reader.lang, "sms.merged", values, _several(reader, begun), ("ended",))


def _ended(reader: Reader, ended: Sequence[Said], code: str, count: int | None) -> str:
    if not ended:
        raise ValueError("a text of several alarms needs one")
    starts = [one.begin_ms for one in ended if one.begin_ms is not None]
    ends = [one.end_ms for one in ended if one.end_ms is not None]
    values: dict[str, Any] = {
        "count": count or len(ended), "span": _span(reader, min(starts, default=None), max(ends, default=None), None),
        **_known(more=(count or len(ended)) - len(ended[:NAMED_MOST]), code=code),
        **({} if code else {"done": catalogue.render(reader.lang, "sms.nothing", {})}),
    }  # fmt: skip
    return fitted(reader.lang, "sms.ended", values, _several(reader, ended))


def reminders(
    reader: Reader, waiting: Sequence[Said], code: str, n: int, of: int, following: str = "",
    next_ms: int | None = None,
) -> str:  # fmt: skip
    """Return S14 of several alarms."""
    more = max(0, len(waiting) - 2)
    values = {"n": n, "of": of, "code": code, **_many(reader, waiting), "more": more, "next_at": _time(reader, next_ms)}
    values = {name: value for name, value in values.items() if value not in {None, 0}}
    names = {**_several(reader, waiting[:2]), **_known(following=following if next_ms is not None else "")}
    return fitted(reader.lang, "sms.reminders", values, names, ("next_at",))


def acknowledged_several(reader: Reader, said: Sequence[Said]) -> str:
    """Return to who was told of several that somebody else has them."""
    values = {**_many(reader, said), **_known(seen_at=_time(reader, said[0].ack_ms))}
    return fitted(reader.lang, "sms.acknowledged_several", values, {**_several(reader, said), **_known(by=said[0].by)})


def gave_up_several(reader: Reader, said: Sequence[Said], code: str, told: Sequence[str]) -> str:
    """Return that nobody acknowledged any of several."""
    names = {**_several(reader, said[:2]), **_known(told=", ".join(name for name in told if name))}
    values = {**_many(reader, said), "code": code, **_known(more=len(said) - 2 if len(said) > 2 else 0)}
    return fitted(reader.lang, "sms.gave_up_several", values, names, ("told",))


def _many(reader: Reader, said: Sequence[Said]) -> dict[str, Any]:
    """Return how many, and since when the oldest."""
    starts = [one.begin_ms for one in said if one.begin_ms is not None]
    oldest = msgspec.structs.replace(said[0], begin_ms=min(starts, default=None))
    more = len(said) - len(said[:NAMED_MOST])
    return {"count": len(said), "since": _since(reader, oldest), **_known(more=more)}


# -- parts of sentences


def _alarm(reader: Reader, said: Said) -> dict[str, Any]:
    kind = "critical" if said.prio == "critical" and said.kind != TEST else said.kind
    word = catalogue.word(reader.lang, "priority", "critical").upper() if kind == "critical" else ""
    return {
        "number": said.number,
        "kind": word or catalogue.word(reader.lang, "alarm", said.kind),
        "what": how_much(reader.lang, said),
        "since": _since(reader, said),
        **_known(diagnosis=said.diagnosis, why=reason(reader.lang, said.why)),
    }


def _names(reader: Reader, said: Said, **others: str) -> dict[str, str]:
    return {"site": reader.site, "point": said.point or reader.box, **_known(**others)}


def _several(reader: Reader, said: Sequence[Said]) -> dict[str, str]:
    places = ("first", "second", "third", "fourth")
    return {"site": reader.site, **{place: one.point for place, one in zip(places, said, strict=False)}}


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value not in ("", 0)}


def how_much(lang: str, said: Said) -> str:
    """Return the value against its limit, or the word of a state; a condition is named by its limit."""
    if said.kind == TEST:
        return catalogue.render(lang, "sms.what_test", {})
    compared: dict[str, Any] = {
        "kind": said.kind, "u": said.u, **_known(word=_state(lang, said.word), per=said.per),
        **({} if said.v is None else {"v": _figure(said.v, said.at)}), **({} if said.at is None else {"at": said.at}),
        **({"or_equal": True} if said.or_equal else {}),
    }  # fmt: skip
    text = catalogue.render(lang, "sms.what", of_alarm(compared)).strip()
    if said.kind in ON_QUALITY and said.why:
        return reason(lang, said.why)
    return text or said.limit


def reason(lang: str, why: str) -> str:
    """Return why there is no value, without the advice that follows it on a screen.

    >>> reason("en", "no_answer"), reason("en", "")
    ('no answer from the device', '')
    """
    return re.split(r"[ \u00a0\u202f]?[:;,(]", catalogue.word(lang, "reason", why), maxsplit=1)[0] if why else ""


def _state(lang: str, word: str) -> str:
    """Return a state's word; the settings bound neither what it says nor how long it is."""
    return short(sms_name(catalogue.word(lang, "word", word)), STATE_MOST) if word else ""


def _figure(value: float | None, beside: float | None = None) -> float | None:
    """Return a value with so many digits as people need, and as many as keep it apart from its limit.

    >>> _figure(92.54321), _figure(12345.6), _figure(85.0004, 85.0), _figure(None)
    (92.54, 12346.0, 85.0004, None)
    """
    if value is None:
        return None
    value = float(value)
    for digits in range(DIGITS, 11):
        text = f"{value:.0f}" if 10**DIGITS <= abs(value) < 1e10 else f"{value:.{digits}g}"
        if beside is None or float(text) != beside or value == beside:
            return float(text)
        if 10**DIGITS <= abs(value) < 1e10:
            return float(f"{value:.10g}")
    return value


def _now(lang: str, said: Said) -> str:
    """Return where an ended alarm's value stands now."""
    if said.kind in ON_QUALITY:
        return catalogue.render(lang, "sms.back_reading", _known(u=said.u) | _shown("v", said.v))
    if said.word or said.at is None or said.kind in {TEST, "expression", "never_zero"}:
        return catalogue.render(lang, "sms.back", _known(word=_state(lang, said.word)))
    key = "sms.back_above" if said.kind in BELOW else "sms.back_below"
    return catalogue.render(lang, key, {"u": said.u, "at": said.at, **_shown("v", said.v, said.at)})


def _shown(name: str, value: float | None, beside: float | None = None) -> dict[str, Any]:
    return {} if value is None else {name: _figure(value, beside)}


def _seen(reader: Reader, said: Said, code: str) -> dict[str, Any]:
    """Return who acknowledged it and when; the code where nobody did."""
    if code:
        return {"code": code}
    if said.by or said.ack_ms is not None:
        return {"seen_at": _time(reader, said.ack_ms) or ""}
    return {"done": catalogue.render(reader.lang, "sms.nothing", {})}


def _since(reader: Reader, said: Said) -> str:
    if said.begin_ms is not None:
        return catalogue.render(reader.lang, "sms.since", {"when": when(reader, said.begin_ms)})
    return catalogue.render(reader.lang, "sms.since_for", {"for_ms": said.for_ms or 0})


def when(reader: Reader, utc_ms: int) -> str:
    """Return a local day and time such as "Fri 20 Nov 16:05", in French "ven 20/11 16:05"."""
    return f"{local_day(reader, utc_ms)} {_time(reader, utc_ms)}"


def local_day(reader: Reader, utc_ms: int) -> str:
    """Return "Fri 20 Nov", in French "ven 20/11"."""
    local = datetime.fromtimestamp(utc_ms / 1000, reader.zone)
    values = {
        "weekday": catalogue.word(reader.lang, "calendar", "days").split()[local.weekday()].rstrip("."),
        "month": catalogue.word(reader.lang, "sms", "months").split()[local.month - 1],
        "d": local.day,
    }
    return catalogue.render(reader.lang, "sms.day", values)


def _time(reader: Reader, utc_ms: int | None) -> str | None:
    return None if utc_ms is None else f"{datetime.fromtimestamp(utc_ms / 1000, reader.zone):%H:%M}"


def _span(reader: Reader, begin_ms: int | None, end_ms: int | None, for_ms: int | None, *, is_over: bool = True) -> str:
    """Return "16:05-16:52 (47 min)"; over midnight with the days, without a clock how long alone."""
    if begin_ms is None or end_ms is None:
        return catalogue.duration(reader.lang, for_ms) if for_ms is not None else "--:--"
    one, other = _time(reader, begin_ms), _time(reader, end_ms)
    if local_day(reader, begin_ms) != local_day(reader, end_ms):
        one, other = when(reader, begin_ms), when(reader, end_ms)
    lasted = f" ({catalogue.duration(reader.lang, end_ms - begin_ms)})" if is_over else ""
    return f"{one}{lasted}" if one == other else f"{one}-{other}{lasted}"


def _numbers(said: Sequence[Said]) -> str:
    """Return the numbers of some alarms, the first ones."""
    numbers = [str(one.number) for one in said]
    more = len(numbers) - NAMED_MOST
    return ", ".join(numbers[:NAMED_MOST]) + (f" (+{more})" if more > 0 else "")
