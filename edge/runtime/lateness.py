"""How late a worker turns to what is due: counts in bins, so that a year of ticks costs as much as a minute.

Bin n holds what came less than 2^n × 0.25 ms late; a share of all is known to a factor of two, the worst exactly.
"""

from __future__ import annotations

from typing import Any, Final

STEP_MS: Final = 0.25
BINS: Final = 24  # the last one ends after 70 minutes


class Lateness:
    """Counts of one worker; written by its own thread, read by any."""

    __slots__ = ("_bins", "ticks", "worst_ms")

    def __init__(self) -> None:
        self._bins = [0] * BINS
        self.ticks = 0
        self.worst_ms = 0.0

    def note(self, late_ms: float) -> None:
        """Count one tick that came so late."""
        self.ticks += 1
        self.worst_ms = max(self.worst_ms, late_ms)
        self._bins[min(int(max(late_ms, 0.0) / STEP_MS).bit_length(), BINS - 1)] += 1

    def within_ms(self, share: float) -> float:
        """Return a bound in ms below which at least this share of all ticks came; 0 without any."""
        wanted, seen = share * self.ticks, 0
        for place, count in enumerate(self._bins):
            seen += count
            if count and seen >= wanted:
                return float(min(STEP_MS * (1 << place), self.worst_ms))
        return self.worst_ms

    def told(self) -> dict[str, Any]:
        """Return the figures for JSON, in ms."""
        shares = {f"p{round(100 * share)}": round(self.within_ms(share), 2) for share in (0.5, 0.99)}
        return {"ticks": self.ticks, **shares, "worst": round(self.worst_ms, 2)}
