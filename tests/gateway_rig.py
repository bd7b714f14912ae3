"""A gateway in virtual time: modems in memory, boxes that seal by hand, a consumer that can be stopped."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from edge.upstream.gateway import Gateway
from edge.upstream.gateway_admin import accept
from edge.upstream.gateway_ledger import LedgerConsumer
from edge.upstream.gateway_store import GatewayStore
from edge.upstream.ledger import Ledger
from sms import forms
from sms.codec import encode
from sms.hello import is_refusal
from sms.keys import Identity
from sms.memory_mailbox import MemoryMailbox
from sms.prior import Prior
from sms.schema import Channel, Schema, schema_bodies
from sms.session import Session
from sms.wire import STEPS, Type, header_of
from tests.sms_link_rig import BEGIN_MS, HOUR_MS, Rig

NOW_S = 1_795_161_600
HOUR = STEPS.index(3600)


def schema_for(box: str) -> Schema:
    return Schema(
        box, "Europe/Paris", 3600,
        (
            Channel("elec", "index", "Wh", 0), Channel("t.cellar", "mean", "Cel", -1),
            Channel("t.cellar", "min", "Cel", -1, 1), Channel("t.cellar", "max", "Cel", -1, 1),
        ),
    )  # fmt: skip


class TextingBox:
    """The box's end of the conversation, and what it measured: the account that the consumer's database must equal."""

    def __init__(self, id_: str, gateway_public: bytes, number: str = "+33600000042") -> None:
        self.id = id_
        self.number = number
        self.own = Identity.new()
        self.session = Session("box", self.own, gateway_public, id_, None, lambda _: None)
        self.schema = schema_for(id_)
        self.hour = 0
        self.index = 70_000
        self.jumps: dict[int, int] = {}
        """By how much a person sets the index in an hour: no consumption."""
        self.account: set[tuple[int, str, float, float | None]] = set()
        self.told: list[forms.Form] = []
        self.refused = 0
        self.reports: list[tuple[int, list[list[int | None]]]] = []

    def hello(self) -> bytes:
        return self.session.hello("1.0")

    def schema_messages(self) -> list[bytes]:
        return [self.session.seal(Type.SCHEMA, body, schema=self.schema.id) for body in schema_bodies(self.schema)]

    def report(
        self, count: int = 4, *, full: bool = False, is_first: bool = False, prior: Prior | None = None
    ) -> bytes:
        """Return the next hours as a report, and put them into the account."""
        columns: list[list[int | None]] = [[], [], [], []]
        start = self.hour
        for place in range(count):
            self.index += 100 + self.hour % 7 + self.jumps.get(self.hour, 0)
            mean = 120 + self.hour % 24
            t_s = NOW_S + self.hour * 3600
            increment = None if is_first and not place else float(100 + self.hour % 7)
            self.account.add((t_s, "elec", float(self.index), increment))
            self.account.add((t_s, "t.cellar", mean / 10, None))
            for column, value in zip(columns, (self.index, mean, mean - 5, mean + 5), strict=True):
                column.append(value)
            self.hour += 1
        encoded = encode(self.schema, columns, prior, full=full)
        assert encoded.count == count
        octets = self.session.seal(
            Type.REPORT, encoded.body, self.schema.id, encoded.prior, NOW_S + start * 3600, HOUR, encoded.coder, count
        )
        self.reports.append((counter_of(octets), columns))
        return octets

    def events(self, *events: forms.Event, is_test: bool = False, base_s: int = NOW_S) -> bytes:
        return self.session.seal(Type.ALARM, forms.body(forms.Events(events, is_test)), base_s=base_s)

    def hear(self, octets: bytes) -> list[bytes]:
        """Take a message of the gateway; return what is answered at once."""
        if is_refusal(octets):
            self.refused += 1  # maybe another box's hello from the same number
            return []
        opened = self.session.open(octets)
        if opened.header.type is Type.HELLO:
            answer = self.session.agree(opened)
            return [] if answer is None else [answer]
        self.session.accept(opened.header.counter)
        form = forms.form_of(opened.header.type, opened.body)
        self.told.append(form)
        if isinstance(form, forms.Order):
            done = forms.Answer(opened.header.counter, True, f"{form.verb} is done")
            return [self.session.seal(Type.REPLY, forms.body(done))]
        return []

    def acks(self) -> list[forms.Ack]:
        return [form for form in self.told if isinstance(form, forms.Ack)]


class Server:
    """The gateway with its consumer and its modems; `reopen` is a power cut."""

    def __init__(self, folder: Path, modems: Sequence[str] = ("a",)) -> None:
        self.path = folder / "gateway.db"
        self.db = folder / "site.db"
        self.utc_s = float(NOW_S)
        self.mailboxes = {name: MemoryMailbox(lambda: self.utc_s) for name in modems}
        self.boxes: dict[str, TextingBox] = {}
        self.is_consuming = True
        self.open()

    def open(self) -> None:
        self.gateway = Gateway(GatewayStore(self.path), self.mailboxes, lambda: self.utc_s)
        self.consumer = LedgerConsumer(self.gateway, Ledger(self.db), lambda: self.utc_s)

    def close(self) -> None:
        self.gateway.store.close()
        self.consumer.ledger.close()

    def reopen(self) -> None:
        self.close()
        self.open()

    def bring(self, box: TextingBox, *messages: bytes, modem: str = "a") -> None:
        for octets in messages:
            self.mailboxes[modem].bring(box.number, octets=octets)

    def step(self, seconds: float = 2.0) -> None:
        """Step once; what the gateway sends is in the boxes at once, what they answer is with it."""
        self.utc_s += seconds
        self.gateway.step(self.utc_s)
        if self.is_consuming:
            self.consumer.step(self.utc_s)
            self.gateway.step(self.utc_s)
        self.deliver()

    def run(self, seconds: float, each_s: float) -> None:
        end_s = self.utc_s + seconds
        while self.utc_s < end_s:
            self.step(each_s)

    def deliver(self) -> None:
        for name, mailbox in self.mailboxes.items():
            while (sent := mailbox.leave()) is not None:
                for box in self.boxes.values():
                    if box.number == sent.number:
                        self.bring(box, *box.hear(sent.octets), modem=name)

    def box(self, id_: str, number: str = "+33600000042") -> TextingBox:
        """Return a box that is paired, its schema told."""
        box = self.boxes[id_] = TextingBox(id_, self.gateway.sessions.identity.public, number)
        self.bring(box, box.hello())
        self.step()
        self.accept(id_)
        self.step()
        self.step()
        self.bring(box, *box.schema_messages())
        self.step()
        return box

    def accept(self, id_: str) -> None:
        """As `vigie gateway accept` does, from another process."""
        with closing(GatewayStore(self.path)) as store:
            accept(store, id_, int(self.utc_s))

    def rows(self, box: str) -> set[tuple[int, str, float, float | None]]:
        """What the consumer has, as the account of a box. Fails when something is there twice."""
        query = (
            "SELECT r.t_ms / 1000, p.point, r.value, r.increment FROM record r JOIN point p ON p.id = r.point"
            " JOIN box b ON b.id = p.box WHERE b.name = ?"
        )
        found = self.consumer.ledger._db.execute(query, (box,)).fetchall()
        assert len(set(found)) == len(found)
        return set(found)

    def events(self, box: str) -> list[Any]:
        query = (
            "SELECT e.kind, e.point, e.t_ms FROM event e JOIN stream s ON s.id = e.stream"
            " JOIN box b ON b.id = s.box WHERE b.name = ? ORDER BY e.seq"
        )
        return self.consumer.ledger._db.execute(query, (box,)).fetchall()

    def journal(self, kind: str) -> list[str]:
        query = "SELECT words FROM journal WHERE kind = ? ORDER BY id"
        return [row[0] for row in self.gateway.store.db.execute(query, (kind,))]


class RealFar:
    """The far end of the air: a real gateway and its consumer."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        store = GatewayStore(folder / "gateway.db")
        with store:
            store.keep("identity", rig.gateway.own.saved())
        store.close()
        self.server = Server(folder)
        self.number = "+33600000117"
        self._taken = 0

    def take(self, octets: bytes, utc_s: int) -> list[bytes]:
        self.server.mailboxes["a"].bring(self.number, octets=octets)
        return self.step(utc_s)

    def step(self, utc_s: int) -> list[bytes]:
        self.server.utc_s = float(utc_s)
        self.server.gateway.step(utc_s)
        if any(box.state == "new" for box in self.server.gateway.store.boxes()):
            self.server.accept("b0117")
            self.server.gateway.step(utc_s)
        self.server.consumer.step(utc_s)
        self.server.gateway.step(utc_s)
        mailbox = self.server.mailboxes["a"]
        while mailbox.leave() is not None:
            pass
        left = [sent.octets for sent in mailbox.left[self._taken :]]
        self._taken = len(mailbox.left)
        return left

    def hours(self, point: str) -> dict[int, tuple[float, float | None]]:
        """Return what the consumer has of an index, by hour from the beginning. Fails when one is there twice."""
        query = (
            "SELECT r.t_ms, r.value, r.increment FROM record r JOIN point p ON p.id = r.point WHERE p.point = ?"
            " AND r.value IS NOT NULL"
        )
        rows = self.server.consumer.ledger._db.execute(query, (point,)).fetchall()
        found = {(t_ms - BEGIN_MS) // HOUR_MS: (value, increment) for t_ms, value, increment in rows}
        assert len(found) == len(rows)
        return found


def account(rig: Rig, point: str, hours: range) -> dict[int, float]:
    """Return what the box measured: the index at the end of each hour."""
    found = {}
    for hour in hours:
        t_ms = BEGIN_MS + hour * HOUR_MS
        period = rig.past.period(point, t_ms, t_ms + HOUR_MS)
        if period is not None and period.last is not None and hour not in rig.past.holes:
            found[hour] = float(int(period.last))
    return found


def counter_of(octets: bytes) -> int:
    return header_of(octets).counter
