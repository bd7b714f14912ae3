"""Windows: what is kept of one period of a point, from its first reading to the record.

A window always covers its period without holes: a period without a usable reading gives a BAD record, so that missing data
are seen and never taken for zero.
"""

from __future__ import annotations

from edge.core.types import Record
from hal.sample import BAD, GOOD, UNCERTAIN, Quality, Value

DIGITS = 6  # of means: far below any sensor's resolution, and no 17-digit tails on the wire


class GaugeWindow:
    """Last, mean, minimum, maximum and count of a period."""

    __slots__ = ("bad", "count", "high", "last", "low", "quality", "reason", "total")
    low: float
    high: float

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin a new period with nothing in it."""
        self.count = 0
        self.total = 0.0
        self.bad = ""
        self.quality: Quality = GOOD
        self.reason = ""
        self.last: Value | None = None

    def add(self, value: float, quality: Quality, reason: str) -> None:
        """Take a reading that has a value."""
        if self.count:
            if value < self.low:
                self.low = value
            elif value > self.high:
                self.high = value
        else:
            self.low = self.high = value
        self.last = value
        self.count += 1
        self.total += value
        if quality and not self.quality:
            self.quality, self.reason = quality, reason

    def add_bad(self, reason: str) -> None:
        """Take note of a reading without a value."""
        self.bad = reason

    def record(self, point: str, start_ms: int, dt_ms: int) -> Record:
        """Return the record of the period and begin the next."""
        if self.count == 1 and not self.bad:  # records as fine as the readings: the usual case at 1 Hz
            made = Record(point, start_ms, dt_ms, self.last, self.quality, self.reason)
            self.count, self.total = 0, 0.0
            if self.quality:
                self.quality, self.reason = GOOD, ""
            return made
        if not self.count:
            made = Record(point, start_ms, dt_ms, None, BAD, self.bad or "stale", 0)
        elif self.count == 1:
            made = Record(point, start_ms, dt_ms, self.last, self.quality, self.reason)
        else:
            mean = round(self.total / self.count, DIGITS)
            made = Record(
                point, start_ms, dt_ms, self.last, self.quality, self.reason, self.count, mean, self.low, self.high
            )
        if self.count and self.bad and not made.quality:
            made.quality, made.reason = UNCERTAIN, "partial"
        self.clear()
        return made


class LastWindow:
    """The last value of a period, for texts."""

    __slots__ = ("bad", "count", "last", "quality", "reason")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin a new period with nothing in it."""
        self.count = 0
        self.bad = ""
        self.last: Value | None = None
        self.quality: Quality = GOOD
        self.reason = ""

    def add(self, value: Value, quality: Quality, reason: str) -> None:
        """Take a reading that has a value."""
        self.count += 1
        self.last, self.quality, self.reason = value, quality, reason

    def add_bad(self, reason: str) -> None:
        """Take note of a reading without a value."""
        self.bad = reason

    def record(self, point: str, start_ms: int, dt_ms: int) -> Record:
        """Return the record of the period and begin the next."""
        if self.count:
            made = Record(point, start_ms, dt_ms, self.last, self.quality, self.reason, self.count)
        else:
            made = Record(point, start_ms, dt_ms, None, BAD, self.bad or "stale", 0)
        self.clear()
        return made


class CounterWindow:
    """Index at the end of a period and the increment within it; its point adds to `increment` as the register moves."""

    __slots__ = ("bad", "count", "increment", "last", "quality", "reason")

    def __init__(self) -> None:
        self.count = 0
        self.increment = 0.0
        self.bad = ""
        self.last: float = 0
        self.quality: Quality = GOOD
        self.reason = ""

    def add(self, index: float, quality: Quality, reason: str) -> None:
        """Take the index as it is now."""
        self.count += 1
        self.last, self.quality, self.reason = index, quality, reason

    def add_bad(self, reason: str) -> None:
        """Take note of a reading without a value."""
        self.bad = reason

    def record(self, point: str, start_ms: int, dt_ms: int) -> Record:
        """Return the record of the period and begin the next."""
        if self.count:
            increment = round(self.increment, 9)
            made = Record(
                point, start_ms, dt_ms, self.last, self.quality, self.reason, self.count, increment=increment
            )
            self.count, self.increment = 0, 0.0
        else:  # the increment stays: the next record that has an index carries it
            made = Record(point, start_ms, dt_ms, None, BAD, self.bad or "stale", 0)
        self.bad = ""
        return made


class StateWindow:
    """The last state of a period, how long it was in it, and how often it changed."""

    __slots__ = ("bad", "changes", "count", "held_ms", "last", "quality", "reason", "since_ms")

    def __init__(self) -> None:
        self.count = 0
        self.changes = 0
        self.bad = ""
        self.last = 0
        self.quality: Quality = GOOD
        self.reason = ""
        self.held_ms: dict[int, int] = {}
        self.since_ms = 0

    def enter(self, was: int | None, t_ms: int) -> None:
        """Leave state `was` for another one at t_ms; None: it was not known."""
        if was is not None:
            self.held_ms[was] = self.held_ms.get(was, 0) + t_ms - max(self.since_ms, 0)
            self.changes += 1
        self.since_ms = t_ms

    def add(self, value: int, quality: Quality, reason: str) -> None:
        """Take the state as it is now."""
        self.count += 1
        self.last, self.quality, self.reason = value, quality, reason

    def add_bad(self, reason: str) -> None:
        """Take note of a reading without a value."""
        self.bad = reason

    def record(self, point: str, start_ms: int, dt_ms: int) -> Record:
        """Return the record of the period and begin the next."""
        end_ms = start_ms + dt_ms
        if self.count:
            held_ms = end_ms - self.since_ms
            if self.held_ms:
                held_ms += self.held_ms.get(self.last, 0)
                self.held_ms.clear()
            made = Record(
                point, start_ms, dt_ms, self.last, self.quality, self.reason, self.count,
                duration_ms=min(held_ms, dt_ms), changes=self.changes,
            )  # fmt: skip
        else:
            made = Record(point, start_ms, dt_ms, None, BAD, self.bad or "stale", 0)
            self.held_ms.clear()
        self.since_ms = end_ms
        self.count = self.changes = 0
        self.bad = ""
        return made
