"""The logs of all boxes on one MQTT connection: `up/m` and `up/ev` with `"via":"sms"`, and `down/ack` that moves them.

Each stream has its own outbox and window, as on a box; what is under way on the connection is limited for all together.
`up/points` of a box is published from its schema unless the box has said its own: then the box's stays.
"""

from __future__ import annotations

import logging
import random
from typing import Any, Final

from edge.core.batch import Origin, encode_events, encode_records
from edge.core.batch_forms import Topics, box_and_leaf
from edge.core.batch_parse import BatchError, parse_ack, parse_document
from edge.core.batch_points import PointsDocument
from edge.core.types import NEVER
from edge.links.backoff import Backoff
from edge.links.connection import Connected, Connection, Happening, Lost, Message, PubAck, Refused, SubAck
from edge.links.cutter import PACKET_OVERHEAD, Cutter
from edge.links.outbox import Outbox
from edge.links.refusals import CODES
from edge.links.window import BATCHES
from edge.upstream.gateway import Gateway
from edge.upstream.gateway_log import StreamReader, dating
from edge.upstream.gateway_points import VIA, is_ours, points_of

OPEN_S: Final = 20.0
FULL_S: Final = 0.02
LOOK_S: Final = 1.0  # what the gateway wrote since
STEADY_S: Final = 10.0
RETAINED_S: Final = 3.0  # what the broker has retained of a box comes within this
NO_LIMIT: Final = 2**28
REFUSED: Final = 0x80
SUSPICIOUS: Final = frozenset({"closed", "too_large", "protocol"})

log = logging.getLogger(__name__)


class _Line:
    """One stream on its way, and its reader."""

    def __init__(self, reader: StreamReader[Any], name: str) -> None:
        self.reader = reader
        topics = Topics(reader.box)
        self.topic = topics.records if reader.log == "m" else topics.events
        cutter: Cutter[Any]
        if reader.log == "m":
            cutter = Cutter(reader, lambda record: record.start_ms, encode_records, dating(), "json")
        else:
            cutter = Cutter(reader, lambda event: event.at_ms, encode_events, dating(), "json")
        self.outbox: Outbox[Any] = Outbox(name, self.topic, reader, cutter, by_puback=False)


