"""Rules that act when an alarm begins or ends: an output is held at a level, a setpoint gets a value.

They act on the box alone, whatever the links do, and also while the alarm is suppressed: that keeps people undisturbed,
it makes nothing safe. A hold on an output lasts as long as the alarm, unless the rule gives it a time; what it says at
the alarm's end lasts until the next alarm. After a restart a hold goes on while its alarm does; beyond that only one to
the output's safe level does, as with orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.core.output import Override, outlives
from edge.core.part import Part
from edge.core.read_back import WORDS
from edge.core.setpoint import Setpoints
from edge.core.types import NEVER, Event, Record

if TYPE_CHECKING:
    from edge.core.alarm import Alarm
    from edge.core.engine import Engine

REGISTER: Final = "reactions"
OUT: Final = "out_of_service"
"""Of an alarm whose limit nobody trusts: it acts on nothing."""
EDGES: Final = {"alarm_begin": True, "alarm_end": False}


class ReactionSpec(msgspec.Struct, frozen=True):
    """One rule. `begin` and `end` are an output's level, 0 or 1, or a setpoint's value; None: nothing, or no more."""

    id: str
    limit: str
    target: str
    is_output: bool
    begin: float | None = None
    end: float | None = None
    for_ms: int = 0
    """How long an output is held; 0: as long as the alarm is active, or after its end until the next."""


class Reactions(Part):
    """All such rules of a site."""

    def __init__(self, specs: Sequence[ReactionSpec], saved: Mapping[str, Any]) -> None:
        super().__init__()
        self.specs = {spec.id: spec for spec in specs}
        self._of_limit: dict[str, list[ReactionSpec]] = {}
        for spec in specs:
            self._of_limit.setdefault(spec.limit, []).append(spec)
        kept = msgspec.convert(saved.get(REGISTER, {}), dict[str, Override])
        self.holds = {name: hold for name, hold in kept.items() if name in self.specs}
        """By rule: the level that it holds its output at."""

    def attach(self, site: Engine) -> None:
        """Go on with what still holds."""
        self.site = site
        for name, hold in list(self.holds.items()):
            spec = self.specs[name]
            lasts = hold.boot == site.boot or (not hold.until_ms and self._alarm(spec.limit) is not None)
            left = hold if lasts else outlives(hold, site.outputs.by_id[spec.target].spec.safe)
            if left is None:
                del self.holds[name]
                self.is_changed = True
                continue
            if left.boot != site.boot:  # nobody knows how much of its time is left: all of it
                until_ms = None if left.until_ms is None else site.now_ms + left.until_ms - left.at_ms
                left = msgspec.structs.replace(left, boot=site.boot, at_ms=site.now_ms, until_ms=until_ms)
            self.holds[name] = left
        for spec in self.specs.values():  # also one that came into the settings while its alarm was active
            is_new = spec.is_output and not spec.for_ms and spec.id not in self.holds
            if is_new and spec.begin is not None and self._is_active(spec.limit):
                self.holds[spec.id] = Override(bool(spec.begin), site.boot, site.now_ms)
                self.is_changed = True
        held = {self.specs[name].target: hold.level for name, hold in self.holds.items()}
        for output in site.outputs.by_id:
            site.outputs.act(output, site.now_ms, level=held.get(output))
        self._plan()

    def _alarm(self, limit: str) -> Alarm | None:
        """Return the alarm of a limit that is active, also one that latches."""
        alarm = self.site.alarms.by_limit.get(limit)
        return alarm if alarm is not None and alarm.active else None

    def _is_active(self, limit: str) -> bool:
        """Return whether a limit has such an alarm, and is in service."""
        alarm = self._alarm(limit)
        return alarm is not None and alarm.silence != OUT

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Act on alarms that begin and end."""
        for event in events:
            begins = EDGES.get(event.kind)
            if begins is not None and not (begins and event.values.get(OUT)):
                for spec in self._of_limit.get(event.values.get("limit", ""), ()):
                    self._act(spec, begins=begins)

    def _act(self, spec: ReactionSpec, *, begins: bool) -> None:
        value = spec.begin if begins else spec.end
        site = self.site
        if not spec.is_output:
            if value is not None:
                setpoints = site.part(Setpoints)
                was = setpoints.shown(spec.target)
                setpoints.write(spec.target, value, spec.id, "rule")
                before = {"was" if isinstance(was, str) else "v_was": was}
                self._tell(spec, {**setpoints.told(spec.target, value), **before})
            return
        if value is None:
            if not spec.for_ms:
                self._release(spec)
            return
        until_ms = site.now_ms + spec.for_ms if spec.for_ms else None
        self.holds[spec.id] = Override(bool(value), site.boot, site.now_ms, until_ms)
        self.is_changed = True
        site.outputs.act(spec.target, site.now_ms, level=bool(value))
        self._tell(spec, {"to": WORDS[bool(value)], **({"for_ms": spec.for_ms} if spec.for_ms else {})})
        self._plan()

    def _release(self, spec: ReactionSpec) -> None:
        """Hold the output no longer, unless another rule does: those of one output all hold it at one level."""
        if self.holds.pop(spec.id, None) is None:
            return
        self.is_changed = True
        held = [hold for name, hold in self.holds.items() if self.specs[name].target == spec.target]
        self.site.outputs.act(spec.target, self.site.now_ms, level=held[-1].level if held else None)
        self._tell(spec, {"to": WORDS[held[-1].level] if held else "auto"})

    def _tell(self, spec: ReactionSpec, values: dict[str, Any]) -> None:
        values = {"rule": spec.id, "limit": spec.limit, **values}
        self.site.emit(Event("rule", self.site.now_ms, spec.target, values))

    def holding(self, output: str) -> str:
        """Return the rule that holds an output, empty where none does."""
        return next((name for name in self.holds if self.specs[name].target == output), "")

    def step(self, now_ms: int) -> None:
        """End what had a time."""
        for name, hold in list(self.holds.items()):
            if hold.until_ms is not None and now_ms >= hold.until_ms:
                self._release(self.specs[name])
        self._plan()

    def _plan(self) -> None:
        self.due_ms = min((hold.until_ms for hold in self.holds.values() if hold.until_ms is not None), default=NEVER)

    def registers(self) -> dict[str, Any]:
        """Return the holds by rule."""
        return {REGISTER: {name: msgspec.to_builtins(hold) for name, hold in self.holds.items()}}
