"""Alarms that limits begin: numbered, active or not, acknowledged or not.

Words and rules from ISA-18.2 / IEC 62682.
"""

from __future__ import annotations

from typing import Any

import msgspec

from edge.core.limit import Limit


class Ack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Acknowledge one alarm by its number, or all that wait."""

    number: int | None = None


class Alarm(msgspec.Struct):
    """One alarm: a limit exceeded at `begin_ms` of start `boot`. Gone when it has ended and is acknowledged."""

    number: int
    limit: str
    point: str
    boot: int
    begin_ms: int
    value: float | None
    peak: float | None = None
    """The value farthest beyond the limit so far, and when; None for faults."""
    peak_ms: int = 0
    active: bool = True
    acknowledged: bool = False
    end_ms: int | None = None
    kind: str = ""
    priority: str = ""

    @property
    def state(self) -> str:
        """The state as ISA-18.2 calls it: unacknowledged, acknowledged, returned (over, unacknowledged) or normal."""
        if self.active:
            return "acknowledged" if self.acknowledged else "unacknowledged"
        return "normal" if self.acknowledged else "returned"


class AlarmList:
    """The alarms that are active or not yet acknowledged, and the number of the next one."""

    def __init__(self, saved: dict[str, Any] | None = None) -> None:
        self.by_limit: dict[str, Alarm] = {}
        self.last_number = 0
        if saved:
            self.last_number = saved["last"]
            for alarm in msgspec.convert(saved["alarms"], list[Alarm]):
                self.by_limit[alarm.limit] = alarm

    def begin(self, limit: Limit, boot: int, t_ms: int, value: float | None) -> Alarm:
        """Number and keep a new alarm; an unacknowledged one of the same limit that had ended is replaced."""
        self.last_number += 1
        spec = limit.spec
        alarm = Alarm(
            self.last_number, spec.id, spec.point, boot, t_ms, value, limit.peak, limit.peak_ms,
            kind=spec.kind, priority=spec.priority,
        )  # fmt: skip
        self.by_limit[spec.id] = alarm
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
        """Mark the alarm with this number acknowledged; None when there is none waiting for it.

        Before, its state was `unacknowledged` or, over already, `returned`.
        """
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
