"""Public holidays by rule: the eleven of metropolitan France (Code du travail, L3133-1). Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Final

_FIXED: Final = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
_AFTER_EASTER: Final = (1, 39, 50)
"""Easter Monday, Ascension, Whit Monday."""


def easter(year: int) -> date:
    """Return Easter Sunday of a Gregorian year: Meeus, Astronomical Algorithms, chapter 8.

    >>> easter(2026), easter(2027)
    (datetime.date(2026, 4, 5), datetime.date(2027, 3, 28))
    """
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    big = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * big) // 451
    month, day = divmod(h + big - 7 * m + 114, 31)
    return date(year, month, day + 1)


@cache
def french(year: int) -> frozenset[date]:
    """Return the holidays of a year.

    >>> sorted(french(2026))[:3]
    [datetime.date(2026, 1, 1), datetime.date(2026, 4, 6), datetime.date(2026, 5, 1)]
    """
    moving = (easter(year) + timedelta(days=days) for days in _AFTER_EASTER)
    return frozenset((*(date(year, month, day) for month, day in _FIXED), *moving))


CALENDARS: Final[dict[str, Callable[[int], frozenset[date]]]] = {"fr": french}
"""By the name that a site's file gives."""
