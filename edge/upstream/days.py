"""Local days as UTC milliseconds, so that a view can group by day without knowing time zones."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; UTC for one that this machine doesn't know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


APART_MS: Final = 32 * 86_400_000


def spans(times_ms: Collection[int]) -> Iterator[tuple[int, int]]:
    """Return (first, last) of instants that lie no more than a month apart, so that two wrong ones span no ages.

    >>> list(spans([5, 3, 3_000_000_000, 3_000_000_007]))
    [(3, 5), (3000000000, 3000000007)]
    """
    first, end = min(times_ms), max(times_ms)
    if end - first > APART_MS:
        for before, after in pairwise(sorted(times_ms)):
            if after - before > APART_MS:
                yield first, before
                first = after
    yield first, end


def local_days(tz: ZoneInfo, from_ms: int, to_ms: int) -> Iterator[tuple[str, int, int]]:
    """Return (day, start, end) in UTC ms for each local day that touches from_ms..to_ms.

    >>> [(day, (end - start) // 3_600_000) for day, start, end in local_days(ZoneInfo("Europe/Paris"),
    ...     1_792_800_000_000, 1_792_940_000_000)]
    [('2026-10-24', 24), ('2026-10-25', 25)]
    """
    day = datetime.fromtimestamp(from_ms / 1000, UTC).astimezone(tz).date()
    while True:
        start_ms, end_ms = midnight_ms(tz, day), midnight_ms(tz, day + timedelta(days=1))
        if start_ms > to_ms:
            return
        yield day.isoformat(), start_ms, end_ms
        day += timedelta(days=1)


def midnight_ms(tz: ZoneInfo, day: date) -> int:
    """Return the UTC ms at which a local day begins."""
    return round(datetime.combine(day, time(), tz).timestamp() * 1000)
