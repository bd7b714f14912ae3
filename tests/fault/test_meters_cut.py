"""Power cuts at midnight over the logs of a metered box: totals, peaks, indexes and acts are what the records say."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from edge.core.clock import ClockEntry
from edge.core.commands import Command
from edge.core.counter import pending
from edge.core.kinds import Counter
from edge.core.meters import Meters
from edge.core.part import Part
from edge.core.peaks import Peaks
from edge.core.types import Event, EventBatch, PointSpec, Record, RecordBatch
from edge.store.fs_image import Naming, Write
from edge.store.fs_memory import MODELS, MemoryFs, prefixes
from edge.store.log import Log
from tests.metered_site import MeteredSite, counter, independent, local_period, utc_ms

PARIS = ZoneInfo("Europe/Paris")
MIDNIGHT_MS = utc_ms("2026-10-25T00:00", PARIS)  # of the day of 25 hours
SPECS = [
    counter(volatile=False, unit="Wh", scale=1, period_ms=1000, record_ms=10_000),
    counter("water.hot", period_ms=1000, record_ms=10_000),
    PointSpec("power", "gauge", unit="W", period_ms=1000, record_ms=10_000),
]
SEGMENT = 1 << 20
SET_TO = "482.137"


def open_log(fs: MemoryFs, kind: Any) -> Log[Any]:
    return Log(fs, kind, kind, 4 * SEGMENT, SEGMENT)


class LoggedSite(MeteredSite):
    """A site whose commits go into logs on a disk."""

    def __init__(self, fs: MemoryFs, start_ms: int) -> None:
        self.records: Log[Record] = open_log(fs, "records")
        self.log: Log[Event] = open_log(fs, "events")
        self.kept: list[Any] = []
        super().__init__(SPECS, PARIS, start_ms)

    def start(self, start_ms: int, *, is_dated: bool = True) -> None:
        """Go on where the logs are."""
        self.registers, self.event_registers = dict(self.records.registers), dict(self.log.registers)
        self.boot = max(self.records.boot, self.log.boot)
        super().start(start_ms, is_dated=is_dated)

    def parts(self) -> list[Part]:
        return [*super().parts(), Peaks(self.registers), Meters([], self.event_registers)]

    def commit(self) -> None:
        self._collect()
        registers = self.engine.registers_of(self._moved)
        if self._records or registers:
            self.records.append(RecordBatch(self.boot, self._records, registers))
        self._records, self._moved = [], set()

    def order(self, verb: str, at_ms: int, **args: Any) -> None:
        """Give an order: the events' log has it at once, the records' log with the next commit."""
        command = Command(f"{verb}{at_ms}", f"meter.{verb}", args, author="anna", channel="local")
        assert self.engine.command(command, at_ms - self.start_ms).done
        told = len(self.events)
        before = dict(self.event_registers)
        self._collect()
        changed = {name: value for name, value in self.event_registers.items() if before.get(name) != value}
        self.log.append(EventBatch(self.boot, self.events[told:], changed))


@cache
def life() -> list[Write | Naming | int | str]:
    """Return the calls of two minutes around midnight, an index set just before and just after it."""
    fs = MemoryFs()
    calls = fs.calls = []
    begin_ms = MIDNIGHT_MS - 62_000
    site = LoggedSite(fs, begin_ms)
    for second in range(125):
        at_ms = begin_ms + second * 1000
        site.read(at_ms, ("water.cold", 5000 + 3 * second), ("water.hot", second), ("power", 100 + second * 37 % 91))
        if second in {55, 66}:
            site.order("set", at_ms, point="water.hot", value=SET_TO)
    return calls


def wrong(disk: MemoryFs) -> list[str]:
    """Return what a start after a cut shows that its own logs do not say."""
    found = []
    site = LoggedSite(disk, MIDNIGHT_MS + 30 * 60_000)
    held, seq = [], site.records.first_seq()
    while (chunk := site.records.read(seq, 1000)).entries:
        held += [(chunk.boot, record) for record in chunk.entries]
        seq += len(chunk.entries)
    site.durable = held
    for boot in {boot for boot, _ in held}:
        site.dating.add(ClockEntry(boot, 0, MIDNIGHT_MS - 62_000, "ntp"))
    for spec in SPECS[:2]:
        point = site.engine.points[spec.id]
        assert isinstance(point, Counter)
        sums = independent(site.history(spec.id), "day", PARIS)
        open_ms = site.start_ms + point.start_ms
        left = Decimal(repr(pending(point.register)))
        if left:
            period = local_period(open_ms, "day", PARIS)
            sums[period] = sums.get(period, Decimal(0)) + left
        for back, at_ms in ((0, MIDNIGHT_MS), (1, MIDNIGHT_MS - 1)):
            total = site.totals.total(spec.id, "day", back)
            expected = sums.get(local_period(at_ms, "day", PARIS))
            told = None if total is None else total.moved
            if told != expected:
                found.append(f"{spec.id} {back}: {told} told, {expected} recorded")
    index, pulses = (
        site.engine.points["water.hot"].register.index,
        (  # type: ignore[attr-defined]
            sum((Decimal(repr(record.increment or 0)) for record in site.history("water.hot")), Decimal(0))
            + Decimal(repr(pending(site.engine.points["water.hot"].register)))  # type: ignore[attr-defined]
        ),
    )
    acts = site.log.registers.get("meters", {}).get("acts", {}).get("water.hot", [])
    base = sum(Decimal(act["value"]) - Decimal(act["before"]) for act in acts)
    if index is not None and Decimal(repr(index)) != base + pulses:
        found.append(f"index {index}: {base} set and {pulses} counted")
    for back, at_ms in ((0, MIDNIGHT_MS), (1, MIDNIGHT_MS - 1)):
        day = local_period(at_ms, "day", PARIS)
        highest = [
            r.high for r in site.history("power") if r.high is not None and local_period(r.t_ms, "day", PARIS) == day
        ]
        peak = site.engine.part(Peaks).peak("power", "day", back)
        if (None if peak is None else peak.value) != max(highest, default=None):
            found.append(f"peak {back}: {peak} told, {max(highest, default=None)} recorded")
    site.records.close()
    site.log.close()
    return found


def test_after_a_cut_at_any_write_around_midnight_every_sum_is_that_of_the_records() -> None:
    """C3: also after kill -9 at midnight: every prefix of the calls, the models of what a card loses in turn."""
    calls = life()
    start = MemoryFs(keep_cuts=True)
    start.folders |= {"records", "events"}
    faults, checked = [], 0
    for place, disk in enumerate(prefixes(calls, start)):
        faults += wrong(disk.after_cut(MODELS[place % len(MODELS)], place))
        checked += 1
    assert not faults
    assert checked > 25
