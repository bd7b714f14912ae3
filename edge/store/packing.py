"""Records and events as octets and back, exactly: what the log keeps in a frame, without the frame.

Many records are packed by columns (`edge.store.columns`), point after point, so that ten seconds of 200 points cost one
block of the card; a few, which cost a block in any form, as rows; events and registers as JSON:

```
records:   MessagePack [1, rows]
             rows      [[point, start_ms, dt_ms, value, quality, … changes], …]
           or MessagePack [1, names, columns]
             names     deflated MessagePack array of the points' ids, in the order of their first record
             columns   deflated MessagePack [order, start_ms, dt_ms, value, quality, … changes]
             order     how many turns the points take when they take turns 0, 1, … 0, 1, …; else the column of the
                       point's number for each record, as [records, column]
events:    MessagePack [1, entries]: deflated JSON [[kind, at_ms, point, values], …]
registers: an octet 0 and a JSON object, or an octet 1 and a deflated one; no octet when there are none
```
"Deflated" is RFC 1951 without header or check sum: the frame has its CRC.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Final

import msgspec

from edge.core.record_columns import Column
from edge.core.types import Event, Record
from edge.store.columns import Scales, const_column, pack_column
from edge.store.fs import FormatError
from edge.store.unpacking import column_parts, unpack_column

VERSION: Final = 1
FIELDS: Final = Record.__struct_fields__[1:]
LEVEL: Final = 1
Fields = tuple[Column, ...]
"""The fields of a record after `point`, for all records of one point."""
ROWS: Final = 48  # as many records at most go as rows, in a tenth of the time …
ROWS_OCTETS: Final = 3000  # … when they leave room in a block for the head and a few registers
NOT_FINITE: Final = (b"\xcb\x7f", b"\xcb\xff")  # how MessagePack begins NaN and infinities, and little else
VALUE_TYPES: Final = frozenset((str, int, float, bool, type(None)))
VALUE: Final = Record.__struct_fields__.index("value")
PLAIN_OCTETS: Final = 512  # so many octets of registers are not worth deflating


class PackingError(ValueError):
    """An entry that can't be kept exactly: a number that is not finite, or an object that is no JSON value."""


def deflate(octets: bytes, level: int = LEVEL) -> bytes:
    """Return the octets deflated, without header."""
    return zlib.compress(octets, level, -15)


def inflate(octets: bytes) -> bytes:
    """Return the octets again."""
    return zlib.decompress(octets, -15)


def pack_registers(registers: dict[str, Any]) -> bytes:
    """Return the registers of a batch as octets."""
    if not registers:
        return b""
    try:
        octets = msgspec.json.encode(registers)
    except (TypeError, ValueError, OverflowError) as exc:
        raise PackingError(f"a register is no JSON value: {exc}") from exc
    if b"null" in octets:
        _check_finite(registers)
    return b"\0" + octets if len(octets) <= PLAIN_OCTETS else b"\1" + deflate(octets, 6)


def unpack_registers(octets: bytes) -> dict[str, Any]:
    """Return the registers again."""
    if not octets:
        return {}
    registers: dict[str, Any] = msgspec.json.decode(inflate(octets[1:]) if octets[0] else octets[1:])
    return registers


class RecordPacker:
    """Packs the batches of one log; remembers the points' names and steps from batch to batch to save time."""

    def __init__(self, rows: int = ROWS) -> None:
        self._rows = rows
        self._scales = Scales()
        self._names: list[str] = []
        self._packed_names = b""

    def pack(self, entries: Sequence[Record]) -> bytes:
        """Return the records as octets. Raises PackingError when one can't be kept exactly."""
        if not entries:
            return b""
        rows = list(map(msgspec.structs.astuple, entries))
        try:
            octets = _packed_rows(rows) if len(rows) <= self._rows else None
            return octets or self._packed_columns(rows)
        except (TypeError, ValueError, OverflowError) as exc:
            raise PackingError(str(exc)) from exc

    def _packed_columns(self, rows: list[tuple[Any, ...]]) -> bytes:
        points, *fields = zip(*rows, strict=True)
        names = list(dict.fromkeys(points))
        order, lengths, places = _grouping(points, names)
        by_point: Callable[[tuple[Any, ...]], tuple[Any, ...]] = tuple if len(places) == 1 else itemgetter(*places)
        packed: list[Any] = [order]
        if not isinstance(order, int):
            packed = [[len(order), pack_column("", [""], [len(order)], tuple(order), self._scales)]]
        for field, values in zip(FIELDS, fields, strict=True):
            packed.append(const_column(values) or pack_column(field, names, lengths, by_point(values), self._scales))
        return msgspec.msgpack.encode([VERSION, self._deflated(names), deflate(msgspec.msgpack.encode(packed))])

    def _deflated(self, names: list[str]) -> bytes:
        if names != self._names:
            self._names, self._packed_names = names, deflate(msgspec.msgpack.encode(names), 9)
        return self._packed_names


