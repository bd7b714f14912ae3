"""What the consumer knows of boxes, their points and their local days."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from typing import Any
from zoneinfo import ZoneInfo

from edge.core.intervals import Intervals
from edge.upstream.days import local_days, spans, zone


class Catalogue:
    """The tables box, point, period and day, with their rows by name."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.boxes: dict[str, int] = {}
        self.sites: dict[str, str] = {}
        self.langs: dict[str, str] = {}
        self._zones: dict[int, ZoneInfo] = {}
        self._days: dict[int, Intervals] = {}
        self._points: dict[tuple[int, str, str], int] = {}
        self._latest: dict[tuple[int, str], int] = {}
        for row, name, site, tz, lang in db.execute("SELECT id, name, site, tz, lang FROM box"):
            self.boxes[name], self.sites[name], self.langs[name] = row, site or "", lang or ""
            self._zones[row] = zone(tz)
        for row, box, point, unit in db.execute("SELECT id, box, point, unit FROM point ORDER BY kind NOTNULL, id"):
            self._points[box, point, unit] = self._latest[box, point] = row
        self._periods = set(db.execute("SELECT point, dt_ms FROM period"))

    def box(self, name: str) -> int:
        """Return the row of a box."""
        row = self.boxes.get(name)
        if row is None:
            row = self.boxes[name] = inserted(self._db, "INSERT INTO box (name, tz) VALUES (?, 'UTC')", (name,))
            self._zones[row] = zone("UTC")
            self.sites[name] = ""
        return row

    def zone_of(self, name: str) -> ZoneInfo:
        """Return the time zone of a box's site; UTC while it is not known."""
        return self._zones.get(self.boxes.get(name, 0), zone("UTC"))

    def point(self, box: int, point: str, unit: str, dt_ms: int = 0) -> int:
        """Return the row of a point in a unit, and take note of the length of a record of it."""
        row = self._points.get((box, point, unit))
        if row is None:
            row = inserted(self._db, "INSERT INTO point (box, point, unit) VALUES (?,?,?)", (box, point, unit))
            self._points[box, point, unit] = self._latest[box, point] = row
        if dt_ms and (row, dt_ms) not in self._periods:
            self._periods.add((row, dt_ms))
            self._db.execute("INSERT INTO period VALUES (?,?)", (row, dt_ms))
        return row

    def point_without_unit(self, box: int, point: str, dt_ms: int) -> int:
        """Return the row of a point of which only the name is told: a bad record has no unit."""
        row = self._latest.get((box, point))
        return self.point(box, point, "", dt_ms) if row is None else row

    def points(self, name: str, document: dict[str, Any]) -> int:
        """Take an `up/points`; return how many points it has."""
        box, site = self.box(name), _table(document.get("site"))
        tz = str(site.get("tz") or "UTC")
        facts = (site.get("name"), tz, site.get("lang"), box)
        self._db.execute("UPDATE box SET site = ?, tz = ?, lang = ? WHERE id = ?", facts)
        self.sites[name], self.langs[name] = str(site.get("name") or ""), str(site.get("lang") or "")
        if zone(tz) != self._zones[box]:
            self._zones[box] = zone(tz)
            self._days_again(box)
        listed = document.get("p")
        points = [_table(point) for point in (listed if isinstance(listed, list) else ()) if _table(point).get("n")]
        for point in points:
            names = _table(point.get("name"))
            title = names.get(site.get("lang")) or names.get("en") or next(iter(names.values()), point["n"])
            row = self.point(box, str(point["n"]), str(point.get("u") or ""))
            self._latest[box, str(point["n"])] = row
            words = json.dumps(point["words"], ensure_ascii=False) if point.get("words") else None
            self._db.execute(
                "UPDATE point SET name = ?, kind = ?, place = ?, equipment = ?, role = ?, words = ? WHERE id = ?",
                (
                    *(_text(word) for word in (title, *map(point.get, ("kind", "place", "equipment", "role")))),
                    words,
                    row,
                ),
            )
        return len(points)

    def cover_days(self, box: int, times_ms: Collection[int]) -> None:
        """Make sure that the local days of these instants are there, and those between them where no month is."""
        days = self._days.setdefault(box, Intervals())
        for from_ms, to_ms in spans(times_ms):
            if not any(True for _ in days.missing(from_ms, to_ms)):
                continue
            for day, start_ms, end_ms in local_days(self._zones[box], from_ms, to_ms):
                self._db.execute("INSERT OR REPLACE INTO day VALUES (?,?,?,?)", (box, day, start_ms, end_ms))
                days.add(start_ms, end_ms - 1)

    def _days_again(self, box: int) -> None:
        """The time zone has changed: all days of the box begin at other instants."""
        known = self._db.execute("SELECT start_ms, end_ms - 1 FROM day WHERE box = ?", (box,)).fetchall()
        self._db.execute("DELETE FROM day WHERE box = ?", (box,))
        self._days[box] = Intervals()
        if known:
            self.cover_days(box, [at_ms for day in known for at_ms in day])


def inserted(db: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> int:
    """Insert one row and return its number."""
    return int(db.execute(statement, values).lastrowid or 0)


def _table(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
