"""How much history is kept: records go oldest first, by age or size; sums, gaps and journal stay.

What is deleted leaves free pages in the file, which the next hours take: its size counts without them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Final

from edge.core.calendar import DAY_MS
from edge.store.history_schema import transaction, used_octets
from edge.store.history_write import block_key, key_hour

HOURS: Final = 24  # at once: a clock that is years ahead must not empty history in an hour
SPARE_OCTETS: Final = 1 << 20


def oldest_hour(connection: sqlite3.Connection) -> int | None:
    """Return the UTC ms of the oldest hour of which there are records."""
    row = connection.execute("SELECT key FROM block ORDER BY key LIMIT 1").fetchone()
    return None if row is None else key_hour(row[0])


def newest_hour(connection: sqlite3.Connection) -> int | None:
    """Return the UTC ms of the newest hour of which there are records."""
    row = connection.execute("SELECT key FROM block ORDER BY key DESC LIMIT 1").fetchone()
    return None if row is None else key_hour(row[0])


def _drop_oldest(connection: sqlite3.Connection) -> bool:
    """Delete the records of the oldest hour, never of the newest one; return whether there was one."""
    oldest = oldest_hour(connection)
    if oldest is None or oldest == newest_hour(connection):
        return False
    connection.execute("DELETE FROM block WHERE key < ?", (block_key(oldest + 3_600_000, 0),))
    return True


def drop_aged(connection: sqlite3.Connection, now_ms: int, raw_days: int) -> int:
    """Delete records older than so many days, within the caller's transaction; return of how many hours."""
    for count in range(HOURS):
        oldest = oldest_hour(connection)
        if oldest is None or oldest >= now_ms - raw_days * DAY_MS or not _drop_oldest(connection):
            return count
    return HOURS


def drop_above(connection: sqlite3.Connection, max_octets: int) -> int:
    """Delete the oldest records while the file has more than this in use; return of how many hours."""
    count = 0
    while count < HOURS and used_octets(connection) > max_octets and _drop_oldest(connection):
        count += 1
    return count


def make_room(connection: sqlite3.Connection, octets: int) -> int:
    """Delete the oldest records until the file has room for so much within itself; return of how many hours.

    For a card that is full. Raises sqlite3.Error when even that finds no room.
    """
    wanted = octets * 3 // 2 + SPARE_OCTETS
    page = int(connection.execute("PRAGMA page_size").fetchone()[0])
    count = 0
    _empty_ahead(connection)  # what stands in it already is room for what deleting writes
    with transaction(connection):
        while int(connection.execute("PRAGMA freelist_count").fetchone()[0]) * page < wanted:
            if not _drop_oldest(connection):
                break
            count += 1
    _empty_ahead(connection)
    return count


def _empty_ahead(connection: sqlite3.Connection) -> None:
    """Bring the write-ahead log into the file and give its room back, as far as there is room for that."""
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
