"""Limits: what calls for an alarm, with deadband, on-delay and off-delay.

Words and rules from ISA-18.2 / IEC 62682. A BAD reading neither begins nor ends an alarm on a value: only `fault` and
`stale` limits speak of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge.core.types import NEVER, LimitSpec
from hal.sample import BAD

if TYPE_CHECKING:
    from edge.core.alarm import Alarm

NOT_YET: Final = frozenset({"unconfirmed", "inconsistent", "suspect"})
"""Doubts in which a value must not move anything yet: the next frame has to agree first."""

ON_QUALITY: Final = frozenset({"fault", "stale"})
"""Limits that look at the quality of a point, not at its value."""


def excess(spec: LimitSpec, value: float) -> float:
    """Return how far beyond the limit the value is, in the point's unit; negative or 0 inside.

    >>> excess(LimitSpec(id="a", point="p", kind="low", value=5.0), 4.5)
    0.5
    """
    if spec.kind == "high":
        return value - spec.value
    if spec.kind == "low":
        return spec.value - value
    distance = abs(value - spec.value)
    return -distance if spec.kind == "equal" else distance


def is_beyond(spec: LimitSpec, value: float, deadband: float = 0.0) -> bool:
    """Return whether the value calls for the alarm, or for `deadband` > 0, has not yet come back far enough.

    A `not_equal` limit has no deadband: nothing comes back farther than to the value itself.
    """
    beyond = excess(spec, value)
    if spec.kind == "equal":
        return beyond >= -deadband
    return beyond > (0.0 if spec.kind == "not_equal" else -deadband)


class Limit:
    """One limit's state: `judge` each reading, and ask again at `due_ms`, when a delay runs out."""

    __slots__ = ("_until_ms", "_wish", "active", "due_ms", "peak", "peak_ms", "spec")

    def __init__(self, spec: LimitSpec, alarm: Alarm | None = None) -> None:
        """Begin quiet, or go on with the alarm that was active before a restart."""
        self.spec = spec
        self.active = alarm is not None and alarm.active
        self._wish = self.active
        self._until_ms = 0
        self.due_ms: float = NEVER
        self.peak = alarm.peak if alarm is not None else None
        """The value farthest beyond the limit since the alarm was called for, and when."""
        self.peak_ms = alarm.peak_ms if alarm is not None else 0

    @property
    def is_engaged(self) -> bool:
        """Whether the alarm is active, or called for and in its delay: every reading then matters."""
        return self.active or self._wish

    def judge(self, value: float | None, quality: int, reason: str, t_ms: int) -> bool | None:
        """Return True when the alarm begins now, False when it ends now, None when nothing changes.

        A delay does not run out while the readings say nothing: the next one that does decides at once, so that a
        device that answers every other time can neither begin an alarm unseen nor put it off for ever.
        """
        wish = self._wish_of(value, quality, reason)
        if wish is None:
            self.due_ms = NEVER
            return None
        if wish != self._wish:
            self._wish = wish
            self._until_ms = t_ms + (self.spec.on_delay_ms if wish else self.spec.off_delay_ms)
            if wish and not self.active:
                self.peak = None
        if value is not None and self.spec.kind not in ON_QUALITY:
            self._follow_peak(value, t_ms)
        self.due_ms = NEVER if wish == self.active else self._until_ms
        return self.check(t_ms)

    def check(self, now_ms: int) -> bool | None:
        """Return True or False when a delay has run out by now, as `judge` does."""
        if now_ms < self.due_ms:
            return None
        self.due_ms = NEVER
        self.active = self._wish
        return self.active

    def _wish_of(self, value: float | None, quality: int, reason: str) -> bool | None:
        """Return whether this reading calls for the alarm; None when it says nothing about it."""
        spec = self.spec
        if spec.kind == "fault":
            return quality == BAD or reason == "mismatch"  # an output that is not where it was switched
        if spec.kind == "stale":
            return quality == BAD and reason == "stale"
        if value is None or reason in NOT_YET:
            return None
        return is_beyond(spec, value, spec.deadband if self._wish else 0.0)

    def _follow_peak(self, value: float, t_ms: int) -> None:
        if self.peak is None or excess(self.spec, value) > excess(self.spec, self.peak):
            self.peak, self.peak_ms = value, t_ms
