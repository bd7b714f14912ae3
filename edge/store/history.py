"""History: all records of a box for months, their sums, gaps and journal, answered from any thread.

It is filled by `edge.store.historian` from the logs. An answer is put together of the file, of what lies packed in RAM
since it was last written, and of the last minutes of the log; the seqs decide which of them has a record.
"""

from __future__ import annotations

import logging
import sqlite3
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from edge.core.aggregate import Sum, as_period, joined
from edge.core.calendar import HOUR_MS
from edge.core.clock import Dating
from edge.core.ports import Reader
from edge.core.record_columns import columns_of
from edge.core.series import HistoryGap, HistoryRecord, JournalLine, Period, PeriodLength, PointInfo
from edge.core.types import Event
from edge.store.fs import FormatError
from edge.store.history_blocks import DamagedError, by_time, hour_of, in_order, unpack_block
from edge.store.history_file import HistoryFile
from edge.store.history_gather import RecordLog
from edge.store.history_head import Head
from edge.store.history_journal import ROWS, Journal
from edge.store.history_points import PointRow, Points, as_info
from edge.store.history_room import oldest_hour
from edge.store.history_schema import POINT_BITS, is_damage, unusable, used_octets
from edge.store.history_slices import Slice
from edge.store.history_sums import LENGTHS, SUM_COLUMNS, Sums, sum_in
from edge.store.history_write import block_key, get_cursor, key_hour
from hal.sample import Kind

CONSUMER: Final = "history"
TAIL: Final = 6000  # entries of the log that an answer looks at; where there are more they are packed first
BEHIND: Final = 20  # slices that an answer packs at the most: what is more is being caught up with
HEAD_OCTETS: Final = 4 << 20
FAR: Final = 2**60

_BLOCKS: Final = f"""
WITH RECURSIVE hour(h) AS (
  SELECT (SELECT key FROM block WHERE key >= ?1 ORDER BY key LIMIT 1) >> {POINT_BITS}
  UNION ALL
  SELECT (SELECT key FROM block WHERE key >= (h + 1) << {POINT_BITS} ORDER BY key LIMIT 1) >> {POINT_BITS}
  FROM hour WHERE h < ?2)
SELECT key, n, body FROM hour CROSS JOIN block ON key = (h << {POINT_BITS} | ?3) WHERE h <= ?2"""  # noqa: S608
_SUMS: Final = f"""
WITH RECURSIVE begin(t) AS (
  SELECT (SELECT t0 FROM aggregate WHERE period = ?1 AND t0 >= ?2 ORDER BY t0 LIMIT 1)
  UNION ALL
  SELECT (SELECT t0 FROM aggregate WHERE period = ?1 AND t0 > t ORDER BY t0 LIMIT 1) FROM begin WHERE t < ?3)
SELECT t0, length_ms, {SUM_COLUMNS} FROM begin CROSS JOIN aggregate ON period = ?1 AND t0 = t AND point = ?4
WHERE t < ?3"""  # noqa: S608

log = logging.getLogger(__name__)