def _packed_rows(rows: list[tuple[Any, ...]]) -> bytes | None:
    """Return the records as rows, None when columns serve better: too many octets, or a whole number beyond eight."""
    try:
        octets = msgspec.msgpack.encode([VERSION, rows])
    except OverflowError:
        return None
    if any(sign in octets for sign in NOT_FINITE) or not VALUE_TYPES.issuperset([type(row[VALUE]) for row in rows]):
        for row in rows:
            for field in row:
                if type(field) not in VALUE_TYPES or (type(field) is float and not math.isfinite(field)):
                    raise ValueError(f"{row[0]}: {field!r} is no number or text to keep")
    return octets if len(octets) <= ROWS_OCTETS else None


def _grouping(points: Sequence[str], names: list[str]) -> tuple[int | list[int], list[int], list[int]]:
    """Return the order (turns, or point numbers), the records of each point, and their places point after point."""
    turns = len(points) // len(names)
    if points == tuple(names) * turns:
        return turns, [turns] * len(names), _turn_places(turns, len(names))
    numbers = {name: number for number, name in enumerate(names)}
    order = [numbers[point] for point in points]
    return order, *_sorted_places(order, len(names))


def _turn_places(turns: int, names: int) -> list[int]:
    return list(chain.from_iterable(range(at, turns * names, names) for at in range(names)))


def _sorted_places(order: list[int], names: int) -> tuple[list[int], list[int]]:
    counted = Counter(order)
    return [counted[number] for number in range(names)], sorted(range(len(order)), key=order.__getitem__)


def unpack_records(octets: bytes) -> list[Record]:
    """Return the records again, as they were appended. Raises FormatError when a newer version packed them."""
    if not octets:
        return []
    rows_or_names, *parts = _parts(octets, 2, 3)
    if not parts:
        return [Record(*row) for row in rows_or_names]
    names: list[str] = msgspec.msgpack.decode(inflate(rows_or_names))
    order, *columns = msgspec.msgpack.decode(inflate(parts[0]))
    if isinstance(order, int):
        lengths, places = [order] * len(names), _turn_places(order, len(names))
    else:
        count, column = order
        lengths, places = _sorted_places(list(unpack_column(column, [count])), len(names))
    points = chain.from_iterable(map(repeat, names, lengths))
    by_point = list(map(Record, points, *(unpack_column(column, lengths) for column in columns)))
    entries = by_point.copy()
    for place, record in zip(places, by_point, strict=True):
        entries[place] = record
    return entries


def unpack_points(octets: bytes) -> list[tuple[str, int, Fields]]:
    """Return name, number and fields of each point's records, the points in the order of their first records.

    There are none when they are packed as rows. Raises FormatError when a newer version packed them.
    """
    rows_or_names, *parts = _parts(octets, 2, 3)
    if not parts:
        return []
    names: list[str] = msgspec.msgpack.decode(inflate(rows_or_names))
    order, *columns = msgspec.msgpack.decode(inflate(parts[0]))
    if isinstance(order, int):
        lengths = [order] * len(names)
    else:
        count, column = order
        lengths = _sorted_places(list(unpack_column(column, [count])), len(names))[0]
    fields = zip(*(column_parts(column, lengths) for column in columns), strict=True)
    return list(zip(names, lengths, fields, strict=True))


def pack_events(entries: Sequence[Event]) -> bytes:
    """Return the events as octets. Raises PackingError when one holds what is no JSON value."""
    if not entries:
        return b""
    plain = [(entry.kind, entry.at_ms, entry.point, entry.values) for entry in entries]
    try:
        octets = msgspec.json.encode(plain)
        if b"null" in octets:
            _check_finite(plain)
        return msgspec.msgpack.encode([VERSION, deflate(octets, 6)])
    except PackingError:
        raise
    except (TypeError, ValueError, OverflowError) as exc:
        raise PackingError(f"an event holds no JSON value: {exc}") from exc


def unpack_events(octets: bytes) -> list[Event]:
    """Return the events again. Raises FormatError when a newer version packed them."""
    if not octets:
        return []
    (packed,) = _parts(octets, 2)
    return [Event(*fields) for fields in msgspec.json.decode(inflate(packed))]


def _check_finite(value: Any) -> None:
    """Raise PackingError for a NaN or an infinity anywhere inside: JSON would make null of it."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise PackingError(f"{value} is no number to keep")
    elif isinstance(value, dict):
        _check_finite(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            _check_finite(item)


def _parts(octets: bytes, *counts: int) -> list[Any]:
    parts: list[Any] = msgspec.msgpack.decode(octets)
    if parts[0] != VERSION or len(parts) not in counts:
        raise FormatError(f"entries packed by version {parts[0]}, known is {VERSION}: written by a newer vigie")
    return parts[1:]
