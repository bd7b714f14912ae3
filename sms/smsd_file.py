"""The database of gammu-smsd: opened and checked, its faults said in words, and our own table of what was handed over.

Its schema is that of Debian 12 and 13's gammu-smsd (version 17). What is ours in it is one table, `vigie_message`: the
daemon names every table that it uses, so a further one is nothing to it, and its primary key is what makes a message
handed over twice one message.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sms.mailbox import MailboxError

SCHEMA: Final = 17
BUSY_S: Final = 0.7
CURE: Final = "`sudo vigie-sms-setup` makes a new one and sets this one aside"

_OURS: Final = """
CREATE TABLE IF NOT EXISTS vigie_message (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, number TEXT NOT NULL, handed_utc_s INTEGER NOT NULL,
  wants_report INTEGER NOT NULL, noted TEXT NOT NULL DEFAULT '', code INTEGER, settled INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS vigie_message_open ON vigie_message(id) WHERE settled = 0;
CREATE INDEX IF NOT EXISTS vigie_message_report ON vigie_message(id) WHERE wants_report = 1;
"""


class SmsdFile:
    """The file, opened when it is first used and again when another one stands in its place."""

    def __init__(self, path: str | Path, flush: Callable[[int], None] = os.fdatasync) -> None:
        self.path = Path(path)
        self._flush = flush
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._is_wal = False

    def sync(self) -> None:
        """Make what was committed durable, when nobody waits for us any more.

        The daemon gives up at once where another writes: its driver waits for no lock, and it takes seconds to come
        back, or stops for good. A commit that flushes holds the lock for as long as the card takes; this one is as
        durable, and held it for the time of a write into RAM. Raises MailboxError.
        """
        if not self._is_wal:
            return
        try:
            written = os.open(f"{self.path}-wal", os.O_RDONLY)
            try:
                self._flush(written)
            finally:
                os.close(written)
        except FileNotFoundError:  # another database stands here since: what is in it is looked at anew
            return
        except OSError as exc:
            raise MailboxError(f"{self.path}-wal can't be flushed: {exc.strerror}; see `vigie doctor`") from exc

    def connection(self) -> sqlite3.Connection:
        """Return the connection, in autocommit. Raises MailboxError when the file can't be used, with what to do."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - once a call, and the cheapest
        except FileNotFoundError:
            self.close()
            raise MailboxError(f"{self.path} does not exist; {CURE.split(' and')[0]}") from None
        except OSError as exc:
            self.close()
            raise MailboxError(f"{self.path}: {exc.strerror}; vigie must be in the group of its folder") from exc
        inode = (found.st_dev, found.st_ino)
        if self._connection is None or inode != self._inode:
            self.close()
            self._connection, self._inode = self._opened(), inode
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        try:
            made = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_S, isolation_level=None,
                check_same_thread=False,
            )  # fmt: skip
        except sqlite3.Error as exc:
            raise self.said(exc) from exc
        made.text_factory = _text
        try:
            self._checked(made)
        except sqlite3.Error as exc:
            made.close()
            raise self.said(exc) from exc
        except BaseException:
            made.close()
            raise
        return made

    def _checked(self, made: sqlite3.Connection) -> None:
        tables = {name for (name,) in made.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"gammu", "inbox", "outbox", "sentitems", "phones"} <= tables:
            raise MailboxError(f"{self.path} is no database of gammu-smsd: its tables are not there; {CURE}")
        row = made.execute("SELECT max(Version) FROM gammu").fetchone()
        if row[0] != SCHEMA:
            raise MailboxError(
                f"{self.path} has schema {row[0]}, this vigie knows {SCHEMA} (gammu-smsd 1.42, Debian 12 and 13);"
                f" {CURE}"
            )
        mode = made.execute("PRAGMA journal_mode").fetchone()[0]
        with contextlib.suppress(sqlite3.OperationalError):  # the daemon is at it just now: the next time
            mode = made.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        self._is_wal = mode == "wal"
        made.execute(f"PRAGMA synchronous = {'NORMAL' if self._is_wal else 'FULL'}")
        if "vigie_message" not in tables:
            made.executescript(_OURS)

    def said(self, exc: sqlite3.Error) -> MailboxError:
        """Return what is wrong and what to do; a file that is damaged is opened anew the next time."""
        self.close()
        text = str(exc)
        if "locked" in text or "busy" in text:
            cure = "another program holds it: wait, or stop what it is (`fuser -v` names it)"
        elif "readonly" in text or "unable to open" in text:
            cure = "vigie must be in the group of its folder, which must be writable by it (2770)"
        elif "full" in text:
            cure = "the card is full: make room"
        elif "disk I/O" in text:
            cure = "the card can't be read or written: see `vigie doctor`"
        else:
            cure = CURE
        return MailboxError(f"{self.path}: {text}; {cure}")

    def close(self) -> None:
        """Give the file back."""
        made, self._connection = self._connection, None
        if made is not None:
            with contextlib.suppress(sqlite3.Error):
                made.close()


def _text(octets: bytes) -> str:
    """Return what stands in a column: letters that are none must not make the whole table unreadable."""
    return octets.decode("utf-8", "replace")
