"""Sums of local hours, days and months by point, as the rows of history's table `aggregate` and back."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import Any, Final

import msgspec

from edge.core.aggregate import Sum, joined
from edge.core.calendar import Step, bounds_ms
from edge.core.column_sums import sum_of_columns
from edge.core.record_columns import Columns, Same
from edge.core.series import PeriodLength
from edge.store.history_blocks import hour_of
from edge.store.history_points import PointRow

LENGTHS: Final[tuple[PeriodLength, ...]] = ("hour", "day", "month")
SUM_FIELDS: Final = Sum.__struct_fields__
SUM_COLUMNS: Final = ", ".join(SUM_FIELDS)
_GET_SUM: Final = f"SELECT {SUM_COLUMNS} FROM aggregate WHERE period = ? AND t0 = ? AND point = ?"  # noqa: S608
_PUT_SUM: Final = f"REPLACE INTO aggregate VALUES(?, ?, ?, ?{', ?' * len(SUM_FIELDS)})"
WHOLE: Final = 2**63


def plain(value: Any) -> Any:
    """Return a value as SQLite can hold it: a whole number of more than 64 bits as a float."""
    return float(value) if isinstance(value, int) and not -WHOLE <= value < WHOLE else value


INSTANTS: Final = tuple(SUM_FIELDS.index(name) for name in ("low_ms", "high_ms", "first_ms", "last_ms"))


def row_of(found: Sum, t0: int) -> list[Any]:
    """Return a sum's columns; instants as ms after its period's begin, half as long in the file."""
    values = [plain(value) for value in msgspec.structs.astuple(found)]
    for place in INSTANTS:
        if values[place] is not None:
            values[place] -= t0
    return values


def sum_in(columns: Sequence[Any], t0: int) -> Sum:
    """Return the sum of these columns."""
    values = list(columns)
    for place in INSTANTS:
        if values[place] is not None:
            values[place] += t0
    return Sum(*values)


class Sums:
    """Sums of local hours, days and months by point, to be joined with those in the file."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._bounds: dict[tuple[Step, int], tuple[int, int]] = {}
        self.found: dict[tuple[int, int, int], tuple[int, Sum]] = {}
        """(number in LENGTHS, begin, point) → end and sum."""

    def add(self, row: PointRow, records: Columns) -> None:
        """Take in records of one point, in order of time."""
        begin, t_ms = 0, records.t_ms
        while begin < records.n:
            end_ms = self._period("hour", t_ms[begin])[1]
            end = bisect_left(t_ms, end_ms, begin)
            self._add_hour(row, records.cut(begin, end))
            begin = end

    def _period(self, step: PeriodLength, t_ms: int) -> tuple[int, int]:
        key = (step, hour_of(t_ms) if step != "hour" else t_ms - t_ms % 900_000)  # local hours begin on quarters
        if key not in self._bounds:
            if len(self._bounds) > 1000:
                self._bounds.clear()
            self._bounds[key] = bounds_ms(t_ms, step, self._zone)
        begin_ms, end_ms = self._bounds[key]
        if not begin_ms <= t_ms < end_ms:  # a day that begins within a UTC hour
            return bounds_ms(t_ms, step, self._zone)
        return begin_ms, end_ms

    def _add_hour(self, row: PointRow, records: Columns) -> None:
        """Take in records that begin in one local hour: to each length that they fit in."""
        rest = records
        total = Sum()
        for number, length in enumerate(LENGTHS):
            begin_ms, end_ms = self._period(length, records.t_ms[0])
            if rest.n:
                fitting, rest = _parted(rest, end_ms - begin_ms)
                if fitting.n:
                    total = joined(total, sum_of_columns(fitting, row.kind))
            if total.records:
                self.join(number, begin_ms, row.id, end_ms, total)

    def join(self, number: int, begin_ms: int, point: int, end_ms: int, found: Sum) -> None:
        """Take in a sum."""
        key = (number, begin_ms, point)
        known = self.found.get(key)
        self.found[key] = (end_ms, found if known is None else joined(known[1], found))

    def rows(self, connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
        """Return the table's rows: what the file has joined with what is new."""
        for (number, begin_ms, point), (end_ms, found) in sorted(self.found.items(), key=lambda item: item[0]):
            stored = connection.execute(_GET_SUM, (number, begin_ms, point)).fetchone()
            total = found if stored is None else joined(sum_in(stored, begin_ms), found)
            yield number, begin_ms, point, end_ms - begin_ms, *row_of(total, begin_ms)


def _parted(records: Columns, length_ms: int) -> tuple[Columns, Columns]:
    """Return the records that are not longer than this, and the others."""
    dt_ms: Any = records.fields[1]
    nothing = Columns(0, records.fields)
    if type(dt_ms) is Same:
        return (records, nothing) if dt_ms.value <= length_ms else (nothing, records)
    if max(dt_ms) <= length_ms:
        return records, nothing
    return records.chosen([dt <= length_ms for dt in dt_ms]), records.chosen([dt > length_ms for dt in dt_ms])


def store_sums(connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows of sums."""
    connection.executemany(_PUT_SUM, rows)
