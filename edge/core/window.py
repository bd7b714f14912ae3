"""Windows: what is kept of one period of a point, from its first reading to the record.

A window covers its period without holes, and its record is as good as the worst reading in it: BAD when none had a
value, so that missing data are seen and never taken for zero; UNCERTAIN with the first doubt, or `partial` when some
had no value.
"""

from __future__ import annotations

from typing import Any

from edge.core.counter import ROUND, Register, pending
from edge.core.types import Record
from hal.sample import BAD, GOOD, UNCERTAIN, Quality


class Window:
    """What all share: the last value, how many readings there were, and how good."""

    __slots__ = ("bad", "count", "held", "last", "quality", "reason")
    last: Any

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.count = 0
        self.last = None
        self.quality: Quality = GOOD
        self.reason = ""
        self.bad = ""
        """Why the last reading without a value had none."""
        self.held = ""
        """Why the last reading that must not move anything yet was not believed."""

    @property
    def is_untouched(self) -> bool:
        """Whether nothing at all came in this period, not even a reason."""
        return not (self.count or self.bad or self.held)

    def add(self, value: Any, quality: Quality, reason: str) -> None:
        """Take a reading that has a value."""
        self.count += 1
        self.last = value
        if quality and not self.quality:
            self.quality, self.reason = quality, reason

    def add_bad(self, reason: str, t_ms: int) -> None:
        """Take note of a reading without a value."""
        self.bad = reason

    def hold(self, reason: str) -> None:
        """Take note of a reading that must not move anything before the next one agrees."""
        self.held = reason

    def record(self, point: str, start_ms: int, dt_ms: int) -> Record:
        """Return the record of the period and begin the next."""
        made = Record(point, start_ms, dt_ms, self.last, self.quality, self.reason, self.count)
        if not self.count:
            made.value, made.quality, made.reason = None, BAD, self.bad or self.held or "stale"
        else:
            if self.bad and not self.quality:
                made.quality, made.reason = UNCERTAIN, "partial"
            self._fill(made)
            self.count = 0
        if self.quality or self.bad or self.held:
            self._clear()
        return made

    def _fill(self, made: Record) -> None:
        """Add what this kind of point says of a period that has a value."""


class GaugeWindow(Window):
    """Last, mean, minimum, maximum and count of a period."""

    __slots__ = ("high", "low", "total")
    low: float
    high: float
    total: float

    def add(self, value: float, quality: Quality, reason: str) -> None:
        """Take a reading that has a value."""
        if self.count:
            self.count += 1
            self.total += value
            if value < self.low:
                self.low = value
            elif value > self.high:
                self.high = value
        else:
            self.count = 1
            self.total = self.low = self.high = value
        self.last = value
        if quality and not self.quality:
            self.quality, self.reason = quality, reason

    def record(self, point: str, start_ms: int, dt_ms: int) -> Record:
        """Return the record of the period and begin the next."""
        if self.count == 1 and not self.bad and not self.quality:  # as fine as the readings: the usual case at 1 Hz
            self.count = 0
            return Record(point, start_ms, dt_ms, self.last)
        return super().record(point, start_ms, dt_ms)

    def _fill(self, made: Record) -> None:
        if self.count > 1:
            # by rounding, a mean of equal values may leave them by the last digit
            mean = round(self.total / self.count, ROUND)
            made.mean, made.low, made.high = min(max(mean, self.low), self.high), self.low, self.high


class TextWindow(Window):
    """The last text of a period; its own quality counts, since nothing else of the period is kept."""

    __slots__ = ()

    def add(self, value: str, quality: Quality, reason: str) -> None:
        """Take a reading that has a value."""
        self.count += 1
        self.last, self.quality, self.reason = value, quality, reason


class CounterWindow(Window):
    """Index at the end of a period and what it moved since the last record that had one."""

    __slots__ = ("register",)

    def __init__(self, register: Register) -> None:
        super().__init__()
        self.register = register

    def record(self, point: str, start_ms: int, dt_ms: int) -> Record:
        """Return the record of the period and begin the next."""
        count = self.count
        if not count or self.quality or self.bad or self.held:
            return super().record(point, start_ms, dt_ms)
        self.count = 0
        register, last = self.register, self.last
        increment = pending(register)
        register.mark = last
        return Record(point, start_ms, dt_ms, last, GOOD, "", count, None, None, None, increment)

    def _fill(self, made: Record) -> None:
        register = self.register
        made.increment = pending(register)
        register.mark = made.value


class StateWindow(Window):
    """The last state of a period, how long it was in it, and how often it changed."""

    __slots__ = ("changes", "held_ms", "since_ms", "state")

    def __init__(self, now_ms: int) -> None:
        super().__init__()
        self.state: int | None = None
        """The state now; None while it is not known."""
        self.since_ms = now_ms
        self.changes = 0
        self.held_ms: dict[int, int] = {}
        """How long each state held in this period, without the time since `since_ms`."""

    def enter(self, state: int | None, t_ms: int) -> None:
        """Go to another state at t_ms, to None when it is no longer known."""
        t_ms = max(t_ms, self.since_ms)
        if self.state is not None:
            self.held_ms[self.state] = self.held_ms.get(self.state, 0) + t_ms - self.since_ms
            if state is not None:
                self.changes += 1
        self.state, self.since_ms = state, t_ms

    def add_bad(self, reason: str, t_ms: int) -> None:
        """Take note of a reading without a value: from now on the state is not known."""
        self.bad = reason
        if self.state is not None:
            self.enter(None, t_ms)

    def record(self, point: str, start_ms: int, dt_ms: int) -> Record:
        """Return the record of the period and begin the next, in the same state."""
        end_ms = start_ms + dt_ms
        count, state = self.count, self.state
        if count and state is not None and not (self.held_ms or self.quality or self.bad or self.held):
            held_ms, self.since_ms, self.count = end_ms - self.since_ms, end_ms, 0  # one state all the time
            return Record(point, start_ms, dt_ms, state, GOOD, "", count, None, None, None, None, held_ms, 0)
        if self.state is not None:
            self.held_ms[self.state] = self.held_ms.get(self.state, 0) + end_ms - self.since_ms
        self.since_ms = end_ms
        made = super().record(point, start_ms, dt_ms)
        self.held_ms.clear()
        self.changes = 0
        return made

    def _fill(self, made: Record) -> None:
        made.duration_ms, made.changes = self.held_ms.get(self.last, 0), self.changes
