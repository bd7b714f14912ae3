"""Slices: records as taken from the log, dated, and packed by point in RAM until they are written.

A slice holds the records of some consecutive seqs: of one start, and none from an hour after its first. So a whole
number of slices can be written at any time and the cursor be moved by them, and who reads can leave out those that the
file already has.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Final

import msgspec

from edge.core.batch import is_unsynced
from edge.core.clock import Dating
from edge.core.ports import Gap
from edge.core.record_columns import Columns, chained
from edge.core.series import HistoryRecord
from edge.core.types import Record
from edge.store.history_blocks import BlockPacker, unpack_block
from hal.sample import GOOD, UNCERTAIN

PART_COST: Final = 150  # to pack or unpack a part takes as long as so many more records in it
OVERHEAD: Final = 200  # of a packed part: the object, its octets' object, its place in a dictionary


class Part(msgspec.Struct, gc=False):
    """Records of one point within a slice."""

    t0: int
    n: int
    body: bytes
    first_ms: int
    end_ms: int

    def columns(self) -> Columns:
        """Return them, in order of time."""
        return unpack_block(self.body, self.t0, self.n)

    def records(self) -> list[HistoryRecord]:
        """Return them one by one, in order of time."""
        return self.columns().records()


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


def packed_part(packer: BlockPacker, name: str, hour: int, pieces: Sequence[Columns]) -> Part:
    """Return these records of one point, in the order of their seqs, as a part."""
    records = chained(pieces).in_order()
    return Part(hour, records.n, packer.pack(records, hour, name, level=1), records.t_ms[0], records.end_ms)
