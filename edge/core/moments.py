"""Instants as people write them on a command line: 2026-11-20, 2026-11-20T10:00, -24h, yesterday, today, now.

Without an offset a time is the site's own. A day, a month or a year stands for all of it: as the start of a range it is
its first instant, as the end of one its last, so that "from 2026-11-01 to 2026-11-30" is November.
What surprises: on the day that clocks go back a time may happen twice; then the range is the wider one, and that is
said. A time that clocks skip stands for the instant at which they skip it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from edge.core.text import Text

_AGO: Final = re.compile(r"-(\d{1,6})\s*(s|min|m|h|d|j|w)", re.ASCII)
_UNIT_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "j": 86_400, "w": 604_800}
_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2})(?::(\d{2})(?::(\d{2})(?:[.,](\d{1,3}))?)?)?\s?(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_DAYS_BACK: Final = {"today": 0, "aujourd'hui": 0, "aujourdhui": 0, "yesterday": 1, "hier": 1}
_WEEKDAYS: Final = {
    word: place
    for place, words in enumerate(
        ("monday lundi", "tuesday mardi", "wednesday mercredi", "thursday jeudi", "friday vendredi", "saturday samedi",
         "sunday dimanche")
    )
    for word in words.split()
}  # fmt: skip
_NAMED_DAY: Final = re.compile(r"(?:(last)\s+)?([a-z']+)(?:\s+(\d{1,2})[:h](\d{2})?)?", re.ASCII)
_LATEST_YEAR: Final = 2199


class MomentError(ValueError):
    """What was written is no instant; `text` says what is expected."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.key)
        self.text = text


class Span(msgspec.Struct, frozen=True):
    """What a person's words stand for: [start_ms, end_ms] in UTC ms, one instant where both are equal.

    `note` is what the person should know about how it was understood.
    """

    start_ms: int
    end_ms: int
    note: Text | None = None


def span(words: str, now_ms: int, zone: tzinfo) -> Span:
    """Return what these words stand for at UTC `now_ms`. Raises MomentError.

    >>> span("2026-11-20T10:00", 0, UTC), span("-24h", 86_400_000, UTC)
    (Span(start_ms=1795168800000, end_ms=1795168800000, note=None), Span(start_ms=0, end_ms=0, note=None))
    """
    plain = words.strip()
    word = plain.lower()
    if word == "now":
        return Span(now_ms, now_ms)
    if named := _NAMED_DAY.fullmatch(word):
        return _named_day(words, named, now_ms, zone)
    if ago := _AGO.fullmatch(word):
        at_ms = max(0, now_ms - int(ago[1]) * _UNIT_S[ago[2]] * 1000)
        return Span(at_ms, at_ms)
    if date := _DATE.fullmatch(plain):
        return _dates(words, [int(part) for part in date.groups() if part is not None], zone)
    if time := _TIME.fullmatch(plain):
        return _time(words, time, zone)
    raise MomentError(Text("when.unknown", {"words": words}))


def _named_day(words: str, found: re.Match[str], now_ms: int, zone: tzinfo) -> Span:
    """Return today, yesterday or the newest Tuesday, or a time of it; "last Tuesday" is never today."""
    last, name, hour, minute = found.groups()
    today = datetime.fromtimestamp(now_ms / 1000, zone).replace(tzinfo=None)
    today = today.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if name in _DAYS_BACK and not last:
        back = _DAYS_BACK[name]
    elif name in _WEEKDAYS:
        back = (today.weekday() - _WEEKDAYS[name]) % 7
        if last and not back:
            back = 7
    else:
        raise MomentError(Text("when.unknown", {"words": words}))
    day = today - timedelta(days=back)
    if hour is None:
        return _calendar(day, day + timedelta(days=1), zone)
    meant = _time_of(words, day, hour, minute, zone)
    if name in _WEEKDAYS and not back and meant.start_ms > now_ms:  # the newest one that has been
        meant = _time_of(words, day - timedelta(days=7), hour, minute, zone)
    return meant


