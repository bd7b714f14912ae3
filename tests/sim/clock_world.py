"""A station in virtual time on a computer whose own clock is wrong, stepped, set late or never.

The real workers: buses, station, clock keeper, writer, logs, the MQTT link; simulated are the devices' courses, the
upstream, and the machine's clocks.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from edge.core import alarm_view
from edge.core.batch_parse import parse_records
from edge.core.batch_points import SiteFacts
from edge.core.clock import Dating
from edge.core.engine import Engine
from edge.core.types import Event, EventBatch, LimitSpec, PointSpec, Record
from edge.links.mqtt import MqttLink
from edge.links.retained import Feed
from edge.runtime.bus import BusWorker
from edge.runtime.clock import Machine, SystemClock
from edge.runtime.device import DeviceSpec
from edge.runtime.station import Station
from edge.settings.model import MqttLink as MqttSettings
from edge.sim.devices import Course, course_driver
from edge.sim.loop import Loop
from edge.sim.upstream import Outage, SimConnection, SimUpstream
from edge.store.fs_memory import MemoryFs
from edge.store.log import Log
from edge.store.writer import Writer

TRUE_MS = 1_795_132_800_000  # 2026-11-20T00:00Z, when the world begins
HOUR_S, DAY_S = 3600.0, 86_400.0
YEAR_S = 365.25 * DAY_S
BEGAN_S = 100.0

Site: TypeAlias = list[tuple[PointSpec, Course]]
"""Points and what their devices show, by the seconds since the begin."""


@dataclass
class Stage:
    """From `at_s` (seconds since the begin) on the machine's clock is so far off, and this is who vouches for it."""

    at_s: float
    off_s: float = 0.0
    word: str = "ntp"


