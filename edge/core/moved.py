"""What one counter moved, by local hour and day: exact sums that grow record by record, and what nobody can date yet.

Sums are whole numbers of 10⁻⁹ of the unit, so that a year of small increments is right to the last digit. Weeks, months
and years are sums of days. What surprises: a day may have a sum while the one before has none, and a record longer than
an hour is in no hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec

from edge.core.calendar import HOUR_MS
from edge.core.placing import Placing
from edge.core.sums import Sum
from hal.sample import BAD, UNCERTAIN, Quality

HOURS: Final = 3
DAYS: Final = 400  # kept one by one; older ones as months
MONTHS: Final = 36
WAITING_MOST: Final = 240  # undated records; then two become one
NEWEST: Final = 8  # of them in the register that is written with each record


class Waiting(msgspec.Struct, array_like=True):
    """Records in a row of one start that has no date yet: what they moved counts from their beginning."""

    boot: int
    start_ms: int
    length_ms: int
    moved: int | None
    quality: Quality

    def follows(self, boot: int, start_ms: int, quality: Quality) -> bool:
        """Return whether such a record goes on where this ends."""
        return self.boot == boot and self.quality == quality and self.start_ms + self.length_ms == start_ms


class Movement:
    """One counter's sums. `saved` are its registers, by the end of their names; what is no sum raises ValueError."""

    __slots__ = (
        "_changed", "_day", "_has_hours", "_hour_ms", "_of_day", "_of_hour", "_spilled", "days", "hours", "months",
        "waiting",
    )  # fmt: skip

    def __init__(self, saved: Mapping[str, Any] | None = None, *, has_hours: bool = True) -> None:
        """`has_hours`: whether its records are short enough to tell the hour."""
        self._has_hours = has_hours
        self.hours: dict[int, Sum] = {}
        """The newest, by their beginning (UTC ms)."""
        self.days: dict[int, Sum] = {}
        """By `date.toordinal()`."""
        self.months: dict[str, Sum] = {}
        """Older than the days, by "2026-11"."""
        self.waiting: list[Waiting] = []
        self._day = self._hour_ms = -1
        """The day used last: it stands in the register that is written with each record."""
        self._changed: set[str] = set()
        """The other registers that changed."""
        self._spilled = 0
        """How many of those that wait stand in a register of their own."""
        self._load(saved or {})
        self._of_day = self.days.get(self._day, Sum())
        self._of_hour = Sum()
        """The day and the hour used last."""

    def _load(self, saved: Mapping[str, Any]) -> None:
        try:
            for name, value in saved.items():
                if name == "older":
                    self.months.update({month: Sum.of(found) for month, found in value.items()})
                elif name and name != "wait":
                    first = date.fromisoformat(f"{name}-01").toordinal()
                    self.days.update({first + number - 1: Sum.of(found) for number, *found in value})
            self.waiting += msgspec.convert(saved.get("wait", []), list[Waiting])
            self._spilled = len(self.waiting)
            newest = saved.get("", {})
            self.hours.update({begin_ms: Sum.of(found) for begin_ms, *found in newest.get("hours", [])})
            if "day" in newest:
                self._day, *found = newest["day"]
                self.days[self._day] = Sum.of(found)
            self.waiting += msgspec.convert(newest.get("wait", []), list[Waiting])
            if self.waiting:  # made anew while the site runs: what the log holds of it may be parted otherwise
                self._changed.add("wait")
        except (ArithmeticError, AttributeError, TypeError, ValueError) as exc:  # decimal.InvalidOperation too
            raise ValueError(f"no sums: {exc}") from exc

    # -- records

    def add(self, hour_ms: int, day: int, moved: int | None, length_ms: int, quality: Quality) -> None:
        """Take in a record that begins in this local hour (UTC ms) of this day (ordinal)."""
        if day != self._day:
            self._turn(day)
        self._of_day.add(moved, length_ms, quality)
        if self._has_hours and length_ms <= HOUR_MS:
            if hour_ms != self._hour_ms:
                self._hour_ms, self._of_hour = hour_ms, self.hours.setdefault(hour_ms, Sum())
            self._of_hour.add(moved, length_ms, quality)

    def drop_hours(self, now_ms: int | None) -> None:
        """Keep no more hours than are asked for; one that has not come yet, by a clock that was wrong, goes first."""
        while len(self.hours) > HOURS:
            newest_ms = max(self.hours)
            del self.hours[newest_ms if now_ms is not None and newest_ms > now_ms + HOUR_MS else min(self.hours)]
        self._hour_ms = -1

    def _turn(self, day: int) -> None:
        """Go to another day: the one before goes to its month's register."""
        if self._day in self.days:
            self._changed.add(month_of(self._day))
        self._day = day
        while len(self.days) >= DAYS:
            self._fold(month_of(min(self.days)))
        self._of_day = self.days.setdefault(day, Sum())

    def _fold(self, month: str) -> None:
        """Make one sum of the days of a month."""
        own = [day for day in self.days if month_of(day) == month]
        for day in own:
            self.months.setdefault(month, Sum()).join(self.days.pop(day))
        for old in sorted(self.months)[:-MONTHS]:
            del self.months[old]
        self._changed |= {month, "older"}

    # -- what has no date yet

    def wait(self, boot: int, start_ms: int, moved: int | None, length_ms: int, quality: Quality) -> None:
        """Keep a record until its start is dated."""
        last = self.waiting[-1] if self.waiting else None
        if last is not None and not moved and last.follows(boot, start_ms, quality):
            last.length_ms += length_ms
            if moved is not None and last.moved is None:
                last.moved = moved
            return
        self.waiting.append(Waiting(boot, start_ms, length_ms, moved, quality))
        if len(self.waiting) > WAITING_MOST:
            self._thin()
        elif len(self.waiting) - self._spilled > NEWEST:
            self._spill()

    def _thin(self) -> None:
        """Make one of each two in a row: from now on it is not sure in which hour they moved."""
        thinned: list[Waiting] = []
        for at in range(0, len(self.waiting), 2):
            pair = self.waiting[at : at + 2]
            if len({(one.boot, one.quality == BAD) for one in pair}) == len(pair) - 1:
                first, second = pair
                moved = second.moved if first.moved is None else first.moved + (second.moved or 0)
                length_ms = second.start_ms + second.length_ms - first.start_ms
                quality: Quality = BAD if first.quality == BAD else UNCERTAIN
                pair = [Waiting(first.boot, first.start_ms, length_ms, moved, quality)]
            thinned += pair
        self.waiting = thinned
        self._spill()

    def _spill(self) -> None:
        self._spilled = max(len(self.waiting) - 1, 0)  # the last one may still grow
        self._changed.add("wait")

    def settle(self, placing: Placing) -> bool:
        """Give what waits its place, as far as it can be dated now; return whether anything could."""
        left = []
        for one in self.waiting:
            utc_ms = placing.utc_ms(one.boot, one.start_ms)
            if utc_ms is None:
                left.append(one)
            else:
                self.spread(placing, utc_ms, one.moved, one.length_ms, one.quality)
        is_any = len(left) < len(self.waiting)
        if is_any:
            self.waiting = left
            self._spill()
        return is_any

    def spread(self, placing: Placing, utc_ms: int, moved: int | None, length_ms: int, quality: Quality) -> None:
        """Take in what lasted so long from an instant on: it moved at its beginning, its time lies in each hour."""
        end_ms = utc_ms + length_ms
        while utc_ms < end_ms:
            placing.find(utc_ms)
            until_ms = min(end_ms, placing.next_ms)
            self.add(placing.hour_ms, placing.day, moved, until_ms - utc_ms, quality)
            utc_ms, moved = until_ms, None

    # -- registers

    def registers(self) -> dict[str, Any]:
        """Return what changed, by the end of the registers' names."""
        changed, self._changed = self._changed, set()
        return {"": self._newest(), **{name: self._register(name) for name in sorted(changed)}}

    def saved(self) -> dict[str, Any]:
        """Return all of it."""
        names = {month_of(day) for day in self.days if day != self._day} | ({"older"} if self.months else set())
        self._spill()
        return {"": self._newest(), **{name: self._register(name) for name in sorted({*names, "wait"})}}

    def _newest(self) -> dict[str, Any]:
        found: dict[str, Any] = {"hours": [[begin_ms, *one.saved()] for begin_ms, one in self.hours.items()]}
        if self._day in self.days:
            found["day"] = [self._day, *self.days[self._day].saved()]
        if len(self.waiting) > self._spilled:
            found["wait"] = msgspec.to_builtins(self.waiting[self._spilled :])
        return found

    def _register(self, name: str) -> Any:
        if name == "wait":
            return msgspec.to_builtins(self.waiting[: self._spilled])
        if name == "older":
            return {month: found.saved() for month, found in self.months.items()}
        first = date.fromisoformat(f"{name}-01").toordinal()
        own = sorted(day for day in self.days if month_of(day) == name and day != self._day)
        return [[day - first + 1, *self.days[day].saved()] for day in own]


def month_of(day: int) -> str:
    """Return the month of a day.

    >>> month_of(date(2026, 11, 21).toordinal())
    '2026-11'
    """
    return f"{date.fromordinal(day):%Y-%m}"
