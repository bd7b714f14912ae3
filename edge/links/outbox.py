"""One log on its way upstream: what goes next, what came of it, what is parked."""

from __future__ import annotations

import logging
from typing import Final, Generic

import msgspec

from edge.core.batch import Origin
from edge.core.batch_forms import MAX_ENTRIES
from edge.core.ports import Entry, Reader
from edge.links.connection import NOBODY_LISTENS, NOT_AUTHORIZED, QUOTA_EXCEEDED, TOO_LARGE
from edge.links.cutter import Cutter, Prepared, TooLarge, Undated
from edge.links.suspects import Suspects
from edge.links.window import Shipment, Window

log = logging.getLogger(__name__)

DRAINING_FROM: Final = 16 * MAX_ENTRIES  # unsent entries from which the newest go first
NEWEST_S: Final = 1.0
REPEAT_ENTRIES: Final = 20  # a repeat only asks whether somebody is there
PAUSE_S: Final = 60.0
PAUSE_MOST_S: Final = 900.0
LEAST_PAYLOAD: Final = 512  # a broker that refuses messages as small as this is to blame, and not the entry in it
UNREADABLE_S: Final = 15.0  # a card that could not be read is tried again after this
LAST_SEQ: Final = 2**62


class Parcel(msgspec.Struct, frozen=True):
    """What to publish, and how to book it once it has a message id."""

    topic: str
    payload: bytes
    content_type: str
    shipment: Shipment
    is_alone: bool = False
    """Nothing else may be on its way with it."""


class Parked(msgspec.Struct, frozen=True):
    """An entry that will not be sent, and why."""

    seq: int
    why: str


