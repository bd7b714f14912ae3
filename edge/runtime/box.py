"""A box put together: settings in, workers out, started and stopped in the order that loses nothing.

buses ─→ station ─→ writer ─→ logs ─→ links            each with a thread of its own
             └─→ local API (asks the station)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from edge.core.clock import Clock, ClockEntry, Dating
from edge.core.ports import Worker
from edge.links.messages import ClockWanted
from edge.links.mqtt import MqttLink
from edge.links.sms import POLL_S
from edge.runtime.announced import announce
from edge.runtime.bells import give_bells
from edge.runtime.bus import BusWorker
from edge.runtime.changing import Changing
from edge.runtime.clock import Machine, RealMachine
from edge.runtime.clock_start import dated_as, power_up, system_clock
from edge.runtime.desk import RunningBox, product_version
from edge.runtime.device import DeviceSpec
from edge.runtime.feed import card_facts, feed_of, store_facts
from edge.runtime.findings import REGISTER, Findings
from edge.runtime.guests import guests_of, showing_of
from edge.runtime.last_resort import LastResort, machine_uptime_s
from edge.runtime.life import Life
from edge.runtime.notebook_keeper import NotebookKeeper, moment
from edge.runtime.outputs import Outputs
from edge.runtime.parts import bus_of, engine_of, historian_of, mqtt_link_of, own_figures, own_handles
from edge.runtime.past import Past
from edge.runtime.reloading import Reloading
from edge.runtime.signals import status_lamp
from edge.runtime.sms_box import gammu, sms_worker_of
from edge.runtime.sms_worker import SmsWorker
from edge.runtime.station import Station
from edge.runtime.stores import LINKS, Stores
from edge.runtime.supervisor import Bell, Supervisor
from edge.runtime.undated import estimated_end
from edge.runtime.update_news import REGISTER as UPDATE_REGISTER
from edge.runtime.update_news import UpdateNews
from edge.settings.card_verdict import Verdict
from edge.settings.model import MqttLink as MqttSettings
from edge.settings.model import Settings
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.store.fs import Fs
from edge.store.history import CONSUMER
from edge.store.writer import Writer
from edge.web.api import ApiServer
from hal.host import Figure
from hal.sample import Cycle, Notice, Value
from sms.mailbox import Mailbox

ALIVE_WITHIN_S: Final = 60.0

log = logging.getLogger(__name__)


class Hardware(Worker, Protocol):
    """Simulated devices: a worker that moves them, and what the buses of these names get in place of real ones."""

    handles: dict[str, Any]

    def open_mailbox(self, sms: SmsSettings) -> Mailbox:
        """Return what the SMS link gets in place of a modem's."""


