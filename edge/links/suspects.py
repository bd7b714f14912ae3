"""Batches that were on their way each time the broker hung up: one of them may be what it can't take.

In flight at two disconnects a batch goes alone, at a third it is split. A single entry that had five is parked when it
has one more after the broker took something else: one message that a broker refuses must not hold up all others, none
of the others may be lost for it, and nothing at all for a broker that hangs up on everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

ALONE_FROM: Final = 2
SPLIT_FROM: Final = 3
PARK_FROM: Final = 5  # alone three times: a line that breaks now and then must not cost an entry


class Suspect(msgspec.Struct):
    """A span of seqs that was in flight at `count` disconnects."""

    first: int
    last: int
    count: int = 1
    is_outlier: bool = False
    """Whether the broker took another batch since it last hung up on this one."""

    @property
    def wants_proof(self) -> bool:
        """Whether only the broker's taking something else can tell whose fault it is."""
        return self.first == self.last and self.count >= PARK_FROM and not self.is_outlier

    @property
    def goes_alone(self) -> bool:
        """Whether nothing else may be in flight with it."""
        return self.count >= ALONE_FROM


class Suspects:
    """The suspects of one log, disjoint and in order."""

    def __init__(self) -> None:
        self._spans: dict[int, Suspect] = {}

    def __len__(self) -> int:
        return len(self._spans)

    def accuse(self, spans: Iterable[tuple[int, int]], weight: int = 1) -> list[int]:
        """Count a disconnect against what was in flight; return the seqs that can only be parked."""
        hopeless = []
        for first, last in sorted(spans):
            known = self._spans.get(first)
            if known is None or known.last != last:
                self.clear(first, last)
                self._spans[first] = Suspect(first, last, weight)
                continue
            known.count += weight
            if first == last:
                if known.is_outlier:
                    del self._spans[first]
                    hopeless.append(first)
                continue
            if known.count < SPLIT_FROM:
                continue
            del self._spans[first]
            middle = (first + last) // 2
            self._spans[first] = Suspect(first, middle, ALONE_FROM)
            self._spans[middle + 1] = Suspect(middle + 1, last, ALONE_FROM)
        return hopeless

    def took_another(self) -> None:
        """Take note that the broker is one that takes batches: what it hangs up on next is itself to blame."""
        for span in self._spans.values():
            span.is_outlier = span.wants_proof or span.is_outlier

    def at(self, seq: int) -> Suspect | None:
        """Return the suspect that begins at `seq`."""
        return self._spans.get(seq)

    def end_before(self, seq: int, end: int) -> int:
        """Return where a batch that begins at `seq` must end so that a later suspect keeps its span."""
        return min((first - 1 for first in self._spans if seq < first <= end), default=end)

    def clear(self, first: int, last: int) -> None:
        """Forget the suspects that touch first..last: the broker took them."""
        for start in [span.first for span in self._spans.values() if span.first <= last and span.last >= first]:
            del self._spans[start]

    def clear_up_to(self, seq: int) -> None:
        """Forget what is acknowledged."""
        for span in [span for span in self._spans.values() if span.first <= seq]:
            del self._spans[span.first]
            if span.last > seq:
                self._spans[seq + 1] = Suspect(seq + 1, span.last, span.count)
