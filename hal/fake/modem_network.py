"""A mobile network between any number of phones: it loses, doubles, delays and reorders by a seed, in any clock's time.

Whoever calls `step(now_s)` says what time it is: the real one behind modems on pseudo-terminals, a virtual one between
mailboxes in memory. What phones are handed, and when, depends on seed, order of sending and time alone.
"""

from __future__ import annotations

import heapq
import math
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from hal.fake.modem_pdu import Content, content_of

RETRY_S: Final = 30.0
"""A phone that is off or full is tried again this often."""
DELIVERED: Final = 0
EXPIRED: Final = 0x46
Deliver: TypeAlias = Callable[[str, Content, float], object]
"""Sender, content, the service centre's UTC in s; False: not now (off, no room)."""
Told: TypeAlias = Callable[[int, float, float], None]
"""TP-Status, UTC when it was taken, UTC when it was settled."""


class NoCreditError(Exception):
    """A subscriber whose credit is used up."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the network took, and billed."""

    sender: str
    to: str
    content: Content
    at_s: float


@dataclass(order=True, slots=True)
class _Flight:
    due_s: float
    serial: int
    taken: Taken = field(compare=False)
    expires_s: float = field(compare=False)
    told: Told | None = field(compare=False)


class Network:
    """`send` may be called from any thread; phones are handed theirs by who calls `step`."""

    def __init__(
        self,
        seed: int = 0,
        *,
        delay_s: tuple[float, float] = (0.0, 0.0),
        loss: float = 0.0,
        duplication: float = 0.0,
        epoch_s: float = 0.0,
        quarters: int = 0,
    ) -> None:
        self.delay_s = delay_s
        """Each copy takes a time drawn between these: what is far apart comes in any order."""
        self.loss = loss
        """Share of messages that never arrive."""
        self.duplication = duplication
        """Share that arrives twice."""
        self.epoch_s = epoch_s
        """UTC = this + now_s."""
        self.quarters = quarters
        """The service centre's zone, in quarters of an hour east of UTC."""
        self.centre = "+33600009000"
        self.credit: dict[str, int] = {}
        """Messages left, of those who have a limit."""
        self.taken: list[Taken] = []
        self.counts: Counter[str] = Counter()
        """taken, lost, doubled, delivered, refused (by a phone, each time), expired."""
        self._chance = random.Random(seed)
        self._phones: dict[str, Deliver] = {}
        self._flights: list[_Flight] = []
        self._serial = 0
        self._lock = threading.Lock()

    def attach(self, number: str, deliver: Deliver) -> None:
        """Let a phone in under its number; the one before under that number is out."""
        self._phones[number] = deliver

    def detach(self, number: str) -> None:
        """Let it go; what comes for it waits until its validity is over."""
        self._phones.pop(number, None)

    def send(
        self,
        sender: str,
        to: str,
        what: str | bytes | Content,
        now_s: float,
        valid_s: float = 172_800.0,
        told: Told | None = None,
    ) -> None:
        """Take a message; `sender` may be a name. Raises NoCreditError, and PduError for what fits no message."""
        taken = Taken(sender, to, content_of(what), now_s)
        with self._lock:
            left = self.credit.get(sender)
            if left is not None:
                if left <= 0:
                    raise NoCreditError(f"{sender} has no credit")
                self.credit[sender] = left - 1
            self.taken.append(taken)
            self.counts["taken"] += 1
            if self._chance.random() < self.loss:
                self.counts["lost"] += 1
                return
            copies = 1 + (self._chance.random() < self.duplication)
            if copies > 1:
                self.counts["doubled"] += 1
            for _ in range(copies):
                self._fly(taken, now_s + self._chance.uniform(*self.delay_s), now_s + valid_s, told)
                told = None  # one receipt for all copies

    def _fly(self, taken: Taken, due_s: float, expires_s: float, told: Told | None) -> None:
        self._serial += 1
        heapq.heappush(self._flights, _Flight(due_s, self._serial, taken, expires_s, told))

    @property
    def in_flight(self) -> int:
        """Copies that have not arrived yet."""
        return len(self._flights)

    def step(self, now_s: float) -> float:
        """Hand over what is due; return when something will be."""
        while True:
            with self._lock:
                if not self._flights or self._flights[0].due_s > now_s:
                    return self._flights[0].due_s if self._flights else math.inf
                flight = heapq.heappop(self._flights)
            self._arrive(flight, now_s)

    def _arrive(self, flight: _Flight, now_s: float) -> None:
        taken = flight.taken
        stamp_s = self.epoch_s + taken.at_s
        phone = self._phones.get(taken.to)
        is_valid = flight.due_s <= flight.expires_s
        if is_valid and phone is not None and phone(taken.sender, taken.content, stamp_s) is not False:
            self._settle(flight, "delivered", DELIVERED, now_s)
        elif now_s + RETRY_S > flight.expires_s:
            self._settle(flight, "expired", EXPIRED, now_s)
        else:
            if phone is not None:
                self.counts["refused"] += 1
            with self._lock:
                self._fly(taken, now_s + RETRY_S, flight.expires_s, flight.told)

    def _settle(self, flight: _Flight, what: str, status: int, now_s: float) -> None:
        self.counts[what] += 1
        if flight.told is not None:
            flight.told(status, self.epoch_s + flight.taken.at_s, self.epoch_s + now_s)
