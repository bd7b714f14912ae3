"""A whole box that is reached by SMS alone, in virtual time: its engine, station, logs, history and SMS link.

The phones and the gateway are at the other end of a mailbox in RAM. `restart` is the next start after a kill: what the
logs and the link's files hold is still there, the rest is gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from edge.core.clock import DATED_FROM, TRUST, Dating
from edge.core.commands import Command, Result
from edge.core.engine import Engine
from edge.core.outputs import OutputList
from edge.core.reply_codes import SECRET_OCTETS
from edge.core.report import Length, Report
from edge.core.types import Event, Record
from edge.links.sms_ports import Member
from edge.links.sms_queue import Queue
from edge.runtime.feed import feed_of
from edge.runtime.office import StationOffice
from edge.runtime.outputs import Outputs
from edge.runtime.recalled import recalled
from edge.runtime.reporting import report
from edge.runtime.sms_parts import Upstream, sms_link_of
from edge.runtime.station import Station
from edge.runtime.texted import box_facts, desk_of
from edge.runtime.texting import people_of
from edge.settings.alarm_rules import alarm_rules
from edge.settings.load import loads
from edge.settings.site_parts import site_parts
from edge.settings.specs import output_specs, specs
from edge.sim.desk import SimDesk
from edge.sim.loop import Loop, VirtualClock
from edge.sim.simulation import Simulation
from edge.sim.sms_gateway import SimGateway
from edge.store.fs_memory import MemoryFs
from edge.store.historian import Historian
from edge.store.history import CONSUMER, History
from edge.store.log import Log
from edge.store.writer import Writer
from hal.fake.gpio import FakeGpio
from hal.sample import Notice
from sms.memory_mailbox import MemoryMailbox
from tests.orders_rig import HEAD
from tests.sim.clock_world import StagedClock
from tests.sms_channel_workers import GATEWAY, Network, Reading
from tests.sms_desk_rig import BOSS, CARE, GUEST, SITE

STRANGER: Final = "+33600000666"
PEOPLE: Final = f"""\
[[recipient]]
id = "boss"
number = "{BOSS}"
lang = "en"
right = "configure"
alarms = false
life = false
[[recipient]]
id = "gardien"
name = "Gardien"
number = "{CARE}"
lang = "fr"
daily = true
life = false
[[recipient]]
id = "guest"
number = "{GUEST}"
lang = "en"
right = "read"
alarms = false
life = false
"""
LINK: Final = "[link.sms]\nper_day = 200\nper_month = 3000\nprice = 0.06\n"
READS_S: Final = 10.0


class Phoned:
    """One start of the box. `values`: what its points read next; None: no answer; a point not in it is not read."""

    def __init__(
        self, more: str = "", *, link: str = LINK, people: str = PEOPLE, at: str = "2026-11-20 10:00", boot: int = 1,
        before: Phoned | None = None, folder: Path | None = None, reads_s: float = READS_S, poll_s: float = 5.0,
        site: str = HEAD + SITE, clock: StagedClock | None = None,
    ) -> None:  # fmt: skip
        """`folder`: where a history is kept; `clock`: the box's, where it does not know the time by itself."""
        self.toml = site + link + people + more if before is None else before.toml
        self.settings = settings = loads(self.toml)
        self.zone = ZoneInfo(settings.site.tz)
        utc_ms = round(datetime.fromisoformat(at).replace(tzinfo=self.zone).timestamp() * 1000)
        now_ms = utc_ms if before is None else before.clock.utc_ms() + 60_000
        self.clock = clock or VirtualClock(now_ms, boot)
        self.loop = Loop(cast("VirtualClock", self.clock))  # both have `now_ns`, which it moves
        self.reads_s = reads_s if before is None else before.reads_s
        self.poll_s = poll_s if before is None else before.poll_s
        self.folder = folder if before is None else before.folder
        self.disk = MemoryFs() if before is None else before.disk
        self.dating = Dating() if before is None else before.dating
        self.values: dict[str, float | None] = {} if before is None else before.values
        self.mailbox = MemoryMailbox(lambda: self.clock.utc_ms() / 1000) if before is None else before.mailbox
        self.gateway = SimGateway() if before is None else before.gateway
        self.texts: list[tuple[str, str]] = [] if before is None else before.texts
        """What arrived, by number."""
        consumers = ["sms", "people", *([CONSUMER] if self.folder else [])]
        self.records: Log[Record] = Log(self.disk, "records", "records", 4 << 20, consumers=consumers)
        self.events: Log[Event] = Log(self.disk, "events", "events", 4 << 20, consumers=consumers)
        self.writer = Writer(self.records, self.events)
        self.board = FakeGpio() if before is None else before.board
        self.station = self._station(boot)
        self.history: History | None = None
        self._link()

    def _station(self, boot: int) -> Station:
        kept = recalled(self.records, self.events, None)
        points, limits = specs(self.settings)
        now_ms = self.clock.now_ns // 1_000_000
        offset_ms = self.clock.utc_ms() - now_ms
        outputs = OutputList(
            output_specs(self.settings), boot=boot, now_ms=now_ms, saved=kept.events.get("outputs"),
            utc_of=self.dating.utc_ms, utc_offset_ms=offset_ms,
        )  # fmt: skip
        self.engine = Engine(
            points, limits, boot=boot, now_ms=now_ms, zone=self.zone, utc_offset_ms=offset_ms, saved=kept.records,
            saved_events=kept.events, outputs=outputs, parts=site_parts(self.settings, kept.records, kept.events),
            alarm_rules=alarm_rules(self.settings), is_dated=TRUST.index(self.clock.trust()) >= DATED_FROM,
        )  # fmt: skip
        self.engine.commands.random_below = Random(boot).randrange
        station = Station(
            self.engine, self.clock, self.dating, save=self.writer.post, journal=self.writer.post, commit_s=10
        )
        pins = Outputs(self.settings.outputs)
        pins.open({"gpio": self.board.factory})
        station.pins = self.pins = pins
        return station

    def _link(self) -> None:
        sms = self.settings.links.sms
        assert sms is not None
        feed = feed_of(self.settings, self.station, self.clock, self.dating, records=self.records, events=self.events)
        self._office = office = StationOffice(self.station.post, self.clock, self.dating)
        if self.folder is not None:
            points = {spec.id: (spec.kind, spec.unit) for spec in self.station.described.points}
            self.history = History(
                self.folder, self.records, self.events, self.dating, zone=self.zone, points=points,
                boot=self.clock.boot,
            )  # fmt: skip
        self.link = sms_link_of(
            self.settings, sms, Upstream(feed, cast("History", self.history), office, lambda: None),
            mailbox=self.mailbox, fs=self.disk, poll_s=self.poll_s, others=self._members,
        )  # fmt: skip
        self.loop.add(Reading(self))
        self.station.wake_by(self.loop.add(self.station))
        self.writer.wake = self.loop.add(self.writer)
        if self.history is not None:
            self.loop.add(Historian(self.history, self.clock, raw_days=400, max_mb=64))
        office.wake = wake = self.loop.add(self.link)
        self.writer.on_commit.append(wake)
        self.mailbox.news = self.loop.add(Network(self))

    def _members(self, queue: Queue) -> Sequence[Member]:
        feed = feed_of(self.settings, self.station, self.clock, self.dating, records=self.records, events=self.events)
        secret = bytes(SECRET_OCTETS)

        def say(kind: str, **values: Any) -> None:
            self.station.post(Notice(kind, self.clock.monotonic_ns(), {"link": "sms"} | values))

        people = people_of(self.settings, feed, queue, say=say, secret=secret, report=self.report)
        desk = desk_of(
            self.settings, self._office, queue, clock=self.clock, say=say, secret=secret, report=self.report,
            facts=lambda: box_facts(self.link.status(), clock=self.clock, version="1.0.3", started_ms=0),
        )  # fmt: skip
        return [people, desk]

    def report(self, length: Length, day: date) -> Report:
        """Return a report, as the running box makes it."""
        return report(SimDesk(cast("Simulation", self)), length, day)

    # -- life

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.run_until(self.clock.now_ns / 1e9 + seconds)

    def until(self, at: str) -> None:
        """Let time pass until this local time."""
        utc_ms = round(datetime.fromisoformat(at).replace(tzinfo=self.zone).timestamp() * 1000)
        self.run((utc_ms - self.clock.utc_ms()) / 1000)

    def read(self, seconds: float = 60.0, **values: float | None) -> None:
        """Let points read this from now on; "_" in a name stands for a full stop."""
        self.values |= {name.replace("_", "."): value for name, value in values.items()}
        self.run(seconds)

    def restart(self) -> Phoned:
        """Return the next start, a minute after a kill."""
        self.close()
        self.records.close()
        self.events.close()
        return Phoned(boot=self.clock.boot + 1, before=self)

    def close(self) -> None:
        """Give back what the test must give back."""
        self.pins.close()
        if self.history is not None:
            self.history.file.close()

    def local(self, verb: str, **args: Any) -> Result:
        """Give an order at the box."""
        results: list[Result] = []
        self._office.order(Command(f"{verb} {self.clock.now_ns}", verb, args, "anna", "local"), results.append)
        self.run(30)
        return results[0]

    # -- the phones

    def text(self, text: str, number: str = BOSS) -> str:
        """Send a text from a phone; return the one that comes back, empty where none does."""
        before = len(self.texts)
        self.mailbox.bring(number, text)
        self.run(max(30.0, 3 * self.poll_s))
        answers = [said for to, said in self.texts[before:] if to == number]
        assert len(answers) <= 1, answers
        assert not self.mailbox.inbox
        return answers[0] if answers else ""

    def order(self, text: str, number: str = BOSS) -> str:
        """Send an order and then its code; return the answer to that."""
        proposed = self.text(text, number)
        found = re.search(r"(YES|OUI) [2-9A-Z]{4}", proposed)
        assert found, proposed
        return self.text(found[0], number)

    def told(self, number: str = CARE) -> list[str]:
        """Return what a phone has received so far."""
        return [text for to, text in self.texts if to == number]

    # -- what the box kept

    def journal(self, *kinds: str) -> list[Mapping[str, Any]]:
        """Return the values of all durable events of these kinds."""
        return [event.values for event in self.all_events() if event.kind in kinds]

    def all_events(self) -> list[Event]:
        """Return all durable events."""
        seq, found = self.events.first_seq(), list[Event]()
        while seq < self.events.next_seq():
            entries = self.events.read(seq, 1000).entries
            found += entries
            seq += len(entries)
        return found

    def commands(self, verb: str) -> list[Mapping[str, Any]]:
        """Return the orders of a verb as the journal has them."""
        return [values for values in self.journal("command") if values["verb"] == verb]


__all__ = ["GATEWAY", "PEOPLE", "STRANGER", "Phoned"]
