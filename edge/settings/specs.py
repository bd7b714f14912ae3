"""From the site's file to what the engine takes: PointSpec and LimitSpec, with the driver's defaults filled in."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from edge.core.equipment import EquipmentSpec, point_specs
from edge.core.meter import MeterSpec
from edge.core.output import OutputSpec
from edge.core.read_back import WORDS
from edge.core.scaling import Line, through
from edge.core.types import NEVER, LimitSpec, PointSpec
from edge.settings.equipment import equipment_specs
from edge.settings.limit_specs import limit_specs
from edge.settings.model import Output, PointEntry, Settings
from edge.settings.model_calculated import Calculated
from edge.settings.model_meters import Meter
from edge.settings.model_orders import Program, Rule, Setpoint
from edge.settings.patterns import named
from edge.settings.specs_calculated import calculated_spec
from edge.settings.specs_orders import setpoint_spec
from edge.settings.subscribed import tapped
from hal import drivers

OUTPUT_READ_MS: Final = 5000  # how often an output is read back
OUTPUT_RECORD_MS: Final = 60_000
OUTPUT_HEARTBEAT_MS: Final = 3_600_000  # a record when it moved, or this old: most outputs rest for days
OUTPUT_STALE_MS: Final = 30_000


def point_spec(entry: PointEntry) -> PointSpec:
    """Return the engine's view of a point; the driver's Channel fills what the file leaves out."""
    point = entry.point
    channel = drivers.load(point.driver).channel(entry.options)
    period_ms = round(point.period_s * 1000)
    line = through(point.scale_points) if point.scale_points else Line(channel.scale, point.offset)
    return PointSpec(
        id=point.id,
        kind=channel.kind,
        unit=channel.unit if point.unit is None else point.unit,
        scale=line.scale if point.scale is None else point.scale,
        offset=line.offset,
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
        name=named(point.name),
        place=point.place,
        equipment=point.equipment,
        role=point.role,
        properties=point.properties,
    )


def pulse_points(settings: Settings) -> list[str]:
    """Return the points whose pulses we count ourselves, off a pin."""
    made = (point_spec(entry) for entry in settings.points)
    return [spec.id for spec in made if spec.kind == "counter" and spec.volatile]


def output_spec(output: Output) -> OutputSpec:
    """Return the engine's view of an output, with the point that shows its state."""
    point = PointSpec(
        id=output.id,
        kind="state",
        words=WORDS,
        period_ms=OUTPUT_READ_MS,
        record_ms=OUTPUT_RECORD_MS,
        deadband=0.5,
        heartbeat_ms=OUTPUT_HEARTBEAT_MS,
        stale_ms=OUTPUT_STALE_MS,
        name=named(output.name),
        place=output.place,
        equipment=output.equipment,
    )
    return OutputSpec(
        point,
        limit=output.limit,
        safe=output.safe == "on",
        by_command=output.by_command,
        min_on_ms=round(output.min_on_s * 1000),
        min_off_ms=round(output.min_off_s * 1000),
        max_on_ms=round((output.max_on_s or 0) * 1000),
        link_lost_ms=round((output.link_lost_s or 0) * 1000),
        feedback_ms=0 if output.readback_pin is None else round(output.readback_s * 1000),
    )


def meter_specs(settings: Settings) -> list[MeterSpec]:
    """Return what the engine knows of the meters."""
    return [
        MeterSpec(
            meter.point, meter.energy, meter.role, meter.to_unit,
            tuple((one.since, Decimal(repr(one.factor))) for one in meter.coefficients),
        )
        for meter in settings.of(Meter)
    ]  # fmt: skip


def made_specs(settings: Settings) -> list[PointSpec]:
    """Return the points that other tables than [[point]] make: ids as in `edge.settings.sources`."""
    return [*_made_specs(settings), *(point for machine in machine_specs(settings) for point in point_specs(machine))]


def _made_specs(settings: Settings) -> list[PointSpec]:
    """Return those that can belong to a machine."""
    outputs = [output_spec(output).point for output in settings.outputs]
    setpoints = [setpoint_spec(row).point for row in settings.of(Setpoint)]
    return [*outputs, *setpoints, *(calculated_spec(row).point for row in settings.of(Calculated))]


def output_specs(settings: Settings) -> list[OutputSpec]:
    """Return the engine's view of all outputs, each with the program or thermostat that it follows."""
    sources = {row.target: row.id for row in settings.of(Rule) if row.kind == "thermostat"}
    sources |= {row.target: row.id for row in settings.of(Program)}
    return [
        msgspec.structs.replace(output_spec(output), source=sources.get(output.id, "")) for output in settings.outputs
    ]


def equipment_of(settings: Settings) -> dict[str, str]:
    """Return the machine to which each point belongs, of those that belong to one."""
    named = {entry.point.id: entry.point.equipment for entry in settings.points}
    named |= {spec.id: spec.equipment for spec in made_specs(settings)}
    return {point: equipment for point, equipment in named.items() if equipment}


def machine_specs(settings: Settings) -> list[EquipmentSpec]:
    """Return the machines of the site."""
    points = [*(point_spec(entry) for entry in settings.points), *_made_specs(settings)]
    return equipment_specs(settings, points)


def specs(settings: Settings) -> tuple[list[PointSpec], list[LimitSpec]]:
    """Return all points and limits of a site for the engine, the points that other tables than [[point]] make last."""
    bounds = {meter.point: meter.max_per_h for meter in settings.of(Meter) if meter.max_per_h is not None}
    points = [*(point_spec(entry) for entry in settings.points), *made_specs(settings)]
    points = [replace(spec, max_per_h=bounds[spec.id]) if spec.id in bounds else spec for spec in points]
    by_id = {point.id: point for point in points}
    taps = {
        entry.point.id: tapped(entry.point.id, by_id[entry.point.id].unit, entry.point.bus, entry.options)
        for entry in settings.points
    }
    return points, limit_specs(settings.limits, by_id, taps)
