"""A box's SMS link with its gateway in virtual time: the real link, queue and files; history and station made up."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from edge.core.batch_points import SiteFacts
from edge.core.calendar import bounds_ms
from edge.core.clock import ClockEntry, Dating
from edge.core.commands import Command, Result
from edge.core.ports import Chunk
from edge.core.series import HistoryGap, HistoryRecord, JournalLine, Period, PeriodLength, PointInfo
from edge.core.text import Text
from edge.core.types import Event, PointSpec, Record
from edge.links.retained import Feed
from edge.links.sms import SmsLink
from edge.links.sms_account import Budget
from edge.links.sms_queue import Queue
from edge.links.sms_sealing import Pairing
from edge.links.sms_sync import Sync
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.sim.loop import Loop, VirtualClock
from edge.sim.sms_air import Air
from edge.sim.sms_gateway import SimGateway
from edge.store.fs_memory import MemoryFs
from edge.store.kept_file import KeptFile
from hal.sample import Notice
from sms.keys import Identity
from sms.memory_mailbox import MemoryMailbox
from sms.session import Session

PARIS = ZoneInfo("Europe/Paris")
BEGIN_MS = 1_795_132_800_000  # 2026-11-20T00:00Z
HOUR_MS = 3_600_000
DAY_S = 86_400.0
POINTS = (
    PointSpec("tic.base", "counter", "Wh"),
    PointSpec("water", "counter", "l"),
    PointSpec("tic.papp", "gauge", "VA"),
    PointSpec("t.flow", "gauge", "Cel"),
    PointSpec("door", "state", words=("shut", "open")),
    PointSpec("tic.meter", "text"),
)


class Past:
    """A HistoryReader of a box that measures by the hour since BEGIN_MS; `holes`: hours (from 0) without a value.

    `dark`: the same of one point.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.holes: set[int] = set()
        self.dark: set[tuple[str, int]] = set()
        self.jumps: dict[int, int] = {}
        """By how much a person set the index of tic.base, by the hour."""
        self.trouble = ""

    def period(self, point: str, t_ms: int, end_ms: int) -> Period | None:
        """Return what was measured: smooth, a little different each hour; the same each time."""
        if self.trouble:
            raise OSError(5, self.trouble)
        hour = (t_ms - BEGIN_MS) // HOUR_MS
        if t_ms < BEGIN_MS or end_ms > self._clock.utc_ms():
            return None
        if hour in self.holes or (point, hour) in self.dark:
            return Period(t_ms, end_ms, records=1, bad_ms=end_ms - t_ms)
        noise = random.Random(f"{point}{hour}").random()
        if point in {"tic.base", "water"}:
            rate = 700.0 if point == "tic.base" else 23.0
            last = 120_000 + rate * (hour + noise)
            if point == "tic.base":
                last += sum(by for at, by in self.jumps.items() if at <= hour)
            return Period(t_ms, end_ms, 1, end_ms - t_ms, last=last)
        mean = (700 if point == "tic.papp" else 60) * (1 + 0.2 * math.sin(hour / 4)) + noise
        if point == "door":
            return Period(t_ms, end_ms, 1, end_ms - t_ms, last=int(noise > 0.9))
        return Period(t_ms, end_ms, 1, end_ms - t_ms, mean=mean, low=mean - 2 * noise, high=mean + 3 * noise)

    def periods(self, point: str, length: PeriodLength, from_ms: int, to_ms: int) -> list[Period]:
        if point == "tic.meter":
            raise KeyError(point)
        found, at_ms = [], from_ms
        while at_ms < to_ms:
            begin_ms, end_ms = bounds_ms(at_ms, length, PARIS)
            period = self.period(point, begin_ms, end_ms) if begin_ms >= from_ms else None
            found += [] if period is None else [period]
            at_ms = end_ms
        return found

    def records(self, point: str, from_ms: int, to_ms: int, limit: int) -> list[HistoryRecord]:
        first = from_ms + -from_ms % 60_000
        upto = min(to_ms, self._clock.utc_ms() - 60_000)
        return [
            HistoryRecord(t_ms, 60_000, 120_000 + t_ms // 60_000 % 10_000 if point == "water" else 20.5)
            for t_ms in range(first, upto, 60_000)
        ][:limit]

    def points(self) -> list[PointInfo]:
        return []

    def gaps(self, from_ms: int, to_ms: int) -> list[HistoryGap]:
        return []

    def journal(self, before: int | None, limit: int, kinds: frozenset[str] = frozenset()) -> list[JournalLine]:
        return []


class MemoryLog:
    """A Reader of events in RAM."""

    stream = "0e0e0e0e"

    def __init__(self) -> None:
        self.entries: list[Event] = []
        self.acknowledged = 0

    def first_seq(self) -> int:
        return 1

    def next_seq(self) -> int:
        return len(self.entries) + 1

    def read(self, seq: int, limit: int) -> Chunk[Event]:
        return Chunk(seq, 1, self.entries[seq - 1 : seq - 1 + limit])

    def cursor(self, consumer: str) -> int:
        return 0

    def acknowledge(self, consumer: str, seq: int) -> None:
        self.acknowledged = seq


class FakeOffice:
    """A station that carries out what it is told, once an id."""

    def __init__(self) -> None:
        self.done: list[Command] = []
        self.is_busy = False

    def order(self, command: Command, reply: Callable[[Result], None]) -> None:
        if self.is_busy:
            return
        if command.id not in {known.id for known in self.done}:
            self.done.append(command)
        reply(Result(command.id, True, Text("plain", {"text": f"{command.verb} done"})))

    def ask(self, view: str, reply: Callable[[Any], None]) -> None:
        reply([])


class NoRecords:
    """A Reader without entries."""

    stream = "0d0d0d0d"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


class Rig:
    """One box, its modem, the air and a gateway."""

    def __init__(
        self,
        settings: SmsSettings | None = None,
        *,
        points: Sequence[PointSpec] = POINTS,
        seed: int = 1,
        loss: float = 0.0,
        double: float = 0.0,
        transit_s: tuple[float, float] = (2.0, 20.0),
        pumps: bool = True,
        poll_s: float = 60.0,
    ) -> None:
        self.poll_s = poll_s
        self.clock = VirtualClock(BEGIN_MS + 600_000, boot=1)
        self.loop = Loop(self.clock)
        self.disk = MemoryFs()
        self.past = Past(self.clock)
        self.events = MemoryLog()
        self.office = FakeOffice()
        self.dating = Dating()
        self.dating.add(ClockEntry(1, 0, self.clock.utc_ms() - self.clock.now_ns // 1_000_000, "ntp"))
        self.gateway = SimGateway()
        self.points = points
        self.settings = SmsSettings(
            gateway="+33600000100", gateway_key=self.gateway.own.text, plan="hourly", per_day=60, per_month=1000
        )  # fmt: skip
        if settings is not None:
            self.settings = settings.__class__(
                **{name: getattr(settings, name) for name in settings.__struct_fields__}
                | {"gateway": "+33600000100", "gateway_key": self.gateway.own.text}
            )
        self.silent_s: float | None = None
        self.network_is_up = True
        self.posted: list[Any] = []
        self.mailbox = MemoryMailbox(lambda: self.clock.utc_ms() / 1000)
        self.air = Air(
            self.clock, self.mailbox, self.gateway, random.Random(seed), loss=loss, double=double, transit_s=transit_s,
            is_up=lambda: self.network_is_up,
        )  # fmt: skip
        self.mailbox.news = self.loop.add(self.air) if pumps else lambda: None
        self.start()

    def start(self) -> None:
        """Start, or start again after a kill: only what is on the disk is left."""
        feed = Feed(
            box="b0117", site=SiteFacts(name="Test", tz="Europe/Paris", lang="en"), records=NoRecords(),
            events=self.events, dating=self.dating, clock=self.clock, post=self.posted.append,
            points=lambda: self.points,
        )  # fmt: skip
        kept = KeptFile(self.disk, "sms/gateway", "vigie-sms-gateway")
        kept.load()
        self.queue = Queue(
            self.mailbox, Budget(self.settings.per_day, self.settings.per_month), clock=self.clock, zone=PARIS,
            kept=KeptFile(self.disk, "sms/queue", "vigie-sms-queue"), say=self.say,
        )  # fmt: skip
        identity = Identity.kept(KeptFile(self.disk, "sms/identity", "vigie-sms-identity"))
        self.sync = Sync(
            self.settings, feed, self.past, pairing=Pairing(identity, kept, kept.is_older), outlet=self.queue,
            office=self.office, zone=PARIS, mqtt_silent_s=lambda: self.silent_s,
        )  # fmt: skip
        self.link = SmsLink(
            self.settings, self.mailbox, self.queue, [self.sync], clock=self.clock, say=self.say, poll_s=self.poll_s,
            speaking=self.sync,
        )  # fmt: skip
        self.wake = self.loop.add(self.link)

    def kill(self) -> None:
        """End the link as a power cut does: nothing is said or written, and it is not stepped any more."""
        place = self.loop._workers.index(self.link)
        self.loop._retired.add(place)
        self.loop._due_s[place] = math.inf

    def say(self, kind: str, **values: Any) -> None:
        self.posted.append(Notice(kind, self.clock.monotonic_ns(), values))

    def run(self, seconds: float) -> None:
        self.loop.run_until(self.clock.now_ns / 1e9 + seconds)

    def happen(self, event: str, point: str = "", **values: Any) -> None:
        """Let an event be durable in the log."""
        self.events.entries.append(Event(event, self.clock.now_ns // 1_000_000, point, values))
        self.wake()

    def kinds(self) -> list[str]:
        return [notice.kind for notice in self.posted if isinstance(notice, Notice)]

    def expected(self, from_hour: int, to_hour: int) -> int:
        """Return how many hours of the range have values."""
        return sum(hour not in self.past.holes for hour in range(from_hour, to_hour))


def twin(rig: Rig) -> SimGateway:
    """Return a gateway that has taken what the rig's has, and goes on by itself."""
    own, session = rig.gateway, rig.gateway.session
    assert session is not None
    other = SimGateway()
    other.own, other.schemas, other.reports = own.own, dict(own.schemas), list(own.reports)
    other._seen = set(own._seen)
    other.session = Session("gateway", own.own, rig.sync._identity.public, "b0117", session.saved(), lambda _: None)
    return other


def hours_of(rig: Rig, what: tuple[str, str] = ("tic.base", "index")) -> list[int]:
    """Return the hours from BEGIN_MS of which the gateway has this value."""
    return sorted(
        (t_s * 1000 - BEGIN_MS) // HOUR_MS for point, kind, t_s in rig.gateway.values() if (point, kind) == what
    )


__all__ = ["BEGIN_MS", "DAY_S", "HOUR_MS", "POINTS", "Record", "Rig", "hours_of", "twin"]
