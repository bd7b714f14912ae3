"""The points that history knows, by name and start of the box: a changed kind or unit is another point, another id."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

import msgspec

from edge.core.series import HistoryRecord, PointInfo
from hal.sample import Kind


class PointRow(msgspec.Struct):
    """A row of the table `point`: from start `boot` on, `name` has this kind and unit."""

    id: int
    name: str
    kind: Kind
    unit: str
    boot: int
    first_ms: int | None = None
    end_ms: int | None = None

    def widen(self, first_ms: int, end_ms: int) -> None:
        """Take in that something is held of it in this range."""
        self.first_ms = first_ms if self.first_ms is None else min(self.first_ms, first_ms)
        self.end_ms = end_ms if self.end_ms is None else max(self.end_ms, end_ms)


def kind_of(records: Iterable[HistoryRecord]) -> Kind:
    """Return the kind that records of a point speak of that no settings know any more."""
    for record in records:
        if isinstance(record.value, str):
            return "text"
        if record.increment is not None:
            return "counter"
        if record.duration_ms is not None or record.changes is not None:
            return "state"
    return "gauge"


class Points:
    """All rows of the table, as read or as added since. `settings` holds kind and unit of each point from `boot` on."""

    def __init__(self, settings: Mapping[str, tuple[Kind, str]], boot: int) -> None:
        self.settings = settings
        self._boot = boot
        self._rows: dict[str, list[PointRow]] = {}
        self._next_id = 1

    def replace(self, settings: Mapping[str, tuple[Kind, str]]) -> None:
        """Know the points of other settings from now on, besides those of the start: none may be of another kind."""
        self.settings = {**self.settings, **settings}

    def load(self, connection: sqlite3.Connection) -> None:
        """Read the table anew."""
        self._rows, self._next_id = {}, 1
        query = "SELECT id, name, kind, unit, boot, first_ms, end_ms FROM point ORDER BY boot, id"
        for row in connection.execute(query):
            self._rows.setdefault(row[1], []).append(PointRow(*row))
            self._next_id = max(self._next_id, row[0] + 1)

    def named(self, name: str) -> list[PointRow]:
        """Return the rows of a name, oldest first; none when it is not known."""
        return list(self._rows.get(name, ()))

    def all(self) -> list[PointRow]:
        """Return all rows by id."""
        return sorted((row for rows in list(self._rows.values()) for row in list(rows)), key=lambda row: row.id)

    def row(self, name: str, boot: int, records: Iterable[HistoryRecord]) -> PointRow:
        """Return the row for records of this start, made where there is none yet."""
        rows = self._rows.get(name, [])
        wanted = self.settings.get(name)
        if wanted is not None and boot >= self._boot and (not rows or (rows[-1].kind, rows[-1].unit) != wanted):
            return self._added(name, wanted, self._boot if rows else 0)
        if not rows:
            return self._added(name, wanted or (kind_of(records), ""), 0)
        return next((row for row in reversed(rows) if row.boot <= boot), rows[0])

    def _added(self, name: str, wanted: tuple[Kind, str], boot: int) -> PointRow:
        made = PointRow(self._next_id, name, wanted[0], wanted[1], boot)
        self._rows[name] = [*self._rows.get(name, []), made]
        self._next_id += 1
        return made

    def settled(self) -> list[PointRow]:
        """Return rows made now for points of the settings: from this start on they are what the settings say."""
        made = []
        for name, wanted in self.settings.items():
            rows = self._rows.get(name, [])
            if not rows or (rows[-1].kind, rows[-1].unit) != wanted:
                made.append(self._added(name, wanted, self._boot if rows else 0))
        return made

    def peek(self, name: str, boot: int, records: Iterable[HistoryRecord]) -> PointRow:
        """Return the row that records of this start will go to; one with id 0 when it is not made yet."""
        rows = self._rows.get(name, [])
        wanted = self.settings.get(name)
        is_other = wanted is not None and bool(rows) and boot >= self._boot and (rows[-1].kind, rows[-1].unit) != wanted
        if not rows or is_other:
            kind, unit = wanted or (kind_of(records), "")
            return PointRow(0, name, kind, unit, boot)
        return next((row for row in reversed(rows) if row.boot <= boot), rows[0])


def as_info(row: PointRow) -> PointInfo:
    """Return a row as history answers it."""
    return PointInfo(row.name, row.kind, row.unit, row.first_ms or 0, row.end_ms or 0)
