"""Which alarms begin together, which was the first, and which limit begins too often. Pure bookkeeping of instants.

First-out: where one fault draws others after it, the alarm that came first is the one to look at. Chattering: an alarm
that comes and goes by itself (ISA-18.2 §16: three or more a minute) would fill a journal and wear out who reads it.
"""

from __future__ import annotations

from collections import deque

import msgspec

from edge.core.alarm import Alarm


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
    """How often each limit was exceeded lately."""

    def __init__(self, rules: AlarmRules) -> None:
        self._rules = rules
        self._begins: dict[str, deque[int]] = {}

    def is_too_often(self, limit: str, t_ms: int) -> bool:
        """Take note that a limit is exceeded; return whether that makes it chatter."""
        begins = self._begins.setdefault(limit, deque(maxlen=self._rules.chatter_begins))
        begins.append(t_ms)
        return len(begins) == self._rules.chatter_begins and t_ms - begins[0] <= self._rules.chatter_ms

    def forget(self, limit: str) -> None:
        """Count anew."""
        self._begins.pop(limit, None)
