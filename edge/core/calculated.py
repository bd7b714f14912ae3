"""Calculated points: at their period, from the present values of others, in the order in which they depend.

A gauge or state is its expression. A counter (a virtual meter) is not: its index goes on by what its inputs *moved*, so
that an exchange, a rollover or a restart of an input leaves no trace in it. What its inputs have in records is what it
counts for good, saved in the frame of these records; what they moved since stands in their own registers.

An evaluation is just before the end of the point's period, when its inputs were read: an hour's figure belongs to that
hour. BAD in, BAD out, with the input named; UNCERTAIN in, UNCERTAIN out; nothing is ever taken for 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.core.calculation import Calculation, Input
from edge.core.expression import Expression, parse
from edge.core.part import Part
from edge.core.types import NEVER, Event, PointSpec, Record
from hal.sample import Sample

if TYPE_CHECKING:
    from edge.core.engine import Engine

BEFORE_END_MS: Final = 500  # a second's readings are in by then
HELD_SAID_MS: Final = 900_000  # two meters read at different instants differ for a moment; this long it is a fault


class CalculatedSpec(msgspec.Struct, frozen=True):
    """One calculated point: the point, and how it comes about."""

    point: PointSpec
    expression: str


class CycleError(ValueError):
    """Calculated points that depend on each other in a ring; `path` begins and ends with the same id."""

    def __init__(self, path: Sequence[str]) -> None:
        super().__init__(" → ".join(path))
        self.path = list(path)


def ordered(inputs: Mapping[str, Collection[str]]) -> list[str]:
    """Return the ids so that each stands behind those it depends on, else as given. Raises CycleError.

    >>> ordered({"b": ["a", "x"], "a": []})
    ['a', 'b']
    """
    found: dict[str, None] = {}
    path: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in path:
            ring = list(path)
            raise CycleError([*ring[ring.index(name) :], name])
        if name in found or name not in inputs:
            return
        path[name] = None
        for other in inputs[name]:
            visit(other)
        del path[name]
        found[name] = None

    for name in inputs:
        visit(name)
    return list(found)


class Calculated(Part):
    """All calculated points of a site. `saved` are the registers of the records' log."""

    in_records = True

    def __init__(self, specs: Iterable[CalculatedSpec], saved: Mapping[str, Any]) -> None:
        super().__init__()
        self._specs = {spec.point.id: spec for spec in specs}
        self._saved = {name: saved.get(f"calculated/{name}") for name in self._specs}
        self._calculations: list[Calculation] = []
        self._due: dict[str, float] = {}
        self._counted: set[str] = set()
        """Points whose records are counted in a virtual meter."""
        self._moved: set[str] = set()
        """Virtual meters whose register is not durable yet."""
        self._before: dict[str, tuple[str, Calculation]] = {}

    def take_over(self, before: Calculated) -> None:
        """Go on with the calculations that are still the same: what they remember of their inputs is in no register."""
        self._before = {made.spec.id: (before._specs[made.spec.id].expression, made) for made in before._calculations}

    def attach(self, site: Engine) -> None:
        """Find the inputs among the points of the site. The settings were checked: nothing is refused here."""
        self.site = site
        units = {point.id: point.spec.unit for point in site.points.values()}
        words = {point.id: point.spec.words for point in site.points.values()}
        parsed = {
            name: parse(spec.expression, words, remembers=True).within(units, spec.point.unit)
            for name, spec in self._specs.items()
        }
        self._calculations = []
        for name in ordered({name: found.names for name, found in parsed.items()}):
            made = self._made(name, parsed[name])
            self._calculations.append(made)
            if made.meter is not None:
                self._counted.update(made.counters)
                if (self._saved[name] or {"live": True}).get("live"):
                    self._note(name)  # from where it counts must be known should the power fail before its first record
        self._before.clear()
        site.listen(self._counted)
        self.set_clock(site.now_ms)

    def _made(self, name: str, parsed: Expression) -> Calculation:
        """Return the calculation of before where it and all that it looks at are unchanged, else a new one."""
        points = self.site.points
        expression, before = self._before.get(name, ("", None))
        if before is not None and expression == self._specs[name].expression and before.is_among(points):
            return before
        return Calculation(points[name], parsed, [Input(points[other]) for other in parsed.names], self._saved[name])

    def set_clock(self, now_ms: int) -> None:
        """Place the instants of evaluation on the calendar anew."""
        for calculation in self._calculations:
            self._due[calculation.spec.id] = self._next_ms(calculation.spec, now_ms)
        self.due_ms = min(self._due.values(), default=NEVER)

    def _next_ms(self, spec: PointSpec, now_ms: int) -> int:
        before_ms = min(BEFORE_END_MS, spec.period_ms // 2)
        end_ms = self.site.period_end_ms(now_ms, spec.period_ms)
        if end_ms - before_ms <= now_ms:
            end_ms = self.site.period_end_ms(end_ms, spec.period_ms)
        return end_ms - before_ms

    def step(self, now_ms: int) -> None:
        """Compute what is due, inputs before what is made of them."""
        for calculation in self._calculations:
            if now_ms >= self._due[calculation.spec.id]:
                self._compute(calculation, now_ms)
                self._due[calculation.spec.id] = self._next_ms(calculation.spec, now_ms)
        self.due_ms = min(self._due.values(), default=NEVER)

    def _compute(self, calculation: Calculation, now_ms: int) -> None:
        value, quality, reason = calculation.evaluate(now_ms)
        spec = calculation.spec
        self.site.feed([Sample(spec.id, now_ms * 1_000_000, value, quality, reason)], now_ms)
        meter = calculation.meter
        if meter is None:
            return
        if calculation.has_integrals:
            self._note(spec.id)
        if meter.is_behind_for(now_ms, HELD_SAID_MS):
            self.site.emit(Event("index_held", now_ms, spec.id, {"index": meter.index, "u": spec.unit}))

    def _note(self, name: str) -> None:
        self._moved.add(name)
        self.is_changed = True

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Take note of what is counted for good: the register has to be durable with these records."""
        if not self._counted:
            return
        told = {record.point for record in records if record.increment and record.point in self._counted}
        if told:
            for calculation in self._calculations:
                if calculation.meter is not None and not told.isdisjoint(calculation.counters):
                    self._note(calculation.spec.id)

    def close(self, now_ms: int) -> None:
        """Bring virtual meters up to date: a clean stop loses nothing."""
        for calculation in self._calculations:
            if calculation.meter is not None:
                self._compute(calculation, now_ms)

    def explained(self, name: str) -> dict[str, Any]:
        """Return what a point is calculated from: the expression, and the points in it; empty for any other point."""
        for calculation in self._calculations:
            if calculation.spec.id == name:
                return {"expression": self._specs[name].expression, "inputs": list(calculation.inputs)}
        return {}

    def registers(self) -> dict[str, Any]:
        """Return the virtual meters that moved."""
        moved, self._moved = self._moved, set()
        return {f"calculated/{found.spec.id}": found.saved() for found in self._calculations if found.spec.id in moved}

    def saved(self) -> dict[str, Any]:
        """Return all virtual meters up to now."""
        return {
            f"calculated/{found.spec.id}": found.saved(live=True)
            for found in self._calculations
            if found.meter is not None
        }
