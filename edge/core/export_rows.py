"""The rows of a table out of history: each record or step of a point in order of time, and what is missing as a row.

A row without value is a period of which nothing is known: `bad` with the reason the box gave, or `missing` where no
record exists. A period that nobody measured is never 0 and never absent. Nothing is kept: a year passes page by page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, Protocol

import msgspec

from edge.core.facts import PointFacts
from edge.core.series import HistoryGap, HistoryRecord, Period, PeriodLength, PointInfo
from edge.core.tags import TagView
from hal.sample import BAD, QUALITY_NAMES, Kind, Value

PAGE: Final = 2000  # what the local API gives at once
MISSING: Final = "missing"
HELD: Final = "held"
JITTER_MS: Final = 500  # a clock that is set anew moves a start by so much without anything being missing


class Archive(Protocol):
    """The part of `series.HistoryReader` that tables are made of; a box that is asked over its socket has it too."""

    def points(self) -> list[PointInfo]:
        """See HistoryReader."""

    def records(self, point: str, from_ms: int, to_ms: int, limit: int) -> list[HistoryRecord]:
        """See HistoryReader."""

    def periods(self, point: str, length: PeriodLength, from_ms: int, to_ms: int) -> list[Period]:
        """See HistoryReader."""

    def gaps(self, from_ms: int, to_ms: int) -> list[HistoryGap]:
        """See HistoryReader."""


class Row(msgspec.Struct, gc=False):
    """One line of a table: the period [t_ms, t_ms + dt_ms[ of one point in UTC ms. `value` None: nothing is known."""

    point: str
    t_ms: int
    dt_ms: int
    value: Value | None = None
    quality: str = "bad"
    reason: str = MISSING
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    increment: float | None = None
    count: int = 0
    """Readings in a record, records in a step."""
    on_ms: int | None = None
    """A state: in a record how long it was in the state that `value` names, in a step how long it was not 0."""
    changes: int | None = None
    covered_ms: int = 0
    """Milliseconds of the period with a value, of them `uncertain_ms` in doubt; `bad_ms` with a reason but no value."""
    uncertain_ms: int = 0
    bad_ms: int = 0
    trust: str = ""


class Wanted(msgspec.Struct, frozen=True):
    """One point of a table: what history holds of it, what is known of it, and the range asked for (UTC ms)."""

    info: PointInfo
    from_ms: int
    to_ms: int
    facts: PointFacts | None = None
    page: int = PAGE
    """Records that lie in memory at once."""
    tags: tuple[TagView, ...] = ()
    """Those that are of this point: a row carries each that it has a time in common with."""
    is_part: bool = False
    """The point had another unit or kind at another time; here is what lies in [info.first_ms, info.end_ms[."""

    @property
    def point(self) -> str:
        """The point's id."""
        return self.info.point

    @property
    def is_held(self) -> bool:
        """Whether history holds anything of it."""
        return self.info.first_ms < self.info.end_ms

    def own_range(self) -> tuple[int, int]:
        """Return the part of the range in which the point was of this unit and kind."""
        if not self.is_part:
            return self.from_ms, self.to_ms
        last_ms = self.to_ms if self.facts is not None else min(self.to_ms, self.info.end_ms)
        return max(self.from_ms, self.info.first_ms), last_ms

    def reach_ms(self, record: HistoryRecord) -> int:
        """Return until when a record may stand for its point: a deadband saves no other before its heartbeat."""
        held_ms = self.facts.held_ms if self.facts is not None and record.value is not None else 0
        return record.t_ms + record.dt_ms + held_ms


def each_record(reader: Archive, point: str, from_ms: int, to_ms: int, limit: int = PAGE) -> Iterator[HistoryRecord]:
    """Yield all records of a point that begin in the range, a page at a time. KeyError: no such point."""
    while from_ms < to_ms:
        page = reader.records(point, from_ms, to_ms, limit)
        if not page:
            return
        yield from page
        from_ms = page[-1].t_ms + 1
        del page  # or two of them lie in memory while the next is made


def row_of(kind: Kind, point: str, record: HistoryRecord) -> Row:
    """Return a record as a row. A gauge's mean and extremes are those of its one reading where it had no other."""
    dt_ms = record.dt_ms
    is_bad = record.value is None or record.quality == BAD
    alone = record.value if kind == "gauge" and not is_bad and not isinstance(record.value, str) else None
    on_ms = record.duration_ms
    if kind == "state" and on_ms is None and not is_bad:
        on_ms = dt_ms
    return Row(
        point=point,
        t_ms=record.t_ms,
        dt_ms=dt_ms,
        value=None if is_bad else record.value,
        quality="bad" if is_bad else QUALITY_NAMES[record.quality],
        reason=record.reason or ("suspect" if is_bad else ""),
        mean=alone if is_bad or record.mean is None else record.mean,
        low=alone if is_bad or record.low is None else record.low,
        high=alone if is_bad or record.high is None else record.high,
        increment=None if is_bad else record.increment,
        count=0 if is_bad else record.count,
        on_ms=on_ms,
        changes=record.changes if kind != "state" or is_bad else record.changes or 0,
        covered_ms=0 if is_bad else dt_ms,
        uncertain_ms=dt_ms if not is_bad and record.quality else 0,
        bad_ms=dt_ms if is_bad else 0,
        trust=record.trust,
    )


def record_rows(reader: Archive, wanted: Wanted) -> Iterator[Row]:
    """Yield a point's records in the range as they were stored, and a row `missing` wherever no record covers it.

    What lies before the point's first record is not missing: it did not exist. After its last one, a period that is
    still running is not missing yet.
    """
    if not wanted.is_held:
        return
    from_ms, to_ms = wanted.own_range()
    begin_ms = max(from_ms, wanted.info.first_ms)
    records = each_record(reader, wanted.point, from_ms, to_ms)
    first = next(records, None)
    last = _before(reader, wanted, begin_ms, first)
    covered_ms = begin_ms if last is None else max(begin_ms, _stands_until(wanted, last, first))
    while first is not None:
        following = next(records, None)
        if first.t_ms - covered_ms >= min(JITTER_MS, first.dt_ms or 1):
            yield _missing(wanted.point, covered_ms, first.t_ms)
        yield row_of(wanted.info.kind, wanted.point, first)
        covered_ms = max(covered_ms, _stands_until(wanted, first, following))
        last, first = first, following
    end_ms = _known_end(wanted, last)
    if end_ms - covered_ms >= JITTER_MS:
        yield _missing(wanted.point, covered_ms, end_ms)


def _missing(point: str, from_ms: int, to_ms: int) -> Row:
    return Row(point, from_ms, to_ms - from_ms)


def _stands_until(wanted: Wanted, record: HistoryRecord, following: HistoryRecord | None) -> int:
    """Return up to where nothing is missing after a record: its end, or the next one if that came by the heartbeat."""
    end_ms = record.t_ms + record.dt_ms
    if following is not None and following.t_ms <= wanted.reach_ms(record):
        return max(end_ms, following.t_ms)
    return end_ms


def _before(reader: Archive, wanted: Wanted, begin_ms: int, first: HistoryRecord | None) -> HistoryRecord | None:
    """Return the last record that began before the range and may reach into it."""
    if begin_ms <= wanted.info.first_ms:
        return None
    facts = wanted.facts
    longest_ms = max(first.dt_ms if first else 0, facts.record_ms + facts.held_ms if facts else 0, 1000)
    near = deque(each_record(reader, wanted.point, begin_ms - 2 * longest_ms, begin_ms), 1)
    return near[0] if near else None


def _known_end(wanted: Wanted, last: HistoryRecord | None) -> int:
    """Return up to where a row is due: not for a period that is still running, nor for a point that is gone."""
    to_ms = wanted.own_range()[1]
    if wanted.info.end_ms > to_ms:  # records follow beyond the range
        return to_ms if last is None or to_ms > wanted.reach_ms(last) else 0
    if wanted.facts is None:
        return 0
    running_ms = max(wanted.facts.record_ms, last.dt_ms if last else 0)
    due_ms = (wanted.info.end_ms if last is None else wanted.reach_ms(last)) + 2 * running_ms
    return to_ms if to_ms > due_ms else 0
