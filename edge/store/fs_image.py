"""The octets of a file in RAM, and the changes to a disk that are not durable yet."""

from __future__ import annotations

from random import Random
from typing import Final

import msgspec

from edge.store.fs import BLOCK

SECTOR: Final = 512
ZEROS: Final = bytes(BLOCK)


class Image:
    """The octets of one file; blocks of zeros take no room."""

    __slots__ = ("blocks", "size")

    def __init__(self) -> None:
        self.blocks: dict[int, bytes] = {}
        self.size = 0

    def copy(self) -> Image:
        """Return an image that changes by itself from now on."""
        twin = Image()
        twin.blocks, twin.size = self.blocks.copy(), self.size
        return twin

    def read(self, size: int, offset: int) -> bytes:
        """Return at most `size` octets."""
        end = min(offset + size, self.size)
        if end <= offset:
            return b""
        first = offset // BLOCK
        octets = b"".join(self.blocks.get(number, ZEROS) for number in range(first, -(-end // BLOCK)))
        return octets[offset - first * BLOCK : end - first * BLOCK]

    def write(self, octets: bytes, offset: int) -> None:
        """Write, growing the file when needed."""
        end = offset + len(octets)
        at = offset
        while at < end:
            number, begin = divmod(at, BLOCK)
            stop = min(BLOCK, begin + end - at)
            piece = octets[at - offset : at - offset + stop - begin]
            if stop - begin < BLOCK:
                old = self.blocks.get(number, ZEROS)
                piece = old[:begin] + piece + old[stop:]
            if piece == ZEROS:
                self.blocks.pop(number, None)
            else:
                self.blocks[number] = bytes(piece)
            at += stop - begin
        self.size = max(self.size, end)

    def resize(self, size: int) -> None:
        """Cut or extend with zeros."""
        if size < self.size:
            kept = self.read(size % BLOCK, size - size % BLOCK)
            self.blocks = {number: block for number, block in self.blocks.items() if number < size // BLOCK}
            self.size = size
            if kept:
                self.write(kept, size - len(kept))
        self.size = size


class Write(msgspec.Struct, frozen=True):
    """A write, or with `size` a change of length, of file number `file` that is not flushed yet."""

    file: int
    octets: bytes = b""
    offset: int = 0
    size: int = -1

    def apply(self, image: Image) -> None:
        """Do it to this image."""
        if self.size >= 0:
            image.resize(self.size)
        else:
            image.write(self.octets, self.offset)


class Naming(msgspec.Struct, frozen=True):
    """Names that changed in one step: path -> file number, None when the name went."""

    folder: str
    changes: dict[str, int | None]

    def apply(self, names: dict[str, int]) -> None:
        """Do it to these names."""
        for path, file in self.changes.items():
            if file is None:
                names.pop(path, None)
            else:
                names[path] = file


def tear(write: Write, image: Image, dice: Random, *, noise: bool) -> None:
    """Let only some sectors of a write arrive; with `noise` one of its blocks holds no sense at all."""
    if write.size >= 0:
        return
    for at in range(0, len(write.octets), SECTOR):
        if dice.random() < 0.5:
            image.write(write.octets[at : at + SECTOR], write.offset + at)
    if noise:
        blocks = range(write.offset // BLOCK, -(-(write.offset + len(write.octets)) // BLOCK))
        image.write(dice.randbytes(BLOCK), dice.choice(blocks) * BLOCK)
