"""A batch as octets: what becomes a frame, and what is kept in RAM while the card can't be written."""

from __future__ import annotations

from typing import Any

import msgspec

from edge.core.types import EventBatch, RecordBatch
from edge.store.packing import PackingError, RecordPacker, pack_events, pack_registers


class Packed(msgspec.Struct, frozen=True):
    """A batch, or a part of one, as octets."""

    count: int
    boot: int
    t_ms: int
    registers: bytes
    entries: bytes

    @property
    def size(self) -> int:
        """Octets."""
        return len(self.registers) + len(self.entries)


class BatchPacker:
    """Packs the batches of one log."""

    def __init__(self) -> None:
        self._records = RecordPacker()

    def pack(self, batch: RecordBatch | EventBatch, most_octets: int) -> list[Packed]:
        """Return the batch as one frame's octets, or as more when it is larger than this (registers in the last).

        Raises PackingError when an entry can't be kept exactly.
        """
        entries: Any = batch.entries
        if isinstance(batch, RecordBatch):
            t_ms = entries[0].start_ms if entries else 0
            octets = self._records.pack(entries)
        else:
            t_ms = entries[0].at_ms if entries else 0
            octets = pack_events(entries)
        packed = Packed(len(entries), batch.boot, t_ms, pack_registers(batch.registers), octets)
        if packed.size <= most_octets:
            return [packed]
        if len(entries) <= 1:
            raise PackingError(f"an entry or registers of {packed.size} octets do not fit a segment")
        half = len(entries) // 2
        first = msgspec.structs.replace(batch, entries=entries[:half], registers={})
        rest = msgspec.structs.replace(batch, entries=entries[half:])
        return [*self.pack(first, most_octets), *self.pack(rest, most_octets)]
