"""Pulses of a meter, from the edges of its output to a count and a rate.

S0 outputs (IEC 62053-31: on and off at least 30 ms each, so at most 16.7 a second), reeds of water and gas meters. Two
surprises: a reed may rest closed for hours when the wheel stops on its magnet, so only the closing edge counts; and a
wheel that stops at the magnet's rim may tremble there, so closings that follow faster than the meter can turn are one.
"""

from __future__ import annotations

from hal.decode.debounce import Debounce

SECOND_NS = 1_000_000_000


class PulseCounter:
    """Counts the debounced edges towards the active level, one a pulse, and keeps the time between the last two."""

    __slots__ = (
        "_active",
        "_apart_ns",
        "_closed_ns",
        "_debounce",
        "_interval_ns",
        "_last_ns",
        "_watched_since_ns",
        "_zero_after_ns",
        "count",
        "refused",
    )

    def __init__(self, *, debounce_ns: int, active: bool, level: bool, zero_after_ns: int, apart_ns: int = 0) -> None:
        """Begin at 0. A closing within `apart_ns` of the one before, counted or not, is the same pulse; 0: none is."""
        self.count = 0
        self.refused = 0
        """Closings that came too soon after the one before to be another pulse."""
        self._apart_ns = apart_ns
        self._closed_ns: int | None = None
        self._debounce = Debounce(debounce_ns, level=level)
        self._active = active
        self._zero_after_ns = zero_after_ns
        self._watched_since_ns: int | None = None
        self._last_ns: int | None = None
        self._interval_ns: int | None = None

    def accept(self, t_ns: int, *, level: bool) -> None:
        """Take one raw edge, bounces included, in the order of time."""
        self._count(self._debounce.accept(t_ns, level=level))

    def flush(self, now_ns: int) -> None:
        """Count a pulse whose level has stayed long enough by now without a further edge."""
        if self._watched_since_ns is None:
            self._watched_since_ns = now_ns
        self._count(self._debounce.flush(now_ns))

    def forget(self) -> None:
        """Take note that edges are missing here: a level not yet confirmed must not become a pulse."""
        self._debounce.forget()

    def observe(self, now_ns: int, *, level: bool) -> None:
        """Take the level of the line as it is now, so that a lost edge does not cost the next pulse too."""
        self._debounce.observe(now_ns, level=level)

    def _count(self, settled_ns: int | None) -> None:
        if settled_ns is None or self._debounce.level != self._active:
            return
        # A trembling reed closes again and again: each closing, also a refused one, puts off the next that counts.
        closed_ns, self._closed_ns = self._closed_ns, settled_ns
        if closed_ns is not None and settled_ns - closed_ns < self._apart_ns:
            self.refused += 1
            return
        self.count += 1
        if self._last_ns is not None:
            self._interval_ns = settled_ns - self._last_ns
        self._last_ns = settled_ns

    def per_second(self, now_ns: int) -> float | None:
        """Return pulses per second; None while it can't be known (fewer than two pulses since the start).

        It is 1 / (time between the last two pulses). While no pulse comes it can't be more than 1 / (time since the
        last one), so it falls from then on, and is 0 once no pulse came for `zero_after_ns`.
        """
        seen_ns = self._watched_since_ns if self._last_ns is None else self._last_ns
        if seen_ns is None:
            return None
        idle_ns = now_ns - seen_ns
        if idle_ns >= self._zero_after_ns:
            return 0.0
        if self._interval_ns is None:
            return None
        return SECOND_NS / max(self._interval_ns, idle_ns, 1)
