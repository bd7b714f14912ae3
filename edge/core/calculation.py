"""One calculated point while it runs: its inputs, what it remembers of them, and the index of a virtual meter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from edge.core.counter import ROUND, pending, recorded
from edge.core.expression import Expression, Memory, UndefinedError
from edge.core.integral import LONGEST_MS, Integral
from edge.core.kinds import Counter
from edge.core.limit import NOT_YET
from edge.core.point import Point
from edge.core.rate import Rate
from hal.sample import BAD, GOOD, UNCERTAIN, Quality

Outcome: TypeAlias = tuple[float | int | None, Quality, str]
"""Value, quality, reason, as in a Sample."""

MOST_STEPS: Final = 3  # readings that an integral may miss before it leaves a hole


class Input:
    """A point that is calculated from: its present value, and of a counter what it moved since the start."""

    __slots__ = ("_base", "point")

    def __init__(self, point: Point) -> None:
        self.point = point
        self._base = 0.0
        self.begin(is_known=False)

    def begin(self, *, is_known: bool) -> None:
        """Count from here: `is_known`, from what stands in records; else from now."""
        point = self.point
        if isinstance(point, Counter):
            self._base = recorded(point.register) + (0 if is_known else pending(point.register))

    def moved(self, *, in_records: bool = False) -> float:
        """Return what a counter moved, `in_records`: as far as it stands in records."""
        point = self.point
        if not isinstance(point, Counter):
            raise TypeError(point.id)  # the settings let only counters come here
        register = point.register
        return round(recorded(register) - self._base + (0 if in_records else pending(register)), ROUND)

    def trouble(self, now_ms: int) -> Outcome | None:
        """Return why its value is none or in doubt, None where it is good."""
        point = self.point
        if point.quality == BAD or point.value is None or now_ms > point.seen_ms + point.spec.stale_ms:
            return None, BAD, f"input_bad:{point.id}"
        if point.quality != UNCERTAIN:
            return None
        # what no limit acts on yet stays so; another reason is of that point alone (a meter was exchanged, a power cut)
        return None, UNCERTAIN, point.reason if point.reason in NOT_YET else f"input_doubt:{point.id}"


class Meter:
    """The index of a virtual meter: it stands still where the sum went back, until the sum has caught up."""

    __slots__ = ("_behind_ms", "_is_said", "base", "index")

    def __init__(self, saved: dict[str, Any] | None, least: float) -> None:
        # without a register of its own (a new box made from a backup) it goes on from the index that the point has
        saved = saved or {"total": least}
        self.base: float = saved.get("total", 0.0)
        """What the sum was at the start of the box."""
        self.index: float = max(saved.get("index", 0.0), least)
        self._behind_ms: int | None = None
        self._is_said = False

    def take(self, moved: float, now_ms: int) -> tuple[float, bool]:
        """Take what the sum moved since the start; return the index, and whether it is held back."""
        total = round(self.base + moved, ROUND)
        if total >= self.index:
            self.index, self._behind_ms, self._is_said = total, None, False
            return self.index, False
        if self._behind_ms is None:
            self._behind_ms = now_ms
        return self.index, True

    def is_behind_for(self, now_ms: int, long_ms: int) -> bool:
        """Return, once, that the sum has been behind the index for so long."""
        if self._behind_ms is None or self._is_said or now_ms - self._behind_ms < long_ms:
            return False
        self._is_said = True
        return True


class Remembered:
    """What one rate(…), moved(…) or integral(…) remembers."""

    __slots__ = ("_integral", "_last", "_rate", "memory", "now")

    def __init__(self, memory: Memory, period_ms: int) -> None:
        self.memory = memory
        self._rate = Rate()
        self._last: float | None = None
        self._integral = Integral(longest_ms=max(LONGEST_MS, MOST_STEPS * period_ms))
        self.now: float | None = 0.0 if memory.kind == "integral" else None
        """Its value; None while it can't be known."""

    def take(self, inputs: dict[str, Input], now_ms: int, *, is_bad: bool) -> None:
        """Take the inputs' values; raises UndefinedError where they give none."""
        memory = self.memory
        if memory.kind == "integral":
            value = None
            try:
                if not is_bad:
                    value = memory.of.evaluate({name: _number(inputs[name].point) for name in memory.of.names})
            finally:
                self.now = self._integral.take(value, now_ms) * memory.factor
        elif not is_bad:
            moved = memory.of.evaluate({name: inputs[name].moved() for name in memory.of.names})
            if memory.kind == "rate":
                rate = self._rate.take(moved, now_ms)
                self.now = None if rate is None else rate * memory.factor
            else:
                self.now = None if self._last is None else round(moved - self._last, ROUND)
                self._last = moved


