"""A broker and a consumer in memory: a scripted Connection for the link's tests, in virtual time."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from edge.core.batch_forms import Batch, EventPack, Topics
from edge.core.batch_parse import parse_events, parse_records
from edge.core.batch_points import SiteFacts
from edge.core.clock import ClockEntry, Dating
from edge.core.intervals import Intervals
from edge.core.types import Event, PointSpec, Record
from edge.links.connection import Connected, Happening, Lost, Message, PubAck, Refused, SubAck, Will
from edge.links.mqtt import MqttLink
from edge.links.retained import Feed
from edge.settings.model import MqttLink as MqttSettings
from tests.support import ManualClock
from tests.support_reader import MemoryLog


class FakeBroker:
    """Confirms what it is given at once, keeps what is retained, and hands batches to whoever listens."""

    def __init__(self) -> None:
        self.limits = Connected()
        self.refusal: str = ""
        self.retained: dict[str, bytes] = {}
        self.published: list[tuple[str, bytes, str]] = []
        self.listener: Callable[[str, bytes, str], list[Message]] | None = None
        self.judge: Callable[[str, bytes], int] = lambda *_: 0
        """The reason code of a PUBACK."""
        self.is_mute = False
        """No PUBACK and no message: a link that has fallen silent."""
        self.hangs_up_on: Callable[[str, bytes], bool] = lambda *_: False
        self.connections = 0
        self.most_in_flight = 0

    def bytes_sent(self) -> int:
        return sum(len(topic) + len(payload) for topic, payload, _ in self.published)

    def batches(self, leaf: str = "up/m") -> list[Batch]:
        return [parse_records(body, kind) for topic, body, kind in self.published if topic.endswith(leaf)]


class FakeConnection:
    """A link's end of a FakeBroker; PUBACKs and acknowledgements come with the next poll."""

    def __init__(self, broker: FakeBroker) -> None:
        self.broker = broker
        self.happened: list[Happening] = []
        self.is_open = False
        self._mid = 0
        self._in_flight = 0

    def open(self, will: Will | None) -> None:
        if self.broker.refusal:
            self.happened.append(Refused(self.broker.refusal))
            return
        self.is_open = True
        self._mid = 0
        self.broker.connections += 1
        self.happened.append(self.broker.limits)

    def subscribe(self, topics: Sequence[str]) -> None:
        self.happened.append(SubAck((0,) * len(topics)))
        for topic, payload in self.broker.retained.items():
            if any(topic == asked or (asked.endswith("+") and topic.startswith(asked[:-1])) for asked in topics):
                self.happened.append(Message(topic, payload, retained=True))

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, content_type: str = "") -> int:
        self._mid += 1
        broker = self.broker
        if not self.is_open:
            return self._mid
        broker.published.append((topic, payload, content_type))
        self._in_flight += 1
        broker.most_in_flight = max(broker.most_in_flight, self._in_flight)
        if broker.is_mute:
            return self._mid
        if broker.hangs_up_on(topic, payload):
            self.lose("closed", by_peer=True)
            return self._mid
        reason = broker.judge(topic, payload)
        self.happened.append(PubAck(self._mid, reason))
        if reason < 0x80:
            if retain:
                broker.retained[topic] = payload
                if not payload:
                    del broker.retained[topic]
            elif broker.listener is not None:
                self.happened.extend(broker.listener(topic, payload, content_type))
        return self._mid

    def lose(self, code: str = "keepalive", *, by_peer: bool = False) -> None:
        self.is_open = False
        self._in_flight = 0
        self.happened.append(Lost(code, by_peer))

    def poll(self) -> list[Happening]:
        happened, self.happened = self.happened, []
        self._in_flight -= sum(isinstance(one, PubAck) for one in happened)
        return happened

    def is_writing(self) -> bool:
        return False

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        self.is_open = False
        self.happened.clear()
        self._in_flight = 0


