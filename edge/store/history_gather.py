"""The next slice while it is taken from the log: read frame by frame, then packed some points at a time.

A frame that was packed by columns goes on by columns: no record of it becomes an object. Where an hour or the word of
another clock begins within a frame, it is taken record by record.
"""

from __future__ import annotations

from itertools import repeat
from operator import add
from typing import Final, Protocol

from edge.core.batch import is_unsynced
from edge.core.calendar import HOUR_MS
from edge.core.clock import Dating
from edge.core.ports import Chunk, Gap, Reader
from edge.core.record_columns import Columns, columns_of, expanded, same
from edge.core.series import HistoryRecord
from edge.core.types import Record
from edge.store.history_blocks import BlockPacker, hour_of
from edge.store.history_slices import PART_COST, Part, Slice, dated, packed_part
from edge.store.packing import ROWS, Fields, unpack_points
from edge.store.reading import Whole
from hal.sample import GOOD, UNCERTAIN

READ: Final = 4000  # entries at once: what is unpacked lies in RAM as objects
SLICE: Final = 60_000  # five minutes of 200 points at 1 Hz: shorter ones pack badly
PACKED: Final = 10_000  # records packed at once, a part's own cost included


class RecordLog(Reader[Record], Protocol):
    """A log of records that also gives its frames as they are packed."""

    def whole(self, seq: int) -> Whole | None:
        """Return the frame that holds `seq`, None when it can't be had. Raises StoreError."""


class Gathering:
    """What was taken of the log from `first` on."""

    def __init__(self, log: RecordLog, dating: Dating, first: int) -> None:
        self.taken = 0
        self.is_read = False
        """Whether the slice is complete: it is full, or what follows belongs to another or is not there yet."""
        self.undated_boot: int | None = None
        """The start whose clock entry is missing, when that is what ended it."""
        self.gap: Gap | None = None
        self._log = log
        self._dating = dating
        self._first = first
        self._boot = self._hour = 0
        self._pieces: dict[str, list[Columns]] = {}
        self._parts: dict[str, Part] = {}

    def read(self) -> bool:
        """Take about READ entries more; return whether the slice is complete. Raises StoreError."""
        enough = min(self.taken + READ, SLICE)
        while self.taken < enough and not self.is_read:
            self._read(enough - self.taken)
        self.is_read = self.is_read or self.taken >= SLICE
        return self.is_read

    def _read(self, most: int) -> None:
        seq = self._first + self.taken
        whole = self._log.whole(seq)
        if whole is not None and whole.last - whole.first >= ROWS:
            if whole.first == seq and self._take_frame(whole):
                return
            most = min(READ, whole.last + 1 - seq)  # from the next frame on by columns again
        chunk = self._log.read(seq, most)
        if chunk.gap is not None and not self.taken:
            self.gap = chunk.gap
        if not chunk.entries or (self.taken and chunk.boot != self._boot):
            self.is_read = True
        else:
            self._take_singly(chunk)

    def _take_frame(self, whole: Whole) -> bool:
        """Take a frame; return False when it must be taken record by record."""
        if self.taken and whole.boot != self._boot:
            return False
        points = unpack_points(whole.octets)
        if not points:
            return False
        starts = {id(fields[0]): list(expanded(fields[0], n)) for _, n, fields in points}
        earliest, latest = min(map(min, starts.values())), max(map(max, starts.values()))
        entry = self._dating.entry(whole.boot, earliest)
        if entry is None or entry is not self._dating.entry(whole.boot, latest):
            return False
        offset_ms = entry.utc_ms - entry.at_ms
        hour = self._hour if self.taken else hour_of(starts[id(points[0][2][0])][0] + offset_ms)
        if latest + offset_ms >= hour + HOUR_MS:
            return False
        stamps = {key: list(map(add, start_ms, repeat(offset_ms))) for key, start_ms in starts.items()}
        trust = same(entry.source)
        is_doubtful = is_unsynced(entry.source)
        pieces = self._pieces
        for name, n, fields in points:
            _, *others = _doubted(n, fields) if is_doubtful else fields
            piece = Columns(n, [stamps[id(fields[0])], *others, trust])
            if name in pieces:
                pieces[name].append(piece)
            else:
                pieces[name] = [piece]
        self._boot, self._hour = whole.boot, hour
        self.taken += whole.last + 1 - whole.first
        return True

    def _take_singly(self, chunk: Chunk[Record]) -> None:
        records = dated(chunk.entries, chunk.boot, self._dating)
        if records is None:
            self.undated_boot, self.is_read = chunk.boot, True
            return
        if not self.taken:
            self._boot, self._hour = chunk.boot, hour_of(records[0].t_ms)
        end_ms = self._hour + HOUR_MS
        count = next((at for at, record in enumerate(records) if record.t_ms >= end_ms), len(records))
        gathered: dict[str, list[HistoryRecord]] = {}
        for entry, record in zip(chunk.entries[:count], records, strict=False):
            gathered.setdefault(entry.point, []).append(record)
        for name, own in gathered.items():
            self._pieces.setdefault(name, []).append(columns_of(own))
        self.taken += count
        self.is_read = count < len(records)

    def pack(self, packer: BlockPacker) -> Slice | None:
        """Pack some points; return the slice when all of them are."""
        if self.gap is not None:
            return Slice(self._first, self.gap.last, gap=self.gap)
        done = 0
        while self._pieces and done < PACKED:
            name = next(iter(self._pieces))
            part = self._parts[name] = packed_part(packer, name, self._hour, self._pieces.pop(name))
            done += part.n + PART_COST
        if self._pieces:
            return None
        end_ms = max(part.end_ms for part in self._parts.values())
        return Slice(self._first, self._first + self.taken - 1, self._boot, self._hour, end_ms, self._parts)


def _doubted(n: int, fields: Fields) -> Fields:
    """Return the fields of records whose stamps are guessed: what is good is uncertain then."""
    start_ms, dt_ms, value, quality, reason, *others = fields
    found = list(zip(expanded(quality, n), expanded(reason, n), strict=True))
    quality = [UNCERTAIN if how == GOOD else how for how, _ in found]
    reason = ["clock_unsynced" if how == GOOD else why for how, why in found]
    return start_ms, dt_ms, value, quality, reason, *others
