"""Whole numbers in octets: fixed widths, most significant first, and LEB128 varints, read within bounds.

Standard library only.
"""

from __future__ import annotations

from sms.wire import WireError

_SEVENS = 5
"""Octets of the longest varint: 35 bits."""


def varint(number: int) -> bytes:
    """Return a number in groups of 7 bits, the least significant first; the highest bit says that more follow.

    >>> varint(300).hex()
    'ac02'
    """
    octets = bytearray()
    while number >= 0x80:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


class Octets:
    """Gives numbers from octets. Raises WireError at their end."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    @property
    def left(self) -> int:
        """How many octets have not been read."""
        return len(self._octets) - self._at

    def number(self, width: int) -> int:
        """Return the number in the next `width` octets."""
        if self.left < width:
            raise WireError(f"the body ends where {width} more octets should be")
        self._at += width
        return int.from_bytes(self._octets[self._at - width : self._at])

    def varint(self) -> int:
        """Return the next varint."""
        number = 0
        for shift in range(_SEVENS):
            octet = self.number(1)
            number |= (octet & 0x7F) << 7 * shift
            if octet < 0x80:
                return number
        raise WireError(f"a number of more than {_SEVENS} octets")
