"""From [[calculated]] tables to what the engine takes."""

from __future__ import annotations

from edge.core.calculated import CalculatedSpec
from edge.core.types import NEVER, PointSpec
from edge.settings.model_calculated import Calculated
from edge.settings.patterns import named


def calculated_spec(row: Calculated) -> CalculatedSpec:
    """Return the engine's view of a calculated point."""
    period_ms = round(row.period_s * 1000)
    point = PointSpec(
        id=row.id,
        kind=row.kind,
        unit=row.unit or "",
        words=tuple(row.words or ()),
        low=-NEVER if row.min is None else row.min,
        high=NEVER if row.max is None else row.max,
        period_ms=period_ms,
        record_ms=max(round(row.record_s * 1000), period_ms),
        deadband=row.deadband,
        heartbeat_ms=round(row.heartbeat_s * 1000),
        stale_ms=max(3 * period_ms, period_ms + 5000),
        name=named(row.name),
        place=row.place,
        equipment=row.equipment,
        role=row.role,
    )
    return CalculatedSpec(point, row.expression)