class StagedClock(SystemClock):
    """The product's clock on a machine whose course is written down. The loop moves `now_ns`."""

    name = "stage"

    def __init__(self, stages: Sequence[Stage], true_ms: int, began_s: float) -> None:
        self.now_ns = round(began_s * 1e9)
        self._began_ns = self.now_ns
        self._true_ms = true_ms
        self._stages = list(stages)
        super().__init__(1, witnesses=[self], machine=self)

    def _stage(self) -> Stage:
        at_s = (self.now_ns - self._began_ns) / 1e9
        return [stage for stage in self._stages if stage.at_s <= at_s][-1]

    def monotonic_ns(self) -> int:
        return self.now_ns

    def utc_ns(self) -> int:
        return self.true_ms(self.now_ns // 1_000_000) * 1_000_000 + round(self._stage().off_s * 1e9)

    def power_up(self) -> str:
        return "stage"

    def vouches(self, machine: Machine) -> tuple[str, int] | None:
        word = self._stage().word
        return (word, 0) if word else None

    def true_ms(self, at_ms: int) -> int:
        """Return the true UTC of a monotonic instant."""
        return self._true_ms + at_ms - self._began_ns // 1_000_000


@dataclass
class Row:
    """A record as it arrived upstream."""

    seq: int
    point: str
    t_ms: int
    dt_ms: int
    value: Any
    why: str
    tq: str


class World:
    """One start of a box, its upstream, and what it heard."""

    def __init__(
        self,
        site: Site,
        stages: Sequence[Stage] = (Stage(0),),
        *,
        limits: Sequence[LimitSpec] = (),
        tz: str = "Europe/Paris",
        true_ms: int = TRUE_MS,
        began_s: float = BEGAN_S,
        undated_wait_s: float = 900.0,
        outages: Sequence[Outage] = (),
        lag_s: Callable[[float], float] | None = None,
    ) -> None:
        """`lag_s`: how long after a tick (s since the begin) its cycle comes."""
        self.began_s = began_s
        self.clock = StagedClock(stages, true_ms, began_s)
        self.loop = Loop(self.clock)  # type: ignore[arg-type]
        disk, now_ms = MemoryFs(), self.clock.now_ns // 1_000_000
        self.records: Log[Record] = Log(disk, "records", "records", 64 << 20, consumers=["mqtt"], stream="0000000a")
        self.events: Log[Event] = Log(disk, "events", "events", 16 << 20, consumers=["mqtt"], stream="0000000b")
        self.dating = Dating()
        writer = Writer(self.records, self.events)
        points = [point for point, _ in site]
        self.engine = Engine(
            points, limits, boot=1, now_ms=now_ms, zone=ZoneInfo(tz), utc_offset_ms=self.clock.utc_ms() - now_ms
        )
        self.station = Station(self.engine, self.clock, self.dating, save=writer.post, journal=writer.post)
        self.station.clock_keeper.undated_wait_s = undated_wait_s
        driver = course_driver({point.id: course for point, course in site}, self.clock.now_ns)
        device = DeviceSpec("d", driver, {p.id: None for p in points}, {p.id: p.period_ms for p in points})
        self._late: list[tuple[float, Any]] = []
        self._lag_s = lag_s
        self.bus = BusWorker(
            "b", [device], clock=self.clock, post=self._post, open_handle=lambda: None,
            close_handle=lambda _handle: None, offset_ms=lambda: self.engine.utc_offset_ms,
        )  # fmt: skip
        self.upstream = SimUpstream(self.clock, outages)  # type: ignore[arg-type]
        self.upstream.heard = []
        feed = Feed(
            box="b0042", site=SiteFacts(name="", tz=tz, lang="en"), records=self.records, events=self.events,
            dating=self.dating, clock=self.clock, post=self.station.post, points=lambda: points,
            alarms=lambda: alarm_view.alarm_documents(self.engine, self.dating), undated_wait_s=undated_wait_s,
        )  # fmt: skip
        self._wake_link: Callable[[], None] = lambda: None
        connection = SimConnection(self.upstream, lambda: self._wake_link())  # noqa: PLW0108 - it is set below
        self.link = MqttLink(MqttSettings(host="upstream"), connection, feed, random.Random(1))
        writer.post(EventBatch(1, [Event("start", now_ms)], {"running": True}))
        self.loop.add(self.bus)
        if lag_s is not None:
            self.loop.add(self)
        self.station.wake_by(self.loop.add(self.station))
        self._wake_link = self.loop.add(self.link)
        writer.wake = self.loop.add(writer)
        writer.on_commit.append(self._wake_link)
        self._writer = writer

    name = "late"

    def _post(self, cycle: Any) -> None:
        lag_s = self._lag_s(self.clock.now_ns / 1e9 - self.began_s) if self._lag_s is not None else 0.0
        if lag_s:
            self._late.append((self.clock.now_ns / 1e9 + lag_s, cycle))
        else:
            self.station.post(cycle)

    def step(self, now_s: float) -> float:
        """Hand over cycles whose time has come."""
        while self._late and self._late[0][0] <= now_s:
            self.station.post(self._late.pop(0)[1])
        return min(now_s + 0.5, self._late[0][0]) if self._late else now_s + 0.5

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        pass

    def run(self, seconds: float) -> World:
        """Let so much time pass from the begin on, then end cleanly and let the link drain."""
        self.loop.run_until(self.began_s + seconds)
        self.loop.retire(self.bus, self.station)
        self.loop.run_until(self.began_s + seconds + 600)
        return self

    def run_to(self, seconds: float) -> World:
        """Let time pass up to so many seconds after the begin."""
        self.loop.run_until(self.began_s + seconds)
        return self

    # -- what came of it

    def rows(self) -> list[Row]:
        """Return every record as it arrived, each arrival by itself, in the order of seq."""
        found = []
        for body in self.upstream.heard or ():
            if b'"stream":"0000000a"' not in body:
                continue
            batch = parse_records(body)
            for entry in (*batch.e, *batch.bad):
                dt = entry.dt if entry.dt is not None else batch.dt
                assert dt is not None
                found.append(
                    Row(batch.seq + entry.i, entry.n, round(entry.t * 1000), round(dt * 1000),
                        getattr(entry, "v", None), entry.why, batch.tq)
                )  # fmt: skip
        return sorted(found, key=lambda row: row.seq)

    def made(self) -> list[Record]:
        """Return the records of the log, undated."""
        found: list[Record] = []
        while (chunk := self.records.read(len(found) + 1, 1000)).entries:
            found += chunk.entries
        return found

    def journal(self, *kinds: str) -> list[Event]:
        """Return the events of the log of these kinds."""
        found: list[Event] = []
        while (chunk := self.events.read(len(found) + 1, 1000)).entries:
            found += chunk.entries
        return [event for event in found if event.kind in kinds or not kinds]

    def alarms(self) -> list[tuple[str, str, int, Any]]:
        """Return what the alarms did, by the monotonic clock: kind, limit, seconds since the begin, how long."""
        return [
            (event.kind, event.values["limit"], event.at_ms - round(self.began_s * 1000), event.values.get("lasted_ms"))
            for event in self.journal("alarm_begin", "alarm_end")
        ]

    def error_s(self, row: Row) -> float:
        """Return how far off the true time a record was stamped."""
        record = self._of_seq(row.seq)
        return abs(row.t_ms - self.clock.true_ms(record.start_ms)) / 1000

    def _of_seq(self, seq: int) -> Record:
        return self.records.read(seq, 1).entries[0]

    def check(self) -> Figures:
        """Check what must hold of every run; return its figures."""
        rows, made = self.rows(), self.made()
        seqs = [row.seq for row in rows]
        by_point: dict[str, list[Record]] = {}
        for record in made:
            by_point.setdefault(record.point, []).append(record)
        for records in by_point.values():
            assert all(record.dt_ms > 0 for record in records), "a period of no length, or less"
            for one, other in pairwise(records):
                assert one.start_ms + one.dt_ms <= other.start_ms, "two periods of one point overlap"
        entries = [entry for entry in self.dating.entries() if entry.boot == 1]
        arrived: dict[str, list[Row]] = {}
        for row in rows:
            arrived.setdefault(row.point, []).append(row)
        for of_point in arrived.values():
            for one, other in pairwise(of_point):
                first = self.dating.entry(1, self._of_seq(one.seq).start_ms)
                if first is self.dating.entry(1, self._of_seq(other.seq).start_ms):
                    assert one.t_ms + one.dt_ms <= other.t_ms, "two stamps of one point overlap within a clock entry"
        for event in self.journal("alarm_end"):
            assert event.values.get("lasted_ms", 0) >= 0
        early = [row for row in rows if self._of_seq(row.seq).start_ms < entries[0].at_ms]
        return Figures(
            made=len(made), arrived=len(rows), duplicates=len(seqs) - len(set(seqs)), lost=len(made) - len(set(seqs)),
            unsynced=sum(row.why == "clock_unsynced" for row in rows), entries=len(entries),
            early=len(early), dated_anew=sum(self.error_s(row) < 1 for row in early),
        )  # fmt: skip


@dataclass
class Figures:
    """What a run came to."""

    made: int
    arrived: int
    duplicates: int
    lost: int
    unsynced: int
    entries: int
    early: int
    """Records written before the first clock entry of their start."""
    dated_anew: int
    """Those of them that were stamped right all the same."""
