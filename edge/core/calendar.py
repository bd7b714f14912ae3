"""Where periods begin and end: on multiples of their length, and from a quarter of an hour on, within local days.

Up to 15 minutes a period begins on a multiple of its length in UTC, which is one in local time too: the offsets of all
zones are multiples of a quarter of an hour. Longer ones are counted from the local midnight, so that the day of a clock
change has 23 or 25 hourly records and one daily record; the last one of a day ends with the day.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

QUARTER_MS: Final = 900_000
DAY_MS: Final = 86_400_000


def local_midnight_ms(utc_ms: int, zone: tzinfo) -> int:
    """Return the UTC ms at which the local day of this instant began.

    >>> local_midnight_ms(1_795_166_000_000, UTC)
    1795132800000
    """
    local = datetime.fromtimestamp(utc_ms / 1000, zone)
    return round(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp() * 1000)


def next_local_midnight_ms(utc_ms: int, zone: tzinfo) -> int:
    """Return the UTC ms at which the local day after this instant's day begins: 23, 24 or 25 h after its start."""
    local = datetime.fromtimestamp(utc_ms / 1000, zone)
    tomorrow = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=1)
    return round(tomorrow.timestamp() * 1000)


def period_end_ms(utc_ms: int, length_ms: int, zone: tzinfo = UTC) -> int:
    """Return the end (UTC ms, exclusive) of the period of `length_ms` that holds this instant.

    >>> period_end_ms(1_795_166_007_500, 60_000)
    1795166040000
    """
    if length_ms <= QUARTER_MS:
        return utc_ms - utc_ms % length_ms + length_ms
    day_end_ms = next_local_midnight_ms(utc_ms, zone)
    if length_ms >= DAY_MS:
        return day_end_ms
    in_period_ms = (utc_ms - local_midnight_ms(utc_ms, zone)) % length_ms
    return min(utc_ms - in_period_ms + length_ms, day_end_ms)
