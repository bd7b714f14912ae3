"""Units through an expression: what it gives, what it must not add up, and where a conversion belongs.

Values stay in the units in which their points are written, so that no figure changes by a detour over SI units. Where
two units of one dimension meet (W + kW), the second is converted to the first; at the end the result is converted to
the unit that is wanted. A bare number beside + - < > min max … is in the unit of the other side.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from edge.core import dimension
from edge.core.dimension import NO_POWERS, UNITS, Dimension, Scaled
from edge.core.expression_text import ExpressionError, Quantity

RATES: Final = {
    "Wh": "W", "kWh": "kW", "MWh": "kW", "J": "W", "VAs": "VA", "kVAh": "kVA", "vars": "var", "varh": "var",
    "kvarh": "kvar", "m3": "m3/h", "l": "l/min", "count": "1/min", "beats": "beat/min", "C": "A", "Ah": "A", "m": "m/s",
    "mm": "mm/h", "bit": "bit/s", "B": "B/s",
}  # fmt: skip
"""In which unit people read how fast an index moves; of any other unit it is that unit a second."""
INTEGRALS: Final = {
    "W": "Wh", "kW": "kWh", "VA": "VAs", "kVA": "kVAh", "var": "varh", "kvar": "kvarh", "m3/h": "m3", "m3/s": "m3",
    "l/min": "l", "l/h": "l", "l/s": "l", "A": "Ah", "mA": "Ah", "1/min": "count", "bit/s": "bit", "B/s": "B",
}  # fmt: skip
"""In which unit people read what a gauge adds up to; of any other it is that unit times seconds."""


class Found(NamedTuple):
    """What a part of an expression gives. `is_bare`: a number that takes the unit of what stands beside it."""

    dimension: Dimension = Dimension()
    factor: float = 1.0
    is_absolute: bool = False
    """A temperature in °C, of which only differences can be added up."""
    is_bare: bool = False


BARE: Final = Found(is_bare=True)


def quantity(unit: str) -> Found:
    """Return what a point in this unit gives. Raises ExpressionError for a unit that is not in the table."""
    if not unit:
        return BARE
    known = UNITS.get(unit)
    if known is None:
        raise ExpressionError("unit_unknown", part=unit)
    return Found(known.dimension, known.factor, is_absolute=bool(known.offset))


def composed(text: str) -> Found:
    """Return what a unit made of units of the table is, such as kWh/m3/K. Raises ExpressionError.

    >>> composed("kWh/m3/K").dimension == composed("J/l/K").dimension
    True
    """
    if text in UNITS:
        return quantity(text)
    found = Found()
    sign = 1
    for part in text.replace("*", " * ").replace("·", " * ").replace("/", " / ").split():
        if part in {"*", "/"}:
            sign = 1 if part == "*" else -1
            continue
        of = quantity(part) if part != "1" else Found()
        made = dimension.multiplied(found.dimension, of.dimension, sign)
        found = Found(made, found.factor * of.factor**sign)
    if found == Found() or text.strip().endswith(("*", "/", "·")):
        raise ExpressionError("unit_unknown", part=text)
    return found


class Typing:
    """Walks a tree with the units of its names; gives the tree with its conversions, and what it yields."""

    def __init__(
        self, units: Mapping[str, str], quantities: Mapping[str, Quantity], remembered: Mapping[str, Found]
    ) -> None:
        self._of = {
            **{name: quantity(unit) for name, unit in units.items()},
            **{name: composed(found.unit) for name, found in quantities.items()},
            **remembered,
        }
        self._preferred = tuple(unit for unit in units.values() if unit)
        self._typed: dict[type[ast.expr], Callable[[Any], tuple[ast.expr, Found]]] = {
            ast.BinOp: self._binary, ast.UnaryOp: self._unary, ast.BoolOp: self._all, ast.Compare: self._compared,
            ast.IfExp: self._chosen, ast.Call: self._call,
        }  # fmt: skip

    def result(self, node: ast.expr, wanted: str | None) -> tuple[ast.expr, str]:
        """Return the tree whose value is in the wanted unit, and that unit; None takes the one that fits."""
        node, found = self.of(node)
        if found.is_bare:
            return node, wanted or ""
        if wanted is None:
            unit = self._unit(found)
            if unit is None:
                raise ExpressionError("unit_none", found=dimension.spelt(found.dimension))
            wanted = unit
        target = UNITS.get(wanted) or Scaled(Dimension())
        if not target.dimension.fits(found.dimension) or bool(target.offset) != found.is_absolute:
            raise ExpressionError("unit_wanted", wanted=wanted, known=self._candidates(found))
        return _times(node, found.factor / target.factor), wanted

    def _unit(self, found: Found) -> str | None:
        if found.is_absolute:
            return "Cel"
        if found.dimension == Dimension():
            return "/"
        return dimension.named(found.dimension, found.factor, self._preferred) or next(
            iter(dimension.fitting(found.dimension)), None
        )

    def _candidates(self, found: Found) -> list[str]:
        if found.is_absolute:
            return ["Cel"]
        units = dict.fromkeys((self._unit(found) or "", *dimension.fitting(found.dimension)))
        return [unit for unit in units if unit][:8] or [dimension.spelt(found.dimension)]

    def told(self, found: Found) -> str:
        """Return a unit for a message."""
        if found.is_absolute:
            return "Cel"
        return dimension.named(found.dimension, found.factor, self._preferred) or dimension.spelt(found.dimension)

    # -- each part

    def of(self, node: ast.expr) -> tuple[ast.expr, Found]:
        """Return a part with its conversions, and what it gives."""
        if isinstance(node, ast.Name):
            return node, self._of[node.id]
        typed = self._typed.get(type(node))
        return (node, BARE) if typed is None else typed(node)

    def _binary(self, node: ast.BinOp) -> tuple[ast.expr, Found]:
        if isinstance(node.op, ast.Pow):
            return self._power(node)
        return self._sum(node) if isinstance(node.op, ast.Add | ast.Sub) else self._product(node)

    def _unary(self, node: ast.UnaryOp) -> tuple[ast.expr, Found]:
        operand, found = self.of(node.operand)
        if isinstance(node.op, ast.Not):
            return ast.UnaryOp(node.op, operand), BARE
        self._refuse_absolute(found, "-")
        return ast.UnaryOp(node.op, operand), found

    def _all(self, node: ast.BoolOp) -> tuple[ast.expr, Found]:
        return ast.BoolOp(node.op, [self.of(value)[0] for value in node.values]), BARE

    def _compared(self, node: ast.Compare) -> tuple[ast.expr, Found]:
        sides, _ = self._alike([node.left, *node.comparators])
        return ast.Compare(sides[0], node.ops, sides[1:]), BARE

    def _chosen(self, node: ast.IfExp) -> tuple[ast.expr, Found]:
        test, _ = self.of(node.test)
        (body, orelse), found = self._alike([node.body, node.orelse])
        return ast.IfExp(test, body, orelse), found

    def _sum(self, node: ast.BinOp) -> tuple[ast.expr, Found]:
        is_sum = isinstance(node.op, ast.Add)
        (left, one), (right, other) = self.of(node.left), self.of(node.right)
        absolute = one.is_absolute + other.is_absolute
        if absolute and (one.is_bare or other.is_bare):
            raise ExpressionError("temperature_number", sign="+" if is_sum else "-")
        if absolute:
            if is_sum and absolute == 2:
                raise ExpressionError("temperature_sum")
            if not is_sum and other.is_absolute and not one.is_absolute:
                raise ExpressionError("temperature_from")
            right = self._converted(right, other, one, "+" if is_sum else "-")
            return ast.BinOp(left, node.op, right), one._replace(is_absolute=is_sum or absolute == 1)
        (left, right), found = self._met([(left, one), (right, other)], "+" if is_sum else "-")
        return ast.BinOp(left, node.op, right), found

    def _alike(self, nodes: Sequence[ast.expr]) -> tuple[list[ast.expr], Found]:
        """Return parts that must be told in one unit, converted to that of the first that has one."""
        parts = [self.of(node) for node in nodes]
        if len({found.is_absolute for _, found in parts if not found.is_bare}) > 1:
            units = [self.told(found) for _, found in parts if not found.is_bare]
            raise ExpressionError("unit_other", one=units[0], other=next(unit for unit in units if unit != units[0]))
        return self._met(parts, "")

    def _met(self, parts: Sequence[tuple[ast.expr, Found]], sign: str) -> tuple[list[ast.expr], Found]:
        first = next((found for _, found in parts if not found.is_bare), None)
        if first is None:
            return [node for node, _ in parts], BARE
        is_named = first.is_absolute or dimension.named(first.dimension, first.factor, self._preferred)
        if not is_named and any(found.is_bare for _, found in parts):
            raise ExpressionError("number_unit", found=dimension.spelt(first.dimension))
        nodes = [self._converted(node, found, first, sign) for node, found in parts]
        sort = next((found.dimension.sort for _, found in parts if found.dimension.sort), "")
        return nodes, first._replace(dimension=Dimension(first.dimension.powers, sort))

    def _converted(self, node: ast.expr, found: Found, to: Found, sign: str) -> ast.expr:
        if found.is_bare:
            return node
        if not found.dimension.fits(to.dimension):
            raise ExpressionError("unit_other", one=self.told(to), other=self.told(found))
        return _times(node, found.factor / to.factor)

    def _product(self, node: ast.BinOp) -> tuple[ast.expr, Found]:
        is_product = isinstance(node.op, ast.Mult)
        (left, one), (right, other) = self.of(node.left), self.of(node.right)
        for found in (one, other):
            self._refuse_absolute(found, "*" if is_product else "/")
        made: ast.expr = ast.BinOp(left, node.op, right)
        if one.is_bare and other.is_bare:
            return made, BARE
        if other.is_bare:
            return made, one
        if one.is_bare and is_product:
            return made, other
        sign = 1 if is_product else -1
        found = Found(dimension.multiplied(one.dimension, other.dimension, sign), one.factor * other.factor**sign)
        if found.dimension.powers == NO_POWERS and not found.dimension.sort:  # kW / W is a number, not a unit
            return _times(made, found.factor), Found()
        return made, found

    def _power(self, node: ast.BinOp) -> tuple[ast.expr, Found]:
        (left, one), (right, other) = self.of(node.left), self.of(node.right)
        self._refuse_absolute(one, "**")
        made = ast.BinOp(left, node.op, right)
        if not other.is_bare:
            raise ExpressionError("power", part=self.told(other))
        if one.is_bare or one.dimension == Dimension():
            return made, BARE
        exponent = right.value if isinstance(right, ast.Constant) else None
        if not isinstance(exponent, float) or exponent != int(exponent) or not 1 <= exponent <= 4:
            raise ExpressionError("power", part=self.told(one))
        return made, Found(dimension.raised(one.dimension, int(exponent)), one.factor ** int(exponent))

    def _call(self, node: ast.Call) -> tuple[ast.expr, Found]:
        name = ast.unparse(node.func)
        if name == "sqrt":
            argument, found = self.of(node.args[0])
            half = None if found.is_absolute else dimension.root(found.dimension)
            if half is None:
                raise ExpressionError("root", part=self.told(found))
            return ast.Call(node.func, [argument], []), found._replace(dimension=half, factor=found.factor**0.5)
        if name == "round":
            argument, found = self.of(node.args[0])
            return ast.Call(node.func, [argument, *node.args[1:]], []), found
        arguments, found = self._alike(node.args)
        return ast.Call(node.func, arguments, []), found

    def _refuse_absolute(self, found: Found, sign: str) -> None:
        if found.is_absolute:
            raise ExpressionError("temperature_product", sign=sign)


def _times(node: ast.expr, factor: float) -> ast.expr:
    """Return a part times a factor, itself where that is 1."""
    if dimension.is_same(factor, 1.0):
        return node
    if isinstance(node, ast.Constant) and isinstance(node.value, float):
        return ast.Constant(dimension.rounded(node.value * factor, 15))
    return ast.BinOp(node, ast.Mult(), ast.Constant(dimension.rounded(factor, 15)))


def rate_of(found: Found, table: Mapping[str, str], preferred: str, sign: int) -> tuple[Found, float]:
    """Return what the rate (sign -1) or integral (sign 1) of a part gives, and the factor that leads to it."""
    seconds = UNITS["s"]
    made = dimension.multiplied(found.dimension, seconds.dimension, sign)
    unit = table.get(preferred)
    if unit is None or not UNITS[unit].dimension.fits(made):
        return Found(made, found.factor), 1.0
    target = UNITS[unit]
    return Found(target.dimension, target.factor), dimension.rounded(found.factor / target.factor, 15)
