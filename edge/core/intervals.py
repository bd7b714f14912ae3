"""Sets of sequence numbers as disjoint ranges, both ends included."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator


class Intervals:
    """A set of integers kept as sorted ranges that neither overlap nor touch.

    >>> held = Intervals([(1, 3), (7, 9)])
    >>> held.add(4, 5)
    >>> list(held), held.first_free(1), list(held.missing(1, 10))
    ([(1, 5), (7, 9)], 6, [(6, 6), (10, 10)])
    """

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def __contains__(self, number: int) -> bool:
        place = bisect.bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]

    def __len__(self) -> int:
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def add(self, first: int, last: int) -> None:
        """Put first..last in; nothing when first > last."""
        if first > last:
            return
        low = bisect.bisect_left(self._lasts, first - 1)
        high = bisect.bisect_right(self._firsts, last + 1)
        if low < high:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]

    def remove(self, first: int, last: int) -> None:
        """Take first..last out."""
        if first > last:
            return
        low = bisect.bisect_left(self._lasts, first)
        high = bisect.bisect_right(self._firsts, last)
        rest = []
        if low < high:
            if self._firsts[low] < first:
                rest.append((self._firsts[low], first - 1))
            if self._lasts[high - 1] > last:
                rest.append((last + 1, self._lasts[high - 1]))
        self._firsts[low:high] = [begin for begin, _ in rest]
        self._lasts[low:high] = [end for _, end in rest]

    def first_free(self, start: int) -> int:
        """Return the smallest number >= start that is not in the set."""
        place = bisect.bisect_right(self._firsts, start) - 1
        return self._lasts[place] + 1 if place >= 0 and start <= self._lasts[place] else start

    def missing(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Return the ranges of first..last that are not in the set."""
        start = first
        for place in range(bisect.bisect_left(self._lasts, first), len(self._firsts)):
            if self._firsts[place] > last:
                break
            if self._firsts[place] > start:
                yield start, self._firsts[place] - 1
            start = self._lasts[place] + 1
        if start <= last:
            yield start, last

    def next_start(self, start: int) -> int | None:
        """Return where the first range at or after start begins, or None."""
        place = bisect.bisect_left(self._firsts, start)
        return self._firsts[place] if place < len(self._firsts) else None

    def end(self) -> int:
        """Return the largest number in the set; 0 when it is empty."""
        return self._lasts[-1] if self._lasts else 0
