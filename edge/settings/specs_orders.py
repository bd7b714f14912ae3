"""From [[setpoint]], [[program]] and [[rule]] to what the engine takes. What can't be was refused before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from edge.core.entered import word
from edge.core.program import ProgramSpec
from edge.core.reaction import ReactionSpec
from edge.core.read_back import WORDS
from edge.core.setpoint import SetpointSpec
from edge.core.thermostat import ThermostatSpec
from edge.core.types import NEVER, PointSpec
from edge.core.week import Slot, Week, dates, slot
from edge.settings.model_orders import Program, Rule, Setpoint
from edge.settings.patterns import named

RECORD_MS: Final = 60_000
HEARTBEAT_MS: Final = 3_600_000  # a record when it moved, or this old: most setpoints rest for weeks
STALE_MS: Final = 31_622_400_000  # nothing reads it from outside: it can't fall silent
DEADBAND: Final = 1e-9
PULSE: Final = "pulse"
AUTO: Final = "auto"


def setpoint_spec(row: Setpoint) -> SetpointSpec:
    """Return the engine's view of a setpoint. Raises RefusedValueError where its initial value is not allowed."""
    point = PointSpec(
        id=row.id,
        kind="state" if row.words else "gauge",
        unit=row.unit,
        words=tuple(row.words or ()),
        low=-NEVER if row.min is None else row.min,
        high=NEVER if row.max is None else row.max,
        period_ms=RECORD_MS,
        record_ms=RECORD_MS,
        deadband=0.5 if row.words else row.step or DEADBAND,
        heartbeat_ms=HEARTBEAT_MS,
        stale_ms=STALE_MS,
        name=named(row.name),
        place=row.place,
        equipment=row.equipment,
    )
    spec = SetpointSpec(point, 0.0, point.low, point.high, row.step, row.by_command)
    return SetpointSpec(point, spec.taken(row.initial), spec.low, spec.high, spec.step, spec.by_command)


def level(value: float | str) -> float:
    """Return an output's level, 0 or 1. Raises RefusedValueError."""
    return 1.0 if value == PULSE else float(word(value, WORDS))


def program_spec(row: Program, setpoints: Mapping[str, SetpointSpec]) -> ProgramSpec:
    """Return the engine's view of a program. Raises SlotError and RefusedValueError."""
    target = setpoints.get(row.target)

    def value(written: float | str | None, default: str) -> float:
        told = default if written is None else written
        return level(told) if target is None else target.taken(told)

    slots = tuple(slot(text) for text in row.slots)
    instead = tuple(slot(text, with_days=False) for text in row.exception_slots)
    week = Week(slots, tuple(dates(text) for text in row.exceptions), instead, row.holidays)
    inside = tuple(value(row.to if one.value is None else _bare(one), "on") for one in (*slots, *instead))
    outside = value(row.outside, "off")
    return ProgramSpec(row.id, row.target, target is None, week, inside, outside, row.enabled, named(row.name))


def _bare(one: Slot) -> str:
    return str(one.value)


def thermostat_spec(row: Rule) -> ThermostatSpec:
    """Return the engine's view of a thermostat."""
    assert row.setpoint is not None  # noqa: S101 - checked by rules_orders
    fallback = None if row.fallback == "safe" else row.fallback == "on"
    return ThermostatSpec(
        row.id, row.point, row.target, row.setpoint, row.deadband, row.action == "cool", fallback,
        round(row.fallback_after_s * 1000),
    )  # fmt: skip


def reaction_spec(row: Rule, setpoints: Mapping[str, SetpointSpec]) -> ReactionSpec:
    """Return the engine's view of a rule on an alarm. Raises RefusedValueError."""
    target = setpoints.get(row.target)

    def value(written: float | str | None) -> float | None:
        if written is None or (target is None and written == AUTO):
            return None
        return level(written) if target is None else target.taken(written)

    for_ms = round((row.for_s or 0) * 1000)
    return ReactionSpec(row.id, row.limit, row.target, target is None, value(row.begin), value(row.end), for_ms)


def setpoint_specs(rows: Sequence[Setpoint]) -> dict[str, SetpointSpec]:
    """Return all setpoints by id."""
    return {row.id: setpoint_spec(row) for row in rows}
