"""The reference consumer: takes batches from the broker, stores each entry once, commits, and only then acknowledges.

All that one look at the socket brings is one transaction. An acknowledgement goes out for every stream that was heard,
also when nothing in it was new; and when a box's status is seen, so that a box which has been waiting starts at once.
"""

from __future__ import annotations

import logging
import random
import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec

from edge.core.batch_forms import ROOT, Ack, Batch, EventPack, Topics, box_and_leaf
from edge.core.batch_parse import BatchError, parse_document, parse_events, parse_records
from edge.core.types import NEVER
from edge.links.backoff import Backoff
from edge.links.connection import Connected, Connection, Happening, Lost, Message, PubAck, Refused, SubAck
from edge.links.refusals import CODES
from edge.upstream.ledger import Ledger, Stored
from edge.upstream.twins import Twins

log = logging.getLogger(__name__)

OPEN_S: Final = 20.0
TICK_S: Final = 10.0
FULL_S: Final = 0.02
STEADY_S: Final = 10.0  # a connection this old was no fluke: the next failure waits the shortest pause again
FAILED_S: Final = 5.0  # after a database that could not be written
LEAVES: Final = ("up/points", "up/status", "up/ev", "up/m")  # what explains comes before what it explains

_encode = msgspec.json.Encoder().encode


class Seen(msgspec.Struct):
    """What is known of a box beside what is stored."""

    points: int = 0
    status: dict[str, Any] = {}


class _Parsed(msgspec.Struct):
    box: str
    leaf: str
    form: Batch | EventPack | dict[str, Any]

    def streams(self) -> list[tuple[str, str]]:
        """The streams to acknowledge: a batch's own, and all that a status names."""
        if isinstance(self.form, Batch | EventPack):
            return [(self.box, self.form.stream)]
        streams = self.form.get("streams") if self.leaf == "up/status" else None
        names = streams.values() if isinstance(streams, dict) else ()
        return [(self.box, name) for name in names if isinstance(name, str)]


