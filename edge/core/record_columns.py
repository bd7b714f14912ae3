"""Records of one point field by field: what a whole hour of them is cut, joined and summed as, without an object each.

A field that says the same of every record, as most do, is kept once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, compress, repeat
from operator import add, itemgetter, truediv
from typing import Any, cast

import msgspec

from edge.core.series import HistoryRecord


class Same(msgspec.Struct, frozen=True, gc=False):
    """A None, text or whole number that every record has. Made by `same`: equal ones are one object."""

    value: Any


class Scaled(msgspec.Struct, frozen=True, gc=False):
    """Floats that are whole numbers divided by `step`, exactly: what a probe of 1/16 °C gives, `whole` / 16."""

    whole: array[int]
    step: float

    def floats(self) -> array[float]:
        """Return the floats."""
        return array("d", map(truediv, self.whole, repeat(self.step)))


Column = Same | Scaled | Sequence[Any]
"""A field of each record; an `array` holds nothing but floats."""


@lru_cache(maxsize=1024, typed=True)
def same(value: str | int | None) -> Same:
    """Return the column of records that all have this value."""
    return Same(value)


def expanded(column: Column, n: int) -> Any:
    """Return a column of `n` records value by value."""
    if type(column) is Same:
        return repeat(column.value, n)
    return column.floats() if type(column) is Scaled else column


def _picked(column: Any, pick: Callable[[Any], Any]) -> Column:
    """Return what `pick` takes of a column's values."""
    if type(column) is Same:
        return column
    if type(column) is Scaled:
        return Scaled(array("q", pick(column.whole)), column.step)
    return array("d", pick(column)) if type(column) is array else list(pick(column))


class Columns(msgspec.Struct):
    """`n` records, at least one: the fields of `HistoryRecord` in their order, `t_ms` always one by one."""

    n: int
    fields: list[Column]

    @property
    def t_ms(self) -> list[int]:
        """When each begins, UTC."""
        return cast("list[int]", self.fields[0])

    @property
    def end_ms(self) -> int:
        """When the last of them ends, UTC."""
        dt_ms = self.fields[1]
        if type(dt_ms) is Same:
            return int(max(self.t_ms) + dt_ms.value)
        return int(max(map(add, self.t_ms, expanded(dt_ms, self.n))))

    def __iter__(self) -> Iterator[HistoryRecord]:
        yield from self.records()

    def records(self) -> list[HistoryRecord]:
        """Return them one by one."""
        return list(map(HistoryRecord, *(expanded(column, self.n) for column in self.fields)))

    def cut(self, begin: int, end: int) -> Columns:
        """Return the records from place `begin` to before `end`."""
        if begin == 0 and end >= self.n:
            return self
        return self._of(min(end, self.n) - begin, itemgetter(slice(begin, end)))

    def chosen(self, wanted: Sequence[bool]) -> Columns:
        """Return those records whose place holds True; there may be none."""
        return self._of(wanted.count(True), lambda column: compress(column, wanted))

    def in_order(self) -> Columns:
        """Return them in order of time; those of the same instant as they stand."""
        t_ms = self.t_ms
        if sorted(t_ms) == t_ms:
            return self
        places = sorted(range(self.n), key=t_ms.__getitem__)
        return self._of(self.n, lambda column: map(column.__getitem__, places))

    def _of(self, n: int, pick: Callable[[Any], Any]) -> Columns:
        return Columns(n, [_picked(column, pick) for column in self.fields])


def columns_of(records: Sequence[HistoryRecord]) -> Columns:
    """Return these records, at least one, as columns."""
    fields = zip(*map(msgspec.structs.astuple, records), strict=True)
    return Columns(len(records), list(map(list, fields)))


def chained(parts: Sequence[Columns]) -> Columns:
    """Return the records of all parts, at least one part, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    lengths = [part.n for part in parts]
    fields = zip(*(part.fields for part in parts), strict=True)
    return Columns(sum(lengths), [_chained(columns, lengths) for columns in fields])


def _chained(columns: Sequence[Any], lengths: Sequence[int]) -> Column:
    first = columns[0]
    types = set(map(type, columns))
    if types == {Same} and columns.count(first) == len(columns):
        return cast("Same", first)
    if types == {Scaled} and {column.step for column in columns} == {first.step}:
        return Scaled(array("q", b"".join([column.whole for column in columns])), first.step)
    parts = list(map(expanded, columns, lengths))
    if types <= {Scaled, array}:
        return array("d", b"".join(parts))
    return list(chain.from_iterable(parts))
