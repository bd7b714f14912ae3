"""From history to the columns of a report: integers by the schema's resolution, None where there is no value.

An interval is a local hour or day, as history sums them up, or ten minutes, summed up here from the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby
from typing import Final

from edge.core.aggregate import as_period, sum_of
from edge.core.calendar import bounds_ms
from edge.core.series import HistoryReader, Period, PeriodLength
from hal.sample import Kind
from sms.schema import Channel, Schema

LENGTHS: Final[dict[int, PeriodLength]] = {3600: "hour", 86_400: "day"}
PAGE: Final = 5000
INDEX_MAX: Final = 2**32 - 1
LEVEL_MAX: Final = 2**31 - 1

Column = list[int | None]


def start_of(utc_ms: int, step_s: int, zone: tzinfo) -> int:
    """Return the UTC ms at which the interval that holds this instant begins."""
    return bounds_ms(utc_ms, step_s * 1000, zone)[0]


def starts_of(from_ms: int, to_ms: int, step_s: int, zone: tzinfo) -> list[int]:
    """Return the begins of all intervals that lie wholly in the range."""
    found = []
    at_ms = from_ms
    while at_ms < to_ms:
        begin_ms, end_ms = bounds_ms(at_ms, step_s * 1000, zone)
        if begin_ms >= from_ms and end_ms <= to_ms:
            found.append(begin_ms)
        at_ms = end_ms
    return found


def columns_of(schema: Schema, history: HistoryReader, starts: Sequence[int], zone: tzinfo) -> list[Column]:
    """Return a column for each channel and in it a value for each interval. Raises StoreError as history does."""
    if not starts:
        return [[] for _ in schema.channels]
    to_ms = bounds_ms(starts[-1], schema.step_s * 1000, zone)[1]
    by_point = {
        point: _periods(history, point, [each.what for each in channels], schema.step_s, (starts[0], to_ms))
        for point, channels in groupby(schema.channels, lambda channel: channel.point)
    }
    return [
        [integer_of(channel, by_point[channel.point].get(start)) for start in starts] for channel in schema.channels
    ]


def _periods(
    history: HistoryReader, point: str, whats: Sequence[str], step_s: int, span_ms: tuple[int, int]
) -> dict[int, Period]:
    """Return what history knows of a point, by the begin of each interval; the later unit where it changed."""
    try:
        if step_s in LENGTHS:
            return {found.t_ms: found for found in history.periods(point, LENGTHS[step_s], *span_ms)}
        records = []
        from_ms = span_ms[0]
        while page := history.records(point, from_ms, span_ms[1], PAGE):
            records += page
            from_ms = page[-1].t_ms + 1
    except KeyError:
        return {}  # nothing was ever recorded of it
    kind: Kind = "counter" if "index" in whats else "state" if "last" in whats else "gauge"
    step_ms = step_s * 1000
    return {
        number * step_ms: as_period(sum_of(group, kind), number * step_ms, (number + 1) * step_ms)
        for number, group in groupby(records, lambda record: record.t_ms // step_ms)
    }


def integer_of(channel: Channel, period: Period | None) -> int | None:
    """Return what is sent of a channel for an interval, None where nothing was measured or it can't be said."""
    if period is None or not period.covered_ms:
        return None
    value = {
        "index": period.last, "last": period.last, "mean": period.mean, "min": period.low, "max": period.high,
    }[channel.what]  # fmt: skip
    if value is None or isinstance(value, str):
        return None
    scaled = Decimal(repr(float(value))).scaleb(-channel.exponent)
    if not scaled.is_finite():
        return None
    # an index is rounded down: it never says more than was counted, and never goes back
    whole = scaled // 1 if channel.what == "index" else scaled.quantize(Decimal(1), ROUND_HALF_EVEN)
    number = int(whole)
    least, most = (0, INDEX_MAX) if channel.what == "index" else (-LEVEL_MAX, LEVEL_MAX)
    return number if least <= number <= most else None


def is_empty(columns: Sequence[Column]) -> bool:
    """Return whether no interval has any value."""
    return all(value is None for column in columns for value in column)
