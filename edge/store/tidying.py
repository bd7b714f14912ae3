"""What lies in a log's folder that is no sound file of it: found at a start, and set aside under another name (`.bad`).

A look at the first block of each segment tells; only where there is no sound head is all of it read.
"""

from __future__ import annotations

import msgspec

from edge.store import frame
from edge.store.aside import aside_note, unusable
from edge.store.cursors import CursorFile, Saved
from edge.store.fs import File, FormatError, Fs, StoreError
from edge.store.notes import Note, What
from edge.store.ring import Listing, Segment
from edge.store.segment import ReadAhead, frames


class Tidied(msgspec.Struct):
    """What is left of a folder's files, and what was found wrong."""

    segments: list[Segment] = []
    new: list[str] = []
    notes: list[Note] = []
    end: Note | None = None
    """Why numbers may have been given that no frame here tells of; None when the end of the log is sound."""


def of_one_stream(fs: Fs, directory: str, there: Listing) -> tuple[Listing, list[Note]]:
    """Return the files of this log alone, those of other logs being set aside.

    Its stream is the one that the cursor file is of. Raises StoreError when that can't be told.
    """
    if len(there.streams) < 2:
        return there, []
    known = [stream for stream in there.streams if CursorFile(fs, f"{directory}/cursors", stream).load().next > 1]
    if len(known) != 1:
        streams = ", ".join(there.streams)
        raise StoreError(f"{directory} holds segments of {len(there.streams)} logs ({streams}); leave those of one")
    strangers = [path for path in [*(one.path for one in there.segments), *there.new] if f"/{known[0]}-" not in path]
    notes = [aside_note(fs, path, "foreign") for path in strangers]
    segments = tuple(segment for segment in there.segments if segment.path not in strangers)
    return Listing(known, segments, [path for path in there.new if path not in strangers]), notes


def tidied(fs: Fs, directory: str, there: Listing, stream: str, saved: Saved, segment_bytes: int) -> Tidied:
    """Look at each file; set aside what is none of ours. Raises FormatError for a newer version's frames."""
    found = Tidied()
    for path in there.new:
        why = _why_unusable(fs, path)
        if why is None:
            found.new.append(path)
        else:
            found.notes.append(aside_note(fs, path, why))
    for number, segment in enumerate(there.segments):
        is_last = segment is there.segments[-1]
        note = _look_at(fs, segment, stream, segment_bytes, saved if is_last else None)
        is_kept = note is None or note.done == "read_on"
        if is_kept:
            found.segments.append(segment)
        if note is None:
            continue
        if not is_last:
            found.notes.append(_with_numbers(fs, note, found.segments, stream, there.segments[number + 1].base))
        elif is_kept or segment.base <= saved.newest:
            found.end = note
        else:
            found.notes.append(note)
    newest_base = there.segments[-1].base if there.segments else 0
    if saved.newest > newest_base:
        found.end = Note(f"{directory}/{stream}-{saved.newest:016x}.seg", "missing", "left_out")
    return found


def _with_numbers(fs: Fs, note: Note, sound: list[Segment], stream: str, following: int) -> Note:
    """Return the note with the numbers that are gone: behind the last sound frame, up to the following segment."""
    first = _end(fs, sound[-1], stream) if sound else 1
    return note if first >= following else msgspec.structs.replace(note, first=first, last=following - 1)


def _end(fs: Fs, segment: Segment, stream: str) -> int:
    """Return the seq that follows the last sound head of a segment."""
    end = segment.base
    try:
        file = fs.open(segment.path)
        try:
            for found in frames(ReadAhead(file), frame.seed(stream, segment.base), 0, file.size()):
                end = max(end, found.head.last + 1)
        finally:
            file.close()
    except OSError:  # then reading it will tell
        return segment.base
    return end


def _why_unusable(fs: Fs, path: str) -> What | None:
    try:
        fs.open(path).close()
    except OSError as exc:
        return unusable(exc)
    return None


def _look_at(fs: Fs, segment: Segment, stream: str, segment_bytes: int, saved: Saved | None) -> Note | None:
    """Return what is wrong with a segment and was done, None when nothing is; `saved` only for the last one."""
    try:
        file = fs.open(segment.path)
    except OSError as exc:
        why = unusable(exc)
        return None if why is None else aside_note(fs, segment.path, why)  # else it may be read later
    try:
        is_short = file.size() < segment_bytes
        is_ours = has_frames(file, segment, stream)
    finally:
        file.close()
    if is_ours:
        return Note(segment.path, "short", "read_on") if is_short else None
    # the last one may have been taken just before a cut: then no frame was durable in it, and the cursor file, which
    # is written after the first one, knows nothing of it
    is_just_taken = saved is not None and not is_short and saved.newest < segment.base
    if is_just_taken and saved is not None and (not saved.reserved or segment.base <= saved.reserved):
        return None
    return aside_note(fs, segment.path, "foreign")


def has_frames(file: File, segment: Segment, stream: str) -> bool:
    """Return whether there is a sound head of this segment; True as well when the card does not let us look.

    Raises FormatError for a newer version's.
    """
    try:
        for _ in frames(ReadAhead(file), frame.seed(stream, segment.base), 0, file.size()):
            return True
    except FormatError as exc:
        raise FormatError(f"{segment.path}: {exc}") from exc
    except OSError:
        return True
    return False