class Outbox(Generic[Entry]):
    """The sending side of one log."""

    def __init__(
        self, consumer: str, topic: str, reader: Reader[Entry], cutter: Cutter[Entry], *, by_puback: bool
    ) -> None:
        self.topic = topic
        self.reader = reader
        self.window = Window(by_puback=by_puback)
        self.undated_boot: int | None = None
        """The start whose clock entry is missing, while it holds up the stream."""
        self.is_paused_by_acl = False
        self.is_paused_by_size = False
        """Whether the broker would not take so small a message that hardly any entry fits."""
        self.is_unreadable = False
        """Whether the card would not let the log be read, the last time that was tried."""
        self.alone: int | None = None
        """Message id of a suspect that nothing else may accompany."""
        self._consumer = consumer
        self._cutter = cutter
        self._undated_seq = 0
        self._undated_newest: int | None = None
        self._suspects = Suspects()
        self._parked: list[Parked] = []
        self._told = LAST_SEQ
        self._newest_s = 0.0
        self._pause_s = 0.0
        self._paused_until_s = 0.0
        self._stated_payload = cutter.max_payload

    # -- a connection begins and ends

    def begin(self, max_payload: int, now_s: float) -> None:
        """Start over on a new connection, from what the consumer told last; it may know less than the cursor says."""
        held = self.reader.first_seq() - 1
        cursor = self.reader.cursor(self._consumer)
        self.window.begin(max(min(cursor, self._told), min(cursor, held)), now_s)
        self._cutter.max_payload = self._stated_payload = max_payload
        self._newest_s = now_s - NEWEST_S
        self._paused_until_s = 0.0
        self.undated_boot = None
        self.alone = None

    def end(self, now_s: float, *, is_suspicious: bool) -> bool:
        """Take note that the connection is gone, perhaps for what was in flight; return whether anything was."""
        lost = self.window.end(now_s)
        self.alone = None
        if is_suspicious:
            for seq in self._suspects.accuse((shipment.first, shipment.last) for shipment in lost):
                self._park(seq, "parked")
        return bool(lost)

    # -- sending

    def next_parcel(self, origin: Origin, now_s: float, *, others_in_flight: bool) -> Parcel | None:
        """Return what is to be published now, or None. A card that can't be read is a state, and what waits waits."""
        if self.alone is not None or now_s < self._paused_until_s:
            return None
        try:
            parcel = self._next(origin, now_s, others_in_flight=others_in_flight)
        except OSError as exc:
            if not self.is_unreadable:
                log.error("%s: nothing can be sent: %s", self.topic, exc)
            self.is_unreadable, self._paused_until_s = True, now_s + UNREADABLE_S
            return None
        self.is_unreadable = False
        return parcel

    def _next(self, origin: Origin, now_s: float, *, others_in_flight: bool) -> Parcel | None:
        if self.window.tick(now_s):
            log.info("%s: the consumer has missed something, sending again from %d", self.topic, self.window.acked + 1)
        if now_s >= self.window.repeat_s() and self.window.is_unattended(now_s):
            return self._repeat(origin, now_s)
        if self._is_newest_due(now_s):
            start = max(self.reader.next_seq() - MAX_ENTRIES, self.window.top() + 1)
            oldest, self.undated_boot = self.undated_boot, None
            parcel = self._parcel(origin, start, LAST_SEQ, now_s)
            self._newest_s, self._undated_newest, self.undated_boot = now_s, self.undated_boot, oldest
            if parcel is not None:
                return parcel
        if not self.window.has_room(now_s):
            return None
        return self._backlog(origin, now_s, others_in_flight=others_in_flight)

    def _backlog(self, origin: Origin, now_s: float, *, others_in_flight: bool) -> Parcel | None:
        start = self.window.next_seq()
        if self._is_undated_still(start):
            return None
        self.undated_boot, self._undated_seq = None, start
        if start >= self.reader.next_seq():
            return None
        suspect = self._suspects.at(start)
        is_alone = suspect is not None and suspect.goes_alone
        if is_alone and (others_in_flight or self.window.flights):
            return None
        if suspect is not None and suspect.wants_proof:
            start = self._start_of_another(start)
            suspect = self._suspects.at(start)
        following = self.window.next_sent(start)
        end = LAST_SEQ if following is None else following - 1
        if suspect is not None:
            end = min(end, suspect.last)
        return self._parcel(origin, start, self._suspects.end_before(start, end), now_s, is_alone=is_alone)

    def _start_of_another(self, start: int) -> int:
        """Return where something begins that is not under suspicion like the entry at `start`; `start` if nothing."""
        seq, suspect = start, self._suspects.at(start)
        while suspect is not None and suspect.wants_proof:
            seq = self.window.next_unsent(suspect.last + 1)
            suspect = self._suspects.at(seq)
        return seq if seq < self.reader.next_seq() else start

    def _is_undated_still(self, start: int) -> bool:
        """Return whether the entry with this seq was found undated and still is, without reading the card again."""
        boot = self.undated_boot
        is_same = start == self._undated_seq and start >= self.reader.first_seq()
        return boot is not None and is_same and self._cutter.is_undated(boot)

    def _repeat(self, origin: Origin, now_s: float) -> Parcel | None:
        self.window.repeated(now_s)
        return self._parcel(origin, self.window.acked + 1, LAST_SEQ, now_s, REPEAT_ENTRIES, is_repeat=True)

    def _is_newest_due(self, now_s: float) -> bool:
        if now_s - self._newest_s < NEWEST_S or self._suspects:
            return False
        if self._undated_newest is not None and self._cutter.is_undated(self._undated_newest):
            return False
        start = self.window.next_seq()
        if start < self.reader.first_seq():
            return False  # why that range is gone is declared first: `first` alone tells only that it is
        return self.reader.next_seq() - start > DRAINING_FROM

    def _parcel(
        self, origin: Origin, start: int, end: int, now_s: float, most: int = MAX_ENTRIES,
        *, is_repeat: bool = False, is_alone: bool = False,
    ) -> Parcel | None:  # fmt: skip
        outcome = self._cutter.prepare(origin, start, end, most)
        while isinstance(outcome, TooLarge):
            if self._cutter.max_payload < LEAST_PAYLOAD:
                self._pause_by_size(now_s)
                return None
            self._park(outcome.seq, "too_large")
            outcome = self._cutter.prepare(origin, start, end, most)
        if isinstance(outcome, Undated):
            self.undated_boot = outcome.boot
            return None
        if not isinstance(outcome, Prepared):
            return None
        shipment = Shipment(outcome.first, outcome.last, len(outcome.payload), is_repeat)
        return Parcel(self.topic, outcome.payload, outcome.content_type, shipment, is_alone)

    def shipped(self, mid: int, parcel: Parcel, now_s: float) -> None:
        """Take note of the message id that a parcel got."""
        if parcel.is_alone:
            self.alone = mid
        self.window.shipped(mid, parcel.shipment, now_s)

    # -- what comes back

    def puback(self, mid: int, reason: int, now_s: float) -> bool:
        """Take the broker's receipt or refusal; return whether the message was one of this log."""
        if mid == self.alone:
            self.alone = None
        if reason >= 0x80:
            shipment = self.window.refused(mid)
            if shipment is None:
                return False
            self._refused(shipment, reason, now_s)
            return True
        shipment = self.window.puback(mid, now_s, is_heard=reason != NOBODY_LISTENS)
        if shipment is None:
            return False
        self._pause_s = 0.0
        self.is_paused_by_acl = self.is_paused_by_size = False
        if self._suspects:
            self._suspects.clear(shipment.first, shipment.last)
            self._suspects.took_another()
        self._acknowledge()
        return True

    def _refused(self, shipment: Shipment, reason: int, now_s: float) -> None:
        if reason == TOO_LARGE:
            if shipment.size < LEAST_PAYLOAD and shipment.first == shipment.last:
                self._pause_by_size(now_s)
            elif shipment.first == shipment.last:
                self._park(shipment.first, "too_large")
            else:  # this limit is not in CONNACK: it is found by halving
                self._cutter.max_payload = max(shipment.size // 2, 64)
            return
        if reason not in {NOT_AUTHORIZED, QUOTA_EXCEEDED}:
            for seq in self._suspects.accuse([(shipment.first, shipment.last)]):
                self._park(seq, "parked")
        self._pause(PAUSE_S if reason in {NOT_AUTHORIZED, QUOTA_EXCEEDED} else 1.0, now_s)
        self.is_paused_by_acl = reason == NOT_AUTHORIZED

    def _pause(self, least_s: float, now_s: float) -> None:
        """Send nothing for a while, longer each time."""
        self._pause_s = min(max(2 * self._pause_s, least_s), PAUSE_MOST_S)
        self._paused_until_s = now_s + self._pause_s

    def _pause_by_size(self, now_s: float) -> None:
        """Wait for somebody to raise the broker's limit; then it is found anew."""
        self._pause(PAUSE_S, now_s)
        self.is_paused_by_size = True
        self._cutter.max_payload = self._stated_payload

    def acknowledged(self, seq: int, now_s: float) -> bool:
        """Take the consumer's word for `seq`; return True when it knows less than was acknowledged before."""
        if seq >= self.reader.next_seq():
            return False
        falls_back = self.window.acknowledge(seq, self.reader.first_seq(), now_s)
        self._told = self.window.acked
        self._acknowledge()
        return falls_back

    def _acknowledge(self) -> None:
        acked = self.window.acked
        if acked > self.reader.cursor(self._consumer):
            self.reader.acknowledge(self._consumer, acked)
            if self._suspects:
                self._suspects.clear_up_to(acked)
            for seq in [seq for seq in self._cutter.parked if seq <= acked]:
                del self._cutter.parked[seq]

    # -- what others ask

    def _park(self, seq: int, why: str) -> None:
        self._cutter.parked[seq] = why
        self._parked.append(Parked(seq, why))

    def take_parked(self) -> list[Parked]:
        """Return and forget what was parked since the last call."""
        parked, self._parked = self._parked, []
        return parked

    def waiting(self) -> int:
        """Return how many entries the consumer has not acknowledged."""
        return max(self.reader.next_seq() - 1 - self.window.acked, 0)

    def due_s(self, now_s: float) -> float:
        """Return when something goes by time alone."""
        due = min(self.window.stalled_s(), self.window.repeat_s())
        if self._paused_until_s > now_s:
            return self._paused_until_s
        if self.undated_boot is not None:
            due = min(due, now_s + 5.0)
        return due
