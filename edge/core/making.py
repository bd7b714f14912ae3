"""From a point's specification to the kind of point that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge.core.curve import Curve
from edge.core.kinds import Counter, Gauge, State, TextPoint
from edge.core.limit import Limit
from edge.core.point import Periods, Point
from edge.core.types import PointSpec


def make_point(spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int, saved: Any) -> Point:
    """Return the right kind of point; `saved` is its counter register from the log, if any."""
    if spec.kind == "counter":
        return Counter(spec, limits, end_of, now_ms, saved)
    kinds: dict[str, Callable[[PointSpec, list[Limit], Periods, int], Point]] = {
        "gauge": Curve if spec.past else Gauge,
        "state": State,
        "text": TextPoint,
    }
    return kinds[spec.kind](spec, limits, end_of, now_ms)