class FakeConsumer:
    """Stores by (stream, seq) and acknowledges as the contract says; `rows` counts how often each entry came."""

    def __init__(self, box: str = "b0042") -> None:
        self.topics = Topics(box)
        self.held: dict[str, Intervals] = {}
        self.rows: dict[tuple[str, int], int] = {}
        self.gaps: list[tuple[str, int, int, str]] = []
        self.drops: Callable[[Batch | EventPack], bool] = lambda _: False

    def __call__(self, topic: str, payload: bytes, content_type: str) -> list[Message]:
        parse = parse_records if topic == self.topics.records else parse_events
        batch: Batch | EventPack = parse(payload, content_type)
        if self.drops(batch):
            return []
        held = self.held.setdefault(batch.stream, Intervals())
        for lost in held.missing(1, batch.first - 1):
            self.gaps.append((batch.stream, *lost, "first"))
        held.add(1, batch.first - 1)
        for first, last, why in batch.gap:
            self.gaps.extend((batch.stream, *lost, why) for lost in held.missing(first, last))
            held.add(first, last)
        for seq in range(batch.seq, batch.last + 1):
            self.rows[batch.stream, seq] = self.rows.get((batch.stream, seq), 0) + 1
        held.add(batch.seq, batch.last)
        return [self.ack(batch.stream)]

    def ack(self, stream: str) -> Message:
        seq = self.held.setdefault(stream, Intervals()).first_free(1) - 1
        return Message(self.topics.ack, b'{"stream":"%s","seq":%d}' % (stream.encode(), seq))

    def seqs(self, stream: str) -> list[int]:
        return sorted(seq for of_stream, seq in self.rows if of_stream == stream)


class Bench:
    """One link with its logs, broker and clock, and a hand on time."""

    def __init__(self, *, boot: int = 1, undated_wait_s: float = 900.0, session: int = 1, **settings: Any) -> None:
        self.clock = ManualClock(boot=boot)
        self.records: MemoryLog[Record] = MemoryLog("9f3c21aa")
        self.events: MemoryLog[Event] = MemoryLog("00e7e475")
        self.dating = Dating()
        self.dating.add(ClockEntry(boot, 0, self.clock.utc_offset_ms, "ntp"))
        self.posted: list[Any] = []
        self.points = [PointSpec("t.cellar", "gauge", "Cel"), PointSpec("tic.papp", "gauge", "VA")]
        self.alarms: dict[str, dict[str, Any]] = {}
        """To be replaced as a whole, as the station does."""
        self.facts: dict[str, Any] = {"store": "ok"}
        self.broker = FakeBroker()
        self.connection = FakeConnection(self.broker)
        self.feed = Feed(
            box="b0042", site=SiteFacts("Gymnase Sud"), records=self.records, events=self.events, dating=self.dating,
            clock=self.clock, post=self.posted.append, points=lambda: self.points, alarms=lambda: self.alarms,
            facts=lambda: self.facts, undated_wait_s=undated_wait_s,
        )  # fmt: skip
        self.settings = MqttSettings(host="broker", **settings)
        self.link = MqttLink(self.settings, self.connection, self.feed, random.Random(session))

    @property
    def now_s(self) -> float:
        return self.clock.monotonic_ns() / 1e9

    def write(self, count: int, boot: int | None = None, dt_ms: int = 1000) -> None:
        now_ms = self.clock.monotonic_ns() // 1_000_000
        names = ("t.cellar", "tic.papp")
        self.records.append(
            [Record(names[i % 2], now_ms - dt_ms, dt_ms, 20.0 + i % 7) for i in range(count)],
            self.clock.boot if boot is None else boot,
        )

    def happen(self, kind: str, **values: Any) -> None:
        now_ms = self.clock.monotonic_ns() // 1_000_000
        self.events.append([Event(kind, now_ms, "", values)], self.clock.boot)

    def settle(self, steps: int = 50) -> None:
        """Step without moving time until nothing happens any more."""
        for _ in range(steps):
            before = len(self.broker.published)
            self.link.step(self.now_s)
            if not self.connection.happened and len(self.broker.published) == before:
                return

    def run(self, seconds: float, *, each_s: float = 1.0, do: Callable[[], None] = lambda: None) -> None:
        """Move time on, calling the link when it asks to be, and at each beat as a commit would."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.clock.advance(min(each_s, end_s - self.now_s))
            do()
            self.settle()

    def status(self) -> dict[str, Any]:
        """Return the status that stands retained."""
        form: dict[str, Any] = json.loads(self.broker.retained["vigie/v1/b0042/up/status"])
        return form

    def kinds(self) -> list[str]:
        return [message.kind for message in self.posted if hasattr(message, "kind")]
