"""The file of history as a whole: opened, set aside when it is damaged, read by many, a reserve for a full card."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge.store.fs import flush_folder
from edge.store.history_schema import TABLES, connected, is_damage, opened

NAME: Final = "history.db"
DONE: Final = "-done"  # after the name of a damaged file: all that could be read of it is in the new one
_BESIDE: Final = ("-wal", "-shm")
RESERVE: Final = "history.reserve"
RESERVE_OCTETS: Final = 2 << 20
ROOM_OCTETS: Final = 8 << 20  # the reserve is made again when this much is free beside it
CHECKED_OCTETS: Final = 16 << 20  # a file up to this size is checked as a whole when it is opened
WRITER_KIB: Final = 512
READER_KIB: Final = 512
READERS: Final = 3  # connections that are kept between questions

log = logging.getLogger(__name__)


class HistoryFile:
    """`history.db` in a folder; `connection` is the writer's, None while it can't be had."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.connection: sqlite3.Connection | None = None
        self._reserve = folder / RESERVE
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._generation = 0

    @property
    def aside(self) -> Path | None:
        """A damaged file that was set aside and may hold what can still be read; first one not yet carried over."""
        names = sorted(self.path.parent.glob(f"{NAME}.bad-*"), key=lambda path: (_is_done(path), path.name))
        return next((path for path in names if not path.name.endswith(_BESIDE)), None)

    def carried_over(self) -> None:
        """Take note that nothing is wanted any more of the file that was set aside."""
        aside = self.aside
        if aside is not None and not _is_done(aside):
            try:
                _renamed(aside, aside.with_name(f"{aside.name}{DONE}"))
            except OSError as exc:  # the next start does it
                log.warning("%s keeps its name: %s", aside, exc)

    def open(self) -> str:
        """Open the file; a damaged one is set aside and a new one made. Return what was wrong, "" when nothing.

        Raises sqlite3.Error or OSError when the card is to blame, FormatError for a file that a newer vigie wrote.
        """
        why = ""
        try:
            made = opened(self.path, WRITER_KIB)
            try:
                if self.path.stat().st_size <= CHECKED_OCTETS:
                    check(made)
            except BaseException:
                made.close()
                raise
        except sqlite3.Error as exc:
            if not is_damage(exc):
                raise
            why = str(exc)
            self.set_aside()
            made = opened(self.path, WRITER_KIB)
        self.connection = made
        os.chmod(self.path, 0o600)  # noqa: PTH101 - energy data are personal data
        self.keep_reserve()
        return why

    def set_aside(self) -> None:
        """Give the damaged file another name; one that was set aside before goes. Raises OSError.

        While that one is still being carried over, the damaged one goes instead: it holds nothing but a part of it, and
        what the log has.
        """
        self.close()
        before = self.aside
        if before is not None and not _is_done(before):
            for suffix in (*_BESIDE, ""):
                self.path.with_name(NAME + suffix).unlink(missing_ok=True)
        else:
            for old in self.path.parent.glob(f"{NAME}.bad-*"):
                old.unlink()
            _renamed(self.path, self.path.with_name(f"{NAME}.bad-{self.path.stat().st_size:x}"))
        flush_folder(self.path.parent)

    def is_sound(self) -> bool:
        """Return whether the file passes SQLite's check, read anew: a connection at work has pages of its own.

        Raises sqlite3.Error when the card is to blame.
        """
        try:
            fresh = connected(self.path, READER_KIB, is_reader=True)
            try:
                check(fresh)
            finally:
                fresh.close()
        except sqlite3.Error as exc:
            if is_damage(exc):
                return False
            raise
        return True

    def close(self) -> None:
        """Close all connections; those of readers in the middle of an answer when they are done."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._generation += 1
            made, self.connection = self.connection, None
        for connection in [*idle, *([made] if made is not None else [])]:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    # -- reading

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Give a connection within one read transaction, so that all it is asked is of one instant.

        It is kept for the next question only while the file is open: nobody would close it later, where somebody asks
        at the end of a box.
        """
        with self._lock:
            generation = self._generation
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = connected(self.path, READER_KIB, is_reader=True)
        is_sound = False
        try:
            connection.execute("BEGIN")
            yield connection
            connection.execute("ROLLBACK")
            is_sound = True
        finally:
            with self._lock:
                is_same = self.connection is not None and generation == self._generation
                is_kept = is_sound and is_same and len(self._idle) < READERS
                if is_kept:
                    self._idle.append(connection)
            if not is_kept:
                connection.close()

    # -- room on a full card

    def free_reserve(self) -> bool:
        """Give the reserve back to the card; return whether there was one."""
        try:
            self._reserve.unlink()
        except FileNotFoundError:
            return False
        return True

    @property
    def has_reserve(self) -> bool:
        """Whether there is one."""
        return self._reserve.exists()

    def keep_reserve(self) -> None:
        """Make the reserve where it is missing and the card has room."""
        if self._reserve.exists():
            return
        beside = self._reserve.with_name(f"{RESERVE}.tmp")
        try:
            free = os.statvfs(self.path.parent)
            if free.f_bavail * free.f_frsize < ROOM_OCTETS + RESERVE_OCTETS:
                return
            fd = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, RESERVE_OCTETS)
            finally:
                os.close(fd)
            beside.rename(self._reserve)
        except OSError as exc:
            log.warning("no reserve for history: %s", exc)
            with contextlib.suppress(OSError):
                beside.unlink()


def _is_done(aside: Path) -> bool:
    return DONE in aside.name


def _renamed(path: Path, name: Path) -> None:
    """Give a database another name, with what lies beside it; itself last: while it has its name this is not over."""
    for suffix in (*_BESIDE, ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(name.with_name(name.name + suffix))


def check(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError when the file is not sound."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    missing = set(re.findall(r"CREATE TABLE (\w+)", TABLES)) - there
    if missing:
        raise sqlite3.DatabaseError(f"no table {min(missing)}")
