"""Reading a log while it is written: from a seq to its entries, without an index of frames, in nobody's way.

The writer publishes a `View` after each flush; a reader works on the view it took. When the ring has meanwhile
overwritten a segment of that view, its frames no longer pass their CRC, and the reader starts again with the new view.
"""

from __future__ import annotations

import bisect
import errno
import threading
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

import msgspec

from edge.core.ports import Chunk, Gap
from edge.core.types import Event, Record
from edge.store import frame
from edge.store.fs import File, Fs, StoreError
from edge.store.ring import Segment
from edge.store.segment import Found, body, frames

Entry = TypeVar("Entry", bound=Record | Event)
Wanted = TypeVar("Wanted")
DROPPED: Final = "dropped"
DAMAGED: Final = "damaged"
HINTS: Final = 16  # places of frames that come next for some reader
CACHED: Final = 2  # frames whose entries are kept while readers are in the middle of them
TRIES: Final = 5


class View(msgspec.Struct, frozen=True):
    """What is durable at one instant: segments, the next seq, and where the frames of the last segment end."""

    segments: tuple[Segment, ...] = ()
    next_seq: int = 1
    tail: int = 0

    @property
    def first_seq(self) -> int:
        """The oldest seq that is held."""
        return self.segments[0].base if self.segments else self.next_seq

    def segment_of(self, seq: int) -> Segment:
        """Return the segment in whose range a seq lies that is held."""
        return self.segments[bisect.bisect_right(self.segments, seq, key=lambda segment: segment.base) - 1]


class Unpacked(msgspec.Struct, Generic[Entry], frozen=True):
    """A frame's entries."""

    first: int
    boot: int
    entries: list[Entry]


class Whole(msgspec.Struct, frozen=True):
    """A frame's entries as octets."""

    first: int
    last: int
    boot: int
    octets: bytes


class OvertakenError(Exception):
    """The ring overwrote what was being read."""


