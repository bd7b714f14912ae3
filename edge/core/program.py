"""Programs: weekly slots that switch an output or write a setpoint, at the minute, in local time.

Which slot holds is a function of the local time alone, so a program falls into the right place after a restart. While
no clock can be trusted an output is in its safe state and a setpoint keeps its value. A setpoint is written when a slot
begins or ends, not in between: what a person writes stays until the next change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.core.part import Part
from edge.core.read_back import WORDS
from edge.core.setpoint import Made, Setpoints
from edge.core.types import NEVER, Event
from edge.core.week import Week

if TYPE_CHECKING:
    from edge.core.engine import Engine

REGISTER: Final = "program/"
LOOK_MS: Final = 86_400_000
"""Where nothing changes within the horizon it is looked for anew each day."""


class ProgramSpec(msgspec.Struct, frozen=True):
    """One program. Values are an output's level, 0 or 1, or a setpoint's value."""

    id: str
    target: str
    is_output: bool
    week: Week
    inside: tuple[float, ...]
    """By the number of the slot, those of exceptions after the others."""
    outside: float
    enabled: bool = True
    name: dict[str, str] = {}

    def value(self, number: int) -> float:
        """Return the value while this slot holds; -1: none."""
        return self.outside if number < 0 else self.inside[number]


class Running(msgspec.Struct, omit_defaults=True):
    """What is remembered of a program: whether a person switched it, and which change it last made."""

    made: Made | None = None
    """Enabled by order: value 1 or 0; None: as the settings say."""
    value: float | None = None
    until_utc_ms: int = 0
    """When what it made ends: a start after that has missed a change."""


class Programs(Part):
    """All programs of a site, by id."""

    def __init__(self, specs: Sequence[ProgramSpec], saved: Mapping[str, Any]) -> None:
        super().__init__()
        self.specs = {spec.id: spec for spec in specs}
        self._by_id = {spec.id: msgspec.convert(saved.get(REGISTER + spec.id, {}), Running) for spec in specs}
        self._next_utc_ms: dict[str, int | None] = {}
        self._waits = False
        self._changed: set[str] = set()

    def attach(self, site: Engine) -> None:
        """Begin at the first step."""
        self.site = site
        self.due_ms = site.now_ms if self.specs else NEVER

    def is_enabled(self, name: str) -> bool:
        """Return whether a program runs: by order, or as the settings say."""
        made = self._by_id[name].made
        return self.specs[name].enabled if made is None else bool(made.value)

    def made(self, name: str) -> Made | None:
        """Return who switched it on or off, None where the settings' word counts."""
        return self._by_id[name].made

    def enable(self, name: str, made: Made | None) -> None:
        """Switch a program on or off; None: as the settings say."""
        running = self._by_id[name]
        running.made = made
        running.value, running.until_utc_ms = None, 0  # switched on it writes at once, whatever stands
        self._next_utc_ms.pop(name, None)
        self._keep(name)
        self.step(self.site.now_ms)

    def now_and_next(self, name: str) -> tuple[float, int | None] | None:
        """Return the value that the program stands at and the UTC ms of its next change; None while it can't know."""
        if not self.site.is_dated:
            return None
        spec, utc_ms = self.specs[name], self.site.now_ms + self.site.utc_offset_ms
        return spec.value(spec.week.at(utc_ms, self.site.zone)), self._next_ms(spec, utc_ms)

    def _next_ms(self, spec: ProgramSpec, utc_ms: int) -> int | None:
        """Return when the value changes; slots of the same value that follow each other are one."""
        return spec.week.next_ms(utc_ms, self.site.zone, spec.value)

    def set_clock(self, now_ms: int) -> None:
        """Look at every program anew."""
        if self.specs:
            self._next_utc_ms.clear()
            self.due_ms = now_ms

    def step(self, now_ms: int) -> None:
        """Carry out what is due."""
        site = self.site
        if not site.is_dated:
            self._wait(now_ms)
            return
        self._waits = False
        utc_ms = now_ms + site.utc_offset_ms
        for name, spec in self.specs.items():
            if not self.is_enabled(name):
                if spec.is_output:
                    site.outputs.ask(spec.target, now_ms, level=None)
                continue
            known = self._next_utc_ms.get(name)
            if known is None or utc_ms >= known:
                self._look(spec, utc_ms, now_ms)
        nexts = [utc for utc in self._next_utc_ms.values() if utc is not None]
        self.due_ms = min(nexts) - site.utc_offset_ms if nexts else NEVER

    def _wait(self, now_ms: int) -> None:
        """Take note that nothing tells what time it is."""
        self.due_ms = NEVER
        running = [spec for name, spec in self.specs.items() if self.is_enabled(name)]
        for spec in running:
            if spec.is_output:
                self.site.outputs.ask(spec.target, now_ms, level=None)
        if running and not self._waits:
            self._waits = True
            self.site.emit(Event("program_waits", now_ms, "", {"programs": [spec.id for spec in running]}))

    def _look(self, spec: ProgramSpec, utc_ms: int, now_ms: int) -> None:
        value = spec.value(spec.week.at(utc_ms, self.site.zone))
        next_ms = self._next_ms(spec, utc_ms)
        self._next_utc_ms[spec.id] = utc_ms + LOOK_MS if next_ms is None else next_ms
        running = self._by_id[spec.id]
        is_missed = running.until_utc_ms > 0 and utc_ms >= running.until_utc_ms
        is_new = value != running.value or is_missed
        if spec.is_output:
            self.site.outputs.ask(spec.target, now_ms, level=bool(value))
        elif is_new:
            self._write(spec, value)
        if is_new:
            told = {"to": WORDS[bool(value)]} if spec.is_output else self.site.part(Setpoints).told(spec.target, value)
            self.site.emit(Event("program", now_ms, spec.target, {"program": spec.id, **told}))
        if is_new or running.until_utc_ms != (next_ms or 0):
            running.value, running.until_utc_ms = value, next_ms or 0
            self._keep(spec.id)

    def _write(self, spec: ProgramSpec, value: float) -> None:
        self.site.part(Setpoints).write(spec.target, value, spec.id, "program")

    def _keep(self, name: str) -> None:
        self._changed.add(name)
        self.is_changed = True

    def registers(self) -> dict[str, Any]:
        """Return those that changed since the last time."""
        found = {REGISTER + name: msgspec.to_builtins(self._by_id[name]) for name in sorted(self._changed)}
        self._changed.clear()
        return found

    def saved(self) -> dict[str, Any]:
        """Return what is remembered of all."""
        return {REGISTER + name: msgspec.to_builtins(running) for name, running in self._by_id.items()}
