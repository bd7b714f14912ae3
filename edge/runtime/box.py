"""A box put together: settings in, workers out, started and stopped in the order that loses nothing.

buses ─→ station ─→ writer ─→ logs ─→ links            each with a thread of its own
             └─→ local API (asks the station)
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from edge.core import view
from edge.core.batch_points import SiteFacts
from edge.core.clock import ClockEntry, Dating
from edge.core.engine import Engine
from edge.core.types import Event, EventBatch, Record
from edge.links.mqtt import MqttLink
from edge.links.paho_connection import PahoConnection, target
from edge.links.retained import Feed
from edge.runtime.bus import BusWorker, device_specs
from edge.runtime.clock import SystemClock
from edge.runtime.demo import Demo
from edge.runtime.desk import RunningBox, product_version
from edge.runtime.outputs import Outputs
from edge.runtime.station import Station
from edge.runtime.supervisor import Bell, Supervisor
from edge.settings.model import MqttLink as MqttSettings
from edge.settings.model import Settings
from edge.settings.specs import specs
from edge.store.fs import Fs, RealFs
from edge.store.log import Log
from edge.store.writer import Writer
from edge.web.api import ApiServer
from hal.buses import close_bus, open_bus

CONSUMERS: Final = ("mqtt",)
EVENTS_MB: Final = 16
LAST_WORD_S: Final = 1.0  # what a link gets at the end to send the last batch and hear its acknowledgement

log = logging.getLogger(__name__)


class Box:
    """The running service of one site."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        *,
        socket: Path | None = None,
        is_demo: bool = False,
        fs: Fs | None = None,
    ) -> None:
        """Open the logs and put everything together; nothing runs yet. Raises OSError when a log can't be opened.

        `fs` is the disk under the logs, that of `state` where absent.
        """
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.settings = settings
        fs = fs or RealFs(state)
        consumers = [name for name in CONSUMERS if getattr(settings.links, name) is not None]
        self.records: Log[Record] = Log(
            fs, "records", "records", capacity_bytes=settings.box.buffer_mb << 20, consumers=consumers
        )
        self.events: Log[Event] = Log(fs, "events", "events", capacity_bytes=EVENTS_MB << 20, consumers=consumers)
        boot = max(self.records.boot, self.events.boot) + 1
        self.clock = SystemClock(boot, trust_system=settings.box.trust_clock)
        self.dating = Dating()
        for entry in msgspec.convert(self.events.registers.get("clock", []), list[ClockEntry]):
            self.dating.add(entry)
        was_cut = bool(self.events.registers.get("running"))
        self.supervisor = Supervisor()
        self.links: dict[str, MqttLink] = {}
        self.writer = Writer(self.records, self.events, self.clock)
        self.buses = [self._bus(name, None) for name in settings.buses]
        self.demo: Demo | None = None
        if is_demo:
            self.demo = Demo(settings, state / "devices", time.monotonic())
            self.buses = [self._bus(name, self.demo) for name in settings.buses]
        self.outputs = Outputs(settings.outputs, self.demo.handles if self.demo else {})
        self.station = self._station(was_cut=was_cut)
        for limit in self.station.engine.limits.values():
            if limit.active:  # an alarm that outlived the restart
                self.outputs.follow(limit.spec.id, True)
        self._announce(was_cut=was_cut)
        if settings.links.mqtt is not None:
            self.links["mqtt"] = self._mqtt_link(settings.links.mqtt)
        self.desk = RunningBox(
            settings,
            self.station,
            self.clock,
            self.dating,
            logs={"records": self.records, "events": self.events},
            links={name: link.status for name, link in self.links.items()},
            buses=self.buses,
            degraded=lambda: self.writer.degraded,
            is_demo=is_demo,
        )
        self._api = ApiServer(self.desk, socket) if socket is not None else None
        self._api_thread: threading.Thread | None = None
        self._wire()

    # -- putting together

    def _bus(self, name: str, demo: Demo | None) -> BusWorker:
        kind, options = self.settings.buses[name]
        prefix = f"device/{name}/"
        memory = {key[len(prefix) :]: state for key, state in self.records.registers.items() if key.startswith(prefix)}
        is_simulated = demo is not None and name in demo.handles
        return BusWorker(
            name,
            device_specs(self.settings, name),
            clock=self.clock,
            post=lambda cycle: self.station.post(cycle),  # noqa: PLW0108 - the station is made after its buses
            open_handle=(lambda: demo.handles[name]) if is_simulated and demo else (lambda: open_bus(kind, options)),
            close_handle=(lambda _handle: None) if is_simulated else (lambda handle: close_bus(kind, handle)),
            memory=memory,
            offset_ms=lambda: self.station.engine.utc_offset_ms,
        )

    def _station(self, *, was_cut: bool) -> Station:
        points, limits = specs(self.settings)
        now_ms = self.clock.monotonic_ns() // 1_000_000
        engine = Engine(
            points,
            limits,
            boot=self.clock.boot,
            now_ms=now_ms,
            utc_offset_ms=self.clock.utc_ms() - now_ms,
            zone=ZoneInfo(self.settings.site.tz),
            saved=self.records.registers,
            saved_events=self.events.registers,
            power_cut=was_cut,
        )
        return Station(
            engine,
            self.clock,
            self.dating,
            save=self.writer.post,
            journal=self.writer.post,
            commit_s=self.settings.box.commit_s,
            blocked=self.supervisor.blocked,
            points_of_bus={bus.bus: bus.points for bus in self.buses},
            alarm_changed=self.outputs.follow,
            estimated=self._estimated_end,
        )

    def _announce(self, *, was_cut: bool) -> None:
        """Put the start, and an unclean end before it, first into the events log."""
        now_ms = self.clock.monotonic_ns() // 1_000_000
        entries = [Event("start", now_ms, "", {"version": product_version(), "boot": self.clock.boot})]
        if was_cut:
            entries.insert(0, Event("unclean_stop", now_ms, "", {"boot": self.clock.boot - 1}))
        self.writer.post(EventBatch(self.clock.boot, entries, {"running": True}))

    def _mqtt_link(self, mqtt: MqttSettings) -> MqttLink:
        points, limits = specs(self.settings)
        site, station = self.settings.site, self.station
        feed = Feed(
            box=self.settings.box.id,
            site=SiteFacts(name=site.name, tz=site.tz, lang=site.lang),
            records=self.records,
            events=self.events,
            dating=self.dating,
            clock=self.clock,
            post=station.post,
            points=lambda: points,
            limits=lambda: limits,
            snapshot=lambda: view.snapshot(station.engine),
            alarms=lambda: station.alarm_documents,
            facts=lambda: {"version": product_version(), "store": self.writer.degraded or "ok"},
            undated_wait_s=self.settings.box.undated_wait_s,
        )
        connection = PahoConnection(target(mqtt, self.settings.box.id))
        return MqttLink(mqtt, connection, feed, random.Random())  # noqa: S311 - spreads reconnects, guards nothing

    def _estimated_end(self, boot: int) -> ClockEntry | None:
        """Return when an earlier start that was never dated ended, at the latest: when the next dated one began.

        Its last entry is taken to lie just before that, so that nothing is dated later than it can have been.
        """
        following = next((entry for entry in self.dating.entries() if entry.boot > boot), None)
        last_ms = max(
            (self._last_instant_ms(log_, boot) for log_ in (self.records, self.events)),
            default=0,
        )
        return None if following is None else ClockEntry(boot, last_ms, following.utc_ms - 1000, "floor")

    @staticmethod
    def _last_instant_ms(log_: Log[Any], boot: int) -> int:
        seq, last_ms = log_.cursor("mqtt") + 1, 0
        while seq < log_.next_seq():
            chunk = log_.read(seq, 1000)
            if chunk.gap is not None:
                seq = chunk.gap.last + 1
                continue
            if not chunk.entries or chunk.boot > boot:
                break
            if chunk.boot == boot:
                entry = chunk.entries[-1]
                last_ms = entry.at_ms if isinstance(entry, Event) else entry.start_ms + entry.dt_ms
            seq = chunk.first + len(chunk.entries)
        return last_ms

    def _wire(self) -> None:
        """Give each worker its bell, in the order in which they end: sources first, links last."""
        for bus in self.buses:
            self.supervisor.add(bus, Bell())
        self.station.wake_by(self.supervisor.add(self.station, Bell()))
        self.writer.wake = self.supervisor.add(self.writer, Bell())
        for link in self.links.values():
            self.writer.on_commit.append(self.supervisor.add(link, Bell()))
        if self.demo is not None:
            self.supervisor.add(self.demo, Bell())

    # -- life

    def start(self) -> None:
        """Start all workers and the API."""
        self.supervisor.start()
        if self._api is not None:
            self._api.open()
            self._api_thread = threading.Thread(target=self._api.run, name="api", daemon=True)
            self._api_thread.start()
        log.info("box %s: %d points, start %d", self.settings.box.id, len(self.settings.points), self.clock.boot)

    def is_alive(self) -> bool:
        """Return whether the station turns and the writer answers: what the watchdog is fed for."""
        now_s = time.monotonic()
        return self.supervisor.turned(self.station.name, now_s, 60.0) and now_s - self.writer.answered_s < 60.0

    def stop(self, within_s: float = 2.0) -> list[str]:
        """End everything in order; return the names of workers that did not come back."""
        end_s = time.monotonic() + within_s
        if self._api is not None:
            self._api.close()
        left = self.supervisor.stop(
            within_s, before={name: self._last_word(name, end_s) for name in self._link_names()}
        )
        self.outputs.close()
        if self._api_thread is not None:
            self._api_thread.join(max(0.0, end_s - time.monotonic()))
        self.records.close()
        self.events.close()
        return left

    def _link_names(self) -> list[str]:
        return [link.name for link in self.links.values()]

    def _last_word(self, _name: str, end_s: float) -> Callable[[], None]:
        """Return what lets a link send and hear about the last batch before it ends, if there is time."""

        def wait() -> None:
            until_s = min(time.monotonic() + LAST_WORD_S, end_s - 0.3)
            pause = threading.Event()
            while (
                time.monotonic() < until_s
                and self.waiting()
                and any(link.status()["state"] == "up" for link in self.links.values())
            ):
                pause.wait(0.02)

        return wait

    def summary(self) -> str:
        """Return the figures of this run in one line, as JSON."""
        figures = {
            "readings": self.station.readings,
            "records": self.station.records_made,
            "kept": self.records.next_seq() - self.records.first_seq(),
            "next": self.records.next_seq(),
            "acknowledged": {link: self.records.cursor(link) for link in self.links},
            "waiting": self.waiting(),
        }
        return msgspec.json.encode(figures).decode()

    def waiting(self) -> int:
        """Return how many entries of both logs are not yet acknowledged by the links."""
        return sum(
            log_.next_seq() - 1 - log_.cursor(link) for log_ in (self.records, self.events) for link in self.links
        )
