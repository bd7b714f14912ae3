"""From slices to the rows of one transaction: blocks, sums of hours, days and months, points, gaps, the cursor.

The work is done a few thousand records at a time, outside of the transaction; that only stores rows. An hour that has a
block already (records that came late, a start in its middle) gets one block of both.
"""

from __future__ import annotations

import logging
import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any

from edge.core.calendar import HOUR_MS
from edge.core.ports import Gap
from edge.core.record_columns import Columns, chained
from edge.store.history_blocks import BlockPacker, DamagedError, hour_of, unpack_block
from edge.store.history_points import PointRow, Points
from edge.store.history_schema import POINT_BITS
from edge.store.history_slices import PART_COST, Slice
from edge.store.history_sums import Sums, store_sums

log = logging.getLogger(__name__)


def block_key(t0: int, point: int) -> int:
    """Return the key of the block of this point's hour; those of an hour follow each other."""
    return t0 // HOUR_MS << POINT_BITS | point


def key_hour(key: int) -> int:
    """Return the UTC ms at which the hour of a block's key begins."""
    return (key >> POINT_BITS) * HOUR_MS


class Blocks:
    """Blocks to be written, each with what the file has of its hour."""

    def __init__(self, connection: sqlite3.Connection, packer: BlockPacker) -> None:
        self.rows: list[tuple[int, int, bytes]] = []
        self.damaged = 0
        self._connection = connection
        self._packer = packer

    def add(self, row: PointRow, records: Columns) -> None:
        """Take in records of one point, in order of time, none of which was given before."""
        begin, t_ms = 0, records.t_ms
        while begin < records.n:
            t0 = hour_of(t_ms[begin])
            end = bisect_left(t_ms, t0 + HOUR_MS, begin)
            own = records.cut(begin, end)
            key = block_key(t0, row.id)
            stored = self._connection.execute("SELECT n, body FROM block WHERE key = ?", (key,)).fetchone()
            if stored is not None:
                own = chained([*self._stored(row, t0, *stored), own]).in_order()
            self.rows.append((key, own.n, self._packer.pack(own, t0, row.name)))
            begin = end

    def _stored(self, row: PointRow, t0: int, count: int, body: bytes) -> list[Columns]:
        try:
            return [unpack_block(body, t0, count)]
        except DamagedError as exc:
            self.damaged += 1
            log.warning("history: %d records of %s are lost: %s", count, row.name, exc)
            return []

    def store(self) -> None:
        """Write the rows, neighbours one after the other."""
        self._connection.executemany("REPLACE INTO block VALUES(?, ?, ?)", sorted(self.rows))


class Writing:
    """The rows of some slices."""

    def __init__(
        self, connection: sqlite3.Connection, points: Points, packer: BlockPacker, zone: tzinfo, slices: Sequence[Slice]
    ) -> None:
        self.slices = slices
        self.blocks = Blocks(connection, packer)
        self._connection = connection
        self._points = points
        self._sums = Sums(zone)
        self._sum_rows: list[tuple[Any, ...]] = []
        self._changed: dict[int, PointRow] = {}
        self._names = list(dict.fromkeys(name for part in slices for name in part.parts))

    def work(self, most: int) -> bool:
        """Prepare about so many records, at least those of one point; return whether all is prepared.

        A part of a point counts as PART_COST records more.
        """
        done = 0
        while self._names and done < most:
            done += self._prepare(self._names.pop(0))
        if done:
            return False  # the sums of all points are a step of their own
        self._sum_rows = list(self._sums.rows(self._connection))
        return True

    def _prepare(self, name: str) -> int:
        by_row: dict[int, tuple[PointRow, list[Columns]]] = {}
        for part_of in self.slices:
            part = part_of.parts.get(name)
            if part is not None:
                records = part.columns()
                row = self._points.row(name, part_of.boot, records)
                by_row.setdefault(row.id, (row, []))[1].append(records)
        for row, parts in by_row.values():
            ordered = chained(parts).in_order()
            self.blocks.add(row, ordered)
            self._sums.add(row, ordered)
            row.widen(ordered.t_ms[0], ordered.end_ms)
            self._changed[row.id] = row
        return sum(records.n + PART_COST for _, parts in by_row.values() for records in parts)

    def store(self, stream: str) -> None:
        """Write everything, within the caller's transaction."""
        connection = self._connection
        self.blocks.store()
        store_sums(connection, self._sum_rows)
        store_points(connection, self._changed.values())
        for part in self.slices:
            self._store_gap(stream, part)
        if self.slices:
            end_ms = next((part.end_ms for part in reversed(self.slices) if part.end_ms is not None), None)
            put_cursor(connection, stream, "records", self.slices[-1].last, end_ms)

    @property
    def octets(self) -> int:
        """What it adds to the file, about."""
        return sum(len(body) + 20 for _, _, body in self.blocks.rows) + 100 * len(self._sum_rows)

    def _store_gap(self, stream: str, part: Slice) -> None:
        """Note a gap with the time before it; the first records after it say until when."""
        connection = self._connection
        if part.gap is None:
            close_gap(connection, stream, "records", part.begin_ms)
            return
        before = next((near.end_ms for near in reversed(self.slices) if near.end_ms and near.last < part.first), None)
        if before is None:
            before = get_cursor(connection, stream, "records")[1]
        put_gap(connection, stream, "records", part.gap, before)


def put_gap(connection: sqlite3.Connection, stream: str, name: str, gap: Gap, from_ms: int | None) -> None:
    """Note entries that nobody has any more."""
    row = (stream, name, gap.first, gap.last, gap.why, from_ms)
    connection.execute("REPLACE INTO gap VALUES(?, ?, ?, ?, ?, ?, NULL)", row)


def close_gap(connection: sqlite3.Connection, stream: str, name: str, to_ms: int) -> None:
    """Say until when a gap lasts that had no end yet."""
    query = "UPDATE gap SET to_ms = ? WHERE stream = ? AND log = ? AND to_ms IS NULL"
    connection.execute(query, (to_ms, stream, name))


def store_points(connection: sqlite3.Connection, rows: Iterable[PointRow]) -> None:
    """Write rows of the table `point`."""
    connection.executemany(
        "REPLACE INTO point VALUES(?, ?, ?, ?, ?, ?, ?)",
        [(row.id, row.name, row.kind, row.unit, row.boot, row.first_ms, row.end_ms) for row in rows],
    )


def put_cursor(connection: sqlite3.Connection, stream: str, name: str, seq: int, end_ms: int | None) -> None:
    """Note up to which seq this log is in the file, and when the last record before it ends."""
    connection.execute(
        "INSERT INTO cursor VALUES(?, ?, ?, ?) ON CONFLICT(stream, log) DO UPDATE "
        "SET seq = excluded.seq, end_ms = coalesce(excluded.end_ms, end_ms)",
        (stream, name, seq, end_ms),
    )


def get_cursor(connection: sqlite3.Connection, stream: str, name: str) -> tuple[int, int | None]:
    """Return up to which seq this log is in the file, 0 when nothing of it is, and when its last record ends."""
    row = connection.execute("SELECT seq, end_ms FROM cursor WHERE stream = ? AND log = ?", (stream, name)).fetchone()
    return (0, None) if row is None else (row[0], row[1])
