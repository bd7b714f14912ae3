"""The parts that act by themselves or by order: setpoints, values of limits, programs, thermostats, rules on alarms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from edge.core.limit_values import LimitValues
from edge.core.part import Part
from edge.core.program import Programs
from edge.core.reaction import Reactions
from edge.core.setpoint import Setpoints
from edge.core.setting import Adjustments
from edge.core.thermostat import Thermostats
from edge.settings.model import Settings
from edge.settings.model_orders import Program, Rule, Setpoint
from edge.settings.specs_orders import program_spec, reaction_spec, setpoint_specs, thermostat_spec

Saved = Mapping[str, Any]


def setpoints_of(settings: Settings, _saved: Saved, saved_events: Saved) -> Setpoints:
    """Return the setpoints with what was written last."""
    return Setpoints(list(setpoint_specs(settings.of(Setpoint)).values()), saved_events)


def programs_of(settings: Settings, _saved: Saved, saved_events: Saved) -> Programs:
    """Return the programs, those on that somebody switched on."""
    setpoints = setpoint_specs(settings.of(Setpoint))
    return Programs([program_spec(row, setpoints) for row in settings.of(Program)], saved_events)


def thermostats_of(settings: Settings, _saved: Saved, saved_events: Saved) -> Thermostats:
    """Return the rules that are thermostats."""
    return Thermostats([thermostat_spec(row) for row in settings.of(Rule) if row.kind == "thermostat"], saved_events)


def reactions_of(settings: Settings, _saved: Saved, saved_events: Saved) -> Reactions:
    """Return the rules that act on alarms, with what they hold."""
    setpoints = setpoint_specs(settings.of(Setpoint))
    rows = [row for row in settings.of(Rule) if row.kind == "alarm"]
    return Reactions([reaction_spec(row, setpoints) for row in rows], saved_events)


ACTING: Final[tuple[Callable[[Settings, Saved, Saved], Part], ...]] = (
    setpoints_of,
    lambda _settings, _saved, saved_events: LimitValues(saved_events),
    programs_of,
    thermostats_of,
    reactions_of,
    lambda _settings, _saved, _saved_events: Adjustments(),
)
"""Setpoints before what reads them."""
