"""Power cuts replayed from a disk that recorded: everything flushed is there, of the rest what a model leaves.

Sharper than cloning an image: writes between two flushes are lost one by one, torn at a sector, or come out as noise,
as a card's page does that was being programmed when the power went.
"""

from __future__ import annotations

import os
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Final, Literal

import msgspec

from tests.disks import BOX_OPTIONS, Disk, clone, said
from tests.fault.recording_disk import ENTRY
from tests.support import ROOT, eventually

SECTOR: Final = 512
BLOCK: Final = 4096
Model = Literal["lost", "subset", "torn", "garbage"]
MODELS: Final[tuple[Model, ...]] = ("lost", "subset", "torn", "garbage")


class Write(msgspec.Struct, frozen=True, gc=False):
    """Octets that went to the disk."""

    offset: int
    octets: bytes


class Recording(msgspec.Struct):
    """A disk's life as a row of happenings: where in it each write, flush and claim stands."""

    length: int
    writes: list[Write]
    write_places: list[int]
    flush_places: list[int]
    claims: list[str]
    claim_places: list[int]

    def claimed(self, place: int) -> str:
        """Return the last claim before a place; "" when none was made."""
        count = bisect_left(self.claim_places, place)
        return self.claims[count - 1] if count else ""

    def written(self, place: int) -> int:
        """Return how many writes stand before a place."""
        return bisect_left(self.write_places, place)

    def flushed(self, place: int) -> int:
        """Return how many writes stand before the last flush before a place."""
        count = bisect_left(self.flush_places, place)
        return self.written(self.flush_places[count - 1]) if count else 0


def read_recording(log: Path) -> Recording:
    """Return what a disk recorded."""
    octets, at = log.read_bytes(), 0
    found = Recording(0, [], [], [], [], [])
    while at < len(octets):
        kind, offset, size = ENTRY.unpack_from(octets, at)
        at += ENTRY.size
        body, at = octets[at : at + size], at + size
        if kind == b"w":
            found.writes.append(Write(offset, body))
            found.write_places.append(found.length)
        elif kind == b"f":
            found.flush_places.append(found.length)
        else:
            found.claims.append(body.decode().strip())
            found.claim_places.append(found.length)
        found.length += 1
    return found


@contextmanager
def writing(folder: Path, image: Path, log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Let a Python program write to a folder (the last of its words) on a disk that begins as the image and records."""
    below, top = folder / "recording", folder / "recorded"
    below.mkdir(exist_ok=True)
    with ExitStack() as stack:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.recording_disk", str(below), str(image), str(log)], cwd=ROOT
        )
        stack.callback(server.wait, 30)
        stack.callback(said, "umount", below)
        eventually((below / "disk").exists, 30, "the recording disk is mounted")
        disk = Disk(below / "disk", top, BOX_OPTIONS).mount()
        stack.callback(disk.unmount)
        with (below / "claims").open("wb", buffering=0) as claims:
            writer = subprocess.Popen([sys.executable, *words, str(top)], cwd=ROOT, stdout=claims)
        stack.callback(writer.communicate)
        stack.callback(writer.kill)
        yield writer


class Replay:
    """The disks that cuts at growing places of a recording leave."""

    def __init__(self, image: Path, recording: Recording) -> None:
        self._recording = recording
        self._flushed = image.with_suffix(".flushed")
        self._done = 0
        clone(image, self._flushed)

    def cut(self, place: int, model: Model, dice: Random, copy: Path) -> None:
        """Make `copy` what is left when the power goes at a place of the recording, none before the last one asked."""
        writes, flushed = self._recording.writes, self._recording.flushed(place)
        written = self._recording.written(place)
        _apply(self._flushed, writes[self._done : flushed])
        self._done = flushed
        clone(self._flushed, copy)
        _apply(copy, list(left(writes[flushed:written], model, dice)))

    def close(self) -> None:
        self._flushed.unlink()


def _apply(image: Path, writes: list[Write]) -> None:
    with image.open("r+b", buffering=0) as file:
        for write in writes:
            os.pwrite(file.fileno(), write.octets, write.offset)


def left(writes: list[Write], model: Model, dice: Random) -> Iterator[Write]:
    """Give what a model leaves of writes that were not flushed."""
    noise = dice.randrange(len(writes)) if writes and model == "garbage" else -1
    for place, write in enumerate(writes):
        if model == "lost":
            continue
        if place == noise:
            at = dice.randrange(0, len(write.octets), BLOCK)
            yield Write(write.offset + at, dice.randbytes(min(BLOCK, len(write.octets) - at)))
        elif dice.random() < 0.5:
            yield write
        elif model != "subset":
            yield Write(write.offset, write.octets[: dice.randrange(0, len(write.octets) + 1, SECTOR)])
