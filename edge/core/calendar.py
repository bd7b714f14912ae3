"""Where periods begin and end: on multiples of their length, and from an hour on, on local days.

Up to one hour a period begins on a multiple of its length in UTC, which is also one in local time. Longer ones follow the
site's local day, so that the day of a clock change has 23 or 25 hourly records and one daily record.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

HOUR_MS: Final = 3_600_000
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
    if length_ms <= HOUR_MS:
        return utc_ms - utc_ms % length_ms + length_ms
    midnight = local_midnight_ms(utc_ms, zone)
    if length_ms >= DAY_MS:
        return next_local_midnight_ms(utc_ms, zone)
    in_day = utc_ms - midnight
    return min(midnight + in_day - in_day % length_ms + length_ms, next_local_midnight_ms(utc_ms, zone))
