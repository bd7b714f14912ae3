"""Which counters of the other side were taken already: a sliding window, as of IPsec (RFC 4303, §3.4.3).

Messages come twice, late and in any order. The window knows the highest counter that was taken and which of the 1023
below it were; what lies further below was either taken or gave up its turn. It moves only for what was authentic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

WIDTH: Final = 1024
"""At twelve messages a day three months; a power cut may cost 64 counters, and what waits must not fall out for it."""
_ALL: Final = (1 << WIDTH) - 1


class Window:
    """`top` is the highest counter taken, -1 before the first."""

    __slots__ = ("_seen", "top")

    def __init__(self, saved: dict[str, Any] | None = None) -> None:
        """Begin empty, or as it was. Raises ValueError for what `saved` never gave."""
        self.top = -1
        self._seen = 0
        """Bit n: `top - n` was taken."""
        if saved is not None:
            self.top, self._seen = int(saved["top"]), int(saved["seen"], 16)
            if self.top < -1 or not 0 <= self._seen <= _ALL or (self.top >= 0) != bool(self._seen & 1):
                raise ValueError(f"this is no saved window: {saved}")

    def saved(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        return {"top": self.top, "seen": f"{self._seen:x}"}

    def refuses(self, counter: int) -> Literal["", "repeat", "old"]:
        """Return why this counter is not to be taken: it was already, or it lies below the window."""
        behind = self.top - counter
        if behind < 0:
            return ""
        if behind >= WIDTH:
            return "old"
        return "repeat" if self._seen >> behind & 1 else ""

    def take(self, counter: int) -> None:
        """Mark an authentic message as taken. Taking it again, or one below the window, changes nothing."""
        behind = self.top - counter
        if behind < 0:
            self._seen = self._seen << min(-behind, WIDTH) & _ALL | 1
            self.top = counter
        elif behind < WIDTH:
            self._seen |= 1 << behind

    def fill(self, counter: int) -> None:
        """Mark this counter and all below as taken."""
        self.take(counter)
        behind = self.top - counter
        if behind < WIDTH:
            self._seen |= _ALL >> behind << behind

    def ask(self, counters: Iterable[int]) -> None:
        """Let these be taken once more, as far as they lie in the window, below its top."""
        for counter in counters:
            if 0 < self.top - counter < WIDTH:
                self._seen &= ~(1 << self.top - counter)
