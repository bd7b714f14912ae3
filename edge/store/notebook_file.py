"""The file under the notebook: what TinyDB calls a storage, safe against power cuts.

As shipped, TinyDB writes its file in place, and a cut in the middle leaves half of it. Here the file says whether it is
whole (`edge.store.checked`); a new one is written beside it, flushed, and takes its name in one step, the one before it
staying as `.bak`. A damaged file is set aside as `.bad-<crc>`, the backup taken, and that is said: never an empty
notebook without a word.
"""

from __future__ import annotations

import errno
import logging
import zlib
from typing import Any, Final

import msgspec

from edge.store.checked import replace_file, sealed, unsealed
from edge.store.fs import Fs, StoreError, read_file

MAGIC: Final = "vigie-notebook"
VERSION: Final = 1

log = logging.getLogger(__name__)


def encode(tables: dict[str, dict[str, Any]]) -> bytes:
    """Return the file's octets. Raises ValueError for what is no JSON value; nothing is written then."""
    try:
        body = msgspec.json.encode(tables)
    except (TypeError, OverflowError) as exc:
        raise ValueError(f"a document holds what is no JSON value: {exc}") from exc
    return sealed(MAGIC, VERSION, body)


def decode(octets: bytes) -> dict[str, dict[str, Any]]:
    """Return the tables. Raises ValueError when the file is damaged, FormatError when a newer version wrote it."""
    tables: dict[str, dict[str, Any]] = msgspec.json.decode(unsealed(MAGIC, VERSION, octets))
    return tables


class CrashSafeStorage:
    """Reads and writes all tables at once. Raises FormatError when a newer version wrote the file."""

    def __init__(self, fs: Fs, path: str) -> None:
        self.notes: list[str] = []
        """What was found damaged and what was taken instead, for the journal and for people."""
        self.aside: list[str] = []
        """The names that damaged files now have."""
        self.octets = 0
        """What was last written or read, in octets."""
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
        octets = b""
        try:
            octets = self._octets(path)
            self.octets = len(octets)
            return decode(octets)
        except ValueError as exc:
            why = str(exc)
        except OSError as exc:
            if exc.errno != errno.EIO:
                raise
            why = f"can't be read ({exc.strerror})"
        self._set_aside(path, f"{self._path}.bad-{zlib.crc32(octets):08x}", why)
        return None

    def _octets(self, path: str) -> bytes:
        """Read the file, once more when that fails: a reading that failed once must not cost the last change."""
        try:
            return read_file(self._fs, path)
        except OSError:
            return read_file(self._fs, path)

    def _set_aside(self, path: str, aside: str, why: str) -> None:
        try:
            self._fs.rename(path, aside)
            self._fs.fsync_dir(self._folder)
        except OSError as exc:  # a card that can't be written; the next write replaces the file
            self._say(f"{path} is damaged: {why}; it can't be set aside ({exc.strerror})")
        else:
            self.aside.append(aside)
            self._say(f"{path} is damaged: {why}; set aside as {aside}")

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing sound to begin with."""
        return self._tables is None

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
            replace_file(self._fs, self._path, octets, keep=f"{self._path}.bak")
        except StoreError:
            raise
        except OSError as exc:
            raise StoreError(exc.errno, f"{self._path} can't be written: {exc.strerror}") from exc
        self._tables, self.octets = decode(octets), len(octets)

    def close(self) -> None:
        """Nothing is left to write."""
