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
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec

from edge.core.calendar import HOUR_MS
from edge.core.series import HistoryRecord
from edge.store.columns import Scales, const_column, pack_column, unpack_column
from edge.store.fs import FormatError
from edge.store.packing import deflate, inflate

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


def pack_block(records: Sequence[HistoryRecord], t0: int, scales: Scales, name: str = "", level: int = LEVEL) -> bytes:
    """Return these records, in order of time, as octets. `name` tells the points apart in `scales`."""
    count = len(records)
    t_ms, *fields = zip(*map(msgspec.structs.astuple, records), strict=True)
    columns = [pack_column("t_ms", [name], [count], tuple(t - t0 for t in t_ms), scales)]
    for field, values in zip(FIELDS[1:], fields, strict=True):
        columns.append(const_column(values) or pack_column(field, [name], [count], values, scales))
    octets = deflate(msgspec.msgpack.encode(columns), level)
    return bytes([VERSION]) + zlib.crc32(octets).to_bytes(4, "little") + octets


def packed_columns(body: bytes) -> list[Any]:
    """Return the columns of a block, still packed. Raises DamagedError, or FormatError for a newer version."""
    if len(body) <= START or zlib.crc32(body[START:]).to_bytes(4, "little") != body[1:START]:
        raise DamagedError("its check sum is wrong")
    if body[0] != VERSION:
        raise FormatError(f"a block of version {body[0]}, known is {VERSION}: written by a newer vigie")
    columns: list[Any] = msgspec.msgpack.decode(inflate(body[START:]))
    return columns


def unpack_block(body: bytes, t0: int, count: int) -> list[HistoryRecord]:
    """Return the records again. Raises DamagedError, or FormatError for a newer version."""
    offsets, *columns = packed_columns(body)
    t_ms = map(t0.__add__, unpack_column(offsets, [count]))
    return list(map(HistoryRecord, t_ms, *(unpack_column(column, [count]) for column in columns)))


def in_order(*parts: Sequence[HistoryRecord]) -> list[HistoryRecord]:
    """Return the records of all parts in order of time; of the same instant, those of the earlier part first."""
    made = list(chain.from_iterable(parts))
    made.sort(key=by_time)
    return made
