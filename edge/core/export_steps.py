"""Rows of a fixed step: every step of the range has one, also where nothing is known.

Steps of an hour and more are put together from the local hours, days or months that history has summed up already,
finer ones from the records themselves. A step in which no record begins, but which the one before it still covers
(records longer than the step, a deadband that saves none), repeats that value with the reason `held` and without an
increment, so that a sum over the table counts nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Final, Protocol, TypeVar

from edge.core.aggregate import Sum, as_period, joined, sum_of
from edge.core.calendar import DAY_MS, HOUR_MS
from edge.core.counter import ROUND
from edge.core.export_rows import HELD, JITTER_MS, Archive, Row, Wanted, each_record, row_of
from edge.core.series import Period, PeriodLength
from edge.core.steps import Step

AT_ONCE_MS: Final[dict[PeriodLength, int]] = {"hour": 31 * DAY_MS, "day": 366 * DAY_MS, "month": 3660 * DAY_MS}


class _Begun(Protocol):
    @property
    def t_ms(self) -> int: ...


Part = TypeVar("Part", bound=_Begun)


def step_rows(reader: Archive, wanted: Wanted, step: Step, zone: tzinfo) -> Iterator[Row]:
    """Yield a row for every step that the range touches, whole steps at both ends."""
    found = _found(reader, wanted, step, zone)
    row = next(found, None)
    last: Row | None = None
    for start_ms, end_ms in step.grid(wanted.from_ms, wanted.to_ms, zone):
        while row is not None and row.t_ms < start_ms:
            row = next(found, None)
        if row is not None and row.t_ms == start_ms:
            last = row if row.value is not None else None
            yield row
        elif last is not None and start_ms < _stands_until(wanted, last):
            yield _held(last, start_ms, end_ms)
        else:
            yield Row(wanted.point, start_ms, end_ms - start_ms)


def _stands_until(wanted: Wanted, last: Row) -> int:
    """Return how far the last value reaches beyond its step."""
    held_ms = wanted.facts.held_ms if wanted.facts is not None else 0
    return last.t_ms + (last.dt_ms + held_ms if held_ms else last.covered_ms)


def _held(last: Row, start_ms: int, end_ms: int) -> Row:
    mean = last.value if last.mean is not None and not isinstance(last.value, str) else None
    return Row(last.point, start_ms, end_ms - start_ms, last.value, last.quality, HELD, mean)


def _found(reader: Archive, wanted: Wanted, step: Step, zone: tzinfo) -> Iterator[Row]:
    """Yield a row for each step in which anything begins, in order of time."""
    if not wanted.is_held:
        return
    if wanted.is_part:
        from_ms, to_ms = wanted.own_range()
    else:
        from_ms, to_ms = step.bounds(wanted.from_ms, zone)[0], step.bounds(wanted.to_ms - 1, zone)[1]
    length = _base(step)

    def row(total: Sum, start_ms: int, end_ms: int) -> Row:
        return row_of_period(wanted, as_period(total, start_ms, end_ms))

    if step.length_ms and _is_coarse(reader, wanted, step.length_ms):
        yield from _of_long_records(reader, wanted, step, zone, from_ms)
    elif length is None or wanted.is_part:
        records = each_record(reader, wanted.point, from_ms, to_ms, wanted.page)
        for group, start_ms, end_ms in _by_step(records, step, zone):
            yield row(sum_of(group, wanted.info.kind), start_ms, end_ms)
    else:
        periods = _each_period(reader, wanted.point, length, from_ms, to_ms)
        for parts, start_ms, end_ms in _by_step(periods, step, zone):
            total = Sum()
            for period in parts:
                total = joined(total, _as_sum(period))
            yield row(total, start_ms, end_ms)


def _base(step: Step) -> PeriodLength | None:
    """Return the sums that a step is made of; None for one that is made of records."""
    if not step.length_ms:
        return "day" if step.length == "week" else "month"
    if step.length_ms == DAY_MS:
        return "day"
    return None if step.length_ms % HOUR_MS else "hour"


def _by_step(parts: Iterable[Part], step: Step, zone: tzinfo) -> Iterator[tuple[list[Part], int, int]]:
    """Yield the parts of each step with its bounds."""
    group: list[Part] = []
    start_ms = end_ms = 0
    for part in parts:
        if not start_ms <= part.t_ms < end_ms:
            if group:
                yield group, start_ms, end_ms
            start_ms, end_ms = step.bounds(part.t_ms, zone)
            group = []
        group.append(part)
    if group:
        yield group, start_ms, end_ms


def _each_period(reader: Archive, point: str, length: PeriodLength, from_ms: int, to_ms: int) -> Iterator[Period]:
    while from_ms < to_ms:
        until_ms = min(to_ms, from_ms + AT_ONCE_MS[length])
        yield from reader.periods(point, length, from_ms, until_ms)
        from_ms = until_ms


def _as_sum(period: Period) -> Sum:
    """Return a period as a sum that can be joined with others."""
    has_value = period.first is not None
    return Sum(
        records=period.records,
        covered_ms=period.covered_ms,
        uncertain_ms=period.uncertain_ms,
        bad_ms=period.bad_ms,
        area=0.0 if period.mean is None else period.mean * period.covered_ms,
        low=period.low,
        low_ms=period.low_ms,
        high=period.high,
        high_ms=period.high_ms,
        first=period.first,
        first_ms=period.t_ms if has_value else None,
        last=period.last,
        last_ms=period.t_ms if has_value else None,
        increment=period.increment,
        on_ms=period.on_ms,
        changes=period.changes,
    )


def row_of_period(wanted: Wanted, period: Period) -> Row:
    """Return a summed period as a row: `bad` without any value, `uncertain` when a part has none or is in doubt."""
    dt_ms = period.end_ms - period.t_ms
    value = period.last if period.covered_ms else None
    quality, reason = "good", ""
    if value is None:
        quality, reason = "bad", "no_value"
    elif dt_ms - period.covered_ms > JITTER_MS and (period.bad_ms or not (wanted.facts and wanted.facts.held_ms)):
        quality, reason = "uncertain", "partial"
    elif period.uncertain_ms:
        quality, reason = "uncertain", "uncertain"
    mean, low, high = period.mean, period.low, period.high
    if mean is not None and low is not None and high is not None:
        mean = min(max(round(mean, ROUND), low), high)  # a mean of equal values must be that value
    return Row(
        wanted.point, period.t_ms, dt_ms, value, quality, reason, mean, low, high, period.increment, period.records,
        period.on_ms, period.changes, period.covered_ms, period.uncertain_ms, period.bad_ms,
    )  # fmt: skip


def _is_coarse(reader: Archive, wanted: Wanted, length_ms: int) -> bool:
    """Return whether a point's records are longer than the step."""
    if wanted.facts is not None:
        return wanted.facts.record_ms > length_ms
    return any(record.dt_ms > length_ms for record in reader.records(wanted.point, wanted.from_ms, wanted.to_ms, 1))


def _of_long_records(reader: Archive, wanted: Wanted, step: Step, zone: tzinfo, from_ms: int) -> Iterator[Row]:
    """Yield a row for each record that is longer than the step, in the step in which it begins."""
    longest_ms = wanted.facts.record_ms if wanted.facts is not None else DAY_MS
    since_ms = max(wanted.info.first_ms, from_ms - longest_ms - DAY_MS)
    records = each_record(reader, wanted.point, since_ms, wanted.to_ms, wanted.page)
    for group, start_ms, end_ms in _by_step(records, step, zone):
        row = row_of(wanted.info.kind, wanted.point, group[-1])
        increments = [record.increment for record in group if record.increment is not None]
        row.covered_ms += row.t_ms - start_ms if row.covered_ms else 0
        row.t_ms, row.dt_ms = start_ms, end_ms - start_ms
        row.increment = round(sum(increments), ROUND) if increments else None
        yield row
