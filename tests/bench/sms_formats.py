"""Formats that others send numbers in, each really written, for the same octets of a message: an interval is a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cbor2
import msgspec

from sms.octets import varint
from sms.schema import Channel, Schema
from sms.wire import BODY

Row = Sequence[int | None]
Writer = Callable[[Schema, Sequence[Row]], bytes]
HEX_ROOM = 160 - 2 * 20
"""Letters of a text of 160 when the head and the tag of 20 octets are hex as well."""
HEX_WIDTHS = {"Wh": 8, "m3": 8, "VA": 3, "Cel": 3, "%RH": 2}
"""Hex digits that a value of this unit needs: 32, 12 and 7 bits; all ones: no value."""
CAYENNE = {"Cel": (0x67, 2), "%RH": (0x68, 1), "VA": (0x02, 2)}
"""Types of the Cayenne Low Power Payload; what it has none for goes as generic sensor 0x64 of four octets."""
NAN = 0x7FFF_FFFF


def base16(schema: Schema, rows: Sequence[Row]) -> bytes:
    """Write fixed widths in hex text."""
    out = []
    for row in rows:
        for channel, value in zip(schema.channels, row, strict=True):
            width = HEX_WIDTHS[channel.unit]
            out.append(f"{((1 << 4 * width) - 1 if value is None else value) & (1 << 4 * width) - 1:0{width}X}")
    return "".join(out).encode()


def senml_cbor(schema: Schema, rows: Sequence[Row]) -> bytes:
    """Write RFC 8428 §6: labels and values are whole numbers, names are the channel's number, times are offsets."""
    records: list[dict[int, int | str]] = []
    for at, row in enumerate(rows):
        for number, value in enumerate(row):
            if value is not None:
                record: dict[int, int | str] = {0: str(number), 2: value}
                records.append(record | ({6: at * schema.step_s} if at else {}))
    return cbor2.dumps(records)


def cayenne(schema: Schema, rows: Sequence[Row]) -> bytes:
    """Write Cayenne Low Power Payload: channel and type before each value, a Unix time before each interval but one."""
    out = bytearray()
    for at, row in enumerate(rows):
        if at:
            out += b"\xff\x85" + (1_795_165_200 + at * schema.step_s).to_bytes(4)
        for number, (channel, value) in enumerate(zip(schema.channels, row, strict=True)):
            if value is not None:
                kind, width = CAYENNE.get(channel.unit, (0x64, 4))
                out += bytes((number, kind)) + (value & (1 << 8 * width) - 1).to_bytes(width)
    return bytes(out)


def messagepack(_schema: Schema, rows: Sequence[Row]) -> bytes:
    """Write an array of arrays of whole numbers, one an interval."""
    return msgspec.msgpack.encode(rows)


def delta_varint(_schema: Schema, rows: Sequence[Row]) -> bytes:
    """Write channel after channel the first value and then what changed, zigzag LEB128; no value: far off."""
    out = bytearray()
    for column in zip(*rows, strict=True):
        last = 0
        for value in column:
            off = NAN if value is None else value - last
            out += varint(off << 1 if off >= 0 else (-off << 1) - 1)
            last = last if value is None else value
    return bytes(out)


FORMATS: dict[str, tuple[Writer, int]] = {
    "base16, widths of the schema": (base16, HEX_ROOM),
    "SenML CBOR": (senml_cbor, BODY),
    "CayenneLPP": (cayenne, BODY),
    "MessagePack arrays": (messagepack, BODY),
    "delta varint": (delta_varint, BODY),
}


def readings_a_message(schema: Schema, columns: Sequence[Row], writer: Writer, room: int) -> float:
    """Return how many values a message holds, in whole intervals; in single values where no interval fits."""
    length = len(columns[0])
    at = messages = values = 0
    while at < length:
        count = 0
        while at + count < length and len(writer(schema, _rows(columns, at, count + 1))) <= room:
            count += 1
        if not count:
            return _single(schema, columns, writer, room)
        values += _values(columns, at, count)
        messages += 1
        at += count
    return values / messages


def _single(schema: Schema, columns: Sequence[Row], writer: Writer, room: int) -> float:
    held = []
    for (row,) in (_rows(columns, at, 1) for at in range(len(columns[0]))):
        fits = [n for n in range(1, len(row) + 1) if len(writer(_front(schema, n), [row[:n]])) <= room]
        held.append(sum(value is not None for value in row[: max(fits, default=0)]))
    return sum(held) / len(held)


def _front(schema: Schema, channels: int) -> Schema:
    kept: tuple[Channel, ...] = schema.channels[:channels]
    return Schema(schema.box, schema.tz, schema.step_s, kept)


def _rows(columns: Sequence[Row], at: int, count: int) -> list[Row]:
    return [[column[one] for column in columns] for one in range(at, at + count)]


def _values(columns: Sequence[Row], at: int, count: int) -> int:
    return sum(value is not None for column in columns for value in column[at : at + count])
