"""Expressions over points: read, checked, bounded, computed. For calculated points, limits and rules.

    from edge.core import expression

    found = expression.parse("boiler.flow - boiler.return", ["boiler.flow", "boiler.return"])
    found = found.within({"boiler.flow": "Cel", "boiler.return": "Cel"})     # units checked, conversions put in
    found.evaluate({"boiler.flow": 71.5, "boiler.return": 58.0})             # 13.5

Computed by simpleeval over a tree that was checked against a short list first (edge.core.expression_tree): no
attributes, no texts, no calls but those of the list, no names but points. All numbers are floats, so that none grows
beyond what one operation takes. A result is finite, or there is none: `UndefinedError` says why, by a code of REASONS.
"""

from __future__ import annotations

import ast
import copy
import math
import operator
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Final

import msgspec

from edge.core.expression_text import REMEMBERING, ExpressionError, Names, Quantity, written
from edge.core.expression_tree import tree
from edge.core.expression_units import INTEGRALS, RATES, Found, Typing, quantity, rate_of

__all__ = ["Expression", "ExpressionError", "Memory", "UndefinedError", "parse"]

LARGEST: Final = 1e300  # as of a point's value


class UndefinedError(ArithmeticError):
    """An expression has no value for these inputs; `reason` is a code of hal.sample.REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Memory(msgspec.Struct, frozen=True):
    """A part that has to be remembered: `kind` rate, moved or integral, of what, and the factor to its unit.

    A rate of kWh is in kW: factor 3600 from kWh per second.
    """

    kind: str
    of: Expression
    factor: float = 1.0


class Expression:
    """A checked expression. `names` are the ids of its points, in the order in which they stand."""

    def __init__(
        self,
        text: str,
        root: ast.expr,
        points: Mapping[str, str],
        quantities: Mapping[str, Quantity],
        memories: Sequence[Memory] = (),
    ) -> None:
        self.text = text
        self.memories = tuple(memories)
        self._root = root
        self._points = dict(points)
        self._quantities = dict(quantities)
        own = {node.id for node in ast.walk(root) if isinstance(node, ast.Name)}
        self.own_names = tuple(point for name, point in points.items() if name in own)
        """Ids of the points that stand outside of what is remembered."""
        inner: set[str] = {name for memory in self.memories for name in memory.of.names}
        self.names: tuple[str, ...] = tuple(
            point for point in points.values() if point in inner or point in self.own_names
        )
        self.is_truth = isinstance(root, ast.Compare | ast.BoolOp) or (
            isinstance(root, ast.UnaryOp) and isinstance(root.op, ast.Not)
        )
        """Whether it says yes or no: 1 or 0."""
        self._evaluator: Any = None

    def evaluate(self, values: Mapping[str, float], remembered: Sequence[float] = ()) -> float:
        """Return the value for these of its points; `remembered` are those of `memories`. Raises UndefinedError.

        A value that is missing is the caller's to see: KeyError.
        """
        if self._evaluator is None:
            self._evaluator = _evaluator()
        names = {name: float(values[point]) for name, point in self._points.items() if point in self.own_names}
        names |= {name: found.value for name, found in self._quantities.items()}
        names |= {f"m{index}": value for index, value in enumerate(remembered)}
        self._evaluator.names = names
        try:
            found = self._evaluator.eval(self.text, self._root)
            return _finite(float(found))
        except ZeroDivisionError:
            raise UndefinedError("division_by_zero") from None
        except OverflowError:
            raise UndefinedError("out_of_range") from None
        except (ValueError, TypeError):  # the root of a negative number; none
            raise UndefinedError("undefined") from None

    def unit(self, units: Mapping[str, str]) -> str:
        """Return the unit of the table that it gives, "/" for a ratio, "" for yes, no and bare numbers.

        `units` are those of its points. Raises ExpressionError, also where parts don't add up.
        """
        return self._typed(units, None)[1]

    def within(self, units: Mapping[str, str], unit: str | None = None) -> Expression:
        """Return the same expression with conversions between the units of its points, its value in `unit`.

        None takes the unit that `unit()` returns. Raises ExpressionError.
        """
        root, _, memories = self._typed(units, unit)
        return Expression(self.text, root, self._points, self._quantities, memories)

    def _typed(self, units: Mapping[str, str], unit: str | None) -> tuple[ast.expr, str, list[Memory]]:
        memories, remembered = [], {}
        for index, memory in enumerate(self.memories):
            inner = memory.of.within(units)
            inner_unit = memory.of.unit(units)
            found, factor = _steps(quantity(inner_unit)), 1.0
            if memory.kind != "moved":
                table, sign = (RATES, -1) if memory.kind == "rate" else (INTEGRALS, 1)
                found, factor = rate_of(found, table, inner_unit, sign)
            memories.append(Memory(memory.kind, inner, factor))
            remembered[f"m{index}"] = found
        of = {name: units.get(point, "") for name, point in self._points.items()}
        root, result = Typing(of, self._quantities, remembered).result(copy.deepcopy(self._root), unit)
        return root, result, memories

    def is_sum_of(self, names: Container[str]) -> bool:
        """Return whether it only adds up these points, and what is remembered, each times a fixed factor."""
        return _degree(self._root, {name for name, point in self._points.items() if point in names}) == 1


def _degree(node: ast.expr, names: Container[str]) -> int | None:
    """Return 1 for a sum of names with factors, 0 for a fixed number, None for anything else."""
    found: int | None = None
    match node:
        case ast.Constant(value=value):
            found = None if value is None else 0
        case ast.Name(id=name):
            found = 0 if name.startswith("q") else 1 if name in names or name.startswith("m") else None
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            found = _degree(operand, names)
        case ast.BinOp(left=left, op=op, right=right):
            one, other = _degree(left, names), _degree(right, names)
            if one is None or other is None:
                return None
            if isinstance(op, ast.Add | ast.Sub):
                found = one if one == other else None
            elif isinstance(op, ast.Mult):
                found = one + other if one + other < 2 else None
            elif other == 0:  # divided by a fixed number
                found = one
    return found


def parse(text: str, names: Names, *, remembers: bool = False) -> Expression:
    """Return a checked expression over these points; a mapping gives each state's words.

    Raises ExpressionError, whose `text` says why and which part is meant. Only who keeps the memory of rate(x),
    moved(x) and integral(x) asks for `remembers`.
    """
    found = written(text, names)
    root = tree(found, text, names)
    lifted = _Lifting(text, found.points, found.quantities, remembers=remembers)
    root = lifted.visit(root)
    made = Expression(text, root, found.points, found.quantities, lifted.memories)
    if not made.names:
        raise ExpressionError("no_point")
    return made


class _Lifting(ast.NodeTransformer):
    """Takes rate(…) and integral(…) out of a tree: each becomes a name such as m0."""

    def __init__(self, text: str, points: dict[str, str], quantities: dict[str, Quantity], *, remembers: bool) -> None:
        self._text = text
        self._points = points
        self._quantities = quantities
        self._remembers = remembers
        self._seen: dict[str, ast.Name] = {}
        self.memories: list[Memory] = []

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Replace a call that remembers, the same one by the same name."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in REMEMBERING:
            self.generic_visit(node)
            return node
        if not self._remembers:
            raise ExpressionError("remembers", part=name)
        inner = node.args[0]
        if any(isinstance(part, ast.Call) and getattr(part.func, "id", "") in REMEMBERING for part in ast.walk(inner)):
            raise ExpressionError("remembers_twice", part=name)
        key = ast.dump(node)
        if key not in self._seen:
            of = Expression(self._text, inner, self._points, self._quantities)
            if not of.names:
                raise ExpressionError("no_point")
            self._seen[key] = ast.Name(f"m{len(self.memories)}", ast.Load())
            self.memories.append(Memory(name, of))
        return self._seen[key]


def _steps(found: Found) -> Found:
    """Return what the steps of an index are in; of a temperature they are differences."""
    return found._replace(is_absolute=False, is_bare=False)


def _finite(value: float) -> float:
    if not abs(value) <= LARGEST:
        raise OverflowError
    return value


def _bounded(function: Callable[..., float]) -> Callable[..., float]:
    """Return an operation whose result is finite, so that min() and max() can't hide an overflow."""

    def bounded(*values: float) -> float:
        return _finite(function(*values))

    return bounded


def _least(*values: float) -> float:
    return min(values)


def _most(*values: float) -> float:
    return max(values)


def _average(*values: float) -> float:
    return math.fsum(values) / len(values)


def _clamp(value: float, low: float, high: float) -> float:
    return max(low, min(value, high))


def _rounded(value: float, digits: float = 0) -> float:
    return float(round(value, max(-12, min(12, int(digits)))))


_OPERATORS: Final[dict[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: _bounded(operator.add), ast.Sub: _bounded(operator.sub), ast.Mult: _bounded(operator.mul),
    ast.Div: _bounded(operator.truediv), ast.Pow: _bounded(math.pow), ast.USub: operator.neg, ast.UAdd: operator.pos,
    ast.Not: operator.not_, ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_FUNCTIONS: Final[dict[str, Callable[..., float]]] = {
    "min": _least, "max": _most, "abs": abs, "sqrt": math.sqrt, "round": _rounded, "avg": _average, "clamp": _clamp,
}  # fmt: skip


def _evaluator() -> Any:
    from simpleeval import SimpleEval  # only a site with expressions loads it

    return SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names={})
