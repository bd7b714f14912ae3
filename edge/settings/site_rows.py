"""A list of sites, as a spreadsheet writes it: CSV with a line of column names, one site a line.

Taken as they come: comma, semicolon or tab between cells, `sep=;` before them, a byte order mark, UTF-16, and what is
no UTF-8 as the Windows of western Europe writes it (code page 1252).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

MOST_BYTES: Final = 4_000_000
MOST_ROWS: Final = 5000
NAME_PATTERN: Final = r"[^\W\d]\w*"

_NAME: Final = re.compile(NAME_PATTERN)
_DELIMITERS: Final = (";", ",", "\t")


class RowFault(msgspec.Struct, frozen=True):
    """What is wrong in a line of the list (0: in the list as a whole), in which columns, as a key of the catalogue."""

    line: int
    columns: tuple[str, ...]
    key: str
    values: dict[str, Any] = {}
    shown: str = ""


class SiteRow(msgspec.Struct, frozen=True):
    """One site: its line in the list, its cells by the name of their column."""

    line: int
    cells: Mapping[str, str]


class SiteRows(msgspec.Struct, frozen=True):
    """The list as far as it can be read, and what is wrong with it."""

    columns: tuple[str, ...] = ()
    rows: tuple[SiteRow, ...] = ()
    faults: tuple[RowFault, ...] = ()
    has_decimal_comma: bool = False
    """Whether 0,5 is a number here: where cells are not divided by commas."""


def read_rows(content: bytes) -> SiteRows:
    """Return the sites of a list's octets; never raises."""
    if len(content) > MOST_BYTES:
        return _refused("render.too_large", most=MOST_BYTES // 1_000_000)
    text = _text(content).replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        return _refused("render.no_text")
    if not text.strip():
        return _refused("render.empty")
    first, _, rest = text.partition("\n")
    told = re.fullmatch(r'"?sep=(.)"?', first.strip(), re.IGNORECASE)
    delimiter = told[1] if told else max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(rest if told else text), delimiter=delimiter, strict=True)
    lines: list[tuple[int, list[str]]] = []
    try:
        lines.extend((reader.line_num + bool(told), [cell.strip() for cell in row]) for row in reader)
    except csv.Error as exc:
        return _refused("render.csv", reader.line_num + bool(told), why=str(exc))
    return _sites([(line, row) for line, row in lines if any(row)], has_decimal_comma=delimiter != ",")


def _text(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _refused(key: str, line: int = 0, **values: Any) -> SiteRows:
    return SiteRows(faults=(RowFault(line, (), key, values),))


def _sites(lines: list[tuple[int, list[str]]], *, has_decimal_comma: bool) -> SiteRows:
    if not lines:
        return _refused("render.empty")
    header_line, header = lines[0][0], [name.lower() for name in lines[0][1]]
    while header and not header[-1]:  # a spreadsheet's empty columns
        header.pop()
    faults = [
        RowFault(header_line, (name,), "render.column_name")
        for name in dict.fromkeys(header)
        if not _NAME.fullmatch(name)
    ]
    faults += [
        RowFault(header_line, (name,), "render.column_twice")
        for name in dict.fromkeys(header)
        if header.count(name) > 1
    ]
    if len(lines) == 1:
        faults.append(RowFault(0, (), "render.no_rows"))
    if len(lines) - 1 > MOST_ROWS:
        faults.append(RowFault(0, (), "render.too_many", {"most": MOST_ROWS}))
        lines = lines[: MOST_ROWS + 1]
    rows = []
    for line, row in lines[1:]:
        if any(row[len(header) :]):
            faults.append(RowFault(line, (), "render.cells", {"count": len(row), "columns": len(header)}))
        cells = dict(zip(header, [*row, *[""] * len(header)], strict=False))
        faults += [
            RowFault(line, (name,), "render.unprintable") for name, cell in cells.items() if not cell.isprintable()
        ]
        rows.append(SiteRow(line, cells))
    return SiteRows(tuple(header), tuple(rows), tuple(faults), has_decimal_comma)
