"""One point of a site while it runs: its present value, its open period, its limits.

A cycle's instant, not the sample's own, decides the period a reading belongs to: a bus that answers 30 ms late has still
read its tick. Edges of a state keep their own instants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from edge.core.alarm import NOT_YET, Limit
from edge.core.calendar import HOUR_MS
from edge.core.counter import Kept, Volatile
from edge.core.types import NEVER, Event, PointSpec, Record
from edge.core.window import CounterWindow, GaugeWindow, LastWindow, StateWindow
from hal.sample import BAD, GOOD, UNCERTAIN, Quality, Sample, Value

ROUND = 9  # digits after a scaling with binary fractions


class Actions:
    """What the engine asks the station to do after one message."""

    __slots__ = ("alarms", "event_registers", "events", "moved", "records", "registers")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.events: list[Event] = []
        self.registers: dict[str, Any] = {}
        self.moved: set[str] = set()
        """Counters whose register moved: `Engine.registers_of` gives what must be durable."""
        self.event_registers: dict[str, Any] = {}
        self.alarms: list[tuple[Limit, bool, Point, int]] = []
        """(limit, begins or ends, its point, instant): numbered by the engine."""


class Periods(Protocol):
    """Where the period that holds a monotonic instant ends (ms of this boot)."""

    def __call__(self, t_ms: int, length_ms: int) -> int: ...


class Point:
    """What every kind of point shares; the kinds differ in how they take a value."""

    __slots__ = (
        "_end_of",
        "_picky",
        "_saved",
        "_saved_ms",
        "_step_ms",
        "_uncertain",
        "due_ms",
        "end_ms",
        "id",
        "limits",
        "offset",
        "quality",
        "quiet_high",
        "quiet_low",
        "reason",
        "scale",
        "seen_ms",
        "spec",
        "start_ms",
        "value",
        "window",
    )
    window: Any

    def __init__(self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int) -> None:
        self.spec = spec
        self.id = spec.id
        self.scale = spec.scale
        self.offset = spec.offset
        self.limits = limits
        self.value: Value | None = None
        self.quality: Quality = BAD
        self.reason = "not_open"
        self.seen_ms = now_ms
        self.start_ms = now_ms
        self._end_of = end_of
        self.end_ms = end_of(now_ms, spec.record_ms)
        self._saved: Value | None = None
        self._saved_ms = -1
        self._uncertain = ""
        self._picky = bool(spec.deadband)
        """Whether a record must be looked at before it is kept."""
        self._step_ms = spec.record_ms if spec.record_ms <= HOUR_MS else 0
        self.due_ms: float = NEVER
        self._calm()

    def mark_first(self, reason: str) -> None:
        """Make the record of the open period UNCERTAIN for this reason (after a power cut)."""
        self._uncertain = reason
        self._picky = True

    # -- one sample

    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Take one sample of a cycle at t_ms: scale, range, quality, limits, window."""
        raise NotImplementedError

    def bad(self, reason: str, t_ms: int, actions: Actions) -> None:
        """Take note that there is no value now, and why."""
        if t_ms >= self.end_ms:
            self.turn(t_ms, actions)
        self.value, self.quality, self.reason = None, BAD, reason
        self.window.add_bad(reason)
        if self.limits:
            self.judge(None, BAD, reason, t_ms, actions)

    # -- periods

    def turn(self, t_ms: int, actions: Actions) -> None:
        """Close the period that ended by t_ms, and any that nobody filled, as one BAD record."""
        start_ms, end_ms = self.start_ms, self.end_ms
        record = self.window.record(self.id, start_ms, end_ms - start_ms)
        if self._picky:
            self._save(record, actions)
        else:
            actions.records.append(record)
        self.start_ms = end_ms
        self.end_ms = end_ms + self._step_ms if self._step_ms else self._end_of(end_ms, self.spec.record_ms)
        if t_ms >= self.end_ms:
            self._skip_to(t_ms, actions)

    def _skip_to(self, t_ms: int, actions: Actions) -> None:
        """Open the period that holds t_ms and keep one BAD record for all the time before it."""
        begin_ms = self.start_ms
        while t_ms >= self.end_ms:
            self.start_ms, self.end_ms = self.end_ms, self._end_of(self.end_ms, self.spec.record_ms)
        reason = self.reason if self.quality == BAD else "stale"
        self._save(Record(self.id, begin_ms, self.start_ms - begin_ms, None, BAD, reason, 0), actions)

    def close(self, now_ms: int, actions: Actions) -> None:
        """Close the open period at now, shorter than it was meant to be."""
        if now_ms >= self.end_ms:
            self.turn(now_ms, actions)
        if now_ms > self.start_ms:
            self._save(self.window.record(self.id, self.start_ms, now_ms - self.start_ms), actions)
            self.start_ms = now_ms

    def realign(self) -> None:
        """Place the end of the open period on the calendar anew, after the clock was set."""
        self.end_ms = self._end_of(self.start_ms, self.spec.record_ms)

    def _save(self, record: Record, actions: Actions) -> None:
        """Keep the record unless the deadband says that nothing moved."""
        if self._uncertain:
            if record.quality == GOOD:
                record.quality, record.reason = UNCERTAIN, self._uncertain
            self._uncertain = ""
            self._picky = bool(self.spec.deadband)
        deadband = self.spec.deadband
        if deadband and self._is_quiet(record, deadband):
            return
        self._saved, self._saved_ms = record.value, record.start_ms
        actions.records.append(record)

    def _is_quiet(self, record: Record, deadband: float) -> bool:
        return (
            record.quality == GOOD
            and isinstance(record.value, int | float)
            and isinstance(self._saved, int | float)
            and abs(record.value - self._saved) <= deadband
            and record.start_ms - self._saved_ms < self.spec.heartbeat_ms
        )

    # -- limits

    def judge(self, value: float | None, quality: Quality, reason: str, t_ms: int, actions: Actions) -> None:
        """Ask every limit about a reading."""
        for limit in self.limits:
            change = limit.judge(value, quality, reason, t_ms)
            if change is not None:
                actions.alarms.append((limit, change, self, t_ms))
        self._calm()

    def check_delays(self, now_ms: int, actions: Actions) -> None:
        """Let the limits' delays run out."""
        for limit in self.limits:
            change = limit.check(now_ms)
            if change is not None:
                actions.alarms.append((limit, change, self, now_ms))
        self._calm()

    def _calm(self) -> None:
        """Work out the band in which no limit has anything to say, so that a quiet reading costs one comparison."""
        low, high, due = -NEVER, NEVER, NEVER
        for limit in self.limits:
            spec = limit.spec
            due = min(due, limit.due_ms)
            if limit.is_engaged or spec.kind in {"equal", "not_equal"}:
                low, high = NEVER, -NEVER
            elif spec.kind == "high":
                high = min(high, spec.value)
            elif spec.kind == "low":
                low = max(low, spec.value)
        self.quiet_low, self.quiet_high, self.due_ms = low, high, due


