"""An expression as people write it, turned into a bounded tree of Python's own syntax, or refused with the reason.

Ids of points hold dots and dashes, so they are given names of their own before the tree is made: in
`boiler.flow - {t-1}` they are p0 and p1. What the tree may hold is a short list; everything else is refused here,
before anything is computed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from edge.core.text import Text

Names: TypeAlias = Collection[str] | Mapping[str, Sequence[str]]
"""The ids that may stand in an expression; a mapping gives each state's words."""

TEXT_MOST: Final = 500
NODES_MOST: Final = 200
DEEP_MOST: Final = 24
FUNCTIONS: Final = ("min", "max", "abs", "round", "sqrt", "avg", "mean", "clamp", "if")
REMEMBERING: Final = ("rate", "moved", "integral")
"""Functions that remember: only where somebody keeps their memory, in [[calculated]]."""
_COUNTS: Final = {
    "min": (1, 32), "max": (1, 32), "avg": (1, 32), "mean": (1, 32), "abs": (1, 1), "sqrt": (1, 1), "round": (1, 2),
    "clamp": (3, 3), "if_": (3, 3), "rate": (1, 1), "moved": (1, 1),
    "integral": (1, 1),
}  # fmt: skip
_WORDS: Final = frozenset({"and", "or", "not", "if", "else"})
_CONSTANTS: Final = {"true": "1", "false": "0", "none": "None"}
_INSTEAD: Final = {
    "=": "==", "^": "**", "&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "<>": "!=", "≤": "<=", "≥": ">=",
    "≠": "!=", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "?": "if(…, …, …)",
}  # fmt: skip
_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[^\W\d]\w*(?:\.\w+)*)
    |\{(?P<braced>[^{}]*)\}
    |\[(?P<unit>[^\[\]]*)\]
    |"(?P<word>[^"]*)"|'(?P<word_>[^']*)'
    |(?P<sign>\*\*|==|!=|<=|>=|[-+*/()<>,])
    |(?P<odd>&&|\|\||<>|\S)
    )""",
    re.VERBOSE,
)
_RUN: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_NODES: Final = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Name, ast.Constant,
)  # fmt: skip
_OPERATORS: Final = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd, ast.Not, ast.And, ast.Or, ast.Eq, ast.NotEq,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip


class ExpressionError(ValueError):
    """An expression was refused; `text` says why, its values hold the part that is meant."""

    def __init__(self, key: str, **values: Any) -> None:
        self.text = Text(f"expression.{key}", values)
        super().__init__(f"{key}: {', '.join(f'{name}={value}' for name, value in values.items())}")


class Quantity(msgspec.Struct, frozen=True):
    """A number with its unit, as written: 1.163 [kWh/m3/K]."""

    value: float
    unit: str


class Written(msgspec.Struct, frozen=True):
    """An expression in words of Python: what stands for which point or quantity."""

    text: str
    points: dict[str, str]
    """p0 -> id of a point."""
    quantities: dict[str, Quantity]
    """q0 -> number with its unit."""


def written(text: str, names: Names) -> Written:
    """Return the expression with a name of its own for each point. Raises ExpressionError."""
    if not text.strip():
        raise ExpressionError("empty")
    if len(text) > TEXT_MOST:
        raise ExpressionError("too_long", most=TEXT_MOST)
    words: list[str] = []
    points: dict[str, str] = {}
    quantities: dict[str, Quantity] = {}
    at, text = 0, text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:  # can't be: the last group takes any character
            raise ExpressionError("syntax", part=text[at : at + 12])
        kind, part = found.lastgroup, found[found.lastgroup]
        begin = found.start(kind)
        if kind in {"number", "name"}:
            _refuse_part_of_an_id(text, begin, part, names)
        if kind == "name":
            words.append(_word(part, text[found.end() :].lstrip()[:1], words, points, names))
        elif kind == "braced":
            words.append(_point(part.strip(), points, names))
        elif kind == "unit":
            if not words or not _is_number(words[-1]):
                raise ExpressionError("unit_place", part=part)
            quantities[f"q{len(quantities)}"] = Quantity(float(words.pop()), part.strip())
            words.append(f"q{len(quantities) - 1}")
        elif kind == "odd":
            near = _INSTEAD.get(part)
            raise ExpressionError("sign_near", part=part, near=near) if near else ExpressionError("sign", part=part)
        else:
            words.append(repr(part) if kind.startswith("word") else part)
        at = found.end()
    return Written(" ".join(words), {name: point for point, name in points.items()}, quantities)


def _is_number(word: str) -> bool:
    return word[0].isdigit() or word[0] == "."


def _is_operand(words: list[str]) -> bool:
    """Return whether a value has just ended, so that an operator must follow."""
    return bool(words) and words[-1] not in _WORDS and (words[-1] == ")" or words[-1][0].isalnum())


def _refuse_part_of_an_id(text: str, begin: int, part: str, names: Names) -> None:
    """Refuse `t-1` or `2.floor` without braces where a point is called so: t minus 1 is something else."""
    run = _RUN.match(text, begin)
    for end in range(len(run[0]) if run else 0, len(part), -1):
        meant = run[0][:end] if run else ""
        following = text[begin + end : begin + end + 1]
        if meant in names and not (following.isalnum() or following in {"_", "."}):
            raise ExpressionError("braces", part=f"{{{meant}}}")


def _word(part: str, following: str, words: list[str], points: dict[str, str], names: Names) -> str:
    if following == "(":
        if part == "if" and not _is_operand(words):
            return "if_"
        if part in {*FUNCTIONS, *REMEMBERING, *_WORDS} - {"if"}:
            return part
        if part not in _WORDS:
            raise ExpressionError("function", part=part, known=[*FUNCTIONS, *REMEMBERING])
    if part in _WORDS:
        return part
    if part == "then" and part not in names:
        raise ExpressionError("sign_near", part=part, near="if(…, …, …)")
    if part in _CONSTANTS and part not in names:
        return _CONSTANTS[part]
    return _point(part, points, names)


def _point(name: str, points: dict[str, str], names: Names) -> str:
    if name not in names:
        import difflib  # only a fault needs it

        near = difflib.get_close_matches(name, names, n=1)
        if near:
            raise ExpressionError("name_near", part=name, near=near[0])
        raise ExpressionError("name", part=name, known=sorted(names)[:8])
    return points.setdefault(name, f"p{len(points)}")


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
                node.left, node.right = self._number(node.left, deeper), self._number(node.right, deeper)
            case ast.UnaryOp(op=op):
                self._check_operator(op)
                node.operand = self._number(node.operand, deeper)
            case ast.BoolOp():
                node.values = [self._number(value, deeper) for value in node.values]
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
