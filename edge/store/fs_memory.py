"""A disk in RAM behind the Fs seam: it counts, it fails on demand, and its power can be cut at any call.

The simulator keeps its stores here; tests replay every prefix of a store's calls as a power cut. What is promised is
what POSIX promises (`edge.store.fs`): after a cut everything flushed is there; each block written since may be there,
missing, torn at a sector, or noise, in any order; of the names changed since, the first few are there: a file system's
journal keeps their order (ext4 as shipped, xfs, btrfs), whatever became of the octets. A flush that failed is not made
up for by a later one: the kernel takes those pages as clean, so only what is written again is flushed again.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from random import Random
from typing import Final

import msgspec

from edge.store.fs import Room
from edge.store.fs_image import MODELS, Image, Model, Naming, Write, arrive

__all__ = ["MODELS", "Counts", "Fault", "MemoryFile", "MemoryFs", "Model", "prefixes"]

CHANGING: Final = frozenset({"pwrite", "truncate", "allocate", "rename", "unlink"})
UNLIMITED: Final = 1 << 50


class Fault(msgspec.Struct):
    """The next `times` matching calls fail with `error`, after `after` calls that pass; `short` writes fewer octets."""

    call: str
    error: int
    path: str = ""
    times: int = 1
    after: int = 0
    short: int = -1


class Counts(msgspec.Struct):
    """What went to the disk."""

    octets_written: int = 0
    writes: int = 0
    flushes: int = 0
    reads: int = 0
    octets_read: int = 0


class MemoryFile:
    """An open file of a MemoryFs."""

    def __init__(self, fs: MemoryFs, number: int, path: str) -> None:
        self._fs = fs
        self._number = number
        self._path = path

    def pread(self, size: int, offset: int) -> bytes:
        """See edge.store.fs.File."""
        with self._fs.lock:
            self._fs.meet_fault("pread", self._path)
            octets = self._fs.images[self._number].read(size, offset)
            self._fs.counts.reads += 1
            self._fs.counts.octets_read += len(octets)
            return octets

    def pwrite(self, octets: bytes, offset: int) -> int:
        """See edge.store.fs.File."""
        with self._fs.lock:
            fault = self._fs.meet_fault("pwrite", self._path)
            if fault is not None:
                octets = octets[: fault.short]
            octets = octets[: self._fs.room(self._number, offset + len(octets)) - offset]
            if not octets:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
            self._fs.counts.writes += 1
            self._fs.counts.octets_written += len(octets)
            self._fs.change(Write(self._number, bytes(octets), offset))
            return len(octets)

    def fdatasync(self) -> None:
        """See edge.store.fs.File."""
        with self._fs.lock:
            try:
                self._fs.meet_fault("fdatasync", self._path)
            except OSError:
                self._fs.strand(self._number)
                raise
            self._fs.counts.flushes += 1
            self._fs.flush_file(self._number)

    def truncate(self, size: int) -> None:
        """See edge.store.fs.File."""
        with self._fs.lock:
            self._fs.meet_fault("truncate", self._path)
            self._fs.change(Write(self._number, size=size))

    def allocate(self, size: int) -> None:
        """See edge.store.fs.File."""
        with self._fs.lock:
            self._fs.meet_fault("allocate", self._path)
            if self._fs.room(self._number, size) < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
            if size > self.size():
                self._fs.change(Write(self._number, size=size))

    def size(self) -> int:
        """See edge.store.fs.File."""
        return self._fs.images[self._number].size

    def lock(self) -> bool:
        """See edge.store.fs.File."""
        with self._fs.lock:
            if self._fs.locked.get(self._number, self) is not self:
                return False
            self._fs.locked[self._number] = self
            return True

    def close(self) -> None:
        """See edge.store.fs.File."""
        with self._fs.lock:
            if self._fs.locked.get(self._number) is self:
                del self._fs.locked[self._number]


class MemoryFs:
    """A folder tree in RAM. `space` limits what it holds; `keep_cuts` keeps what a power cut must know."""

    def __init__(self, space: int | None = None, *, keep_cuts: bool = False) -> None:
        self.counts = Counts()
        self.faults: list[Fault] = []
        self.space = space
        self.lock = threading.RLock()
        self.locked: dict[int, MemoryFile] = {}
        self.images: dict[int, Image] = {}
        self.names: dict[str, int] = {}
        self.folders = {""}
        self.is_read_only = False
        """Whether it is mounted for reading only, as ext4 does by itself after an error."""
        self.calls: list[Write | Naming | int | str] | None = None
        """When a list: every change, flush of a file (its number) or of a folder (its path), in order."""
        self._keep_cuts = keep_cuts
        self._durable_images: dict[int, Image] = {}
        self._durable_names: dict[str, int] = {}
        self._unflushed: list[Write | Naming] = []
        self._stranded: list[Write] = []
        self._reserved: dict[int, int] = {}

    # -- the seam

    def open(self, path: str, *, create: bool = False) -> MemoryFile:
        """See edge.store.fs.Fs."""
        with self.lock:
            self.meet_fault("open", path)
            if path not in self.names:
                folder = path.rpartition("/")[0]
                if not create or folder not in self.folders:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
                self._must_take_changes(path)
                number = max(self.images, default=0) + 1
                self.images[number] = Image()
                self.change(Naming(folder, {path: number}))
            return MemoryFile(self, self.names[path], path)

    def rename(self, old: str, new: str) -> None:
        """See edge.store.fs.Fs; both names in one folder."""
        with self.lock:
            self.meet_fault("rename", old)
            self._must_exist(old)
            self.change(Naming(old.rpartition("/")[0], {old: None, new: self.names[old]}))

    def unlink(self, path: str) -> None:
        """See edge.store.fs.Fs."""
        with self.lock:
            self.meet_fault("unlink", path)
            self._must_exist(path)
            self._reserved.pop(self.names[path], None)
            self.change(Naming(path.rpartition("/")[0], {path: None}))

    def listdir(self, path: str) -> list[str]:
        """See edge.store.fs.Fs."""
        with self.lock:
            if path not in self.folders:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            inside = [*self.names, *self.folders - {""}]
            return sorted(name.rpartition("/")[2] for name in inside if name.rpartition("/")[0] == path)

    def mkdir(self, path: str) -> None:
        """See edge.store.fs.Fs."""
        with self.lock:
            if path not in self.folders:
                self._must_take_changes(path)
            parts = path.split("/")
            self.folders.update("/".join(parts[: count + 1]) for count in range(len(parts)))

    def exists(self, path: str) -> bool:
        """See edge.store.fs.Fs."""
        return path in self.names or path in self.folders

    def fsync_dir(self, path: str) -> None:
        """See edge.store.fs.Fs."""
        with self.lock:
            self.meet_fault("fsync_dir", path)
            self.counts.flushes += 1
            self.flush_folder(path)

    def room_left(self, path: str) -> Room:
        """See edge.store.fs.Fs."""
        if path not in self.folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        total = UNLIMITED if self.space is None else self.space
        return Room(max(total - sum(self._reserved.values()), 0), total)

    def _must_take_changes(self, path: str) -> None:
        if self.is_read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    def _must_exist(self, path: str) -> None:
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    # -- what the files ask of it

    def change(self, change: Write | Naming) -> None:
        """Do a change now; it is durable only when flushed."""
        if self.calls is not None:
            self.calls.append(change)
        if isinstance(change, Write):
            change.apply(self.images.setdefault(change.file, Image()))
        else:
            change.apply(self.names)
            for number in change.changes.values():
                if number is not None:
                    self.images.setdefault(number, Image())
        if self._keep_cuts:
            self._unflushed.append(change)

    def flush_file(self, number: int) -> None:
        """Make the writes of a file durable."""
        if self.calls is not None:
            self.calls.append(number)
        self._stranded = [write for write in self._stranded if write.file != number]
        self._flush([change for change in self._unflushed if isinstance(change, Write) and change.file == number])

    def strand(self, number: int) -> None:
        """Let the flush of a file fail: what it held may have arrived or not, and no later flush takes it along."""
        lost = [change for change in self._unflushed if isinstance(change, Write) and change.file == number]
        self._stranded += [write for write in lost if write.size < 0]
        gone = set(map(id, self._stranded))
        self._unflushed = [change for change in self._unflushed if id(change) not in gone]

    def flush_folder(self, folder: str) -> None:
        """Make the names of a folder durable."""
        if self.calls is not None:
            self.calls.append(folder)
        self._flush([change for change in self._unflushed if isinstance(change, Naming) and change.folder == folder])

    def _flush(self, changes: list[Write | Naming]) -> None:
        for change in changes:
            if isinstance(change, Write):
                change.apply(self._durable_images.setdefault(change.file, Image()))
            else:
                change.apply(self._durable_names)
        flushed = set(map(id, changes))
        self._unflushed = [change for change in self._unflushed if id(change) not in flushed]

    def room(self, number: int, end: int) -> int:
        """Return how far this file may be written, at most `end`, and reserve it."""
        reserved = self._reserved.get(number, 0)
        if self.space is not None and end > reserved:
            end = min(end, reserved + max(self.space - sum(self._reserved.values()), 0))
        self._reserved[number] = max(reserved, end)
        return end

    def fail(self, fault: Fault) -> None:
        """Let coming calls fail."""
        self.faults.append(fault)

    def meet_fault(self, call: str, path: str) -> Fault | None:
        """Raise what is due for this call; return a fault that shortens a write."""
        if call in CHANGING:
            self._must_take_changes(path)
        for fault in self.faults:
            if fault.call == call and fault.path in path and fault.times:
                if fault.after:
                    fault.after -= 1
                    continue
                fault.times -= 1
                if fault.short >= 0:
                    return fault
                raise OSError(fault.error, os.strerror(fault.error), path)
        return None

    # -- power cuts

    def after_cut(self, model: Model, seed: int = 0) -> MemoryFs:
        """Return the disk as it may be found after a power cut now; `seed` decides what happened to each write.

        lost: nothing that was not flushed. kept: all of it. subset: some blocks of it. torn: as subset, and one write
        only in part, by sectors. garbage: as torn, and one block of that write is noise, what stood there before gone.
        """
        if not self._keep_cuts:
            raise RuntimeError("this disk was made without keep_cuts")
        dice = Random(f"{model}{seed}")  # noqa: S311 (a cut is repeated by its seed)
        found = MemoryFs(self.space, keep_cuts=True)
        found.folders = set(self.folders)
        found.images = {number: image.copy() for number, image in self._durable_images.items()}
        found.names = dict(self._durable_names)
        namings = [change for change in self._unflushed if isinstance(change, Naming)]
        kept = {"lost": 0, "kept": len(namings)}.get(model, dice.randint(0, len(namings)))
        for naming in namings[:kept]:
            naming.apply(found.names)
        writes = [change for change in self._unflushed if isinstance(change, Write)]
        arrive([*self._stranded, *writes], found.images, model, dice)
        for number in found.names.values():
            found.images.setdefault(number, Image())
        found.settle()
        return found

    def settle(self) -> None:
        """Take what is there as flushed."""
        self._reserved = {number: image.size for number, image in self.images.items()}
        self._durable_images = {number: image.copy() for number, image in self.images.items()}
        self._durable_names = dict(self.names)
        self._unflushed, self._stranded = [], []


def prefixes(calls: list[Write | Naming | int | str], start: MemoryFs) -> Iterator[MemoryFs]:
    """Repeat recorded calls on `start`, the disk they began with; give it before each of them and at the end."""
    for call in calls:
        yield start
        if isinstance(call, int):
            start.flush_file(call)
        elif isinstance(call, str):
            start.flush_folder(call)
        else:
            start.change(call)
    yield start
