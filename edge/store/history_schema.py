"""History's file: how it is opened, what its tables hold, which versions are understood, which faults are which.

`docs/reference/history-format.md` draws it. A power cut loses no committed transaction: WAL with synchronous=FULL, and
psow=0, as the sectors of a card are not written one by one.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from edge.store.fs import FormatError, StoreError

APPLICATION_ID: Final = 0x76674869  # "vgHi"
VERSION: Final = 1
CHECKPOINT_PAGES: Final = 250
POINT_BITS: Final = 20  # a block's key is its hour, counted from 1970, and its point's id

TABLES: Final = """
CREATE TABLE point(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, unit TEXT NOT NULL, boot INTEGER NOT NULL,
  first_ms INTEGER, end_ms INTEGER);
CREATE TABLE block(key INTEGER PRIMARY KEY, n INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE aggregate(
  period INTEGER NOT NULL, t0 INTEGER NOT NULL, point INTEGER NOT NULL, length_ms INTEGER NOT NULL,
  records INTEGER NOT NULL, covered_ms INTEGER NOT NULL, uncertain_ms INTEGER NOT NULL, bad_ms INTEGER NOT NULL,
  area, low, low_ms, high, high_ms, first, first_ms, last, last_ms, increment, on_ms, changes,
  PRIMARY KEY(period, t0, point)) WITHOUT ROWID;
CREATE TABLE stream(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE journal(
  stream INTEGER NOT NULL, seq INTEGER NOT NULL, boot INTEGER NOT NULL, at_ms INTEGER NOT NULL, t_ms INTEGER,
  trust TEXT NOT NULL, kind TEXT NOT NULL, point TEXT NOT NULL, words TEXT NOT NULL,
  PRIMARY KEY(stream, seq)) WITHOUT ROWID;
CREATE INDEX journal_undated ON journal(boot) WHERE t_ms IS NULL;
CREATE TABLE cursor(
  stream TEXT NOT NULL, log TEXT NOT NULL, seq INTEGER NOT NULL, end_ms INTEGER,
  PRIMARY KEY(stream, log)) WITHOUT ROWID;
CREATE TABLE gap(
  stream TEXT NOT NULL, log TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, why TEXT NOT NULL,
  from_ms INTEGER, to_ms INTEGER, PRIMARY KEY(stream, first)) WITHOUT ROWID;
CREATE INDEX gap_open ON gap(stream, log) WHERE to_ms IS NULL;
CREATE TABLE salvage(
  path TEXT NOT NULL, step INTEGER NOT NULL, next INTEGER NOT NULL, before_ms INTEGER NOT NULL,
  blocks INTEGER NOT NULL, sums INTEGER NOT NULL, events INTEGER NOT NULL, unreadable INTEGER NOT NULL);
"""

MIGRATIONS: Final[dict[int, str]] = {}
"""Version → what makes the next one of it."""

DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_CAUSES: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_AUTH: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.ENOENT,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
    sqlite3.SQLITE_LOCKED: errno.EBUSY,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
}


def is_card(exc: sqlite3.Error) -> bool:
    """Return whether an error is the card's: full, read-only, failing, gone."""
    code = getattr(exc, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF in _CAUSES or code & 0xFF == sqlite3.SQLITE_IOERR)


def is_damage(exc: sqlite3.Error) -> bool:
    """Return whether an error means that the file is not, or no longer, a sound database of ours."""
    code = getattr(exc, "sqlite_errorcode", None)
    if code is None:
        return not isinstance(exc, sqlite3.OperationalError) and isinstance(exc, sqlite3.DatabaseError)
    # SQL errors such as "no such table" can only come from a file that is not as we made it
    return code & 0xFF in DAMAGE or code == sqlite3.SQLITE_ERROR


def cause_of(exc: sqlite3.Error) -> int:
    """Return the system's number for why the file could not be used; EIO where SQLite says no more."""
    return _CAUSES.get((getattr(exc, "sqlite_errorcode", None) or 0) & 0xFF, errno.EIO)


def connected(path: Path, cache_kib: int, *, is_reader: bool = False) -> sqlite3.Connection:
    """Return a connection whose transactions are ours to begin and end. Raises sqlite3.Error.

    Any thread may use it, one at a time.
    """
    mode = "rw" if is_reader else "rwc"  # a reader too needs to write the index of the write-ahead log
    made = sqlite3.connect(
        f"file:{quote(str(path))}?psow=0&mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=10,
    )
    try:
        made.execute(f"PRAGMA cache_size=-{cache_kib}")
        if is_reader:
            made.execute("PRAGMA query_only=1")
        else:
            made.execute("PRAGMA journal_mode=WAL")
            made.execute("PRAGMA synchronous=FULL")
            made.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    except BaseException:
        made.close()
        raise
    return made


def opened(path: Path, cache_kib: int) -> sqlite3.Connection:
    """Return the writing connection of a file, made or migrated where need be.

    Raises FormatError for a newer version, which stays untouched; sqlite3.Error for all else, see `is_damage`.
    """
    # made before SQLite does, whose own is for all to read; its companions take the mode of this one
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    made = connected(path, cache_kib)
    try:
        version = int(made.execute("PRAGMA user_version").fetchone()[0])
        application = int(made.execute("PRAGMA application_id").fetchone()[0])
        tables = int(made.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
        if tables and application != APPLICATION_ID:
            raise sqlite3.DatabaseError(f"{path.name} is a database of something else")
        if version > VERSION:
            raise FormatError(f"{path} is of version {version}, known is {VERSION}: written by a newer vigie")
        if version < VERSION or not tables:
            _bring_up(made, version if tables else 0)
    except BaseException:
        made.close()
        raise
    return made


def _bring_up(made: sqlite3.Connection, version: int) -> None:
    """Make the tables, or of an older version this one, in one transaction."""
    steps = [TABLES] if version == 0 else [MIGRATIONS[step] for step in range(version, VERSION)]
    with transaction(made):
        for statement in ";".join(steps).split(";"):
            if statement.strip():
                made.execute(statement)
        made.execute(f"PRAGMA application_id={APPLICATION_ID}")
        made.execute(f"PRAGMA user_version={VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what a block writes, or leave nothing of it. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def used_octets(connection: sqlite3.Connection) -> int:
    """Return the size of what is kept: pages in use, without those that wait to be used again."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def unusable(path: Path, exc: sqlite3.Error) -> StoreError:
    """Return the error for who asks history."""
    return StoreError(cause_of(exc), f"{path} can't be used: {exc}")
