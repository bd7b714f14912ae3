"""A site in virtual time: the same buses, station, writer, logs and link, on a disk in RAM and a simulated upstream."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from edge.core.clock import Dating
from edge.core.engine import Engine
from edge.core.outputs import OutputList
from edge.core.ports import Worker
from edge.core.types import Event, PointSpec, Record
from edge.links.mqtt import MqttLink
from edge.links.retained import Feed
from edge.runtime.bus import BusWorker
from edge.runtime.demo import Demo
from edge.runtime.device import device_specs
from edge.runtime.feed import feed_of, store_facts
from edge.runtime.outputs import Outputs
from edge.runtime.station import Station
from edge.settings.alarm_rules import alarm_rules
from edge.settings.model import MqttLink as MqttSettings
from edge.settings.model import Settings
from edge.settings.room import events_bytes
from edge.settings.site_parts import site_parts
from edge.settings.specs import output_specs, specs
from edge.sim.devices import simulated_bus
from edge.sim.loop import Loop, VirtualClock
from edge.sim.upstream import Outage, SimConnection, SimUpstream
from edge.store.fs_memory import MemoryFs
from edge.store.historian import Historian
from edge.store.history import CONSUMER, History
from edge.store.log import Log
from edge.store.writer import Writer
from hal.fake.gpio import FakeGpio
from hal.fake.pace import VirtualPace

BEGIN: Final = round(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
MIN_PERIOD_MS: Final = 10_000
MAX_PERIOD_MS: Final = 30_000
DAY_S: Final = 86_400.0
DRAIN_S: Final = 600.0
JUST_BEFORE_S: Final = 0.001


class Day(msgspec.Struct, frozen=True):
    """What one virtual day cost."""

    day: int
    records: int
    octets_written: int
    batches: int
    octets_sent: int
    waiting: int


class Report(msgspec.Struct, frozen=True):
    """What a simulation tells; counts are of the whole run, octets_written and batches also day by day."""

    site: str
    days: float
    seed: int
    readings: int
    records: int
    events: int
    alarms_begun: int
    alarms_ended: int
    octets_written: int
    flushes: int
    batches: int
    messages: int
    octets_sent: int
    repeated: int
    stored: int
    gaps: int
    lost: int
    waiting: int
    most_waiting: int
    most_waiting_day: int
    per_day: list[Day]


def _given(handle: Any) -> Any:
    return handle


def _outputs(settings: Settings, handles: Mapping[str, Any] | None) -> Outputs:
    """Return the site's outputs on simulated pins: those of the wire, where it is simulated."""
    outputs = Outputs(settings.outputs)
    outputs.open({output.bus: FakeGpio().factory for output in settings.outputs} if handles is None else handles)
    return outputs


def coarser(point: PointSpec) -> PointSpec:
    """Return a point as it is sampled here: no oftener than every 10 s, and once or twice a record.

    Finer sampling changes no count and hardly a mean, and would cost minutes of CPU a month.
    """
    record_ms = max(point.record_ms, MIN_PERIOD_MS)
    period_ms = max(point.period_ms, MIN_PERIOD_MS, min(record_ms, MAX_PERIOD_MS))
    return msgspec.structs.replace(
        point, period_ms=period_ms, record_ms=record_ms, stale_ms=max(point.stale_ms, 3 * period_ms)
    )


