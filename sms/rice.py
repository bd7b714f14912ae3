"""Rice codes: what is off, in a number of unary bits and k raw ones; k is chosen for each channel of a message.

Needs no prior, so that it can always be read. Standard library only, integers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sms.bits import BitReader, BitWriter
from sms.lean import ANCHOR, Lean, Token
from sms.wire import WireError

K_BITS: Final = 4
K_MAX: Final = 2**K_BITS - 1
ESCAPE: Final = 12
"""So many ones are followed by no zero: 6 bits of length and that many bits."""
LENGTH_BITS: Final = 6
OFF_BITS: Final = 34
"""Of the farthest that a folded value can be off."""
LEVEL_BITS: Final = 5
"""Of the length of an anchor that is no index."""


def folded(off: int) -> int:
    """Return 0, 1, 2, 3, 4 … for 0, −1, 1, −2, 2 …."""
    return off << 1 if off >= 0 else (-off << 1) - 1


def unfolded(number: int) -> int:
    """Return what was folded."""
    return -(number + 1 >> 1) if number & 1 else number >> 1


def put_presence(out: BitWriter, there: Sequence[int], count: int) -> None:
    """Write which intervals have a value; `there` by channel: one bit an interval, the first the highest."""
    whole = (1 << count) - 1
    if all(bits == whole for bits in there):
        out.put(1, 1)
        return
    out.put(0, 1)
    for bits in there:
        out.put(bits == whole, 1)
        if bits != whole:
            out.put(bits, count)


def take_presence(bits: BitReader, channels: int, count: int) -> list[int]:
    """Return which intervals have a value, by channel."""
    whole = (1 << count) - 1
    if bits.take(1):
        return [whole] * channels
    return [whole if bits.take(1) else bits.take(count) for _ in range(channels)]


def put_channel(out: BitWriter, lean: Lean, tokens: Sequence[Token], anchor_bits: int) -> None:
    """Write a channel's values; `anchor_bits` of an index."""
    k = -1  # not yet said: it stands before the first value that is no anchor
    for token in tokens:
        if token.kind != ANCHOR:
            if k < 0:
                numbers = [_number(lean, token) for token in tokens if token.kind != ANCHOR]
                k = best_k([number for number in numbers if number >= 0])
                out.put(k, K_BITS)
            _put_rice(out, _number(lean, token), token.off, k)
        elif lean.is_index:
            out.put(token.off, anchor_bits)
        else:
            length = abs(token.off).bit_length()
            out.put(length, LEVEL_BITS)
            if length:
                out.put(token.off < 0, 1)
                out.put(abs(token.off), length - 1)


def _number(lean: Lean, token: Token) -> int:
    """Return what Rice codes; negative: only an escape can say it."""
    return token.off if lean.is_whole[token.kind] else folded(token.off)


def best_k(numbers: Sequence[int]) -> int:
    """Return the k that takes the fewest bits, the smallest of several."""
    if not numbers:
        return 0
    near = max((sum(numbers) // len(numbers)).bit_length() - 2, 0)
    return min(range(near, min(near + 4, K_MAX + 1)), key=lambda k: rice_bits(numbers, k), default=K_MAX)


def rice_bits(numbers: Sequence[int], k: int) -> int:
    """Return how many bits the numbers take."""
    return sum((number >> k) + 1 + k if number >> k < ESCAPE else 60 for number in numbers)


def _put_rice(out: BitWriter, number: int, off: int, k: int) -> None:
    ones = number >> k
    if 0 <= ones < ESCAPE:
        out.put((1 << ones + 1) - 2, ones + 1)
        out.put(number, k)
        return
    number = folded(off)
    length = number.bit_length()
    out.put((1 << ESCAPE) - 1, ESCAPE)
    out.put(length, LENGTH_BITS)
    out.put(number, length)


class ChannelReader:
    """Gives the values of one channel back, one after the other."""

    __slots__ = ("_anchor_bits", "_bits", "_k", "_lean")

    def __init__(self, bits: BitReader, lean: Lean, anchor_bits: int) -> None:
        self._bits = bits
        self._lean = lean
        self._anchor_bits = anchor_bits
        self._k = -1

    def take(self, kind: int) -> int:
        """Return how far the next value is off, an anchor itself. Raises WireError for what no encoder writes."""
        bits = self._bits
        if kind != ANCHOR:
            return self._rice(kind)
        if self._lean.is_index:
            return bits.take(self._anchor_bits)
        length = bits.take(LEVEL_BITS)
        if not length:
            return 0
        is_negative = bits.take(1)
        size = 1 << length - 1 | bits.take(length - 1)
        return -size if is_negative else size

    def _rice(self, kind: int) -> int:
        bits = self._bits
        if self._k < 0:
            self._k = bits.take(K_BITS)
        ones = 0
        while ones < ESCAPE and bits.take(1):
            ones += 1
        if ones == ESCAPE:
            length = bits.take(LENGTH_BITS)
            if length > OFF_BITS:
                raise WireError(f"a value is off by {length} bits: {OFF_BITS} it may be")
            return unfolded(bits.take(length))
        number = ones << self._k | bits.take(self._k)
        return number if self._lean.is_whole[kind] else unfolded(number)
