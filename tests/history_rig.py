"""Logs on a disk in RAM, a history in a folder, and the historian turned by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from edge.core.clock import ClockEntry, Dating
from edge.core.ports import Gap
from edge.core.series import HistoryRecord
from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.store.fs import Fs
from edge.store.fs_memory import MemoryFs
from edge.store.historian import Historian
from edge.store.history import History
from edge.store.history_slices import dated
from edge.store.log import Log
from hal.sample import Kind
from tests.support import ManualClock

PARIS = ZoneInfo("Europe/Paris")
T0 = 1_795_165_200_000  # 2026-11-20T10:00+01:00, an hour's beginning
HOUR = 3_600_000
POINTS: dict[str, tuple[Kind, str]] = {
    "t.flow": ("gauge", "Cel"), "e.main": ("counter", "Wh"), "door": ("state", ""), "mode": ("text", ""),
}  # fmt: skip


class HistoryRig:
    """One start of a box, as far as history sees it. `at` is the monotonic ms that is T0."""

    def __init__(self, folder: Path, disk: Fs | None = None, *, boot: int = 1, **options: Any) -> None:
        self.folder = folder
        self.disk = disk or MemoryFs()
        self.boot = boot
        log: dict[str, Any] = {"consumers": ["history", "mqtt"]}
        capacity, segment = options.pop("capacity", 2 << 20), options.pop("segment", 256 << 10)
        self.records: Log[Record] = Log(self.disk, "records", "records", capacity, segment, **log)
        self.events: Log[Event] = Log(self.disk, "events", "events", 1 << 20, 256 << 10, **log)
        self.clock = ManualClock(T0, boot=boot)
        self.dating = Dating()
        for entry in options.pop("dated", [ClockEntry(boot, 0, T0, "ntp")]):
            self.dating.add(entry)
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.wanted: list[int] = []
        zone: ZoneInfo = options.pop("zone", PARIS)
        points: Mapping[str, tuple[Kind, str]] = options.pop("points", POINTS)
        self.history = History(
            folder, self.records, self.events, self.dating, zone=zone, points=points, boot=boot,
            journal_rows=options.pop("journal_rows", 200_000),
        )  # fmt: skip
        settings = {"raw_days": 400, "max_mb": 2048, **options}
        self.historian = Historian(
            self.history, self.clock, tell=lambda kind, words: self.told.append((kind, words)),
            want_clock=self.wanted.append, **settings,
        )  # fmt: skip
        self.historian.open()
        self.now_s = 1000.0

    def save(self, *entries: Record, boot: int | None = None) -> None:
        """Make records durable."""
        self.records.append(RecordBatch(boot or self.boot, list(entries)))

    def journal(self, *entries: Event, boot: int | None = None) -> None:
        """Make events durable."""
        self.events.append(EventBatch(boot or self.boot, list(entries)))

    def turn(self, seconds: float = 300.0) -> None:
        """Let time pass and the historian do all that is due."""
        self.now_s += seconds
        self.clock.advance(seconds)
        self.work()

    def work(self) -> None:
        """Step the historian until it waits for its next tick, or for a card that fails."""
        for _ in range(10_000):
            if self.historian.step(self.now_s) > self.now_s + 1:
                return
            self.now_s += 0.001
        raise AssertionError("the historian finds no end")

    def flush(self) -> None:
        """Let so much time pass that everything is written, whatever hour it is of."""
        self.turn(300)
        self.turn(4000)

    def expected(self, point: str) -> list[HistoryRecord]:
        """Return this point's records as the log has them, in order of time: what history must hold."""
        found: list[HistoryRecord] = []
        seq = self.records.first_seq()
        while seq < self.records.next_seq():
            chunk = self.records.read(seq, 5000)
            if isinstance(chunk.gap, Gap):
                seq = chunk.gap.last + 1
                continue
            own = [entry for entry in chunk.entries if entry.point == point]
            found += dated(own, chunk.boot, self.dating) or []
            seq += len(chunk.entries)
        return sorted(found, key=lambda record: record.t_ms)

    def held(self, point: str) -> list[HistoryRecord]:
        """Return all records of a point that history answers, page by page."""
        found: list[HistoryRecord] = []
        from_ms = -(2**59)
        while page := self.history.records(point, from_ms, 2**59, 1000):
            found += page
            from_ms = page[-1].t_ms + 1
        return found

    def close(self) -> None:
        """End as a clean stop does."""
        self.historian.close()
        self.give_back()

    def give_back(self) -> None:
        """End as a crash does, but for what the test itself must give back."""
        self.historian._file.close()
        self.records.close()
        self.events.close()

    def again(self, **options: Any) -> HistoryRig:
        """Return the next start on the same disk and folder, with all that dates the starts before."""
        entries = self.dating.entries()
        boot = options.pop("boot", self.boot + 1)
        dated_by = options.pop("dated", [ClockEntry(boot, 0, T0 + 10 * HOUR * (boot - 1), "ntp")])
        return HistoryRig(self.folder, self.disk, boot=boot, dated=[*entries, *dated_by], **options)


@contextmanager
def history_rig(folder: Path, **options: Any) -> Iterator[HistoryRig]:
    """Run one start for the time of a block, and stop it cleanly."""
    made = HistoryRig(folder, **options)
    try:
        yield made
    finally:
        made.close()


def gauge(start_ms: int, value: float | None, dt_ms: int = 60_000, **fields: Any) -> Record:
    """Return a record of "t.flow"."""
    quality, why, count = (2, "no_answer", 0) if value is None else (0, "", 1)
    return Record("t.flow", start_ms, dt_ms, value, **{"quality": quality, "reason": why, "count": count, **fields})


def counter(start_ms: int, index: float, increment: float, dt_ms: int = 60_000) -> Record:
    """Return a record of "e.main"."""
    return Record("e.main", start_ms, dt_ms, index, increment=increment)