class Simulation:
    """One box of a site from BEGIN on.

    With `wire_folder` the buses are simulated down to the wire, as the demonstration's are: a Téléinfo byte stream
    through a pty, chips, probes, pulses, read by the real drivers at the site's own periods. An hour of it is enough.
    `upstream` makes another consumer than the counting one. In `history_folder` a history is kept, on the real disk.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        seed: int,
        outages: list[Outage],
        acknowledges: bool = True,
        wire_folder: Path | None = None,
        upstream: Callable[[VirtualClock, list[Outage]], SimUpstream] | None = None,
        history_folder: Path | None = None,
    ) -> None:
        self.settings = settings
        self.seed = seed
        self.outages = outages
        rng = random.Random(seed)
        self.clock = VirtualClock(BEGIN, boot=1)
        self.loop = Loop(self.clock)
        self.disk = MemoryFs()
        mqtt = settings.links.mqtt
        consumers = ["mqtt"] if mqtt is not None else []
        consumers += [CONSUMER] if history_folder is not None else []
        capacity = settings.box.buffer_mb << 20
        self.records: Log[Record] = Log(
            self.disk, "records", "records", capacity, consumers=consumers, stream=f"{rng.getrandbits(32):08x}"
        )
        texts = ["sms", "people"] if settings.links.sms is not None else []
        self.events: Log[Event] = Log(
            self.disk, "events", "events", events_bytes(settings),
            consumers=[*consumers, *texts], stream=f"{rng.getrandbits(32):08x}",
        )  # fmt: skip
        self.dating = Dating()
        self.writer = Writer(self.records, self.events)
        make = upstream or partial(SimUpstream, acknowledges=acknowledges)
        self.upstream: SimUpstream = make(self.clock, outages)
        points, limits = specs(settings)
        if wire_folder is None:
            points = [coarser(point) for point in points]
        now_ms = self.clock.now_ns // 1_000_000
        by_id = {point.id: point for point in points}
        outputs = [
            msgspec.structs.replace(spec, point=by_id[spec.id]) for spec in output_specs(settings)
        ]  # read back as coarsely as the rest
        engine = Engine(
            points, limits, boot=1, now_ms=now_ms, zone=ZoneInfo(settings.site.tz), utc_offset_ms=BEGIN - now_ms,
            outputs=OutputList(outputs, boot=1, now_ms=now_ms, utc_offset_ms=BEGIN - now_ms),
            parts=site_parts(settings, {}, {}), alarm_rules=alarm_rules(settings),
        )  # fmt: skip
        self.begun = self.ended = 0
        self.station = Station(
            engine, self.clock, self.dating, save=self.writer.post, journal=self.writer.post,
            commit_s=max(settings.box.commit_s, MIN_PERIOD_MS / 1000), alarm_changed=self._count_alarm,
        )  # fmt: skip
        now_s = self.clock.now_ns / 1e9
        wire = None if wire_folder is None else Demo(settings, wire_folder, now_s, VirtualPace(now_s))
        self._sources: list[Worker] = []
        """What reads, and what moves what is read: the first to end."""
        for bus in settings.buses:
            devices = simulated_bus(settings, bus, by_id, self.clock.now_ns) if wire is None else None
            handle = None if wire is None else wire.handles[bus]
            worker = BusWorker(
                bus, devices or device_specs(settings, bus), clock=self.clock, post=self.station.post,
                open_handle=partial(_given, handle), close_handle=lambda _handle: None,
            )  # fmt: skip
            self._sources.append(worker)
        self._sources += [wire] if wire is not None else []
        self.station.pins = self.outputs = _outputs(settings, None if wire is None else wire.handles)
        for source in reversed(self._sources):
            self.loop.add(source)
        self.station.wake_by(self.loop.add(self.station))
        self.writer.wake = self.loop.add(self.writer)
        self.link: MqttLink | None = None
        self._wake_link: Callable[[], None] = lambda: None
        if mqtt is not None:
            self._link(mqtt, rng)
        self.history: History | None = None
        self._last: list[Worker] = []
        """What ends after the link."""
        if history_folder is not None:
            self._keep_history(history_folder, points)

    def _keep_history(self, folder: Path, points: list[PointSpec]) -> None:
        """Put history in, on the real disk: SQLite knows no other."""
        kept = self.settings.history
        self.history = History(
            folder, self.records, self.events, self.dating, zone=ZoneInfo(self.settings.site.tz),
            points={point.id: (point.kind, point.unit) for point in points}, boot=1,
        )  # fmt: skip
        historian = Historian(self.history, self.clock, raw_days=kept.raw_days, max_mb=kept.max_mb)
        self.loop.add(historian)
        self._last.append(historian)

    def _link(self, mqtt: MqttSettings, rng: random.Random) -> None:
        """Put the link in, with its connection to the simulated upstream."""
        self.link = MqttLink(mqtt, SimConnection(self.upstream, self._link_has_news), self.feed(), rng)
        self._wake_link = self.loop.add(self.link)
        self.writer.on_commit.append(self._wake_link)

    def feed(self) -> Feed:
        """Return what a link is given of this station."""
        return feed_of(
            self.settings, self.station, self.clock, self.dating, records=self.records, events=self.events,
            facts=lambda: store_facts(self.writer.trouble(), self.clock),
        )  # fmt: skip

    def join(self, link: Worker) -> Callable[[], None]:
        """Take another link in, which ends after the first; return what wakes it. Commits do."""
        wake = self.loop.add(link)
        self.writer.on_commit.append(wake)
        self._last.insert(0, link)
        return wake

    def _link_has_news(self) -> None:
        self._wake_link()

    def _count_alarm(self, _limit: str, begins: bool) -> None:  # noqa: FBT001 - a callback of the station
        if begins:
            self.begun += 1
        else:
            self.ended += 1
        self._wake_link()  # an alarm leaves at once, also while no log commits

    def run(self, days: float, passed: Callable[[int], None] = lambda _day: None) -> Report:
        """Run for so many virtual days, let the link drain what an outage at the end left, and return the figures.

        `passed` is told each day that is over.
        """
        began_s = self.clock.now_ns / 1e9
        per_day: list[Day] = []
        most = most_day = 0
        day = 0
        while day < days:
            before = self._figures()
            for since_s in self._looks_s(day, days):
                self.loop.run_until(began_s + since_s)
                waiting = self.waiting()
                if waiting > most:
                    most, most_day = waiting, day + 1
            day += 1
            records, octets, batches, sent = (now - was for now, was in zip(self._figures(), before, strict=True))
            per_day.append(Day(day, records, octets, batches, sent, self.waiting()))
            passed(day)
        self.outputs.close()
        self.loop.retire(*self._sources, self.station)
        self.loop.run_until(began_s + days * DAY_S + DRAIN_S)
        self.loop.retire(self.writer, *([self.link] if self.link is not None else []), *self._last)
        return self._report(days, per_day, most, most_day)

    def _looks_s(self, day: int, days: float) -> list[float]:
        """Return when in a day it is looked how much waits: each hour, and as an outage ends, when it is the most."""
        hours = [min(day + (hour + 1) / 24, days) * DAY_S for hour in range(24)]
        ends = [outage.end_s - JUST_BEFORE_S for outage in self.outages]
        return sorted({*hours, *(end_s for end_s in ends if day * DAY_S < end_s < hours[-1])})

    def waiting(self) -> int:
        """Return how many records are not yet acknowledged."""
        return self.records.next_seq() - 1 - self.records.cursor("mqtt") if self.link is not None else 0

    def _figures(self) -> tuple[int, int, int, int]:
        traffic = self.upstream.traffic
        return self.station.records_made, self.disk.counts.octets_written, traffic.batches, traffic.octets

    def _report(self, days: float, per_day: list[Day], most: int, most_day: int) -> Report:
        traffic = self.upstream.traffic
        streams = self.upstream.streams
        stored = streams.get(self.records.stream)
        held = len(stored.held) if stored else 0
        gaps = len(stored.gaps) if stored else 0
        waiting = self.waiting()
        return Report(
            site=self.settings.site.name,
            days=days,
            seed=self.seed,
            readings=self.station.readings,
            records=self.station.records_made,
            events=self.events.next_seq() - 1,
            alarms_begun=self.begun,
            alarms_ended=self.ended,
            octets_written=self.disk.counts.octets_written,
            flushes=self.disk.counts.flushes,
            batches=traffic.batches,
            messages=traffic.messages,
            octets_sent=traffic.octets,
            repeated=traffic.repeated,
            stored=held,
            gaps=gaps,
            lost=self.station.records_made - held - gaps - waiting if self.link is not None else 0,
            waiting=waiting,
            most_waiting=most,
            most_waiting_day=most_day,
            per_day=per_day,
        )
