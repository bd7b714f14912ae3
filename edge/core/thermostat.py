"""Thermostats: an output follows a point about a setpoint, with a deadband. Pure.

Heating is on from setpoint - deadband/2 down, and off from setpoint + deadband/2 up; cooling the other way round;
between the two it stays as it is. Without a value for some time the output is where it does no harm, and that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.core.limit import NOT_YET
from edge.core.part import Part
from edge.core.read_back import WORDS
from edge.core.setpoint import Setpoints
from edge.core.types import Event, Record
from hal.sample import BAD

if TYPE_CHECKING:
    from edge.core.engine import Engine

REGISTER: Final = "thermostats"
LEAST_MS: Final = 1000


class ThermostatSpec(msgspec.Struct, frozen=True):
    """One thermostat. `setpoint` is a number in the point's unit, or a setpoint's id."""

    id: str
    point: str
    output: str
    setpoint: float | str
    deadband: float
    cools: bool = False
    fallback: bool | None = None
    """The level without a value; None: the output's safe state."""
    patience_ms: int = 30_000
    """How long a point may be without a value before that counts."""


def decided(spec: ThermostatSpec, value: float, setpoint: float, before: bool | None) -> bool | None:  # noqa: FBT001 - a level
    """Return the level for this value; between both thresholds the one before.

    >>> heat = ThermostatSpec("t", "p", "o", 20.0, 0.5)
    >>> decided(heat, 19.7, 20.0, None), decided(heat, 20.1, 20.0, True), decided(heat, 20.25, 20.0, True)
    (True, True, False)
    """
    half = spec.deadband / 2
    if value <= setpoint - half:
        return not spec.cools
    if value >= setpoint + half:
        return spec.cools
    return before


class Thermostats(Part):
    """All thermostats of a site. What they asked for last goes on over a reload, not over a restart."""

    def __init__(self, specs: Sequence[ThermostatSpec], saved: Mapping[str, Any]) -> None:
        super().__init__()
        self.specs = {spec.id: spec for spec in specs}
        before = saved.get(REGISTER, {})
        self.asks: dict[str, bool | None] = {spec.id: before.get(spec.id) for spec in specs}
        """What each asks for; None where it does not know yet, or has no value."""
        self.falls_back: set[str] = set()
        """Those whose point has had no value for too long."""
        self._period_ms = LEAST_MS

    def take_over(self, before: Thermostats) -> None:
        """Tell of no fallback twice."""
        self.falls_back = before.falls_back & self.specs.keys()

    def attach(self, site: Engine) -> None:
        """Look as often as the quickest of their points is read."""
        self.site = site
        if self.specs:
            quickest = min(site.points[spec.point].spec.period_ms for spec in self.specs.values())
            self._period_ms = max(quickest, LEAST_MS)
            self.due_ms = site.now_ms

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Look at once when something may have moved a setpoint."""
        if self.specs and any(event.kind in {"command", "program", "rule"} for event in events):
            self.due_ms = self.site.now_ms

    def setpoint(self, spec: ThermostatSpec) -> float:
        """Return the setpoint that counts now."""
        return self.site.part(Setpoints).value(spec.setpoint) if isinstance(spec.setpoint, str) else spec.setpoint

    def step(self, now_ms: int) -> None:
        """Decide for each."""
        for spec in self.specs.values():
            self._look(spec, now_ms)
        self.due_ms = now_ms - now_ms % self._period_ms + self._period_ms

    def _look(self, spec: ThermostatSpec, now_ms: int) -> None:
        point = self.site.points[spec.point]
        value = point.value
        if point.quality == BAD or not isinstance(value, int | float):
            if now_ms - point.bad_since_ms >= spec.patience_ms:
                self._fall_back(spec, point.reason, now_ms)
            return
        if spec.id in self.falls_back:
            self.falls_back.discard(spec.id)
            self.asks[spec.id] = None
            self.site.emit(Event("rule_back", now_ms, spec.output, {"rule": spec.id, "source": spec.point}))
        if point.reason not in NOT_YET:
            self._ask(spec, decided(spec, value, self.setpoint(spec), self.asks[spec.id]), now_ms)

    def _fall_back(self, spec: ThermostatSpec, why: str, now_ms: int) -> None:
        if spec.id in self.falls_back:
            return
        self.falls_back.add(spec.id)
        level = self.site.outputs.by_id[spec.output].spec.safe if spec.fallback is None else spec.fallback
        values = {"rule": spec.id, "source": spec.point, "why": why, "to": WORDS[level]}
        self.site.emit(Event("rule_fallback", now_ms, spec.output, values))
        self._ask(spec, spec.fallback, now_ms)

    def _ask(self, spec: ThermostatSpec, level: bool | None, now_ms: int) -> None:  # noqa: FBT001 - a level
        self.asks[spec.id] = level
        self.site.outputs.ask(spec.output, now_ms, level=level)

    def saved(self) -> dict[str, Any]:
        """Return what each asks for: within its deadband a thermostat goes on as it was."""
        return {REGISTER: dict(self.asks)}
