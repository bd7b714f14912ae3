"""Which alarms begin together, which was the first, and which limit begins too often. Pure bookkeeping of instants.

First-out: where one fault draws others after it, the alarm that came first is the one to look at. Chattering: an alarm
that comes and goes by itself (ISA-18.2 §16: three or more a minute) would fill a journal and wear out who reads it.
"""

from __future__ import annotations

from collections import deque

import msgspec

from edge.core.alarm import Alarm
from edge.core.types import NEVER


class AlarmRules(msgspec.Struct, frozen=True):
    """How a site treats its alarms."""

    together_ms: int = 60_000
    """Alarms that begin within this of the first have come together."""
    chatter_begins: int = 5
    """An alarm that begins so often …"""
    chatter_ms: int = 600_000
    """… within this chatters, until it was quiet for as long."""
    shelve_most_ms: int = 7 * 86_400_000


class Moment:
    """Alarms that begin within `together_ms` of the first of them."""

    def __init__(self, together_ms: int) -> None:
        self._together_ms = together_ms
        self._first: Alarm | None = None

    def join(self, alarm: Alarm) -> Alarm | None:
        """Return the alarm that came before this one in the same moment and is its first; None: this one is.

        What counts is when they began, not when they were told: buses answer in any order.
        """
        first = self._first
        if first is None or abs(alarm.begin_ms - first.begin_ms) > self._together_ms or first.boot != alarm.boot:
            self._first = alarm
            return None
        if alarm.begin_ms < first.begin_ms:
            self._first, first.first, alarm.first = alarm, False, True
            return None
        first.first = True
        return first


class Chatter:
    """How often each limit was exceeded lately, and which of them chatter until when."""

    def __init__(self, rules: AlarmRules) -> None:
        self.rules = rules
        self._begins: dict[str, deque[int]] = {}
        self._quiet_ms: dict[str, float] = {}

    def is_too_often(self, limit: str, t_ms: int) -> bool:
        """Take note that a limit is exceeded; return whether that makes it chatter."""
        begins = self._begins.setdefault(limit, deque(maxlen=self.rules.chatter_begins))
        begins.append(t_ms)
        return len(begins) == self.rules.chatter_begins and t_ms - begins[0] <= self.rules.chatter_ms

    def hold(self, limit: str, t_ms: int) -> None:
        """Take note that a limit which chatters came or went: its rest counts from here."""
        self._quiet_ms[limit] = t_ms + self.rules.chatter_ms

    def resume(self, limit: str, now_ms: int) -> None:
        """Go on with one that chattered before a restart."""
        self._quiet_ms.setdefault(limit, now_ms + self.rules.chatter_ms)

    def rested(self, now_ms: int) -> list[str]:
        """Return the limits that have been quiet for long enough."""
        return [limit for limit, quiet_ms in self._quiet_ms.items() if now_ms >= quiet_ms]

    def forget(self, limit: str) -> None:
        """Count anew: its chatter, or its alarm, is over."""
        if self._quiet_ms.pop(limit, None) is not None:
            self._begins.pop(limit, None)

    @property
    def due_ms(self) -> float:
        """When the first of them has been quiet for long enough."""
        return min(self._quiet_ms.values(), default=NEVER)
