"""The pause before the next try: doubling, with jitter, so that a thousand boxes don't come back at one instant."""

from __future__ import annotations

import random
from typing import Final

FIRST_S: Final = 1.0
MOST_S: Final = 60.0
STUBBORN_FIRST_S: Final = 15.0  # what a person must cure: a password, a certificate, a second box with this id
STUBBORN_MOST_S: Final = 900.0


class Backoff:
    """The pause after each failure in a row."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._failures = 0

    def reset(self) -> None:
        """Begin at the shortest pause again: all went well for a while."""
        self._failures = 0

    def next_s(self, *, stubborn: bool = False) -> float:
        """Return the seconds to wait now."""
        first, most = (STUBBORN_FIRST_S, STUBBORN_MOST_S) if stubborn else (FIRST_S, MOST_S)
        pause_s = min(first * 2.0 ** min(self._failures, 20), most)
        self._failures += 1
        return pause_s * self._dice.uniform(0.5, 1.0)
