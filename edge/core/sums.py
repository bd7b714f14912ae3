"""Sums that lose nothing: what moved as whole numbers of 10⁻⁹ of a unit, and how long and how well it is known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from hal.sample import BAD, UNCERTAIN, Quality

PLACES: Final = 9
NANO: Final = 10**PLACES
EXACT_BELOW: Final = 1e6  # a binary fraction times 10⁹ is the right whole number up to here


def nano_of(value: float) -> int:
    """Return a number of a record in 10⁻⁹.

    >>> nano_of(0.1), nano_of(1e300) == 10**309
    (100000000, True)
    """
    return round(value * NANO) if abs(value) < EXACT_BELOW else int(Decimal(repr(value)).scaleb(PLACES))


def decimal_of(nano: int) -> Decimal:
    """Return 10⁻⁹ as a decimal number without digits that say nothing.

    >>> decimal_of(1_500_000_000), decimal_of(20 * NANO), decimal_of(0)
    (Decimal('1.5'), Decimal('20'), Decimal('0'))
    """
    whole, rest = divmod(abs(nano), NANO)
    text = f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
    return Decimal(f"-{text}" if nano < 0 else text)


def nano_of_text(text: str) -> int:
    """Return what `decimal_of` gave as a text. Raises ValueError for another one.

    >>> nano_of_text("-1.5")
    -1500000000
    """
    whole, _, rest = text.partition(".")
    if len(rest) > PLACES:
        raise ValueError(f"more than nine digits: {text:.40}")
    return int(whole + rest.ljust(PLACES, "0"))


class Sum:
    """What some records say: what moved (10⁻⁹; None: none of them had a value), and how long, how well it is known."""

    __slots__ = ("bad_ms", "covered_ms", "moved", "uncertain_ms")

    def __init__(self, moved: int | None = None, covered_ms: int = 0, uncertain_ms: int = 0, bad_ms: int = 0) -> None:
        self.moved = moved
        self.covered_ms = covered_ms
        self.uncertain_ms = uncertain_ms
        """Of the time covered."""
        self.bad_ms = bad_ms

    def add(self, moved: int | None, length_ms: int, quality: Quality) -> None:
        """Take in a record."""
        if moved is not None:
            self.moved = moved if self.moved is None else self.moved + moved
        if quality == BAD:
            self.bad_ms += length_ms
            return
        self.covered_ms += length_ms
        if quality == UNCERTAIN:
            self.uncertain_ms += length_ms

    def join(self, other: Sum) -> None:
        """Take in another sum."""
        if other.moved is not None:
            self.moved = other.moved if self.moved is None else self.moved + other.moved
        self.covered_ms += other.covered_ms
        self.uncertain_ms += other.uncertain_ms
        self.bad_ms += other.bad_ms

    def saved(self) -> list[Any]:
        """Return it as plain values, for `Sum.of`."""
        moved = None if self.moved is None else f"{decimal_of(self.moved):f}"
        found = [moved, self.covered_ms, self.uncertain_ms, self.bad_ms]
        while len(found) > 1 and not found[-1]:
            found.pop()
        return found

    @classmethod
    def of(cls, saved: list[Any]) -> Sum:
        """Return the sum that was saved. Raises ValueError for something else."""
        moved, *times = saved
        if not all(isinstance(ms, int) for ms in times) or not (moved is None or isinstance(moved, str)):
            raise ValueError(f"no sum: {saved!r:.80}")
        return cls(None if moved is None else nano_of_text(moved), *times)


class Total(msgspec.Struct, frozen=True):
    """What a counter moved in the local period [begin_ms, end_ms[ (UTC ms), and how well that is known.

    `until_ms`: up to where records were due; of that time, what is neither covered nor bad has no record at all.
    """

    begin_ms: int
    end_ms: int
    until_ms: int
    moved: Decimal
    covered_ms: int
    uncertain_ms: int
    bad_ms: int

    @property
    def completeness(self) -> float:
        """The share of the time so far that has a value, 0 to 1."""
        due_ms = self.until_ms - self.begin_ms
        return min(1.0, self.covered_ms / due_ms) if due_ms > 0 else 1.0
