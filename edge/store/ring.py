"""The files of a log: a ring of preallocated segments of one size, named by stream and base seq.

```
9f3c21aa-0000000000003039.seg   frames of stream 9f3c21aa from seq 0x3039 on
9f3c21aa-0007.new               reserved, not used yet
9f3c21aa-0000000000004a00.bad   set aside: the card refused to write it
cursors, lock
```
The names are the index and the only place where the stream's id stands: one rename makes a segment, and no file can
disagree with another. A used segment is overwritten in place, without a change of length or of blocks: one block
written a frame and no work for the file system's journal. A new one is filled with zeros first, for the same reason.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import suppress
from typing import Final, Protocol

import msgspec

from edge.store.aside import aside_note
from edge.store.fs import BLOCK, File, Fs, NotAFileError, Room, StoreError, write_all
from edge.store.notes import Note

LEAST_SEGMENTS: Final = 2
LEAST_SEGMENT_BYTES: Final = 16 << 10
KEPT_FREE_BYTES: Final = 64 << 20  # for what else is kept beside the logs: history, notebook, the machine's journal …
KEPT_FREE_SHARE: Final = 10  # … or a tenth of the disk; on a tiny one at most half …
KEPT_FREE_MOST_BYTES: Final = 2 << 30  # … and on a server's no more than all of that ever takes
_SEGMENT = re.compile(r"([0-9a-f]{8})-([0-9a-f]{16})\.seg")
_NEW = re.compile(r"([0-9a-f]{8})-[0-9]{4,}\.new")


class Segment(msgspec.Struct, frozen=True):
    """One file of frames; it holds the seqs from `base` to the next segment's base - 1."""

    base: int
    path: str


class Held(Protocol):
    """The segments of one log, as recovery looks at them."""

    @property
    def fs(self) -> Fs:
        """The disk."""

    @property
    def stream(self) -> str:
        """The log's id."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in use, oldest first."""


class Listing(msgspec.Struct, frozen=True):
    """What a log's folder holds: the ids of its streams, segments in use, and reserved files."""

    streams: list[str]
    segments: tuple[Segment, ...]
    new: list[str]


def listing(fs: Fs, directory: str) -> Listing:
    """Return what is there, by its names; segments of more than one log may lie together. Raises OSError."""
    found: set[str] = set()
    segments, new = [], []
    for name in fs.listdir(directory):
        path = f"{directory}/{name}"
        if matched := _SEGMENT.fullmatch(name):
            segments.append(Segment(int(matched[2], 16), path))
        elif matched := _NEW.fullmatch(name):
            new.append(path)
        else:
            continue
        found.add(matched[1])
    return Listing(sorted(found), tuple(sorted(segments, key=lambda segment: segment.base)), new)


class LockedError(StoreError):
    """Another process has the log open. `filename` is the log's folder."""


