"""Erase what passed through gammu-smsd: texts, numbers, the SIM's and the modem's, in place, with the tables kept."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from sms.mailbox import MailboxError

WAIT_S: Final = 1.0
"""For a daemon that is at it just now."""
TABLES: Final = ("inbox", "outbox", "outbox_multipart", "sentitems", "phones", "vigie_message")


def erased(path: Path) -> int:
    """Erase all rows; return how many there were. Their octets are overwritten, also those of rows deleted before.

    Raises MailboxError where the database can't be written, with what to do.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT_S)) as db:
            db.isolation_level = None
            db.execute("PRAGMA secure_delete = ON")
            there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            db.execute("BEGIN IMMEDIATE")
            rows = sum(db.execute(f"DELETE FROM {name}").rowcount for name in TABLES if name in there)  # noqa: S608
            db.execute("COMMIT")
            db.execute("VACUUM")
            is_held, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if is_held:
                raise MailboxError(f"{path}: another program reads it; stop gammu-smsd first, and wipe again")
    except sqlite3.Error as exc:
        raise MailboxError(f"{path}: {exc}; stop gammu-smsd, and wipe as root or in the group of its folder") from exc
    return rows
