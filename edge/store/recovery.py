"""What a start finds out from the segments: where the log ends, its registers, its cursors, what is damaged.

The first frame of a segment, and of each start, holds all registers; so the newest segment is enough, unless that frame
is damaged: then the segments before it are read too.
"""

from __future__ import annotations

import errno
from typing import Any

import msgspec

from edge.store import frame
from edge.store.cursors import Saved
from edge.store.fs import FormatError, StoreError
from edge.store.notes import Note
from edge.store.packing import unpack_registers
from edge.store.ring import Held
from edge.store.segment import Found, ReadAhead, body, frames


class Recovered(msgspec.Struct, frozen=True):
    """Where a log goes on."""

    next_seq: int
    tail: int
    boot: int
    registers: dict[str, Any]
    cursors: dict[str, int]
    notes: list[Note]
    lost: tuple[int, int] | None
    """The numbers that were given, or may have been, and of which nothing is there."""


class Scan:
    """What a start finds out from a segment by reading all of it."""

    def __init__(self, kind: str, base: int, path: str = "") -> None:
        self.kind = kind
        self.path = path
        self.next_seq = base
        self.tail = 0
        self.boot = 0
        self.cursors: dict[str, int] = {}
        self.registers: dict[str, Any] = {}
        self.has_snapshot = False
        self.damaged: list[tuple[int, int]] = []

    def read(self, file: ReadAhead, crc_seed: int, end: int) -> None:
        """Read the frames up to `end`; those whose body is damaged keep their numbers, which are never given again."""
        for found in frames(file, crc_seed, 0, end):
            head = found.head
            if head.kind != self.kind:
                raise FormatError(f"{self.path}: this is a log of {head.kind}, not of {self.kind}")
            if head.first < self.next_seq:
                continue
            if head.first > self.next_seq:
                self.damaged.append((self.next_seq, head.first - 1))
            self.next_seq, self.tail, self.boot = head.last + 1, found.end, max(self.boot, head.boot)
            self.cursors.update(head.cursors)
            parts = _body_or_none(file, crc_seed, found)
            if parts is None:
                self.damaged.append((head.first, head.last))
            elif head.is_snapshot:
                self.registers, self.has_snapshot = unpack_registers(parts[0]), True
            else:
                self.registers.update(unpack_registers(parts[0]))


def _body_or_none(file: ReadAhead, crc_seed: int, found: Found) -> tuple[bytes, bytes] | None:
    try:
        return body(file, crc_seed, found)
    except OSError as exc:
        if exc.errno != errno.EIO:
            raise
        return None


def recover(ring: Held, kind: str, saved: Saved, *, is_end_lost: bool = False) -> Recovered:
    """Return where the log goes on; `saved` is what its cursor file says. Raises FormatError, OSError.

    With `is_end_lost` it goes on behind every number that may have been given.
    """
    scans = _scan_back(ring, kind)
    registers: dict[str, Any] = {}
    cursors = dict(saved.cursors)
    notes = []
    for scan in reversed(scans):
        registers = scan.registers if scan.has_snapshot else {**registers, **scan.registers}
        for consumer, seq in scan.cursors.items():
            cursors[consumer] = max(seq, cursors.get(consumer, 0))
        notes += [Note(scan.path, "damaged", "left_out", first, last) for first, last in _joined(scan.damaged)]
    newest = scans[0] if scans else Scan(kind, saved.next)
    # numbers that were written once may have gone out: they are never given again, even when the entries are lost
    next_seq = max(newest.next_seq, saved.next, *(seq + 1 for seq in cursors.values()), 1)
    if is_end_lost:
        next_seq = max(next_seq, saved.reserved)
    lost = (newest.next_seq, next_seq - 1) if next_seq > newest.next_seq and (scans or is_end_lost) else None
    boot = max([saved.boot, *(scan.boot for scan in scans)])
    return Recovered(next_seq, newest.tail, boot, registers, cursors, notes, lost)


def _joined(damaged: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges that hold a number, those that touch each other as one."""
    found: list[tuple[int, int]] = []
    for first, last in damaged:
        if last < first:
            continue
        if found and found[-1][1] + 1 == first:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def _scan_back(ring: Held, kind: str) -> list[Scan]:
    """Return what the newest segments say, newest first: one of them, unless its first frame is not sound."""
    scans: list[Scan] = []
    for segment in reversed(ring.segments):
        scan = Scan(kind, segment.base, segment.path)
        file = ring.fs.open(segment.path)
        ahead = ReadAhead(file)
        try:
            scan.read(ahead, frame.seed(ring.stream, segment.base), file.size())
        except StoreError as exc:
            if isinstance(exc, FormatError) or not ahead.has_read:
                raise
        finally:
            file.close()
        scans.append(scan)
        if scan.has_snapshot:
            break
    return scans
