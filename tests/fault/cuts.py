"""Power cuts on a real file system: an ext4 that a process is writing to is cloned at random instants and mounted anew.

The clone holds what had reached the device at that instant: what only lay in the kernel's cache is gone, the ext4
replays its journal, and what the writer had claimed before must be there.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from tests.disks import clone, make_ext4, mounted
from tests.fault.cut_writers import WRITERS
from tests.support import ROOT

DISK_MIB: Final = 64
FIRST_CLAIM_WITHIN_S: Final = 30.0


class Tally(msgspec.Struct):
    """What some cuts came to."""

    cuts: int = 0
    unreadable: int = 0
    losing: int = 0
    """Cuts after which something claimed was not there."""
    claimed: int = 0
    lost: int = 0
    twice: int = 0
    """Numbers that were given to two different entries."""
    not_mounted: int = 0
    """Cuts that the file system itself did not survive; not in `cuts`."""
    found: list[str] = []

    def row(self, name: str) -> str:
        """Return it as a line of the table that HEADING begins."""
        return f"{name:20}{self.cuts:7}{self.unreadable:12}{self.losing:13}{self.claimed:12}{self.lost:8}{self.twice:7}"


HEADING: Final = f"{'':20}{'cuts':>7}{'unreadable':>12}{'cuts losing':>13}{'claimed':>12}{'lost':>8}{'twice':>7}"


class Claiming:
    """A process that writes to a folder, and the lines by which it claims what is durable."""

    def __init__(self, *words: str) -> None:
        self.lines: list[str] = []
        self._rest = b""
        self._process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, pipesize=1 << 20)
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)

    def read_until(self, instant_s: float) -> None:
        """Take in claims up to an instant of the monotonic clock."""
        while (left_s := instant_s - time.monotonic()) > 0:
            assert self._process.poll() is None, "the writer ended by itself"
            select.select([self._pipe], [], [], left_s)
            self.drain()

    def drain(self) -> None:
        """Take in the claims made so far."""
        while True:
            try:
                octets = os.read(self._pipe, 1 << 20)
            except BlockingIOError:
                return
            if not octets:
                return
            *lines, self._rest = (self._rest + octets).split(b"\n")
            self.lines += [line.decode() for line in lines]

    def await_claim(self) -> None:
        """Return once it has claimed something."""
        end_s = time.monotonic() + FIRST_CLAIM_WITHIN_S
        while not self.lines:
            assert time.monotonic() < end_s, "the writer claims nothing"
            self.read_until(time.monotonic() + 0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def claiming(*words: str) -> Iterator[Claiming]:
    """Run a writer for the time of a block."""
    made = Claiming(*words)
    try:
        yield made
    finally:
        made.kill()


def cut_at_random(writer: Claiming, image: Path, copy: Path, dice: Random, most_s: float) -> int:
    """Let the writer write a while and clone its disk; return how many claims it had made before."""
    writer.read_until(time.monotonic() + dice.uniform(0.01, most_s))
    writer.drain()
    claims = len(writer.lines)
    clone(image, copy)
    return claims


def tally_of(name: str, folder: Path, cuts: int, seed: int = 1) -> Tally:
    """Cut the power of one of WRITERS so many times, three at most in the life of a disk."""
    dice, tally, kind = Random(seed), Tally(), WRITERS[name]
    image, copy = folder / "disk.ext4", folder / "cut.ext4"
    while tally.cuts < cuts:
        make_ext4(image, DISK_MIB)
        with (
            mounted(image, folder / "disk") as disk,
            claiming("-m", "tests.fault.cut_writers", name, str(disk.folder)) as writer,
        ):
            writer.await_claim()
            for _ in range(3):
                claims = cut_at_random(writer, image, copy, dice, 0.3)
                with mounted(copy, folder / "cut") as cut:
                    judge(tally, int(writer.lines[claims - 1]), kind.found, cut.folder)
        copy.unlink()
        image.unlink()
    return tally


def judge(tally: Tally, claimed: int, found: Callable[[Path], int], folder: Path) -> None:
    """Count what a cut came to for a writer that claimed the numbers up to `claimed`."""
    tally.cuts += 1
    tally.claimed += claimed
    try:
        there = found(folder)
    except Exception as exc:  # noqa: BLE001 - whatever its library raises for a file that it can't read
        there = 0
        tally.unreadable += 1
        tally.found.append(f"{type(exc).__name__}: {exc}")
    tally.losing += there < claimed
    tally.lost += max(0, claimed - there)
