"""The tree of an expression: bounded, of a short list of parts, with the words of states as numbers.

Everything that is not on the list is refused before anything is computed, so that what computes it has nothing to fear.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final

from edge.core.expression_text import ExpressionError, Names, Written

NODES_MOST: Final = 200
DEEP_MOST: Final = 24
_COUNTS: Final = {
    "min": (1, 32), "max": (1, 32), "avg": (1, 32), "mean": (1, 32), "abs": (1, 1), "sqrt": (1, 1), "round": (1, 2),
    "clamp": (3, 3), "if_": (3, 3), "rate": (1, 1), "moved": (1, 1),
    "integral": (1, 1),
}  # fmt: skip
_NODES: Final = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Name, ast.Constant,
)  # fmt: skip
_OPERATORS: Final = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd, ast.Not, ast.And, ast.Or, ast.Eq, ast.NotEq,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip


def tree(expression: Written, text: str, names: Names) -> ast.expr:
    """Return the tree of an expression, with words of states as numbers. Raises ExpressionError."""
    from simpleeval import SimpleEval  # only a site with expressions loads it

    try:
        made: ast.AST = SimpleEval.parse(expression.text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExpressionError("syntax", part=text[:60]) from None
    if not isinstance(made, ast.Expr):
        raise ExpressionError("syntax", part=text[:60])
    words = names if isinstance(names, Mapping) else {}
    checked = _Checker(expression, words).visited(made.value, 0)
    if isinstance(checked, ast.Constant) and isinstance(checked.value, str):
        raise ExpressionError("word_place", part=checked.value)
    return checked


class _Checker:
    """Walks a tree: what is not on the list is refused, states' words and if(…) are replaced."""

    def __init__(self, expression: Written, words: Mapping[str, Sequence[str]]) -> None:
        self._points = expression.points
        self._words = words
        self._count = 0

    def visited(self, node: ast.expr, depth: int) -> ast.expr:
        """Return a part as it may be computed."""
        self._count += 1
        if self._count > NODES_MOST or depth > DEEP_MOST:
            raise ExpressionError("too_large", most=NODES_MOST)
        if not isinstance(node, _NODES):
            raise ExpressionError("part", part=_shown(node))
        deeper = depth + 1
        match node:
            case ast.BinOp(op=op):
                self._check_operator(op)
                # a + b + c + … leans to the left and is one level, however many there are: NODES_MOST bounds it
                left = depth if isinstance(node.left, ast.BinOp) else deeper
                node.left, node.right = self._number(node.left, left), self._number(node.right, deeper)
            case ast.UnaryOp(op=op):
                self._check_operator(op)
                node.operand = self._number(node.operand, deeper)
            case ast.BoolOp():
                node.values = [self._number(value, deeper) for value in node.values]
                return ast.UnaryOp(ast.Not(), ast.UnaryOp(ast.Not(), node))  # 1 or 0, not the last value
            case ast.Compare():
                self._compare(node, deeper)
            case ast.IfExp():
                node.test, node.body = self._number(node.test, deeper), self._number(node.body, deeper)
                node.orelse = self._number(node.orelse, deeper)
            case ast.Call():
                return self._call(node, deeper)
            case ast.Constant(value=value):
                if isinstance(value, int | float):
                    return ast.Constant(_finite(value))
        return node

    def _number(self, node: ast.expr, depth: int) -> ast.expr:
        found = self.visited(node, depth)
        if isinstance(found, ast.Constant) and isinstance(found.value, str):
            raise ExpressionError("word_place", part=found.value)
        return found

    def _check_operator(self, op: ast.operator | ast.unaryop | ast.cmpop) -> None:
        if not isinstance(op, _OPERATORS):
            raise ExpressionError("part", part=type(op).__name__)

    def _compare(self, node: ast.Compare, depth: int) -> None:
        for op in node.ops:
            self._check_operator(op)
        sides = [self.visited(side, depth) for side in (node.left, *node.comparators)]
        for index, side in enumerate(sides):
            if isinstance(side, ast.Constant) and isinstance(side.value, str):
                other = sides[1 - index] if len(sides) == 2 and isinstance(node.ops[0], ast.Eq | ast.NotEq) else None
                sides[index] = self._number_of_word(side.value, other)
        node.left, *node.comparators = sides

    def _number_of_word(self, word: str, other: ast.expr | None) -> ast.Constant:
        point = self._points.get(other.id) if isinstance(other, ast.Name) else None
        if point is None:
            raise ExpressionError("word_place", part=word)
        known = list(self._words.get(point, ()))
        if word not in known:
            raise ExpressionError("word", part=word, name=point, known=known)
        return ast.Constant(float(known.index(word)))

    def _call(self, node: ast.Call, depth: int) -> ast.expr:
        if not isinstance(node.func, ast.Name) or node.keywords or node.func.id not in _COUNTS:
            raise ExpressionError("part", part=_shown(node))
        least, most = _COUNTS[node.func.id]
        name = node.func.id.removesuffix("_")
        if not least <= len(node.args) <= most:
            raise ExpressionError("arguments", part=name, least=least, most=most)
        node.args = [self._number(argument, depth) for argument in node.args]
        if node.func.id == "if_":
            return ast.IfExp(*node.args)
        if name == "mean":
            node.func.id = "avg"
        if name == "round" and len(node.args) == 2 and not isinstance(node.args[1], ast.Constant):
            raise ExpressionError("digits")
        return node


def _shown(node: ast.expr) -> str:
    try:
        return ast.unparse(node)[:40]
    except RecursionError:
        return type(node).__name__


def _finite(value: float) -> float:
    try:
        found = float(value)
    except (OverflowError, TypeError):
        found = float("inf")
    if not abs(found) <= 1e300:
        raise ExpressionError("number")
    return found
