"""Reports in 120 octets: the columns of a schema, channel after channel, each message readable alone.

`encode` takes as many intervals from the front as fit and sends the shorter of two codings; which one it was stands in
the header's coder bit. `sms/WIRE.md` is the contract, octet by octet. Standard library only, integers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sms import rice
from sms.bits import BitReader, BitWriter
from sms.lean import ANCHOR, INDEX_MAX, LEVEL_MAX, Lean, expected, leans
from sms.prior import Prior
from sms.rice import ChannelReader, Token
from sms.schema import Schema
from sms.wire import BODY, COUNT_MAX, LOCAL_DAY, STEPS, Header, Type, WireError

RICE: Final = 0
ADAPTIVE: Final = 1
LOW_BITS: Final = 16
FULL_BITS: Final = 32
CARRIERS: Final = frozenset({Type.REPORT, Type.BACKLOG, Type.DAILY})

Columns = Sequence[Sequence[int | None]]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body, and what the header must say of it."""

    body: bytes
    coder: int
    count: int
    """Intervals from the front that it holds."""
    prior: int = 0
    """Id of the prior that the reader needs; 0: none."""


def encode(
    schema: Schema,
    columns: Columns,
    prior: Prior | None = None,  # noqa: ARG001 for the adaptive coder
    room: int = BODY,
    *,
    full: bool = False,
) -> Encoded:
    """Return as many intervals from the front as fit `room` octets, at most 63; `full`: whole indexes of 32 bits.

    `columns[channel][interval]` is None where there is no value. Raises WireError when not even one interval fits,
    or a value is beyond 32 bits.
    """
    _check(schema, columns)
    lean_by = leans(schema)
    count = min(len(columns[0]), COUNT_MAX)
    tokens = _tokens(lean_by, columns, count)
    return _rice(lean_by, columns, tokens, room, count, full=full)


def _check(schema: Schema, columns: Columns) -> None:
    if len(columns) != len(schema.channels):
        raise WireError(f"{len(columns)} columns for the {len(schema.channels)} channels of schema {schema.id}")
    if not columns[0] or len({len(column) for column in columns}) > 1:
        raise WireError("the columns have no interval, or not the same number of them")
    for number, (channel, column) in enumerate(zip(schema.channels, columns, strict=True)):
        least, most = (0, INDEX_MAX) if channel.what == "index" else (-LEVEL_MAX, LEVEL_MAX)
        for value in column[:COUNT_MAX]:
            if value is not None and not least <= value <= most:
                raise WireError(f"channel {number} ({channel.point}): {value} is not within {least} to {most}")


def _tokens(lean_by: list[Lean], columns: Columns, count: int) -> list[list[Token | None]]:
    """Return what is sent of each value; no later interval changes what is sent of an earlier one."""
    found = []
    for lean, column in zip(lean_by, columns, strict=True):
        last: int | None = None
        row: list[Token | None] = []
        for at in range(count):
            value = column[at]
            if value is None:
                row.append(None)
                continue
            kind, about = expected(lean, at, last, columns)
            row.append(Token(kind, (value - about) * (lean.sign if kind != ANCHOR else 1)))
            last = value
        found.append(row)
    return found


def _rice(
    lean_by: list[Lean], columns: Columns, tokens: list[list[Token | None]], room: int, most: int, *, full: bool
) -> Encoded:
    """Return the longest front that fits, by halving: each is written, so that none is ever believed to fit."""
    best: bytes | None = None
    low, high = 0, most
    guess = min(most, room // len(lean_by) + 1)
    while low < high:
        body = _rice_body(lean_by, tokens, guess, full=full)
        if len(body) <= room:
            low, best = guess, body
        else:
            high = guess - 1
        guess = (low + high + 1) // 2
    if best is None:
        raise WireError(f"one interval of {len(columns)} channels does not fit {room} octets")
    return Encoded(best, RICE, low)


def _rice_body(lean_by: list[Lean], tokens: list[list[Token | None]], count: int, *, full: bool) -> bytes:
    out = BitWriter()
    out.put(full, 1)
    there = [sum(1 << count - 1 - at for at in range(count) if row[at] is not None) for row in tokens]
    rice.put_presence(out, there, count)
    anchor_bits = FULL_BITS if full else LOW_BITS
    for lean, row in zip(lean_by, tokens, strict=True):
        rice.put_channel(out, lean, [token for token in row[:count] if token is not None], anchor_bits)
    return out.octets()


def is_full(body: bytes) -> bool:
    """Return whether the indexes of a report are whole; else they are modulo 65,536 (`sms.indexes.lifted`)."""
    return bool(body) and body[0] >= 0x80


def decode(
    schema: Schema,
    header: Header,
    body: bytes,
    prior: Prior | None = None,  # noqa: ARG001 for the adaptive coder
) -> list[list[int | None]]:
    """Return `columns[channel][interval]`, None where there is no value.

    Indexes begin modulo 65,536 and go on from there, unless `is_full(body)`. Raises WireError, naming what is missing
    or wrong: another schema, an unknown prior, a body that no encoder makes.
    """
    if header.type not in CARRIERS:
        raise WireError(f"a message of type {header.type.name.lower()} has no columns")
    if header.schema != schema.id:
        raise WireError(f"the message needs schema {header.schema}, this is schema {schema.id}")
    step_s = 86_400 if header.step == LOCAL_DAY else STEPS[header.step] if header.step < len(STEPS) else 0
    if step_s != schema.step_s:
        raise WireError(f"step code {header.step} of the message is not the {schema.step_s} s of schema {schema.id}")
    if not header.count or len(body) > BODY:
        raise WireError(f"a report of {header.count} intervals in {len(body)} octets: at least 1 and at most {BODY}")
    if header.coder == ADAPTIVE:
        raise WireError("coder 1 is not known here")
    return _unriced(schema, header.count, body)


def _unriced(schema: Schema, count: int, body: bytes) -> list[list[int | None]]:
    bits = BitReader(body)
    anchor_bits = FULL_BITS if bits.take(1) else LOW_BITS
    there = rice.take_presence(bits, len(schema.channels), count)
    columns: list[list[int | None]] = []
    for number, lean in enumerate(leans(schema)):
        reader = ChannelReader(bits, lean, anchor_bits)
        column: list[int | None] = []
        columns.append(column)
        last: int | None = None
        for at in range(count):
            if not there[number] >> count - 1 - at & 1:
                column.append(None)
                continue
            kind, about = expected(lean, at, last, columns)
            off = reader.take(kind)
            last = about + (off * lean.sign if kind != ANCHOR else off)
            if abs(last) > 2 * INDEX_MAX:
                raise WireError(f"channel {number} ({lean.channel.point}): {last} is no value of 32 bits")
            column.append(last)
    if bits.octets_used < len(body):
        raise WireError(f"{len(body) - bits.octets_used} octets of the body are left over")
    return columns
