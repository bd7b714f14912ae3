"""The real clock: CLOCK_MONOTONIC for durations, and how far the system's UTC may be trusted.

systemd-timesyncd writes a flag when it has set the clock; a probe by adjtimex would fail under ProtectClock=yes.
Without such a word the time is only known to be later than a floor (the build, or the last time that was made
durable).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

SYNCHRONIZED: Final = Path("/run/systemd/timesync/synchronized")
TRUST_CHECK_NS: Final = 10_000_000_000
FLOOR_MS: Final = 1_790_000_000_000  # 2026-09-21: no box of this software is older


class SystemClock:
    """The Clock of a running box."""

    def __init__(
        self, boot: int, *, trust_system: bool = False, floor_ms: int = FLOOR_MS, flag: Path = SYNCHRONIZED
    ) -> None:
        self.boot = boot
        self._flag = flag
        self._trust_system = trust_system
        self._floor_ms = floor_ms
        self._trust = ""
        self._checked_ns = 0

    def monotonic_ns(self) -> int:
        """Return CLOCK_MONOTONIC in ns."""
        return time.monotonic_ns()

    def utc_ms(self) -> int:
        """Return the system's UTC in ms."""
        return time.time_ns() // 1_000_000

    def trust(self) -> str:
        """Return where the system's time comes from, looked up at most every 10 s."""
        now_ns = time.monotonic_ns()
        if not self._trust or now_ns - self._checked_ns > TRUST_CHECK_NS:
            self._checked_ns = now_ns
            self._trust = self._look()
        return self._trust

    def _look(self) -> str:
        if self._flag.exists():
            return "ntp"
        if self.utc_ms() < self._floor_ms:
            return "none"
        return "person" if self._trust_system else "floor"
