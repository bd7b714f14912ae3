"""The contexts of adaptive coding: which earlier values make a bit of the next one likely.

A value that is off by n: the length of |n| in unary under (channel, kind, length of the last one, length of what the
channel that it leans on is off by at the same instant), the two bits below the highest under the length, the others
raw, its sign under the last sign. Standard library only, whole numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sms.arith import Coder
from sms.lean import ANCHOR, Lean

LENGTH_MOST: Final = 34
NONE: Final = 63
"""Where there is no last value, or the other channel has none."""
TOP: Final = 2
"""Bits below the highest that have a context."""
# the number of a context: channel 7 bits, kind 2, family 2, then what is said below
KIND_AT: Final = 20
CHANNEL_AT: Final = 22
LENGTH: Final = 0 << 18
"""Last length 6 bits, other's length 6 bits, place in unary 6 bits."""
SIGN: Final = 1 << 18
"""0: the last one was 0, or there is none; 1: above; 2: below."""
MANTISSA: Final = 2 << 18
"""Length 6 bits, the bits from the highest on 3 bits."""
ROOT: Final = 3 << 18
"""Place in unary: the length whatever the others."""
PRESENCE: Final = 64 << CHANNEL_AT
"""0: all is there; 1: a channel is whole; 4 + the last bit + twice that of the channel before at this interval."""
KEY_MAX: Final = 65 << CHANNEL_AT


class Track:
    """A channel on its way through a message."""

    def __init__(self, number: int, lean: Lean, other: Track | None) -> None:
        self._channel = number << CHANNEL_AT
        self._is_index = lean.is_index
        self._others = other.lengths if other else {}
        self.lengths: dict[int, int] = {}
        """By interval: of what its value was off by."""
        self._last = NONE
        self._sign = 0

    def code(self, coder: Coder, at: int, kind: int, off: int, anchor_bits: int) -> int:
        """Code how far the value of an interval is off, an anchor itself; return it."""
        if kind == ANCHOR and self._is_index:
            return coder.raw(anchor_bits, off)
        context = self._channel | kind << KIND_AT
        last, other, sign = NONE, NONE, 0
        if kind != ANCHOR:
            last, other, sign = self._last, self._others.get(at, NONE), self._sign
        size, length = self._size(coder, context, last << 12 | other << 6, abs(off))
        is_below = bool(length and coder.bit(context | SIGN | sign, -1, int(off < 0)))
        self.lengths[at] = length
        if kind != ANCHOR:
            self._last = length
            self._sign = 0 if not length else 2 if is_below else 1
        return -size if is_below else size

    @staticmethod
    def _size(coder: Coder, context: int, near: int, size: int) -> tuple[int, int]:
        wanted = size.bit_length()
        key, root = context | LENGTH | near, context | ROOT
        length = 0
        while length < LENGTH_MOST and coder.bit(key | length, root | length, int(length < wanted)):
            length += 1
        if length < 2:
            return length, length
        key = context | MANTISSA | length << 3
        rest = length - 1
        found = 1
        for _ in range(min(rest, TOP)):
            rest -= 1
            found = found << 1 | coder.bit(key | found, -1, size >> rest & 1)
        return found << rest | coder.raw(rest, size & (1 << rest) - 1), length


def tracks_of(lean_by: Sequence[Lean]) -> list[Track]:
    """Return the tracks of all channels at the beginning of a message."""
    tracks: list[Track] = []
    for number, lean in enumerate(lean_by):
        tracks.append(Track(number, lean, tracks[lean.ref] if lean.ref >= 0 else None))
    return tracks


def code_presence(coder: Coder, there: Sequence[int], count: int) -> list[int]:
    """Code which intervals have a value, by channel one bit an interval, the first the highest; return it."""
    whole = (1 << count) - 1
    if coder.bit(PRESENCE, -1, int(all(bits == whole for bits in there))):
        return [whole] * len(there)
    found = []
    row = whole
    for bits in there:
        before = row
        if coder.bit(PRESENCE | 1, -1, int(bits == whole)):
            row = whole
        else:
            row, last = 0, 1
            for place in range(count - 1, -1, -1):
                last = coder.bit(PRESENCE | 4 | last | (before >> place & 1) << 1, -1, bits >> place & 1)
                row = row << 1 | last
        found.append(row)
    return found
