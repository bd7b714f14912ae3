"""An expression as people write it, turned into words of Python: each point and quantity gets a name of its own.

Ids of points hold dots and dashes: in `boiler.flow - {t-1}` they become p0 and p1. What is no word of an expression is
refused here, with what to write where that can be told; what the words may be made into, in `expression_tree`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from edge.core.text import Text

Names: TypeAlias = Collection[str] | Mapping[str, Sequence[str]]
"""The ids that may stand in an expression; a mapping gives each state's words."""

TEXT_MOST: Final = 500
FUNCTIONS: Final = ("min", "max", "abs", "round", "sqrt", "avg", "mean", "clamp", "if")
REMEMBERING: Final = ("rate", "moved", "integral")
"""Functions that remember: only where somebody keeps their memory, in [[calculated]]."""
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
