"""Disks that count what is written to them, each with a store that is given the same 200 readings a second."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from tests.bench.card_box import COMMIT_S, CONSUMERS, POINTS, CardBox, CountingFs, Site
from tests.bench.card_rows import Reading, SqliteRows, TinyDocuments
from tests.disks import BOX_OPTIONS, Counted, Disk, make_ext4, mounted

RING_MB: Final = 8
RING_S: Final = 2 * 1024 * COMMIT_S  # two segments of 1024 frames of a block
ROWS_S: Final = 3600


class Cost(msgspec.Struct, frozen=True):
    """What some readings cost."""

    readings: int
    counted: Counted

    @property
    def octets(self) -> float:
        """Octets a reading."""
        return self.counted.octets / self.readings

    @property
    def flushes(self) -> float:
        """Flushes a reading."""
        return self.counted.flushes / self.readings


class Turned:
    """Something on a disk of its own that is given seconds of readings."""

    def __init__(self, name: str, disk: Disk, second: Callable[[], Any], close: Callable[[], None]) -> None:
        self.name = name
        self.disk = disk
        self.second = second
        self.close = close

    def cost_of(self, seconds: int) -> Cost:
        """Let seconds pass as fast as it goes; return what they cost, with what is left to write at their end."""
        os.sync()
        before = self.disk.counted()
        for _ in range(seconds):
            self.second()
        return Cost(seconds * POINTS, self.disk.counted() - before)


class Batches:
    """Readings as rows are written: a batch each COMMIT_S seconds."""

    def __init__(self, append: Callable[[list[Reading]], None]) -> None:
        self._append = append
        self._site = Site()
        self._second = 0
        self._batch: list[Reading] = []

    def second(self) -> None:
        self._second += 1
        t_ms = 1_795_166_000_000 + self._second * 1000
        self._batch += [(t_ms, channel, value, 0) for channel, value in enumerate(self._site.second())]
        if self._second % COMMIT_S == 0:
            self._append(self._batch)
            self._batch = []


class Bench:
    """Disks in a folder, each with what writes to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def disk(self, name: str, mib: int, options: str = BOX_OPTIONS) -> Disk:
        """Return a new empty disk."""
        image = self._folder / f"{name}.ext4"
        make_ext4(image, mib)
        return self._stack.enter_context(mounted(image, self._folder / name, options))

    def box(self, name: str, record_s: int, options: str = BOX_OPTIONS) -> Turned:
        """Return a box whose ring has turned once: from then on segments are overwritten in place."""
        disk = self.disk(name, 64, options)
        box = CardBox(CountingFs(disk.folder), record_s, RING_MB)

        def second() -> None:
            box.second()
            for consumer in CONSUMERS:
                box.acknowledge(consumer)

        turned = Turned(name, disk, second, box.close)
        self._stack.callback(turned.close)
        turned.cost_of(RING_S)
        return turned

    def rows(self, name: str, *pragmas: str) -> Turned:
        """Return a database of rows that holds an hour of readings already."""
        disk = self.disk(name, 1024)
        store = SqliteRows(disk.folder, *pragmas)
        turned = Turned(name, disk, Batches(store.append).second, store.close)
        self._stack.callback(turned.close)
        turned.cost_of(ROWS_S)
        return turned

    def documents(self, name: str) -> Turned:
        """Return an empty TinyDB."""
        disk = self.disk(name, 64)
        store = TinyDocuments(disk.folder)
        turned = Turned(name, disk, Batches(store.append).second, store.close)
        self._stack.callback(turned.close)
        return turned