class FrameReader(Generic[Entry]):
    """Gives the entries of one log. `view` is set by the log, holding `lock`; any thread may read."""

    def __init__(self, fs: Fs, stream: str, unpack: Callable[[bytes], list[Entry]]) -> None:
        self.view = View()
        self.lock = threading.Lock()
        self.unpacked_frames = 0
        self._tell_damage: Callable[[str, Gap], None] | None = None
        self._untold: list[tuple[str, Gap]] = []
        self._told: set[int] = set()
        self._fs = fs
        self._stream = stream
        self._unpack = unpack
        self._memory = threading.Lock()
        self._hints: dict[int, tuple[int, int]] = {}
        self._cache: list[Unpacked[Entry]] = []

    def read(self, seq: int, limit: int) -> Chunk[Entry]:
        """See edge.core.ports.Reader. Raises StoreError when the card can't be read."""
        if seq < 1 or limit < 1:
            raise ValueError(f"read({seq}, {limit}): both count from 1")
        return self._trying(seq, lambda view: self._read(view, seq, limit))

    def whole(self, seq: int) -> Whole | None:
        """Return the frame that holds `seq`, None when there is none or it is damaged.

        Raises StoreError when the card can't be read.
        """

        def found(view: View) -> Whole | None:
            if not view.first_seq <= seq < view.next_seq:
                return None
            whole = self._frame_at(view, seq)
            return None if isinstance(whole, Gap) else whole

        return self._trying(seq, found)

    def _trying(self, seq: int, wanted: Callable[[View], Wanted]) -> Wanted:
        """Return what is wanted of the view; of the next one when the ring took a segment of this one away."""
        view = self.view
        for _ in range(TRIES):
            try:
                return wanted(view)
            except (OvertakenError, FileNotFoundError):
                with self.lock:  # the writer renames a segment and publishes the view in one go
                    view = self.view
            except StoreError:
                raise
            except OSError as exc:
                raise StoreError(exc.errno, f"the log can't be read: {exc.strerror}") from exc
        raise StoreError(errno.EAGAIN, f"seq {seq} can't be read: its segment has gone")

    def _read(self, view: View, seq: int, limit: int) -> Chunk[Entry]:
        if seq >= view.next_seq:
            return Chunk(seq)
        if seq < view.first_seq:
            return Chunk(seq, gap=Gap(seq, view.first_seq - 1, DROPPED))
        found = self._frame_with(view, seq)
        if isinstance(found, Gap):
            self._tell(view, found)
            return Chunk(seq, gap=found)
        entries = self._slice(found, seq, limit)
        at = seq + len(entries)
        while len(entries) < limit and at < view.next_seq:  # small frames: fill the chunk up from those that follow
            more = self._frame_with(view, at)
            if isinstance(more, Gap) or more.boot != found.boot:
                break
            entries += self._slice(more, at, limit - len(entries))
            at = seq + len(entries)
        return Chunk(seq, found.boot, entries)

    def tell_not(self, lasts: Iterable[int]) -> None:
        """Take these gaps, by their last seq, as told."""
        self._told.update(lasts)

    def tell_damage_to(self, told: Callable[[str, Gap], None]) -> None:
        """Call this, on the reader's thread, once for each gap of damaged entries; now for those found before."""
        with self._memory:
            self._tell_damage, untold, self._untold = told, self._untold, []
        for path, gap in untold:
            told(path, gap)

    def _tell(self, view: View, gap: Gap) -> None:
        """Say a gap once, whoever comes upon it first, and however far into it."""
        with self._memory:
            if gap.last in self._told:
                return
            self._told.add(gap.last)
            path, tell = view.segment_of(gap.first).path, self._tell_damage
            if tell is None:
                self._untold.append((path, gap))
        if tell is not None:
            tell(path, gap)

    def _slice(self, found: Unpacked[Entry], seq: int, limit: int) -> list[Entry]:
        begin = seq - found.first
        end = min(begin + limit, len(found.entries))
        with self._memory:
            held = [kept for kept in self._cache if kept is not found]
            if end < len(found.entries):  # read to its end, it is not wanted again
                held = [*held[1 - CACHED :], found] if len(held) >= CACHED else [*held, found]
            self._cache = held
        return found.entries[begin:end]

    # -- from a seq to its frame

    def _frame_with(self, view: View, seq: int) -> Unpacked[Entry] | Gap:
        """Return the frame that holds `seq`, or the gap that begins there."""
        for kept in self._cache:
            if kept.first <= seq < kept.first + len(kept.entries):
                return kept
        found = self._frame_at(view, seq)
        if isinstance(found, Gap):
            return found
        self.unpacked_frames += 1
        return Unpacked(found.first, found.boot, self._unpack(found.octets))

    def _frame_at(self, view: View, seq: int) -> Whole | Gap:
        number = bisect.bisect_right(view.segments, seq, key=lambda segment: segment.base) - 1
        segment = view.segments[number]
        is_last = number == len(view.segments) - 1
        last = view.next_seq - 1 if is_last else view.segments[number + 1].base - 1
        file = self._fs.open(segment.path)
        try:
            return self._search(view, file, segment, seq, last, view.tail if is_last else file.size())
        finally:
            file.close()

    def _search(self, view: View, file: File, segment: Segment, seq: int, last: int, end: int) -> Whole | Gap:
        crc_seed = frame.seed(self._stream, segment.base)
        hints = self._hints
        near = max((known for known in hints if known <= seq and hints[known][0] == segment.base), default=0)
        found = None
        for found in frames(file, crc_seed, hints[near][1] if near else 0, end):
            if found.head.last >= seq:
                break
        else:
            found = None
        if found is None or found.head.first > seq:
            self._check_present(view, segment)
            return Gap(seq, last if found is None else min(found.head.first - 1, last), DAMAGED)
        octets = self._octets(file, crc_seed, found, end)
        if octets is None:
            self._check_present(view, segment)
            return Gap(seq, found.head.last, DAMAGED)
        self._hint(found, segment)
        return Whole(found.head.first, found.head.last, found.head.boot, octets)

    def _check_present(self, view: View, segment: Segment) -> None:
        """Raise OvertakenError when the ring took the segment away since the view was published."""
        with self.lock:
            if self.view is not view and segment not in self.view.segments:
                raise OvertakenError

    def _octets(self, file: File, crc_seed: int, found: Found, end: int) -> bytes | None:
        """Return the frame's entries, None when they are damaged: they can't be read, what stands after them can."""
        try:
            parts = body(file, crc_seed, found)
        except OSError as exc:
            if exc.errno != errno.EIO or found.end >= end:
                raise
            file.pread(1, found.end)  # raises too when it is the card
            return None
        return None if parts is None else parts[1]

    def _hint(self, found: Found, segment: Segment) -> None:
        """Remember where this frame and the next one stand, for whoever reads it again or reads on."""
        with self._memory:
            hints = dict(list(self._hints.items())[2 - HINTS :])
            hints[found.head.first] = (segment.base, found.offset)
            hints[found.head.last + 1] = (segment.base, found.end)
            self._hints = hints


class Held(Generic[Entry]):
    """The reading side that every log has, running or at rest: see edge.core.ports.Reader."""

    _reader: FrameReader[Entry]

    def first_seq(self) -> int:
        """Return the oldest seq still held."""
        return self._reader.view.first_seq

    def next_seq(self) -> int:
        """Return the seq that the next durable entry will get."""
        return self._reader.view.next_seq

    def read(self, seq: int, limit: int) -> Chunk[Entry]:
        """Return at most `limit` entries from `seq` on. Raises StoreError when the card can't be read."""
        return self._reader.read(seq, limit)

    def whole(self, seq: int) -> Whole | None:
        """Return the frame that holds `seq`, None when it is not there. Raises StoreError: the card can't be read."""
        return self._reader.whole(seq)
