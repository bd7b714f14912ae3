"""The cursor file of a log: how far each consumer acknowledged, for what the frames' heads can't say.

Every frame's head carries the cursors, so the file is written only at a stop and when no frame came for a minute. Two
slots of a block are written in turn, so that a cut in the middle leaves the other one. A slot, little-endian:
```
  0  4  "VgCu"
  4  4  CRC-32 of what follows, starting from the CRC-32 of the stream's id
  8  8  generation
 16  4  length
 20     JSON {"next": 12346, "boot": 3, "cursors": {"mqtt": 12001}, "newest": 12033, "reserved": 143418}
```
`reserved` is a number that the log has not given and will not give before this file says a higher one: where the end of
the log is lost, it goes on from there, and no number is given twice. `newest` is the base of the last segment.
"""

from __future__ import annotations

import errno
import struct
import zlib
from typing import Final

import msgspec

from edge.store.aside import set_aside, unusable
from edge.store.fs import BLOCK, File, Fs, write_all
from edge.store.notes import Note

MAGIC: Final = b"VgCu"
_HEAD = struct.Struct("<4sIQI")


class Saved(msgspec.Struct, frozen=True):
    """What a log knew when it was saved."""

    next: int = 1
    boot: int = 0
    cursors: dict[str, int] = {}
    newest: int = 0
    reserved: int = 0


class CursorFile:
    """Two slots; the sound one with the higher generation counts."""

    def __init__(self, fs: Fs, path: str, stream: str) -> None:
        self._fs = fs
        self._path = path
        self._seed = zlib.crc32(stream.encode())
        self._generation = 0
        self.note: Note | None = None
        """What was wrong with the file, when something was: it is made anew."""

    def load(self) -> Saved:
        """Return what was saved last; nothing acknowledged when there is no sound slot."""
        if not self._fs.exists(self._path):
            return Saved()
        try:
            file = self._fs.open(self._path)
        except OSError as exc:
            what = unusable(exc)
            if what is None:
                raise
            self.note = Note(self._path, what, "set_aside")
            return Saved()
        try:
            slots = [self._slot(self._block(file, place)) for place in (0, 1)]
        finally:
            file.close()
        sound = [slot for slot in slots if slot is not None]
        if not sound:
            self.note = Note(self._path, "damaged", "made_anew")
            return Saved()
        self._generation, saved = max(sound, key=lambda slot: slot[0])
        return saved

    def set_aside_unusable(self) -> None:
        """Make room for a new file where something else has its name."""
        if self.note is not None and self.note.done == "set_aside":
            self.note = msgspec.structs.replace(self.note, aside=set_aside(self._fs, self._path))

    @staticmethod
    def _block(file: File, place: int) -> bytes:
        try:
            return file.pread(BLOCK, place * BLOCK)
        except OSError as exc:
            if exc.errno != errno.EIO:
                raise
            return b""

    def _slot(self, octets: bytes) -> tuple[int, Saved] | None:
        if len(octets) < BLOCK or octets[:4] != MAGIC:
            return None
        _, crc, generation, length = _HEAD.unpack_from(octets)
        end = _HEAD.size + length
        if end > BLOCK or zlib.crc32(octets[8:end], self._seed) != crc:
            return None
        return generation, msgspec.json.decode(octets[_HEAD.size : end], type=Saved)

    def save(self, saved: Saved) -> None:
        """Write the older slot. Raises OSError; the newer slot is then still there."""
        generation = self._generation + 1
        body = msgspec.json.encode(saved)
        plain = struct.pack("<QI", generation, len(body)) + body
        slot = MAGIC + struct.pack("<I", zlib.crc32(plain, self._seed)) + plain
        is_made = not self._fs.exists(self._path)
        file = self._fs.open(self._path, create=True)
        try:
            write_all(file, slot + bytes(BLOCK - len(slot)), generation % 2 * BLOCK)
            file.fdatasync()
        finally:
            file.close()
        if is_made:
            self._fs.fsync_dir(self._path.rpartition("/")[0])
        self._generation = generation
