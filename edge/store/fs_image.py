"""The octets of a file in RAM, and the changes to a disk that are not durable yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, Literal

import msgspec

from edge.store.fs import BLOCK

Model = Literal["lost", "kept", "subset", "torn", "garbage"]
MODELS: Final[tuple[Model, ...]] = ("lost", "kept", "subset", "torn", "garbage")
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


def pieces(write: Write) -> Iterator[Write]:
    """Give the blocks of a write: each arrives or not by itself, in any order, as the kernel's pages do."""
    if write.size >= 0:
        yield write
        return
    at, end = write.offset, write.offset + len(write.octets)
    while at < end:
        stop = min(at - at % BLOCK + BLOCK, end)
        yield Write(write.file, write.octets[at - write.offset : stop - write.offset], at)
        at = stop


def tear(write: Write, image: Image, dice: Random, *, noise: bool) -> None:
    """Let only some sectors of a write arrive; with `noise` one of its blocks holds no sense at all.

    Noise takes the whole block, with what was durable in it before: a page that was being programmed. It makes no file
    longer, as the length does not stand there.
    """
    for at in range(0, len(write.octets), SECTOR):
        if dice.random() < 0.5:
            image.write(write.octets[at : at + SECTOR], write.offset + at)
    if noise:
        end = write.offset + len(write.octets)
        begin = dice.choice(range(write.offset // BLOCK, -(-end // BLOCK))) * BLOCK
        image.write(dice.randbytes(BLOCK)[: max(end, image.size) - begin], begin)


def arrive(writes: Sequence[Write], images: dict[int, Image], model: Model, dice: Random) -> None:
    """Let writes that were not flushed arrive as the model says (`MemoryFs.after_cut`)."""
    octets = [write for write in writes if write.octets] if model in {"torn", "garbage"} else []
    struck = dice.choice(octets) if octets else None
    for write in writes:
        image = images.setdefault(write.file, Image())
        if write is struck:
            tear(write, image, dice, noise=model == "garbage")
            continue
        for piece in pieces(write):
            if model == "kept" or (model != "lost" and dice.random() < 0.5):
                piece.apply(image)
