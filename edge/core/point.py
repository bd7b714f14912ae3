"""One point of a site while it runs: its present value, its open period, its limits. Its kinds: `edge.core.kinds`.

A cycle's instant, not the sample's own, decides the period a reading belongs to: a bus that answers 30 ms late has
still read its tick.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from math import nextafter
from typing import Any, Final, NamedTuple, TypeAlias

from edge.core.calendar import QUARTER_MS
from edge.core.limit import BELOW, ON_QUALITY, STATES, Limit
from edge.core.types import NEVER, Event, PointSpec, Record
from edge.core.window import Window
from hal.sample import BAD, GOOD, UNCERTAIN, Quality, Sample, Value

GRACE_MS: Final = 1500  # a period is closed by the next reading, or this long after its end when none comes
LARGEST: Final = 1e300  # no measurement is beyond: keeps infinities out, and sums over a day finite

Periods: TypeAlias = Callable[[int, int], int]
"""(instant, length) in ms of this boot -> where the period of that length which holds the instant ends."""


class Crossing(NamedTuple):
    """An alarm that begins or ends, with the reading that decided it: a cycle may hold later ones of the same point."""

    limit: Limit
    begins: bool
    point: Point
    t_ms: int
    value: float | None
    reason: str


class Actions:
    """What the engine asks the station to do after one message."""

    __slots__ = ("alarms", "due_ms", "event_registers", "events", "heard", "moved", "records", "registers")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.heard: list[Record] = []
        """Those of them that a part counts (`Engine.listen`)."""
        self.events: list[Event] = []
        self.registers: dict[str, Any] = {}
        self.moved: set[str] = set()
        """Counters whose register moved: `Engine.registers_of` gives what must be durable."""
        self.event_registers: dict[str, Any] = {}
        self.alarms: list[Crossing] = []
        """Alarms that begin or end, in their order: numbered by the engine."""
        self.due_ms: float = NEVER
        """When the first delay that began to run runs out."""


def watch_others(limits: Iterable[Limit], points: Mapping[str, Point]) -> None:
    """Have the points that limits of other points look at tell them their readings."""
    for limit in limits:
        for name in limit.measure.others if limit.measure else ():
            points[name].watch(limit, points[limit.spec.point])


class Point(ABC):
    """What every kind of point shares; the kinds differ in how they take a value."""

    __slots__ = (
        "_cut_ms", "_end_of", "_is_picky", "_saved", "_saved_ms", "_step_ms", "_uncertain", "bad_since_ms", "due_ms",
        "end_ms", "grace_ms", "high", "id", "is_calm", "is_heard", "judged", "last_value", "limits", "low", "quality",
        "quiet_high", "quiet_low", "reason", "seen_ms", "spec", "start_ms", "value", "window",
    )  # fmt: skip

    def __init__(self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int, window: Window) -> None:
        self.spec = spec
        self.id = spec.id
        self.window: Any = window
        self.limits = limits
        self.judged = [(limit, self, "") for limit in limits]
        """Each limit that a reading matters to, the point that it is of, and our id where that is another point."""
        self.low = max(spec.low, -LARGEST)
        self.high = min(spec.high, LARGEST)
        self.value: Value | None = None
        self.last_value: Value | None = None
        """Of a point without a value, the one that it had last in this start."""
        self.quality: Quality = BAD
        self.reason = "not_open"
        self.seen_ms = self.bad_since_ms = now_ms
        self.start_ms = now_ms
        self.end_ms = end_of(now_ms, spec.record_ms)
        self.grace_ms = GRACE_MS
        self._cut_ms = now_ms
        """Where a period last began off the calendar: at the start, or when the clock was set."""
        self._end_of = end_of
        self._step_ms = spec.record_ms if spec.record_ms <= QUARTER_MS else 0
        """Length of every period, 0 where the calendar has to be asked."""
        self._saved: Value | None = None
        self._saved_ms = -1
        self._uncertain = ""
        self.is_heard = False
        """Whether a part counts its records."""
        self._is_picky = True
        """Whether the next record must be looked at before it is kept; the first one always."""
        self._calm()

    def mark_first(self, reason: str) -> None:
        """Make the next record that has a value UNCERTAIN for this reason (after a power cut)."""
        self._uncertain = reason

    def go_on_from(self, before: Point, *, is_open: bool) -> None:
        """Take the place of a point of the same id that ended now: records go on without a hole.

        `is_open`: its device is the same, open since.
        """
        self._saved_ms = before._saved_ms
        self.start_ms, self._cut_ms = before.start_ms, before._cut_ms  # what was too short for a record joins the next

    # -- one sample

    @abstractmethod
    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Take one sample of a cycle at t_ms: scale, range, quality, limits, window."""

    def _take_late(self, sample: Sample, actions: Actions) -> None:
        """Take a sample whose period is closed already into the open one, and say so."""
        if sample.quality == GOOD:
            sample = Sample(sample.point, sample.t_ns, sample.value, UNCERTAIN, "late")
        self.take(sample, self.start_ms, actions)

    def bad(self, reason: str, t_ms: int, actions: Actions) -> None:
        """Take note that there is no value now, and why."""
        if t_ms >= self.end_ms:
            self.turn(t_ms, actions)
        if self.quality != BAD:
            self.bad_since_ms, self.last_value = t_ms, self.value
        self.value, self.quality, self.reason = None, BAD, reason
        self.window.add_bad(reason, t_ms)
        if self.judged:
            self.judge(None, BAD, reason, t_ms, actions)

    def _refuse(self, value: float, t_ms: int, actions: Actions) -> None:
        """Take note of a number outside the possible range."""
        is_finite = value - value == 0  # also for integers that no float can hold
        self.bad("out_of_range" if is_finite else "not_a_number", t_ms, actions)

    # -- periods

    def turn(self, t_ms: int, actions: Actions) -> None:
        """Close the period that ended by t_ms, and any that nobody filled, as one BAD record."""
        start_ms, end_ms, step_ms = self.start_ms, self.end_ms, self._step_ms
        if self.window.count or self._was_due(end_ms):
            record = self.window.record(self.id, start_ms, end_ms - start_ms)
            if self._is_picky:
                self._save(record, actions)
            else:
                actions.records.append(record)
                if self.is_heard:
                    actions.heard.append(record)
            if record.increment:  # no longer pending: that must be as durable as the record
                actions.moved.add(self.id)
            self.start_ms = end_ms
        elif self._saved_ms < 0:
            self.start_ms = end_ms
        end_ms = end_ms + step_ms if step_ms else self._end_of(end_ms, self.spec.record_ms)
        self.end_ms = end_ms
        if t_ms >= end_ms:
            self._skip_to(t_ms, actions)

    def _was_due(self, until_ms: int) -> bool:
        """Return whether a reading was to be expected in the open period by then.

        The rest of a period after a start or after the clock was set may hold no tick at all, and that is no fault: at
        a start it is left out, later the next period begins so much earlier.
        """
        length_ms = until_ms - self.start_ms
        if self.start_ms == self._cut_ms:  # a tick at its very beginning is over already
            length_ms -= 1
        return length_ms >= self.spec.period_ms or not self.window.is_untouched

    def _skip_to(self, t_ms: int, actions: Actions) -> None:
        """Open the period that holds t_ms and keep one BAD record for all the time before it."""
        begin_ms = self.start_ms
        if self._step_ms:
            self.start_ms = t_ms - (t_ms - self.end_ms) % self._step_ms
            self.end_ms = self.start_ms + self._step_ms
        else:
            while t_ms >= self.end_ms:
                self.start_ms, self.end_ms = self.end_ms, self._end_of(self.end_ms, self.spec.record_ms)
        self._save(self.window.record(self.id, begin_ms, self.start_ms - begin_ms), actions)

    def close(self, now_ms: int, actions: Actions) -> None:
        """Close the open period at now, shorter than it was meant to be."""
        if now_ms >= self.end_ms:
            self.turn(now_ms, actions)
        self._cut(now_ms, actions)

    def realign(self, now_ms: int, actions: Actions) -> None:
        """Place the end of the open period on the calendar anew, after the clock was set.

        Where that end has gone by already, the period ends now: what it holds was read up to now.
        """
        self.end_ms = self._end_of(self.start_ms, self.spec.record_ms)
        if self.end_ms <= now_ms:
            self._cut(now_ms, actions)
            self.end_ms = self._end_of(now_ms, self.spec.record_ms)

    def _cut(self, now_ms: int, actions: Actions) -> None:
        """Make a record of the open period up to now, unless there is nothing to say yet."""
        if now_ms > self.start_ms and (self.window.count or self._was_due(now_ms)):
            record = self.window.record(self.id, self.start_ms, now_ms - self.start_ms)
            self._save(record, actions)
            if record.increment:
                actions.moved.add(self.id)
            self.start_ms = self._cut_ms = now_ms

    def _save(self, record: Record, actions: Actions) -> None:
        """Keep the record unless the deadband says that nothing moved."""
        deadband = self.spec.deadband
        if self._uncertain and record.value is not None:
            if record.quality == GOOD:
                record.quality, record.reason = UNCERTAIN, self._uncertain
            self._uncertain = ""
        self._is_picky = bool(deadband or self._uncertain)
        is_due = record.quality != GOOD or record.start_ms - self._saved_ms >= self.spec.heartbeat_ms
        if deadband and not is_due and not self._has_moved(record, self._saved, deadband):
            self._drop(record)
            return
        self._saved = record.value if record.quality == GOOD else None
        self._saved_ms = record.start_ms
        actions.records.append(record)
        if self.is_heard:
            actions.heard.append(record)

    def _has_moved(self, record: Record, saved: Any, deadband: float) -> bool:
        """Return whether a GOOD record differs enough from the last saved value, None where that was not GOOD."""
        return record.value != saved or bool(record.changes)

    def _drop(self, record: Record) -> None:  # noqa: B027 - most kinds have nothing to take back
        """Take back what must not be lost with a record that is not kept."""

    # -- limits

    def set_limits(self, limits: list[Limit]) -> None:
        """Be judged by these from now on; limits of other points tell us again that they `watch`."""
        self.limits = limits
        self.judged = [(limit, self, "") for limit in limits]
        self._calm()
        self.is_calm = False

    def watch(self, limit: Limit, home: Point) -> None:
        """Tell a limit of another point, `home`, of each reading from now on."""
        self.judged.append((limit, home, self.id))
        self._calm()

    def judge(self, value: float | None, quality: Quality, reason: str, t_ms: int, actions: Actions) -> None:
        """Ask every limit about a reading."""
        for limit, home, of in self.judged:
            change = limit.judge(value, quality, reason, t_ms, of)
            if change is not None:
                why = home.reason if of else reason
                actions.alarms.append(Crossing(limit, change, home, t_ms, limit.compared(value), why))
            if of:
                home.calm_down(actions)
        self.calm_down(actions)

    def judge_anew(self, t_ms: int, actions: Actions) -> None:
        """Ask every limit about the present value once more: what it is compared with has changed."""
        if self.quality == BAD:
            self.calm_down(actions)
        else:
            self.judge(None if isinstance(self.value, str) else self.value, self.quality, self.reason, t_ms, actions)

    def check_delays(self, now_ms: int, actions: Actions) -> None:
        """Let the limits' delays run out."""
        value = None if isinstance(self.value, str) else self.value
        for limit in self.limits:
            change = limit.check(now_ms)
            if change is not None:
                actions.alarms.append(Crossing(limit, change, self, now_ms, limit.compared(value), self.reason))
        self._calm()

    def calm_down(self, actions: Actions) -> None:
        """Look at the limits anew after a reading."""
        self._calm()
        actions.due_ms = min(actions.due_ms, self.due_ms)

    def _calm(self) -> None:
        """Work out the band in which no limit has anything to say, so that a quiet reading costs one comparison."""
        low, high, due = -NEVER, NEVER, NEVER
        is_calm = True
        for limit in self.limits:
            spec = limit.spec
            due = min(due, limit.due_ms)
            is_calm = is_calm and limit.measure is None and limit.due_ms == NEVER
            if limit.is_engaged or limit.measure is not None or spec.kind in STATES:
                low, high = NEVER, -NEVER
            elif spec.kind in BELOW:
                low = max(low, nextafter(spec.value, NEVER) if spec.or_equal else spec.value)
            elif spec.kind not in ON_QUALITY:
                high = min(high, nextafter(spec.value, -NEVER) if spec.or_equal else spec.value)
        if len(self.judged) > len(self.limits):  # another point's limit hears every reading
            low, high = NEVER, -NEVER
            is_calm = False
        self.is_calm = is_calm
        self.quiet_low, self.quiet_high, self.due_ms = low, high, due
