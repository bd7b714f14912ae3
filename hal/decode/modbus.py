"""Modbus registers: what the 16-bit words of one answer say, and which requests fetch many registers.

MODBUS Application Protocol Specification V1.1b3: §4.3 (words are sent high byte first), §6.1-6.4 (at most 125 registers
or 2,000 bits a request). How two words make a number is each maker's own: `word_order` and `byte_order` say it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Iterable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from hal.sample import Kind, Value

Table: TypeAlias = Literal["holding", "input", "coil", "discrete"]
Type: TypeAlias = Literal[
    "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bits", "bool", "string"
]
Order: TypeAlias = Literal["big", "little"]

BIT_TABLES: Final = ("coil", "discrete")
MOST_REGISTERS: Final = 125
MOST_BITS: Final = 2000
FLOAT32_DIGITS: Final = 7  # what an IEEE single tells; 230.1 would else be shown as 230.10000610351562
_CODES: Final[dict[str, str]] = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d", "bits": "H",
}  # fmt: skip


class Register(msgspec.Struct, frozen=True):
    """One quantity of a device: where it stands, what its bits mean, and what the quantity is."""

    name: str
    address: int
    """As on the wire, from 0."""
    table: Table = "holding"
    type: Type = "uint16"
    count: int = 1
    """How many words, or bits of a coil table, it takes."""
    word_order: Order = "big"
    byte_order: Order = "big"
    kind: Kind = "gauge"
    unit: str = ""
    scale: float = 1.0
    wrap: int = 0
    words: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    """Of a state: the raw number of each word."""
    missing: tuple[int, ...] = ()
    """Raw numbers (unsigned) by which the device says that it has no value."""
    bit: int = 0
    width: int = 1
    """Of type bits: the lowest bit that is meant, and how many."""
    map: str = ""
    """The map that it stands in; "" for one that a point describes."""

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.count


class Block(NamedTuple):
    """One request."""

    table: Table
    start: int
    length: int

    def holds(self, register: Register) -> bool:
        """Return whether a register lies in it."""
        end = self.start + self.length
        return register.table == self.table and self.start <= register.address and register.end <= end


def size(kind: str) -> int:
    """Return how many words a number of this type takes; a bool is one bit.

    >>> size("uint16"), size("float32"), size("uint64")
    (1, 2, 4)
    """
    return max(1, struct.calcsize(">" + _CODES.get(kind, "H")) // 2)


def value_of(register: Register, words: Sequence[int]) -> tuple[Value | None, str]:
    """Return the value that these words hold, before `scale`, and ""; or None and the reason why there is none.

    A state is given as the number of its word. A float that is no finite number is `not_a_number`, a code by which the
    device says that it has nothing is `not_sent`, as is a counter of ones alone (taken at its word, the next reading
    would be a rollover and four thousand million used), a state's number without a word `out_of_range`.
    """
    if len(words) != register.count:
        raise ValueError(f"{register.name}: {len(words)} words instead of {register.count}")
    if register.type == "bool":
        return int(bool(words[0])), ""
    data = _bytes(register, words)
    if register.type == "string":
        return data.split(b"\0", 1)[0].decode("latin-1").strip(), ""
    if register.missing and int.from_bytes(data, "big") in register.missing:
        return None, "not_sent"
    if register.kind == "counter" and min(data) == 0xFF:  # of a device that has not heard its meter yet
        return None, "not_sent"
    number = struct.unpack(">" + _CODES[register.type], data)[0]
    if register.type == "bits":
        number = number >> register.bit & (1 << register.width) - 1
    if isinstance(number, float):
        if not math.isfinite(number):
            return None, "not_a_number"
        if register.type == "float32":
            number = float(f"{number:.{FLOAT32_DIGITS}g}")
    if register.kind == "state" and register.codes:
        return (register.codes.index(number), "") if number in register.codes else (None, "out_of_range")
    return number, ""


def words_of(register: Register, value: Value) -> list[int]:
    """Return the words that a device sends for a raw value: `value_of` the other way round. Raises struct.error."""
    if register.type == "bool":
        return [int(bool(value))]
    if register.type == "string":
        data = str(value).encode("latin-1")[: 2 * register.count].ljust(2 * register.count, b"\0")
    else:
        number = register.codes[int(value)] if register.kind == "state" and register.codes else value
        if register.type == "bits":
            number = int(number) << register.bit
        data = struct.pack(">" + _CODES[register.type], number)
    words = list(struct.unpack(f"{'>' if register.byte_order == 'big' else '<'}{len(data) // 2}H", data))
    return words[::-1] if register.word_order == "little" else words


def _bytes(register: Register, words: Sequence[int]) -> bytes:
    """Return the octets of these words in the order that a big-endian reader takes."""
    ordered = words[::-1] if register.word_order == "little" else words
    return struct.pack(f"{'>' if register.byte_order == 'big' else '<'}{len(ordered)}H", *ordered)


def plan(
    registers: Iterable[Register],
    *,
    most: int = MOST_REGISTERS,
    gap: int = 0,
    cuts: Collection[tuple[Table, int]] = (),
) -> list[Block]:
    """Return the fewest requests for these registers: neighbours share one, also over `gap` words nobody asked for.

    `most` words are read at once; no request reads on into an address that stands in `cuts`.

    >>> plan([Register("a", 0, count=2), Register("b", 6, count=2)], gap=8)
    [Block(table='holding', start=0, length=8)]
    """
    blocks: list[Block] = []
    for register in sorted(registers, key=lambda one: (one.table, one.address, one.end)):
        is_bit = register.table in BIT_TABLES
        bound, bridge = (MOST_BITS, 16 * gap) if is_bit else (most, gap)
        last = blocks[-1] if blocks else None
        if last is not None and last.table == register.table:
            end = last.start + last.length
            together = max(end, register.end) - last.start
            is_cut = (register.table, register.address) in cuts and register.address >= end
            if register.address <= end + bridge and together <= bound and not is_cut:
                blocks[-1] = Block(last.table, last.start, together)
                continue
        blocks.append(Block(register.table, register.address, register.count))
    return blocks


def cuts_for(block: Block, registers: Iterable[Register]) -> set[tuple[Table, int]]:
    """Return where to cut a request that was refused: at its gaps first, else before each of its registers.

    Empty when it asks for one register only: then it is that one which the device does not have.
    """
    inside = sorted(filter(block.holds, registers), key=lambda one: one.address)
    gaps, each = set(), set()
    end = block.start
    for register in inside:
        if register.address > end:
            gaps.add((block.table, register.address))
        if register.address >= end and register.address > block.start:
            each.add((block.table, register.address))
        end = max(end, register.end)
    return gaps or each