class Gauge(Point):
    """A measured value."""

    __slots__ = ()

    def __init__(self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int) -> None:
        super().__init__(spec, limits, end_of, now_ms)
        self.window = GaugeWindow()

    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Scale, check the range, judge, average."""
        value: Any = sample.value
        if value is None:
            self.seen_ms = t_ms
            self.bad(sample.reason, t_ms, actions)
            return
        if self.scale != 1 or self.offset:
            value = round(value * self.scale + self.offset, ROUND)
        spec = self.spec
        if not spec.low <= value <= spec.high or value - value != 0:  # NaN and infinities are no measurement
            self.seen_ms = t_ms
            self.bad("out_of_range" if value == value else "not_a_number", t_ms, actions)
            return
        if t_ms >= self.end_ms:
            self.turn(t_ms, actions)
        quality = sample.quality
        self.seen_ms, self.value, self.quality, self.reason = t_ms, value, quality, sample.reason
        if not self.quiet_low <= value <= self.quiet_high:
            self.judge(value, quality, sample.reason, t_ms, actions)
        self.window.add(value, quality, sample.reason)


class Counter(Point):
    """An index that grows, kept by the meter or by us."""

    __slots__ = ("register",)

    def __init__(
        self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int, saved: Any = None
    ) -> None:
        super().__init__(spec, limits, end_of, now_ms)
        self.register: Kept | Volatile = (
            Volatile(spec.scale, saved) if spec.volatile else Kept(spec.scale, spec.wrap, saved)
        )
        self.window = CounterWindow()
        if saved:
            self.window.increment = saved["pending"]

    def saved(self) -> dict[str, Any]:
        """Return what must be durable: the register, and what it moved in the period that has no record yet."""
        return {**self.register.register(), "pending": round(self.window.increment, ROUND)}

    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Move the index by what the register moved; an unconfirmed register moves nothing."""
        raw: Any = sample.value
        self.seen_ms = t_ms
        if raw is None or raw < 0 or raw - raw != 0:
            self.bad(sample.reason if raw is None else "out_of_range", t_ms, actions)
            return
        if t_ms >= self.end_ms:
            self.turn(t_ms, actions)
        quality, reason = sample.quality, sample.reason
        if reason in NOT_YET:
            self.value, self.quality, self.reason = round(raw * self.scale, ROUND), quality, reason
            return
        increment, what = self.register.advance(raw)
        if what and what != "first":
            actions.events.append(
                Event(f"counter_{what}" if what == "rollover" else what, t_ms, self.id, {"index": self.register.index})
            )
            if what == "meter_changed":
                quality, reason = UNCERTAIN, what
        if increment or what:
            actions.moved.add(self.id)
            self.window.increment += increment
        self.value, self.quality, self.reason = self.register.index, quality, reason
        self.window.add(self.register.index, quality, reason)
        if self.limits:
            self.judge(self.register.index, quality, reason, t_ms, actions)