class Receiver:
    """A worker like a link: `step` when its socket has news or something is due."""

    name = "receive"

    def __init__(
        self,
        connection: Connection,
        ledger: Ledger,
        utc_ms: Callable[[], int],
        *,
        boxes: tuple[str, ...] = (),
        on_stored: Callable[[str, Batch | EventPack | dict[str, Any], Stored], None] | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self.ledger = ledger
        self.seen: dict[str, Seen] = {}
        self.state = "down"
        self.code = ""
        self.refused = 0
        """Payloads that could not be taken."""
        self.twins = Twins()
        self._connection = connection
        self._utc_ms = utc_ms
        self._boxes = boxes or ("+",)
        self._on_stored = on_stored
        self._backoff = Backoff(dice or random.Random())  # noqa: S311 - jitter of a back-off, no secret
        self._next_s = 0.0
        self._since_s = 0.0
        self._complained: set[str] = set()
        self._most = 1
        """Messages that the broker takes before it has confirmed one (its Receive Maximum)."""
        self._on_their_way: set[int] = set()
        self._unsaid: dict[tuple[str, str], None] = {}
        """Boxes and streams to acknowledge, as soon as the broker takes it."""

    # -- the worker

    def step(self, now_s: float) -> float:
        """Take what has come, store and acknowledge it; connect when due."""
        if self.state in {"opening", "up"}:
            self._take(self._connection.poll(), now_s)
        if self.state == "opening" and now_s >= self._next_s:
            self._go_down("silent", "", now_s)
        if self.state == "down" and now_s >= self._next_s:
            self.state, self._next_s = "opening", now_s + OPEN_S
            self._connection.open(None)
        if self.state == "down":
            return self._next_s
        if self.state == "closed":
            return NEVER
        return now_s + (FULL_S if self._connection.is_writing() else TICK_S)

    def filenos(self) -> list[int]:
        """Return the connection's descriptors."""
        return self._connection.filenos()

    def close(self) -> None:
        """Hang up and close the database."""
        self._connection.close()
        self.state = "closed"
        self.ledger.close()

    # -- what comes

    def _take(self, happened: list[Happening], now_s: float) -> None:
        messages = [happening for happening in happened if isinstance(happening, Message)]
        for happening in happened:
            if isinstance(happening, Connected):
                self.state, self.code, self._since_s = "up", "", now_s
                self._most = max(1, happening.receive_max)
                self._on_their_way.clear()
                self._unsaid.clear()
                topics = [f"{ROOT}/{box}/{leaf}" for box in self._boxes for leaf in LEAVES]
                self._connection.subscribe(topics)
            elif isinstance(happening, PubAck):
                self._on_their_way.discard(happening.mid)
            elif isinstance(happening, Refused | Lost):
                if isinstance(happening, Lost) and now_s - self._since_s >= STEADY_S:
                    self._backoff.reset()
                self._go_down(happening.code, happening.text, now_s)
            elif isinstance(happening, SubAck) and any(reason >= 0x80 for reason in happening.reasons):
                self._complain("acl", "the broker's ACL does not let us read up/#")
        if messages:
            self._store(messages, now_s)
        self._send_acknowledgements()

    def _go_down(self, code: str, text: str, now_s: float) -> None:
        self._connection.close()
        if code != self.code:  # said once, not at each try
            log.warning("no connection: %s (%s)", CODES.get(code, code), text)
        self.state, self.code = "down", code
        self._next_s = now_s + self._backoff.next_s()

    def _store(self, messages: list[Message], now_s: float) -> None:
        """Store all messages in one transaction, then acknowledge every stream that was heard."""
        parsed = [one for one in map(self._parsed, messages) if one is not None]
        if not parsed:
            return
        try:
            with self.ledger:
                stored = [(one, self._kept(one)) for one in parsed]
        except sqlite3.OperationalError as exc:
            # nothing is acknowledged: the box will send it again
            log.error("the database can't be written: %s", exc)
            self._go_down("database", str(exc), now_s)
            self._next_s = now_s + FAILED_S
            return
        except (ValueError, OverflowError, sqlite3.Error) as exc:
            if len(messages) > 1:  # one of them cannot be stored: the others must not suffer for it
                for message in messages:
                    self._store([message], now_s)
            else:
                self._refuse(messages[0].topic, exc)
            return
        self._unsaid.update(dict.fromkeys(stream for one in parsed for stream in one.streams()))
        for one, kept in stored:
            if kept is not None and isinstance(one.form, Batch | EventPack):
                self._look_for_twin(one.box, one.form, kept)
                self._look_for_copy(one.box, one.form, kept)
        if self._on_stored is not None:
            for one, kept in stored:
                if kept is not None:
                    self._on_stored(one.box, one.form, kept)

    def _look_for_twin(self, box: str, form: Batch | EventPack, kept: Stored) -> None:
        if self.twins.stored(box, form, kept.entries, self._utc_ms()):
            log.error(
                "duplicate_id: two boxes use the id %s: their streams take turns; all of both is stored. Give one of"
                " them another id",
                box,
            )

    def _look_for_copy(self, box: str, form: Batch | EventPack, kept: Stored) -> None:
        if kept.clash:
            until = self.ledger.settled(box, form.stream)
            self._complain(
                f"{box} {form.stream}",
                f"{box}: stream {form.stream} sends other entries under numbers that are stored (such as {kept.clash}):"
                f" an older copy of its card runs. Up to {until} none of them is stored. Let it begin new streams:"
                " docs/backup.md, A copied card",
            )

    def _send_acknowledgements(self) -> None:
        """Say of each stream that was heard how far it is stored, as many at once as the broker takes."""
        while self._unsaid and self.state == "up" and len(self._on_their_way) < self._most:
            box, stream = next(iter(self._unsaid))
            del self._unsaid[box, stream]
            ack = Ack(stream, self.ledger.settled(box, stream))
            mid = self._connection.publish(Topics(box).ack, _encode(ack))
            if mid:
                self._on_their_way.add(mid)

    def _parsed(self, message: Message) -> _Parsed | None:
        place = box_and_leaf(message.topic)
        if place is None or not message.payload:
            return None
        box, leaf = place
        form: Batch | EventPack | dict[str, Any]
        try:
            if leaf == "up/m":
                form = parse_records(message.payload, message.content_type)
            elif leaf == "up/ev":
                form = parse_events(message.payload, message.content_type)
            else:
                form = parse_document(message.payload)
            said = form.get("box") if isinstance(form, dict) else form.box
            if said != box:  # the broker's ACL guards the topic, not the payload
                raise BatchError(f"box {said!r} stands in a message on the topic of {box!r}")
        except BatchError as exc:
            self._refuse(message.topic, exc)
            return None
        return _Parsed(box, leaf, form)

    def _kept(self, one: _Parsed) -> Stored | None:
        form = one.form
        if isinstance(form, Batch):
            return self.ledger.records(one.box, form, self._utc_ms())
        if isinstance(form, EventPack):
            return self.ledger.events(one.box, form, self._utc_ms())
        seen = self.seen.setdefault(one.box, Seen())
        if one.leaf == "up/points":
            seen.points = self.ledger.points(one.box, form)
        else:
            seen.status = form
        return None

    def _refuse(self, topic: str, error: Exception) -> None:
        self.refused += 1
        self._complain(topic, f"{topic}: not taken: {error}")

    def _complain(self, about: str, text: str) -> None:
        if about not in self._complained:
            self._complained.add(about)
            log.error("%s", text)