class Box:
    """The running service of one site."""

    mailbox_poll_s = POLL_S

    def __init__(  # noqa: PLR0913 - the seams by which a test or a demonstration takes the machine's place
        self,
        settings: Settings,
        state: Path,
        *,
        socket: Path | None = None,
        hardware: Callable[[Path], Hardware] | None = None,
        fs: Fs | None = None,
        clock: Callable[[int], Clock] | None = None,
        machine: Machine | None = None,
        config: Path | None = None,
        leds: Path | None = None,
        outputs: Outputs | None = None,
        card: Verdict | None = None,
    ) -> None:
        """Open the logs and put everything together; nothing runs yet. Raises OSError when the state can't be used.

        `hardware` makes simulated devices in a folder, `clock` the clock of a start; `machine` is what that goes by
        otherwise, `fs` the disk under the logs, `config` the file of the settings, for backups,
        `leds` the folder of the machine's LEDs, where one of them is to tell how the box is, `outputs` the site's
        outputs, opened already where they are real; `card` what came of the installer's file at this boot.
        """
        self.settings, self.card = settings, card
        self.outputs = outputs or Outputs(settings.outputs, settings.buses)
        if hardware is None and outputs is None:  # before what may take long: what ran last may have left a relay on
            self.outputs.open({})
        try:
            self.stores = Stores(settings, state, fs)
        except OSError:
            self.outputs.close()
            raise
        self.records, self.events = self.stores.records, self.stores.events
        self._hardware = hardware(state / "devices") if hardware else None
        boot = self.stores.boot
        self.dating = self.stores.dating()
        machine = machine or RealMachine()
        self._power_up = power_up(self.stores.recalled.events.get("power_up"), machine, boot)
        self.clock = clock(boot) if clock else system_clock(
            boot, machine, self.dating, (self.records, self.events),
            began=self._power_up, trust_clock=settings.box.trust_clock,
        )  # fmt: skip
        was_cut = self.stores.was_cut
        self.supervisor = Supervisor(self._journal_fault)
        self.link_bells: dict[str, Callable[[], None]] = {}
        self.bus_bells: dict[str, Callable[[], None]] = {}
        self.links: dict[str, MqttLink | SmsWorker] = {}
        self.writer = Writer(self.records, self.events, self.clock)
        simulated = self._hardware.handles if self._hardware else {}
        self._own: dict[str, Figure] = {}
        self._handles = handles = dict(simulated)
        self.showing = showing_of(self)
        self.guests: Mapping[str, Sequence[DeviceSpec]] = guests_of(settings, self.showing)
        recalled = self.stores.recalled.records
        self.buses = [self.bus(settings, name, recalled, self.guests) for name in settings.buses]
        if self._hardware is not None:
            self.outputs.open(handles)
        self.station = self._station(was_cut=was_cut)
        self.keeper = NotebookKeeper(
            self.stores.notebook, self.records, self.events, self.clock, self.dating,
            engine=self.station.engine,
        )  # fmt: skip
        self.findings = Findings(self.clock, self.writer.post, self.stores.recalled.events.get(REGISTER))
        self.history = self.stores.open_history(settings, self.dating)
        self.historian = historian_of(
            settings, self.history, self.clock, tell=self._post,
            want_clock=lambda boot: self.station.post(ClockWanted(CONSUMER, boot)),
        )  # fmt: skip
        self.historian.open()
        announce(self, self._power_up, was_cut=was_cut)
        if settings.links.mqtt is not None:
            self.links["mqtt"] = self.mqtt_link(settings, settings.links.mqtt)
        if settings.links.sms is not None:
            self.links["sms"] = sms_worker_of(self, settings, settings.links.sms)
        self.desk = RunningBox(
            settings,
            self.station,
            self.clock,
            self.dating,
            Past(settings, self.stores.notebook, self.history, degraded=lambda: self.keeper.degraded),
            logs={"records": self.records, "events": self.events},
            links={name: link.status for name, link in self.links.items()},
            buses=self.buses,
            degraded=self.writer.trouble,
            is_demo=hardware is not None,
        )
        self.desk.output_wire = self.outputs.explain
        self.reloading = Reloading(Changing(self), config)
        self._tell_desk(config)
        self.lamp = status_lamp(
            settings, self.station.engine, self.clock, leds=leds, handles=handles, links=self.links,
            is_kept=lambda: self.writer.trouble() is None and (card is None or card.is_kept),
            is_sound=lambda: not (self.keeper.degraded or self.history.degraded) and (card is None or card.is_sound),
        )  # fmt: skip
        give_bells(self, self._hardware)
        self._life = Life(
            self.supervisor, self.station, self.clock, self.writer, self.outputs, self.stores, self.links, self.waiting,
            api=None if socket is None else ApiServer(self.desk, socket),
            moves=None if self._hardware is None else self._hardware.name,
        )  # fmt: skip

    # -- putting together

    def _station(self, *, was_cut: bool) -> Station:
        station = Station(
            engine_of(self.settings, self.stores, self.clock, was_cut=was_cut),
            self.clock,
            self.dating,
            save=self.writer.post,
            journal=self.writer.post,
            commit_s=self.settings.box.commit_s,
            blocked=self.supervisor.blocked,
            points_of_bus={bus.bus: bus.points for bus in self.buses},
            alarm_changed=self._alarm_changed,
            estimated=self._estimated,
        )
        station.pins = self.outputs
        station.clock_keeper.undated_wait_s = self.settings.box.undated_wait_s
        return station

    def open_mailbox(self, sms: SmsSettings) -> Mailbox:
        """Return the mailbox of the SMS link: a simulated one beside simulated devices."""
        return gammu(sms) if self._hardware is None else self._hardware.open_mailbox(sms)

    def bus(
        self, settings: Settings, name: str, registers: Mapping[str, Any], guests: Mapping[str, Sequence[DeviceSpec]]
    ) -> BusWorker:
        """Return the worker of a bus of these settings, its devices with what the records' log remembers of them."""
        simulated = self._hardware.handles if self._hardware else {}
        self._own |= own_figures(settings, self.stores.boot, buses=lambda: self.buses, waiting=self.waiting)
        own = own_handles(settings, simulated, self._own)
        self._handles |= {name: own[name]} if name in own else {}
        return bus_of(
            settings, name, registers, self.clock, self._handles,
            post=self._take_in, offset_ms=lambda: self.station.engine.utc_offset_ms, guests=guests,
        )  # fmt: skip

    def mqtt_link(self, settings: Settings, mqtt: MqttSettings) -> MqttLink:
        """Return the link to a broker as these settings describe it and the site."""
        version = product_version()
        feed = feed_of(
            settings, self.station, self.clock, self.dating, records=self.records, events=self.events,
            facts=lambda: {
                "version": version, **store_facts(self.writer.trouble(), self.clock), **card_facts(self.card),
            },
        )  # fmt: skip
        return mqtt_link_of(settings, mqtt, feed)

    def _estimated(self, boot: int, dating: Dating) -> ClockEntry | None:
        """Return what dates a past start that never learned the time, None while nothing does."""
        same = dated_as(self.clock.boot, boot, dating, self._power_up)
        return same or estimated_end(boot, dating, (self.records, self.events))

    def _backup(self, config: Path | None) -> Any:
        """Return the backup as of now; called on the API's thread, which may read files."""
        from edge.runtime.backup import backup_of  # what writes TOML is loaded when somebody wants a backup

        return backup_of(
            self.records, self.events, self.stores.notebook, moment(self.clock), config,
            box=self.settings.box.id, site=self.settings.site.name, outputs=self.keeper.outputs(),
        )  # fmt: skip

    def _take_in(self, cycle: Cycle) -> None:
        """Hand what a bus says to the station, and let the lamp hear it."""
        self.station.post(cycle)
        if self.lamp is not None:
            self.lamp.hear(cycle)

    def _journal_fault(self, worker: str, exc: Exception) -> None:
        """Make an event of a worker's failure: a bug is seen upstream, not only in the log of the machine."""
        values: dict[str, Value] = {"worker": worker, "text": f"{type(exc).__name__}: {exc}"}
        self.station.post(Notice("fault", self.clock.monotonic_ns(), values))

    def _post(self, kind: str, words: dict[str, Value]) -> None:
        """Make an event of what a store found or went through."""
        self.station.post(Notice(kind, self.clock.monotonic_ns(), words))

    def _alarm_changed(self, _limit: str, _active: bool) -> None:  # noqa: FBT001 - the station's callback
        """Wake the links: an alarm leaves at once, also while no log commits."""
        self.ring_links()

    def ring_links(self) -> None:
        """Wake the links: there may be something to send."""
        for ring in list(self.link_bells.values()):
            ring()

    def _tell_desk(self, config: Path | None) -> None:
        """Give the local API what it tells beside the station."""
        self.desk.history_status = self.history.status
        self.desk.backup = lambda: self._backup(config)
        self.desk.config = config
        self.desk.reload = lambda: self.reloading.report

    def reboot_by(self, ask: Callable[[], None]) -> None:
        """Let this ask for a reboot of the machine when the card can't be written for hours. To be called once."""
        tell = partial(self._post, "reboot_wanted")
        self.supervisor.add(LastResort(self.writer.trouble, uptime_s=machine_uptime_s, ask=ask, tell=tell), Bell())

    def tell_updates_of(self, published: Callable[[], Mapping[str, Any] | None]) -> None:
        """Make events of what becomes of updates, as root publishes it. To be called once, on a card's system."""
        told = self.stores.recalled.events.get(UPDATE_REGISTER)
        self.supervisor.add(UpdateNews(published, self.clock, self.writer.post, told), Bell())

    # -- life

    def start(self) -> None:
        """Start all workers and the API. Raises OSError when the API's socket can't be had; nothing runs then."""
        self._life.start()
        log.info("box %s: %d points, start %d", self.settings.box.id, len(self.settings.points), self.clock.boot)

    def is_alive(self, within_s: float = ALIVE_WITHIN_S) -> bool:
        """Return whether the station turns and the writer answers: what the watchdog is fed for."""
        return self._life.is_alive(within_s)

    def stop(self, within_s: float = 2.0, patience_s: float = 0.0) -> list[str]:
        """End everything in order, a slow card's writer with patience; return who did not come back."""
        return self._life.stop(within_s, patience_s)

    def summary(self) -> str:
        """Return the figures of this run in one line, as JSON."""
        figures = {
            "readings": self.station.readings,
            "records": self.station.records_made,
            "kept": self.records.next_seq() - self.records.first_seq(),
            "next": self.records.next_seq(),
            "acknowledged": {link: self.records.cursor(link) for link in self.links if link in LINKS["records"]},
            "waiting": self.waiting(),
        }
        return msgspec.json.encode(figures).decode()

    def waiting(self) -> int:
        """Return how many entries of both logs are not yet acknowledged by the links that send them all."""
        return self.stores.waiting(self.links)
