"""A condition over several points: "door.north == 1 and t.cold > 8"."""

from __future__ import annotations

from typing import Any

from edge.core import expression
from edge.core.measure import Measure
from edge.core.types import LimitSpec


class Condition(Measure):
    """Whether an expression is true: 1 or 0. Evaluated when an input has a reading; one without says nothing."""

    __slots__ = ("_expression", "values")

    def __init__(self, spec: LimitSpec) -> None:
        super().__init__(spec)
        parsed = expression.parse(spec.expression, {name: each.words for name, each in spec.inputs.items()})
        self._expression = parsed.within({name: each.unit for name, each in spec.inputs.items()})
        self.values: dict[str, float | None] = dict.fromkeys(parsed.names)

    @property
    def others(self) -> tuple[str, ...]:
        """The points that it names."""
        return tuple(name for name in self.values if name != self.spec.point)

    def take(self, of: str, value: float | None, t_ms: int) -> None:
        """Keep the last reading of a point that it names."""
        name = of or self.spec.point
        if name in self.values:
            self.values[name] = value

    def number(self, t_ms: int) -> float | None:
        """Return 1 where it is true, 0 where not; None while an input has no value, or the sum makes none."""
        values = {name: value for name, value in self.values.items() if value is not None}
        if len(values) < len(self.values):
            return None
        try:
            return float(self._expression.evaluate(values) != 0)
        except expression.UndefinedError:  # a division by zero
            return None

    @property
    def bound(self) -> float | None:
        """What is beyond: anything but 0."""
        return 0.0

    def facts(self) -> dict[str, Any]:
        """Return the expression and the readings that it was made of."""
        readings = [f"{name}={value:.10g}" for name, value in self.values.items() if value is not None]
        return {"expression": self.spec.expression, "inputs": " ".join(readings)}