class Publisher:
    """A worker beside the gateway, on the same thread."""

    name = "gateway-broker"

    def __init__(self, gateway: Gateway, connection: Connection, dice: random.Random | None = None) -> None:
        self._gateway = gateway
        self._connection = connection
        self._backoff = Backoff(dice or random.Random())  # noqa: S311 - jitter of a back-off, no secret
        self._lines: dict[int, _Line] = {}
        self._mids: dict[int, _Line] = {}
        self._others: set[int] = set()
        self._asked: dict[str, float] = {}
        """Boxes whose topics are subscribed, and since when."""
        self._theirs: set[str] = set()
        """Boxes that have said their points themselves."""
        self._told: dict[str, str] = {}
        self._documents: dict[str, PointsDocument] = {}
        self._limits = Connected()
        self._turn = 0
        self._state = "down"
        self._code = ""
        self._next_s = self._since_s = self._look_s = 0.0
        self.silent: set[str] = set()
        """Boxes whose consumer does not answer: said once."""

    # -- the worker

    def step(self, now_s: float) -> float:
        """Take what happened, connect when due, publish what may go; return when to be called again."""
        if self._state in {"opening", "up"}:
            for happening in self._connection.poll():
                self._take(happening, now_s)
        if self._state == "opening" and now_s >= self._next_s:
            self._go_down("silent", "", now_s)
        if self._state == "down":
            if now_s < self._next_s:
                return self._next_s
            self._state, self._next_s = "opening", now_s + OPEN_S
            self._connection.open(None)
        elif self._state == "up":
            if now_s >= self._look_s or self._gateway.wake:
                self._look_s = now_s + LOOK_S
                self._look(now_s)
            self._pump(now_s)
        if self._state == "closed":
            return NEVER
        return now_s + (FULL_S if self._connection.is_writing() else LOOK_S)

    def filenos(self) -> list[int]:
        """Return the connection's descriptors."""
        return self._connection.filenos()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
        self._state = "closed"

    def waiting(self) -> int:
        """Return how many entries the consumer has not acknowledged."""
        return sum(line.outbox.waiting() for line in self._lines.values())

    # -- the connection's life

    def _take(self, happening: Happening, now_s: float) -> None:
        if isinstance(happening, Connected):
            self._connected(happening, now_s)
        elif isinstance(happening, PubAck):
            self._puback(happening, now_s)
        elif isinstance(happening, Message):
            self._message(happening, now_s)
        elif isinstance(happening, Refused | Lost):
            if isinstance(happening, Lost):
                is_suspicious = happening.by_peer and happening.code in SUSPICIOUS
                for line in self._lines.values():
                    line.outbox.end(now_s, is_suspicious=is_suspicious)
                if now_s - self._since_s >= STEADY_S:
                    self._backoff.reset()
            self._go_down(happening.code, happening.text, now_s)
        elif isinstance(happening, SubAck) and any(reason >= REFUSED for reason in happening.reasons):
            log.error("the broker's ACL does not let the gateway read down/ack or up/points of a box")

    def _connected(self, limits: Connected, now_s: float) -> None:
        self._state, self._code, self._since_s, self._limits = "up", "", now_s, limits
        self._mids.clear()
        self._others.clear()
        self._asked.clear()
        self._theirs.clear()
        self._told.clear()
        for line in self._lines.values():
            line.outbox.begin(self._max_payload(line), now_s)
        self._look(now_s)

    def _max_payload(self, line: _Line) -> int:
        return (self._limits.max_packet or NO_LIMIT) - PACKET_OVERHEAD - len(line.topic)

    def _go_down(self, code: str, text: str, now_s: float) -> None:
        self._connection.close()
        if code != self._code:  # said once, not at each try
            log.warning("no connection to the broker: %s (%s)", CODES.get(code, code), text)
        self._state, self._code = "down", code
        self._next_s = now_s + self._backoff.next_s()

    # -- what the gateway wrote

    def _look(self, now_s: float) -> None:
        """Take the streams as they are now; subscribe for boxes that are new."""
        fresh: list[str] = []
        for stream in self._gateway.log.streams():
            line = self._lines.get(stream.row)
            if line is None:
                line = self._lines[stream.row] = _Line(self._gateway.log.reader(stream), self.name)
                line.outbox.begin(self._max_payload(line), now_s)
            line.reader.refresh(stream)
            if stream.box not in self._asked:
                self._asked[stream.box] = now_s
                fresh.append(stream.box)
            self._documents.pop(stream.box, None)
        if fresh:
            topics = [topic for box in fresh for topic in (Topics(box).ack, Topics(box).points)]
            self._connection.subscribe(topics)

    def _document(self, box: str) -> PointsDocument:
        found = self._documents.get(box)
        if found is None:
            kept = self._gateway.store.box(box)
            site = "" if kept is None else kept.site
            found = self._documents[box] = points_of(box, site, self._gateway.reports.schemas.newest(box))
        return found

    # -- sending

    def _pump(self, now_s: float) -> None:
        """Publish what may go, the boxes in turn."""
        lines = [line for line in self._lines.values() if line.outbox.waiting()]
        if not lines:
            return
        self._turn += 1
        start = self._turn % len(lines)
        for line in lines[start:] + lines[:start]:
            box = line.reader.box
            if box not in self._theirs and now_s - self._asked[box] < RETAINED_S:
                continue  # the box's own points may be under way
            if not self._tells_points(box) or not self._sends(line, now_s):
                return

    def _tells_points(self, box: str) -> bool:
        """Say what explains the batches, first; False when the connection takes no more."""
        document = self._document(box)
        if box in self._theirs or self._told.get(box) == document.pts:
            return True
        if self._is_full():
            return False
        mid = self._connection.publish(Topics(box).points, document.body, retain=True)
        if mid:
            self._others.add(mid)
            self._told[box] = document.pts
        return mid != 0

    def _sends(self, line: _Line, now_s: float) -> bool:
        document = self._document(line.reader.box)
        origin = Origin(line.reader.box, line.reader.stream, document.pts, document.units, via=VIA)
        while not self._is_full():
            is_busy = len(self._mids) > len(line.outbox.window.flights)
            parcel = line.outbox.next_parcel(origin, now_s, others_in_flight=is_busy)
            for parked in line.outbox.take_parked():
                log.error("%s: %s seq %d can't be sent (%s)", line.reader.box, line.topic, parked.seq, parked.why)
            if parcel is None:
                return True
            mid = self._connection.publish(parcel.topic, parcel.payload, content_type=parcel.content_type)
            if not mid:
                return False  # the connection has just gone; poll will say so
            line.outbox.shipped(mid, parcel, now_s)
            self._mids[mid] = line
        return False

    def _is_full(self) -> bool:
        most = max(1, min(BATCHES, self._limits.receive_max))
        return len(self._mids) + len(self._others) >= most or self._connection.is_writing()

    # -- what comes back

    def _puback(self, puback: PubAck, now_s: float) -> None:
        self._others.discard(puback.mid)
        line = self._mids.pop(puback.mid, None)
        if line is not None:
            line.outbox.puback(puback.mid, puback.reason, now_s)

    def _message(self, message: Message, now_s: float) -> None:
        place = box_and_leaf(message.topic)
        if place is None or not message.payload:
            return
        box, leaf = place
        try:
            if leaf == "up/points":
                if not is_ours(parse_document(message.payload)):
                    self._theirs.add(box)
            elif leaf == "down/ack" and not message.retained:
                self._acknowledged(box, message.payload, now_s)
        except BatchError as exc:
            log.warning("%s: not taken: %s", message.topic, exc)

    def _acknowledged(self, box: str, payload: bytes, now_s: float) -> None:
        ack = parse_ack(payload)
        for line in self._lines.values():
            if line.reader.box == box and line.reader.stream == ack.stream:
                before = line.reader.cursor(self.name)
                line.outbox.acknowledged(ack.seq, now_s)
                if line.reader.cursor(self.name) > before:
                    self._gateway.wake = True
