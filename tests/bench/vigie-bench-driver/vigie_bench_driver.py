"""Drivers that cost next to nothing, so that what a bench measures is the station.

`bench_table` reads one row of doubles a tick from a file (one system call, as a real device costs at least), so that
neither memory nor start-up of the station holds the signal. `bench_sequence` numbers its readings, so that each one can
be accounted for at the other end.
"""
# ruff: noqa: INP001 - a distribution of one module has no package

from __future__ import annotations

import os
import struct
import time
from collections.abc import Mapping
from collections.abc import Sequence as Several
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.driver import DriverError
from hal.sample import Channel, Sample

CHANNELS: Final = {
    "temperature": Channel(kind="gauge", unit="Cel"),
    "power": Channel(kind="gauge", unit="W"),
    "counter": Channel(kind="counter", unit="kWh", scale=0.001),
    "humidity": Channel(kind="gauge", unit="%RH"),
    "state": Channel(kind="state", words=("off", "on", "fault")),
}
WHOLE: Final = frozenset({"power", "counter", "state"})
FIRST_READING: Final = "BENCH_FIRST_READING"
"""Names a file that gets the CPU seconds of the process at its first reading."""


class TableOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point of the table."""

    table: Annotated[str, Meta(min_length=1, description="file of rows of doubles")]
    column: Annotated[int, Meta(ge=0)]
    columns: Annotated[int, Meta(ge=1, description="doubles a row")]
    shape: Annotated[Literal["temperature", "power", "counter", "humidity", "state"], Meta(description="what it is")]


class Table:
    """All points of one file: one device."""

    bus_kind: ClassVar[str] = "own"
    Options: ClassVar[type[msgspec.Struct]] = TableOptions

    @staticmethod
    def device(options: TableOptions) -> str:
        """Return the file's name."""
        return Path(options.table).name

    @staticmethod
    def channel(options: TableOptions) -> Channel:
        """Return what a point of this shape is."""
        return CHANNELS[options.shape]

    def __init__(self, bus: Any, points: Mapping[str, TableOptions]) -> None:
        """Keep where each point stands in a row."""
        self._columns = {
            name: (options.column, int if options.shape in WHOLE else float) for name, options in points.items()
        }
        options = next(iter(points.values()))
        self._path = options.table
        self._row = struct.Struct(f"<{options.columns}d")
        self._fd = -1
        self._rows = 0
        self._next = 0

    def open(self) -> None:
        """Open the file. Raises DriverError."""
        try:
            self._fd = os.open(self._path, os.O_RDONLY)
        except OSError as exc:
            raise DriverError(f"{self._path}: {exc.strerror}", "unplugged") from exc
        self._rows = os.fstat(self._fd).st_size // self._row.size

    def read(self, due: Several[str], now_ns: int) -> list[Sample]:
        """Return the next row, again from the beginning after the last."""
        if not self._next and FIRST_READING in os.environ:
            Path(os.environ.pop(FIRST_READING)).write_text(f"{time.process_time():.6f}", encoding="ascii")
        row = self._row.unpack(os.pread(self._fd, self._row.size, self._next % self._rows * self._row.size))
        self._next += 1
        columns = self._columns
        made = []
        for name in due:
            column, kind = columns[name]
            made.append(Sample(name, now_ns, kind(row[column])))
        return made

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class SequenceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a numbered point."""

    number: Annotated[int, Meta(ge=0, description="index of the variable in the peer bench")]


class Sequence:
    """All numbered points of a bus; a reading is the count of readings so far, kept by the peer bench's own source."""

    bus_kind: ClassVar[str] = "own"
    Options: ClassVar[type[msgspec.Struct]] = SequenceOptions

    @staticmethod
    def device(options: SequenceOptions) -> str:
        """Return the one device there is on a bus."""
        return "sequence"

    @staticmethod
    def channel(options: SequenceOptions) -> Channel:
        """Return a plain gauge."""
        return Channel(kind="gauge", unit="1")

    def __init__(self, bus: Any, points: Mapping[str, SequenceOptions]) -> None:
        """Keep which variable each point is."""
        self._numbers = {name: options.number for name, options in points.items()}
        self._source: Any = None

    def open(self) -> None:
        """Open the peer bench's source of readings, which lies in its own folder."""
        from benchsrc import Source

        self._source = Source()

    def read(self, due: Several[str], now_ns: int) -> list[Sample]:
        """Return the next number of each point."""
        take, numbers = self._source.next, self._numbers
        return [Sample(name, now_ns, take(numbers[name])) for name in due]

    def close(self) -> None:
        """Nothing to give back: the kernel closes the mapping."""