def _time_of(words: str, day: datetime, hour: str, minute: str | None, zone: tzinfo) -> Span:
    found = _TIME.fullmatch(f"{day:%Y-%m-%d} {hour:0>2}:{minute or '00'}")
    if found is None:
        raise MomentError(Text("when.no_such_time", {"words": words}))
    return _time(words, found, zone)


def _dates(words: str, parts: list[int], zone: tzinfo) -> Span:
    try:
        year, month, day = [*parts, 1, 1][:3]
        first = datetime(year, month, day)  # noqa: DTZ001 - its zone comes with _calendar
        if len(parts) == 1:
            after = first.replace(year=first.year + 1)
        elif len(parts) == 2:
            after = (first + timedelta(days=31)).replace(day=1)
        else:
            after = first + timedelta(days=1)
    except (ValueError, OverflowError) as exc:
        raise MomentError(Text("when.no_such_day", {"words": words})) from exc
    _check_year(words, first)
    return _calendar(first, after, zone)


def _time(words: str, found: re.Match[str], zone: tzinfo) -> Span:
    day, hour, minute, second, fraction, offset = found.groups()
    ms = (fraction or "0").ljust(3, "0")
    shift = "" if offset is None else "+00:00" if offset == "Z" else f"{offset[:3]}:{offset[-2:]}"
    try:
        at = datetime.fromisoformat(f"{day}T{hour}:{minute or '00'}:{second or '00'}.{ms}{shift}")
    except ValueError as exc:
        raise MomentError(Text("when.no_such_time", {"words": words})) from exc
    _check_year(words, at)
    if at.tzinfo is not None:
        return Span(_ms(at), _ms(at))
    first, last = _ms(at.replace(tzinfo=zone, fold=0)), _ms(at.replace(tzinfo=zone, fold=1))
    if first == last:
        return Span(first, last)
    if first < last:  # clocks go back: it happens twice
        note = Text("when.twice", {"words": words, "first": _clock(first, zone), "last": _clock(last, zone)})
        return Span(first, last, note)
    jump_ms = _jump_ms(last, first, zone)
    return Span(jump_ms, jump_ms, Text("when.skipped", {"words": words, "taken": _clock(jump_ms, zone)}))


def _check_year(words: str, at: datetime) -> None:
    if not 1970 <= at.year <= _LATEST_YEAR:
        raise MomentError(Text("when.no_such_day", {"words": words}))


def _calendar(first: datetime, after: datetime, zone: tzinfo) -> Span:
    """Return a local day, month or year; a midnight that clocks skip is where they skip it."""
    return Span(local_ms(first, zone), local_ms(after, zone))


def local_ms(at: datetime, zone: tzinfo) -> int:
    """Return the UTC ms of a local time without zone: the first where it happens twice, the jump where it is skipped.

    >>> local_ms(datetime(2026, 11, 20, 10, 0), UTC)
    1795168800000
    """
    first, last = _ms(at.replace(tzinfo=zone, fold=0)), _ms(at.replace(tzinfo=zone, fold=1))
    return first if first <= last else _jump_ms(last, first, zone)


def _jump_ms(before_ms: int, after_ms: int, zone: tzinfo) -> int:
    """Return the instant in ]before, after] at which the zone's offset changes, by halving."""
    old = datetime.fromtimestamp(before_ms / 1000, zone).utcoffset()
    while after_ms - before_ms > 1:
        middle_ms = (before_ms + after_ms) // 2
        if datetime.fromtimestamp(middle_ms / 1000, zone).utcoffset() == old:
            before_ms = middle_ms
        else:
            after_ms = middle_ms
    return after_ms


def _ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _clock(utc_ms: int, zone: tzinfo) -> str:
    """Return a local instant with its offset, as it can be written on the command line."""
    return datetime.fromtimestamp(utc_ms // 1000, zone).isoformat(timespec="minutes")
