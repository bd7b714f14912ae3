"""Weekly hours, as a contract states its off-peak times: "22:30-06:30", "sat,sun 00:00-24:00", "mon-fri 12:00-14:00".

Local wall-clock time. A span that ends before it begins goes over midnight and belongs to the day on which it begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeAlias

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN: Final = 1440
WEEK_MIN: Final = 7 * DAY_MIN

Hours: TypeAlias = tuple[tuple[int, int], ...]
"""Spans [begin, end[ in minutes from Monday 00:00, each within the week."""

_SPAN: Final = re.compile(r"(?:([a-z,-]+) +)?(\d\d):(\d\d)-(\d\d):(\d\d)")


def hours_of(texts: Iterable[str]) -> Hours:
    """Return the spans that these texts mean. Raises ValueError, whose text is the one that means nothing.

    >>> hours_of(["sun 22:00-06:00"])
    ((0, 360), (9960, 10080))
    """
    found: list[tuple[int, int]] = []
    for text in texts:
        match = _SPAN.fullmatch(text.strip().lower())
        if match is None:
            raise ValueError(text)
        words, *clock = match.groups()
        begin_h, begin_min, end_h, end_min = map(int, clock)
        begin, end = begin_h * 60 + begin_min, end_h * 60 + end_min
        if max(begin_min, end_min) > 59 or begin >= DAY_MIN or end > DAY_MIN or begin == end:
            raise ValueError(text)
        for day in _days(words, text):
            first = day * DAY_MIN + begin
            last = day * DAY_MIN + end + (DAY_MIN if end < begin else 0)
            found.append((first, min(last, WEEK_MIN)))
            if last > WEEK_MIN:
                found.append((0, last - WEEK_MIN))
    return tuple(sorted(found))


def _days(words: str | None, text: str) -> list[int]:
    if words is None:
        return list(range(7))
    found: set[int] = set()
    for word in words.split(","):
        first, dash, last = word.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(text)
        begin = DAYS.index(first)
        end = DAYS.index(last) if dash else begin
        found.update((begin + offset) % 7 for offset in range((end - begin) % 7 + 1))
    return sorted(found)


def overlapping(one: Hours, other: Hours) -> bool:
    """Return whether some minute of the week lies in both."""
    return any(begin < other_end and other_begin < end for begin, end in one for other_begin, other_end in other)


def holds(hours: Hours, local: datetime) -> bool:
    """Return whether this local time lies in one of the spans."""
    minute = local.weekday() * DAY_MIN + local.hour * 60 + local.minute
    return any(begin <= minute < end for begin, end in hours)
