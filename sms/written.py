"""Numbers, lengths of time, days and instants as people write them in a text message: English and French alike."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

DURATION_MOST_S: Final = 366 * 86_400
_QUANTITY: Final = re.compile(r"([+-]?\d{1,15}(?:[.,]\d{1,9})?)\s*([^\s\d.,+-]\S*)?", re.ASCII)
_GROUPS: Final = re.compile(r"(?<=\d)[ \u00a0\u202f](?=\d{3}(?!\d))", re.ASCII)
_LENGTH: Final = re.compile(
    r"(\d{1,6}(?:[.,]\d{1,3})?)\s*(sec|s|minutes?|min|mn|m|heures?|hours?|h|days?|d|jours?|j)?(?![a-z])"
)
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "j": 86_400}
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_WRITTEN: Final = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})", re.ASCII)
_TIME: Final = re.compile(r"(\d{1,2})(?:[:hH](\d{2})(?::(\d{2}))?|[hH])", re.ASCII)


def quantity_of(text: str) -> tuple[str, str] | None:
    """Return a number with a point and what stands behind it as a unit, None for no number.

    >>> quantity_of("482,1 m3"), quantity_of("14 253.7"), quantity_of("-5C"), quantity_of("1.2.3"), quantity_of("")
    (('482.1', 'm3'), ('14253.7', ''), ('-5', 'C'), None, None)
    """
    found = _QUANTITY.fullmatch(_GROUPS.sub("", text.strip()))
    return None if found is None else (found[1].replace(",", "."), found[2] or "")


def duration_s(text: str) -> float | None:
    """Return a length of time in s, None for none: it must have a unit.

    >>> duration_s("30min"), duration_s("1 h 30"), duration_s("2 j"), duration_s("1,5h"), duration_s("30")
    (1800.0, 5400.0, 172800.0, 5400.0, None)
    """
    total, at, last = 0.0, 0, 0
    plain = text.strip().lower()
    while at < len(plain):
        found = _LENGTH.match(plain, at)
        if found is None:
            return None
        unit_s = _UNIT_S[found[2][0]] if found[2] else 60 if last == 3600 else 0
        if not unit_s or (last and unit_s >= last):
            return None
        total += float(found[1].replace(",", ".")) * unit_s
        at, last = found.end(), unit_s
        while at < len(plain) and plain[at] == " ":
            at += 1
    return total if 0 < total <= DURATION_MOST_S else None


def day_of(text: str) -> str | None:
    """Return a day as 2027-02-01, None for none; of 01/02/2027 the day stands first, as all of Europe writes it.

    >>> day_of("01/02/2027"), day_of("2027-2-1"), day_of("1-2-27"), day_of("31/02/2027"), day_of("1/2")
    ('2027-02-01', '2027-02-01', '2027-02-01', None, None)
    """
    if found := _ISO.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _WRITTEN.fullmatch(text):
        day, month, year = int(found[1]), int(found[3]), int(found[4])
        year += 2000 if len(found[4]) == 2 else 0
    else:
        return None
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def time_of(text: str) -> str | None:
    """Return a time of day as 16:20, None for none.

    >>> time_of("16h20"), time_of("7:05"), time_of("18h"), time_of("24:00"), time_of("18")
    ('16:20', '07:05', '18:00', None, None)
    """
    found = _TIME.fullmatch(text)
    if found is None or int(found[1]) > 23 or int(found[2] or 0) > 59 or int(found[3] or 0) > 59:
        return None
    return f"{int(found[1]):02}:{found[2] or '00'}" + (f":{found[3]}" if found[3] else "")


def moment_of(text: str) -> str | None:
    """Return a day with its time as 2026-11-21 16:20, None for none.

    >>> moment_of("21/11/2026 16h20"), moment_of("2026-11-21T16:20:05"), moment_of("16:20")
    ('2026-11-21 16:20', '2026-11-21 16:20:05', None)
    """
    parts = text.replace("T", " ").replace(",", " ").split()
    if len(parts) == 3 and parts[1] in {"a", "à", "at"}:
        del parts[1]
    if len(parts) != 2:
        return None
    day, time = day_of(parts[0]), time_of(parts[1])
    return None if day is None or time is None else f"{day} {time}"
