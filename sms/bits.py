"""Bits to octets and back: most significant bit first, zeros at the end left out.

A reader that comes to the end of the octets goes on with zeros, as they were left out; how far it went is `used`.
Standard library only.
"""

from __future__ import annotations


class BitWriter:
    """Takes numbers of so many bits each."""

    __slots__ = ("_number", "bits")

    def __init__(self) -> None:
        self._number = 0
        self.bits = 0

    def put(self, number: int, width: int) -> None:
        """Take the `width` low bits of a number that is not negative."""
        self._number = self._number << width | number & (1 << width) - 1
        self.bits += width

    def octets(self) -> bytes:
        """Return the whole, filled up with zero bits, without the zero octets at its end."""
        length = (self.bits + 7) // 8
        return (self._number << length * 8 - self.bits).to_bytes(length).rstrip(b"\0")


class BitReader:
    """Gives numbers of so many bits each."""

    __slots__ = ("_at", "_length", "_number")

    def __init__(self, octets: bytes) -> None:
        self._number = int.from_bytes(octets)
        self._length = len(octets) * 8
        self._at = 0

    def take(self, width: int) -> int:
        """Return the next `width` bits as a number."""
        self._at += width
        left = self._length - self._at
        if left <= -width:
            return 0
        return (self._number >> left if left >= 0 else self._number << -left) & (1 << width) - 1

    @property
    def used(self) -> int:
        """How many octets were begun."""
        return (self._at + 7) // 8
