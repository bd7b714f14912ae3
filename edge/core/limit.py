"""Limits: what calls for an alarm, with deadband, on-delay and off-delay. What is compared: `edge.core.measure`.

Words and rules from ISA-18.2 / IEC 62682. A BAD reading neither begins nor ends an alarm on a value: only `fault` and
`stale` limits speak of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from edge.core.measures import measure_of
from edge.core.types import NEVER, LimitSpec
from hal.sample import BAD

if TYPE_CHECKING:
    from edge.core.alarm import Alarm

NOT_YET: Final = frozenset({"unconfirmed", "inconsistent", "suspect"})
"""Doubts in which a value must not move anything yet: the next frame has to agree first."""

ON_QUALITY: Final = frozenset({"fault", "stale"})
"""Limits that look at the quality of a point, not at its value."""

NUMBERLESS: Final = frozenset({"fault", "stale", "expression"})
"""Limits that compare no number which people would read."""

BELOW: Final = frozenset({"low", "low_low"})
"""Limits that a value is beyond when it is smaller."""

STATES: Final = frozenset({"equal", "not_equal"})
"""Limits that a value is beyond by being it, or by being another."""

INSIDE: Final = "inside"


def excess(kind: str, value: float, bound: float) -> float:
    """Return how far beyond the bound the value is, in their unit; negative or 0 inside.

    >>> excess("low", 4.5, 5.0)
    0.5
    """
    if kind in BELOW:
        return bound - value
    if kind not in STATES:
        return value - bound
    distance = abs(value - bound)
    return -distance if kind == "equal" else distance


def is_beyond(spec: LimitSpec, value: float, bound: float, deadband: float = 0.0) -> bool:
    """Return whether the value calls for the alarm, or for `deadband` > 0, has not yet come back far enough.

    A `not_equal` limit has no deadband: nothing comes back farther than to the value itself.
    """
    beyond = excess(spec.kind, value, bound)
    if spec.or_equal or spec.kind in {"equal", "never_zero"}:
        return beyond >= -deadband
    return beyond > (0.0 if spec.kind == "not_equal" else -deadband)


def sign(kind: str, value: float, bound: float, *, or_equal: bool = False) -> str:
    """Return what stands between a value and its bound, for people: the kind beyond it, "inside" where it is not.

    An alarm goes on within its deadband and its delay, and 84.2 is not above 85.

    >>> sign("high", 92.5, 85), sign("high", 84.2, 85), sign("high", 85, 85, or_equal=True), sign("low", 4.5, 5)
    ('high', 'inside', 'high_or_equal', 'low')
    """
    beyond = excess(kind, value, bound)
    if kind not in STATES and (beyond < 0 or (beyond == 0 and not or_equal)):
        return INSIDE
    return f"{kind}_or_equal" if or_equal else kind


class Limit:
    """One limit's state: `judge` each reading, and ask again at `due_ms`, when a delay or a period runs out."""

    __slots__ = ("_delay_ms", "_until_ms", "_wish", "active", "due_ms", "measure", "number", "peak", "peak_ms", "spec")

    def __init__(self, spec: LimitSpec, alarm: Alarm | None = None) -> None:
        """Begin quiet, or go on with the alarm that was active before a restart."""
        self.spec = spec
        self.active = alarm is not None and alarm.active and alarm.beyond
        self.measure = measure_of(spec, is_active=self.active)
        """What is compared, where that is not simply the reading with `spec.value`."""
        self.number: float | None = None
        """What was compared last."""
        self._wish = self.active
        self._until_ms = 0
        self._delay_ms: float = NEVER
        self.due_ms: float = NEVER
        self.peak = alarm.peak if alarm is not None else None
        """The number farthest beyond the limit since the alarm was called for, and when."""
        self.peak_ms = alarm.peak_ms if alarm is not None else 0

    @property
    def is_engaged(self) -> bool:
        """Whether the alarm is active, or called for and in its delay: every reading then matters."""
        return self.active or self._wish

    @property
    def bound(self) -> float | None:
        """What is compared with now; None where that is no number, or another point without a value."""
        if self.spec.kind in NUMBERLESS:
            return None
        return self.spec.value if self.measure is None else self.measure.bound

    def compared(self, value: float | None) -> float | None:
        """Return what an alarm of this reading of the point tells: the reading, or what was made of it."""
        if self.measure is None:
            return value
        return None if self.spec.kind in NUMBERLESS else self.number

    def set_value(self, value: float) -> None:
        """Compare with another value from now on: the next reading decides by it."""
        self.spec = msgspec.structs.replace(self.spec, value=value)
        if self.measure is not None:
            self.measure.spec = self.spec

    def judge(self, value: float | None, quality: int, reason: str, t_ms: int, of: str = "") -> bool | None:
        """Return True when the alarm begins now, False when it ends now, None when nothing changes.

        `of` names the other point that the reading is of. A delay does not run out while the readings say nothing: the
        next one that does decides at once, so that a device that answers every other time can neither begin an alarm
        unseen nor put it off for ever.
        """
        if self.spec.kind in ON_QUALITY:
            bad = quality == BAD or reason == "mismatch"  # an output that is not where it was switched
            wish = bad if self.spec.kind == "fault" else quality == BAD and reason == "stale"
            return self._decide(t_ms, wish=wish)
        believed = None if reason in NOT_YET else value
        measure = self.measure
        if measure is None:
            self.number = believed
        else:
            if reason == "meter_changed":
                measure.forget()
            measure.take(of, believed, t_ms)
            self.number = measure.number(t_ms)
        return self._compare(t_ms)

    def check(self, now_ms: int) -> bool | None:
        """Return True or False when a delay or a period has run out by now, as `judge` does."""
        measure = self.measure
        if measure is not None and now_ms >= measure.due_ms:
            self.number = measure.number(now_ms)
            return self._compare(now_ms)
        return self._run_out(now_ms)

    def _compare(self, t_ms: int) -> bool | None:
        number = self.number
        bound = self.spec.value if self.measure is None else self.measure.bound
        if number is None or bound is None:
            self._delay_ms = NEVER
            self._set_due()
            return None
        # on the way back only: while an on-delay runs, the limit itself counts
        deadband = self.spec.deadband if self._wish and self.active else 0.0
        wish = is_beyond(self.spec, number, bound, deadband)
        if wish and not (self._wish or self.active):
            self.peak = None
        if self.spec.kind not in NUMBERLESS:
            self._follow_peak(number, bound, t_ms)
        return self._decide(t_ms, wish=wish)

    def _decide(self, t_ms: int, *, wish: bool) -> bool | None:
        """Follow what the reading calls for, at once or when its delay is over."""
        if wish != self._wish:
            self._wish = wish
            self._until_ms = t_ms + (self.spec.on_delay_ms if wish else self.spec.off_delay_ms)
        self._delay_ms = NEVER if wish == self.active else self._until_ms
        self._set_due()
        return self._run_out(t_ms)

    def _run_out(self, now_ms: int) -> bool | None:
        if now_ms < self._delay_ms:
            return None
        self._delay_ms = NEVER
        self._set_due()
        self.active = self._wish
        return self.active

    def _set_due(self) -> None:
        measure = self.measure
        self.due_ms = self._delay_ms if measure is None else min(self._delay_ms, measure.due_ms)

    def _follow_peak(self, number: float, bound: float, t_ms: int) -> None:
        kind = self.spec.kind
        if self.peak is None or excess(kind, number, bound) > excess(kind, self.peak, bound):
            self.peak, self.peak_ms = number, t_ms