class State(Point):
    """A number with a declared word: contact open or closed, a tariff period."""

    __slots__ = ()

    def __init__(self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int) -> None:
        super().__init__(spec, limits, end_of, now_ms)
        self.window = StateWindow()
        self.window.since_ms = now_ms

    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Follow the state; each edge is an event with its own instant."""
        raw: Any = sample.value
        self.seen_ms = t_ms
        if raw is None or (self.spec.words and not 0 <= raw < len(self.spec.words)):
            self.bad(sample.reason if raw is None else "out_of_range", t_ms, actions)
            return
        if t_ms >= self.end_ms:
            self.turn(t_ms, actions)
        edge_ms = min(max(sample.t_ns // 1_000_000, self.start_ms), t_ms)
        was, value = self.value, int(raw)
        if value != was:
            self.window.enter(was, edge_ms)
            if was is not None:
                actions.events.append(Event("state", sample.t_ns // 1_000_000, self.id, self._edge(was, value)))
        self.value, self.quality, self.reason = value, sample.quality, sample.reason
        self.window.add(value, sample.quality, sample.reason)
        if self.limits:
            self.judge(value, sample.quality, sample.reason, t_ms, actions)

    def _edge(self, was: Any, value: int) -> dict[str, Any]:
        words = self.spec.words
        values: dict[str, Any] = {"v": value, "was": was}
        if words:
            values["word"] = words[value]
        return values


class TextPoint(Point):
    """A text: an identifier, a label of the meter."""

    __slots__ = ()

    def __init__(self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int) -> None:
        super().__init__(spec, limits, end_of, now_ms)
        self.window = LastWindow()

    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Keep the last text."""
        self.seen_ms = t_ms
        if sample.value is None:
            self.bad(sample.reason, t_ms, actions)
            return
        if t_ms >= self.end_ms:
            self.turn(t_ms, actions)
        text = str(sample.value)
        recovered = self.quality == BAD
        self.value, self.quality, self.reason = text, sample.quality, sample.reason
        self.window.add(text, sample.quality, sample.reason)
        if self.limits and recovered:
            self.judge(None, sample.quality, sample.reason, t_ms, actions)


def make_point(spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int, saved: Any) -> Point:
    """Return the right kind of point; `saved` is its counter register from the log, if any."""
    if spec.kind == "counter":
        return Counter(spec, limits, end_of, now_ms, saved)
    kinds: dict[str, Callable[[PointSpec, list[Limit], Periods, int], Point]] = {
        "gauge": Gauge,
        "state": State,
        "text": TextPoint,
    }
    return kinds[spec.kind](spec, limits, end_of, now_ms)
