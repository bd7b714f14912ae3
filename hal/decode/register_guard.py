"""What to believe of a register that goes back: its reporter was restarted, or it is another meter's.

A device that has just started tells 0 until it has heard its meter; taken at its word, the way back up would be counted
as consumption. So a register below the last one is not believed before it has stayed there for a while.
"""

from __future__ import annotations

from typing import Final

CONFIRM_MS: Final = 300_000
CONFIRM_READS: Final = 3
WRAP_MARGIN: Final = 0.1  # as the engine sees it: from the last tenth into the first is no way back


class RegisterGuard:
    """The last believed register of each point."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self._lower: dict[str, tuple[float, float, int]] = {}
        """Of a register that went back: its lowest reading, since when (ms) and how often it was read."""

    def judge(self, point: str, raw: float, t_ms: float, wrap: int = 0) -> str:
        """Return "" for a register that can be believed, else "unconfirmed"."""
        last = self.last.get(point)
        has_wrapped = last is not None and wrap and last >= wrap * (1 - WRAP_MARGIN) and raw < wrap * WRAP_MARGIN
        if last is None or raw >= last or has_wrapped:
            self._lower.pop(point, None)
            self.last[point] = raw
            return ""
        lowest, since_ms, reads = self._lower.get(point, (raw, t_ms, 0))
        if raw < lowest or t_ms < since_ms:
            since_ms, reads = t_ms, 0
        reads += 1
        if reads >= CONFIRM_READS and t_ms - since_ms >= CONFIRM_MS:
            del self._lower[point]
            self.last[point] = raw
            return ""
        self._lower[point] = (raw, since_ms, reads)
        return "unconfirmed"
