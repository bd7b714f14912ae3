"""A box that is given other settings while it runs: each of its parts takes what concerns it."""

from __future__ import annotations

import errno
import queue
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from zoneinfo import ZoneInfo

from edge.core.engine import Engine
from edge.core.outputs import OutputList
from edge.core.replacing import Site
from edge.core.types import Event, EventBatch
from edge.links.mqtt import MqttLink
from edge.runtime.changing_buses import ChangingBuses
from edge.runtime.compared import compared
from edge.runtime.guests import other_guests
from edge.runtime.notebook_keeper import moment
from edge.runtime.signals import wiring
from edge.runtime.sms_box import sms_worker_of
from edge.runtime.sms_worker import SmsWorker
from edge.runtime.station import Question
from edge.runtime.supervisor import Bell
from edge.settings.alarm_rules import alarm_rules
from edge.settings.model import Settings
from edge.settings.model_sms import Recipient
from edge.settings.site_parts import site_parts
from edge.settings.specs import output_spec, specs

if TYPE_CHECKING:
    from edge.runtime.box import Box

T = TypeVar("T")

LINK_WITHIN_S: Final = 2.0
STATION_WITHIN_S: Final = 20.0
CARD_WITHIN_S: Final = 20.0
CARD_LOOK_S: Final = 0.5


