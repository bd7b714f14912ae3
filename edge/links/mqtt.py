"""The MQTT link: a worker that connects, sends what the logs hold, and moves their cursors when the consumer has it.

`docs/reference/mqtt.md` is the contract. It knows the network through `connection.Connection` only and time through the
instants it is given, so that the simulator runs the same object through a virtual month.
"""

from __future__ import annotations

import logging
import random
from typing import Any, Final

import msgspec

from edge.core.batch_forms import Topics
from edge.core.batch_parse import BatchError, parse_document
from edge.core.types import NEVER
from edge.links.backoff import Backoff
from edge.links.connection import (
    NOT_AUTHORIZED,
    Connected,
    Connection,
    Happening,
    Lost,
    Message,
    PubAck,
    Refused,
    Will,
)
from edge.links.duplicates import DuplicateWatch
from edge.links.problems import Problems
from edge.links.refusals import CODES
from edge.links.retained import OFFLINE, Feed, Retained, status_form
from edge.links.traffic import REFUSED, Traffic
from edge.settings.model import MqttLink as MqttSettings
from hal.sample import Notice

log = logging.getLogger(__name__)

OPEN_S: Final = 20.0  # name, TCP, TLS and CONNACK together
STEADY_S: Final = 10.0  # a connection this old was no fluke: the next failure waits the shortest pause again
NOBODY_S: Final = 600.0
FULL_S: Final = 0.02  # a full socket is tried again after this
LOOK_S: Final = 1.0  # between two looks at the station's facts
STUBBORN: Final = frozenset(
    {"wrong_ca", "wrong_name", "cert_expired", "own_cert_refused", "not_tls", "bad_file", "wrong_password"}
    | {"client_id", "banned", "protocol", "no_qos1", "no_retain"}
)
SUSPICIOUS: Final = frozenset({"closed", "too_large", "protocol"})  # ends that a message of ours may have caused

_encode = msgspec.json.Encoder().encode