class Calculation:
    """One calculated point."""

    def __init__(self, point: Point, expression: Expression, inputs: Sequence[Input], saved: Any) -> None:
        self.spec = spec = point.spec
        self._point = point
        self._expression = expression
        self.inputs = {found.point.id: found for found in inputs}
        self._remembered = [Remembered(memory, spec.period_ms) for memory in expression.memories]
        self.has_integrals = any(memory.kind == "integral" for memory in expression.memories)
        self.counters = expression.own_names
        # what the point's own register was given last may be newer than ours
        self.meter = Meter(saved, point.register.raw or 0.0) if isinstance(point, Counter) else None
        if saved and not saved.get("live"):
            for found in self.inputs.values():
                found.begin(is_known=True)

    def is_among(self, points: Mapping[str, Point]) -> bool:
        """Return whether the point and its inputs are these very ones: a point that measures otherwise is another."""
        own = {self._point.id: self._point, **{name: found.point for name, found in self.inputs.items()}}
        return all(points.get(name) is point for name, point in own.items())

    def evaluate(self, now_ms: int) -> Outcome:
        """Return the value from the present values of its inputs."""
        worst: Outcome | None = None
        for found in self.inputs.values():
            trouble = found.trouble(now_ms)
            if trouble is not None and (worst is None or trouble[1] > worst[1]):
                worst = trouble
        is_bad = worst is not None and worst[1] == BAD
        try:
            for remembered in self._remembered:
                remembered.take(self.inputs, now_ms, is_bad=is_bad)
            if worst is not None and is_bad:
                return worst
            value = self._value()
        except UndefinedError as exc:
            return None, BAD, exc.reason
        if value is None:
            return None, BAD, "too_early"
        if self.meter is not None:
            value, is_held = self.meter.take(value, now_ms)
            if is_held and worst is None:
                worst = None, UNCERTAIN, "held_back"
        found_value = int(value) if self.spec.kind == "state" and value == int(value) else round(value, ROUND)
        return found_value, *(worst[1:] if worst else (GOOD, ""))

    def _value(self) -> float | None:
        """Return the expression's value, of a meter what it moved since the start; None while it can't be known."""
        if self.meter is not None:
            return self._moved()
        remembered = [found.now for found in self._remembered]
        known = [value for value in remembered if value is not None]
        if len(known) < len(remembered):
            return None
        values = {name: _number(self.inputs[name].point) for name in self._expression.own_names}
        return self._expression.evaluate(values, known)

    def _moved(self, *, in_records: bool = False) -> float:
        moved = {name: self.inputs[name].moved(in_records=in_records) for name in self.counters}
        return self._expression.evaluate(moved, [found.now or 0.0 for found in self._remembered])

    def saved(self, *, live: bool = False) -> dict[str, Any]:
        """Return the register of a meter: what it counted for good, and where its index stands.

        `live`: what it counted up to now, for other settings; a new formula must not value anew what was counted.
        """
        if self.meter is None:
            return {}
        total = round(self.meter.base + self._moved(in_records=not live), ROUND)
        found: dict[str, Any] = {"total": total, "index": self.meter.index}
        return {**found, "live": True} if live else found


def _number(point: Point) -> float:
    value = point.value
    if value is None or isinstance(value, str):
        raise UndefinedError("undefined")  # a text; the settings refuse it
    return value
