"""Boxes that text and their gateway, in virtual time over one simulated network: only what was measured is made up.

Each modem sends and receives one message at a time; how long a message had to wait for that is counted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from edge.core.batch_points import SiteFacts
from edge.core.clock import ClockEntry, Dating
from edge.core.types import NEVER, Event, PointSpec
from edge.links.modem_hands import FileHands
from edge.links.retained import Feed
from edge.links.sms import SmsLink
from edge.links.sms_account import Budget
from edge.links.sms_queue import Queue
from edge.links.sms_sealing import Pairing
from edge.links.sms_sync import Sync
from edge.links.sms_watch import SmsWatch
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.sim.loop import Loop, VirtualClock
from edge.store.fs_memory import MemoryFs
from edge.store.kept_file import KeptFile
from edge.upstream.gateway import Gateway
from edge.upstream.gateway_admin import accept
from edge.upstream.gateway_ledger import LedgerConsumer
from edge.upstream.gateway_store import GatewayStore
from edge.upstream.ledger import Ledger
from hal.fake.modem_network import Network
from hal.fake.modem_pdu import Content
from hal.sample import Notice
from sms.keys import Identity
from sms.mailbox import Mailbox
from sms.memory_mailbox import MemoryMailbox
from sms.smsd import Smsd
from tests.fault.watched_modem import Units
from tests.sms_link_rig import BEGIN_MS, PARIS, FakeOffice, MemoryLog, NoRecords, Past
from tests.sms_rig import Air, Post

OFFICE: Final = "+33600000100"


class FleetModem:
    """A modem between a mailbox in RAM and the network: one message at a time, in or out."""

    name = "modem"

    def __init__(self, fleet: Fleet, number: str, mailbox: MemoryMailbox, each_s: float) -> None:
        self._fleet, self._number, self._mailbox, self._each_s = fleet, number, mailbox, each_s
        self._free_s = 0.0
        self._came: list[tuple[float, str, Content, int]] = []
        self._since_s: dict[str, float] = {}
        self.longest_s = 0.0
        """That a message waited for the modem, on its way in or out."""
        self.wake: Callable[[], None] = lambda: None
        fleet.network.attach(number, self._take)

    def _take(self, sender: str, content: Content, stamp_s: float) -> None:
        self._came.append((self._fleet.clock.now_ns / 1e9, sender, content, round(stamp_s)))
        self.wake()

    def step(self, now_s: float) -> float:
        for key in self._mailbox.waiting:
            self._since_s.setdefault(key, now_s)
        if now_s < self._free_s:
            return self._free_s if self._came or self._mailbox.waiting else NEVER
        if self._came:
            since_s, sender, content, stamp_s = self._came.pop(0)
            self._mailbox.bring(sender, content.text, content.octets, stamp_s)
        elif (message := self._mailbox.leave()) is not None:
            since_s = self._since_s.pop(message.key)
            what = message.octets or message.text
            self._fleet.network.send(self._number, message.number, what, now_s, message.valid_s)
            self._fleet.sent()
        else:
            return NEVER
        self.longest_s = max(self.longest_s, now_s - since_s)
        self._free_s = now_s + self._each_s
        return self._free_s

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        return None


class Carrier:
    """The network as a worker; whoever sends wakes it."""

    name = "carrier"

    def __init__(self, network: Network) -> None:
        self._network = network

    def step(self, now_s: float) -> float:
        return self._network.step(now_s)

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        return None


class Server:
    """The gateway and its consumer, stepped together."""

    name = "server"

    def __init__(self, folder: Path, mailbox: Mailbox, clock: VirtualClock, each_s: float) -> None:
        def utc_s() -> float:
            return clock.utc_ms() / 1000

        self.path = folder / "gateway.db"
        self.gateway = Gateway(GatewayStore(self.path), {"a": mailbox}, utc_s)
        self.ledger = Ledger(folder / "site.db")
        self.consumer = LedgerConsumer(self.gateway, self.ledger, utc_s)
        self._utc_s = utc_s
        self._each_s = each_s

    def step(self, now_s: float) -> float:
        self.gateway.step(now_s)
        self.consumer.step(now_s)
        for (id_,) in self.gateway.store.db.execute("SELECT id FROM box WHERE state = 'new'").fetchall():
            with closing(GatewayStore(self.path)) as store:  # the operator compares the fingerprint, and accepts
                accept(store, id_, int(self._utc_s()))
        return now_s + self._each_s

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.ledger._db.execute(query, values).fetchall()

    def journal(self, box: str) -> list[tuple[Any, ...]]:
        """Return what the gateway noted of a box, its newest last."""
        query = "SELECT at_s, kind, words FROM journal WHERE box = ? ORDER BY id DESC LIMIT 40"
        return self.gateway.store.db.execute(query, (box,)).fetchall()[::-1]

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        self.gateway.close()
        self.ledger.close()


class Box:
    """One box: the real link, queue and conversation; its past is made up, its events are what `happen` says."""

    def __init__(
        self,
        fleet: Fleet,
        id_: str,
        number: str,
        settings: SmsSettings,
        points: tuple[PointSpec, ...],
        mailbox: Mailbox,
    ) -> None:
        clock = fleet.clock
        self.id, self.number, self.points = id_, number, points
        self.mailbox = mailbox
        self.past = Past(clock)
        self.log = MemoryLog()
        self.posted: list[Any] = []
        dating = Dating()
        dating.add(ClockEntry(1, 0, clock.utc_ms() - clock.now_ns // 1_000_000, "ntp"))
        feed = Feed(
            box=id_, site=SiteFacts(name=id_, tz="Europe/Paris", lang="en"), records=NoRecords(), events=self.log,
            dating=dating, clock=clock, post=self.posted.append, points=lambda: points,
        )  # fmt: skip
        disk = MemoryFs()
        kept = KeptFile(disk, "sms/gateway", "vigie-sms-gateway")
        kept.load()
        self.queue = Queue(
            mailbox, Budget(settings.per_day, settings.per_month), clock=clock, zone=PARIS,
            kept=KeptFile(disk, "sms/queue", "vigie-sms-queue"), say=self._say,
        )  # fmt: skip
        self.sync = Sync(
            settings, feed, self.past,
            pairing=Pairing(Identity.kept(KeptFile(disk, "sms/identity", "vigie-sms-identity")), kept, kept.is_older),
            outlet=self.queue, office=FakeOffice(), zone=PARIS,
        )  # fmt: skip
        self.link = SmsLink(
            settings,
            mailbox,
            self.queue,
            [self.sync],
            clock=clock,
            say=self._say,
            poll_s=fleet.poll_s,
            speaking=self.sync,
        )
        self._clock = clock
        self.wake = fleet.loop.add(self.link)

    def _say(self, kind: str, **values: Any) -> None:
        self.posted.append(Notice(kind, self._clock.monotonic_ns(), values))

    def happen(self, kind: str, point: str = "", **values: Any) -> None:
        """Let an event be durable in the log."""
        self.log.entries.append(Event(kind, self._clock.now_ns // 1_000_000, point, values))
        self.wake()


class Fleet:
    """Virtual time from 2026-11-20T00:10Z, modems in RAM."""

    server_each_s = 10.0

    def __init__(self, folder: Path, network: Network, *, each_s: float = 1.0, poll_s: float = 60.0) -> None:
        self.poll_s = poll_s
        self.clock = VirtualClock(BEGIN_MS + 600_000, boot=1)
        self.loop = Loop(self.clock)
        self.network = network
        self.each_s = each_s
        self.modems: list[FleetModem] = []
        self.boxes: list[Box] = []
        self.sent: Callable[[], None] = lambda: None
        self.server = Server(folder, self._mailbox(OFFICE), self.clock, self.server_each_s)
        self.loop.add(self.server)
        self._begin()

    def _begin(self) -> None:
        self.network.epoch_s = self.clock.utc_ms() / 1000 - self.clock.now_ns / 1e9
        self.sent = self.loop.add(Carrier(self.network))

    def _mailbox(self, number: str) -> Mailbox:
        mailbox = MemoryMailbox(lambda: self.clock.utc_ms() / 1000)
        modem = FleetModem(self, number, mailbox, self.each_s)
        self.modems.append(modem)
        modem.wake = mailbox.news = self.loop.add(modem)
        return mailbox

    def box(self, id_: str, number: str, points: tuple[PointSpec, ...], **settings: Any) -> Box:
        """Let a box come; it says hello, and is accepted."""
        key = self.server.gateway.sessions.identity.text  # what `vigie gateway key` prints
        texting = SmsSettings(gateway=OFFICE, gateway_key=key, **settings)
        box = Box(self, id_, number, texting, points, self._mailbox(number))
        self.boxes.append(box)
        return box

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.loop.run_until(self.clock.now_ns / 1e9 + seconds)

    def close(self) -> None:
        for box in self.boxes:
            box.link.close()
        self.server.close()


WATCHED: Final = 6.0
"""So much faster than on a box the watchdog's time goes; the daemon's heartbeat comes twelve times as often."""


class Watched:
    """The box's own watchdog over one daemon, with the units that it asks."""

    def __init__(self, post: Post) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.units = Units(post)
        mailbox = Smsd(post.database, self._now_s, log=post.logfile)
        hands = FileHands(self.units.requests, [self.units.answers], lambda: "")
        self._mailbox = mailbox
        self._watch = SmsWatch(mailbox, say=self._say, hands=hands, now_s=self._now_s())

    @staticmethod
    def _now_s() -> float:
        return time.monotonic() * WATCHED

    def _say(self, kind: str, **values: Any) -> None:
        self.said.append((kind, values))

    def step(self) -> None:
        self.units.step()
        self._watch.step(self._now_s())

    def close(self) -> None:
        self.units.join()
        self._mailbox.close()


class RealFleet(Fleet):
    """The same on real gammu-smsd and simulated modems, in time-lapse: `lapse` virtual seconds a real one.

    Each daemon has its watchdog, at both ends.
    """

    server_each_s = 300.0

    def __init__(self, folder: Path, air: Air, lapse: float) -> None:
        self._air = air
        self._lapse = lapse
        self.watched: list[Watched] = []
        super().__init__(folder, air.network, poll_s=300.0)

    def _begin(self) -> None:
        """The air has its own thread."""

    def _mailbox(self, number: str) -> Mailbox:
        post = self._air.smsd(number, loopsleep="0", commtimeout="0", debuglevel="0")  # else a gigabyte of log
        self.watched.append(Watched(post))
        return Smsd(post.database)

    def run(self, seconds: float) -> None:
        begin_s, real_s = self.clock.now_ns / 1e9, time.monotonic()
        tick = threading.Event()
        while (passed_s := (time.monotonic() - real_s) * self._lapse) < seconds:
            self.loop.run_until(begin_s + passed_s)
            for each in self.watched:
                each.step()
            tick.wait(0.02)
        self.loop.run_until(begin_s + seconds)

    def close(self) -> None:
        for each in self.watched:
            each.close()
        super().close()
