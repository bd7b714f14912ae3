"""The logs of a box that does not run: read in place, under their locks, with nothing written, repaired or made.

A running box holds the locks, so nothing here can meet a writer; whoever finds it running asks its local API instead.
A card that is mounted read-only, or a copy of the folder, is read the same way.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, TypeVar

import msgspec

from edge.core.clock import Dating, entries_of
from edge.core.types import Event, Record
from edge.store.cursors import CursorFile
from edge.store.fs import File, FormatError, Fs, RealFile, RealFs, StoreError
from edge.store.packing import unpack_events, unpack_records
from edge.store.reading import FrameReader, Held, View
from edge.store.recovery import recover
from edge.store.ring import Segment, listing
from edge.store.tidying import has_frames, of_one_stream

Entry = TypeVar("Entry", bound=Record | Event)
NO_STREAM: Final = "00000000"  # of a log in which nothing was ever written


class ReadOnlyFs(RealFs):
    """The folder `root` of the disk; what would change it raises OSError (EROFS)."""

    def open(self, path: str, *, create: bool = False) -> RealFile:
        """Open for reading; `create` makes nothing."""
        fd = os.open(self._at(path), os.O_RDONLY | os.O_CLOEXEC)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        return RealFile(fd)

    def rename(self, old: str, new: str) -> NoReturn:
        """Refuse."""
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), self._at(old))

    def unlink(self, path: str) -> NoReturn:
        """Refuse."""
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), self._at(path))

    def mkdir(self, path: str) -> None:
        """Do nothing where it is there, refuse where it is not."""
        if not self.exists(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), self._at(path))


class StoredLog(Held[Entry]):
    """One log at rest, as `edge.core.ports.Reader`; `registers` and `notes` as `edge.store.log.Log` has them.

    Raises StoreError when a process has it open, FormatError when a newer version wrote it, OSError when it is not
    there.
    """

    def __init__(self, fs: Fs, directory: str, kind: Literal["records", "events"]) -> None:
        self.fs = fs
        self.directory = directory
        self._lock = _locked(fs, directory)
        try:
            there, _ = of_one_stream(fs, directory, listing(fs, directory))
            self.stream = there.streams[0] if there.streams else NO_STREAM
            self.segments: tuple[Segment, ...] = there.segments
            found = recover(self, kind, CursorFile(fs, f"{directory}/cursors", self.stream).load())
        except BaseException:
            self.close()
            raise
        self.boot = found.boot
        self.registers: dict[str, Any] = found.registers
        self.notes = found.notes
        self._cursors = found.cursors
        unpack: Any = unpack_records if kind == "records" else unpack_events
        self._reader: FrameReader[Entry] = FrameReader(fs, self.stream, unpack)
        self._reader.view = View(self.segments, found.next_seq, found.tail)

    @property
    def consumers(self) -> list[str]:
        """Who has acknowledged here."""
        return list(self._cursors)

    def cursor(self, consumer: str) -> int:
        """Return the highest seq that this consumer was known to have acknowledged; 0 when none."""
        return min(self._cursors.get(consumer, 0), self.next_seq() - 1)

    def acknowledge(self, consumer: str, seq: int) -> NoReturn:
        """Refuse: nothing is written here."""
        raise StoreError(errno.EROFS, f"{self.directory} is read only: {consumer} can't acknowledge {seq}")

    def close(self) -> None:
        """Let another process have the log. May be called twice."""
        if self._lock is not None:
            self._lock.close()


def newer_in(fs: Fs, directory: str, kind: Literal["records", "events"]) -> str:
    """Return what says that a newer version wrote here in a form of its own, "" where nothing does.

    Raises OSError where the log can't be read, or a process has it open.
    """
    try:
        log: StoredLog[Any] = StoredLog(fs, directory, kind)
        try:
            for segment in log.segments:
                file = fs.open(segment.path)
                try:
                    has_frames(file, segment, log.stream)
                finally:
                    file.close()
        finally:
            log.close()
    except FormatError as exc:
        return str(exc)
    return ""


def _locked(fs: Fs, directory: str) -> File | None:
    """Return the log's lock, held; None where the folder has none, a copy of one."""
    if not fs.exists(f"{directory}/lock"):
        return None
    lock = fs.open(f"{directory}/lock")
    if not lock.lock():
        lock.close()
        raise StoreError(errno.EBUSY, f"{directory}: a running box has this log open; ask it by its socket")
    return lock


class StoredLogs(msgspec.Struct, frozen=True):
    """Both logs of a box at rest, and what dates their entries."""

    records: StoredLog[Record]
    events: StoredLog[Event]
    dating: Dating


@contextmanager
def stored_logs(state: Path, fs: Fs | None = None) -> Iterator[StoredLogs]:
    """Open the logs below a state folder and give them back at the end.

    Raises StoreError that names the folder: no box kept anything there, one runs on it, or it can't be read.
    """
    disk = fs or ReadOnlyFs(state)
    with ExitStack() as stack:
        try:
            records: StoredLog[Record] = StoredLog(disk, "records", "records")
            stack.callback(records.close)
            events: StoredLog[Event] = StoredLog(disk, "events", "events")
            stack.callback(events.close)
        except FileNotFoundError as exc:
            raise StoreError(errno.ENOENT, f"{state}: no box has kept anything here (no {exc.filename})") from exc
        except OSError as exc:
            raise StoreError(exc.errno or 0, f"{state} can't be read: {exc.strerror or exc}") from exc
        dating = Dating()
        for entry in entries_of(events.registers.get("clock")):
            dating.add(entry)
        yield StoredLogs(records, events, dating)
