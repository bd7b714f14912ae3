"""A short life of a box that texts, whose power can be cut before any write of its card and of its modem's owner.

Real: link, queue, conversation, texts to people, gateway and its consumer. After a cut the box starts again from what
that left on the card; mailbox, network and gateway go on as they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from edge.core.types import Event
from edge.links.sms_people import People
from edge.links.sms_secret import MAGIC, PATH, secret_of
from edge.settings.model_sms import Recipient
from edge.store.fs_image import Naming, Write
from edge.store.fs_memory import MemoryFs, Model
from edge.store.kept_file import KeptFile
from edge.upstream.gateway_orders import ask
from edge.upstream.gateway_store import GatewayStore
from sms.mailbox import Outcome, Outgoing, Received
from sms.memory_mailbox import MemoryMailbox
from sms.wire import Type, header_of
from tests.gateway_rig import RealFar, account
from tests.sms_link_rig import HOUR_MS, Rig

CARETAKER = Recipient(id="caretaker", number="+33600000001")
HOUR_S = 3600.0
LIFE_H = 9
CUTS_MOST = 500


class CutError(BaseException):
    """The power is gone."""


class Fuse:
    """Cuts before the n-th change that is durable or may be; the card's and the mailbox's count together."""

    def __init__(self) -> None:
        self.changes = 0
        self.cut_at: int | None = None
        self.every = 0
        """How many changes after a cut the next one comes; 0: none does."""

    def mend(self) -> None:
        """Cut no more where there were several."""
        if self.every:
            self.every, self.cut_at = 0, None

    def __call__(self) -> None:
        self.changes += 1
        if self.changes - 1 == self.cut_at:
            self.cut_at = self.changes + self.every if self.every else None
            raise CutError


class Card(MemoryFs):
    """A card behind the fuse."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__(keep_cuts=True)
        self.fuse = fuse

    def change(self, change: Write | Naming) -> None:
        self.fuse()
        super().change(change)

    def flush_file(self, number: int) -> None:
        self.fuse()
        super().flush_file(number)

    def flush_folder(self, folder: str) -> None:
        self.fuse()
        super().flush_folder(folder)

    def found(self, model: Model, seed: int) -> Card:
        """Return what a cut leaves."""
        card = Card(self.fuse)
        card.__dict__.update(self.after_cut(model, seed).__dict__)
        return card


class FusedMailbox(MemoryMailbox):
    """A mailbox behind the fuse: what it was told before stays told."""

    def __init__(self, utc_s: Callable[[], float], fuse: Fuse) -> None:
        super().__init__(utc_s)
        self.fuse = fuse

    def enqueue(self, message: Outgoing) -> None:
        self.fuse()
        super().enqueue(message)

    def noted(self, outcomes: list[Outcome]) -> None:
        self.fuse()
        super().noted(outcomes)

    def done(self, ids: list[str]) -> None:
        self.fuse()
        super().done(ids)


class Station:
    """Makes durable at the next step what the link's members had it tell: what is cut before is lost."""

    def __init__(self, log: list[Event]) -> None:
        self._log = log
        self._told: list[Event] = []

    def say(self, kind: str, **values: Any) -> None:
        self._told.append(Event(kind, 0, "", values))

    def step(self, now_s: float) -> float:
        self._log += self._told
        self._told.clear()
        return now_s + 600.0

    def take(self, message: Received, now_s: float) -> bool:
        return False


