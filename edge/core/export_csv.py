"""Rows as CSV: one line a record or step (long), or one line a step with a column a point (wide).

Comma and decimal point as programs read them (RFC 4180, but lines end with LF); with semicolon and decimal comma the
form that a French spreadsheet opens by a double click: it begins with a byte order mark, and a text that the
spreadsheet would take for a formula or a number begins with an apostrophe. Numbers are exact: the shortest digits that
give the same number back, never with an exponent. `docs/reference/export.md` is the contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from math import isfinite
from typing import Final, Literal

import msgspec

from edge.core.export_rows import Row, Wanted
from edge.core.facts import PointFacts
from edge.core.tags import BETWEEN, TagView, names
from edge.core.text import Text
from hal.sample import Value

VERSION: Final = 1
COMMENT: Final = "#"
MARK: Final = "\ufeff"
RECORD_COLUMNS: Final = (
    *("utc", "local", "point", "value", "text", "unit", "quality", "reason", "dt_s", "mean", "min", "max"),
    *("increment", "count", "on_s", "changes", "clock", "tags"),
)
STEP_COLUMNS: Final = (*RECORD_COLUMNS[:-2], "covered_s", "uncertain_s", "bad_s", "tags")
_QUOTED: Final = re.compile(r'[",;#\r\n\t\'=+@]|^\s|\s$')
_MISREAD: Final = re.compile(r"[=+@\t\r-]|[\d.,\s/:-]+$")


class Dialect(msgspec.Struct, frozen=True):
    """How a file separates its columns and writes its numbers."""

    separator: Literal[",", ";", "\t"] = ","
    decimal: Literal[".", ","] = "."

    @property
    def is_for_spreadsheets(self) -> bool:
        """Whether a person will open it by a double click."""
        return self.separator == ";"

    def number(self, value: float | None) -> str:
        """Return a number, exact and without exponent; nothing for None.

        >>> Dialect().number(1e-07), Dialect().number(0.1), Dialect(";", ",").number(-2.5), Dialect().number(None)
        ('0.0000001', '0.1', '-2,5', '')
        """
        if value is None or not isfinite(value):
            return ""
        text = repr(+value)  # of a bool the number
        if "e" in text:
            text = f"{Decimal(text):f}"
        text = text.removesuffix(".0")
        return text if self.decimal == "." else text.replace(".", ",")

    def seconds(self, ms: int | None) -> str:
        """Return milliseconds as seconds."""
        return "" if ms is None else self.number(ms / 1000)

    def text(self, words: str) -> str:
        r"""Return a text as a field, quoted where its characters ask for it.

        >>> Dialect().text('6" pipe, cold'), Dialect().text("open"), Dialect(";", ",").text("=1+1")
        ('"6"" pipe, cold"', 'open', '"\'=1+1"')
        """
        if self.is_for_spreadsheets and _MISREAD.match(words):
            words = f"'{words}"
        return '"' + words.replace('"', '""') + '"' if _QUOTED.search(words) else words

    def line(self, fields: Iterable[str]) -> str:
        """Return fields, each written by the methods above, as a line."""
        return self.separator.join(fields) + "\n"


class Times:
    """UTC and local time of rows: ISO 8601 with milliseconds and Z, and what the site's clocks showed."""

    def __init__(self, zone: tzinfo, *, whole_seconds: bool = False) -> None:
        self._zone = zone
        self._spec = "seconds" if whole_seconds else "milliseconds"

    def both(self, utc_ms: int) -> tuple[str, str]:
        """Return both, such as 2026-11-20T15:20:07.250Z and 2026-11-20 16:20:07 (seconds are enough for people).

        >>> Times(UTC).both(1795188007250)
        ('2026-11-20T15:20:07.250Z', '2026-11-20 15:20:07')
        """
        seconds, ms = divmod(utc_ms, 1000)
        at = datetime.fromtimestamp(seconds, UTC)
        utc = at.replace(microsecond=ms * 1000, tzinfo=None).isoformat(timespec=self._spec)
        local = at.astimezone(self._zone).replace(tzinfo=None).isoformat(" ", "seconds")
        return f"{utc}Z", local


