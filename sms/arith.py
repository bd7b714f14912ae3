"""Binary arithmetic coding: an interval of 32-bit whole numbers that each bit narrows by how likely it was.

A range coder with carry: `range` is kept at 2**24 and above by shifting out octets; a bit of which there were n0 zeros
and n1 ones splits it at range // (n0 + n1) * n0. Whole numbers only, so that every CPU gives the same octets. The first
bit of the octets is plain (the interval begins as 2**31 behind it). Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from sms.wire import BODY, WireError

BEGIN: Final = 2**31
BOTTOM: Final = 2**24
RAW_MOST: Final = 16
"""Bits that are as likely as not, taken at once."""
FLAT: Final = (8, 8)
"""Counts of what nothing is known about."""
READ_MOST: Final = BODY + 8
"""Octets that a reader looks at, those behind the end included."""
SEEN: Final = 20
"""What a bit that was seen counts."""
TOTAL_MOST: Final = 4096

Split = tuple[int, int, int]
"""Zeros, zeros and ones, the bit; of raw bits: 0, their width, the number."""


class Coder(Protocol):
    """Writes, reads or counts bits, so that one function walks all three ways alike."""

    def bit(self, key: int, root: int, wanted: int) -> int:
        """Return the next bit of context `key`; a writer takes `wanted`. `root` stands in for a key never seen."""

    def raw(self, width: int, wanted: int) -> int:
        """Return a number of so many bits, each as likely as not."""


class Counts:
    """How many zeros and ones each context has seen: those of a prior, then those of this message."""

    def __init__(self, start: Mapping[int, tuple[int, int]]) -> None:
        self._start = start
        self._seen: dict[int, list[int]] = {}

    def of(self, key: int, root: int) -> list[int]:
        """Return the two counts of a context, to be raised."""
        found = self._seen.get(key)
        if found is None:
            start = self._start
            found = self._seen[key] = list(start.get(key) or start.get(root) or FLAT)
        return found


def raised(counts: list[int], bit: int) -> None:
    """Count a bit that was seen."""
    counts[bit] += SEEN
    if counts[0] + counts[1] > TOTAL_MOST:
        counts[0] = counts[0] + 1 >> 1
        counts[1] = counts[1] + 1 >> 1


class Recorder:
    """Takes bits and keeps how they split the interval, so that they can be written in another order."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._range = BEGIN
        self.splits: list[Split] = []
        """What was taken since it was last emptied."""
        self.octets = 0
        """About how many octets all that was taken needs."""

    def bit(self, key: int, root: int, wanted: int) -> int:
        """Take a bit."""
        counts = self._counts.of(key, root)
        zeros, both = counts[0], counts[0] + counts[1]
        self.splits.append((zeros, both, wanted))
        self._narrow(self._range // both * (both - zeros if wanted else zeros))
        raised(counts, wanted)
        return wanted

    def raw(self, width: int, wanted: int) -> int:
        """Take a number."""
        for shift in range(0, width, RAW_MOST):
            bits = min(width - shift, RAW_MOST)
            self.splits.append((0, bits, wanted >> shift & (1 << bits) - 1))
            self._narrow(self._range >> bits)
        return wanted

    def _narrow(self, size: int) -> None:
        while size < BOTTOM:
            size <<= 8
            self.octets += 1
        self._range = size


def written(first: int, splits: Iterable[Split]) -> bytes | None:
    """Return the fewest octets that say a plain first bit and these splits; None when a reader would not go so far."""
    low, size, octets = first << 31, BEGIN, 4
    for zeros, both, bit in splits:
        if not zeros:
            size >>= both
            low += size * bit
        else:
            bound = size // both * zeros
            if bit:
                low += bound
                size -= bound
            else:
                size = bound
        while size < BOTTOM:
            size <<= 8
            low <<= 8
            octets += 1
    if octets > READ_MOST:
        return None
    for over in range(32, -8, -8):  # zeros at the end need not be sent: the number in the interval that has the most
        found = -(-low >> over) << over
        if found < low + size:
            break
    return found.to_bytes(octets).rstrip(b"\0")


class Reader:
    """Gives the bits back. Behind its end it reads zeros; `used` is how many octets it has looked at."""

    def __init__(self, octets: bytes, counts: Counts) -> None:
        self._octets = octets
        self._counts = counts
        start = int.from_bytes(octets[:4].ljust(4, b"\0"))
        self.first = start >> 31
        self._code = start & BEGIN - 1
        self._range = BEGIN
        self.used = 4

    def bit(self, key: int, root: int, wanted: int) -> int:
        """Return the next bit."""
        counts = self._counts.of(key, root)
        bound = self._range // (counts[0] + counts[1]) * counts[0]
        bit = int(self._code >= bound)
        if bit:
            self._code -= bound
            bound = self._range - bound
        self._narrow(bound)
        raised(counts, bit)
        return bit

    def raw(self, width: int, wanted: int) -> int:
        """Return the next number."""
        number = 0
        for shift in range(0, width, RAW_MOST):
            bits = min(width - shift, RAW_MOST)
            size = self._range >> bits
            part = self._code // size
            if part >> bits:
                raise WireError("a number of the body lies outside its interval")
            self._code -= part * size
            number |= part << shift
            self._narrow(size)
        return number

    def _narrow(self, size: int) -> None:
        while size < BOTTOM:
            size <<= 8
            octet = self._octets[self.used] if self.used < len(self._octets) else 0
            self._code = self._code << 8 | octet
            self.used += 1
            if self.used > READ_MOST:
                raise WireError(f"the body says more than {READ_MOST} octets can")
        self._range = size
