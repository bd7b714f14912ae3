"""Text measured in the cells of a terminal: clipped, padded, put together to lines of an exact width.

A line is pieces of text with the name of a style each: what it says and how it looks stay apart, so that tests, a pipe
and NO_COLOR read the same line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

ELLIPSIS: Final = "…"
_MARK: Final = re.compile(r"(?<=\S) ([:;?!»])(?= |$)")
_COLUMN: Final = re.compile(r"(?<=\S) {2,}(?=\S)")


class Piece(NamedTuple):
    """Some text of a line and how it looks: a key of `edge.cli.screen.STYLES`, or "" for plain."""

    text: str
    style: str = ""


Line: TypeAlias = tuple[Piece, ...]


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """Return the text with spaces for other white space and "?" for what a terminal would obey instead of show."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " if character.isspace() else "?" for character in text)


def clip(text: str, width: int) -> str:
    r"""Return the text, printable, in at most `width` cells, with an ellipsis where it was cut.

    >>> clip("boiler.flow", 8), clip("ok", 8), clip("a\x1bb", 8), clip("ok", 0)
    ('boiler.…', 'ok', 'a?b', '')
    """
    text = printable(text)
    if cells(text) <= width:
        return text
    kept, room = "", width - 1
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        kept += character
    return kept + ELLIPSIS if width > 0 else ""


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Return the text in exactly `width` cells, clipped where it is longer, to the right where asked for."""
    text = clip(text, width)
    space = " " * (width - cells(text))
    return space + text if right else text + space


def wrapped(text: str, width: int, first: int | None = None) -> list[str]:
    """Return the text, printable, as lines of at most `width` cells, the first one of at most `first`.

    It is broken at spaces only: a path or an id that is longer stays whole, so that it can be copied.

    >>> wrapped("check the wires of 28-3c01f0950a21", 14)
    ['check the', 'wires of', '28-3c01f0950a21']
    >>> wrapped("un relais ou un contact ?", 23)
    ['un relais ou un', 'contact ?']
    """
    lines, room = [""], width if first is None else first
    kept = _MARK.sub("\u00a0\\1", text)  # French marks stay with their word
    for word in map(printable, kept.split(" ")):  # a space that does not break is one only after this
        if lines[-1] and cells(lines[-1]) + 1 + cells(word) > room:
            lines.append(word)
            room = width
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def folded(line: str, width: int) -> list[str]:
    """Return a line of a table or a text as lines of at most `width` cells: it goes on under its last column.

    >>> folded("pump  on  order of anna", 16)
    ['pump  on  order', '          of', '          anna']
    >>> folded("  the broker does not answer", 20)
    ['  the broker does', '    not answer']
    """
    if cells(line) <= width:
        return [line]
    columns = [match.end() for match in _COLUMN.finditer(line) if cells(line[: match.end()]) <= width * 2 // 3]
    at = columns[-1] if columns else len(line) - len(line.lstrip(" "))
    indent = cells(line[:at]) if columns else at + 2
    first, *others = wrapped(line[at:], width - indent, width - cells(line[:at]))
    return [line[:at] + first, *(" " * indent + other for other in others)]


def plain(line: Line) -> str:
    """Return what a line says."""
    return "".join(piece.text for piece in line)


def filled(pieces: Sequence[Piece], width: int) -> Line:
    """Return the pieces as a line of exactly `width` cells: cut at its end, or filled up with spaces."""
    kept: list[Piece] = []
    room = width
    for piece in pieces:
        whole = printable(piece.text)
        text = clip(whole, room)
        if text:
            kept.append(Piece(text, piece.style))
        room -= cells(text)
        if text != whole:  # what follows a cut would read as if it belonged to it
            break
    if room:
        kept.append(Piece(" " * room))
    return tuple(kept)


def both_ends(left: Sequence[Piece], right: Sequence[Piece], width: int) -> Line:
    """Return a line with one part at each end; the right one stays whole, and goes when it takes more than half."""
    right_cells = sum(cells(piece.text) for piece in right)
    if right_cells * 2 > width:
        return filled(left, width)
    return (*filled(left, width - right_cells - 1), Piece(" "), *right)
