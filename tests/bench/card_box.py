"""What a box makes of 200 points at 1 Hz, on a disk, turned by hand: engine, station, writer and logs, no thread.

The disk's calls are counted by file, so that what the file system adds on top can be told apart.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from edge.core.clock import Dating
from edge.core.engine import Engine
from edge.core.notes import MadeSetting, Moment
from edge.core.types import LimitSpec, PointSpec
from edge.runtime.station import Station
from edge.store.fs import RealFile, RealFs
from edge.store.historian import Historian
from edge.store.history import History
from edge.store.log import Log
from edge.store.notebook import Notebook
from edge.store.writer import Writer
from hal.sample import Cycle, Kind, Sample
from tests.bench.site_200 import BUSES, SHAPES, Course
from tests.support import ManualClock

COMMIT_S: Final = 10
POINTS: Final = 200
CONSUMERS: Final = ("mqtt", "history")
KINDS: Final[dict[str, Kind]] = {"counter": "counter", "state": "state"}
SCALES: Final = {"counter": 0.001}  # register in Wh, index in kWh
NOTE_EVERY_S: Final = 3600  # something on the box is changed by a person or a command


class CountingFile(RealFile):
    """A file whose written octets are counted for a share."""

    def __init__(self, inner: RealFile, octets: Counter[str], flushes: Counter[str], share: str) -> None:
        super().__init__(inner._fd)
        self._octets, self._flushes, self._share = octets, flushes, share

    def pwrite(self, octets: bytes, offset: int) -> int:
        taken = super().pwrite(octets, offset)
        self._octets[self._share] += taken
        return taken

    def fdatasync(self) -> None:
        super().fdatasync()
        self._flushes[self._share] += 1


class CountingFs(RealFs):
    """A disk that counts by the part of the store that a file belongs to."""

    def __init__(self, root: Any) -> None:
        super().__init__(root)
        self.octets: Counter[str] = Counter()
        self.flushes: Counter[str] = Counter()

    def open(self, path: str, *, create: bool = False) -> RealFile:
        folder, _, name = path.rpartition("/")
        share = "cursors" if name == "cursors" else folder or name.partition(".")[0]
        return CountingFile(super().open(path, create=create), self.octets, self.flushes, share)


class Site:
    """The courses of all 200 points."""

    def __init__(self, seed: int = 1) -> None:
        dice = random.Random(seed)
        self.named = [(f"{stem}.{number:02}", shape) for shape, stem, count, *_ in SHAPES for number in range(count)]
        """Id and shape of each point."""
        self._courses = [Course(shape, dice) for _, shape in self.named]

    def second(self) -> list[float]:
        """Return a reading of each point, in the order of `named`."""
        return [course.next() for course in self._courses]

    def points(self, record_s: int) -> list[PointSpec]:
        """Return the points as their settings would have them."""
        return [
            PointSpec(
                name, KINDS.get(shape, "gauge"), scale=SCALES.get(shape, 1.0), record_ms=record_s * 1000,
                words=("off", "on") if shape == "state" else (),
            )
            for name, shape in self.named
        ]  # fmt: skip

    def limits(self) -> list[LimitSpec]:
        """Return a limit of each point that can have one; none is exceeded."""
        stands = {shape: (value, deadband) for shape, _, _, value, deadband in SHAPES if value is not None}
        return [
            LimitSpec(
                f"{name}.limit", name, "equal" if shape == "state" else "high", stands[shape][0], stands[shape][1],
                on_delay_ms=5000, off_delay_ms=5000,
            )
            for name, shape in self.named
            if shape in stands
        ]  # fmt: skip


class CardBox:
    """A box on a disk; `second` lets one second of its time pass, as fast as the machine goes."""

    def __init__(self, fs: RealFs, record_s: int, buffer_mb: int, *, seed: int = 1) -> None:
        self.clock = ManualClock()
        self.clock.now_ns = 10_000_000_000
        self.dating = Dating()
        self.records = Log(fs, "records", "records", buffer_mb << 20, consumers=CONSUMERS)
        self.events = Log(fs, "events", "events", 8 << 20, consumers=CONSUMERS)
        self._historian: Historian | None = None
        self._history_s = 0.0
        self._notebook = Notebook(fs)
        self._site = Site(seed)
        self._names = [name for name, _ in self._site.named]
        self.writer = Writer(self.records, self.events, self.clock)
        now_ms = self.clock.now_ns // 1_000_000
        engine = Engine(
            self._site.points(record_s), self._site.limits(), boot=1, now_ms=now_ms,
            utc_offset_ms=self.clock.utc_offset_ms,
        )  # fmt: skip
        self.station = Station(
            engine, self.clock, self.dating, save=self.writer.post, journal=self.writer.post, commit_s=COMMIT_S
        )

    def with_history(self, folder: Path) -> Historian:
        """Keep history too, in a folder of its own."""
        history = History(
            folder, self.records, self.events, self.dating, zone=ZoneInfo("Europe/Paris"), boot=1,
            points={name: (KINDS.get(shape, "gauge"), "") for name, shape in self._site.named},
        )  # fmt: skip
        self._historian = Historian(history, self.clock, raw_days=30, max_mb=2000)
        return self._historian

    def second(self) -> None:
        """Read every point once, then let station, writer and historian do what is due."""
        self.clock.advance(1)
        t_ns = self.clock.now_ns
        values = self._site.second()
        samples = [Sample(name, t_ns, value) for name, value in zip(self._names, values, strict=True)]
        for bus in range(BUSES):
            self.station.post(Cycle(f"b{bus}", t_ns, samples[bus::BUSES]))
        self.station.step(t_ns / 1e9)
        self.writer.step(t_ns / 1e9)
        while self._historian is not None and self._history_s <= t_ns / 1e9:
            self._history_s = self._historian.step(t_ns / 1e9)
        if t_ns // 1_000_000_000 % NOTE_EVERY_S == 0:
            moment = Moment(1, t_ns // 1_000_000)
            self._notebook.put_setting(MadeSetting(f"point.{self._names[0]}.offset", values[0], moment))
            self._notebook.save()

    def acknowledge(self, consumer: str) -> None:
        """Let a consumer have all that is durable."""
        for log in (self.records, self.events):
            log.acknowledge(consumer, log.next_seq() - 1)

    def close(self) -> None:
        """Give the disk back."""
        self.records.close()
        self.events.close()
