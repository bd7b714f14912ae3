"""Reports in 120 octets: the columns of a schema, channel after channel, each message readable alone.

`encode` takes as many intervals from the front as fit and sends the shorter of two codings; which one it was stands in
the header's coder bit. `sms/WIRE.md` is the contract, octet by octet. Standard library only, integers only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from sms import rice
from sms.adaptive import code_presence, tracks_of
from sms.arith import Counts, Reader, Recorder, Split, written
from sms.bits import BitReader, BitWriter
from sms.lean import INDEX_MAX, LEANT, LEVEL_MAX, Lean, Token, expected, leans, tokens_of
from sms.prior import Prior
from sms.rice import ChannelReader
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
    prior: Prior | None = None,
    room: int = BODY,
    *,
    full: bool = False,
    coders: tuple[int, ...] = (RICE, ADAPTIVE),
) -> Encoded:
    """Return as many intervals from the front as fit `room` octets, at most 63; `full`: whole indexes of 32 bits.

    `columns[channel][interval]` is None where there is no value; of `coders` the better is taken. Raises WireError when
    not even one interval fits, a value is beyond 32 bits, or the prior is another schema's.
    """
    _check(schema, columns)
    if prior is not None and prior.schema != schema.id:
        raise WireError(f"a prior of schema {prior.schema} for schema {schema.id}")
    room = min(room, BODY)
    lean_by = leans(schema)
    tokens = tokens_of(lean_by, columns, min(len(columns[0]), COUNT_MAX))
    best = _adaptive(lean_by, tokens, prior, room, full=full) if ADAPTIVE in coders else None
    if RICE in coders:
        best = _riced(lean_by, tokens, room, best, full=full) or best
    if best is None:
        raise WireError(f"one interval of {len(columns)} channels does not fit {room} octets")
    return best


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


def _there(row: Sequence[Token | None], count: int) -> int:
    """Return which of the first intervals have a value, one bit each, the first the highest."""
    found = 0
    for token in row[:count]:
        found = found << 1 | (token is not None)
    return found


def _adaptive(
    lean_by: list[Lean], tokens: list[list[Token | None]], prior: Prior | None, room: int, *, full: bool
) -> Encoded | None:
    """Return the longest front that fits by adaptive coding; None when not even one interval does.

    The contexts of channels have nothing in common, so that what is modelled by interval can be written by channel.
    """
    counts = prior.counts if prior else {}
    recorder = Recorder(Counts(counts))
    tracks = tracks_of(lean_by)
    anchor_bits = FULL_BITS if full else LOW_BITS
    splits: list[list[list[Split]]] = [[] for _ in lean_by]
    most = len(tokens[0])
    count = 0
    while count < most and recorder.octets <= room:
        for row, track, kept in zip(tokens, tracks, splits, strict=True):
            recorder.splits = []
            token = row[count]
            if token is not None:
                track.code(recorder, count, token.kind, token.off, anchor_bits)
            kept.append(recorder.splits)
        count += 1
    best: Encoded | None = None
    over = count + 1
    while 0 < count < over:
        presence = Recorder(Counts(counts))
        code_presence(presence, [_there(row, count) for row in tokens], count)
        rows = (split for kept in splits for interval in kept[:count] for split in interval)
        body = written(full, chain(presence.splits, rows))
        if body is not None and len(body) <= room:
            best = Encoded(body, ADAPTIVE, count, prior.id if prior else 0)
            count += 1
        else:
            over = count
            count = 0 if best else count - 1 if body is None else min(count - 1, count * room // len(body))
    return best


def _riced(
    lean_by: list[Lean], tokens: list[list[Token | None]], room: int, other: Encoded | None, *, full: bool
) -> Encoded | None:
    """Return the longest front that fits by Rice codes; None when the other one holds more or is shorter.

    By halving, and each is written, so that none is only believed to fit.
    """
    low, best = 0, b""
    high = len(tokens[0])
    guess = other.count if other else min(high, 8)
    while low < high:
        body = _rice_body(lean_by, tokens, guess, full=full)
        if len(body) <= room:
            low, best = guess, body
        elif other and guess <= other.count:
            return None
        else:
            high = guess - 1
        guess = (low + high + 1) // 2
    is_better = other is None or low > other.count or (low == other.count and len(best) <= len(other.body))
    return Encoded(best, RICE, low) if low and is_better else None


def _rice_body(lean_by: list[Lean], tokens: list[list[Token | None]], count: int, *, full: bool) -> bytes:
    out = BitWriter()
    out.put(full, 1)
    rice.put_presence(out, [_there(row, count) for row in tokens], count)
    anchor_bits = FULL_BITS if full else LOW_BITS
    for lean, row in zip(lean_by, tokens, strict=True):
        rice.put_channel(out, lean, [token for token in row[:count] if token is not None], anchor_bits)
    return out.octets()


def is_full(body: bytes) -> bool:
    """Return whether the indexes of a report are whole; else they are modulo 65,536 (`sms.indexes.lifted`)."""
    return bool(body) and body[0] >= 0x80


def decode(schema: Schema, header: Header, body: bytes, prior: Prior | None = None) -> list[list[int | None]]:
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
    if not header.count or len(body) > BODY or body.endswith(b"\0"):
        raise WireError(f"a report of {header.count} intervals in {len(body)} octets, which no encoder makes")
    bits: BitReader | Reader
    if header.coder == RICE:
        bits = BitReader(body)
        source = _rice_source(schema, header.count, bits)
    else:
        bits = Reader(body, Counts(_counts(schema, header.prior, prior)))
        source = _adaptive_source(schema, header.count, bits)
    columns = _columns(schema, header.count, source)
    if bits.used < len(body):
        raise WireError(f"{len(body) - bits.used} octets of the body are left over")
    return columns


def _counts(schema: Schema, needed: int, prior: Prior | None) -> Mapping[int, tuple[int, int]]:
    if not needed:
        return {}
    if prior is None or prior.id != needed or prior.schema != schema.id:
        have = "none" if prior is None else f"{prior.id} of schema {prior.schema}"
        raise WireError(f"the message needs prior {needed} of schema {schema.id}; known here: {have}")
    return prior.counts


Source = tuple[list[int], Callable[[int, int, int], int]]
"""Which values are there; and how far the value of a channel is off at an interval, of this kind."""


def _rice_source(schema: Schema, count: int, bits: BitReader) -> Source:
    anchor_bits = FULL_BITS if bits.take(1) else LOW_BITS
    there = rice.take_presence(bits, len(schema.channels), count)
    readers = [ChannelReader(bits, lean, anchor_bits) for lean in leans(schema)]
    return there, lambda number, _at, kind: readers[number].take(kind)


def _adaptive_source(schema: Schema, count: int, reader: Reader) -> Source:
    anchor_bits = FULL_BITS if reader.first else LOW_BITS
    there = code_presence(reader, [0] * len(schema.channels), count)
    tracks = tracks_of(leans(schema))
    return there, lambda number, at, kind: tracks[number].code(reader, at, kind, 0, anchor_bits)


def _columns(schema: Schema, count: int, source: Source) -> list[list[int | None]]:
    there, take = source
    columns: list[list[int | None]] = []
    for number, lean in enumerate(leans(schema)):
        column: list[int | None] = []
        columns.append(column)
        last: int | None = None
        for at in range(count):
            if not there[number] >> count - 1 - at & 1:
                column.append(None)
                continue
            kind, about = expected(lean, at, last, columns)
            off = take(number, at, kind)
            last = about + (off * lean.sign if kind == LEANT else off)
            if abs(last) > 2 * INDEX_MAX:
                raise WireError(f"channel {number} ({lean.channel.point}): {last} is no value of 32 bits")
            column.append(last)
    return columns
