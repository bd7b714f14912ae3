"""The durable buffer: entries numbered from 1 in a ring of segments, one write and one flush a batch.

The octets are drawn in `docs/reference/log-format.md`, what can be lost and when stands in `docs/durability.md`. One
thread appends; any thread reads and acknowledges. No lock is held while the disk flushes: readers see a batch when it
is durable, not before. What surprises: an acknowledged entry stays readable until its segment is needed, so that a
consumer that lost its database can have it again.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, Literal, TypeVar, overload

from edge.core.ports import Gap
from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.store import frame
from edge.store.cursors import Saved
from edge.store.frame import Head
from edge.store.fs import BLOCK, File, Fs, StoreError, write_all
from edge.store.notes import Note
from edge.store.opening import opened, size_note
from edge.store.packed import BatchPacker, Packed
from edge.store.packing import (
    pack_registers,
    unpack_events,
    unpack_records,
    unpack_registers,
)
from edge.store.reading import FrameReader, Held, View
from edge.store.ring import LEAST_SEGMENTS, Ring

SEGMENT_BYTES: Final = 4 << 20
RESERVED_FRAMES: Final = 64  # numbers reserved in advance, in frames like this one: one block for ten minutes
RESERVED_LEAST: Final = 1024
STUBBORN: Final = 3  # times EIO in one place, then the ring's next segment is tried
Entry = TypeVar("Entry", bound=Record | Event)
LogKind = Literal["records", "events"]

log = logging.getLogger(__name__)


class Log(Held[Entry]):
    """One log on a disk. Opening it makes it when it is not there, and repairs what a power cut left.

    `stream` names a log that is made here; one that is there keeps its own. Raises StoreError when another process has
    it open or the disk has no room, FormatError when a newer version wrote it.
    """

    @overload
    def __init__(
        self: Log[Record], fs: Fs, directory: str, kind: Literal["records"], capacity_bytes: int,
        segment_bytes: int = ..., *, consumers: Iterable[str] = ..., stream: str | None = ...,
    ) -> None: ...  # fmt: skip
    @overload
    def __init__(
        self: Log[Event], fs: Fs, directory: str, kind: Literal["events"], capacity_bytes: int,
        segment_bytes: int = ..., *, consumers: Iterable[str] = ..., stream: str | None = ...,
    ) -> None: ...  # fmt: skip
    def __init__(
        self, fs: Fs, directory: str, kind: LogKind, capacity_bytes: int, segment_bytes: int = SEGMENT_BYTES,
        *, consumers: Iterable[str] = (), stream: str | None = None,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.directory = directory
        self.notes: list[Note] = []
        """What opening it found, for the journal and for people: damage, numbers left out, little room."""
        self.dropped = 0
        """Entries overwritten since it was opened that some consumer had not acknowledged."""
        self._fs = fs
        self._ring = Ring(fs, directory, capacity_bytes, segment_bytes, stream)
        self._packer = BatchPacker()
        self._cursors = dict.fromkeys(consumers, 0)
        self._saved_cursors: dict[str, int] = {}
        self._registers: dict[str, Any] = {}
        self._file: File | None = None
        self._segment_end = 0
        self._failures = 0
        self._is_new_place = False
        self._needs_snapshot = True
        try:
            self._go_on()
        except BaseException:
            self._close_file()
            self._ring.close()
            raise

    def _go_on(self) -> None:
        """Go on where the last start left off."""
        found = opened(self._ring, self.kind)
        self.stream = found.stream
        self._cursor_file = found.cursor_file
        unpack: Any = unpack_records if self.kind == "records" else unpack_events
        self._reader: FrameReader[Entry] = FrameReader(self._fs, self.stream, unpack)
        self._reader.tell_not(note.last for note in found.notes)
        self._reserved, self._saved_next = found.reserved, found.next_seq
        self.boot = found.boot
        """The highest start of the station that is written here; the next start takes a higher one."""
        self._registers = found.registers
        for consumer in self._cursors:
            self._cursors[consumer] = min(found.cursors.get(consumer, 0), found.next_seq - 1)
        self._saved_cursors = dict(self._cursors)
        self._publish(View(self._ring.segments, found.next_seq, found.tail))
        try:
            if self._ring.segments:
                self._open_last().fdatasync()  # after a kill the end of the log may be in the page cache only
            self._ring.reserve()
        except OSError as exc:  # a card that takes no change: the first batch asks again, and then it is a state
            log.error("%s can't be written: %s", self.directory, exc)
            self._close_file()
        self.notes = [*found.notes, *size_note(self._ring)]

    def tell_damage_to(self, told: Callable[[str, Gap], None]) -> None:
        """Call this once for each gap of damaged entries that reading comes upon, with the segment's path."""
        self._reader.tell_damage_to(told)

    @property
    def registers(self) -> dict[str, Any]:
        """The latest value of every register, as JSON gives it back."""
        return dict(self._registers)

    def forget(self, registers: Collection[str]) -> None:
        """Let registers go: the next frame holds all others. To be called by whoever appends."""
        if not self._registers.keys().isdisjoint(registers):
            self._registers = {name: value for name, value in self._registers.items() if name not in registers}
            self._needs_snapshot = True

    # -- reading: see edge.core.ports.Reader

    @property
    def consumers(self) -> list[str]:
        """Who must acknowledge."""
        return list(self._cursors)

    def cursor(self, consumer: str) -> int:
        """Return the highest seq that this consumer has acknowledged; 0 when none."""
        return self._cursors.get(consumer, 0)

    def acknowledge(self, consumer: str, seq: int) -> None:
        """Move the cursor forward; raises KeyError for a consumer that was not declared."""
        with self._reader.lock:
            if consumer not in self._cursors:
                raise KeyError(f"{consumer} is no consumer of {self.directory}")
            self._cursors[consumer] = max(self._cursors[consumer], min(seq, self.next_seq() - 1))

    @property
    def has_unsaved_cursors(self) -> bool:
        """Whether a cursor moved since one was last written, in a frame's head or in the cursor file."""
        return self._cursors != self._saved_cursors

    # -- writing: one thread

    def pack(self, batch: RecordBatch | EventBatch) -> list[Packed]:
        """Return the batch as octets: one frame's, or more when it would fill half a segment (registers in the last).

        Raises PackingError when an entry can't be kept exactly.
        """
        return self._packer.pack(batch, self._ring.segment_bytes // 2)

    def append(self, batch: RecordBatch | EventBatch | Packed) -> int:
        """Make a batch durable and return the seq of its first entry; registers count from the same instant.

        Raises StoreError when it can't be written: a Packed then changed nothing and may be tried again.
        """
        first = self.next_seq()
        for packed in [batch] if isinstance(batch, Packed) else self.pack(batch):
            if packed.count or packed.registers:
                self._try(packed)
        return first

    def _try(self, packed: Packed) -> None:
        try:
            self._append(packed)
        except OSError as exc:
            self._close_file()  # the next try opens it anew: the card may have been mounted again
            self._failures += exc.errno == errno.EIO
            if isinstance(exc, StoreError):
                raise
            raise StoreError(exc.errno, f"{self.directory} can't be written: {exc.strerror}") from exc

    def _append(self, packed: Packed) -> None:
        registers = {**self._registers, **unpack_registers(packed.registers)}
        octets, head = self._frame(packed, registers)
        view = self._reader.view
        if not view.segments or view.tail + len(octets) > self._segment_end or self._is_stuck():
            if len(octets) > self._ring.segment_bytes - BLOCK:
                raise StoreError(errno.EFBIG, f"a frame of {len(octets)} octets does not fit a segment")
            self._next_segment()
            octets, head = self._frame(packed, registers)
            view = self._reader.view
        self._ring.settle()
        self._reserve_numbers(packed.count)
        file = self._open_last()
        write_all(file, octets, view.tail)
        file.fdatasync()
        self._registers, self._needs_snapshot = registers, False
        self._saved_cursors = head.cursors
        self.boot = max(self.boot, packed.boot)
        self._failures, self._is_new_place = 0, False
        self._publish(View(view.segments, view.next_seq + packed.count, view.tail + len(octets)))
        if not view.tail:
            self._save_quietly()  # that this segment has frames

    def _reserve_numbers(self, count: int) -> None:
        """See that the cursor file knows of a number above all that are given."""
        last = self.next_seq() + count
        if last >= self._reserved:
            self._reserved = last + max(RESERVED_FRAMES * count, RESERVED_LEAST)
            self._save_quietly()

    def _frame(self, packed: Packed, registers: dict[str, Any]) -> tuple[bytes, Head]:
        view = self._reader.view
        base = view.segments[-1].base if view.segments else view.next_seq
        is_snapshot = self._needs_snapshot or not view.tail
        with self._reader.lock:
            cursors = dict(self._cursors)
        head = Head(self.kind, view.next_seq, packed.count, packed.boot, packed.t_ms, 0, 0, 0, 0, is_snapshot, cursors)
        octets = pack_registers(registers) if is_snapshot else packed.registers
        return frame.encode(head, octets, packed.entries, frame.seed(self.stream, base)), head

    def _is_stuck(self) -> bool:
        return self._failures >= STUBBORN and not self._is_new_place

    def _next_segment(self) -> None:
        """Begin a segment at the next seq: a new one, or in the place of the oldest."""
        self._close_file()
        self._ring.grow()
        self._ring.prepare()
        view = self._reader.view
        with self._reader.lock:
            last = view.segments[-1] if view.segments else None
            if last is not None and last.base == view.next_seq:
                if self._ring.is_full and len(view.segments) <= LEAST_SEGMENTS:
                    raise StoreError(errno.EIO, f"{last.path} can't be written, and there is no other segment")
                self._ring.set_aside(last)
                view = self._reader.view = View(self._ring.segments, view.next_seq, self._ring.segment_bytes)
            if self._ring.is_full:
                self._count_dropped(view)
            self._ring.take(view.next_seq)
            self._segment_end = self._ring.segment_bytes  # until it is opened, which may fail
            self._is_new_place = self._failures > 0
            self._reader.view = View(self._ring.segments, view.next_seq, 0)

    def _count_dropped(self, view: View) -> None:
        first, last = view.segments[0].base, view.segments[1].base - 1
        behind = [cursor for cursor in self._cursors.values() if cursor < last]
        if behind:
            self.dropped += last - max(min(behind), first - 1)

    def _publish(self, view: View) -> None:
        with self._reader.lock:
            self._reader.view = view

    def _open_last(self) -> File:
        if self._file is None:
            self._file = self._fs.open(self._reader.view.segments[-1].path)
            self._segment_end = self._file.size()
            if self._segment_end < self._ring.segment_bytes:
                self._file.truncate(self._ring.segment_bytes)
                self._segment_end = self._ring.segment_bytes
        return self._file

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def has_unsaved_numbers(self) -> bool:
        """Whether entries were appended since the cursor file was last written."""
        return self.next_seq() != self._saved_next

    def save_cursors(self) -> None:
        """Write the cursor file. Raises OSError."""
        with self._reader.lock:
            cursors, view = dict(self._cursors), self._reader.view
        used = view.segments if view.tail else view.segments[:-1]
        newest = used[-1].base if used else 0
        self._cursor_file.save(Saved(view.next_seq, self.boot, cursors, newest, self._reserved))
        self._saved_cursors, self._saved_next = cursors, view.next_seq

    def _save_quietly(self) -> None:
        """Write the cursor file where that is only for the day when the end of the log is lost."""
        try:
            self.save_cursors()
        except OSError as exc:
            log.warning("the cursors of %s are not saved: %s", self.directory, exc)

    def close(self) -> None:
        """Save the cursors and give the log back. Never raises: cursors that are not saved only send entries again."""
        self._save_quietly()
        self._close_file()
        self._ring.close()
