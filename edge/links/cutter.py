"""From the log to payloads: how much goes into one batch, what is declared a gap, what waits for a date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeAlias

import msgspec

from edge.core.batch import Cut, Origin, dated, packed
from edge.core.batch_forms import MAX_BYTES, MAX_ENTRIES, GapRow
from edge.core.clock import Dating
from edge.core.ports import Chunk, Entry, Reader

READ_AHEAD: Final = 2000  # entries held at most: a frame of the log is unpacked once, not once a batch
PACKET_OVERHEAD: Final = 16  # fixed header, topic length, message id, property length and content type's header

Encode: TypeAlias = Callable[[Origin, int, int, Sequence[Entry], Cut, Sequence[GapRow]], bytes]


class Prepared(msgspec.Struct, frozen=True):
    """A batch ready to be published; it settles the seqs first..last."""

    first: int
    last: int
    payload: bytes
    content_type: str = ""


class Undated(msgspec.Struct, frozen=True):
    """The next entry is of a start that has no clock entry yet."""

    boot: int


class TooLarge(msgspec.Struct, frozen=True):
    """The entry with this seq alone is larger than the broker takes."""

    seq: int


Outcome: TypeAlias = Prepared | Undated | TooLarge | None


class Cutter(Generic[Entry]):
    """Cuts one log into batches."""

    def __init__(
        self,
        reader: Reader[Entry],
        stamp_of: Callable[[Entry], int],
        encode: Encode[Entry],
        dating: Dating,
        encoding: str,
    ) -> None:
        self._reader = reader
        self._stamp_of = stamp_of
        self._encode = encode
        self._dating = dating
        self._encoding = encoding
        self._ahead: Chunk[Entry] | None = None
        self._fit = MAX_ENTRIES
        self.parked: dict[int, str] = {}
        """Entries that can't be sent, and why: declared as a gap instead."""
        self.max_payload = 2**28

    def prepare(self, origin: Origin, start: int, end: int, most: int = MAX_ENTRIES) -> Outcome:
        """Return the batch that begins at seq `start`, reaches `end` at most and holds at most `most` entries.

        None: there is nothing yet.
        """
        gap, seq = self._gap_at(start, end)
        settled = Prepared(start, seq - 1, b"") if gap else None
        entries, boot = self._entries(seq, min(most, self._fit, end - seq + 1, self._up_to_parked(seq)))
        if entries:
            cut = dated(self._dating, boot, [self._stamp_of(entry) for entry in entries])
            if cut is not None:
                return self._encoded(origin, start, seq, entries, cut, gap)
            if settled is None:
                return Undated(boot)
        if settled is None:
            return None
        payload, content_type = packed(
            self._encode(origin, seq, self._reader.first_seq(), (), Cut([], "none"), gap), self._encoding
        )
        return Prepared(start, seq - 1, payload, content_type)

    def is_undated(self, boot: int) -> bool:
        """Return whether a start has no clock entry yet."""
        return self._dating.entry(boot, 0) is None

    def _gap_at(self, start: int, end: int) -> tuple[list[GapRow], int]:
        """Return what is declared lost from `start` on, and the seq where entries begin again."""
        gap: list[GapRow] = []
        seq = start
        while seq <= end:
            if seq in self.parked:
                last, why = seq, self.parked[seq]
            else:
                lost = self._chunk(seq).gap
                if lost is None:
                    break
                last, why = lost.last, lost.why
            if gap and gap[-1][2] == why:
                gap[-1] = (gap[-1][0], last, why)
            else:
                gap.append((seq, last, why))
            seq = last + 1
        return gap, seq

    def _up_to_parked(self, seq: int) -> int:
        return min((parked - seq for parked in self.parked if parked >= seq), default=MAX_ENTRIES)

    def _entries(self, seq: int, most: int) -> tuple[list[Entry], int]:
        """Return up to `most` entries of one start from `seq` on; a batch is filled across the log's frames."""
        entries: list[Entry] = []
        boot = 0
        while len(entries) < most:
            chunk = self._chunk(seq + len(entries))
            if not chunk.entries or (entries and chunk.boot != boot):
                break
            boot = chunk.boot
            skip = seq + len(entries) - chunk.first
            entries.extend(chunk.entries[skip : skip + most - len(entries)])
        return entries, boot

    def _chunk(self, seq: int) -> Chunk[Entry]:
        ahead = self._ahead
        if ahead is None or not max(ahead.first, self._reader.first_seq()) <= seq < ahead.first + len(ahead.entries):
            ahead = self._reader.read(seq, READ_AHEAD)
            self._ahead = ahead if ahead.entries else None
        return ahead

    def _encoded(
        self, origin: Origin, start: int, seq: int, entries: Sequence[Entry], cut: Cut, gap: list[GapRow]
    ) -> Outcome:
        """Encode as many entries as fit into the batch's and the broker's limits."""
        first = self._reader.first_seq()
        while True:
            count = len(cut.utc_ms)
            body = self._encode(origin, seq, first, entries, cut, gap)
            payload, content_type = packed(body, self._encoding)
            share = min(MAX_BYTES / len(body), self.max_payload / (len(payload) + len(content_type)))
            if share >= 1 or (count == 1 and len(payload) + len(content_type) <= self.max_payload):
                if share > 1.2 and self._fit < MAX_ENTRIES and count >= self._fit:
                    self._fit = min(MAX_ENTRIES, self._fit + self._fit // 8 + 1)
                return Prepared(start, seq + count - 1, payload, content_type)
            if count == 1:
                return TooLarge(seq)
            self._fit = max(1, min(count - 1, int(count * share * 0.97)))
            cut = Cut(cut.utc_ms[: self._fit], cut.trust)
