"""A log in memory that follows `edge.core.ports.Reader`: what the links' tests read from and drop ranges of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from edge.core.ports import Chunk, Gap
from edge.core.types import Event, Record

Entry = TypeVar("Entry", bound=Record | Event)


class MemoryLog(Generic[Entry]):
    """Numbered from 1; `drop_to` forgets as a full ring does, `damage` loses a range in the middle."""

    def __init__(self, stream: str = "9f3c21aa", frame: int = 500) -> None:
        self.stream = stream
        self._frame = frame
        self._entries: list[tuple[int, Entry]] = []
        self._first = 1
        self._gaps: list[Gap] = []
        self.cursors: dict[str, int] = {}
        self.broken: OSError | None = None
        """What reading it raises."""

    def append(self, entries: Sequence[Entry], boot: int = 1) -> None:
        self._entries.extend((boot, entry) for entry in entries)

    def drop_to(self, seq: int) -> None:
        self._first = seq

    def damage(self, first: int, last: int) -> None:
        self._gaps.append(Gap(first, last, "damaged"))

    def first_seq(self) -> int:
        return self._first

    def next_seq(self) -> int:
        return len(self._entries) + 1

    def read(self, seq: int, limit: int) -> Chunk[Entry]:
        if self.broken is not None:
            raise self.broken
        if seq < self._first:
            return Chunk(seq, gap=Gap(seq, self._first - 1, "dropped"))
        for gap in self._gaps:
            if gap.first <= seq <= gap.last:
                return Chunk(seq, gap=Gap(seq, gap.last, gap.why))
        if seq >= self.next_seq():
            return Chunk(seq)
        # up to the end of a frame, of the boot, or of a gap: a reader must ask again
        end = min([seq + limit, seq - (seq - 1) % self._frame + self._frame, self.next_seq()]
                  + [gap.first for gap in self._gaps if gap.first > seq])  # fmt: skip
        boot = self._entries[seq - 1][0]
        found = []
        for of_boot, entry in self._entries[seq - 1 : end - 1]:
            if of_boot != boot:
                break
            found.append(entry)
        return Chunk(seq, boot, found)

    def entry(self, seq: int) -> Entry:
        return self._entries[seq - 1][1]

    def cursor(self, consumer: str) -> int:
        return self.cursors.get(consumer, 0)

    def acknowledge(self, consumer: str, seq: int) -> None:
        assert seq <= self.next_seq() - 1
        self.cursors[consumer] = max(self.cursor(consumer), seq)
