"""One point's records of one hour as octets and back, exactly: what a row of history's table `block` holds.

```
octet 0      version: 1
octets 1..4  CRC-32 of all that follows, little-endian: SQLite has no check sum of its own
octets 5..   deflated MessagePack array of 13 columns, as `edge.store.columns` packs them for one point:
             t_ms − the block's t0, dt_ms, value, quality, reason, count, mean, low, high, increment, duration_ms,
             changes, trust
```
Records stand in order of time; those of the same instant in the order in which they were stored.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from operator import add, attrgetter, sub
from typing import Any, Final

import msgspec

from edge.core.calendar import HOUR_MS
from edge.core.record_columns import Column, Columns, Same
from edge.core.series import HistoryRecord
from edge.store.columns import Scales, const_column, pack_column
from edge.store.fs import FormatError
from edge.store.packing import deflate, inflate
from edge.store.unpacking import column_parts, unpack_column

VERSION: Final = 1
FIELDS: Final = HistoryRecord.__struct_fields__
LEVEL: Final = 6
"""Of a block that stays; in RAM 1 does."""
START: Final = 5

by_time: Callable[[HistoryRecord], int] = attrgetter("t_ms")


class DamagedError(ValueError):
    """A block whose octets are not those that were stored."""


def hour_of(t_ms: int) -> int:
    """Return the UTC ms at which the hour of this instant began."""
    return t_ms - t_ms % HOUR_MS


class BlockPacker:
    """Packs blocks; remembers steps of floats, and the last stamps: many points have the same."""

    def __init__(self) -> None:
        self._scales = Scales()
        self._offsets: list[int] = []
        self._packed_offsets: list[Any] = []

    def pack(self, records: Columns, t0: int, name: str, level: int = LEVEL) -> bytes:
        """Return these records, in order of time, as octets. `name` tells the points apart."""
        offsets = list(map(sub, records.t_ms, repeat(t0)))
        if offsets != self._offsets:
            self._packed_offsets = pack_column("t_ms", [name], [records.n], tuple(offsets), self._scales)
            self._offsets = offsets
        columns = [self._packed_offsets]
        for field, column in zip(FIELDS[1:], records.fields[1:], strict=True):
            columns.append(self._column(field, name, column, records.n))
        octets = deflate(msgspec.msgpack.encode(columns), level)
        return bytes([VERSION]) + zlib.crc32(octets).to_bytes(4, "little") + octets

    def _column(self, field: str, name: str, column: Column, n: int) -> list[Any]:
        values: Any = column
        if isinstance(column, Same):
            packed = const_column((column.value,))
            if packed is not None:
                return packed
            values = (column.value,) * n
        elif type(column) is list:
            packed = const_column(column)
            if packed is not None:
                return packed
            values = tuple(column)
        return pack_column(field, [name], [n], values, self._scales)


def packed_columns(body: bytes) -> list[Any]:
    """Return the columns of a block, still packed. Raises DamagedError, or FormatError for a newer version."""
    if len(body) <= START or zlib.crc32(body[START:]).to_bytes(4, "little") != body[1:START]:
        raise DamagedError("its check sum is wrong")
    if body[0] != VERSION:
        raise FormatError(f"a block of version {body[0]}, known is {VERSION}: written by a newer vigie")
    columns: list[Any] = msgspec.msgpack.decode(inflate(body[START:]))
    return columns


def unpack_block(body: bytes, t0: int, n: int) -> Columns:
    """Return the `n` records again. Raises DamagedError, or FormatError for a newer version."""
    offsets, *columns = packed_columns(body)
    t_ms = list(map(add, unpack_column(offsets, [n]), repeat(t0)))
    return Columns(n, [t_ms, *(column_parts(column, [n])[0] for column in columns)])


def in_order(*parts: Sequence[HistoryRecord]) -> list[HistoryRecord]:
    """Return the records of all parts in order of time; of the same instant, those of the earlier part first."""
    made = list(chain.from_iterable(parts))
    made.sort(key=by_time)
    return made
