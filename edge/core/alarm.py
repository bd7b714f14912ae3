"""Alarms that limits begin: numbered, and in one of the states of ISA-18.2 / IEC 62682 (docs/alarms.md)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge.core.limit import Limit

SILENCED: Final = ("shelved", "suppressed", "out_of_service")
"""The states in which an alarm is journaled and nobody is told."""
GONE_MOST: Final = 200


class Alarm(msgspec.Struct, omit_defaults=True):
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
    peak_boot: int = 0
    active: bool = True
    acknowledged: bool = False
    end_ms: int | None = None
    end_boot: int = 0
    kind: str = ""
    priority: str = ""
    beyond: bool = True
    """Whether the limit is exceeded; an alarm may outlast that, latched or chattering."""
    chattering: bool = False
    begins: int = 1
    """How often the limit was exceeded in it: above 1 when it latched or chattered."""
    silence: str = ""
    """One of SILENCED, empty: people hear of it."""
    by: str = ""
    """The source that suppresses it."""
    heard: bool = True
    """Whether people were to hear of it at any time: what nobody was to hear, nobody has to acknowledge."""
    first: bool = False
    """The first of several that began together."""
    acknowledged_by: str = ""
    acknowledged_boot: int = 0
    acknowledged_ms: int = 0

    @property
    def condition(self) -> str:
        """The state without what silences it: unacknowledged, acknowledged, latched, returned or normal."""
        if not self.active:
            return "normal" if self.acknowledged else "returned"
        if self.is_latched:
            return "latched"
        return "acknowledged" if self.acknowledged else "unacknowledged"

    @property
    def state(self) -> str:
        """The state as ISA-18.2 calls it: what silences it, else its condition."""
        return self.silence or self.condition

    @property
    def is_latched(self) -> bool:
        """Whether it is back within its limit and stands until it is acknowledged."""
        return self.active and not self.beyond and not self.chattering

    @property
    def is_waiting(self) -> bool:
        """Whether somebody has to acknowledge it."""
        return not self.silence and (not self.acknowledged or self.is_latched)


class AlarmList:
    """The alarms that are active or not yet acknowledged, and the number of the next one."""

    def __init__(self, saved: dict[str, Any] | None = None) -> None:
        self.by_limit: dict[str, Alarm] = {}
        self.gone: dict[int, Alarm] = {}
        """The last that have left the list, by number: who tells of an end asks what there was."""
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
            self.last_number, spec.id, spec.point, boot, t_ms, value, limit.peak, limit.peak_ms, boot,
            kind=spec.kind, priority=spec.priority,
        )  # fmt: skip
        self.by_limit[spec.id] = alarm
        return alarm

    def end(self, alarm: Alarm, boot: int, t_ms: int) -> None:
        """Mark an alarm ended; it leaves the list where nobody has to acknowledge it any more."""
        alarm.active = alarm.beyond = alarm.chattering = False
        alarm.end_boot, alarm.end_ms = boot, t_ms
        if alarm.acknowledged or not alarm.heard:
            self._leave(alarm)

    def acknowledge(self, alarm: Alarm, author: str, boot: int, now_ms: int) -> None:
        """Mark an alarm acknowledged, by whom and when; it leaves the list where it is over."""
        alarm.acknowledged, alarm.acknowledged_by = True, author
        alarm.acknowledged_boot, alarm.acknowledged_ms = boot, now_ms
        if not alarm.active:
            self._leave(alarm)

    def _leave(self, alarm: Alarm) -> None:
        self.gone[alarm.number] = self.by_limit.pop(alarm.limit)
        while len(self.gone) > GONE_MOST:
            del self.gone[next(iter(self.gone))]

    def numbered(self, number: int) -> Alarm | None:
        """Return the alarm with this number, None when there is none any more."""
        return next((alarm for alarm in self.by_limit.values() if alarm.number == number), None)

    def waiting(self) -> list[int]:
        """Return the numbers that wait for an acknowledgement, oldest first."""
        return sorted(alarm.number for alarm in self.by_limit.values() if alarm.is_waiting)

    def sorted(self) -> list[Alarm]:
        """Return those that people hear of, active ones first, newest first; then the silenced ones."""
        return sorted(self.by_limit.values(), key=lambda alarm: (bool(alarm.silence), not alarm.active, -alarm.number))

    def register(self) -> dict[str, Any]:
        """Return what must be durable."""
        return {"last": self.last_number, "alarms": msgspec.to_builtins(list(self.by_limit.values()))}
