"""The straight line between what a device says and what it means: 4 … 20 mA as 0 … 10 bar, and back for writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edge.core.counter import ROUND


class Line(NamedTuple):
    """value = raw × scale + offset."""

    scale: float
    offset: float

    def value(self, raw: float) -> float:
        """Return what a raw reading means."""
        return round(raw * self.scale + self.offset, ROUND)

    def raw(self, value: float) -> float:
        """Return the raw figure that stands for a value: what has to be written. Raises ZeroDivisionError."""
        return round((value - self.offset) / self.scale, ROUND)


def through(points: Sequence[Sequence[float]]) -> Line:
    """Return the line through two points [raw, value]. Raises ZeroDivisionError where both have one raw figure.

    >>> line = through([[4, 0], [20, 10]])
    >>> line.value(12), line.raw(5.0)
    (5.0, 12.0)
    """
    (raw, value), (other_raw, other_value) = points
    scale = (other_value - value) / (other_raw - raw)
    return Line(scale, value - raw * scale)
