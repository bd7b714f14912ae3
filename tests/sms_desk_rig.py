"""A site that is texted: station, office and desk in virtual time, and a queue that keeps what is offered to it.

`restart` is the next start after a kill: what the station made durable and what the queue took is still there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from edge.core.alarm_view import AlarmView
from edge.core.clock import Dating
from edge.core.report import Length, Report
from edge.core.setpoint import Setpoints
from edge.core.types import EventBatch, RecordBatch
from edge.links.sms_desk import Desk
from edge.links.sms_ports import Fate, Purpose, Wanted
from edge.runtime.office import StationOffice
from edge.runtime.station import Station
from edge.settings.model_sms import Recipient
from edge.settings.sms_answers import BoxFacts
from edge.settings.sms_speech import Speech
from hal.sample import BAD, GOOD, Cycle, Sample
from sms.gsm7 import septets
from sms.mailbox import Received
from tests.orders_rig import HEAD, Site
from tests.support import ManualClock

SITE = """\
[[point]]
id = "water.cold"
name = { en = "Cold water", fr = "Eau froide" }
bus = "gpio"
driver = "pulse"
pin = 17
weight = 1
weight_unit = "l"
unit = "m3"
[[limit]]
id = "hall.hot"
point = "hall.t"
kind = "high"
value = 40
[[limit]]
id = "hall.cold"
point = "hall.t"
kind = "low"
value = 4
[[setpoint]]
id = "hall.wanted"
unit = "Cel"
min = 5
max = 25
initial = 19
[[equipment]]
id = "boiler1"
name = { en = "Boiler 1", fr = "Chaudière 1" }
[[tariff]]
id = "water"
name = { en = "Water", fr = "Eau" }
valid_from = 2026-02-01
currency = "EUR"
unit = "m3"
prices = { base = 4.26 }
points = { base = "water.cold" }
"""
BOSS, CARE, GUEST = "+33600000001", "+33600000002", "+33600000003"
PEOPLE = (
    Recipient(id="boss", number=BOSS, lang="en", right="configure"),
    Recipient(id="gardien", number=CARE, lang="fr", right="operate"),
    Recipient(id="guest", number=GUEST, lang="en", right="read"),
)
UTC_MS = 1_795_166_000_000


def no_report(_length: Length, _day: date) -> Report:
    """Report of a box without history."""
    raise LookupError("no history is kept")


class KeepingOutlet:
    """The queue: hands everything over at the next step, and knows what it handed over."""

    def __init__(self, budget: int = 10**6) -> None:
        self.sent: list[Wanted] = []
        self.budget = budget
        self._keys: set[str] = set()
        self._news: list[Callable[[], None]] = []

    def offer(self, wanted: Wanted, told: Callable[[str, Fate], None] | None = None) -> None:
        if wanted.key not in self._keys:
            self._keys.add(wanted.key)
            self.sent.append(wanted)
            self.budget -= 1
        if told is not None:
            self._news.append(lambda: told(wanted.key, "handed"))

    def room(self, _purpose: Purpose) -> int:
        return self.budget

    def step(self) -> None:
        news, self._news = self._news, []
        for tell in news:
            tell()


class Texted:
    """One start of the box."""

    def __init__(
        self, toml: str = SITE, *, frames: list[dict[str, Any]] | None = None, outlet: KeepingOutlet | None = None,
        people: Sequence[Recipient] = PEOPLE, boot: int = 1,
    ) -> None:  # fmt: skip
        self.clock = ManualClock(UTC_MS, boot=boot)
        self.site = Site(HEAD + toml if "[box]" in toml else toml, head="" if "[box]" in toml else HEAD, boot=boot,
                         frames=frames)  # fmt: skip
        self.engine = self.site.engine
        self.engine.commands.random_below = Random(boot).randrange
        self.outlet = outlet or KeepingOutlet()
        self.people = people
        self.frames = self.site.frames
        self.waiting: list[Callable[[], None]] = []
        self.journal: list[tuple[str, Any]] = []
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.station = Station(self.engine, self.clock, Dating(), save=self._save, journal=self._journal, commit_s=10)
        self.office = StationOffice(self.station.post, self.clock, Dating())
        self.facts = BoxFacts(
            "1.0.3", 7, 1_047_600, "gsm", 2, 0, UTC_MS, 17, 70, "Orange F", 3, 12, 61, 90, 3.66, "EUR"
        )
        self.desk = Desk(
            people, self.office, self.outlet, Speech("en", "b0042", "Gymnase Sud", ZoneInfo("Europe/Paris")),
            clock=self.clock, say=self._say, codes=self._codes, report=self._report, facts=lambda: self.facts,
        )  # fmt: skip
        self.report: Callable[[Length, date], Report] = no_report
        self.mailbox: list[Received] = []
        self.count = 0
        self.temperature(20.0)

    def restart(self) -> Texted:
        """Return the next start after a kill; the messages that were not dealt with lie in the mailbox still."""
        again = Texted(self.site.toml, frames=self.frames, outlet=self.outlet, people=self.people,
                       boot=self.clock.boot + 1)  # fmt: skip
        again.mailbox, again.count = self.mailbox, self.count
        again.journal = self.journal
        return again

    # -- what the desk is given

    def _save(self, _batch: RecordBatch) -> None:
        pass

    def _journal(self, batch: EventBatch, durable: Callable[[], None] | None) -> None:

        def written() -> None:
            self.journal += [(event.kind, event.values) for event in batch.entries]
            if batch.registers:
                self.frames.append(batch.registers)
            if durable is not None:
                durable()

        self.waiting.append(written)

    def _say(self, kind: str, **values: Any) -> None:
        self.lines.append((kind, values))

    def _codes(self, who: str, code: str, views: Sequence[AlarmView]) -> Sequence[int] | None:
        found = [view.number for view in views if self.code(who, view.number) == code]
        return found or None

    @staticmethod
    def code(who: str, number: int) -> str:
        return f"{who[0].upper()}{number:03}"

    def _report(self, length: Length, day: date) -> Report:
        return self.report(length, day)

    # -- life

    def temperature(self, value: float | None, point: str = "hall.t") -> None:
        sample = Sample(
            point, self.clock.now_ns, value, BAD if value is None else GOOD, "" if value is not None else "no_answer"
        )
        self.station.post(Cycle("w1", self.clock.now_ns, [sample]))
        self.step()

    def step(self, seconds: float = 0.01, *, writes: bool = True) -> None:
        """Let everybody do a step: the desk, the station, the writer, the link."""
        self.clock.advance(seconds)
        now_s = self.clock.now_ns / 1e9
        self.office.step()
        self.mailbox = [message for message in self.mailbox if self.desk.take(message, now_s) is not True]
        self.desk.step(now_s)
        self.station.step(now_s)
        if writes:
            durable, self.waiting = self.waiting, []
            for done in durable:
                done()
        self.outlet.step()

    def come(self, text: str, number: str = BOSS, *, id_: str = "", stamp: int | None = None) -> None:
        """Let a text lie in the mailbox."""
        self.count += 1
        stamped = UTC_MS // 1000 + self.count if stamp is None else stamp
        self.mailbox.append(Received(id_ or str(self.count), number, text, b"", stamped))

    def settle(self, steps: int = 40) -> None:
        while self.mailbox and steps:
            self.step()
            steps -= 1

    def text(self, text: str, number: str = BOSS) -> str:
        """Return the one answer to a text; empty: there was none. Fails when there were several, or to another."""
        before = len(self.outlet.sent)
        self.come(text, number)
        self.settle()
        answers = self.outlet.sent[before:]
        assert not self.mailbox, "dealt with"
        assert len(answers) <= 1
        for answer in answers:
            assert answer.number == number
            assert answer.purpose == "answer"
            assert septets(answer.text) <= 160
        return answers[0].text if answers else ""

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        return [values for known, values in self.lines if known == kind]

    def orders(self, verb: str) -> list[bool]:
        """Return of each order of this verb in the journal whether it was done."""
        return [values["done"] for kind, values in self.journal if kind == "command" and values["verb"] == verb]

    def wanted(self) -> float:
        """The setpoint."""
        return float(self.engine.part(Setpoints).shown("hall.wanted"))