def head(sentences: Iterable[str]) -> Iterator[str]:
    """Yield the comment lines above the column names; a sentence of several lines becomes as many."""
    for sentence in sentences:
        for line in sentence.splitlines() or [""]:
            yield f"{COMMENT} {line}".rstrip() + "\n"


def long_lines(
    tables: Iterable[tuple[Wanted, Iterable[Row]]],
    dialect: Dialect,
    times: Times,
    columns: Sequence[str] = RECORD_COLUMNS,
) -> Iterator[str]:
    """Yield the column names, then a line a row, one point after the other."""
    yield dialect.line(columns)
    for wanted, rows in tables:
        yield from _long_lines(wanted, rows, dialect, times, has_clock="clock" in columns)


def _long_lines(
    wanted: Wanted, rows: Iterable[Row], dialect: Dialect, times: Times, *, has_clock: bool
) -> Iterator[str]:
    number, seconds, text = dialect.number, dialect.seconds, dialect.text
    point, unit, facts, tags = text(wanted.point), text(wanted.info.unit), wanted.facts, wanted.tags
    for row in rows:
        value = row.value
        utc, local = times.both(row.t_ms)
        cells = [
            utc,
            local,
            point,
            number(value) if value is not None and not isinstance(value, str) else "",
            text(words_of(value, facts)),
            unit,
            row.quality,
            row.reason,
            seconds(row.dt_ms),
            number(row.mean),
            number(row.low),
            number(row.high),
            number(row.increment),
            str(row.count) if row.count else "",
            seconds(row.on_ms),
            "" if row.changes is None else str(row.changes),
        ]
        if has_clock:
            cells.append(row.trust)
        else:
            cells += [seconds(row.covered_ms), seconds(row.uncertain_ms), seconds(row.bad_ms)]
        cells.append(text(BETWEEN.join(names(tags, row.t_ms, row.t_ms + row.dt_ms))) if tags else "")
        yield dialect.line(cells)


def words_of(value: Value | None, facts: PointFacts | None) -> str:
    """Return a text's value, or the word of a state's number; nothing for a plain number."""
    if isinstance(value, str):
        return value
    if value is None or facts is None or not facts.words:
        return ""
    place = int(value)
    return facts.words[place] if value == place and 0 <= place < len(facts.words) else ""


def wide_lines(
    points: Sequence[tuple[str, str]], streams: Sequence[Iterator[Row]], dialect: Dialect, times: Times,
    tags: Sequence[TagView] = (),
) -> Iterator[str]:  # fmt: skip
    """Yield the column names, then a line a step; `points` are (id, kind), `streams` their rows on the same steps.

    Where there are tags the last column names those of the step.
    """
    last = ["tags"] if tags else []
    yield dialect.line(["utc", "local", *(dialect.text(point) for point, _kind in points), *last])
    kinds = [kind for _point, kind in points]
    for rows in zip(*streams, strict=True):
        cells = [wide_cell(row, kind, dialect) for row, kind in zip(rows, kinds, strict=True)]
        if tags:
            cells.append(dialect.text(BETWEEN.join(names(tags, rows[0].t_ms, rows[0].t_ms + rows[0].dt_ms))))
        yield dialect.line([*times.both(rows[0].t_ms), *cells])


def wide_cell(row: Row, kind: str, dialect: Dialect) -> str:
    """Return what stands for a point in a step: a gauge's mean, a counter's increment, the last state or text."""
    if row.value is None:
        return ""
    if isinstance(row.value, str):
        return dialect.text(row.value)
    if kind == "counter":
        return dialect.number(row.increment)
    return dialect.number(row.mean if kind == "gauge" and row.mean is not None else row.value)


def wide_meaning(column: str, kind: str, unit: str, name: str, words: Sequence[str] = ()) -> Text:
    """Return the sentence of the head that says what a point's column holds."""
    listed = ", ".join(f"{place} = {word}" for place, word in enumerate(words))
    values = {"column": column, "unit": unit or "-", "name": name, "words": listed}
    return Text(f"export.wide_{kind}", {key: value for key, value in values.items() if value})
