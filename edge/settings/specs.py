"""From the site's file to what the engine takes: PointSpec and LimitSpec, with the driver's defaults filled in."""

from __future__ import annotations

from edge.core.types import NEVER, LimitSpec, PointSpec
from edge.settings.model import Limit, PointEntry, Settings
from hal import drivers


def point_spec(entry: PointEntry) -> PointSpec:
    """Return the engine's view of a point; the driver's Channel fills what the file leaves out."""
    point = entry.point
    channel = drivers.load(point.driver).channel(entry.options)
    name = point.name if isinstance(point.name, dict) else {"en": point.name, "fr": point.name} if point.name else {}
    period_ms = round(point.period_s * 1000)
    return PointSpec(
        id=point.id,
        kind=channel.kind,
        unit=channel.unit if point.unit is None else point.unit,
        scale=channel.scale if point.scale is None else point.scale,
        offset=point.offset,
        wrap=channel.wrap,
        volatile=channel.volatile,
        words=channel.words if point.words is None else tuple(point.words),
        past=channel.past,
        low=-NEVER if point.min is None else point.min,
        high=NEVER if point.max is None else point.max,
        period_ms=period_ms,
        record_ms=max(round(point.record_s * 1000), period_ms),
        deadband=point.deadband,
        heartbeat_ms=round(point.heartbeat_s * 1000),
        stale_ms=round(point.stale_s * 1000) if point.stale_s else max(3 * period_ms, period_ms + 5000),
        name=name,
        place=point.place,
        equipment=point.equipment,
        role=point.role,
    )


def limit_spec(limit: Limit, point: PointSpec) -> LimitSpec:
    """Return the engine's view of a limit; a state's word becomes its number (checked before)."""
    value = limit.value
    if isinstance(value, str):
        value = float(point.words.index(value))
    return LimitSpec(
        id=limit.id,
        point=limit.point,
        kind=limit.kind,
        value=0.0 if value is None else float(value),
        deadband=limit.deadband,
        on_delay_ms=round(limit.on_delay_s * 1000),
        off_delay_ms=round(limit.off_delay_s * 1000),
        priority=limit.priority,
        diagnosis=limit.diagnosis,
    )


def specs(settings: Settings) -> tuple[list[PointSpec], list[LimitSpec]]:
    """Return all points and limits of a site for the engine."""
    points = [point_spec(entry) for entry in settings.points]
    by_id = {point.id: point for point in points}
    return points, [limit_spec(limit, by_id[limit.point]) for limit in settings.limits]
