"""Reading one segment: from frame to frame, past damage."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Final

import msgspec

from edge.store import frame
from edge.store.frame import Head
from edge.store.fs import BLOCK, File, StoreError

CHUNK: Final = 1 << 16


class Found(msgspec.Struct, frozen=True):
    """A sound head, where it stands, and the block that it was read with."""

    offset: int
    head: Head
    block: bytes

    @property
    def end(self) -> int:
        """Where the next frame begins."""
        return self.offset + self.head.span


class ReadAhead:
    """A file read from its beginning to its end in large steps, as a start does: a card's first octet takes longest."""

    def __init__(self, file: File) -> None:
        self._file = file
        self.has_read = False
        """Whether anything could be read at all."""
        self._chunk = b""
        self._at = 0

    def pread(self, size: int, offset: int) -> bytes:
        """Return what the file has there."""
        begin = offset - self._at
        if not 0 <= begin <= begin + size <= len(self._chunk):
            try:
                self._chunk, self._at, begin = self._file.pread(max(size, CHUNK), offset), offset, 0
            except OSError:  # one block of it: the others may be sound
                octets = self._file.pread(size, offset)
                self.has_read = True
                return octets
            self.has_read = True
        return self._chunk[begin : begin + size]


def frames(file: File | ReadAhead, crc_seed: int, offset: int, end: int) -> Iterator[Found]:
    """Give the sound heads from `offset` on, looking at every block where there is none.

    A block that can't be read counts as damaged when one after it can be; else StoreError is raised at the end.
    """
    unreadable: OSError | None = None
    while offset < end:
        try:
            block = file.pread(BLOCK, offset)
            unreadable = None
        except OSError as exc:
            if exc.errno != errno.EIO:
                raise
            unreadable, block = exc, b""
        head = frame.scan_head(block, crc_seed)
        if head is None or offset + head.span > end:
            offset += BLOCK
            continue
        yield Found(offset, head, block)
        offset += head.span
    if unreadable is not None:
        raise StoreError(unreadable.errno, f"{unreadable.strerror} while reading the log") from unreadable


def body(file: File | ReadAhead, crc_seed: int, found: Found) -> tuple[bytes, bytes] | None:
    """Return (registers, entries) of a frame, None when they are damaged. Raises OSError when they can't be read."""
    octets = found.block
    if found.head.size > BLOCK:
        octets += file.pread(found.head.size - BLOCK, found.offset + BLOCK)
    return frame.body(found.head, octets, crc_seed)
