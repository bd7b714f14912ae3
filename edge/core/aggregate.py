"""Records summed up over periods: sums that can be joined, so that an hour, a day and a month cost one pass.

A record belongs to the period in which it begins; one that is longer than the period belongs to none of that length.
What a sum says depends on the kind of point: gauge — mean by time, lowest, highest; counter — what it moved; state —
how long it was not 0; all — first and last value, and the time with a value, with a doubtful one, with none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, tzinfo
from typing import Any

import msgspec

from edge.core.calendar import Step, bounds_ms
from edge.core.counter import ROUND
from edge.core.series import HistoryRecord, Period
from hal.sample import UNCERTAIN, Kind, Value


class Sum(msgspec.Struct, gc=False):
    """What is known of some records of one point. Joining sums gives the sum of all their records, in any order."""

    records: int = 0
    covered_ms: int = 0
    uncertain_ms: int = 0
    bad_ms: int = 0
    area: float = 0.0
    """A gauge's mean × ms, over covered_ms."""
    low: float | None = None
    low_ms: int | None = None
    high: float | None = None
    high_ms: int | None = None
    first: Value | None = None
    first_ms: int | None = None
    last: Value | None = None
    last_ms: int | None = None
    increment: float | None = None
    on_ms: int | None = None
    changes: int | None = None


def sum_of(records: Iterable[HistoryRecord], kind: Kind) -> Sum:
    """Return the sum of these records, all of one point, in any order."""
    made = Sum()
    is_gauge, is_state = kind == "gauge", kind == "state"
    for record in records:
        made.records += 1
        value, t_ms, dt_ms = record.value, record.t_ms, record.dt_ms
        if value is None:
            made.bad_ms += dt_ms
            continue
        made.covered_ms += dt_ms
        if record.quality == UNCERTAIN:
            made.uncertain_ms += dt_ms
        if made.first_ms is None or t_ms < made.first_ms:
            made.first, made.first_ms = value, t_ms
        if made.last_ms is None or t_ms >= made.last_ms:
            made.last, made.last_ms = value, t_ms
        if record.increment is not None:
            made.increment = round((made.increment or 0) + record.increment, ROUND)
        if is_gauge and not isinstance(value, str):
            _add_gauge(made, record, value)
        elif is_state:
            made.on_ms = (made.on_ms or 0) + on_ms(record)
            made.changes = (made.changes or 0) + (record.changes or 0)
    return made


def _add_gauge(made: Sum, record: HistoryRecord, value: float) -> None:
    made.area += (value if record.mean is None else record.mean) * record.dt_ms
    low = value if record.low is None else record.low
    high = value if record.high is None else record.high
    if made.low is None or low < made.low or (low == made.low and record.t_ms < (made.low_ms or 0)):
        made.low, made.low_ms = low, record.t_ms
    if made.high is None or high > made.high or (high == made.high and record.t_ms < (made.high_ms or 0)):
        made.high, made.high_ms = high, record.t_ms


def on_ms(record: HistoryRecord) -> int:
    """Return how long the state of a record was not 0.

    A record knows its last state and how long that held. Of a state with more than two words, the time in other states
    than the last counts as 0 when the last is not 0, and as not 0 when it is.
    """
    held_ms = record.dt_ms if record.duration_ms is None else record.duration_ms
    return held_ms if record.value else max(record.dt_ms - held_ms, 0)


def joined(one: Sum, other: Sum) -> Sum:
    """Return the sum of the records of both."""
    made = Sum(
        one.records + other.records,
        one.covered_ms + other.covered_ms,
        one.uncertain_ms + other.uncertain_ms,
        one.bad_ms + other.bad_ms,
        one.area + other.area,
        increment=_added(one.increment, other.increment),
        on_ms=_added(one.on_ms, other.on_ms),
        changes=_added(one.changes, other.changes),
    )
    lows = [part for part in (one, other) if part.low is not None]
    if lows:
        lowest: Any = min(lows, key=lambda part: (part.low, part.low_ms))
        highest: Any = min(lows, key=lambda part: (-(part.high or 0), part.high_ms))
        made.low, made.low_ms, made.high, made.high_ms = lowest.low, lowest.low_ms, highest.high, highest.high_ms
    ends = [part for part in (one, other) if part.first_ms is not None]
    if ends:
        earliest: Any = min(ends, key=lambda part: part.first_ms or 0)
        latest: Any = max(reversed(ends), key=lambda part: part.last_ms or 0)
        made.first, made.first_ms, made.last, made.last_ms = (
            earliest.first, earliest.first_ms, latest.last, latest.last_ms,
        )  # fmt: skip
    return made


def _added(one: Any, other: Any) -> Any:
    """Return the sum of two numbers of which either may be missing."""
    if one is None or other is None:
        return other if one is None else one
    total = one + other
    return round(total, ROUND) if isinstance(total, float) else total


def as_period(found: Sum, t_ms: int, end_ms: int) -> Period:
    """Return a sum as the figures of the period [t_ms, end_ms[.

    Records that overlap, after the clock was set back, cover no more than the period has.
    """
    length_ms = end_ms - t_ms
    covered_ms = min(found.covered_ms, length_ms)
    return Period(
        t_ms,
        end_ms,
        found.records,
        covered_ms,
        min(found.uncertain_ms, covered_ms),
        min(found.bad_ms, length_ms - covered_ms),
        None if found.low is None or not found.covered_ms else found.area / found.covered_ms,
        found.low,
        found.low_ms,
        found.high,
        found.high_ms,
        found.first,
        found.last,
        found.increment,
        found.on_ms,
        found.changes,
    )


def summed(records: Iterable[HistoryRecord], kind: Kind, t_ms: int, end_ms: int) -> Period:
    """Return the figures of those records that begin in [t_ms, end_ms[ and are not longer than it."""
    length_ms = end_ms - t_ms
    own = (record for record in records if t_ms <= record.t_ms < end_ms and record.dt_ms <= length_ms)
    return as_period(sum_of(own, kind), t_ms, end_ms)


def by_period(
    records: Sequence[HistoryRecord], step: Step, zone: tzinfo = UTC
) -> Iterator[tuple[int, int, list[HistoryRecord]]]:
    """Return begin, end and records of each calendar period that one begins in; `records` in order of time."""
    own: list[HistoryRecord] = []
    begin_ms = end_ms = 0
    for record in records:
        if not begin_ms <= record.t_ms < end_ms:
            if own:
                yield begin_ms, end_ms, own
            begin_ms, end_ms = bounds_ms(record.t_ms, step, zone)
            own = []
        if record.dt_ms <= end_ms - begin_ms:
            own.append(record)
    if own:
        yield begin_ms, end_ms, own


def periods(records: Sequence[HistoryRecord], kind: Kind, step: Step, zone: tzinfo = UTC) -> Iterator[Period]:
    """Return the figures of each calendar period that holds any of these records; they come in order of time."""
    for begin_ms, end_ms, own in by_period(records, step, zone):
        yield as_period(sum_of(own, kind), begin_ms, end_ms)
