"""Reading one segment: from frame to frame, past damage."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import msgspec

from edge.store import frame
from edge.store.frame import Head
from edge.store.fs import BLOCK, File, StoreError


class Found(msgspec.Struct, frozen=True):
    """A sound head, where it stands, and the block that it was read with."""

    offset: int
    head: Head
    block: bytes

    @property
    def end(self) -> int:
        """Where the next frame begins."""
        return self.offset + self.head.span


def frames(file: File, crc_seed: int, offset: int, end: int) -> Iterator[Found]:
    """Give the sound heads from `offset` on, looking at every block where there is none.

    A block that can't be read counts as damaged when a sound one follows; else StoreError is raised at the end.
    """
    unreadable: OSError | None = None
    while offset < end:
        try:
            block = file.pread(BLOCK, offset)
        except OSError as exc:
            if exc.errno != errno.EIO:
                raise
            unreadable, block = exc, b""
        head = frame.scan_head(block, crc_seed)
        if head is None or offset + head.span > end:
            offset += BLOCK
            continue
        unreadable = None
        yield Found(offset, head, block)
        offset += head.span
    if unreadable is not None:
        raise StoreError(unreadable.errno, f"{unreadable.strerror} while reading the log") from unreadable


def body(file: File, crc_seed: int, found: Found) -> tuple[bytes, bytes] | None:
    """Return (registers, entries) of a frame, None when they are damaged. Raises OSError when they can't be read."""
    octets = found.block
    if found.head.size > BLOCK:
        octets += file.pread(found.head.size - BLOCK, found.offset + BLOCK)
    return frame.body(found.head, octets, crc_seed)
