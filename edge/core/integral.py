"""Energy from power, volume from flow: the area under the readings of a gauge, by trapezoids.

Time without a value is not integrated and is counted as missing, so that who shows the sum can say how much of the time
it covers. Sums are whole numbers (10⁻⁹ of the unit × 0.5 ms): nothing is lost or gained over years of small additions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NANO: Final = 1_000_000_000
LONGEST_MS: Final = 60_000  # between two readings, unless said otherwise


class Integral:
    """What one gauge adds up to, from `saved` on; readings further apart than `longest_ms` leave a hole.

    >>> energy = Integral()
    >>> energy.take(600, 0), energy.take(600, 60_000), energy.take(None, 61_000), energy.missing_ms
    (0.0, 36000.0, 36000.0, 1000)
    """

    __slots__ = ("_area", "_nano", "_t_ms", "covered_ms", "longest_ms", "missing_ms")

    def __init__(self, saved: Mapping[str, Any] | None = None, *, longest_ms: int = LONGEST_MS) -> None:
        saved = saved or {}
        self.longest_ms = longest_ms
        self.covered_ms: int = saved.get("covered_ms", 0)
        self.missing_ms: int = saved.get("missing_ms", 0)
        """Time between readings of which one had no value, or that were too far apart."""
        self._area: int = saved.get("area", 0)
        self._nano: int | None = None
        """The last value, None where there was none."""
        self._t_ms: int | None = None

    def take(self, value: float | None, t_ms: int) -> float:
        """Take a reading (None = BAD: not integrated); return the unit × seconds since it began.

        W·s / 3600 are Wh. `t_ms` is monotonic; the time a box was off is in neither sum, as nobody measured it.
        """
        nano = None if value is None else round(value * NANO)
        if self._t_ms is None or t_ms > self._t_ms:
            if self._t_ms is not None:
                self._add(nano, t_ms - self._t_ms)
            self._nano, self._t_ms = nano, t_ms
        return self._area / (2000 * NANO)

    def _add(self, nano: int | None, length_ms: int) -> None:
        if nano is None or self._nano is None or length_ms > self.longest_ms:
            self.missing_ms += length_ms
            return
        self.covered_ms += length_ms
        self._area += (self._nano + nano) * length_ms

    def saved(self) -> dict[str, int]:
        """Return what must be durable for the next start."""
        return {"area": self._area, "covered_ms": self.covered_ms, "missing_ms": self.missing_ms}
