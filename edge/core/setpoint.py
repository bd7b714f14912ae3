"""Setpoints (consignes) and virtual switches: points whose value people, servers, programs and rules write.

The last write counts, whoever wrote; it is durable with the journal's line that tells of it, and is there again after
a power cut. Each is a point of its own: it has records, limits may watch it, expressions and rules may use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.core import entered
from edge.core.part import Part
from edge.core.types import NEVER, Event, PointSpec
from hal.sample import Sample

if TYPE_CHECKING:
    from edge.core.engine import Engine

REGISTER: Final = "setpoint/"
FEED_MS: Final = 30_000
"""How often the point is told its value anew: each record period of a minute has a reading then."""
ROUND: Final = 9


class SetpointSpec(msgspec.Struct, frozen=True):
    """A setpoint or, where its point has words, a virtual switch."""

    point: PointSpec
    initial: float
    low: float = -NEVER
    high: float = NEVER
    step: float = 0.0
    """Only whole multiples, counted from `low` where that is finite; 0: any number."""
    by_command: bool = True

    @property
    def id(self) -> str:
        """Its id, which is its point's."""
        return self.point.id

    def taken(self, value: str | float) -> float:
        """Return what is taken for an entered value. Raises RefusedValueError with what is allowed."""
        if self.point.words:
            return float(entered.word(value, self.point.words))
        found = entered.number(value, self.point.unit)
        if not self.low <= found <= self.high:
            bounds = {name: bound for name, bound in (("low", self.low), ("high", self.high)) if abs(bound) != NEVER}
            raise entered.RefusedValueError("set_range", value=found, u=self.point.unit, **bounds)
        if self.step:
            base = self.low if self.low != -NEVER else 0.0
            nearest = round(base + round((found - base) / self.step) * self.step, ROUND)
            if abs(nearest - found) > self.step * 1e-6:
                raise entered.RefusedValueError(
                    "set_step", value=found, step=self.step, near=nearest, u=self.point.unit
                )
            found = nearest
        return found


class Made(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value as it was written: by whom, by which way, when (monotonic of start `boot`)."""

    value: float
    boot: int = 0
    at_ms: int = 0
    author: str = ""
    channel: str = ""


class Setpoints(Part):
    """All setpoints of a site, by id in the order of its file."""

    def __init__(self, specs: Sequence[SetpointSpec], saved: Mapping[str, Any]) -> None:
        """Go on with what was written last, as far as the settings still allow it; else with the initial value."""
        super().__init__()
        self.specs = {spec.id: spec for spec in specs}
        self.made: dict[str, Made] = {}
        """What was written; who is not here has its initial value."""
        self._lost: list[tuple[str, float]] = []
        for spec in specs:
            if REGISTER + spec.id not in saved:
                continue
            made = msgspec.convert(saved[REGISTER + spec.id], Made)
            try:
                spec.taken(made.value)
            except entered.RefusedValueError:
                self._lost.append((spec.id, made.value))
            else:
                self.made[spec.id] = made
        self._changed: set[str] = set()

    def attach(self, site: Engine) -> None:
        """Tell the points their values at the first step."""
        self.site = site
        self.due_ms = site.now_ms if self.specs else NEVER

    def value(self, name: str) -> float:
        """Return the present value of a setpoint. Raises KeyError."""
        made = self.made.get(name)
        return self.specs[name].initial if made is None else made.value

    def shown(self, name: str, value: float | None = None) -> float | str:
        """Return a value as people know it: a switch's word, or the number."""
        found = self.value(name) if value is None else value
        words = self.specs[name].point.words
        return words[int(found)] if words else found

    def told(self, name: str, value: float) -> dict[str, Any]:
        """Return a value as an event tells it: the word `to` of a switch, or the number `v` with its unit `u`."""
        point = self.specs[name].point
        if point.words:
            return {"to": point.words[int(value)]}
        return {"v": value, "u": point.unit} if point.unit else {"v": value}

    def write(self, name: str, value: float, author: str, channel: str) -> None:
        """Let a value that was taken count from now on."""
        site = self.site
        self.made[name] = Made(value, site.boot, site.now_ms, author, channel)
        self._changed.add(name)
        self.is_changed = True
        self._feed([name])

    def step(self, now_ms: int) -> None:
        """Tell all points their values; the first time also the journal of what the settings no longer allow."""
        for name, was in self._lost:
            values = {"was": was, "v": self.value(name)}
            self.site.emit(Event("setpoint_reset", now_ms, name, values))
        self._lost.clear()
        self._feed(self.specs)
        self.due_ms = now_ms - now_ms % FEED_MS + FEED_MS

    def _feed(self, names: Sequence[str] | Mapping[str, Any]) -> None:
        now_ms = self.site.now_ms
        samples = []
        for name in names:
            value = self.value(name)
            samples.append(Sample(name, now_ms * 1_000_000, int(value) if self.specs[name].point.words else value))
        self.site.feed(samples, now_ms)

    def registers(self) -> dict[str, Any]:
        """Return those written since the last time."""
        found = {REGISTER + name: msgspec.to_builtins(self.made[name]) for name in sorted(self._changed)}
        self._changed.clear()
        return found

    def saved(self) -> dict[str, Any]:
        """Return all that was written."""
        return {REGISTER + name: msgspec.to_builtins(made) for name, made in self.made.items()}
