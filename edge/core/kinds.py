"""The four kinds of point: how each takes a sample that its driver hands over.

All in the same order: BAD first, then scale and range, then the period it belongs to, then value, limits, window.
"""

from __future__ import annotations

from typing import Any, Final

from edge.core.calendar import HOUR_MS
from edge.core.counter import ROUND, Kept, Register, Volatile, scaled
from edge.core.limit import NOT_YET, Limit
from edge.core.point import LARGEST, Actions, Periods, Point
from edge.core.types import NEVER, Event, PointSpec, Record
from edge.core.window import CounterWindow, GaugeWindow, StateWindow, TextWindow
from hal.sample import BAD, UNCERTAIN, Sample

UNKNOWN_GAP_H: Final = 8784.0  # a year: longer than any box was off that goes on with its registers
EVENTS: Final = {"rollover": "counter_rollover", "meter_changed": "meter_changed"}
"""What a register can do that is worth an event."""


class Gauge(Point):
    """A measured value."""

    __slots__ = ("_is_scaled", "_offset", "_scale")

    def __init__(self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int) -> None:
        super().__init__(spec, limits, end_of, now_ms, GaugeWindow())
        self._scale = spec.scale
        self._offset = spec.offset
        self._is_scaled = spec.scale != 1 or spec.offset != 0

    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Scale, check the range, judge, average."""
        value: Any = sample.value
        quality = sample.quality
        if quality == BAD:
            self.seen_ms = t_ms
            self.bad(sample.reason, t_ms, actions)
            return
        if self._is_scaled:
            value = round(value * self._scale + self._offset, ROUND)
        if not self.low <= value <= self.high:  # NaN neither is
            self.seen_ms = t_ms
            self._refuse(value, t_ms, actions)
            return
        if t_ms >= self.end_ms:
            self.turn(t_ms, actions)
        elif t_ms < self.start_ms:
            self._take_late(sample, actions)
            return
        reason = sample.reason
        self.seen_ms = t_ms
        self.value, self.quality, self.reason = value, quality, reason
        if not self.quiet_low <= value <= self.quiet_high:
            self.judge(value, quality, reason, t_ms, actions)
        self.window.add(value, quality, reason)

    def _has_moved(self, record: Record, saved: Any, deadband: float) -> bool:
        extremes = (record.value, record.low, record.high)  # a peak between two equal readings is a move
        return saved is None or any(abs(value - saved) >= deadband for value in extremes if value is not None)


class Counter(Point):
    """An index that grows, kept by the meter or by us."""

    __slots__ = ("_has_most", "_read_ms", "gap_h", "register")

    def __init__(
        self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int, saved: dict[str, Any] | None = None
    ) -> None:
        self.gap_h = UNKNOWN_GAP_H
        """For how long, at most, the meter counted unwatched before this start."""
        self._has_most = spec.max_per_h != NEVER and not spec.volatile
        self._read_ms: int | None = None
        self.register: Register = (
            Volatile(spec.scale, saved, spec.unit) if spec.volatile else Kept(spec.scale, spec.wrap, saved, spec.unit)
        )
        super().__init__(spec, limits, end_of, now_ms, CounterWindow(self.register))
        self.low = 0.0  # here both are bounds of the register as read
        self.high = spec.wrap - 1 if spec.wrap else LARGEST
        if not spec.volatile and spec.scale > 0:
            self.low, self.high = max(self.low, spec.low / spec.scale), min(self.high, spec.high / spec.scale)

    def go_on_from(self, before: Point, *, is_open: bool) -> None:
        """Count on where the one before stood, where its device stays open."""
        super().go_on_from(before, is_open=is_open)
        if not (is_open and isinstance(before, Counter)):
            return
        own, other = self.register, before.register
        if type(own) is type(other) and own.scale == other.scale and self.spec.wrap == before.spec.wrap:
            self.register = self.window.register = other
        elif isinstance(own, Volatile) and isinstance(other, Volatile):
            own.raw = other.raw

    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Move the index by what the register moved; an unconfirmed register moves nothing."""
        raw: Any = sample.value
        quality, reason = sample.quality, sample.reason
        self.seen_ms = t_ms
        if quality == BAD:
            self.bad(reason, t_ms, actions)
            return
        if not self.low <= raw <= self.high:
            self._refuse(raw, t_ms, actions)
            return
        if t_ms >= self.end_ms:
            self.turn(t_ms, actions)
        elif t_ms < self.start_ms:
            self._take_late(sample, actions)
            return
        register = self.register
        if reason in NOT_YET:
            index = register.as_read(raw)
            self.window.hold(reason)
        else:
            before = register.index
            is_other = (self._has_most and self._is_beyond(raw, t_ms)) or reason == "meter_changed"
            what = register.advance(raw, is_other=is_other)
            index = register.index
            if index != before:
                actions.moved.add(self.id)
            if what:
                if what == "meter_changed":
                    quality, reason = UNCERTAIN, what
                if what in EVENTS:
                    actions.events.append(Event(EVENTS[what], t_ms, self.id, {"was": before, "index": index}))
            self.window.add(index, quality, reason)
        self.value, self.quality, self.reason = index, quality, reason
        if self.judged:
            self.judge(index, quality, reason, t_ms, actions)

    def _is_beyond(self, raw: float, t_ms: int) -> bool:
        """Return whether the meter can't have counted so much since it was read last: another one took its place.

        At least an hour is allowed for, as some meters tell what they counted each quarter of an hour.
        """
        index = self.register.index
        gap_h = self.gap_h if self._read_ms is None else (t_ms - self._read_ms) / HOUR_MS
        self._read_ms = t_ms
        return index is not None and scaled(raw, self.spec.scale) - index > self.spec.max_per_h * max(gap_h, 1.0)

    def shift(self, delta: float) -> None:
        """Move the index by what a person read off the meter. Raises TypeError where the meter keeps its register."""
        register = self.register
        if not isinstance(register, Volatile):
            raise TypeError(f"{self.id}: the meter keeps its register itself")
        register.shift(delta)
        if self.window.count:
            self.window.last = register.index
        if self.value is not None:
            self.value = register.index
        self._saved = None  # with a deadband, the next record is kept

    def _has_moved(self, record: Record, saved: Any, deadband: float) -> bool:
        return saved is None or abs(record.value - saved) >= deadband

    def _drop(self, record: Record) -> None:
        register, increment = self.register, record.increment or 0
        register.mark = round(register.mark - increment, ROUND)


