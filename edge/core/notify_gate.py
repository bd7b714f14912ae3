"""When people may be told again: a pause between messages, a bound per hour, and hours in which only what is bad goes.

A bucket holds `most` messages and fills by as many an hour: a burst goes at once, what comes after it each few minutes,
and never more than twice `most` in any hour. Critical alarms have a bucket of their own, which others can't empty.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal, TypeAlias

import msgspec

from edge.core.moments import local_ms
from edge.core.types import NEVER

Priority: TypeAlias = Literal["low", "medium", "high", "critical"]
RANK: Final[tuple[Priority, ...]] = ("low", "medium", "high", "critical")
HOUR_MS: Final = 3_600_000
DAY_MIN: Final = 1440


class NotifyRules(msgspec.Struct, frozen=True):
    """How a site tells people of its alarms."""

    least: Priority = "low"
    """Below it, alarms are journaled only."""
    together_ms: int = 60_000
    """Between two messages; what comes meanwhile goes as one."""
    most_per_hour: int = 6
    remind_ms: tuple[int, int, int, int] = (0, 14_400_000, 3_600_000, 900_000)
    """By rank of the priority: how often it is said again until somebody acknowledges; 0: never."""
    reminders: int = 3
    quiet: tuple[int, int] | None = None
    """Minutes of the local day from and to which only `quiet_least` and above goes; the rest waits."""
    quiet_least: Priority = "critical"


class Bucket:
    """So many messages, and as many an hour."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = float(most)
        self._at_ms = 0

    def ready_ms(self, now_ms: int) -> int:
        """Return when the next message may go."""
        self._left = min(self._most, self._left + max(0, now_ms - self._at_ms) * self._most / HOUR_MS)
        self._at_ms = now_ms
        return now_ms if self._left >= 1 else now_ms + round((1 - self._left) * HOUR_MS / self._most) + 1

    def take(self) -> None:
        """Take note that one goes."""
        self._left -= 1


class Gate:
    """Says when the next message may go."""

    def __init__(self, rules: NotifyRules) -> None:
        self._rules = rules
        self._last_ms: float = -NEVER
        self._buckets = {False: Bucket(rules.most_per_hour), True: Bucket(rules.most_per_hour)}

    def ready_ms(self, now_ms: int, *, is_critical: bool) -> float:
        """Return when a message of this urgency may go: now, or later."""
        return max(self._last_ms + self._rules.together_ms, self._buckets[is_critical].ready_ms(now_ms))

    def take(self, now_ms: int, *, is_critical: bool) -> None:
        """Take note that one goes now."""
        self._last_ms = now_ms
        self._buckets[is_critical].take()

    def holds_back(self, priority: str, utc_ms: int | None, zone: tzinfo) -> int:
        """Return for how many ms quiet hours hold back this priority; 0 without a clock: better heard than lost.

        >>> gate = Gate(NotifyRules(quiet=(22 * 60, 7 * 60)))
        >>> gate.holds_back("high", 3_600_000, UTC) // 60_000, gate.holds_back("critical", 3_600_000, UTC)
        (360, 0)
        """
        quiet = self._rules.quiet
        if quiet is None or utc_ms is None or RANK.index(priority) >= RANK.index(self._rules.quiet_least):
            return 0
        local = datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone(zone)
        begin, end = quiet
        into = (local.hour * 60 + local.minute - begin) % DAY_MIN
        length = (end - begin) % DAY_MIN
        if into >= length:
            return 0
        # by the clocks, which may change meanwhile
        end_at = local.replace(tzinfo=None, second=0, microsecond=0) + timedelta(minutes=length - into)
        return max(0, local_ms(end_at, zone) - utc_ms)
