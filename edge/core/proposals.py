"""Orders in two steps: what would change is told with a code, and done when that code comes back in time.

For channels where anybody could have written the order. Nothing of it is durable: after a restart it is asked anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from edge.core.types import NEVER

EXPIRES_MS: Final = 900_000
WAITING_MOST: Final = 8
WRONG_MOST: Final = 5
"""Wrong codes that a sender may send before what waits for it is dropped: 32 characters ^ 4 can't be tried out."""
CODE_LENGTH: Final = 4
CODE_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""None that is read for another: no 0 O 1 I."""

RandomBelow = Callable[[int], int]
"""(n) -> a number from 0 to n - 1 that nobody can foresee."""


class Proposal(msgspec.Struct, frozen=True):
    """An order that waits for its code. `order` is whatever is to be carried out then."""

    code: str
    sender: tuple[str, str]
    order: object
    until_ms: int


class Proposals:
    """What waits for a confirmation."""

    def __init__(self) -> None:
        self.due_ms: float = NEVER
        self._by_code: dict[str, Proposal] = {}
        self._wrong: dict[tuple[str, str], int] = {}

    def add(self, sender: tuple[str, str], order: object, now_ms: int, below: RandomBelow) -> Proposal:
        """Keep an order under a new code; a sender's older one goes: its code would be taken for the new one's."""
        self.step(now_ms)
        self._drop(sender)
        while len(self._by_code) >= WAITING_MOST:
            del self._by_code[next(iter(self._by_code))]
        code = _code(below)
        while code in self._by_code:
            code = _code(below)
        made = self._by_code[code] = Proposal(code, sender, order, now_ms + EXPIRES_MS)
        self._plan()
        return made

    def take(self, sender: tuple[str, str], code: str, now_ms: int) -> Proposal | None:
        """Return what waits under this code for this sender, once; None for a wrong code or one that has expired."""
        self.step(now_ms)
        found = self._by_code.get(code.strip().upper())
        if found is None or found.sender != sender:
            self._wrong[sender] = self._wrong.get(sender, 0) + 1
            if self._wrong[sender] >= WRONG_MOST:
                self._drop(sender)
            while len(self._wrong) > WAITING_MOST:
                del self._wrong[next(iter(self._wrong))]
            return None
        self._drop(sender)
        self._plan()
        return found

    def step(self, now_ms: int) -> None:
        """Let go of what has expired."""
        for code in [code for code, waits in self._by_code.items() if now_ms >= waits.until_ms]:
            del self._by_code[code]
        self._plan()

    def _drop(self, sender: tuple[str, str]) -> None:
        for code in [code for code, waits in self._by_code.items() if waits.sender == sender]:
            del self._by_code[code]
        self._wrong.pop(sender, None)

    def _plan(self) -> None:
        self.due_ms = min((waits.until_ms for waits in self._by_code.values()), default=NEVER)


def _code(below: RandomBelow) -> str:
    return "".join(CODE_LETTERS[below(len(CODE_LETTERS))] for _ in range(CODE_LENGTH))
