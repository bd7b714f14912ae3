"""Limits and the alarms they begin: deadband, on-delay, off-delay, numbered, active or not, acknowledged or not.

Words and rules from ISA-18.2 / IEC 62682. A BAD reading neither begins nor ends an alarm on a value: only `fault` and `stale`
limits speak of it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge.core.types import NEVER, LimitSpec
from hal.sample import BAD

# Values that must not move anything yet: the next frame has to agree first.
NOT_YET: Final = frozenset({"unconfirmed", "inconsistent", "suspect"})


class Alarm(msgspec.Struct):
    """One alarm: a limit exceeded at `begin_ms` of start `boot`. Gone when it has ended and is acknowledged."""

    number: int
    limit: str
    point: str
    boot: int
    begin_ms: int
    value: float | None
    peak: float | None = None
    peak_ms: int = 0
    active: bool = True
    acknowledged: bool = False
    end_ms: int | None = None


def excess(spec: LimitSpec, value: float) -> float:
    """Return how far beyond the limit the value is, in the point's unit; negative or 0 inside.

    >>> excess(LimitSpec(id="a", point="p", kind="low", value=5.0), 4.5)
    0.5
    """
    if spec.kind == "high":
        return value - spec.value
    if spec.kind == "low":
        return spec.value - value
    if spec.kind == "equal":
        return 1.0 if value == spec.value else -1.0
    if spec.kind == "not_equal":
        return -1.0 if value == spec.value else 1.0
    return -1.0


class Limit:
    """One limit's state: `judge` each reading, and ask again at `due_ms`, when a delay runs out."""

    __slots__ = ("_since_ms", "_wish", "active", "due_ms", "peak", "peak_ms", "spec")

    def __init__(self, spec: LimitSpec, *, active: bool = False) -> None:
        self.spec = spec
        self.active = active
        self._wish = active
        self._since_ms = 0
        self.due_ms: float = NEVER
        self.peak: float | None = None
        """The value farthest beyond the limit since the alarm was called for, and when."""
        self.peak_ms = 0

    @property
    def is_engaged(self) -> bool:
        """Whether the alarm is active, or called for and in its delay: every reading then matters."""
        return self.active or self._wish

    def judge(self, value: float | None, quality: int, reason: str, t_ms: int) -> bool | None:
        """Return True when the alarm begins now, False when it ends now, None when nothing changes."""
        wish = self._wish_of(value, quality, reason)
        if wish is None:
            return self.check(t_ms)
        if wish != self._wish:
            if wish and not self.active:
                self.peak = None
            self._wish, self._since_ms = wish, t_ms
            if wish == self.active:
                self.due_ms = NEVER
            else:
                self.due_ms = t_ms + (self.spec.on_delay_ms if wish else self.spec.off_delay_ms)
        if value is not None and (self.peak is None or excess(self.spec, value) > excess(self.spec, self.peak)):
            self.peak, self.peak_ms = value, t_ms
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
            return quality == BAD
        if spec.kind == "stale":
            return quality == BAD and reason == "stale"
        if value is None or reason in NOT_YET:
            return None
        beyond = excess(spec, value)
        if self._wish:
            return beyond > -spec.deadband if spec.deadband else beyond > 0
        return beyond > 0


class AlarmList:
    """The alarms that are active or not yet acknowledged, and the number of the next one."""

    def __init__(self, saved: dict[str, Any] | None = None) -> None:
        self.by_limit: dict[str, Alarm] = {}
        self.last_number = 0
        if saved:
            self.last_number = saved["last"]
            for alarm in msgspec.convert(saved["alarms"], list[Alarm]):
                self.by_limit[alarm.limit] = alarm

    def begin(self, limit: LimitSpec, boot: int, t_ms: int, value: float | None) -> Alarm:
        """Number and keep a new alarm; an unacknowledged one of the same limit that had ended is replaced."""
        self.last_number += 1
        alarm = Alarm(
            self.last_number, limit.id, limit.point, boot, t_ms, value=value, peak=value, peak_ms=t_ms
        )
        self.by_limit[limit.id] = alarm
        return alarm

    def end(self, limit_id: str, t_ms: int) -> Alarm | None:
        """Mark the limit's alarm ended and return it; it leaves the list when it was acknowledged."""
        alarm = self.by_limit.get(limit_id)
        if alarm is None or not alarm.active:
            return None
        alarm.active, alarm.end_ms = False, t_ms
        if alarm.acknowledged:
            del self.by_limit[limit_id]
        return alarm

    def acknowledge(self, number: int) -> Alarm | None:
        """Mark the alarm with this number acknowledged; None when there is none waiting for it."""
        for alarm in self.by_limit.values():
            if alarm.number == number and not alarm.acknowledged:
                alarm.acknowledged = True
                if not alarm.active:
                    del self.by_limit[alarm.limit]
                return alarm
        return None

    def waiting(self) -> list[int]:
        """Return the numbers that wait for an acknowledgement, oldest first."""
        return sorted(alarm.number for alarm in self.by_limit.values() if not alarm.acknowledged)

    def sorted(self) -> list[Alarm]:
        """Return all, active ones first, newest first."""
        return sorted(self.by_limit.values(), key=lambda alarm: (not alarm.active, -alarm.number))

    def register(self) -> dict[str, Any]:
        """Return what must be durable."""
        return {"last": self.last_number, "alarms": msgspec.to_builtins(list(self.by_limit.values()))}
