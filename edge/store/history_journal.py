"""The events in history's file: a bounded copy of the events log, dated as soon as their start of the box is.

Events don't wait for a date as records do: what happened in a start without a clock is in the journal at once, and gets
its UTC when that start has a clock entry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from edge.core.clock import Dating
from edge.core.ports import Gap, Reader
from edge.core.series import JournalLine
from edge.core.types import Event
from edge.store.history_write import close_gap, get_cursor, put_cursor, put_gap

ROWS: Final = 200_000
AT_ONCE: Final = 2000  # events a transaction
TAIL: Final = 50_000  # events of the log that are looked at for an answer
_OLDEST: Final = "SELECT seq FROM journal WHERE stream = ? ORDER BY seq LIMIT 1"
_NEWEST: Final = "SELECT seq FROM journal WHERE stream = ? ORDER BY seq DESC LIMIT 1"
_PUT: Final = "REPLACE INTO journal VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"


def events_of(log: Reader[Event], first: int, most: int) -> Iterator[tuple[int, int, Event] | Gap]:
    """Return seq, start and event of those from `first` on, `most` seqs at the most, and the gaps between them."""
    end = min(log.next_seq(), first + most)
    while first < end:
        chunk = log.read(first, end - first)
        if chunk.gap is not None:
            yield chunk.gap
            first = chunk.gap.last + 1
            continue
        if not chunk.entries:
            return
        for seq, event in enumerate(chunk.entries, first):
            yield seq, chunk.boot, event
        first += len(chunk.entries)


def stamp(dating: Dating, boot: int, at_ms: int) -> tuple[int | None, str]:
    """Return UTC and the clock's word of an instant; None and no word while its start is undated."""
    entry = dating.entry(boot, at_ms)
    return (None, "") if entry is None else (entry.utc_ms + at_ms - entry.at_ms, entry.source)


class Journal:
    """Writes the journal and answers from it."""

    def __init__(self, log: Reader[Event], dating: Dating, rows: int = ROWS) -> None:
        self._log = log
        self._dating = dating
        self._rows = rows

    def store(self, connection: sqlite3.Connection) -> int:
        """Take what the events log has and the file has not, within the caller's transaction; return the new cursor."""
        stream = self._log.stream
        cursor, end_ms = get_cursor(connection, stream, "events")
        number = self._number(connection)
        for found in events_of(self._log, cursor + 1, AT_ONCE):
            if isinstance(found, Gap):
                put_gap(connection, stream, "events", found, end_ms)
                cursor = found.last
                continue
            cursor, boot, event = found
            t_ms, trust = stamp(self._dating, boot, event.at_ms)
            words = msgspec.json.encode(event.values).decode()
            row = (number, cursor, boot, event.at_ms, t_ms, trust, event.kind, event.point, words)
            connection.execute(_PUT, row)
            if t_ms is not None:
                close_gap(connection, stream, "events", t_ms)
                end_ms = t_ms
        put_cursor(connection, stream, "events", cursor, end_ms)
        self._date(connection)
        self._trim(connection)
        return cursor

    def _number(self, connection: sqlite3.Connection) -> int:
        """Return the number of the log's stream: later streams have higher ones."""
        connection.execute("INSERT OR IGNORE INTO stream(name) VALUES(?)", (self._log.stream,))
        return int(connection.execute("SELECT id FROM stream WHERE name = ?", (self._log.stream,)).fetchone()[0])

    def _date(self, connection: sqlite3.Connection) -> None:
        """Give their UTC to events whose start has a date by now."""
        for (boot,) in connection.execute("SELECT DISTINCT boot FROM journal WHERE t_ms IS NULL").fetchall():
            if self._dating.entry(boot, 0) is None:
                continue
            query = "SELECT at_ms, stream, seq FROM journal WHERE t_ms IS NULL AND boot = ?"
            rows = [(*stamp(self._dating, boot, row[0]), *row[1:]) for row in connection.execute(query, (boot,))]
            connection.executemany("UPDATE journal SET t_ms = ?, trust = ? WHERE stream = ? AND seq = ?", rows)

    def _trim(self, connection: sqlite3.Connection) -> None:
        """Keep the newest rows only. Seqs are contiguous, so two look-ups count a stream."""
        left = self._rows
        for (number,) in connection.execute("SELECT id FROM stream ORDER BY id DESC").fetchall():
            oldest = connection.execute(_OLDEST, (number,)).fetchone()
            if oldest is None:
                continue
            least, most = oldest[0], connection.execute(_NEWEST, (number,)).fetchone()[0]
            if most - least + 1 > left:
                connection.execute("DELETE FROM journal WHERE stream = ? AND seq <= ?", (number, most - left))
            left -= min(most - least + 1, left)

    def lines(
        self, connection: sqlite3.Connection | None, before: int | None, limit: int, kinds: frozenset[str]
    ) -> list[JournalLine]:
        """Return at most `limit` events of the log in use, newest first: those not in the file yet, then the file's."""
        stream = self._log.stream
        cursor = 0 if connection is None else get_cursor(connection, stream, "events")[0]
        first = max(cursor + 1, self._log.next_seq() - TAIL)
        found = []
        for tail in events_of(self._log, first, TAIL):
            if isinstance(tail, Gap) or (before is not None and tail[0] >= before):
                continue
            seq, boot, event = tail
            if not kinds or event.kind in kinds:
                t_ms, trust = stamp(self._dating, boot, event.at_ms)
                found.append(JournalLine(stream, seq, boot, t_ms, trust, event.kind, event.point, event.values))
        found = found[::-1][:limit]
        if connection is not None and len(found) < limit:
            found += self._stored(connection, before, limit - len(found), kinds)
        return found

    def _stored(
        self, connection: sqlite3.Connection, before: int | None, limit: int, kinds: frozenset[str]
    ) -> Iterator[JournalLine]:
        stream = self._log.stream
        query = (
            "SELECT seq, boot, at_ms, t_ms, trust, kind, point, words FROM journal "
            "WHERE stream = (SELECT id FROM stream WHERE name = ?1) AND seq < ?2 "
            "AND (?3 = '[]' OR kind IN (SELECT value FROM json_each(?3))) ORDER BY seq DESC LIMIT ?4"
        )
        words_of = msgspec.json.decode
        kinds_text = msgspec.json.encode(sorted(kinds)).decode()
        end = 2**62 if before is None else before
        rows = connection.execute(query, (stream, end, kinds_text, limit))
        for seq, boot, at_ms, t_ms, trust, kind, point, words in rows:
            dated_ms, word = (t_ms, trust) if t_ms is not None else stamp(self._dating, boot, at_ms)
            yield JournalLine(stream, seq, boot, dated_ms, word, kind, point, words_of(words))
