"""A card whose flushes take seconds, and a site that notes when each of its readings arrives."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Final

import msgspec

from edge.core.clock import Clock, Dating
from edge.core.engine import Engine
from edge.core.types import Event, EventBatch, PointSpec, Record, RecordBatch
from edge.runtime.bus import BusWorker
from edge.runtime.device import DeviceSpec
from edge.runtime.station import Station
from edge.sim.loop import VirtualClock
from edge.store.fs import File, Fs
from edge.store.log import Log
from edge.store.writer import Writer
from hal.sample import Channel, Cycle, Sample

POINTS: Final = 20


class SlowFile:
    """An open file of a SlowFs."""

    def __init__(self, file: File, wait: Callable[[], None]) -> None:
        self._file = file
        self._wait = wait
        self.pread, self.pwrite, self.truncate, self.allocate = file.pread, file.pwrite, file.truncate, file.allocate
        self.size, self.lock, self.close = file.size, file.lock, file.close

    def fdatasync(self) -> None:
        """See edge.store.fs.File."""
        self._wait()
        self._file.fdatasync()


class SlowFs:
    """The disk `fs`; `wait` is called before each flush and takes its time."""

    def __init__(self, fs: Fs, wait: Callable[[], None]) -> None:
        self._fs = fs
        self._wait = wait
        self.rename, self.unlink, self.listdir = fs.rename, fs.unlink, fs.listdir
        self.mkdir, self.exists, self.room_left = fs.mkdir, fs.exists, fs.room_left

    def open(self, path: str, *, create: bool = False) -> SlowFile:
        """See edge.store.fs.Fs."""
        return SlowFile(self._fs.open(path, create=create), self._wait)

    def fsync_dir(self, path: str) -> None:
        """See edge.store.fs.Fs."""
        self._wait()
        self._fs.fsync_dir(path)


class CountingDriver:
    """Answers with the number of its reading."""

    bus_kind: ClassVar[str] = "own"
    Options: ClassVar[type[msgspec.Struct]] = msgspec.Struct

    @staticmethod
    def device(options: Any) -> str:
        return "counting"

    @staticmethod
    def channel(options: Any) -> Channel:
        return Channel("gauge")

    def __init__(self, bus: Any, points: Mapping[str, Any]) -> None:
        self._count = 0

    def open(self) -> None:
        """Nothing to open."""

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        self._count += 1
        return [Sample(point, now_ns, self._count) for point in due]

    def close(self) -> None:
        """Nothing to close."""


class MachineClock:
    """The machine's own clock, taken as right."""

    boot = 1

    def __init__(self) -> None:
        self._offset_ms = (time.time_ns() - time.monotonic_ns()) // 1_000_000

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def utc_ms(self) -> int:
        return self._offset_ms + time.monotonic_ns() // 1_000_000

    def trust(self) -> str:
        return "ntp"


class SlowSite:
    """One bus of 20 points, the station, the writer and two logs, not yet on any thread or loop.

    With `writes_itself` the station waits for the card, as it must not: what a test of this must find.
    """

    def __init__(self, fs: Fs, clock: Clock, *, period_ms: int, commit_s: float, writes_itself: bool = False) -> None:
        self.arrivals: list[tuple[float, float]] = []
        """Of each cycle when it was due and when it came, monotonic seconds."""
        self.records: Log[Record] = Log(fs, "records", "records", 16 << 20, 1 << 20)
        self.events: Log[Event] = Log(fs, "events", "events", 4 << 20, 1 << 20)
        self.writer = Writer(self.records, self.events, clock)
        self._clock = clock
        names = [f"p{number}" for number in range(POINTS)]
        specs = [PointSpec(id=name, kind="gauge", period_ms=period_ms, record_ms=period_ms) for name in names]
        now_ms = clock.monotonic_ns() // 1_000_000
        engine = Engine(specs, [], boot=1, now_ms=now_ms, utc_offset_ms=clock.utc_ms() - now_ms)
        self.station = Station(
            engine, clock, Dating(), save=self._append if writes_itself else self.writer.post, journal=self._journal,
            commit_s=commit_s,
        )  # fmt: skip
        options = dict.fromkeys(names, msgspec.Struct())
        device = DeviceSpec("counting", CountingDriver, options, dict.fromkeys(names, period_ms))
        self.bus = BusWorker(
            "own", [device], clock=clock, post=self._arrived, open_handle=lambda: None, close_handle=lambda _: None,
            offset_ms=lambda: engine.utc_offset_ms,
        )  # fmt: skip

    def _append(self, batch: RecordBatch) -> None:
        self.records.append(batch)

    def _journal(self, batch: EventBatch, done: Callable[[], None] | None) -> None:
        self.writer.post(batch, done)

    def _arrived(self, cycle: Cycle) -> None:
        self.arrivals.append((cycle.t_ns / 1e9, self._clock.monotonic_ns() / 1e9))
        self.station.post(cycle)

    @property
    def longest_lag_s(self) -> float:
        """How late the latest cycle came."""
        return max(came_s - due_s for due_s, came_s in self.arrivals)

    @property
    def longest_gap_s(self) -> float:
        """The longest time between two cycles."""
        came = [came_s for _, came_s in self.arrivals]
        return max(after - before for before, after in pairwise(came))


class BusyWriter:
    """The writer in virtual time, over a card that is slow: busy until its flushes are through, while others go on.

    A flush that anybody else asks for stops the whole site, as a thread that waits for the card does.
    """

    name = "writer"

    def __init__(self, clock: VirtualClock, flush_s: Callable[[], float]) -> None:
        self.writer: Writer | None = None
        self.longest_s = 0.0
        """The longest that it was busy at a stretch."""
        self.flushes = 0
        self._clock = clock
        self._flush_s = flush_s
        self._owed_s = 0.0
        self._is_writing = False
        self._busy_until_s = 0.0

    def flush(self) -> None:
        """Let a flush take its time."""
        self.flushes += 1
        if self._is_writing:
            self._owed_s += self._flush_s()
        else:
            self._clock.now_ns += round(self._flush_s() * 1e9)

    def step(self, now_s: float) -> float:
        """See edge.core.ports.Worker."""
        if now_s < self._busy_until_s or self.writer is None:
            return self._busy_until_s
        self._is_writing, self._owed_s = True, 0.0
        due_s = self.writer.step(now_s)
        self._is_writing = False
        self.longest_s = max(self.longest_s, self._owed_s)
        self._busy_until_s = now_s + self._owed_s
        return max(due_s, self._busy_until_s)

    def filenos(self) -> list[int]:
        """None."""
        return []

    def close(self) -> None:
        """Write what is left."""
        if self.writer is not None:
            self.writer.close()
