"""How many messages went and came, day by day on the site's calendar, what they cost, and what the budget still has.

| messages a day | who may use it |
|---|---|
| the last quarter | alarms and tests only |
| the eighth before that | also answers, acknowledgements and signs of life |
| the rest | everything |

Of a month the last tenth is kept for alarms and tests in the same way, and the twentieth before that for answers. So no
report starves an alarm, and a storm of alarms still ends at `per_day`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from edge.links.sms_ports import URGENCY, Purpose

DAYS_KEPT: Final = 70
"""Two whole months, and a few days for a clock that was put right."""
PRESSING: Final = URGENCY.index("test")  # the last purpose that may use all of it
ANSWERING: Final = URGENCY.index("life")  # the last that may use all but what is kept for alarms


class DayCount(msgspec.Struct):
    """Messages of one local day."""

    out: dict[str, int] = {}
    """By purpose."""
    came: int = 0

    @property
    def sent(self) -> int:
        """Return how many left, whatever for."""
        return sum(self.out.values())


class Budget(msgspec.Struct, frozen=True):
    """How many messages may leave in a day and in a month."""

    per_day: int
    per_month: int

    def for_day(self, purpose: Purpose) -> int:
        """Return up to which message of a day this purpose may go.

        >>> budget = Budget(per_day=12, per_month=150)
        >>> [budget.for_day(purpose) for purpose in ("alarm", "answer", "report")]
        [12, 9, 8]
        >>> [Budget(per_day=3, per_month=90).for_day(purpose) for purpose in ("alarm", "answer", "report")]
        [3, 2, 2]
        """
        return self.per_day - _kept(purpose, (self.per_day + 2) // 4, self.per_day // 8)

    def for_month(self, purpose: Purpose) -> int:
        """Return up to which message of a month this purpose may go."""
        return self.per_month - _kept(purpose, self.per_month // 10, self.per_month // 20)


def _kept(purpose: Purpose, for_alarms: int, for_answers: int) -> int:
    place = URGENCY.index(purpose)
    return 0 if place <= PRESSING else for_alarms if place <= ANSWERING else for_alarms + for_answers


class Account:
    """The counts of the last months. A day is "2026-11-21", on the site's calendar."""

    def __init__(self, budget: Budget, saved: Mapping[str, Any] | None = None) -> None:
        self.budget = budget
        self.days: dict[str, DayCount] = msgspec.convert(saved or {}, dict[str, DayCount])

    def saved(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        found: dict[str, Any] = msgspec.to_builtins(self.days)
        return found

    def on(self, day: str) -> DayCount:
        """Return the counts of a day, to be added to."""
        if day not in self.days:
            self.days[day] = DayCount()
            for old in sorted(self.days.keys() - {day})[: -DAYS_KEPT + 1]:  # never this one: a clock may fall far back
                del self.days[old]
        return self.days[day]

    def sent(self, day: str, purpose: Purpose) -> None:
        """Count a message that leaves."""
        out = self.on(day).out
        out[purpose] = out.get(purpose, 0) + 1

    def taken_back(self, day: str, purpose: Purpose) -> None:
        """Count a message out again: the network refused it, or it never left."""
        out = self.on(day).out
        out[purpose] = max(0, out.get(purpose, 0) - 1)

    def month(self, day: str) -> DayCount:
        """Return the counts of the calendar month that a day is in."""
        total = DayCount()
        for each, count in self.days.items():
            if each[:7] == day[:7]:
                total.came += count.came
                for purpose, number in count.out.items():
                    total.out[purpose] = total.out.get(purpose, 0) + number
        return total

    def room(self, purpose: Purpose, day: str) -> int:
        """Return how many messages may still leave for this purpose today."""
        today = self.days.get(day, DayCount()).sent
        left = min(self.budget.for_day(purpose) - today, self.budget.for_month(purpose) - self.month(day).sent)
        return max(0, left)
