"""The simulator's twin of a broker and a consumer behind the link's Connection port, with outages by the calendar.

The consumer stores what it gets once, as `vigie receive` does, and acknowledges; what it counts is what the report
tells.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import msgspec

from edge.core.batch_forms import ZLIB, box_and_leaf
from edge.core.intervals import Intervals
from edge.links.connection import Connected, Happening, Lost, Message, PubAck, Refused, SubAck, Will
from edge.sim.loop import VirtualClock

OVERHEAD = 12  # bytes of MQTT 5 around topic and payload of one QoS 1 publish: fixed header, lengths, id, properties


class Header(msgspec.Struct):
    """What counting needs of a batch; its entries are skipped."""

    stream: str
    seq: int
    n: int
    first: int
    gap: list[tuple[int, int, str]] = []


_header = msgspec.json.Decoder(Header).decode


class Outage(msgspec.Struct, frozen=True):
    """The link is refused from `begin_s` to `end_s`, seconds since the start."""

    begin_s: float
    end_s: float


class Traffic(msgspec.Struct):
    """What went over the link."""

    messages: int = 0
    batches: int = 0
    octets: int = 0
    repeated: int = 0
    """Entries that the consumer had already."""
    connections: int = 0


class Stream(msgspec.Struct):
    """What the consumer has of one log."""

    held: Intervals
    gaps: Intervals
    known: Intervals
    """Stored, declared lost, or gone before the first that the box still holds."""


class SimUpstream:
    """Broker and consumer in one: it counts, stores by (stream, seq) and acknowledges."""

    def __init__(self, clock: VirtualClock, outages: Sequence[Outage], *, acknowledges: bool = True) -> None:
        self._clock = clock
        self._began_s = clock.now_ns / 1e9
        self._outages = list(outages)
        self._acknowledges = acknowledges
        self.traffic = Traffic()
        self.streams: dict[str, Stream] = {}
        self.heard: list[bytes] | None = None
        """Every batch as it arrived, where somebody wants to look at them: begin with an empty list."""

    def is_up(self) -> bool:
        """Return whether the link works now."""
        t_s = self._clock.now_ns / 1e9 - self._began_s
        return not any(outage.begin_s <= t_s < outage.end_s for outage in self._outages)

    def take(self, topic: str, payload: bytes, content_type: str) -> Message | None:
        """Store one publish and return the acknowledgement, if any."""
        traffic = self.traffic
        traffic.messages += 1
        traffic.octets += len(topic) + len(payload) + OVERHEAD
        place = box_and_leaf(topic)
        if place is None or place[1] not in {"up/m", "up/ev"}:
            return None
        body = payload if content_type != ZLIB else zlib.decompress(payload)
        if self.heard is not None:
            self.heard.append(body)
        batch = _header(body)
        traffic.batches += 1
        stream = self.streams.setdefault(batch.stream, Stream(Intervals(), Intervals(), Intervals()))
        before = len(stream.held)
        stream.held.add(batch.seq, batch.seq + batch.n - 1)
        traffic.repeated += batch.n - (len(stream.held) - before)
        for first, last, _why in batch.gap:
            stream.gaps.add(first, last)
            stream.known.add(first, last)
        stream.known.add(batch.seq, batch.seq + batch.n - 1)
        stream.known.add(1, batch.first - 1)
        if not self._acknowledges:
            return None
        ack = msgspec.json.encode({"stream": batch.stream, "seq": stream.known.first_free(1) - 1})
        return Message(f"vigie/v1/{place[0]}/down/ack", ack)


class SimConnection:
    """The link's Connection, in virtual time: every answer comes at the next poll."""

    def __init__(self, upstream: SimUpstream, wake: Callable[[], None]) -> None:
        self._upstream = upstream
        self._wake = wake
        self._news: list[Happening] = []
        self._is_open = False
        self._mid = 0

    def open(self, will: Will | None) -> None:
        """Connect, or be refused while there is an outage."""
        if self._upstream.is_up():
            self._is_open = True
            self._upstream.traffic.connections += 1
            self._tell(Connected(receive_max=65_535))
        else:
            self._tell(Refused("unreachable", "the simulated link is down"))

    def _tell(self, happening: Happening) -> None:
        self._news.append(happening)
        self._wake()

    def subscribe(self, topics: Sequence[str]) -> None:
        """Grant every topic."""
        self._tell(SubAck((1,) * len(topics)))

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, content_type: str = "") -> int:
        """Carry one message; lost when the outage has begun."""
        self._mid += 1
        if self._upstream.is_up():
            answer = self._upstream.take(topic, payload, content_type)
            if qos:
                self._tell(PubAck(self._mid))
            if answer is not None:
                self._tell(answer)
        elif self._is_open:
            self.cut()
        return self._mid

    def cut(self) -> None:
        """End the connection as a network does."""
        self._is_open = False
        self._tell(Lost("unreachable", by_peer=False, text="the simulated link went down"))

    def poll(self) -> list[Happening]:
        """Return what happened since the last call."""
        if self._is_open and not self._upstream.is_up():
            self.cut()
        news, self._news = self._news, []
        return news

    def is_writing(self) -> bool:
        """Nothing is ever held up here."""
        return False

    def filenos(self) -> list[int]:
        """There is no socket."""
        return []

    def close(self) -> None:
        """End it without news."""
        self._is_open = False
        self._news.clear()
