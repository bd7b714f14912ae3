"""What to believe of a register that goes back: its reporter was restarted, or it is another meter's.

A device that has just started tells 0 until it has heard its meter; taken at its word, the way back up would be counted
as consumption. So a register below the last one is not believed before it has stayed there for a while, and one that
fell to exactly 0 not before it moves: a meter that is out of reach, its cable pulled, reads 0 for days.
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
        if (raw if last is None else raw >= last) or has_wrapped:
            self._lower.pop(point, None)
            self.last[point] = raw
            return ""
        lowest, since_ms, reads = self._lower.get(point, (raw, t_ms, 0))
        if raw < lowest or t_ms < since_ms or (raw and not lowest):
            since_ms, reads = t_ms, 0
        reads += 1
        if reads >= CONFIRM_READS and t_ms - since_ms >= CONFIRM_MS and (raw or last is None):
            self._lower.pop(point, None)
            self.last[point] = raw
            return ""
        self._lower[point] = (raw, since_ms, reads)
        return "unconfirmed"
