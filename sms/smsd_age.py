"""How old the daemon's heartbeat is, and how long a message waits, by a clock that nobody sets.

The stamps in the database are wall time. A box without a clock of its own gets the time minutes after it started: a
heartbeat of before would be a year old at once, and the modem be reset for nothing. So a stamp's age is read off the
wall clock only when it is first seen, and grows with the monotonic clock from there.
"""

from __future__ import annotations

from collections.abc import Callable

from sms.mailbox import URGENT
from sms.smsd_inbox import utc_s

AHEAD_S = 10
"""The daemon writes its heartbeat that far ahead."""


class Ages:
    """Since when things stand as they do."""

    def __init__(self, monotonic: Callable[[], float], wall: Callable[[], float]) -> None:
        self._monotonic, self._wall = monotonic, wall
        self._beat = ""
        self._beat_since_s: float | None = None
        self._rows: dict[int, float] = {}

    def heartbeat(self, stamp: str) -> float:
        """Return how old a heartbeat is, in s."""
        now_s = self._monotonic()
        if self._beat_since_s is None:
            written = utc_s(stamp)
            self._beat_since_s = now_s - (0.0 if written is None else max(self._wall() - written + AHEAD_S, 0.0))
        elif stamp != self._beat:
            self._beat_since_s = now_s
        self._beat = stamp
        return now_s - self._beat_since_s

    def begin(self, row: int) -> None:
        """Take note that a row begins to wait now."""
        self._rows[row] = self._monotonic()

    def waiting(self, rows: list[tuple[int, str, int]]) -> tuple[float, float]:
        """Return how long the oldest of the waiting rows (id, stamp, priority) waits, and the oldest urgent one.

        In s; 0 when none does.
        """
        now_s = self._monotonic()
        self._rows = {row: self._since(row, stamp, now_s) for row, stamp, _ in rows}
        urgent = [self._rows[row] for row, _, priority in rows if priority >= URGENT]
        return now_s - min(self._rows.values(), default=now_s), now_s - min(urgent, default=now_s)

    def _since(self, row: int, stamp: str, now_s: float) -> float:
        if row in self._rows:
            return self._rows[row]
        written = utc_s(stamp)
        return now_s - (0.0 if written is None else max(self._wall() - written, 0.0))
