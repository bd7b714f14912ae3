"""Counters: from a register as read to an index that never goes back by itself, and the increment since the last reading.

Two sorts. A *kept* register lives in the meter (Téléinfo, Modbus): the index is what the meter shows, and what it counted
while the box was off is not lost. A *volatile* one is counted by us from 0 at each opening (pulses): the index goes on from
where the log last made it durable.
"""

from __future__ import annotations

from typing import Any, Final

WRAP_MARGIN: Final = 0.1  # a register wraps from its last tenth into its first, anything else is another meter


class Kept:
    """A register that the meter keeps; index = register × scale."""

    __slots__ = ("index", "raw", "scale", "wrap")

    def __init__(self, scale: float, wrap: int, saved: Any = None) -> None:
        self.scale = scale
        self.wrap = wrap
        self.raw: float | None = saved["raw"] if saved else None
        self.index: float | None = None if self.raw is None else scaled(self.raw, scale)

    def advance(self, raw: float) -> tuple[float, str]:
        """Take a register reading; return the increment in the point's unit, and "" or what happened.

        "first": nothing to compare with. "rollover": it passed its highest value. "meter_changed": it went back, so the
        meter or its register is another one, and what was used in between is unknown: increment 0.
        """
        last, self.raw = self.raw, raw
        self.index = scaled(raw, self.scale)
        if last is None:
            return 0.0, "first"
        if raw >= last:
            return scaled(raw - last, self.scale), ""
        if self.wrap and last >= self.wrap * (1 - WRAP_MARGIN) and raw < self.wrap * WRAP_MARGIN:
            return scaled(raw + self.wrap - last, self.scale), "rollover"
        return 0.0, "meter_changed"

    def register(self) -> dict[str, Any]:
        """Return what must be durable for the next start."""
        return {"raw": self.raw}


class Volatile:
    """Pulses since opening; index = base + count × scale, the count an integer so that no rounding adds up."""

    __slots__ = ("base", "count", "index", "raw", "scale")

    def __init__(self, scale: float, saved: Any = None) -> None:
        self.scale = scale
        self.base = 0.0
        self.count = 0
        if saved:
            self.base, self.count = saved["base"], saved["count"]
            if saved["scale"] != scale:  # a new pulse weight must not re-value the pulses of the past
                self.base, self.count = scaled(self.count, saved["scale"]) + self.base, 0
        self.raw = 0
        self.index: float = self._index()

    def _index(self) -> float:
        return round(self.base + self.count * self.scale, 9)

    def advance(self, raw: float) -> tuple[float, str]:
        """Take the pulses counted since opening; return the increment in the point's unit and ""."""
        raw = int(raw)
        pulses = raw - self.raw if raw >= self.raw else raw  # less than before: opened anew, from 0
        self.raw = raw
        self.count += pulses
        self.index = self._index()
        return scaled(pulses, self.scale), ""

    def register(self) -> dict[str, Any]:
        """Return what must be durable for the next start."""
        return {"base": self.base, "count": self.count, "scale": self.scale}


def scaled(raw: float, scale: float) -> float:
    """Return raw × scale, exact for whole registers and rounded where binary fractions would show (0.1 × 3)."""
    return raw if scale == 1 else round(raw * scale, 9)
