"""Sums of records that lie in columns: the same figures as `edge.core.aggregate.sum_of`, to the last bit, many at once.

The order of every addition is the one in which single records would be added, so that neither rounding nor ties differ.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import reduce
from itertools import repeat
from operator import add, is_not, mul
from typing import Any, Final, cast

from edge.core.aggregate import Sum, sum_of
from edge.core.counter import ROUND
from edge.core.record_columns import Column, Columns, Same, Scaled, expanded
from edge.core.series import HistoryRecord
from hal.sample import UNCERTAIN, Kind

FIELDS: Final = HistoryRecord.__struct_fields__
VALUE, QUALITY, MEAN, LOW, HIGH, INCREMENT, DURATION, CHANGES = map(
    FIELDS.index, ("value", "quality", "mean", "low", "high", "increment", "duration_ms", "changes")
)


def sum_of_columns(records: Columns, kind: Kind) -> Sum:
    """Return the sum of these records, all of one point, in order of time."""
    made = Sum(records=records.n)
    held = _with_value(records, made)
    if held is None:
        return made
    n, fields, t_ms = held.n, held.fields, held.t_ms
    values: Sequence[Any] = _listed(fields[VALUE], n)
    if kind == "gauge" and not _is_plain_gauge(values, fields):
        return sum_of(records, kind)
    made.covered_ms = _total(fields[1], n)
    made.uncertain_ms = _uncertain_ms(held)
    made.first, made.first_ms, made.last, made.last_ms = values[0], t_ms[0], values[-1], t_ms[-1]
    made.increment = _increment(fields[INCREMENT], n)
    if kind == "gauge":
        _add_gauge(made, values, held)
    elif kind == "state":
        made.on_ms = _on_ms(values, held)
        changes = fields[CHANGES]
        if isinstance(changes, Same):
            made.changes = (changes.value or 0) * n
        else:
            made.changes = sum(change or 0 for change in expanded(changes, n))
    return made


def _listed(column: Column, n: int) -> Sequence[Any]:
    return [column.value] * n if isinstance(column, Same) else cast("Sequence[Any]", expanded(column, n))


def _total(column: Any, n: int) -> int:
    return int(column.value * n) if type(column) is Same else sum(column)


def _with_value(records: Columns, made: Sum) -> Columns | None:
    """Return the records with a value, None when there are none; the time of the others is BAD."""
    values = records.fields[VALUE]
    if isinstance(values, Same):
        if values.value is not None:
            return records
        made.bad_ms = _total(records.fields[1], records.n)
        return None
    if isinstance(values, Scaled) or None not in values:
        return records
    has_value = list(map(is_not, values, repeat(None)))
    held = records.chosen(has_value)
    made.bad_ms = _total(records.fields[1], records.n) - _total(held.fields[1], held.n)
    return held if held.n else None


def _is_plain_gauge(values: Sequence[Any], fields: list[Column]) -> bool:
    """Return whether all values are numbers, and each of mean, low and high is there for all records or for none."""
    for column in (values, fields[MEAN], fields[LOW], fields[HIGH]):
        if isinstance(column, Same):
            if isinstance(column.value, str):
                return False
        elif not isinstance(column, Scaled | array) and not {int, float}.issuperset(map(type, column)):
            return False
    return True


def _uncertain_ms(held: Columns) -> int:
    quality, dt_ms = held.fields[QUALITY], held.fields[1]
    if isinstance(quality, Same):
        return _total(dt_ms, held.n) if quality.value == UNCERTAIN else 0
    each = zip(expanded(dt_ms, held.n), expanded(quality, held.n), strict=True)
    return sum(dt for dt, found in each if found == UNCERTAIN)


def _increment(column: Column, n: int) -> float | None:
    """Return what was counted."""
    if isinstance(column, Same) and column.value is None:
        return None
    is_float = isinstance(column, Scaled | array)
    found: float | None = None
    for increment in expanded(column, n):
        # a float that is rounded and not 0 stays what it is when 0.0 is added; 5 would become 5.0
        if increment is not None and (increment or not is_float or not found):
            found = round((found or 0) + increment, ROUND)
    return found


def _add_gauge(made: Sum, values: Sequence[Any], held: Columns) -> None:
    fields, t_ms = held.fields, held.t_ms
    means, lows, highs = (
        values if isinstance(column, Same) and column.value is None else _listed(column, held.n)
        for column in (fields[MEAN], fields[LOW], fields[HIGH])
    )
    made.area = reduce(add, map(mul, means, expanded(fields[1], held.n)), 0.0)
    made.low, made.high = min(lows), max(highs)
    made.low_ms, made.high_ms = t_ms[lows.index(made.low)], t_ms[highs.index(made.high)]


def _on_ms(values: Sequence[Any], held: Columns) -> int:
    """Return how long the state was not 0: see `edge.core.aggregate.on_ms`."""
    dt_ms, duration_ms = held.fields[1], held.fields[DURATION]
    if isinstance(dt_ms, Same) and isinstance(duration_ms, Same):
        known_ms = dt_ms.value if duration_ms.value is None else duration_ms.value
        on = sum(map(bool, values))
        return int(on * known_ms + (held.n - on) * max(dt_ms.value - known_ms, 0))
    total = 0
    for value, dt, lasted in zip(values, expanded(dt_ms, held.n), expanded(duration_ms, held.n), strict=False):
        known_ms = dt if lasted is None else lasted
        total += known_ms if value else max(dt - known_ms, 0)
    return total
