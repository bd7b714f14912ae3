"""The box's small documents (inventory, acknowledgements, settings made on the box) in TinyDB, safe against power cuts.

As shipped, TinyDB writes its file in place, and a cut in the middle leaves half of it. Here a file begins with a line
that holds its length and its CRC-32; a new one is written beside it, flushed, and takes its name in one step, the one
before it staying as `.bak`. A damaged file is set aside as `.bad-<crc>`, the backup taken, and that is said: never an
empty notebook without a word. For fewer than 1,000 documents and one write a second, as each write writes all of them.
The first line is followed by JSON; the CRC covers the line up to its last space, and the JSON:
```
vigie-notebook 1 <length of the JSON> <CRC-32, 8 hex digits>
{"_default": {"1": {…}}}
```
"""

from __future__ import annotations

import logging
import zlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.store.fs import FormatError, Fs, StoreError, read_file, write_all

if TYPE_CHECKING:
    from tinydb import TinyDB

MAGIC: Final = "vigie-notebook"
VERSION: Final = 1

log = logging.getLogger(__name__)


def encode(tables: dict[str, dict[str, Any]]) -> bytes:
    """Return the file's octets. Raises ValueError for what is no JSON value; nothing is written then."""
    try:
        body = msgspec.json.encode(tables)
    except (TypeError, OverflowError) as exc:
        raise ValueError(f"a document holds what is no JSON value: {exc}") from exc
    start = f"{MAGIC} {VERSION} {len(body)}"
    return f"{start} {_crc(start, body)}\n".encode() + body


def _crc(start: str, body: bytes) -> str:
    return f"{zlib.crc32(body, zlib.crc32(start.encode())):08x}"


def decode(octets: bytes) -> dict[str, dict[str, Any]]:
    """Return the tables. Raises ValueError when the file is damaged, FormatError when a newer version wrote it."""
    line, _, body = octets.partition(b"\n")
    start, _, crc = line.decode("ascii", "replace").rpartition(" ")
    words = start.split(" ")
    if words[0] != MAGIC or words[2:] != [str(len(body))] or crc != _crc(start, body):
        raise ValueError("its first line, length or CRC is wrong")
    if words[1] != str(VERSION):
        raise FormatError(f"notebook version {words[1]}, known is {VERSION}: written by a newer vigie")
    tables: dict[str, dict[str, Any]] = msgspec.json.decode(body)
    return tables


class CrashSafeStorage:
    """What TinyDB calls a storage: reads and writes all tables at once."""

    def __init__(self, fs: Fs, path: str) -> None:
        self.notes: list[str] = []
        """What was found damaged and what was taken instead, for the journal and for people."""
        self._fs = fs
        self._path = path
        self._folder = path.rpartition("/")[0]
        if self._folder:
            fs.mkdir(self._folder)
        self._tables = self._load()

    def _load(self) -> dict[str, dict[str, Any]] | None:
        found = self._read(self._path)
        if found is None:
            # between the two renames of a write there is only the backup: nothing was lost and nothing is to be said
            found = self._read(f"{self._path}.bak")
            if found is not None and self.notes:
                self._say(f"{self._path}: the backup was taken; the last change may be missing")
            elif self.notes:
                self._say(f"{self._path}: there is no sound backup; it begins empty")
        return found

    def _read(self, path: str) -> dict[str, dict[str, Any]] | None:
        """Return the tables of a file, None when there is none; a damaged one is set aside."""
        if not self._fs.exists(path):
            return None
        octets = read_file(self._fs, path)
        try:
            return decode(octets)
        except ValueError as exc:
            aside = f"{self._path}.bad-{zlib.crc32(octets):08x}"
            self._fs.rename(path, aside)
            self._fs.fsync_dir(self._folder)
            self._say(f"{path} is damaged: {exc}; set aside as {aside}")
            return None

    def _say(self, note: str) -> None:
        self.notes.append(note)
        log.warning("%s", note)

    def read(self) -> dict[str, dict[str, Any]] | None:
        """Return all tables as last written, None when nothing was."""
        return None if self._tables is None else msgspec.json.decode(msgspec.json.encode(self._tables))

    def write(self, tables: dict[str, dict[str, Any]]) -> None:
        """Return when the tables are durable. Raises StoreError: what was there before still is."""
        octets = encode(tables)
        try:
            self._replace(octets)
        except StoreError:
            raise
        except OSError as exc:
            raise StoreError(exc.errno, f"{self._path} can't be written: {exc.strerror}") from exc
        self._tables = decode(octets)

    def _replace(self, octets: bytes) -> None:
        beside = f"{self._path}.tmp"
        file = self._fs.open(beside, create=True)
        try:
            file.truncate(0)
            write_all(file, octets, 0)
            file.fdatasync()
        finally:
            file.close()
        if self._fs.exists(self._path):
            self._fs.rename(self._path, f"{self._path}.bak")
        self._fs.rename(beside, self._path)
        self._fs.fsync_dir(self._folder)

    def close(self) -> None:
        """Nothing is left to write."""


def open_notebook(fs: Fs, path: str) -> tuple[TinyDB, CrashSafeStorage]:
    """Return the notebook at `path` and its storage, whose `notes` say what was damaged."""
    from tinydb import TinyDB

    storage = CrashSafeStorage(fs, path)
    return TinyDB(storage=lambda: storage), storage
