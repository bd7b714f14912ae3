"""What a damaged history still holds, carried over to the new one: what stands before the oldest entry of the log.

All that the log still has is taken from there again. Of the day in which the log begins the sums are made anew from the
records, of the days before they are copied. How far it got is in the new file, so that a restart goes on.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.core.calendar import DAY_MS, HOUR_MS, bounds_ms
from edge.core.record_columns import columns_of
from edge.core.series import HistoryRecord
from edge.store.history_blocks import BlockPacker, DamagedError, hour_of, unpack_block
from edge.store.history_points import PointRow, Points
from edge.store.history_schema import POINT_BITS, connected, transaction
from edge.store.history_sums import SUM_COLUMNS, Sums, store_sums, sum_in
from edge.store.history_write import Blocks, key_hour

EVERYTHING: Final = 2**60
LONGEST_MS: Final = 26 * HOUR_MS  # a record is at most a local day long
ROWS: Final = 200  # blocks a step
SUM_ROWS: Final = 2000
STUBBORN: Final = 400  # keys in a row that can't be read, then the rest of each hour is left out
BLOCKS, HOURS, DAYS, MONTHS, JOURNAL, GAPS, DONE = range(7)

log = logging.getLogger(__name__)


class Salvaged(msgspec.Struct):
    """What came out of it."""

    blocks: int = 0
    sums: int = 0
    events: int = 0
    unreadable: int = 0
    """Places that SQLite could not read, and blocks with a wrong check sum."""


class Salvage:
    """Copies from the file `path`, some rows a step."""

    def __init__(self, connection: sqlite3.Connection, points: Points, zone: tzinfo, path: Path) -> None:
        self.path = path
        self.found = Salvaged()
        self._connection = connection
        self._points = points
        self._zone = zone
        self._packer = BlockPacker()
        self._step, self._next, self._before_ms = DONE, -EVERYTHING, EVERYTHING
        self._fails = 0
        self._copy = (self._blocks, self._sums, self._sums, self._sums, self._journal, self._gaps)
        self._old: sqlite3.Connection | None = None
        with contextlib.suppress(sqlite3.Error):
            self._old = connected(path, 1024, is_reader=True)

    def cursors(self) -> dict[tuple[str, str], int]:
        """Return up to which seq the old file had each (stream, log); nothing where that can't be read."""
        rows, _ = self._read("SELECT stream, log, seq FROM cursor")
        return {(stream, name): seq for stream, name, seq in rows}

    def begin(self, before_ms: int) -> None:
        """Copy points and streams, at once; records that end before `before_ms` are wanted of the rest."""
        connection = self._connection
        points, _ = self._read("SELECT id, name, kind, unit, boot, first_ms, end_ms FROM point")
        streams, _ = self._read("SELECT id, name FROM stream")
        with transaction(connection):
            connection.executemany("INSERT INTO point VALUES(?, ?, ?, ?, ?, ?, ?)", points)
            connection.executemany("INSERT INTO stream VALUES(?, ?)", streams)
            self._step, self._before_ms = BLOCKS, before_ms
            row = (self.path.name, BLOCKS, self._next, before_ms)
            connection.execute("INSERT INTO salvage VALUES(?, ?, ?, ?, 0, 0, 0, 0)", row)
        self._points.load(connection)

    def resume(self) -> bool:
        """Go on where an earlier start was; return whether there is anything to do."""
        query = "SELECT step, next, before_ms, blocks, sums, events, unreadable FROM salvage WHERE path = ?"
        row = self._connection.execute(query, (self.path.name,)).fetchone()
        if row is not None:
            self._step, self._next, self._before_ms = row[:3]
            self.found = Salvaged(*row[3:])
        return row is not None

    def work(self) -> bool:
        """Carry over some rows, in a transaction of their own; return whether that was all."""
        connection = self._connection
        with transaction(connection):
            if self._old is None:
                self._step = DONE
            if self._step < DONE:
                self._copy[self._step]()
                found = msgspec.structs.astuple(self.found)
                query = "UPDATE salvage SET step = ?, next = ?, blocks = ?, sums = ?, events = ?, unreadable = ?"
                connection.execute(query, (self._step, self._next, *found))
            if self._step == DONE:
                connection.execute("DELETE FROM salvage")
        if self._step < DONE:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Give the old file back."""
        if self._old is not None:
            with contextlib.suppress(sqlite3.Error):
                self._old.close()
            self._old = None

    def _advance(self) -> None:
        self._step, self._next = self._step + 1, -EVERYTHING

    # -- records

    def _blocks(self) -> None:
        rows, is_broken = self._read(
            "SELECT key, n, body FROM block WHERE key >= ? ORDER BY key LIMIT ?", self._next, ROWS
        )
        by_id = {row.id: row for row in self._points.all()}
        blocks = Blocks(self._connection, self._packer)
        sums = Sums(self._zone)
        for key, count, body in rows:
            row = by_id.get(key & ((1 << POINT_BITS) - 1))
            if row is not None:
                self._block(row, key_hour(key), count, body, blocks, sums)
        blocks.store()
        store_sums(self._connection, list(sums.rows(self._connection)))
        if rows:
            self._next, self._fails = rows[-1][0] + 1, 0
        if is_broken:
            self._skip(sorted(by_id))
        elif len(rows) < ROWS:
            self._advance()

    def _block(self, row: PointRow, t0: int, count: int, body: bytes, blocks: Blocks, sums: Sums) -> None:
        try:
            records = unpack_block(body, t0, count).records()
        except DamagedError:
            self.found.unreadable += 1
            return
        if t0 + HOUR_MS + LONGEST_MS > self._before_ms:
            records = [record for record in records if record.t_ms + record.dt_ms < self._before_ms]
        if records:
            self.found.blocks += 1
            blocks.add(row, columns_of(records))
            newest = self._of_the_last_day(records)
            if newest:
                sums.add(row, columns_of(newest))

    def _of_the_last_day(self, records: list[HistoryRecord]) -> list[HistoryRecord]:
        if self._before_ms >= EVERYTHING or records[-1].t_ms < self._before_ms - LONGEST_MS - DAY_MS:
            return []
        begin_ms = self._day_ms()
        return [record for record in records if record.t_ms >= begin_ms]

    def _day_ms(self) -> int:
        """Return when the day begins in which the log begins."""
        return self._before_ms if self._before_ms >= EVERYTHING else bounds_ms(self._before_ms, "day", self._zone)[0]

    def _read(self, query: str, *values: Any) -> tuple[list[Any], bool]:
        """Return the rows that can be read, and whether an error ended them."""
        rows: list[Any] = []
        if self._old is None:
            return rows, False
        try:
            rows.extend(iter(self._old.execute(query, values)))
        except sqlite3.Error:
            return rows, True
        return rows, False

    def _skip(self, ids: list[int]) -> None:
        """Pass over a place that can't be read: the next point's key, after many the next hour's."""
        self.found.unreadable += 1
        self._fails += 1
        begin_ms, end_ms = self._extent()
        at = max(self._next, hour_of(begin_ms) // HOUR_MS << POINT_BITS)
        number = at & ((1 << POINT_BITS) - 1)
        following = next((known for known in ids if known > number), None)
        hour = at >> POINT_BITS
        if following is None or self._fails > STUBBORN:
            self._next = (hour + 1) << POINT_BITS
        else:
            self._next = hour << POINT_BITS | following
        if key_hour(self._next) > end_ms:
            self._advance()

    # -- sums, journal, gaps

    def _sums(self) -> None:
        """Copy sums of periods that ended before that day; those of its month's days make the month's."""
        day_ms, number = self._day_ms(), self._step - HOURS
        query = f"SELECT t0, point, length_ms, {SUM_COLUMNS} FROM aggregate WHERE period = ? AND t0 >= ? ORDER BY t0 LIMIT ?"  # noqa: S608, E501
        rows, is_broken = self._read(query, number, self._next, SUM_ROWS)
        is_more = len(rows) == SUM_ROWS
        if is_more and rows[0][0] < rows[-1][0]:  # the last period may have more points
            rows = [row for row in rows if row[0] < rows[-1][0]]
        sums = Sums(self._zone)
        for t0, point, length_ms, *figures in rows:
            if t0 + length_ms > day_ms:
                continue
            self.found.sums += 1
            made = sum_in(figures, t0)
            sums.join(number, t0, point, t0 + length_ms, made)
            begin_ms, end_ms = bounds_ms(t0, "month", self._zone)
            if self._step == DAYS and end_ms > day_ms:
                sums.join(number + 1, begin_ms, point, end_ms, made)
        store_sums(self._connection, list(sums.rows(self._connection)))
        if rows:
            self._next = rows[-1][0] + 1
        if is_broken:
            self.found.unreadable += 1
            self._next = max(self._next, self._extent()[0]) + DAY_MS
        if self._next > self._extent()[1] or not (is_more or is_broken):
            self._advance()

    def _extent(self) -> tuple[int, int]:
        """Return begin and end of all that was held."""
        rows = [row for row in self._points.all() if row.first_ms is not None and row.end_ms is not None]
        begin_ms = min((row.first_ms or 0 for row in rows), default=0)
        return begin_ms, max((row.end_ms or 0 for row in rows), default=-1)

    def _journal(self) -> None:
        columns = "stream, seq, boot, at_ms, t_ms, trust, kind, point, words"
        for row in self._whole(f"SELECT {columns} FROM journal ORDER BY stream, seq"):  # noqa: S608
            self.found.events += 1
            self._connection.execute("INSERT OR IGNORE INTO journal VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._advance()

    def _gaps(self) -> None:
        for row in self._whole("SELECT stream, log, first, last, why, from_ms, to_ms FROM gap"):
            self._connection.execute("INSERT OR IGNORE INTO gap VALUES(?, ?, ?, ?, ?, ?, ?)", row)
        self._advance()

    def _whole(self, query: str, *values: Any) -> Iterator[Any]:
        """Return the rows of a table up to the first place that can't be read."""
        if self._old is None:
            return
        try:
            yield from self._old.execute(query, values)
        except sqlite3.Error:
            self.found.unreadable += 1
