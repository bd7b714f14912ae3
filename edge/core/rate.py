"""Power from an index, flow from a volume: how fast a counter moves, from its readings.

An index moves in steps (1 Wh, 1 l), so what counts is the time between two moves, not between two readings. While
nothing moves it can't be faster than one step in the time since the last move: the rate falls from then on, and is 0
after ten times the last interval. What surprises: the first move tells nothing when the index stood still before it,
as nobody knows how long the step had been on its way.
"""

from __future__ import annotations

from typing import Final

STILL_AFTER: Final = 10  # intervals without a move after which nothing flows
STILL_AFTER_MS: Final = 3_600_000  # without any move since the start: nothing flows either


class Rate:
    """The rate of one index.

    >>> rate = Rate()
    >>> rate.take(0, 0), rate.take(10, 60_000)
    (None, 0.16666666666666666)
    """

    __slots__ = ("_index", "_interval_ms", "_is_fresh", "_moved_ms", "_step", "_t_ms")

    def __init__(self) -> None:
        self._restart(None, 0)

    def _restart(self, index: float | None, t_ms: int) -> None:
        self._index = index
        self._t_ms = self._moved_ms = t_ms
        """Of the last reading, and of the last move or, before one, of the first reading."""
        self._step = 0.0
        self._interval_ms = 0
        self._is_fresh = True
        """Whether the last reading was the first one."""

    def take(self, index: float, t_ms: int) -> float | None:
        """Take a reading; return the index's unit per second, None where it can't be known.

        +10 Wh in 60 s are 0.1667 Wh/s = 600 W. A reading without a value (BAD) is left out: the next move is then
        spread over the time without readings. An index that goes back is another meter: it begins anew.
        """
        if self._index is None or index < self._index:
            self._restart(index, t_ms)
            return None
        if t_ms > self._t_ms:
            self._move(index - self._index, t_ms)
            self._index, self._t_ms, self._is_fresh = index, t_ms, False
        return self._now(t_ms)

    def _move(self, step: float, t_ms: int) -> None:
        if not step:
            return
        is_known = self._step > 0 or self._is_fresh
        self._interval_ms = t_ms - self._moved_ms if is_known else 0
        self._step, self._moved_ms = step, t_ms

    def _now(self, t_ms: int) -> float | None:
        idle_ms = t_ms - self._moved_ms
        if not self._interval_ms:
            return 0.0 if idle_ms >= STILL_AFTER_MS else None
        if idle_ms >= self._interval_ms * STILL_AFTER:
            return 0.0
        return self._step / max(self._interval_ms, idle_ms) * 1000