class History:
    """The answers, as `edge.core.series.HistoryReader`; all of them raise StoreError when the card can't be read."""

    def __init__(
        self,
        folder: Path,
        records: RecordLog,
        events: Reader[Event],
        dating: Dating,
        *,
        zone: tzinfo,
        points: Mapping[str, tuple[Kind, str]],
        boot: int,
        journal_rows: int = ROWS,
    ) -> None:
        """`points` holds kind and unit of each point of the settings, from start `boot` on. Nothing is opened yet."""
        self.file = HistoryFile(folder)
        self.zone = zone
        self.records_log = records
        self.events_log = events
        self.head = Head(records, dating)
        self.known = Points(points, boot)
        self.events = Journal(events, dating, journal_rows)
        self.notes: list[str] = []
        """What was found when it was opened, for the journal and for people."""
        self.degraded = ""
        """Empty, or why nothing can be written: the system's word such as ENOSPC."""
        self.refused = ""
        """Why the file must not be touched: a newer version wrote it."""
        self.is_suspect = False
        """Whether an answer met damage: the historian looks into it."""
        self.damaged_blocks = 0

    # -- the instant of an answer

    @contextmanager
    def _asking(self) -> Iterator[tuple[sqlite3.Connection | None, tuple[Slice, ...], int]]:
        """Give the file at one instant, the slices that it has not, and the first seq after both."""
        if self.refused:
            raise FormatError(self.refused)
        for _ in range(BEHIND):
            is_far = self.records_log.next_seq() - self.head.end > TAIL
            if not is_far or self.head.octets > 2 * HEAD_OCTETS or not self.head.take():
                break
        slices, end = self.head.view()  # before the file: what is written in between is left out by its seq
        if self.file.connection is None and not self.file.path.exists():
            yield None, slices, end + 1
            return
        try:
            with self.file.reader() as connection:
                cursor = get_cursor(connection, self.records_log.stream, "records")[0]
                yield connection, tuple(part for part in slices if part.first > cursor), max(cursor, end) + 1
        except sqlite3.Error as exc:
            if is_damage(exc):
                self.is_suspect = True
            raise unusable(self.file.path, exc) from exc

    # -- answers: see edge.core.series.HistoryReader

    def points(self) -> list[PointInfo]:
        """See HistoryReader. A point whose unit or kind changed comes once for each."""
        with self._asking() as (connection, slices, tail):
            rows = [] if connection is None else _point_rows(connection)
            found = {(row.name, row.kind, row.unit): row for row in rows}
            pieces = [
                (name, part.boot, piece.first_ms, piece.end_ms, piece.records)
                for part in slices
                for name, piece in part.parts.items()
            ]
        for name, records in self.head.tail(tail, TAIL).items():
            end_ms = max(record.t_ms + record.dt_ms for record in records)
            pieces.append((name, FAR, min(map(by_time, records)), end_ms, records.copy))
        for name, boot, first_ms, end_ms, records_of in pieces:
            held = self.known.named(name)
            row = self.known.peek(name, boot, () if held else records_of())
            row = found.setdefault((row.name, row.kind, row.unit), PointRow(0, row.name, row.kind, row.unit, boot))
            row.widen(first_ms, end_ms)
        return [as_info(row) for row in found.values() if row.first_ms is not None]

    def records(self, point: str, from_ms: int, to_ms: int, limit: int) -> list[HistoryRecord]:
        """See HistoryReader."""
        if limit < 1:
            raise ValueError(f"limit {limit}: at least 1")
        from_ms, to_ms = max(from_ms, -FAR), min(to_ms, FAR)
        with self._asking() as (connection, slices, tail):
            ids = [] if connection is None else [row.id for row in _point_rows(connection, point)]
            parts = [
                self._stored(connection, number, from_ms, to_ms, limit) for number in ids if connection is not None
            ]
        recent = self._recent(point, slices, tail)
        if not ids and not any(recent):
            raise KeyError(point)
        parts += [_within(in_order(records), from_ms, to_ms) for _, records in recent if records]
        parts = [part for part in parts if part]
        is_ordered = all(one[-1].t_ms <= other[0].t_ms for one, other in pairwise(parts))
        found = [record for part in parts for record in part] if is_ordered else in_order(*parts)
        return _page(found, limit)

    def periods(self, point: str, length: PeriodLength, from_ms: int, to_ms: int) -> list[Period]:
        """See HistoryReader. A period in which the point's unit changed comes once for each."""
        number = LENGTHS.index(length)
        from_ms, to_ms = max(from_ms, -FAR), min(to_ms, FAR)
        found: dict[tuple[int, int], tuple[int, Sum]] = {}
        with self._asking() as (connection, slices, tail):
            ids = []
            if connection is not None:
                ids = [row.id for row in _point_rows(connection, point)]
                for row_id in ids:
                    for t0, length_ms, *figures in connection.execute(_SUMS, (number, from_ms, to_ms, row_id)):
                        found[t0, row_id] = (t0 + length_ms, sum_in(figures, t0))
        recent = self._recent(point, slices, tail)
        if not ids and not any(recent):
            raise KeyError(point)
        sums = Sums(self.zone)
        for boot, records in recent:
            sums.add(self.known.peek(point, boot, records), columns_of(in_order(records)))
        for (step, begin_ms, row_id), (end_ms, made) in sums.found.items():
            if step == number and from_ms <= begin_ms < to_ms:
                known = found.get((begin_ms, row_id))
                found[begin_ms, row_id] = (end_ms, made if known is None else joined(known[1], made))
        return [
            as_period(made, t0, end_ms) for (t0, _), (end_ms, made) in sorted(found.items(), key=lambda item: item[0])
        ]

    def gaps(self, from_ms: int, to_ms: int) -> list[HistoryGap]:
        """See HistoryReader."""
        found = []
        with self._asking() as (connection, slices, _):
            before: int | None = None
            if connection is not None:
                query = "SELECT stream, first, last, why, from_ms, to_ms FROM gap"
                found = [HistoryGap(*row) for row in connection.execute(query)]
                before = get_cursor(connection, self.records_log.stream, "records")[1]
        for place, part in enumerate(slices):
            if part.gap is not None:
                after = next((near.begin_ms for near in slices[place:] if near.parts), None)
                found.append(
                    HistoryGap(self.records_log.stream, part.gap.first, part.gap.last, part.gap.why, before, after)
                )
            before = part.end_ms or before
        return [
            gap
            for gap in found
            if (gap.from_ms is None or gap.from_ms < to_ms) and (gap.to_ms is None or gap.to_ms > from_ms)
        ]

    def journal(self, before: int | None, limit: int, kinds: frozenset[str] = frozenset()) -> list[JournalLine]:
        """See HistoryReader."""
        if limit < 1:
            raise ValueError(f"limit {limit}: at least 1")
        with self._asking() as (connection, _, _):
            return self.events.lines(connection, before, limit, kinds)

    def status(self) -> dict[str, Any]:
        """Return what is kept: since when (UTC ms, None: no records), how many octets, how much is not in the file yet.

        `octets` is None while the file can't be had; why stands in `degraded`.
        """
        behind = self.records_log.next_seq() - 1 - self.records_log.cursor(CONSUMER)
        found = {"since_ms": None, "octets": None, "behind": behind, "damaged": self.damaged_blocks}
        try:
            with self._asking() as (connection, _, _):
                if connection is not None:
                    found["since_ms"], found["octets"] = oldest_hour(connection), used_octets(connection)
        except OSError as exc:
            log.warning("history: %s", exc)
        return {**found, "degraded": self.degraded}

    # -- parts of an answer

    def _stored(
        self, connection: sqlite3.Connection, point: int, from_ms: int, to_ms: int, limit: int
    ) -> list[HistoryRecord]:
        """Return the file's records of the range, at least `limit` + 1 of them when there are as many."""
        found: list[HistoryRecord] = []
        first, last = block_key(hour_of(from_ms), 0), hour_of(to_ms - 1) // HOUR_MS
        for key, count, body in connection.execute(_BLOCKS, (first, last, point)):
            t0 = key_hour(key)
            try:
                records = unpack_block(body, t0, count).records()
            except DamagedError as exc:
                self.damaged_blocks += 1
                log.warning("history: %d records of an hour can't be read: %s", count, exc)
                continue
            is_inside = from_ms <= t0 and t0 + HOUR_MS <= to_ms
            found += records if is_inside else _within(records, from_ms, to_ms)
            if len(found) > limit:
                break
        return found

    def _recent(self, point: str, slices: tuple[Slice, ...], tail: int) -> list[tuple[int, list[HistoryRecord]]]:
        """Return start and records of what is not in the file, in the order of their seqs."""
        found = [(part.boot, part.parts[point].records()) for part in slices if point in part.parts]
        newest = self.head.tail(tail, TAIL, point).get(point)
        return [*found, (FAR, newest)] if newest else found


def _point_rows(connection: sqlite3.Connection, name: str | None = None) -> list[PointRow]:
    query = (
        "SELECT id, name, kind, unit, boot, first_ms, end_ms FROM point "
        "WHERE first_ms IS NOT NULL AND (?1 IS NULL OR name = ?1) ORDER BY id"
    )
    return [PointRow(*row) for row in connection.execute(query, (name,))]


def _within(records: list[HistoryRecord], from_ms: int, to_ms: int) -> list[HistoryRecord]:
    """Return those of the range; `records` are in order of time."""
    return records[bisect_left(records, from_ms, key=by_time) : bisect_left(records, to_ms, key=by_time)]


def _page(records: list[HistoryRecord], limit: int) -> list[HistoryRecord]:
    """Return at most `limit` records, never some only of those of one instant."""
    if len(records) <= limit:
        return records
    t_ms = records[limit].t_ms
    end = bisect_left(records, t_ms, key=by_time)
    return records[: end or bisect_left(records, t_ms + 1, key=by_time)]
