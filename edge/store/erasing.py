"""Erasing what a box kept, and looking whether anything of it is left: in files, and on the block device under them.

A file is overwritten in place with zeros, flushed, then removed. What the file system moved away before, such as a
notebook's former versions, lies in free blocks: `fill` writes zeros over those. Not reached from here: names of files
in a file system's own journal (ours hold nothing of a site), and what a card's controller put aside.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from edge.store.fs import flush_folder

CHUNK: Final = 1 << 20
READ: Final = 4 << 20
BLOCK: Final = 4096
SECTOR: Final = 512  # what a block of any file system begins on
OURS: Final = re.compile(
    r"(records|events|devices|exports|sms)(\..*)?|history\..*|notebook\.json.*|restoring.*|wipe-fill.*"
    r"|vigie-report\.txt.*|newer-(records|events|notebook\.json)"
)
"""The names in a state folder that are the box's own; anything else is left alone, and searched."""
MARKS: Final = (
    ("frames of the logs", re.compile(rb"VgLg\x01[\x00\x01]"), SECTOR),
    ("cursors of the logs", re.compile(rb"VgCu"), SECTOR),
    ("notebook, restore, backup", re.compile(rb"vigie-(?:notebook|restoring|backup) \d+ \d+ [0-9a-f]{8}\n"), 1),
    ("keys and queue of SMS", re.compile(rb"vigie-sms-[a-z]+ \d+ \d+ [0-9a-f]{8}\n"), 1),
)
"""What our files begin with: a name, its octets, and the boundary that they stand on."""
LONGEST_MARK: Final = 64


class Hit(msgspec.Struct):
    """Something that was looked for: how often it was found, and where first."""

    what: str
    count: int = 0
    first: str = ""


def own_files(state: Path) -> list[Path]:
    """Return everything of the box in its folder, deepest first; links are not followed."""
    found = [path for path in state.iterdir() if OURS.fullmatch(path.name)] if state.is_dir() else []
    inside = [path for top in found if top.is_dir() and not top.is_symlink() for path in _below(top)]
    return sorted({*found, *inside}, key=lambda path: (-len(path.parts), str(path)))


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


def erase(path: Path) -> int:
    """Overwrite a file, flush and remove it; remove a link or an empty folder. Return the octets overwritten."""
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        path.rmdir()
        return 0
    written = _overwrite(path, status) if stat.S_ISREG(status.st_mode) else 0
    path.unlink()
    return written


def _overwrite(path: Path, status: os.stat_result) -> int:
    """Write zeros over all blocks of a file, also those beyond its end."""
    length = max(-(-status.st_size // BLOCK) * BLOCK, status.st_blocks * 512)
    with path.open("r+b", buffering=0) as file:
        zeros, left = bytes(CHUNK), length
        while left > 0:
            left -= file.write(zeros[: min(left, CHUNK)])
        os.fdatasync(file.fileno())
    return length


def fill(folder: Path, told: Callable[[int, int], None] = lambda _done, _all: None) -> int:
    """Write zeros into all free space of the disk under a folder, and give it back; return the octets written.

    `told` hears how many of how many octets are done. Root fills also what is reserved: for root, and by ext4 for its
    own use (`reserved_clusters`, Linux Documentation/ABI/testing/sysfs-fs-ext4); others can't.
    """
    with _nothing_reserved(folder):
        return _fill(folder, told)


@contextmanager
def _nothing_reserved(folder: Path) -> Iterator[None]:
    """Let ext4 hand out the blocks that it keeps for itself, where we may tell it to."""
    device = folder.stat().st_dev
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    reserve = Path(f"/sys/fs/ext4/{name}/reserved_clusters")
    try:
        before = reserve.read_text(encoding="ascii")
        reserve.write_text("0", encoding="ascii")
    except OSError:  # another file system, or another user than root
        yield
        return
    try:
        yield
    finally:
        reserve.write_text(before, encoding="ascii")


def _fill(folder: Path, told: Callable[[int, int], None]) -> int:
    status = os.statvfs(folder)
    wanted = status.f_frsize * (status.f_bfree if os.geteuid() == 0 else status.f_bavail)
    written, files = 0, []
    try:
        for number, size in enumerate(
            (CHUNK, status.f_frsize, status.f_frsize)
        ):  # again: what the first file's own end left over
            os.sync()  # ext4 hands out what was freed only after the commit of its journal
            path = folder / f"wipe-fill-{number}"
            files.append(path)
            written = _fill_one(path, size, written, lambda done: told(done, wanted))
    finally:
        for path in files:
            path.unlink(missing_ok=True)
        flush_folder(folder)
    return written


def _fill_one(path: Path, size: int, written: int, told: Callable[[int], None]) -> int:
    zeros = bytes(size)
    try:
        with path.open("wb", buffering=0) as file:
            try:
                while True:
                    written += file.write(zeros)
                    told(written)
            except OSError as exc:
                if exc.errno not in {errno.ENOSPC, errno.EDQUOT}:
                    raise
            os.fsync(file.fileno())
    except OSError as exc:
        if exc.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
    return written


class Search:
    """Looks for values and for the marks of our files; `hits` says what was found."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = [(Hit(value), value.encode()) for value in dict.fromkeys(values)]
        self._marks = [(Hit(name), pattern, boundary) for name, pattern, boundary in MARKS]
        self._keep = max([LONGEST_MARK, *(len(octets) for _, octets in self._values)]) - 1
        self._taken: list[Hit] = []
        self.octets = 0
        """What was looked through."""

    def take(self, other: Search) -> None:
        """Add what another search found."""
        self._taken += other.hits
        self.octets += other.octets

    @property
    def hits(self) -> list[Hit]:
        """What was found, values first."""
        own = [hit for hit, _ in self._values] + [hit for hit, _, _ in self._marks]
        return [hit for hit in own if hit.count] + self._taken

    def folder(self, folder: Path) -> None:
        """Look through every file below a folder."""
        for path in sorted(_below(folder)):
            if path.is_file() and not path.is_symlink():
                self.file(path)

    def file(self, path: Path) -> None:
        """Look through a file, or a whole block device. Raises OSError."""
        with path.open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # what the disk holds, not a former reading
            self._stream(file, str(path))

    def _stream(self, file: BinaryIO, where: str) -> None:
        tail, begin = b"", 0
        while chunk := file.read(READ):
            octets = tail + chunk
            self._look(octets, len(tail), begin, where)
            self.octets += len(chunk)
            tail = octets[-self._keep :]
            begin += len(octets) - len(tail)

    def _look(self, octets: bytes, old: int, begin: int, where: str) -> None:
        """Count what ends beyond the first `old` octets: what ends before was counted with the chunk before."""
        for hit, value in self._values:
            at = octets.find(value)
            while at >= 0:
                if at + len(value) > old:
                    _count(hit, where, begin + at)
                at = octets.find(value, at + 1)
        for hit, pattern, boundary in self._marks:
            for match in pattern.finditer(octets):
                if match.end() > old and (begin + match.start()) % boundary == 0:
                    _count(hit, where, begin + match.start())


def _count(hit: Hit, where: str, at: int) -> None:
    hit.count += 1
    hit.first = hit.first or f"{where} at {at}"