class State(Point):
    """A number with a declared word: contact open or closed, a tariff period."""

    __slots__ = ("_known",)

    def __init__(self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int) -> None:
        super().__init__(spec, limits, end_of, now_ms, StateWindow(now_ms))
        self._known: int | None = None
        """The last state that was known, also while the point is BAD."""
        if spec.words:
            self.low, self.high = 0, len(spec.words) - 1

    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Follow the state; each edge is an event with its own instant."""
        raw: Any = sample.value
        quality, reason = sample.quality, sample.reason
        self.seen_ms = t_ms
        if quality == BAD:
            self.bad(reason, t_ms, actions)
            return
        if not self.low <= raw <= self.high or (value := int(raw)) != raw:
            self._refuse(raw, t_ms, actions)
            return
        if t_ms >= self.end_ms:
            self.turn(t_ms, actions)
        elif t_ms < self.start_ms:
            self._take_late(sample, actions)
            return
        judged_ms = t_ms
        if reason in NOT_YET:
            self.window.hold(reason)
        else:
            if value != self.window.state:
                edge_ms = min(sample.t_ns // 1_000_000, t_ms)
                if self.quality != BAD:  # a contact's alarm begins with its edge, not with the tick that took it
                    judged_ms = edge_ms
                self._enter(value, edge_ms, actions)
            self.window.add(value, quality, reason)
        is_news = not self.is_calm or value != self.value or quality != self.quality or reason != self.reason
        self.value, self.quality, self.reason = value, quality, reason
        if is_news and self.judged:
            self.judge(value, quality, reason, judged_ms, actions)

    def _enter(self, value: int, edge_ms: int, actions: Actions) -> None:
        """Change the state at the edge's own instant, as far as that lies in the open period."""
        self.window.enter(value, max(edge_ms, self.start_ms))
        was, self._known = self._known, value
        if was is not None and was != value and self.spec.is_told:
            words = self.spec.words
            word = {"word": words[value], "was_word": words[was]} if words else {}
            actions.events.append(Event("state", edge_ms, self.id, {"v": value, "was": was, **word}))


class TextPoint(Point):
    """A text: an identifier, a label of the meter."""

    __slots__ = ()

    def __init__(self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int) -> None:
        super().__init__(spec, limits, end_of, now_ms, TextWindow())

    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Keep the last text."""
        quality, reason = sample.quality, sample.reason
        self.seen_ms = t_ms
        if quality == BAD:
            self.bad(reason, t_ms, actions)
            return
        if sample.value is None:
            raise TypeError("a text without a value")
        if t_ms >= self.end_ms:
            self.turn(t_ms, actions)
        elif t_ms < self.start_ms:
            self._take_late(sample, actions)
            return
        text = str(sample.value)
        self.value, self.quality, self.reason = text, quality, reason
        self.window.add(text, quality, reason)
        if self.judged:
            self.judge(None, quality, reason, t_ms, actions)


def is_number(value: Any) -> bool:
    """Return whether a gauge, counter or state can make something of it."""
    return isinstance(value, int | float) and -LARGEST <= value <= LARGEST
