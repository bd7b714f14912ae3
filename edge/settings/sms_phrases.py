"""Parts of the texts to people: how much against what, why, since when, from when to when.

Numbers are written as people read them, instants by the clock of the site.
"""

from __future__ import annotations

import re
from datetime import date, datetime, tzinfo
from typing import Any, Final

import msgspec

from edge.core.limit import BELOW, ON_QUALITY
from edge.settings import catalogue
from edge.settings.event_text import figure, of_alarm
from edge.settings.sms_fit import short, sms_name

STATE_MOST: Final = 40
"""Letters of a state's word, and of the limit's id that stands for a condition."""
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


def known(**values: Any) -> dict[str, Any]:
    """Return what is known of these: neither None nor empty nor 0."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", 0)}


def how_much(lang: str, said: Said) -> str:
    """Return the value against its limit, or the word of a state; a condition is named by its limit."""
    if said.kind == TEST:
        return catalogue.render(lang, "sms.what_test", {})
    compared: dict[str, Any] = {
        "kind": said.kind, "u": said.u, **known(word=_state(lang, said.word), per=said.per),
        **({} if said.v is None else {"v": said.v}), **({} if said.at is None else {"at": said.at}),
        **({"or_equal": True} if said.or_equal else {}),
    }  # fmt: skip
    text = catalogue.render(lang, "sms.what", of_alarm(compared)).strip()
    if said.kind in ON_QUALITY and said.why:
        return reason(lang, said.why)
    return text or short(sms_name(said.limit), STATE_MOST)


def reason(lang: str, why: str) -> str:
    """Return why there is no value, without the advice that follows it on a screen.

    >>> reason("en", "no_answer"), reason("en", "")
    ('no answer from the device', '')
    """
    return re.split(r"[ \u00a0\u202f]?[:;,(]", catalogue.word(lang, "reason", why), maxsplit=1)[0] if why else ""


def _state(lang: str, word: str) -> str:
    """Return a state's word; the settings bound neither what it says nor how long it is."""
    return short(sms_name(catalogue.word(lang, "word", word)), STATE_MOST) if word else ""


def stands(lang: str, said: Said) -> str:
    """Return where an ended alarm's value stands now."""
    if said.kind in ON_QUALITY:
        return catalogue.render(lang, "sms.back_reading", known(u=said.u) | _shown("v", said.v))
    if said.word or said.at is None or said.kind in {TEST, "expression", "never_zero"}:
        return catalogue.render(lang, "sms.back", known(word=_state(lang, said.word)))
    key = "sms.back_above" if said.kind in BELOW else "sms.back_below"
    return catalogue.render(lang, key, {"u": said.u, "at": said.at, **_shown("v", said.v, said.at)})


def _shown(name: str, value: float | None, beside: float | None = None) -> dict[str, Any]:
    return {} if value is None else {name: figure(value, beside)}


def since(reader: Reader, said: Said) -> str:
    """Return "since Fri 20 Nov 16:05"; without a clock for how long."""
    if said.begin_ms is not None:
        return catalogue.render(reader.lang, "sms.since", {"when": when(reader, said.begin_ms)})
    return lasting(reader, said)


def lasting(reader: Reader, said: Said) -> str:
    """Return "for 47 min"."""
    return catalogue.render(reader.lang, "sms.since_for", {"for_ms": said.for_ms or 0})


def when(reader: Reader, utc_ms: int) -> str:
    """Return a local day and time such as "Fri 20 Nov 16:05", in French "ven 20/11 16:05"."""
    return f"{local_day(reader, utc_ms)} {local_time(reader, utc_ms)}"


def local_day(reader: Reader, utc_ms: int) -> str:
    """Return the local day of an instant, as `day_words` does."""
    return day_words(reader.lang, datetime.fromtimestamp(utc_ms / 1000, reader.zone).date())


def day_words(lang: str, day: date) -> str:
    """Return "Fri 20 Nov", in French "ven 20/11"."""
    values = {
        "weekday": catalogue.word(lang, "calendar", "days").split()[day.weekday()].rstrip("."),
        "month": catalogue.word(lang, "sms", "months").split()[day.month - 1],
        "d": day.day,
    }
    return catalogue.render(lang, "sms.day", values)


def local_time(reader: Reader, utc_ms: int | None) -> str | None:
    """Return a local time such as "16:05"."""
    return None if utc_ms is None else f"{datetime.fromtimestamp(utc_ms / 1000, reader.zone):%H:%M}"


def span(reader: Reader, begin_ms: int | None, end_ms: int | None, for_ms: int | None, *, is_over: bool = True) -> str:
    """Return "16:05-16:52 (47 min)"; over midnight with the days, without a clock how long alone."""
    if begin_ms is None or end_ms is None:
        return catalogue.duration(reader.lang, for_ms) if for_ms is not None else "--:--"
    one, other = local_time(reader, begin_ms), local_time(reader, end_ms)
    if local_day(reader, begin_ms) != local_day(reader, end_ms):
        one, other = when(reader, begin_ms), when(reader, end_ms)
    lasted = f" ({catalogue.duration(reader.lang, end_ms - begin_ms)})" if is_over else ""
    return f"{one}{lasted}" if one == other else f"{one}-{other}{lasted}"