class Ring:
    """The segments in use, oldest first, and those still new. Only the thread that appends changes it."""

    def __init__(
        self, fs: Fs, directory: str, capacity_bytes: int, segment_bytes: int, stream: str | None = None
    ) -> None:
        if segment_bytes < LEAST_SEGMENT_BYTES or segment_bytes % BLOCK:
            raise ValueError(f"segments of {segment_bytes} octets: at least {LEAST_SEGMENT_BYTES}, in whole blocks")
        self.fs = fs
        self.directory = directory
        self.segment_bytes = segment_bytes
        self.wanted = max(capacity_bytes // segment_bytes, LEAST_SEGMENTS)
        self.segments: tuple[Segment, ...] = ()
        self.stream = stream or secrets.token_hex(4)
        self._new: list[str] = []
        self._is_renamed = False
        self.notes: list[Note] = []
        """What was found in the place of its folder or lock."""
        self._lock = self._locked()

    def _locked(self) -> File | None:
        """Return the lock, held; None on a card that can only be read and has none."""
        path = f"{self.directory}/lock"
        try:
            self._make_folder()
            try:
                lock = self.fs.open(path, create=True)
            except NotAFileError:
                self.notes.append(aside_note(self.fs, path, "not_a_file"))
                lock = self.fs.open(path, create=True)
        except OSError as exc:
            if exc.errno == errno.EROFS:
                return None
            raise
        if lock.lock():
            _sign(lock)
            return lock
        holder = lock.pread(20, 0).split(b"\0")[0].decode("ascii", "replace").strip()
        lock.close()
        who = f" ({holder})" if holder.isdecimal() else ""
        raise LockedError(errno.EBUSY, f"another process{who} has this log open", self.directory)

    def _make_folder(self) -> None:
        try:
            self.fs.mkdir(self.directory)
        except (FileExistsError, NotADirectoryError):
            self.notes.append(aside_note(self.fs, self.directory, "not_a_folder"))
            self.fs.mkdir(self.directory)

    @property
    def size(self) -> int:
        """How many segments there are, used and new."""
        return len(self.segments) + len(self._new)

    def hold(self, stream: str, segments: tuple[Segment, ...], new: list[str]) -> None:
        """Take the files of the log, as they were found."""
        self.stream, self.segments, self._new = stream, segments, new

    def reserve(self) -> None:
        """Make the ring as large as wanted, or as the disk allows; give back what is new and no longer wanted.

        Raises StoreError when there is not even room for the least that a log needs.
        """
        self.fs.mkdir(self.directory)
        while self._new and self.size > self.wanted:
            self.fs.unlink(self._new.pop())
        number = 0
        while self.size < self.wanted:
            path = f"{self.directory}/{self.stream}-{number:04}.new"
            number += 1
            if path in self._new:
                continue
            if self.size >= LEAST_SEGMENTS and self._leaves_too_little():
                break
            try:
                self._reserve_one(path)
            except OSError as exc:
                if self.size < LEAST_SEGMENTS:
                    raise StoreError(
                        exc.errno, f"no room for the {LEAST_SEGMENTS} segments that a log needs: {exc.strerror}", path
                    ) from exc
                break  # a smaller ring now; it grows later
        self.fs.fsync_dir(self.directory)

    def _leaves_too_little(self) -> bool:
        left = self.fs.room_left(self.directory)
        return left.free_bytes - self.segment_bytes < kept_free_bytes(left)

    def _reserve_one(self, path: str) -> None:
        """Try twice: a card that failed once must not mean a small ring until the next start."""
        try:
            self._reserve_at(path)
        except OSError:
            self._reserve_at(path)

    def _reserve_at(self, path: str) -> None:
        file = self.fs.open(path, create=True)
        try:
            file.allocate(self.segment_bytes)
            file.fdatasync()
        except OSError:
            self.fs.unlink(path)
            raise
        finally:
            file.close()
        self._new.append(path)

    def grow(self) -> None:
        """Add a segment to a full ring that is smaller than wanted, as after a start on a card that was ill."""
        if self._new or self.size >= self.wanted:
            return
        try:
            if self._leaves_too_little():
                return
            self._reserve_one(f"{self.directory}/{self.stream}-0000.new")  # that name is free: no segment is new
        except OSError:
            return  # the oldest segment gives way, as in a ring that is as large as it can be
        self._is_renamed = True

    @property
    def is_full(self) -> bool:
        """Whether the next segment takes the place of the oldest."""
        return not self._new

    def prepare(self) -> None:
        """Fill the next new segment with zeros, so that it can be taken at once. Slow: hold no lock.

        Raises StoreError when there is no segment at all and no room for one.
        """
        if self.size < LEAST_SEGMENTS:  # there was no room, or no card, when the log was opened
            self.reserve()
        if not self._new:
            return
        file = self.fs.open(self._new[0])
        try:
            file.truncate(self.segment_bytes)
            # block by block: a larger write makes larger pages in the kernel's cache, each of which then counts as
            # written whole when a frame changes one block of it
            for offset in range(0, self.segment_bytes, BLOCK):
                write_all(file, bytes(BLOCK), offset)
            file.fdatasync()
        finally:
            file.close()

    def take(self, base: int) -> Segment:
        """Return an empty segment for seqs from `base` on: a new one, else the oldest, whose frames are gone with that.

        The name is durable after `settle`.
        """
        segment = Segment(base, f"{self.directory}/{self.stream}-{base:016x}.seg")
        if self._new:
            self.fs.rename(self._new[0], segment.path)
            del self._new[0]
            self.segments = (*self.segments, segment)
        else:
            self.fs.rename(self.segments[0].path, segment.path)
            self.segments = (*self.segments[1:], segment)
        self._is_renamed = True
        return segment

    def set_aside(self, segment: Segment) -> None:
        """Leave a segment that the card refuses to write; the ring is smaller by one."""
        self.fs.rename(segment.path, segment.path.removesuffix(".seg") + ".bad")
        self.segments = tuple(kept for kept in self.segments if kept is not segment)
        self._is_renamed = True

    def settle(self) -> None:
        """Make the names durable when they changed. Slow: hold no lock."""
        if self._is_renamed:
            self.fs.fsync_dir(self.directory)
            self._is_renamed = False

    def close(self) -> None:
        """Let another process have the log."""
        if self._lock is not None:
            self._lock.close()


def kept_free_bytes(room: Room) -> int:
    """Return how much of a disk the ring leaves to others."""
    share = min(room.total_bytes // KEPT_FREE_SHARE, KEPT_FREE_MOST_BYTES)
    return min(max(KEPT_FREE_BYTES, share), room.total_bytes // 2)


def _sign(lock: File) -> None:
    """Write our process into the lock, for whoever finds it held. Only a help: nothing rests on it."""
    with suppress(OSError):
        lock.pwrite(f"{os.getpid():<19}\n".encode(), 0)
