"""The days of one priced meter: what moved in each bucket, how long it was known, and the registers that keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any, Final

from edge.core.tariff import Tariff
from edge.core.types import PointSpec, Record
from hal.sample import GOOD

KEPT_DAYS: Final = 400


class MovedSum:
    """What moved in one bucket on one day."""

    __slots__ = ("covered_ms", "is_estimated", "moved")

    def __init__(self, moved: str | None = None, covered_s: float = 0, estimated: int = 0) -> None:
        self.moved = None if moved is None else Decimal(moved)
        self.covered_ms = round(covered_s * 1000)
        self.is_estimated = bool(estimated)

    def saved(self) -> list[Any]:
        """Return it as plain JSON."""
        moved = None if self.moved is None else f"{self.moved:f}"
        plain: list[Any] = [moved, self.covered_ms / 1000 if self.covered_ms % 1000 else self.covered_ms // 1000]
        return [*plain, 1] if self.is_estimated else plain


Day = dict[str, MovedSum]


class MeterDays:
    """One point: its days, and which of them are not durable yet."""

    __slots__ = ("changed", "days", "end_ms", "split_by", "undated", "versions", "was_bad", "wrong")

    def __init__(self, versions: list[Tariff], saved: Mapping[str, Any], point: str) -> None:
        self.versions = versions
        """Those that split it, empty where it has a price of its own."""
        self.split_by = {version.split_by for version in versions if version.split_by}
        self.days: dict[int, Day] = {}
        self.changed: set[int] = set()
        self.end_ms: int | None = None
        """Where its last record ended, within this start."""
        self.was_bad = False
        self.wrong: set[int] = set()
        """Months whose registers hold days that a wrong clock made."""
        self.undated = MovedSum()
        # of another form, by a newer version: that stops no start, and what was understood stays
        with suppress(TypeError, ValueError, KeyError, AttributeError, ArithmeticError):
            self._take_all(saved, point)
        # what this is made of may not be durable yet, where the settings changed while the site ran
        self.changed = set(sorted(self.days)[-2:])

    def _take_all(self, saved: Mapping[str, Any], point: str) -> None:
        self.undated = MovedSum(*saved.get(f"cost/{point}/undated", ()))
        for month in range(1, 13):
            held = saved.get(f"cost/{point}/{month:02d}", {})
            for day, buckets in held.get("days", {}).items():
                self._take(date(held["year"], month, int(day)).toordinal(), buckets)
        newest = saved.get(f"cost/{point}")
        if newest:
            self._take(date.fromisoformat(newest["day"]).toordinal(), newest["moved"])

    def _take(self, day: int, buckets: Mapping[str, Sequence[Any]]) -> None:
        self.days[day] = {bucket: MovedSum(*row) for bucket, row in buckets.items()}

    def of(self, day: int, bucket: str) -> MovedSum:
        """Return the sum of a day to add to."""
        if day not in self.days:
            if self.days and day > max(self.days):
                self.changed.add(max(self.days))  # it goes from the newest to its month
            self.days[day] = {}
            while len(self.days) > KEPT_DAYS:
                del self.days[min(self.days)]
        self.changed.add(day)
        return self.days[day].setdefault(bucket, MovedSum())

    def forget_after(self, today: int) -> bool:
        """Take the days to come, which a wrong clock made, among what has no date; return whether there were any."""
        wrong = [day for day in self.days if day > today]
        for day in wrong:
            for held in self.days.pop(day).values():
                if held.moved is not None:
                    self.undated.moved = (self.undated.moved or Decimal(0)) + held.moved
                self.undated.covered_ms += held.covered_ms
            self.wrong.add(date.fromordinal(day).month)
        self.changed = {day for day in self.changed if day <= today} | ({max(self.days)} if self.days else set())
        return bool(wrong)

    def saved(self, point: str, changed: set[int]) -> dict[str, Any]:
        """Return the registers in which these days stand."""
        found: dict[str, Any] = {}
        newest = max(self.days, default=0)
        months = {(date.fromordinal(day).year, date.fromordinal(day).month) for day in changed - {newest}}
        for year, month in sorted(months):  # of two Novembers the newer one stays
            found[f"cost/{point}/{month:02d}"] = self._month(year, month, newest)
        for month in self.wrong:  # a register that held days to come
            own_year = date.fromordinal(newest).year if newest else 1970
            found.setdefault(f"cost/{point}/{month:02d}", self._month(own_year, month, newest))
        self.wrong = set()
        if newest in changed:
            found[f"cost/{point}"] = {"day": date.fromordinal(newest).isoformat(), "moved": plain(self.days[newest])}
        return found

    def _month(self, year: int, month: int, newest: int) -> dict[str, Any]:
        days = {day: date.fromordinal(day) for day in sorted(self.days) if day != newest}
        own = {when.day: day for day, when in days.items() if (when.year, when.month) == (year, month)}
        return {"year": year, "days": {str(number): plain(self.days[day]) for number, day in own.items()}}


def plain(day: Day) -> dict[str, Any]:
    """Return a day as plain JSON."""
    return {bucket: held.saved() for bucket, held in day.items()}


def quiet_ms(meter: MeterDays, spec: PointSpec, until_ms: int) -> int:
    """Return how long records were left out since the last one, as nothing moved as far as the deadband."""
    if not spec.deadband or meter.end_ms is None or meter.was_bad:
        return 0
    still_ms = until_ms - meter.end_ms
    return still_ms if 0 < still_ms <= spec.heartbeat_ms + spec.record_ms else 0


def exact(amount: float) -> Decimal:
    """Return a float as the decimal that people read of it."""
    return Decimal(repr(amount))


def join(held: MovedSum, record: Record) -> None:
    """Add what a record says to a sum; one without a value adds nothing."""
    if record.value is None:
        return
    held.covered_ms += record.dt_ms
    if record.increment is not None:
        held.moved = (held.moved or Decimal(0)) + exact(record.increment)
    if record.quality != GOOD:
        held.is_estimated = True