class MqttLink:
    """One broker upstream. `step` is called when something is due, the socket has news, or a log has committed."""

    def __init__(
        self, settings: MqttSettings, connection: Connection, feed: Feed, dice: random.Random, name: str = "mqtt"
    ) -> None:
        self.name = name
        self._settings = settings
        self._tick_s = settings.keepalive_s / 3  # the keepalive is looked after this often
        self._connection = connection
        self._feed = feed
        self._topics = Topics(feed.box)
        self._session = f"{dice.getrandbits(32):08x}"
        self._traffic = Traffic(settings, connection, feed, name, self._say)
        self._retained = Retained(feed, connection)
        self._duplicates = DuplicateWatch(feed.records.stream, feed.clock.boot, self._session)
        self._backoff = Backoff(dice)
        self._state = "down"
        self._code = ""
        self._next_s = 0.0  # of the next try when down, the deadline when opening
        self._since_s: float | None = None  # of being up or down
        self._made_s = feed.clock.monotonic_ns() / 1e9
        self._problems = Problems(name, self._say)
        self._refusals: set[str] = set()
        self._status_mids: dict[int, float] = {}
        self._status_t = 0.0
        self._look_s = 0.0
        self._is_store_degraded = False

    # -- the worker

    def step(self, now_s: float) -> float:
        """Take what happened, connect when due, send what may go; return the instant of the next call."""
        if self._state in {"opening", "up"}:
            for happening in self._connection.poll():
                self._take(happening, now_s)
        if self._state == "opening" and now_s >= self._next_s:
            self._failed("silent", "", now_s)
        if self._state == "down" and now_s >= self._next_s:
            self._open(now_s)
        elif self._state == "up":
            # the points first: a batch names the document that explains it
            self._retained.points_if_changed()
            if self._has_sent_documents():
                self._traffic.pump(lambda: self._retained.document, now_s)
            self._tell(now_s)
            self._has_sent_documents()
        return self._due_s(now_s)

    def filenos(self) -> list[int]:
        """Return the connection's descriptors."""
        return self._connection.filenos()

    def close(self) -> None:
        """Say that the box goes offline, and hang up."""
        if self._state == "up":
            self._connection.publish(self._topics.online, OFFLINE, retain=True)
            self._connection.poll()
        self._connection.close()
        self._state = "closed"

    def status(self) -> dict[str, Any]:
        """Return the link's state for the API: up, opening or down, why, and what waits.

        `since_utc_ms`: since when it has been up, or not up; a try in between ends no outage.
        """
        records, events = self._traffic.records, self._traffic.events
        last_ack_s = self._traffic.last_ack_s
        return {
            "link": self.name,
            "state": self._state,
            "code": self._code,
            "since_utc_ms": self._utc_ms(self._made_s if self._since_s is None else self._since_s),
            "last_ack_utc_ms": None if last_ack_s is None else self._utc_ms(last_ack_s),
            "problems": sorted(self._problems.codes),
            "waiting": {"records": records.waiting(), "events": events.waiting()},
            "acked": {"records": records.reader.cursor(self.name), "events": events.reader.cursor(self.name)},
        }

    def _utc_ms(self, at_s: float) -> int:
        """Return the UTC of a monotonic instant by the clock as it is now: at that instant it may not have been set."""
        clock = self._feed.clock
        return clock.utc_ms() - (clock.monotonic_ns() - round(at_s * 1e9)) // 1_000_000

    def _due_s(self, now_s: float) -> float:
        if self._state == "closed":
            return NEVER
        if self._state == "down":
            return self._next_s
        if self._state == "opening":
            return min(self._next_s, now_s + self._tick_s)
        if self._connection.is_writing():
            return now_s + FULL_S
        return max(now_s, min(now_s + self._tick_s, self._traffic.due_s(now_s), self._retained.due_s()))

    # -- the connection's life

    def _open(self, now_s: float) -> None:
        self._state = "opening"
        self._next_s = now_s + OPEN_S
        self._connection.open(Will(self._topics.online, OFFLINE))

    def _take(self, happening: Happening, now_s: float) -> None:
        if isinstance(happening, PubAck):
            self._puback(happening, now_s)
        elif isinstance(happening, Message):
            self._message(happening, now_s)
        elif isinstance(happening, Connected):
            self._connected(happening, now_s)
        elif isinstance(happening, Refused):
            self._failed(happening.code, happening.text, now_s)
        elif isinstance(happening, Lost):
            self._lost(happening, now_s)
        elif any(reason >= REFUSED for reason in happening.reasons[:1]):
            self._refusals.add("acl_ack")

    def _connected(self, limits: Connected, now_s: float) -> None:
        self._state = "up"
        down_s = 0 if self._since_s is None else round(now_s - self._since_s)
        self._since_s, was, self._code = now_s, self._code, ""
        self._refusals.clear()
        self._status_mids.clear()  # a new connection numbers its messages from 1 again
        self._duplicates.connected(now_s)
        log.info("%s: connected to %s%s", self.name, self._settings.host, f" after {down_s} s" if was else "")
        self._traffic.begin(limits, now_s)
        # subscribed before our own status is published: what stands there now is what somebody else left
        self._connection.subscribe([self._topics.ack, self._topics.status, self._topics.alarms])
        self._retained.begin(Traffic.max_payload(limits, self._topics.alarms), now_s)
        self._publish_status(now_s)
        self._say("link_up", down_s=down_s)

    def _lost(self, lost: Lost, now_s: float) -> None:
        lasted_s = now_s - (self._since_s or now_s)
        # a second box with our id makes the broker hang up as well: then no batch is to blame
        is_suspicious = lost.by_peer and lost.code in SUSPICIOUS and not self._duplicates.is_active
        had_batches = self._traffic.end(now_s, is_suspicious=is_suspicious)
        if lasted_s >= STEADY_S:
            self._backoff.reset()
        is_taken_over = lost.code == "taken_over"
        if self._duplicates.lost(now_s, by_peer=lost.by_peer, is_taken_over=is_taken_over, had_batches=had_batches):
            self._duplicate_begins("throw_offs")
        self._say("link_down", code=lost.code)
        log.warning("%s: connection lost: %s (%s)", self.name, CODES.get(lost.code, lost.code), lost.text)
        self._go_down(lost.code, now_s)

    def _failed(self, code: str, text: str, now_s: float) -> None:
        if code != self._code:  # said once, not at each try
            self._say("link_refused", code=code)
            log.warning("%s: no connection to %s: %s (%s)", self.name, self._settings.host, CODES.get(code, code), text)
        self._go_down(code, now_s)

    def _go_down(self, code: str, now_s: float) -> None:
        if self._state == "up":
            self._since_s = now_s
        self._connection.close()
        self._state, self._code = "down", code
        self._next_s = now_s + self._backoff.next_s(stubborn=code in STUBBORN or self._duplicates.is_active)

    # -- what comes in

    def _puback(self, puback: PubAck, now_s: float) -> None:
        if self._traffic.puback(puback.mid, puback.reason, now_s):
            return
        told = self._status_mids.pop(puback.mid, None)
        if puback.reason == NOT_AUTHORIZED:
            self._refusals.add("acl")
        elif told is not None:
            self._duplicates.told(told)

    def _message(self, message: Message, now_s: float) -> None:
        if message.topic == self._topics.ack:
            if not message.retained:  # a kept acknowledgement says nothing about now
                self._traffic.acknowledged(message.payload, now_s)
        elif message.topic == self._topics.status:
            try:
                status = parse_document(message.payload)
            except BatchError:
                return
            if self._duplicates.status_seen(status, now_s, is_retained=message.retained):
                self._duplicate_begins("status")
        elif message.payload and message.retained and self._retained.is_leftover(message.topic):
            self._retained.publish(message.topic, b"")

    def _duplicate_begins(self, seen: str) -> None:
        log.error("%s: another station uses the id %s (%s)", self.name, self._feed.box, seen)
        self._say("duplicate_id", seen=seen)

    # -- what goes out beside the batches

    def _has_sent_documents(self) -> bool:
        """Publish the retained documents, as many as the broker takes at once; return whether none is left."""
        while self._retained.has_waiting and self._traffic.has_room():
            topic, mid = self._retained.send_next()
            self._traffic.count_other(mid)
            if topic == self._topics.status and mid:
                self._status_mids[mid] = self._status_t
        return not self._retained.has_waiting

    def _tell(self, now_s: float) -> None:
        """Keep the retained documents true, and say once what has gone wrong or right."""
        self._retained.alarms_if_changed()
        if self._duplicates.is_over(now_s):
            self._say("duplicate_id_end")
        problems = self._traffic.problems(now_s, NOBODY_S) | self._refusals
        problems |= {"document_too_large"} if self._retained.too_large else set()
        problems |= {"duplicate_id"} if self._duplicates.is_active else set()
        problems |= {"store_degraded"} if self._sees_degraded_store(now_s) else set()
        if self._problems.changed(problems):
            self._publish_status(now_s)
        elif self._retained.is_due(now_s):
            self._retained.hourly()
            self._publish_status(now_s)

    def _sees_degraded_store(self, now_s: float) -> bool:
        if now_s >= self._look_s:
            self._look_s = now_s + LOOK_S
            self._is_store_degraded = self._feed.facts().get("store", "ok") != "ok"
        return self._is_store_degraded

    def _publish_status(self, now_s: float) -> None:
        silent_s = self._traffic.silent_s(now_s) if "unacknowledged" in self._problems.codes else None
        form = status_form(self._feed, self._settings, self._session, self._retained.document.pts, silent_s)
        form["problems"] = sorted(self._problems.codes)
        form["logs"] = self._traffic.logs()
        self._retained.publish(self._topics.status, _encode(form))
        self._status_t = float(form["t"])

    def _say(self, kind: str, **values: Any) -> None:
        self._feed.post(Notice(kind, self._feed.clock.monotonic_ns(), {"link": self.name, **values}))
