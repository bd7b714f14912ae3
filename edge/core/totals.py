"""Totals: what each counter moved in the present and former local hours, days, weeks, months and years.

A record's increment counts where its record begins, and what has moved since the last record where the open one began;
so totals are sums of records, and their registers stand in the frame of the records that they count. While nobody can
say what time it is, what moved waits, and is put where it belongs once its start of the station is dated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from edge.core.calendar import HOUR_MS
from edge.core.counter import pending
from edge.core.engine import Engine
from edge.core.kinds import Counter
from edge.core.meter import Coefficients
from edge.core.moved import HOURS, Movement
from edge.core.part import Part
from edge.core.placing import Placing
from edge.core.point import Actions
from edge.core.sums import Sum, Total, decimal_of, nano_of
from edge.core.types import NEVER, Event, Record
from hal.sample import BAD

REGISTER: Final = "totals/"
SETTLE_MS: Final = 60_000  # how often it is asked whether a past start was dated meanwhile

TotalStep: TypeAlias = Literal["hour", "day", "week", "month", "year"]


class Totals(Part):
    """The sums of all counters of a site."""

    in_records = True

    def __init__(self, saved: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._saved = {name: value for name, value in (saved or {}).items() if name.startswith(REGISTER)}
        self._placing = Placing()
        self._counters: dict[str, Counter] = {}
        self._movements: dict[str, Movement] = {}
        self._changed: set[str] = set()
        self._actions = Actions()
        self._heard = 0
        self._at_ms = -1
        """The records that begin at this instant of this start are those of `_hour_ms` and `_day`."""
        self._hour_ms = self._day = 0

    def attach(self, site: Engine) -> None:
        """Go on with every counter of the site where its registers stand."""
        self.site = site
        self._placing.attach(site)
        for point in site.points.values():
            if isinstance(point, Counter):
                self._counters[point.id] = point
                self._movements[point.id] = movement = self._loaded(point.id, has_hours=point.spec.record_ms <= HOUR_MS)
                now_ms = self._placing.now_utc_ms()
                if now_ms is not None and movement.hours:  # how long the meter may have counted unwatched
                    point.gap_h = (now_ms - max(movement.hours)) / HOUR_MS
        for name in self._saved:  # one that has just left the settings: its last record is still to be heard
            point_id = name.removeprefix(REGISTER)
            if "/" not in point_id and point_id not in site.points:
                self._movements[point_id] = self._loaded(point_id)
        site.listen(self._counters)
        self._settle(site.now_ms)

    def _loaded(self, point: str, *, has_hours: bool = True) -> Movement:
        prefix = f"{REGISTER}{point}"
        own = {name[len(prefix) :].lstrip("/"): value for name, value in self._saved.items() if is_of(name, prefix)}
        try:
            return Movement(own, has_hours=has_hours)
        except ValueError as exc:
            fault = {"worker": "totals", "text": f"{point} begins anew: {exc}"[:200]}
            self.site.emit(Event("fault", self.site.now_ms, point, fault))
            return Movement(has_hours=has_hours)

    # -- what happens

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Add up the records of counters."""
        movements = self._movements
        self._heard = self._heard_now() + len(records)
        for record in records:
            movement = movements.get(record.point)
            if movement is None:
                continue
            if record.start_ms == self._at_ms and record.quality != BAD:
                moved = None if record.increment is None else nano_of(record.increment)
                movement.add(self._hour_ms, self._day, moved, record.dt_ms, record.quality)
            else:
                self._take(movement, record)
            if len(movement.hours) > HOURS:
                movement.drop_hours(self._placing.now_utc_ms())
            self._changed.add(record.point)
            self.is_changed = True

    def _heard_now(self) -> int:
        """Return how many of the records that wait to be taken were heard."""
        if self._actions is not self.site.untaken:
            self._actions, self._heard = self.site.untaken, 0
        return self._heard

    def _take(self, movement: Movement, record: Record) -> None:
        moved = None if record.increment is None else nano_of(record.increment)
        utc_ms = self._placing.utc_ms(self.site.boot, record.start_ms)
        if utc_ms is None:
            movement.wait(self.site.boot, record.start_ms, moved, record.dt_ms, record.quality)
            self.due_ms = min(self.due_ms, self.site.now_ms + SETTLE_MS)
        elif record.quality == BAD:  # it may be as long as a box was silent
            movement.spread(self._placing, utc_ms, moved, record.dt_ms, BAD)
        else:
            placing = self._placing
            placing.find(utc_ms)
            self._at_ms = record.start_ms if placing.is_by_newest(record.start_ms) else -1
            self._hour_ms, self._day = placing.hour_ms, placing.day
            movement.add(self._hour_ms, self._day, moved, record.dt_ms, record.quality)

    def set_clock(self, now_ms: int) -> None:
        """Give what waited its place."""
        self._placing.set_clock(now_ms)
        self._at_ms = -1
        self._settle(now_ms)

    def step(self, now_ms: int) -> None:
        """Look whether what waits was dated meanwhile."""
        self._settle(now_ms)

    def _settle(self, now_ms: int) -> None:
        self.due_ms = NEVER
        for point, movement in self._movements.items():
            if movement.waiting and movement.settle(self._placing):
                movement.drop_hours(self._placing.now_utc_ms())
                self._changed.add(point)
                self.is_changed = True
            if movement.waiting:
                self.due_ms = now_ms + SETTLE_MS

    # -- what is asked

    def moved(self, point: str, step: TotalStep, back: int = 0) -> float | None:
        """Return what a counter moved in the present local period, or one so many before; None: nothing is known.

        In the point's unit, the open record's part included. An hour is known two back, days and months for a year and
        more. Raises KeyError for a point that is no counter.
        """
        found = self.total(point, step, back)
        return None if found is None else float(found.moved)

    def total(self, point: str, step: TotalStep, back: int = 0) -> Total | None:
        """Return the same, exact, with how well it is known."""
        span = self._span(step, back)
        if span is None:
            return None
        begin_ms, end_ms, until_ms = span
        found = Sum()
        for _, one in self._sums(point, step, begin_ms, end_ms):
            found.join(one)
        if found.moved is None:
            return None
        open_ms = self._placing.utc_ms(self.site.boot, self._counters[point].start_ms)
        until_ms = max(begin_ms, min(until_ms, until_ms if open_ms is None else open_ms))
        return Total(
            begin_ms, end_ms, until_ms, decimal_of(found.moved), found.covered_ms, found.uncertain_ms, found.bad_ms
        )

    def converted(self, point: str, worth: Coefficients, step: TotalStep, back: int = 0) -> Decimal | None:
        """Return what a counter moved in another unit, each day by what a unit was worth on it; None: not known."""
        span = self._span(step, back)
        if span is None:
            return None
        total: Decimal | None = None
        for day, one in self._sums(point, step, span[0], span[1]):
            if one.moved is None:
                continue
            factor = worth.on(date.fromordinal(day))
            if factor is None and one.moved:
                return None
            total = (total or Decimal(0)) + decimal_of(one.moved) * (factor or 0)
        return total

    def _span(self, step: TotalStep, back: int) -> tuple[int, int, int] | None:
        """Return begin, end and now (UTC ms, at most the end) of a period; None while nobody knows which day it is."""
        now_ms = self._placing.now_utc_ms()
        if now_ms is None:
            return None
        begin_ms, end_ms = self._placing.bounds(now_ms, step, back)
        return begin_ms, end_ms, min(now_ms, end_ms)

    def _sums(self, point: str, step: TotalStep, begin_ms: int, end_ms: int) -> Iterator[tuple[int, Sum]]:
        """Yield what moved in a period by local day (ordinal): recorded, just made, and not yet in a record."""
        counter, movement, placing = self._counters[point], self._movements[point], self._placing
        if step == "hour":
            if begin_ms in movement.hours:
                yield placing.date_of(begin_ms).toordinal(), movement.hours[begin_ms]
        else:
            first, end = (placing.date_of(ms).toordinal() for ms in (begin_ms, end_ms))
            yield from between(movement, first, end)
        for record in self.site.untaken.heard[self._heard_now() :]:
            if record.point == point and record.increment is not None:
                moved = Sum(nano_of(record.increment), record.dt_ms, record.dt_ms if record.quality else 0)
                yield from self._placed(moved, record.start_ms, record.dt_ms, begin_ms, end_ms)
        if counter.register.index is not None:
            nano = nano_of(pending(counter.register))
            if nano or counter.window.count:
                length_ms = counter.end_ms - counter.start_ms
                yield from self._placed(Sum(nano), counter.start_ms, length_ms, begin_ms, end_ms)

    def _placed(
        self, found: Sum, start_ms: int, length_ms: int, begin_ms: int, end_ms: int
    ) -> Iterator[tuple[int, Sum]]:
        """Yield a record's sum with its day, if it begins in the period and is not longer."""
        utc_ms = self._placing.utc_ms(self.site.boot, start_ms)
        if utc_ms is not None and begin_ms <= utc_ms < end_ms and length_ms <= end_ms - begin_ms:
            yield self._placing.date_of(utc_ms).toordinal(), found

    def local_day(self) -> date | None:
        """Return the local day; None while nobody can say which it is."""
        now_ms = self._placing.now_utc_ms()
        return None if now_ms is None else self._placing.date_of(now_ms)

    def days(self, point: str) -> Mapping[int, Sum]:
        """Return all days of a counter that are kept one by one, by `date.toordinal()`."""
        return self._movements[point].days

    # -- registers

    def registers(self) -> dict[str, Any]:
        """Return what changed."""
        changed, self._changed = self._changed, set()
        return {name: value for point in sorted(changed) for name, value in self._named(point).items()}

    def saved(self) -> dict[str, Any]:
        """Return all of it."""
        return {
            named(point, name): value
            for point, movement in self._movements.items()
            for name, value in movement.saved().items()
        }

    def _named(self, point: str) -> dict[str, Any]:
        return {named(point, name): value for name, value in self._movements[point].registers().items()}


def named(point: str, name: str) -> str:
    """Return the whole name of a register of a point."""
    return f"{REGISTER}{point}/{name}" if name else f"{REGISTER}{point}"


def is_of(name: str, prefix: str) -> bool:
    """Return whether a register is one of this point's."""
    return name == prefix or name.startswith(f"{prefix}/")


def between(movement: Movement, first: int, end: int) -> Iterator[tuple[int, Sum]]:
    """Yield the sums of the local days from `first` up to before `end` (ordinals), months where days are gone."""
    for day in range(max(first, min(movement.days, default=end)), end):
        one = movement.days.get(day)
        if one is not None:
            yield day, one
    for month, one in movement.months.items():
        begin = date.fromisoformat(f"{month}-01").toordinal()
        if first <= begin < end:
            yield begin, one
