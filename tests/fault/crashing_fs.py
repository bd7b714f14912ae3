"""A disk whose process dies at one of its calls, which has a name: `pwrite records 3 half`.

The name says the call, the place (a folder, or a file of the root without its ending), which one of these it is in
the life of the process, and when: before it, or half way through a write. Every call of a life is such a point: a run
that dies nowhere lists them.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

from edge.store.fs import File, Fs

SECTOR: Final = 512


def die() -> None:
    """End this process as a power cut ends it: no handler, no buffer, no exit code."""
    os.kill(os.getpid(), signal.SIGKILL)


class CrashingFile:
    """An open file of a CrashingFs."""

    def __init__(self, fs: CrashingFs, file: File, path: str) -> None:
        self._fs = fs
        self._file = file
        self._path = path
        self.pread, self.size, self.lock, self.close = file.pread, file.size, file.lock, file.close

    def pwrite(self, octets: bytes, offset: int) -> int:
        """See edge.store.fs.File."""
        name = self._fs.reach("pwrite", self._path)
        if len(octets) > SECTOR:
            self._fs.points.append(f"{name} half")
            if self._fs.at == f"{name} half":
                self._file.pwrite(octets[: len(octets) // 2 // SECTOR * SECTOR or SECTOR], offset)
                die()
        return self._file.pwrite(octets, offset)

    def fdatasync(self) -> None:
        """See edge.store.fs.File."""
        self._fs.reach("fdatasync", self._path)
        self._file.fdatasync()

    def truncate(self, size: int) -> None:
        """See edge.store.fs.File."""
        self._fs.reach("truncate", self._path)
        self._file.truncate(size)

    def allocate(self, size: int) -> None:
        """See edge.store.fs.File."""
        self._fs.reach("allocate", self._path)
        self._file.allocate(size)


class CrashingFs:
    """The disk `fs`; the process dies at the point `at`, if it is reached."""

    def __init__(self, fs: Fs, at: str = "") -> None:
        self.points: list[str] = []
        """The names of all points that were reached, in order."""
        self.at = at
        self._fs = fs
        self._counts: Counter[str] = Counter()
        self.listdir, self.exists, self.room_left = fs.listdir, fs.exists, fs.room_left

    def reach(self, call: str, path: str) -> str:
        """Count a call and return its name; die when it is the one."""
        place = path.partition("/")[0].partition(".")[0] or "root"
        self._counts[f"{call} {place}"] += 1
        name = f"{call} {place} {self._counts[f'{call} {place}']}"
        self.points.append(name)
        if name == self.at:
            die()
        return name

    def open(self, path: str, *, create: bool = False) -> CrashingFile:
        """See edge.store.fs.Fs. A point where it makes a file."""
        if create and not self._fs.exists(path):
            self.reach("create", path)
        return CrashingFile(self, self._fs.open(path, create=create), path)

    def rename(self, old: str, new: str) -> None:
        """See edge.store.fs.Fs."""
        self.reach("rename", old)
        self._fs.rename(old, new)

    def unlink(self, path: str) -> None:
        """See edge.store.fs.Fs."""
        self.reach("unlink", path)
        self._fs.unlink(path)

    def mkdir(self, path: str) -> None:
        """See edge.store.fs.Fs."""
        if not self._fs.exists(path):
            self.reach("mkdir", path)
        self._fs.mkdir(path)

    def fsync_dir(self, path: str) -> None:
        """See edge.store.fs.Fs."""
        self.reach("fsync_dir", path)
        self._fs.fsync_dir(path)
