"""From a limit's specification to what it compares: the table of kinds that are more than a reading and a number."""

from __future__ import annotations

from typing import Final

from edge.core.measure import Against, Deviation, Measure, Rate, Share
from edge.core.measure_expression import Condition
from edge.core.measure_time import Consumption, NeverZero
from edge.core.types import LimitSpec

KINDS: Final[dict[str, type[Measure]]] = {
    "rate": Rate,
    "deviation": Deviation,
    "consumption": Consumption,
    "never_zero": NeverZero,
    "subscribed": Share,
    "expression": Condition,
}


def measure_of(spec: LimitSpec, *, is_active: bool = False) -> Measure | None:
    """Return what the limit compares; None for the point's own reading with a number that stands in the settings."""
    kind = KINDS.get(spec.kind)
    if kind is None:
        return Against(spec) if spec.other else None
    measure = kind(spec)
    if is_active and isinstance(measure, NeverZero):
        measure.for_ms = spec.over_ms  # what began the alarm was that long
    return measure
