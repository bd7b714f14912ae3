"""Which entries of one log are on their way, which were acknowledged, and what must go again: arithmetic only.

PUBACK says that the broker has a batch, the acknowledgement that the consumer has stored it. While a consumer answers,
the window counts what it has not acknowledged; when nobody does, it counts PUBACKs, so that each batch goes once.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.core.batch_forms import MAX_ENTRIES
from edge.core.intervals import Intervals
from edge.core.types import NEVER

BATCHES: Final = 64  # enough to hide a round trip behind Nagle and delayed acknowledgements
PATIENCE_S: Final = 10.0  # without an acknowledgement for so long, nobody is there to give one
STALLED_S: Final = 5.0  # a consumer that answers but doesn't get on has missed something
STALLED_MOST_S: Final = 900.0
REPEAT_S: Final = 900.0  # nobody there: the oldest batch is repeated, later and later
REPEAT_MOST_S: Final = 14_400.0
BACK_S: Final = 60.0  # between two falls back to a consumer that knows less than another


class Shipment(msgspec.Struct):
    """One batch on its way: it settles the seqs first..last, a declared gap included."""

    first: int
    last: int
    size: int
    is_repeat: bool = False


class Window:
    """The state of one log on one link. All instants are monotonic seconds."""

    def __init__(self, *, by_puback: bool = False) -> None:
        self.acked = 0
        self.flights: dict[int, Shipment] = {}
        """Published and without PUBACK yet, by message id."""
        self._by_puback = by_puback
        self._sent = Intervals()
        self._settled = Intervals()
        self._unheard = Intervals()
        """Sent while the broker said that nobody listens."""
        self._carried_s = 0.0
        self._forget(0.0)
        self._back_wait_s = 0.0
        self._back_allowed_s = 0.0

    def _forget(self, now_s: float) -> None:
        self.silent_since_s: float | None = None
        self._heard_s = -1.0
        self._head_s = now_s
        self._stall_wait_s = STALLED_S
        self._repeat_wait_s = REPEAT_S
        self._repeat_at_s = NEVER

    # -- a connection begins and ends

    def begin(self, acked: int, now_s: float) -> None:
        """Start over on a new connection: whatever lies beyond what the consumer told last goes again."""
        self.acked = acked
        self.flights.clear()
        self._sent, self._settled, self._unheard = Intervals(), Intervals(), Intervals()
        self._forget(now_s)

    def end(self, now_s: float) -> list[Shipment]:
        """Return what was on its way when the connection ended."""
        if self.silent_since_s is not None:
            self._carried_s = now_s - self.silent_since_s
        lost = list(self.flights.values())
        self.flights.clear()
        return lost

    # -- what may go

    def next_seq(self) -> int:
        """Return the oldest seq that is neither acknowledged nor sent."""
        return self._sent.first_free(self.acked + 1)

    def next_unsent(self, seq: int) -> int:
        """Return the first seq from this one on that was not sent."""
        return self._sent.first_free(seq)

    def next_sent(self, seq: int) -> int | None:
        """Return where the next range that was already sent begins, or None: a batch must end before it."""
        return self._sent.next_start(seq)

    def top(self) -> int:
        """Return the highest seq sent or acknowledged."""
        return max(self._sent.end(), self.acked)

    def has_room(self, now_s: float) -> bool:
        """Return whether a consumer that answers can take another batch; always when nobody answers."""
        if self._by_puback or self.is_unattended(now_s):
            return True
        return self.top() == self.acked or self._unacknowledged() < BATCHES * MAX_ENTRIES

    def _unacknowledged(self) -> int:
        return len(self._sent)

    def is_unattended(self, now_s: float) -> bool:
        """Return whether batches reach the broker and nobody acknowledges them."""
        return self.silent_s(now_s) > PATIENCE_S

    def silent_s(self, now_s: float) -> float:
        """Return for how long PUBACKs have come without an acknowledgement; 0 when all is well."""
        return 0.0 if self.silent_since_s is None else now_s - self.silent_since_s

    # -- what happens

    def shipped(self, mid: int, shipment: Shipment, now_s: float) -> None:
        """Take note of a publish."""
        self.flights[mid] = shipment
        if shipment.first <= self.acked + 1 <= shipment.last:
            self._head_s = now_s
        self._sent.add(max(shipment.first, self.acked + 1), shipment.last)

    def puback(self, mid: int, now_s: float, *, is_heard: bool = True) -> Shipment | None:
        """Take note of the broker's receipt, and whether anybody listened; None when the id is not ours."""
        shipment = self.flights.pop(mid, None)
        if shipment is None:
            return None
        if not is_heard:
            self._unheard.add(shipment.first, shipment.last)
        if self._by_puback:
            self._settled.add(shipment.first, shipment.last)
            self._advance(self._settled.first_free(self.acked + 1) - 1, now_s)
        elif shipment.last > self.acked and self.silent_since_s is None:
            self.silent_since_s = now_s - self._carried_s
            self._repeat_at_s = now_s + self._repeat_wait_s
        if shipment.first <= self.acked + 1 <= shipment.last:
            self._head_s = now_s
        return shipment

    def refused(self, mid: int) -> Shipment | None:
        """Take note that the broker did not take a batch: its seqs are to be sent again."""
        shipment = self.flights.pop(mid, None)
        if shipment is not None and not shipment.is_repeat:
            self._sent.remove(shipment.first, shipment.last)
        return shipment

    def acknowledge(self, seq: int, first_held: int, now_s: float) -> bool:
        """Take a consumer's word that it has everything up to `seq`; return whether it is a fall back.

        A consumer that knows less than was acknowledged before has lost its store, or is a second one: it gets what
        is still held, once at once and then at most each minute, twice that, …, so that two cannot play ping-pong.
        """
        self._heard_s = now_s
        self._carried_s = 0.0
        for first, last in self._unheard:  # somebody is there now: what nobody heard goes again at once
            self._sent.remove(first, last)
        self._unheard = Intervals()
        floor = seq if seq >= self.acked else max(seq, min(self.acked, first_held - 1))
        falls_back = floor < self.acked
        if falls_back:
            if now_s < self._back_allowed_s:
                return True
            self._back_wait_s = min(max(2 * self._back_wait_s, BACK_S), STALLED_MOST_S)
            self._back_allowed_s = now_s + self._back_wait_s
            self.acked = floor
            self._send_again(now_s)
        elif floor > self.acked:
            self._advance(floor, now_s)
        self.silent_since_s = None if self.top() <= self.acked else now_s
        self._repeat_wait_s = REPEAT_S
        self._repeat_at_s = NEVER if self.silent_since_s is None else now_s + REPEAT_S
        return falls_back

    def _advance(self, seq: int, now_s: float) -> None:
        if seq > self.acked:
            self.acked = seq
            self._sent.remove(1, seq)
            self._settled.remove(1, seq)
            self._head_s = now_s
            self._stall_wait_s = STALLED_S

    def _send_again(self, now_s: float) -> None:
        """Forget what was sent beyond the acknowledged, except what is still on its way."""
        self._sent = Intervals(
            (max(flight.first, self.acked + 1), flight.last)
            for flight in self.flights.values()
            if flight.last > self.acked
        )
        self._head_s = now_s

    # -- what comes by time

    def tick(self, now_s: float) -> bool:
        """Return True when a consumer that answers has missed something, and everything unacknowledged goes again."""
        if self._by_puback or now_s < self.stalled_s():
            return False
        self._send_again(now_s)
        self._stall_wait_s = min(2 * self._stall_wait_s, STALLED_MOST_S)
        return True

    def stalled_s(self) -> float:
        """Return when a consumer that doesn't get on will be taken to have missed something; NEVER when it does."""
        head = self.acked + 1
        if self._by_puback or self._heard_s < self._head_s or head not in self._sent:
            return NEVER
        if any(flight.first <= head <= flight.last for flight in self.flights.values()):
            return NEVER
        return self._head_s + self._stall_wait_s

    def repeat_s(self) -> float:
        """Return when the oldest batch is to be repeated because nobody answers; NEVER when somebody does."""
        return NEVER if self._by_puback or self.silent_since_s is None else self._repeat_at_s

    def repeated(self, now_s: float) -> None:
        """Take note that the oldest batch was repeated: the next time comes later."""
        self._repeat_wait_s = min(2 * self._repeat_wait_s, REPEAT_MOST_S)
        self._repeat_at_s = now_s + self._repeat_wait_s
