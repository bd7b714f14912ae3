"""What history has taken from the log and not yet put into its file, in slices, in RAM; what follows it in the log.

The last minutes of the log are not taken yet: an answer reads them there.
"""

from __future__ import annotations

import threading
from typing import Final

from edge.core.clock import Dating
from edge.core.series import HistoryRecord
from edge.store.history_blocks import BlockPacker
from edge.store.history_gather import READ, Gathering, RecordLog
from edge.store.history_slices import Part, Slice, dated, packed_part

MERGED: Final = 10  # slices that are packed anew together
FULL: Final = 200  # records in a part, in the mean, from which on packing it anew would save next to nothing


class Head:
    """The slices after the file's cursor. Any thread may call."""

    def __init__(self, log: RecordLog, dating: Dating) -> None:
        self.undated_boot: int | None = None
        """The start whose clock entry is missing, while it holds up everything after it."""
        self.octets = 0
        """What the slices take in RAM, about."""
        self._log = log
        self.dating = dating
        self._lock = threading.Lock()
        self._consuming = threading.Lock()
        self._slices: tuple[Slice, ...] = ()
        self._end = 0
        self._frozen = 0
        self._merging = (0, 0)
        self._merged: dict[str, Part] = {}
        self._gathering: Gathering | None = None
        self._packer = BlockPacker()

    def reset(self, cursor: int) -> None:
        """Begin anew after the file's cursor."""
        with self._consuming, self._lock:
            self._slices, self._end, self.octets = (), cursor, 0
            self._gathering = None

    @property
    def slices(self) -> tuple[Slice, ...]:
        """All slices, oldest first."""
        return self._slices

    @property
    def end(self) -> int:
        """The last seq that was taken."""
        return self._end

    def freeze(self, last: int) -> None:
        """Leave the slices up to this seq as they are: they are being written."""
        with self._consuming:
            self._frozen = last
            self._merging, self._merged = (0, 0), {}

    def drop(self, last: int) -> None:
        """Forget the slices up to this seq: they are in the file."""
        with self._lock:
            self._slices = tuple(kept for kept in self._slices if kept.last > last)
            self.octets = sum(kept.octets for kept in self._slices)

    def view(self) -> tuple[tuple[Slice, ...], int]:
        """Return the slices and the last seq taken, as they belong together."""
        with self._lock:
            return self._slices, self._end

    def consume(self) -> bool:
        """Take some more of the log, or pack some of what was taken; return whether there was anything to do.

        There is nothing when the log has no more, or it is undated. Raises StoreError.
        """
        with self._consuming:
            made = self._gathering or Gathering(self._log, self.dating, self._end + 1)
            if not made.is_read:
                self._gathering = None  # when the card can't be read
                is_read = made.read()
                if is_read:
                    self.undated_boot = made.undated_boot
                    if not made.taken and made.gap is None:
                        return False
                self._gathering = made
                return True
            packed = made.pack(self._packer)
            if packed is not None:
                self._gathering = None
                self._add(packed)
            return True

    def take(self) -> bool:
        """Take the next slice as a whole; return whether there was one. Raises StoreError."""
        end = self._end
        while self._end == end:
            if not self.consume():
                return False
        return True

    def _add(self, made: Slice) -> Slice:
        with self._lock:
            self._slices = (*self._slices, made)
            self._end = made.last
            self.octets += made.octets
        return made

    def merge(self, points: int) -> bool:
        """Pack the newest slices together, so many points a call; return whether there was anything to do."""
        with self._consuming:
            newest = self._slices[-MERGED:]
            if not self._is_mergeable(newest):
                return False
            span = (newest[0].first, newest[-1].last)
            if self._merging != span:
                self._merging, self._merged = span, {}
            names = [
                name for name in dict.fromkeys(n for part in newest for n in part.parts) if name not in self._merged
            ]
            for name in names[:points]:
                pieces = [part.parts[name].columns() for part in newest if name in part.parts]
                self._merged[name] = packed_part(self._packer, name, newest[0].hour, pieces)
            if len(names) <= points:
                self._replace(newest, self._merged)
                self._merging, self._merged = (0, 0), {}
            return True

    def _is_mergeable(self, newest: tuple[Slice, ...]) -> bool:
        first = newest[0] if newest else None
        return (
            first is not None
            and len(newest) == MERGED
            and first.first > self._frozen
            and all(
                part.gap is None and not part.is_merged and (part.boot, part.hour) == (first.boot, first.hour)
                for part in newest
            )
            and newest[-1].last + 1 - first.first < FULL * sum(len(part.parts) for part in newest)
        )

    def _replace(self, newest: tuple[Slice, ...], parts: dict[str, Part]) -> None:
        first, last = newest[0], newest[-1]
        end_ms = max(part.end_ms for part in newest if part.end_ms is not None)
        merged = Slice(first.first, last.last, last.boot, last.hour, end_ms, parts, is_merged=True)
        with self._lock:
            self._slices = (*self._slices[:-MERGED], merged)
            self.octets = sum(kept.octets for kept in self._slices)

    def tail(self, first: int, most: int, point: str = "") -> dict[str, list[HistoryRecord]]:
        """Return the dated records of the log from `first` on, by point; of one point when it is named.

        Looks at no more than `most` entries. Raises StoreError.
        """
        found: dict[str, list[HistoryRecord]] = {}
        end = min(self._log.next_seq(), first + most)
        while first < end:
            chunk = self._log.read(first, min(READ, end - first))
            if chunk.gap is not None:
                first = chunk.gap.last + 1
                continue
            if not chunk.entries or self.dating.entry(chunk.boot, 0) is None:
                break
            own = [entry for entry in chunk.entries if entry.point == point] if point else chunk.entries
            for entry, record in zip(own, dated(own, chunk.boot, self.dating) or [], strict=False):
                found.setdefault(entry.point, []).append(record)
            first += len(chunk.entries)
        return found
