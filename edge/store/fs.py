"""The store's only way to the disk: few calls, each one a system call, so that every prefix of them can be replayed.

`RealFs` is the disk; `edge.store.fs_memory.MemoryFs` is one in RAM that counts, fails and cuts the power on demand.
What a call promises is what POSIX promises: a write is durable after `fdatasync` of its file, a new name, a rename
or an unlink after `fsync_dir` of its folder, and nothing else is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Protocol

import msgspec

BLOCK = 4096  # what a frame is aligned to: the page of the kernel and the smallest write a card does not have to merge


class StoreError(OSError):
    """The store could not do what was asked. The message names the file and the cause; `errno` is the system's."""


class FormatError(StoreError):
    """Bytes that this version does not understand: written by a newer one, or not ours."""


class NotAFileError(StoreError):
    """A folder, a link or a pipe where a file should be."""


class Room(msgspec.Struct, frozen=True):
    """What a disk has left for us, and how large it is."""

    free_bytes: int
    total_bytes: int


class File(Protocol):
    """An open file. Every method raises OSError as the system does."""

    def pread(self, size: int, offset: int) -> bytes:
        """Return at most `size` octets from `offset`; fewer at the end of the file."""

    def pwrite(self, octets: bytes, offset: int) -> int:
        """Write at `offset` and return how many octets were taken: fewer when the disk fills up."""

    def fdatasync(self) -> None:
        """Return when everything written to this file, and its size, is durable."""

    def truncate(self, size: int) -> None:
        """Cut or extend the file to `size` octets."""

    def allocate(self, size: int) -> None:
        """Reserve the space for `size` octets, so that writing there can't fail for want of it."""

    def size(self) -> int:
        """Return the length in octets."""

    def lock(self) -> bool:
        """Take the file for this process, until it is closed; return False when another one has it."""

    def close(self) -> None:
        """Give the descriptor back."""


class Fs(Protocol):
    """A folder tree. Paths are relative to its root, with "/" between names."""

    def open(self, path: str, *, create: bool = False) -> File:
        """Open for reading and writing; with `create` also a file that does not exist yet.

        On a disk that can only be read, a file is opened for that, and writing to it raises OSError (EROFS). Raises
        NotAFileError for anything but a regular file: a link is not followed, a pipe is not waited for.
        """

    def rename(self, old: str, new: str) -> None:
        """Give a file another name in one step, replacing what had it."""

    def unlink(self, path: str) -> None:
        """Remove a file."""

    def listdir(self, path: str) -> list[str]:
        """Return the names in a folder, sorted."""

    def mkdir(self, path: str) -> None:
        """Make a folder and those above it, durably; nothing when it is there."""

    def exists(self, path: str) -> bool:
        """Return whether there is such a file or folder."""

    def fsync_dir(self, path: str) -> None:
        """Return when the names in this folder are durable."""

    def room_left(self, path: str) -> Room:
        """Return what is left on the disk that holds this folder."""


class RealFile:
    """A descriptor of the system."""

    def __init__(self, fd: int, *, is_read_only: bool = False) -> None:
        self._fd = fd
        self._is_read_only = is_read_only

    def pread(self, size: int, offset: int) -> bytes:
        """See File."""
        return os.pread(self._fd, size, offset)

    def pwrite(self, octets: bytes, offset: int) -> int:
        """See File."""
        self._must_take_writes()
        return os.pwrite(self._fd, octets, offset)

    def fdatasync(self) -> None:
        """See File."""
        os.fdatasync(self._fd)

    def truncate(self, size: int) -> None:
        """See File."""
        self._must_take_writes()
        os.ftruncate(self._fd, size)

    def allocate(self, size: int) -> None:
        """See File."""
        self._must_take_writes()
        os.posix_fallocate(self._fd, 0, size)

    def size(self) -> int:
        """See File."""
        return os.fstat(self._fd).st_size

    def lock(self) -> bool:
        """See File. flock: the kernel frees it when the process dies, however it dies."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _must_take_writes(self) -> None:
        if self._is_read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def close(self) -> None:
        """See File."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class RealFs:
    """The folder `root` of the disk. Files are for this user alone: energy data are personal data."""

    def __init__(self, root: Path | str, *, for_group: bool = False) -> None:
        """With `for_group`, files that are made may be read by the group too: of root's settings, the service."""
        self.root = str(root)
        self._file_mode, self._folder_mode = (0o640, 0o750) if for_group else (0o600, 0o700)

    def _at(self, path: str) -> str:
        return os.path.join(self.root, path)

    def open(self, path: str, *, create: bool = False) -> RealFile:
        """See Fs."""
        flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | (os.O_CREAT if create else 0)
        is_read_only = False
        try:
            fd = self._opened(path, flags | os.O_RDWR)
        except OSError as exc:
            if exc.errno != errno.EROFS or not os.path.lexists(self._at(path)):
                raise
            fd, is_read_only = self._opened(path, flags & ~os.O_CREAT | os.O_RDONLY), True
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise NotAFileError(errno.EINVAL, "this is no regular file", path)
        # no read-ahead: it fills the page cache with large pages, and a block overwritten in one counts as all of it
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        return RealFile(fd, is_read_only=is_read_only)

    def _opened(self, path: str, flags: int) -> int:
        try:
            return os.open(self._at(path), flags, self._file_mode)
        except PermissionError:
            os.chmod(self._at(path), self._file_mode, follow_symlinks=False)  # ours, but somebody changed its mode
            return os.open(self._at(path), flags, self._file_mode)
        except OSError as exc:
            if exc.errno in {errno.EISDIR, errno.ELOOP, errno.ENXIO}:
                raise NotAFileError(exc.errno, "this is no regular file", path) from exc
            raise

    def rename(self, old: str, new: str) -> None:
        """See Fs."""
        os.rename(self._at(old), self._at(new))

    def unlink(self, path: str) -> None:
        """See Fs."""
        os.unlink(self._at(path))

    def listdir(self, path: str) -> list[str]:
        """See Fs."""
        return sorted(os.listdir(self._at(path)))

    def mkdir(self, path: str) -> None:
        """See Fs."""
        os.makedirs(self._at(path), self._folder_mode, exist_ok=True)
        while path:  # a new folder's own name stands in the one above
            path = path.rpartition("/")[0]
            self.fsync_dir(path)

    def exists(self, path: str) -> bool:
        """See Fs."""
        return os.path.lexists(self._at(path))

    def fsync_dir(self, path: str) -> None:
        """See Fs."""
        flush_folder(self._at(path))

    def room_left(self, path: str) -> Room:
        """See Fs. What the file system keeps for root is not ours."""
        found = os.statvfs(self._at(path))
        return Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def flush_folder(folder: str | Path) -> None:
    """Return when the names in a folder are durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_file(fs: Fs, path: str) -> bytes:
    """Return the whole of a small file."""
    file = fs.open(path)
    try:
        return file.pread(file.size(), 0)
    finally:
        file.close()


def write_all(file: File, octets: bytes, offset: int) -> None:
    """Write all of it, raising StoreError (ENOSPC) when the disk takes only a part."""
    taken = file.pwrite(octets, offset)
    if taken != len(octets):
        raise StoreError(errno.ENOSPC, f"only {taken} of {len(octets)} octets were written; the disk is full")
