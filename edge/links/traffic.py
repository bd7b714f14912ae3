"""Both logs on one connection: events first, one window for both, acknowledgements to the log they name."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from edge.core.batch import encode_events, encode_records
from edge.core.batch_forms import ZLIB, Topics
from edge.core.batch_parse import BatchError, parse_ack
from edge.core.batch_points import PointsDocument
from edge.core.types import NEVER
from edge.links.connection import Connected, Connection
from edge.links.cutter import PACKET_OVERHEAD, Cutter
from edge.links.messages import ClockWanted, Say
from edge.links.outbox import Outbox
from edge.links.problems import Complaint
from edge.links.retained import Feed
from edge.links.window import BATCHES
from edge.settings.model import MqttLink as MqttSettings

log = logging.getLogger(__name__)

NO_LIMIT: Final = 2**28  # MQTT's own: 256 MiB
REFUSED: Final = 0x80  # MQTT 5 §2.4: reason codes from here on are refusals
ASK_S: Final = 60.0  # a clock entry that is still missing is asked for again
UNDATED_S: Final = 10.0  # entries without a date are no problem before: each start waits a moment for its clock


class Traffic:
    """The batches of one link."""

    def __init__(self, settings: MqttSettings, connection: Connection, feed: Feed, name: str, say: Say) -> None:
        self._connection = connection
        self._feed = feed
        self._name = name
        self._say = say
        self._takes_acks = settings.ack == "consumer"
        self._is_terse = settings.encoding == ZLIB
        topics = Topics(feed.box)
        by_puback = not self._takes_acks
        dating, encoding = feed.dating, settings.encoding
        events = Cutter(feed.events, lambda event: event.at_ms, encode_events, dating, encoding)
        records = Cutter(feed.records, lambda record: record.start_ms, encode_records, dating, encoding)
        self.events = Outbox(name, topics.events, feed.events, events, by_puback=by_puback)
        self.records = Outbox(name, topics.records, feed.records, records, by_puback=by_puback)
        self._window = BATCHES
        self._others: set[int] = set()
        self._up_s = 0.0
        self._asked_s = -ASK_S
        self._undated_s: float | None = None
        self._complaints: defaultdict[tuple[str, str], Complaint] = defaultdict(Complaint)
        self._ahead: dict[str, int] = {}
        """By stream, what a consumer acknowledged beyond what the log holds."""
        self.last_ack_s: float | None = None
        """When the consumer's word came last, with ack = "puback" the broker's; None before the first."""

    # -- a connection begins and ends

    def begin(self, limits: Connected, now_s: float) -> None:
        """Start over within the limits that the broker stated."""
        self._up_s = now_s
        self._asked_s = -ASK_S
        self._others.clear()
        self._window = max(1, min(BATCHES, limits.receive_max))
        for box in (self.events, self.records):
            box.begin(self.max_payload(limits, box.topic), now_s)

    @staticmethod
    def max_payload(limits: Connected, topic: str) -> int:
        """Return how many bytes a message on this topic may hold."""
        most = limits.max_packet or NO_LIMIT
        return most - PACKET_OVERHEAD - len(topic)

    def end(self, now_s: float, *, is_suspicious: bool) -> bool:
        """Take note that the connection is gone; return whether batches were on their way."""
        had_batches = [box.end(now_s, is_suspicious=is_suspicious) for box in (self.events, self.records)]
        self._tell_parked()
        return any(had_batches)

    def count_other(self, mid: int) -> None:
        """Count a message beside the batches: the broker's limit holds for all of them together."""
        if mid:
            self._others.add(mid)

    # -- sending

    def pump(self, document: Callable[[], PointsDocument], now_s: float) -> None:
        """Publish what may go now."""
        if self.events.waiting() or self.records.waiting():
            points = document()
            for box, other in ((self.events, self.records), (self.records, self.events)):
                origin = points.origin(self._feed.box, box.reader.stream, is_terse=self._is_terse)
                while self.has_room() and other.alone is None and not self._connection.is_writing():
                    is_busy = bool(other.window.flights)
                    parcel = box.next_parcel(origin, now_s, others_in_flight=is_busy)
                    if parcel is None:
                        break
                    mid = self._connection.publish(parcel.topic, parcel.payload, content_type=parcel.content_type)
                    if not mid:
                        break  # the connection has just gone; poll will say so
                    box.shipped(mid, parcel, now_s)
            self._tell_parked()
            self._ask_for_clock(now_s)

    def has_room(self) -> bool:
        """Return whether the broker takes one more message before it has confirmed another (its Receive Maximum)."""
        return len(self.events.window.flights) + len(self.records.window.flights) + len(self._others) < self._window

    def _ask_for_clock(self, now_s: float) -> None:
        """Ask the station for a clock entry where none will come by itself, or none came in time."""
        for box in (self.events, self.records):
            boot = box.undated_boot
            if boot is None or now_s - self._asked_s < ASK_S:
                continue
            if boot != self._feed.clock.boot or now_s - self._up_s >= self._feed.undated_wait_s:
                self._asked_s = now_s
                self._feed.post(ClockWanted(self._name, boot))

    # -- what comes back

    def puback(self, mid: int, reason: int, now_s: float) -> bool:
        """Take a receipt; return False when it is for no batch."""
        if mid in self._others:
            self._others.discard(mid)
            return False
        is_batch = self.records.puback(mid, reason, now_s) or self.events.puback(mid, reason, now_s)
        if is_batch and reason < REFUSED and not self._takes_acks:
            self.last_ack_s = now_s
        return is_batch

    def acknowledged(self, payload: bytes, now_s: float) -> None:
        """Take a `down/ack`; one for a stream that is not ours moves nothing."""
        if not self._takes_acks:
            return
        try:
            ack = parse_ack(payload)
        except BatchError as exc:
            log.warning("%s: acknowledgement ignored: %s", self._name, exc)
            return
        for box in (self.records, self.events):
            if box.reader.stream != ack.stream:
                continue
            following = box.reader.next_seq()
            is_ahead = ack.seq >= following
            if self._complaints["consumer_ahead", ack.stream].begins(now_s, is_wrong=is_ahead):
                # Somebody has numbers of this stream that we have not given yet: a copied card, or a restored one.
                self._say("consumer_ahead", stream=ack.stream, told=ack.seq, next=following)
            self._ahead[ack.stream] = ack.seq
            if is_ahead:
                continue
            self.last_ack_s = now_s
            is_behind = box.acknowledged(ack.seq, now_s)
            if self._complaints["consumer_behind", ack.stream].begins(now_s, is_wrong=is_behind):
                self._say("consumer_behind", stream=ack.stream, told=ack.seq)

    def _tell_parked(self) -> None:
        for box in (self.events, self.records):
            for parked in box.take_parked():
                log.error("%s: %s seq %d can't be sent (%s)", self._name, box.topic, parked.seq, parked.why)
                self._say("entry_parked", stream=box.reader.stream, seq=parked.seq, why=parked.why)

    # -- what others ask

    def problems(self, now_s: float, nobody_s: float) -> set[str]:
        """Return the codes of what holds the batches up."""
        found = set()
        boxes = (self.events, self.records)
        if any(box.is_paused_by_acl for box in boxes):
            found.add("acl")
        if any(box.is_paused_by_size for box in boxes):
            found.add("small_messages")
        if any(box.is_unreadable for box in boxes):
            found.add("store_unreadable")
        if self._undated_for_s(now_s) >= UNDATED_S:
            found.add("undated")
        ahead = [(box, told) for box in boxes if (told := self._ahead.get(box.reader.stream, 0)) > box.window.acked]
        if any(told >= box.reader.next_seq() for box, told in ahead):
            found.add("consumer_ahead")
        if not ahead and self.silent_s(now_s) >= nobody_s:  # somebody answers, if nothing that counts
            found.add("unacknowledged")
        return found

    def _undated_for_s(self, now_s: float) -> float:
        if self.events.undated_boot is None and self.records.undated_boot is None:
            self._undated_s = None
        elif self._undated_s is None:
            self._undated_s = now_s
        return 0.0 if self._undated_s is None else now_s - self._undated_s

    def logs(self) -> dict[str, dict[str, int]]:
        """Return what each log holds and how far it is acknowledged, as `up/status` says it."""
        return {
            name: {"first": box.reader.first_seq(), "next": box.reader.next_seq(), "acked": box.window.acked}
            for name, box in (("m", self.records), ("ev", self.events))
        }

    def silent_s(self, now_s: float) -> float:
        """Return for how long the broker has confirmed batches that no consumer acknowledges."""
        return max(self.events.window.silent_s(now_s), self.records.window.silent_s(now_s))

    def due_s(self, now_s: float) -> float:
        """Return when something goes by time alone."""
        return min((box.due_s(now_s) for box in (self.events, self.records)), default=NEVER)
