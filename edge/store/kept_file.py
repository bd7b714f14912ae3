"""A small document of its own file that must be durable when `save` returns: keys, counters of sealed messages.

The file says whether it is whole (`edge.store.checked`), a new one takes its name in one step, and the one before it
stays as `.bak`. Where the newest is damaged the backup is an *older* state, which for counters is not good enough:
`is_older` says so, and who uses the file must decide.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import msgspec

from edge.store.checked import replace_file, sealed, unsealed
from edge.store.fs import Fs, StoreError, read_file

VERSION: Final = 1

log = logging.getLogger(__name__)


class KeptFile:
    """One file of one document. Mode 0600, as all files of `RealFs`."""

    def __init__(self, fs: Fs, path: str, magic: str) -> None:
        """`magic` is the first word of the file: what it is, such as "vigie-sms-session"."""
        self.notes: list[str] = []
        """What `load` found damaged and what it took instead, for the journal and for people."""
        self.is_older = False
        """Whether what `load` gave is the state before the last one: the last one is damaged."""
        self.taken = ""
        """After a damage: `before` (the state before the last) or `made_anew` (nothing is left); else empty."""
        self._is_damaged = False
        self._fs = fs
        self._path = path
        self._magic = magic
        if folder := path.rpartition("/")[0]:
            fs.mkdir(folder)

    def load(self) -> dict[str, Any] | None:
        """Return what was last saved; None when nothing was, or nothing sound is left (`notes` then says what).

        Changes nothing: a damaged file stays until the next save, so that a start that is cut finds it again. Raises
        FormatError for a file of a newer version, OSError when the disk can't be read.
        """
        self.notes, self.is_older, self.taken = [], False, ""
        found = self._read(self._path)
        self._is_damaged = bool(self.notes)
        if found is None:
            # between the two renames of a save there is only the backup: the save had not returned, nothing was lost
            found = self._read(f"{self._path}.bak")
            self.is_older = self._is_damaged and found is not None
            if self.notes:
                self.taken = "made_anew" if found is None else "before"
                taken = "nothing is left" if found is None else "the state before it is taken"
                self.notes.append(f"{self._path}: {taken}")
        for note in self.notes:
            log.warning("%s", note)
        return found

    def save(self, document: dict[str, Any]) -> None:
        """Return when it is durable. Raises StoreError: what was there before still is."""
        octets = sealed(self._magic, VERSION, msgspec.json.encode(document))
        try:
            if self._is_damaged:  # it must not take the place of the sound backup
                replace_file(self._fs, self._path, octets)
                self._is_damaged = False
            replace_file(self._fs, self._path, octets, keep=f"{self._path}.bak")
        except StoreError:
            raise
        except OSError as exc:
            raise StoreError(exc.errno, f"{self._path} can't be written: {exc.strerror}") from exc

    def _read(self, path: str) -> dict[str, Any] | None:
        """Return a file's document, None when there is none or when it is damaged, which is noted."""
        if not self._fs.exists(path):
            return None
        try:
            return msgspec.json.decode(unsealed(self._magic, VERSION, read_file(self._fs, path)), type=dict[str, Any])
        except ValueError as exc:
            self.notes.append(f"{path} is damaged: {exc}")
            return None