class BoxLife(Rig):
    """A box with its own gateway and caretaker. `live` returns when everything must have arrived."""

    def __init__(self, folder: Path) -> None:
        self.is_ready = False
        super().__init__(poll_s=600.0)
        self.kill()
        self.fuse = Fuse()
        self.disk = Card(self.fuse)
        self.mailbox = FusedMailbox(lambda: self.clock.utc_ms() / 1000, self.fuse)
        self.air._mailbox = self.mailbox
        self.mailbox.news = self.loop.add(self.air)
        self.air._far = self.far = RealFar(self, folder)
        self.begin_s, self.began_ms = self.clock.now_ns / 1e9, self.clock.utc_ms()
        self.cuts = 0
        self.is_ready = True

    def start(self) -> None:
        super().start()
        if not self.is_ready:
            return
        station = Station(self.events.entries)
        people = People(
            [CARETAKER], self.events, self.queue, lambda _who, page, code: f"page {page.seq} {code}", clock=self.clock,
            dated=self.dating.utc_ms, say=station.say, secret=secret_of(KeptFile(self.disk, PATH, MAGIC)),
        )  # fmt: skip
        self.link._members += [station, people]

    def plugged(self, goes_on: Callable[[], object], model: Model = "lost") -> None:
        """Go on; where the power is cut, start again from what the card then holds."""
        while True:
            try:
                goes_on()
            except CutError:
                self.cuts += 1
                assert self.cuts < CUTS_MOST, "no start gets any further"
                self.kill()
                assert isinstance(self.disk, Card)
                self.disk = self.disk.found(model, self.fuse.changes)
                goes_on = self.start
                continue
            return

    def live(self, model: Model, after_h: int) -> None:
        """Pair, report, tell alarms to server and caretaker, carry an order out; then wait."""
        moments = [(3.5, self._alarm), (4.2, self._order), (6.4, self._calm)]
        self.plugged(self.start, model)
        for hour, happens in [*moments, (LIFE_H, self.fuse.mend), (LIFE_H + after_h, lambda: None)]:
            while (left_s := self.begin_s + hour * HOUR_S - self.clock.now_ns / 1e9) > 0:
                self.plugged(partial(self.run, left_s), model)
            happens()

    def _alarm(self) -> None:
        self.events.entries.append(self._event("page", to="caretaker", what="begin", id=7, ack="7"))
        self.happen("alarm_begin", "t.flow", id=7, kind="high", v=92.5, u="Cel")

    def _calm(self) -> None:
        self.events.entries.append(self._event("page", to="caretaker", what="end", id=7))
        self.happen("alarm_end", "t.flow", id=7, kind="high", v=80.0, u="Cel")

    def _event(self, kind: str, **values: Any) -> Event:
        return Event(kind, self.clock.now_ns // 1_000_000, "t.flow", values)

    def _order(self) -> None:
        with closing(GatewayStore(self.far.server.path)) as other:
            ask(other, "b0117", "set", {"setpoint": "heating", "value": 19}, self.clock.utc_ms() // 1000, 86_400)

    def judge(self) -> None:
        """Fail where anything was lost, came twice, was counted wrong, or used a counter twice."""
        self._judge_values()
        kinds = Counter(kind for kind, _, _ in self.far.server.events("b0117"))
        assert {kind: kinds[kind] for kind in ("alarm_begin", "alarm_end", "sms_answer")} == {
            "alarm_begin": 1, "alarm_end": 1, "sms_answer": 1,
        }  # fmt: skip
        asked = self.far.server.gateway.store.db.execute("SELECT fate FROM asked").fetchall()
        assert (asked, len(self.office.done)) == ([("done",)], 1)
        texts = [sent.text for sent in self.mailbox.left if sent.text]
        assert len(texts) == len(set(texts)) == 2, texts
        sealed = {sent.octets for sent in self.mailbox.left if sent.octets and not _is_hello(sent.octets)}
        assert len({header_of(octets).counter for octets in sealed}) == len(sealed)
        days = self.queue.account.days.values()
        assert sum(day.sent for day in days) == len(self.mailbox.left)
        assert sum(day.came for day in days) == self.mailbox.came
        assert (self.queue.waiting(), self.mailbox.waiting, self.mailbox.inbox) == (0, {}, [])

    def _judge_values(self) -> None:
        for point in ("tic.base", "water"):
            got = self.far.hours(point)
            assert min(got) == 0
            assert max(got) >= (self.clock.utc_ms() - self.began_ms) // HOUR_MS - 2
            assert {hour: value for hour, (value, _) in got.items()} == account(self, point, range(max(got) + 1))
            moved = {hour: increment for hour, (_, increment) in got.items()}
            assert moved == {hour: None if not hour else got[hour][0] - got[hour - 1][0] for hour in got}

    def close(self) -> None:
        self.far.server.close()


def _is_hello(octets: bytes) -> bool:
    return header_of(octets).type is Type.HELLO and octets[1:3] == bytes(2)
