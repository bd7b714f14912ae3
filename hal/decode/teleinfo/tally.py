"""A sum that the meter starts again each integration period, added up to a counter that never goes back. Pure.

EA_s and its like (PME/PMI) grow for five or ten minutes and begin again at 0. What was used between the last frame of a
period and its end stands in no frame: it is taken at the power of the frames before, and said to be `estimated`.
Without that a frame each 8 s would lose 1 to 3 % of the energy.
"""

from __future__ import annotations

from typing import Final

MS_PER_HOUR: Final = 3_600_000
NEAR_MS: Final = 60_000  # two values farther apart may have a whole period between them
NEWEST: Final = 0.3  # the share of the newest step in the power that an estimate takes
SLACK_WH: Final = 2.0  # both ends of a difference are whole Wh


class Total:
    """What was counted since the first value, in the register's unit."""

    __slots__ = ("_doubt", "_last", "_last_ms", "_rate", "total")

    def __init__(self) -> None:
        self.total = 0.0
        self._last: int | None = None
        self._last_ms = 0.0
        self._rate = 0.0  # Wh a millisecond, of the last steps
        self._doubt = ""

    def see(self, value: int, t_ms: float, cap_va: float) -> None:
        """Take a confirmed value of the register; `cap_va` is the most that the connection carries.

        >>> total = Total()
        >>> for t_ms, value in ((0, 495), (8000, 513), (16000, 531), (24000, 2)):
        ...     total.see(value, t_ms, 63_000)
        >>> total.total, total.take_doubt()
        (54.0, 'estimated')
        """
        last, elapsed_ms = self._last, t_ms - self._last_ms
        if last is not None and elapsed_ms <= 0:
            return
        self._last, self._last_ms = value, t_ms
        if last is None:
            return
        step: float = value - last
        if elapsed_ms > NEAR_MS:
            self._doubt = "partial"  # never more than what was used: periods between the two are missing
            step = step if step >= 0 else value
            self._rate = 0.0
        elif step < 0:
            self._doubt = self._doubt or "estimated"
            step = max(float(value), self._rate * elapsed_ms)
        else:
            rate = step / elapsed_ms
            self._rate = rate if not self._rate else self._rate + (rate - self._rate) * NEWEST
        if step > cap_va * elapsed_ms / MS_PER_HOUR + SLACK_WH:
            self._doubt, self._rate = "partial", 0.0  # no connection carries that: go on from here
            return
        self.total += step

    def forget(self) -> None:
        """Go on from the next value: it is another meter's, or another period's for sure."""
        if self._last is not None:
            self._doubt = "partial"
        self._last = None
        self._rate = 0.0

    def take_doubt(self) -> str:
        """Return and forget why a part of the total, since this was last asked, was not measured."""
        doubt, self._doubt = self._doubt, ""
        return doubt
