"""Opening a log: which files are its own, where it goes on, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from edge.store.cursors import CursorFile
from edge.store.notes import Note
from edge.store.recovery import recover
from edge.store.ring import LEAST_SEGMENTS, Listing, Ring, listing
from edge.store.tidying import of_one_stream, tidied


class Opened(msgspec.Struct, frozen=True):
    """A log as it was found: `reserved` is a number above all that were given, `tail` the end of its last frame."""

    stream: str
    cursor_file: CursorFile
    next_seq: int
    tail: int
    reserved: int
    boot: int
    registers: dict[str, Any]
    cursors: Mapping[str, int]
    notes: list[Note]


def opened(ring: Ring, kind: str) -> Opened:
    """Hand the ring its files, setting aside what is none of them, and return where the log goes on.

    Raises FormatError for a newer version's frames, StoreError when segments of two logs can't be told apart, OSError.
    """
    fs, directory = ring.fs, ring.directory
    there = listing(fs, directory) if fs.exists(directory) else Listing([], (), [])
    there, strange = of_one_stream(fs, directory, there)
    stream = there.streams[0] if there.streams else ring.stream
    cursor_file = CursorFile(fs, f"{directory}/cursors", stream)
    has_cursor_file = fs.exists(f"{directory}/cursors")
    saved = cursor_file.load()
    cursor_file.set_aside_unusable()
    notes = [*ring.notes, *strange]
    if there.segments and not has_cursor_file:
        notes.append(Note(f"{directory}/cursors", "missing", "made_anew"))
    elif there.segments and cursor_file.note is not None:
        notes.append(cursor_file.note)
    tidy = tidied(fs, directory, there, stream, saved, ring.segment_bytes)
    ring.hold(stream, tuple(tidy.segments), tidy.new)
    found = recover(ring, kind, saved, is_end_lost=tidy.end is not None)
    notes += [*tidy.notes, *found.notes]
    if found.lost is not None or tidy.end is not None:
        end = tidy.end or Note(directory, "lost", "left_out")
        first, last = found.lost or (0, 0)
        notes.append(msgspec.structs.replace(end, first=first, last=last))
    reserved = max(saved.reserved, found.next_seq)
    return Opened(
        stream, cursor_file, found.next_seq, found.tail, reserved, found.boot, found.registers, found.cursors, notes
    )


def size_note(ring: Ring) -> list[Note]:
    """Return what is to be said of a ring that is smaller than it was to be."""
    if not LEAST_SEGMENTS <= ring.size < ring.wanted:
        return []
    mb = ring.segment_bytes / (1 << 20)
    return [
        Note(ring.directory, "small", "goes_on",
             more={"asked_mb": round(ring.wanted * mb), "got_mb": round(ring.size * mb)})
    ]  # fmt: skip
