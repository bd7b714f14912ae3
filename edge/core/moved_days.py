"""What each priced meter moved on each local day of the last year, kept beside the records that say so.

A record belongs to the day in which it begins, as in history. Where one register is split, it belongs to the price that
held in its middle. What was read while no clock vouched for the date waits for one, and is in no day until then.
Registers: `cost/<point>` the newest day, `cost/<point>/<month>` the others of that month, `cost/<point>/undated`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from edge.core.calendar import bounds_ms
from edge.core.cost import Moved, Usage
from edge.core.counter import pending
from edge.core.kinds import Counter
from edge.core.meter_days import MeterDays, exact, join, quiet_ms
from edge.core.part import Part
from edge.core.tariff import UNKNOWN, Tariff, by_id, in_force
from edge.core.timetable import holds
from edge.core.types import Event, Record
from hal.sample import BAD

if TYPE_CHECKING:
    from edge.core.engine import Engine

UNDATED_MOST: Final = 20_000  # records that wait for a clock: 4 meters, 3 days of minutes
WORDS_KEPT: Final = 240
LOOK_MS: Final = 1000
STEP_MS: Final = 3_600_000


class MovedDays(Part):
    """Counts for all tariffs; `tariffs` are those of the settings, `saved` the registers of the records' log."""

    in_records = True

    def __init__(self, tariffs: Sequence[Tariff], saved: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        saved = saved or {}
        self._meters: dict[str, MeterDays] = {}
        for versions in by_id(tariffs).values():
            for point in dict.fromkeys(point for version in versions for point in version.meters()):
                splitting = [version for version in versions if version.meter == point]
                self._meters[point] = MeterDays(splitting, saved, point)
        self.is_changed = any(meter.changed for meter in self._meters.values())
        self._words: dict[str, deque[tuple[int, str]]] = {
            name: deque(maxlen=WORDS_KEPT) for meter in self._meters.values() for name in meter.split_by
        }
        self._waiting: list[Record] = []
        self._undated_changed: set[str] = set()
        self._begin_ms = self._end_ms = 0
        self._ordinal = 0
        self.revision = 0
        """Grows whenever a day changed: what was worked out from it is old."""

    def take_over(self, before: MovedDays) -> None:
        """Go on with what waits for a date, with what splits, and from where the last record ended."""
        self._waiting = [record for record in before._waiting if record.point in self._meters]
        self._words.update({name: words for name, words in before._words.items() if name in self._words})
        for name, meter in self._meters.items():
            if name in before._meters:
                was = before._meters[name]
                meter.end_ms, meter.was_bad = was.end_ms, was.was_bad

    def attach(self, site: Engine) -> None:
        """Take the site whose records it counts."""
        self._site = site
        site.listen(self._meters)
        if self._words:
            self.due_ms = site.now_ms

    def step(self, now_ms: int) -> None:
        """See what the splitting points say as often as they are read: records come less often."""
        self._note_words()
        periods = [self._site.points[name].spec.period_ms for name in self._words if name in self._site.points]
        self.due_ms = now_ms + max(LOOK_MS, min(periods, default=LOOK_MS))

    # -- what moved

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Count the increments of the meters' records."""
        self._note_words()
        meters = self._meters
        for record in records:
            meter = meters.get(record.point)
            if meter is not None:
                self._count(meter, record)

    def _note_words(self) -> None:
        """Remember what the splitting points say now; nothing while they are BAD."""
        site = self._site
        for name, words in self._words.items():
            point = site.points.get(name)
            word = "" if point is None or point.quality == BAD else str(point.value)
            if point is not None and word and point.spec.words and isinstance(point.value, int):
                word = point.spec.words[point.value] if 0 <= point.value < len(point.spec.words) else ""
            word = word.strip()
            if not words or words[-1][1] != word:
                words.append((site.now_ms, word))

    def _count(self, meter: MeterDays, record: Record) -> None:
        if self._site.is_dated:
            self._add(meter, record)
            return
        if len(self._waiting) < UNDATED_MOST:
            self._waiting.append(record)
        join(meter.undated, record)
        self._undated_changed.add(record.point)
        self.is_changed = True

    def _bucket(self, meter: MeterDays, record: Record) -> str:
        if not meter.versions:
            return ""
        middle_ms = record.start_ms + record.dt_ms // 2
        local = datetime.fromtimestamp((middle_ms + self._site.utc_offset_ms) / 1000, self._site.zone)
        version = in_force(meter.versions, local.date())
        if version is None:
            return UNKNOWN
        if version.split_by:
            return self._word_at(version.split_by, middle_ms) or UNKNOWN
        if version.hours:
            rest = next((price for price in version.prices if price not in version.hours), UNKNOWN)
            return next((price for price, hours in version.hours.items() if holds(hours, local)), rest)
        return ""

    def _word_at(self, name: str, t_ms: int) -> str:
        """Return what a splitting point said at that instant; after a start what it said first."""
        words = self._words[name]
        before = [word for noted_ms, word in words if noted_ms <= t_ms]
        if any(before):
            return before[-1]
        return next((word for _noted_ms, word in words if word), "")

    def _add(self, meter: MeterDays, record: Record) -> None:
        day = self._day_of(record.start_ms + self._site.utc_offset_ms)
        held = meter.of(day, self._bucket(meter, record))
        spec = self._site.points[record.point].spec
        if record.value is not None:
            still_ms = quiet_ms(meter, spec, record.start_ms)
            of_day_ms = min(still_ms, record.start_ms + self._site.utc_offset_ms - self._begin_ms)
            held.covered_ms += of_day_ms
            if still_ms > of_day_ms and day - 1 in meter.days:  # from before midnight on
                next(iter(meter.days[day - 1].values())).covered_ms += still_ms - of_day_ms
                meter.changed.add(day - 1)
        if record.increment and meter.was_bad:  # it catches up with what nobody saw
            held.is_estimated = True
        join(held, record)
        meter.end_ms, meter.was_bad = record.start_ms + record.dt_ms, record.value is None
        self.is_changed = True
        self.revision += 1

    def _day_of(self, utc_ms: int) -> int:
        if not self._begin_ms <= utc_ms < self._end_ms:
            self._begin_ms, self._end_ms = bounds_ms(utc_ms, "day", self._site.zone)
            self._ordinal = datetime.fromtimestamp(utc_ms / 1000, self._site.zone).toordinal()
        return self._ordinal

    def set_clock(self, now_ms: int) -> None:
        """Give what waited its days; whatever was read in a former start that was never dated stays undated."""
        if not self._site.is_dated:
            return
        today = self.local_day(STEP_MS).toordinal()  # a small step back over midnight costs nothing
        for point, meter in self._meters.items():
            if meter.forget_after(today):
                self._undated_changed.add(point)
                self.is_changed = True
                self.revision += 1
        waiting, self._waiting = self._waiting, []
        for record in waiting:
            meter = self._meters[record.point]
            if record.increment is not None and meter.undated.moved is not None:
                meter.undated.moved -= exact(record.increment)
            if record.value is not None:
                meter.undated.covered_ms -= record.dt_ms
            self._add(meter, record)
            self._undated_changed.add(record.point)

    # -- what was before

    def wanted(self) -> dict[str, tuple[date, date]]:
        """Return of each meter that is not split the days of this year of which nothing is known: first, and last.

        Of a meter of which nothing is known at all they end with yesterday.
        """
        today = self.local_day()
        found = {}
        for point, meter in self._meters.items():
            known = min((day for day in meter.days if day >= today.replace(month=1, day=1).toordinal()), default=None)
            last = today - timedelta(days=1) if known is None else date.fromordinal(known) - timedelta(days=1)
            first = today.replace(month=1, day=1)
            if not meter.versions and first <= last and last < today:
                found[point] = (first, last)
        return found

    def fill(self, point: str, days: Mapping[date, tuple[float | None, int, bool]]) -> None:
        """Take from history what a meter moved on days of which nothing is known: how much, for how long, estimated."""
        meter = self._meters.get(point)
        for day, (moved, covered_ms, is_estimated) in days.items() if meter is not None else ():
            if meter is None or day.toordinal() in meter.days or day >= self.local_day():
                continue
            held = meter.of(day.toordinal(), "")
            held.moved, held.covered_ms = None if moved is None else exact(moved), covered_ms
            held.is_estimated = is_estimated
            self.is_changed = True
            self.revision += 1

    # -- what is kept

    def registers(self) -> dict[str, Any]:
        """Return the days that changed."""
        found: dict[str, Any] = {}
        for point, meter in self._meters.items():
            found.update(meter.saved(point, meter.changed))
            meter.changed = set()
        for point in self._undated_changed:
            found[f"cost/{point}/undated"] = self._meters[point].undated.saved()
        self._undated_changed = set()
        return found

    def saved(self) -> dict[str, Any]:
        """Return all days."""
        found: dict[str, Any] = {}
        for point, meter in self._meters.items():
            found.update(meter.saved(point, set(meter.days)))
            if meter.undated.moved is not None:
                found[f"cost/{point}/undated"] = meter.undated.saved()
        return found

    # -- what is asked

    def local_day(self, later_ms: int = 0) -> date:
        """Return the local date of now, or of so much later."""
        site = self._site
        return datetime.fromtimestamp((site.now_ms + site.utc_offset_ms + later_ms) / 1000, site.zone).date()

    def usage(self, day: date, points: Collection[str] | None = None) -> Usage:
        """Return what these meters (None: all) moved on a local day, today's open records included."""
        site = self._site
        zone = site.zone
        noon_ms = round(datetime(day.year, day.month, day.day, 12, tzinfo=zone).timestamp() * 1000)
        begin_ms, end_ms = bounds_ms(noon_ms, "day", zone)
        now_ms = site.now_ms + site.utc_offset_ms
        moved = {}
        for point in self._meters if points is None else self._meters.keys() & points:
            meter = self._meters[point]
            buckets = meter.days.get(day.toordinal(), {})
            covered_ms = sum(held.covered_ms for held in buckets.values())
            amounts = {bucket: held.moved for bucket, held in buckets.items()}
            is_estimated = any(held.is_estimated for held in buckets.values())
            if begin_ms <= now_ms < end_ms:
                open_ms, more = self._open(point, begin_ms)
                covered_ms += open_ms
                if more is not None:
                    bucket = self._bucket(meter, Record(point, site.now_ms, 0, None))
                    amounts[bucket] = (amounts.get(bucket) or Decimal(0)) + more
            if amounts:
                moved[point] = Moved(amounts, covered_ms, is_estimated)
        return Usage(moved, max(0, min(now_ms, end_ms) - begin_ms))

    def _open(self, name: str, begin_ms: int) -> tuple[int, Decimal | None]:
        """Return since when the open record has had values, in ms, and what it moved so far; None: nothing is known."""
        site, point = self._site, self._site.points.get(name)
        if not isinstance(point, Counter) or point.quality == BAD or point.register.index is None or not site.is_dated:
            return 0, None
        if point.start_ms + site.utc_offset_ms < begin_ms:  # it belongs to yesterday and is about to be closed
            return 0, Decimal(0)
        since_ms = point.start_ms - quiet_ms(self._meters[name], point.spec, point.start_ms)
        return max(0, site.now_ms - since_ms), exact(pending(point.register))

    def undated(self, point: str) -> Decimal:
        """Return what a point moved that is in no day, for want of a clock."""
        meter = self._meters.get(point)
        return Decimal(0) if meter is None or meter.undated.moved is None else meter.undated.moved
