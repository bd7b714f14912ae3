"""The GSM network between one box and its gateway, in virtual time: it delays, loses, doubles and reorders."""

from __future__ import annotations

import random
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from edge.core.types import NEVER
from edge.sim.loop import VirtualClock
from sms.mailbox import Outgoing
from sms.memory_mailbox import MemoryMailbox

SEND_S = 6.0  # a modem takes so long for one message


class Far(Protocol):
    """Whoever has the number at the other end."""

    def take(self, octets: bytes, utc_s: int) -> list[bytes]:
        """Take a message; return what is answered at once."""

    def step(self, utc_s: int) -> list[bytes]:
        """Return what is sent of its own accord; called each hour."""


class Air:
    """A worker. Texts to people arrive and are forgotten; binary messages go to the far end."""

    name = "air"

    def __init__(
        self,
        clock: VirtualClock,
        mailbox: MemoryMailbox,
        far: Far,
        dice: random.Random,
        *,
        loss: float = 0.0,
        double: float = 0.0,
        transit_s: tuple[float, float] = (2.0, 20.0),
        is_up: Callable[[], bool] = lambda: True,
        number: str = "+33600000100",
    ) -> None:
        self._clock = clock
        self._mailbox = mailbox
        self._far = far
        self._dice = dice
        self._loss, self._double, self._transit_s = loss, double, transit_s
        self._is_up = is_up
        self._number = number
        self._flying: list[tuple[float, int, bool, bytes]] = []
        self._order = count()
        self._free_s = 0.0
        self._hour_s = 0.0
        self.carried = self.lost = self.to_box = self.texts = 0
        self.down: list[bytes] = []
        """What the gateway sent, in that order."""

    def step(self, now_s: float) -> float:
        """Let the modem send, deliver what has arrived."""
        utc_s = self._clock.utc_ms() // 1000
        while self._mailbox.waiting and now_s >= self._free_s and self._is_up():
            message = self._mailbox.leave()
            self._free_s = now_s + SEND_S
            if message is not None:
                self._carry(message, now_s)
        if now_s >= self._hour_s:
            self._hour_s = now_s + 3600.0
            self._answer(self._far.step(utc_s), now_s)
        while self._flying and self._flying[0][0] <= now_s:
            _, _, is_up, octets = heappop(self._flying)
            if is_up:
                self._answer(self._far.take(octets, utc_s), now_s)
            else:
                self._mailbox.bring(self._number, octets=octets)
        due_s = min(self._hour_s, self._flying[0][0] if self._flying else NEVER)
        if self._mailbox.waiting:
            due_s = min(due_s, max(self._free_s, now_s + (0.0 if self._is_up() else 600.0)))
        return due_s

    def _carry(self, message: Outgoing, now_s: float) -> None:
        self.carried += 1
        if not message.octets:
            self.texts += 1
        elif self._dice.random() < self._loss:
            self.lost += 1
        else:
            self._fly(message.octets, now_s, is_up=True)
            if self._dice.random() < self._double:
                self._fly(message.octets, now_s, is_up=True)

    def _answer(self, messages: list[bytes], now_s: float) -> None:
        for octets in messages:
            self.to_box += 1
            self.down.append(octets)
            self._fly(octets, now_s, is_up=False)

    def _fly(self, octets: bytes, now_s: float, *, is_up: bool) -> None:
        heappush(self._flying, (now_s + self._dice.uniform(*self._transit_s), next(self._order), is_up, octets))

    def filenos(self) -> list[int]:
        """There is no socket."""
        return []

    def close(self) -> None:
        """Nothing is left to do."""
