"""The consumer's database: each entry once, the seqs that are settled, and the number to acknowledge.

Acknowledged is only what is committed (WAL, synchronous=FULL). The ranges in memory follow the database: after a failed
transaction they are read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from edge.core.batch import WHOLE
from edge.core.batch_forms import Bad, Batch, Entry, EventPack, GapRow
from edge.core.batch_parse import event_from, milliseconds
from edge.core.intervals import Intervals
from edge.upstream.catalogue import Catalogue, inserted
from edge.upstream.database import opened
from edge.upstream.schema import SCHEMA, VERSION
from hal.sample import BAD, GOOD, UNCERTAIN

MEASURED: Final = frozenset({5, 8, 9, 10, 12})
"""The columns of `record` that hold what was measured."""
BEFORE_FIRST: Final = "before the first held"
"""Why a range is gone that the box no longer holds and never declared to us."""


class Stored(msgspec.Struct, frozen=True):
    """What one batch brought that was not there before."""

    entries: int
    new: Intervals
    gaps: Sequence[GapRow] = ()
    clash: int = 0
    """A number of the batch under which another entry is stored; 0 when there is none."""


class Source:
    """One stream of one box as the database has it."""

    def __init__(self, row: int, box: int, log: str) -> None:
        self.row = row
        self.box = box
        self.log = log
        self.held = Intervals()
        self.last_gap = 0
        self.stored = 0
        self.newest_ms = 0
        """UTC ms at which the newest stored period ended."""
        self.is_changed = False

    @property
    def settled(self) -> int:
        """The highest seq up to and including which everything is stored or known to be gone."""
        return self.held.first_free(1) - 1


class Ledger(AbstractContextManager["Ledger"]):
    """One SQLite file. Use it as a context: a transaction that commits at the end, or is undone by an exception."""

    def __init__(self, path: Path | str) -> None:
        self._db = opened(path, SCHEMA, VERSION)
        try:
            self._db.execute("PRAGMA cache_size=-32768")  # 32 MiB: the leaves of a few hundred points stay in memory
            self._db.execute("PRAGMA wal_autocheckpoint=8000")
            self._load()
        except BaseException:
            self._db.close()
            raise

    def _load(self) -> None:
        self.catalogue = Catalogue(self._db)
        self.sources: dict[tuple[str, str], Source] = {}
        names = {row: name for name, row in self.catalogue.boxes.items()}
        for row, box, stream, log in self._db.execute("SELECT id, box, stream, log FROM stream"):
            source = self.sources[names[box], stream] = Source(row, box, log)
            for first, last in self._db.execute("SELECT first, last FROM held WHERE stream = ?", (row,)):
                source.held.add(first, last)
            gone, source.last_gap = self._db.execute(
                "SELECT coalesce(sum(last - first + 1), 0), coalesce(max(last), 0) FROM gap WHERE stream = ?", (row,)
            ).fetchone()
            source.stored = len(source.held) - gone
            newest = self._db.execute(_NEWEST[log], (row,)).fetchone()
            source.newest_ms = newest[0] if newest else 0

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- a transaction

    def __enter__(self) -> Self:
        self._db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._write_held()
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
                self._load()

    def _write_held(self) -> None:
        for source in self.sources.values():
            if source.is_changed:
                self._db.execute("DELETE FROM held WHERE stream = ?", (source.row,))
                rows = [(source.row, first, last) for first, last in source.held]
                self._db.executemany("INSERT INTO held VALUES (?,?,?)", rows)
                source.is_changed = False

    # -- what is stored

    def settled(self, box: str, stream: str) -> int:
        """Return the seq to acknowledge; 0 for a stream that is not known yet."""
        source = self.sources.get((box, stream))
        return 0 if source is None else source.settled

    def points(self, box: str, document: dict[str, Any]) -> int:
        """Take an `up/points`; return how many points it has."""
        return self.catalogue.points(box, document)

    def records(self, box: str, batch: Batch, now_ms: int) -> Stored:
        """Store what is new of an `up/m`."""
        source = self._source(box, batch.stream, "m")
        new, gaps = self._settle(source, batch, now_ms)
        clash = 0
        if len(new) < batch.n and not batch.via:
            entries: list[Entry | Bad] = [*batch.e, *batch.bad]
            stamps = sorted((batch.seq + entry.i, milliseconds(entry.t)) for entry in entries)
            clash = self._clash("record", source, stamps, new)
        if not new:
            return Stored(0, new, gaps, clash)
        rows = list(self._record_rows(source, batch, None if len(new) == batch.n else new))
        if batch.via:
            rows = [row for row in rows if not self._came_before(row)]
            if not rows:
                return Stored(0, new, gaps)
        try:
            self._insert(rows)
        except OverflowError:  # whole numbers of more than 64 bits: a box of an older version, or another program
            self._insert(
                [[float(c) if place in MEASURED and _is_long(c) else c for place, c in enumerate(row)] for row in rows]
            )
        if batch.via:
            self._db.executemany(_CORRECTED, [(row[2], row[4], row[3], row[0]) for row in rows])
        times = [row[3] for row in rows]
        source.stored += len(rows)
        source.newest_ms = max(source.newest_ms, *(row[3] + row[4] for row in rows))
        self.catalogue.cover_days(source.box, times)
        return Stored(len(rows), new, gaps, clash)

    def _insert(self, rows: Sequence[Sequence[Any]]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO record VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", rows)

    def _clash(self, table: str, source: Source, stamps: Iterable[tuple[int, int]], new: Intervals) -> int:
        """Return a number of the repeated entries under which an entry of another instant is stored, else 0.

        One entry is looked at: an entry that is sent again has the same octets, so a log that gives its numbers a
        second time (an older copy of the card) differs in nearly all.
        """
        seq, t_ms = next((seq, t_ms) for seq, t_ms in stamps if seq not in new)
        query = f"SELECT t_ms FROM {table} WHERE stream = ? AND seq = ?"  # noqa: S608 - the name of a table of ours
        stored = self._db.execute(query, (source.row, seq)).fetchone()
        return seq if stored is not None and stored[0] != t_ms else 0

    def _came_before(self, row: tuple[Any, ...]) -> bool:
        """Return whether a record stands here from another stream: a gateway that was restored sends it again."""
        query = "SELECT 1 FROM record WHERE point = ? AND dt_ms = ? AND t_ms = ? AND stream != ?"
        return self._db.execute(query, (row[2], row[4], row[3], row[0])).fetchone() is not None

    def _record_rows(self, source: Source, batch: Batch, only: Intervals | None) -> Iterable[tuple[Any, ...]]:
        box, stream, seq, tq, point_of = source.box, source.row, batch.seq, batch.tq, self.catalogue.point
        usual_ms = 0 if batch.dt is None else milliseconds(batch.dt)
        for entry in batch.e:
            if only is None or seq + entry.i in only:
                dt_ms = usual_ms if entry.dt is None else milliseconds(entry.dt)
                yield (
                    stream, seq + entry.i, point_of(box, entry.n, entry.u, dt_ms), round(entry.t * 1000), dt_ms,
                    entry.vs if entry.v is None else entry.v, UNCERTAIN if entry.why else GOOD, entry.why or None,
                    entry.mean, entry.min, entry.max, batch.cnt if entry.cnt is None else entry.cnt, entry.inc,
                    None if entry.dur is None else milliseconds(entry.dur), entry.chg, tq,
                )  # fmt: skip
        for bad in batch.bad:
            if only is None or seq + bad.i in only:
                dt_ms = usual_ms if bad.dt is None else milliseconds(bad.dt)
                point = self.catalogue.point_without_unit(box, bad.n, dt_ms)
                yield (stream, seq + bad.i, point, milliseconds(bad.t), dt_ms, None, BAD, bad.why,
                       None, None, None, None, None, None, None, tq)  # fmt: skip

    def events(self, box: str, pack: EventPack, now_ms: int) -> Stored:
        """Store what is new of an `up/ev`."""
        source = self._source(box, pack.stream, "ev")
        new, gaps = self._settle(source, pack, now_ms)
        clash = 0
        if len(new) < pack.n and not pack.via:
            stamps = sorted((pack.seq + entry["i"], milliseconds(entry["t"])) for entry in pack.e)
            clash = self._clash("event", source, stamps, new)
        rows: list[tuple[Any, ...]] = []
        for entry in pack.e:
            seq, t_ms = pack.seq + entry["i"], milliseconds(entry["t"])
            if seq in new:
                event = event_from(entry, t_ms)
                number = event.values.get("id") if event.kind.startswith("alarm_") else None
                alarm = number if isinstance(number, int) and abs(number) < 2**63 else None
                words = json.dumps(event.values, ensure_ascii=False)
                twin = (source.box, source.row, event.kind, t_ms, event.point, words)
                if pack.via and self._db.execute(_TWIN, twin).fetchone():
                    continue
                rows.append((source.row, seq, event.kind, event.point, t_ms, alarm, words, pack.tq))
        self._db.executemany("INSERT OR IGNORE INTO event VALUES (?,?,?,?,?,?,?,?)", rows)
        source.stored += len(rows)
        source.newest_ms = max([source.newest_ms, *(row[4] for row in rows)])
        return Stored(len(rows), new, gaps, clash)

    # -- inside

    def _source(self, box: str, stream: str, log: str) -> Source:
        source = self.sources.get((box, stream))
        if source is None:
            row = self.catalogue.box(box)
            number = inserted(self._db, "INSERT INTO stream (box, stream, log) VALUES (?,?,?)", (row, stream, log))
            source = self.sources[box, stream] = Source(number, row, log)
        if source.log != log:
            raise ValueError(f"{box}: stream {stream} is of up/{source.log}, not of up/{log}")
        return source

    def _settle(self, source: Source, batch: Batch | EventPack, now_ms: int) -> tuple[Intervals, list[GapRow]]:
        """Return which seqs of the batch are new, and the holes that it makes known."""
        held = source.held
        gaps: list[GapRow] = []
        for first, last, why in batch.gap:
            self._db.execute(_EXPLAIN, (why, source.row, BEFORE_FIRST, first, last))
            gaps.extend((*lost, why) for lost in held.missing(first, last))
            held.add(first, last)
        gaps.extend((*lost, BEFORE_FIRST) for lost in held.missing(1, batch.first - 1))
        held.add(1, batch.first - 1)
        rows = [(source.row, *gap, now_ms) for gap in gaps]
        self._db.executemany("INSERT OR REPLACE INTO gap VALUES (?,?,?,?,?)", rows)
        new = Intervals(held.missing(batch.seq, batch.last))
        source.last_gap = max([source.last_gap, *(gap[1] for gap in gaps)])
        if batch.n and batch.seq <= source.last_gap:
            self._mend(source, batch, new)
        held.add(batch.seq, batch.last)
        source.is_changed = source.is_changed or bool(new or gaps)
        return new, gaps

    def _mend(self, source: Source, batch: Batch | EventPack, new: Intervals) -> None:
        """Take back the holes that this batch fills after all: a log that could be read again."""
        touched = self._db.execute(
            "SELECT first, last, why, noticed_ms FROM gap WHERE stream = ? AND first <= ? AND last >= ?",
            (source.row, batch.last, batch.seq),
        ).fetchall()
        for first, last, why, noticed_ms in touched:
            new.add(max(first, batch.seq), min(last, batch.last))
            rest = Intervals([(first, last)])
            rest.remove(batch.seq, batch.last)
            self._db.execute("DELETE FROM gap WHERE stream = ? AND first = ?", (source.row, first))
            rows = [(source.row, *part, why, noticed_ms) for part in rest]
            self._db.executemany("INSERT INTO gap VALUES (?,?,?,?,?)", rows)


def _is_long(cell: object) -> bool:
    """Return whether SQLite has no integer for it."""
    return isinstance(cell, int) and not -WHOLE <= cell < WHOLE


# a hole that was only seen from `first` so far: now the box says why
_EXPLAIN: Final = "UPDATE gap SET why = ? WHERE stream = ? AND why = ? AND first >= ? AND last <= ?"

# an event that another stream of the box brought: a gateway that was restored sends it again
_TWIN: Final = (
    "SELECT 1 FROM event e JOIN stream s ON s.id = e.stream WHERE s.box = ? AND s.id != ? AND e.kind = ?"
    " AND e.t_ms = ? AND e.point IS ? AND e.words = ?"
)

# what a gateway wrote of a period before it knew better
_CORRECTED: Final = (
    "WITH same AS (SELECT seq FROM record WHERE point = ? AND dt_ms = ? AND t_ms = ? AND stream = ?4)"
    " DELETE FROM record WHERE stream = ?4 AND seq IN same AND seq < (SELECT max(seq) FROM same)"
)

_NEWEST: Final = {
    "m": "SELECT t_ms + dt_ms FROM record WHERE stream = ? ORDER BY seq DESC LIMIT 1",
    "ev": "SELECT t_ms FROM event WHERE stream = ? ORDER BY seq DESC LIMIT 1",
}
