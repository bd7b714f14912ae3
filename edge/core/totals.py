"""Totals: what each counter moved in the present and former local hours, days, weeks, months and years.

A record's increment counts where its record begins, and what has moved since the last record where the open one began;
so totals are sums of records, and their registers stand in the frame of the records that they count. While nobody can
say what time it is, what moved waits, and is put where it belongs once its start of the station is dated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import msgspec

from edge.core.calendar import HOUR_MS
from edge.core.counter import pending
from edge.core.engine import Engine
from edge.core.kinds import Counter
from edge.core.moved import Movement, Sum, decimal_of, month_of, nano_of
from edge.core.part import Part
from edge.core.placing import Placing
from edge.core.point import Actions
from edge.core.types import NEVER, Event, Record
from hal.sample import BAD, GOOD

REGISTER: Final = "totals/"
SETTLE_MS: Final = 60_000  # how often it is asked whether a past start was dated meanwhile

TotalStep: TypeAlias = Literal["hour", "day", "week", "month", "year"]


class Total(msgspec.Struct, frozen=True):
    """What a counter moved in the local period [begin_ms, end_ms[ (UTC ms), and how well that is known.

    `until_ms`: up to where records were due; of that time, what is neither covered nor bad has no record at all.
    """

    begin_ms: int
    end_ms: int
    until_ms: int
    moved: Decimal
    covered_ms: int
    uncertain_ms: int
    bad_ms: int

    @property
    def completeness(self) -> float:
        """The share of the time so far that has a value, 0 to 1."""
        due_ms = self.until_ms - self.begin_ms
        return min(1.0, self.covered_ms / due_ms) if due_ms > 0 else 1.0


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

    def attach(self, site: Engine) -> None:
        """Go on with every counter of the site where its registers stand."""
        self.site = site
        self._placing.attach(site)
        for point in site.points.values():
            if isinstance(point, Counter):
                self._counters[point.id] = point
                self._movements[point.id] = self._loaded(point)
        self._settle(site.now_ms)

    def _loaded(self, point: Counter) -> Movement:
        prefix = f"{REGISTER}{point.id}"
        own = {name[len(prefix) :].lstrip("/"): value for name, value in self._saved.items() if is_of(name, prefix)}
        has_hours = point.spec.record_ms <= HOUR_MS
        try:
            return Movement(own, has_hours=has_hours)
        except ValueError as exc:
            fault = {"worker": "totals", "text": f"{point.id} begins anew: {exc}"[:200]}
            self.site.emit(Event("fault", self.site.now_ms, point.id, fault))
            return Movement(has_hours=has_hours)

    # -- what happens

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Add up the records of counters."""
        movements = self._movements
        self._heard = self._heard_now() + len(records)
        for record in records:
            movement = movements.get(record.point)
            if movement is not None:
                self._take(movement, record)

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
            movement.add(placing.hour_ms, placing.day, moved, record.dt_ms, record.quality)
        self._changed.add(record.point)
        self.is_changed = True

    def set_clock(self, now_ms: int) -> None:
        """Give what waited its place."""
        self._placing.set_clock(now_ms)
        utc_ms = self._placing.now_utc_ms()
        if utc_ms is not None:
            for movement in self._movements.values():
                movement.forget_hours_after(utc_ms)
        self._settle(now_ms)

    def step(self, now_ms: int) -> None:
        """Look whether what waits was dated meanwhile."""
        self._settle(now_ms)

    def _settle(self, now_ms: int) -> None:
        self.due_ms = NEVER
        for point, movement in self._movements.items():
            if movement.waiting and movement.settle(self._placing):
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
        counter, movement = self._counters[point], self._movements[point]
        now_ms = self._placing.now_utc_ms()
        if now_ms is None:  # nobody knows which day it is
            return None
        begin_ms, end_ms = self._placing.bounds(now_ms, step, back)
        found = Sum()
        if step == "hour":
            found.join(movement.hours.get(begin_ms, Sum()))
        else:
            placing = self._placing
            for one in between(movement, placing.date_of(begin_ms).toordinal(), placing.date_of(end_ms).toordinal()):
                found.join(one)
        self._add_unheard(counter, found, begin_ms, end_ms)
        until_ms = min(end_ms, self._add_open(counter, found, begin_ms, end_ms, now_ms))
        if found.moved is None:
            return None
        return Total(
            begin_ms, end_ms, max(begin_ms, until_ms), decimal_of(found.moved), found.covered_ms, found.uncertain_ms,
            found.bad_ms,
        )  # fmt: skip

    def _add_unheard(self, counter: Counter, found: Sum, begin_ms: int, end_ms: int) -> None:
        """Add records that were made in the step in which somebody asks: what they hold is no longer pending."""
        for record in self.site.untaken.records[self._heard_now() :]:
            if record.point == counter.id and record.increment is not None and record.dt_ms <= end_ms - begin_ms:
                utc_ms = self._placing.utc_ms(self.site.boot, record.start_ms)
                if utc_ms is not None and begin_ms <= utc_ms < end_ms:
                    found.add(nano_of(record.increment), record.dt_ms, record.quality)

    def _add_open(self, counter: Counter, found: Sum, begin_ms: int, end_ms: int, now_ms: int) -> int:
        """Add what moved since the last record, if its record begins in the period; return up to where records are."""
        open_ms = self._placing.utc_ms(self.site.boot, counter.start_ms)
        if open_ms is None:
            return now_ms
        is_longer = counter.end_ms - counter.start_ms > end_ms - begin_ms
        if begin_ms <= open_ms < end_ms and counter.register.index is not None and not is_longer:
            moved = nano_of(pending(counter.register))
            if moved or counter.window.count:
                found.add(moved, 0, GOOD)
        return open_ms

    def of_day(self, point: str, day: date) -> Sum:
        """Return what is recorded of one local day; an empty sum where nothing is known. For costs and coefficients."""
        return self._movements[point].days.get(day.toordinal(), Sum())

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


def between(movement: Movement, first: int, end: int) -> list[Sum]:
    """Return the sums of the local days from `first` up to before `end` (ordinals), months where days are gone."""
    found = [one for day, one in movement.days.items() if first <= day < end]
    for month, one in movement.months.items():
        begin = date.fromisoformat(f"{month}-01").toordinal()
        if first <= begin < end and month != month_of(end):
            found.append(one)
    return found
