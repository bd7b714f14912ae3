"""When values are sent: once a period of the plan, at an instant that spreads the boxes of a gateway over it.

300 boxes that all send at midnight would keep one modem busy for ten minutes; spread by their ids they never wait.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

PERIODS_S: Final = {"hourly": 3600, "6-hourly": 21_600, "daily": 86_400}
SETTLE_S: Final = 180
"""After the end of an interval: its last records are made, committed and in history by then."""


class Plan:
    """The instants (UTC s) at which a box sends."""

    def __init__(self, plan: str, step_s: int, box: str) -> None:
        self.period_s = max(PERIODS_S[plan], step_s)
        self.offset_s = SETTLE_S + crc32(box.encode()) % (self.period_s - SETTLE_S)

    def last_due_s(self, utc_s: float) -> int:
        """Return the newest instant at or before this one at which the box sends.

        >>> Plan("hourly", 3600, "b0042").last_due_s(7200 * 10) % 3600 == Plan("hourly", 3600, "b0042").offset_s
        True
        """
        return int((utc_s - self.offset_s) // self.period_s) * self.period_s + self.offset_s

    def next_due_s(self, utc_s: float) -> int:
        """Return the first instant after this one at which the box sends."""
        return self.last_due_s(utc_s) + self.period_s