class Changing:
    """What `edge.runtime.reloading` asks for, over a running box."""

    def __init__(self, box: Box) -> None:
        self.station_within_s = STATION_WITHIN_S
        self._box = box
        self.station = box.station
        self.clock = box.clock

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._box.settings

    @property
    def known_points(self) -> Mapping[str, tuple[str, str]]:
        """Kind and unit of each point that this start has had."""
        return self._box.history.known.settings

    def once(self, name: str, task: Callable[[], None]) -> bool:
        """Run a task on a thread of its own; return False while one of that name runs."""
        return self._box.supervisor.once(name, task)

    def ask(self, task: Callable[[Engine], T]) -> T:
        """Return what this gives on the station's thread, between two cycles. Raises what it raises.

        TimeoutError when the station does not come to it in time: it is not done later either, when whoever asked has
        gone back already.
        """
        answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()
        turn = threading.Lock()
        """Taken once: by the station that begins, or by us who no longer wait."""

        def answer(engine: Engine) -> tuple[T | None, Exception | None]:
            if not turn.acquire(blocking=False):
                return None, None
            try:
                return task(engine), None
            except Exception as exc:  # noqa: BLE001 - raised again by who waits
                return None, exc

        self.station.post(Question(answer, answers.put))
        try:
            found, exc = answers.get(timeout=self.station_within_s)
        except queue.Empty:
            if turn.acquire(blocking=False):
                raise TimeoutError(f"the station did not come to it within {self.station_within_s:.0f} s") from None
            found, exc = answers.get()  # it is at it
        if exc is not None:
            raise exc
        return cast("T", found)

    def await_durable(self) -> None:
        """Return once all that was posted to the card is on it. Raises OSError when it isn't in time."""
        done = threading.Event()
        self._box.writer.post(EventBatch(self.clock.boot, []), done.set)
        end_s = time.monotonic() + CARD_WITHIN_S
        while not done.wait(CARD_LOOK_S):
            if self._box.writer.trouble() is not None or time.monotonic() > end_s:
                why = "the card takes nothing, so these settings could not be taken back after a power cut"
                raise OSError(errno.EIO, why)

    def buses_for(self, after: Settings) -> ChangingBuses:
        """Return what of the buses changes; nothing is touched."""
        box = self._box
        guests = other_guests(box.guests, box.settings, after)
        return ChangingBuses(
            box.buses, box.settings, after, guests, lambda name: box.bus(after, name, box.records.registers, guests)
        )

    def site_for(self, after: Settings, reopened: set[str]) -> Site:
        """Return what the engine takes, tried on another engine. Raises whatever does not work."""
        box = self._box
        points, limits = specs(after)
        outputs = [output_spec(output) for output in after.outputs]
        parts = partial(site_parts, after)
        now_ms = self._now_ms()
        saved, saved_events = self.registers()
        Engine(
            points, limits, boot=box.clock.boot, now_ms=now_ms, utc_offset_ms=box.clock.utc_ms() - now_ms,
            zone=ZoneInfo(after.site.tz), saved=saved, saved_events=saved_events,
            outputs=OutputList(outputs, boot=box.clock.boot, now_ms=now_ms), parts=parts(saved, saved_events),
        )  # fmt: skip
        is_same = (points, limits) == specs(box.settings) and after.tables == box.settings.tables
        return Site(points, limits, outputs, None if is_same else parts, alarm_rules(after), reopened)

    def registers(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the registers of both logs as they are now."""
        return self._box.records.registers, self._box.events.registers

    def go_over(self, site: Site, after: Settings) -> None:
        """Let the outputs' pins and the engine change, on the station's thread."""
        box = self._box
        box.outputs.replace(after.outputs, after.buses)
        points_of_bus: dict[str, list[str]] = {name: [] for name in after.buses}
        for entry in after.points:
            points_of_bus[entry.point.bus].append(entry.point.id)
        self.station.replace(site, points_of_bus, self.registers, self._now_ms())
        self.station.commit_ms = round(after.box.commit_s * 1000)
        self.station.clock_keeper.undated_wait_s = after.box.undated_wait_s

    def take(self, after: Settings, buses: ChangingBuses, swap: Callable[[], None]) -> None:
        """Go over to other settings; `swap` lets the station do so, between old devices and new ones."""
        box, before = self._box, self._box.settings
        box.history.known.replace({spec.id: (spec.kind, spec.unit) for spec in specs(after)[0]})
        buses.close_old(box.supervisor, box.bus_bells)
        try:
            swap()
        except Exception:
            buses.go_back(box.supervisor, box.bus_bells)
            raise
        box.settings, box.guests = after, buses.guests
        box.buses[:] = buses.open_new(box.supervisor, box.bus_bells, self._memory)
        box.desk.settings = box.desk.past.settings = after
        if box.showing is not None:
            box.showing.settings = after
        if box.lamp is not None:
            box.lamp.ears.wiring = wiring(after)
        box.historian.keep(raw_days=after.history.raw_days, max_mb=after.history.max_mb)
        if self._is_other_link(before, after):
            self._exchange_link(after)

    def note_read(self) -> None:
        """Take note that the file says what is in force."""
        self._box.desk.settings_ms = self._now_ms()

    def tell(self, events: list[Event], after: Settings | None = None) -> None:
        """Put events into the journal; with other settings also what differs, and remember these."""
        box = self._box
        if after is None:
            box.writer.post(EventBatch(box.clock.boot, events))
            return
        author = str(events[0].values.get("author", "")) or "file"
        found = compared(box.stores.notebook, after, moment(box.clock), box.records.registers, author=author)
        batch = EventBatch(box.clock.boot, [*events, *found.events])
        box.writer.post(batch, lambda: box.keeper.accept(found))

    def _memory(self, bus: str) -> dict[str, str]:
        """Return what the devices of a bus remember, by the log."""
        prefix = f"device/{bus}/"
        registers = self._box.records.registers
        return {key[len(prefix) :]: state for key, state in registers.items() if key.startswith(prefix)}

    @staticmethod
    def _is_other_link(before: Settings, after: Settings) -> bool:
        told = [(each.links, each.site, each.box.undated_wait_s, each.of(Recipient)) for each in (before, after)]
        return told[0] != told[1]

    def _exchange_link(self, after: Settings) -> None:
        """Let another link take the place of this one: its settings changed, or what it tells of the site."""
        box = self._box
        for name, link in list(box.links.items()):
            other = self._other_link(name, after)
            if other is None:
                continue
            bell = Bell()
            box.link_bells[name] = bell.ring
            box.links[name] = other
            box.supervisor.exchange(link, other, bell, LINK_WITHIN_S)
            box.desk.links[name] = other.status

    def _other_link(self, name: str, after: Settings) -> MqttLink | SmsWorker | None:
        if name == "sms":
            sms = after.links.sms
            return None if sms is None else sms_worker_of(self._box, after, sms)
        return None if after.links.mqtt is None else self._box.mqtt_link(after, after.links.mqtt)

    def _now_ms(self) -> int:
        return self._box.clock.monotonic_ns() // 1_000_000
