"""What history has taken from the log and not yet put into its file, packed by point, in RAM.

A slice holds the records of some consecutive seqs: of one start, and none from an hour after its first. So a whole
number of slices can be written at any time and the cursor be moved by them, and who reads can leave out those that the
file already has.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import repeat
from typing import Final

import msgspec

from edge.core.batch import is_unsynced
from edge.core.calendar import HOUR_MS
from edge.core.clock import Dating
from edge.core.ports import Chunk, Gap, Reader
from edge.core.series import HistoryRecord
from edge.core.types import Record
from edge.store.columns import Scales
from edge.store.history_blocks import hour_of, in_order, pack_block, unpack_block
from hal.sample import GOOD, UNCERTAIN

MERGED: Final = 10  # slices that are packed anew together: a part of a minute is more wrapping than octets
READ: Final = 4000  # entries at once: what is unpacked lies in RAM as objects
SLICE: Final = 12_000  # a minute of 200 points at 1 Hz: shorter ones pack badly
OVERHEAD: Final = 200  # of a packed part: the object, its octets' object, its place in a dictionary


class Part(msgspec.Struct, gc=False):
    """Records of one point within a slice."""

    t0: int
    n: int
    body: bytes
    first_ms: int
    end_ms: int

    def records(self) -> list[HistoryRecord]:
        """Return them, in order of time."""
        return unpack_block(self.body, self.t0, self.n)


class Slice(msgspec.Struct):
    """Entries `first`..`last` of the log, all of one start; or a gap."""

    first: int
    last: int
    boot: int = 0
    hour: int = 0
    """The hour in which its first record begins; none begins in a later one."""
    end_ms: int | None = None
    """UTC at which its last record ends."""
    parts: dict[str, Part] = {}
    gap: Gap | None = None
    is_merged: bool = False

    @property
    def begin_ms(self) -> int:
        """UTC at which its earliest record begins; a gap has none."""
        return min(part.first_ms for part in self.parts.values())

    @property
    def octets(self) -> int:
        """What it takes in RAM, about."""
        return sum(len(part.body) + OVERHEAD for part in self.parts.values())


def dated(entries: Sequence[Record], boot: int, dating: Dating) -> list[HistoryRecord] | None:
    """Return the records with their UTC; None while their start has no date."""
    if not entries:
        return []
    starts = [entry.start_ms for entry in entries]
    early, late = dating.entry(boot, min(starts)), dating.entry(boot, max(starts))
    if early is None or late is None:
        return None
    words: repeat[str] | list[str]
    if early is late:
        offset_ms, words = early.utc_ms - early.at_ms, repeat(early.source)
        stamps = [start_ms + offset_ms for start_ms in starts]
    else:
        found = [dating.entry(boot, start_ms) or early for start_ms in starts]
        words = [entry.source for entry in found]
        stamps = [start_ms + entry.utc_ms - entry.at_ms for start_ms, entry in zip(starts, found, strict=True)]
    made = []
    for entry, t_ms, trust in zip(entries, stamps, words, strict=False):
        quality, reason = entry.quality, entry.reason
        if quality == GOOD and is_unsynced(trust):
            quality, reason = UNCERTAIN, "clock_unsynced"
        made.append(
            HistoryRecord(
                t_ms, entry.dt_ms, entry.value, quality, reason, entry.count, entry.mean, entry.low, entry.high,
                entry.increment, entry.duration_ms, entry.changes, trust,
            )
        )  # fmt: skip
    return made


class Head:
    """The slices after the file's cursor. Any thread may call."""

    def __init__(self, log: Reader[Record], dating: Dating) -> None:
        self.undated_boot: int | None = None
        """The start whose clock entry is missing, while it holds up everything after it."""
        self.octets = 0
        """What the slices take in RAM, about."""
        self._log = log
        self.dating = dating
        self._lock = threading.Lock()
        self._consuming = threading.Lock()
        self._slices: tuple[Slice, ...] = ()
        self._end = 0
        self._frozen = 0
        self._merging = (0, 0)
        self._merged: dict[str, Part] = {}
        self._scales = Scales()

    def reset(self, cursor: int) -> None:
        """Begin anew after the file's cursor."""
        with self._consuming, self._lock:
            self._slices, self._end, self.octets = (), cursor, 0

    @property
    def slices(self) -> tuple[Slice, ...]:
        """All slices, oldest first."""
        return self._slices

    @property
    def end(self) -> int:
        """The last seq that was taken."""
        return self._end

    def freeze(self, last: int) -> None:
        """Leave the slices up to this seq as they are: they are being written."""
        with self._consuming:
            self._frozen = last
            self._merging, self._merged = (0, 0), {}

    def drop(self, last: int) -> None:
        """Forget the slices up to this seq: they are in the file."""
        with self._lock:
            self._slices = tuple(kept for kept in self._slices if kept.last > last)
            self.octets = sum(kept.octets for kept in self._slices)

    def view(self) -> tuple[tuple[Slice, ...], int]:
        """Return the slices and the last seq taken, as they belong together."""
        with self._lock:
            return self._slices, self._end

    def consume(self) -> Slice | None:
        """Take the next slice from the log; None when there is none, or it is undated. Raises StoreError."""
        with self._consuming:
            return self._consume()

    def _consume(self) -> Slice | None:
        first = self._end + 1
        gathered: dict[str, list[HistoryRecord]] = {}
        taken = boot = hour = 0
        end_ms: int | None = None
        while taken < SLICE:
            chunk = self._log.read(first + taken, min(READ, SLICE - taken))
            if chunk.gap is not None and not taken:
                return self._add(Slice(first, chunk.gap.last, gap=chunk.gap))
            if not chunk.entries or (taken and chunk.boot != boot):
                break
            records = self._dated(chunk)
            if records is None:
                break
            if not taken:
                boot, hour = chunk.boot, hour_of(records[0].t_ms)
            count = next((at for at, record in enumerate(records) if record.t_ms >= hour + HOUR_MS), len(records))
            for entry, record in zip(chunk.entries[:count], records, strict=False):
                gathered.setdefault(entry.point, []).append(record)
            taken += count
            if count:
                end_ms = max(record.t_ms + record.dt_ms for record in records[:count])
            if count < len(records):
                break
        if not taken:
            return None
        parts = {name: self._part(name, hour, records) for name, records in gathered.items()}
        return self._add(Slice(first, first + taken - 1, boot, hour, end_ms, parts))

    def _dated(self, chunk: Chunk[Record]) -> list[HistoryRecord] | None:
        records = dated(chunk.entries, chunk.boot, self.dating)
        self.undated_boot = chunk.boot if records is None else None
        return records

    def _part(self, name: str, hour: int, records: list[HistoryRecord]) -> Part:
        records = in_order(records)
        end_ms = max(record.t_ms + record.dt_ms for record in records)
        body = pack_block(records, hour, self._scales, name, level=1)
        return Part(hour, len(records), body, records[0].t_ms, end_ms)

    def _add(self, made: Slice) -> Slice:
        with self._lock:
            self._slices = (*self._slices, made)
            self._end = made.last
            self.octets += made.octets
        return made

    def merge(self, points: int) -> bool:
        """Pack the newest slices together, so many points a call; return whether there was anything to do."""
        with self._consuming:
            newest = self._slices[-MERGED:]
            if not self._is_mergeable(newest):
                return False
            span = (newest[0].first, newest[-1].last)
            if self._merging != span:
                self._merging, self._merged = span, {}
            names = [
                name for name in dict.fromkeys(n for part in newest for n in part.parts) if name not in self._merged
            ]
            for name in names[:points]:
                records = [record for part in newest if name in part.parts for record in part.parts[name].records()]
                self._merged[name] = self._part(name, newest[0].hour, records)
            if len(names) <= points:
                self._replace(newest, self._merged)
                self._merging, self._merged = (0, 0), {}
            return True

    def _is_mergeable(self, newest: tuple[Slice, ...]) -> bool:
        first = newest[0] if newest else None
        return (
            first is not None
            and len(newest) == MERGED
            and first.first > self._frozen
            and all(
                part.gap is None and not part.is_merged and (part.boot, part.hour) == (first.boot, first.hour)
                for part in newest
            )
        )

    def _replace(self, newest: tuple[Slice, ...], parts: dict[str, Part]) -> None:
        first, last = newest[0], newest[-1]
        end_ms = max(part.end_ms for part in newest if part.end_ms is not None)
        merged = Slice(first.first, last.last, last.boot, last.hour, end_ms, parts, is_merged=True)
        with self._lock:
            self._slices = (*self._slices[:-MERGED], merged)
            self.octets = sum(kept.octets for kept in self._slices)

    def tail(self, first: int, most: int, point: str = "") -> dict[str, list[HistoryRecord]]:
        """Return the dated records of the log from `first` on, by point; of one point when it is named.

        Looks at no more than `most` entries. Raises StoreError.
        """
        found: dict[str, list[HistoryRecord]] = {}
        end = min(self._log.next_seq(), first + most)
        while first < end:
            chunk = self._log.read(first, min(READ, end - first))
            if chunk.gap is not None:
                first = chunk.gap.last + 1
                continue
            if not chunk.entries or self.dating.entry(chunk.boot, 0) is None:
                break
            own = [entry for entry in chunk.entries if entry.point == point] if point else chunk.entries
            for entry, record in zip(own, dated(own, chunk.boot, self.dating) or [], strict=False):
                found.setdefault(entry.point, []).append(record)
            first += len(chunk.entries)
        return found
