"""History in the store whose power is cut: filled while the logs are written, compared with them record by record."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from datetime import UTC
from pathlib import Path
from typing import Final

from edge.core.calendar import HOUR_MS
from edge.core.clock import ClockEntry, Dating
from edge.core.types import Event, Record
from edge.store.historian import Historian
from edge.store.history import History
from edge.store.log import Log
from tests.support import ManualClock

BASE_MS: Final = 1_795_132_800_000
LIFE_MS: Final = 864_000_000  # from one life to the next; none of them lasts so long
LIVES: Final = 1000
POINTS: Final = tuple(f"p{number}" for number in range(7))
PAGE: Final = 100_000
FAR_MS: Final = BASE_MS + LIVES * LIFE_MS


def dating() -> Dating:
    """Return what dates the records of every life."""
    made = Dating()
    for boot in range(1, LIVES):
        made.add(ClockEntry(boot, 0, BASE_MS + boot * LIFE_MS, "ntp"))
    return made


class Keeping:
    """A history and its historian, turned by hand."""

    def __init__(self, folder: Path, records: Log[Record], events: Log[Event]) -> None:
        self.dating = dating()
        kinds = dict.fromkeys(POINTS, ("gauge", ""))
        self.history = History(folder, records, events, self.dating, zone=UTC, points=kinds, boot=records.boot + 1)  # type: ignore[arg-type]
        self.clock = ManualClock()
        self._historian = Historian(self.history, self.clock, raw_days=36_500, max_mb=1000, spread_s=0.0)

    def work(self, now_s: float) -> None:
        """Do what is due."""
        while self._historian.step(now_s) <= now_s:
            pass
        assert not self.history.degraded, self.history.degraded

    def close(self) -> None:
        self._historian.close()


def faults(keeping: Keeping, records: Log[Record]) -> list[str]:
    """Return in what history differs from the records that the log still holds: each must be there exactly once."""
    expected: dict[str, list[tuple[int, float]]] = {point: [] for point in POINTS}
    seq = records.first_seq()
    while seq < records.next_seq():
        chunk = records.read(seq, 1000)
        seq = chunk.gap.last + 1 if chunk.gap else seq + len(chunk.entries)
        for entry in chunk.entries:
            t_ms = keeping.dating.utc_ms(chunk.boot, entry.start_ms)
            expected[entry.point].append((t_ms or 0, float(entry.value or 0)))
    found = [f"history: {note}" for note in keeping.history.notes]
    for point, wanted in expected.items():
        if not wanted:
            continue
        held = stored(keeping.history, point, wanted[0][0])
        if held != wanted:
            missing, more = Counter(wanted) - Counter(held), Counter(held) - Counter(wanted)
            found.append(f"history of {point}: {missing.total()} records are missing, {more.total()} too many")
        found += faults_of_sums(keeping.history, point, wanted)
    return found


def stored(history: History, point: str, from_ms: int) -> list[tuple[int, float]]:
    """Return instant and value of all records of a point from an instant on."""
    found: list[tuple[int, float]] = []
    while page := history.records(point, from_ms, FAR_MS, PAGE):
        found += [(record.t_ms, float(record.value or 0)) for record in page]
        from_ms = page[-1].t_ms + 1
    return found


def faults_of_sums(history: History, point: str, wanted: list[tuple[int, float]]) -> list[str]:
    """Return which hours count another number of records than there are; the first hour may have lost some."""
    begin_ms = wanted[0][0] // HOUR_MS * HOUR_MS + HOUR_MS
    counted = Counter(t_ms // HOUR_MS * HOUR_MS for t_ms, _ in wanted[bisect_left(wanted, (begin_ms, 0.0)) :])
    periods = {period.t_ms: period.records for period in history.periods(point, "hour", begin_ms, FAR_MS)}
    return [] if periods == counted else [f"history of {point}: {periods} records an hour, {dict(counted)} are there"]
