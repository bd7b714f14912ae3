"""The worker that gives priced meters their days before there was a tariff: history knows what they moved.

It looks once an hour for meters whose first known day is not the year's first, and at each day only once a start. What
is split by a state or by hours can't be told from a day's sum and stays unknown, and so do days in another unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from edge.core.calendar import next_local_midnight_ms
from edge.core.engine import Engine
from edge.core.moved_days import MovedDays
from edge.core.series import HistoryReader
from edge.runtime.station import Question

EACH_S: Final = 3600.0
SOON_S: Final = 5.0  # the station answers between two of its steps


class Wanted(msgspec.Struct, frozen=True):
    """Days that a site's meters lack, and the units that they count in, by point; the site's zone."""

    days: Mapping[str, tuple[date, date]]
    zone: tzinfo
    units: Mapping[str, str] = {}


def wanted(engine: Engine) -> Wanted:
    """Return what is to be asked of history; nothing while no clock vouches for the date."""
    try:
        part = engine.part(MovedDays)
    except KeyError:
        return Wanted({}, engine.zone)
    days = part.wanted() if engine.is_dated else {}
    return Wanted(days, engine.zone, {name: engine.points[name].spec.unit for name in days if name in engine.points})


class PastDays:
    """Asks the station, then history, then hands over; nobody waits."""

    name = "past days"

    def __init__(self, post: Callable[[Question], None], history: Callable[[], HistoryReader]) -> None:
        self._post = post
        self._history = history
        self._told: Wanted | None = None
        self._seen: set[tuple[str, date]] = set()
        """(point, last day) that history was asked for already."""

    def step(self, now_s: float) -> float:
        """Ask the station, or carry over what it wants to know; return when to be called again."""
        told, self._told = self._told, None
        if told is None:
            self._post(Question(wanted, self._take))
            return now_s + SOON_S
        for point, (first, last) in told.days.items():
            if (point, last) not in self._seen:
                self._seen.add((point, last))
                self._hand_over(point, first, last, told)
        return now_s + EACH_S

    def _take(self, found: Wanted) -> None:
        self._told = found

    def _hand_over(self, point: str, first: date, last: date, told: Wanted) -> None:
        zone, unit = told.zone, told.units.get(point)
        begin_ms, end_ms = (_midnight_ms(day, zone) for day in (first, last + timedelta(days=1)))
        try:
            history = self._history()
            rows = [row for row in history.points() if row.point == point]
            if any(row.unit != unit for row in rows):  # the day on which it changed is a sum of both
                since_ms = min((row.first_ms for row in rows if row.unit == unit), default=end_ms)
                changed_ms = max([since_ms, *(row.end_ms for row in rows if row.unit != unit)])
                begin_ms = max(begin_ms, next_local_midnight_ms(changed_ms - 1, zone))
            periods = history.periods(point, "day", begin_ms, end_ms) if begin_ms < end_ms else []
        except (LookupError, OSError):  # nothing is kept of it, or history can't be read now
            return
        days = {
            datetime.fromtimestamp(period.t_ms / 1000, zone).date(): (
                period.increment, period.covered_ms, period.uncertain_ms > 0,
            )
            for period in periods
        }  # fmt: skip

        def fill(engine: Engine) -> None:
            engine.part(MovedDays).fill(point, days)

        if days:
            self._post(Question(fill, lambda _done: None))

    def filenos(self) -> list[int]:
        """Only time wakes it."""
        return []

    def close(self) -> None:
        """Nothing to give back."""


def _midnight_ms(day: date, zone: tzinfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
