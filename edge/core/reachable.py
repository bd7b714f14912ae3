"""Who is told, of what, on which days and at which hours; what is critical is told at any time."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

import msgspec

from edge.core.notify_gate import RANK, Priority
from edge.core.types import NEVER

CRITICAL: Final = RANK[-1]
EVERY_DAY: Final = frozenset(range(7))
DAY_MIN: Final = 1440


class RecipientSpec(msgspec.Struct, frozen=True):
    """Somebody who is texted."""

    id: str
    alarms: bool = True
    least: Priority = "medium"
    after_ms: int = 0
    """Told only when nobody acknowledged for so long."""
    days: frozenset[int] = EVERY_DAY
    """Weekdays, 0 is Monday, on which their hours begin."""
    hours: tuple[int, int] | None = None
    """Minutes of the local day from and to which they are told; over midnight where the second is not greater."""
    daily: bool = False
    life: bool = False

    def hears(self, priority: str) -> bool:
        """Return whether alarms of this priority are told to them at all."""
        return self.alarms and RANK.index(priority) >= RANK.index(self.least)

    def open_ms(self, utc_ms: int | None, zone: tzinfo, priority: str = "") -> float:
        """Return in how many ms they may be told: 0 now, NEVER on no day.

        Without a clock (None) now: better heard than lost.
        """
        if utc_ms is None or priority == CRITICAL or (self.hours is None and self.days == EVERY_DAY):
            return 0
        begin_min, end_min = self.hours or (0, DAY_MIN)
        end_min += DAY_MIN if end_min <= begin_min else 0
        midnight = datetime.fromtimestamp(utc_ms / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
        for ahead in range(-1, 9):
            day = midnight.replace(tzinfo=None) + timedelta(days=ahead)
            if day.weekday() not in self.days:
                continue
            begin, end = (_utc_ms(day + timedelta(minutes=minutes), zone) for minutes in (begin_min, end_min))
            if utc_ms < end:
                return max(0, begin - utc_ms)
        return NEVER


def _utc_ms(local: datetime, zone: tzinfo) -> int:
    """Return the UTC ms of a local time; one that the clocks skip in spring is that of the hour before it."""
    return round(local.replace(tzinfo=zone).timestamp() * 1000)
