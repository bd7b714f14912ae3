"""What each box said, as numbered logs: two streams a box, read by the same outboxes as a box's own logs.

Entries are kept for a month after the consumer acknowledged them, so that one that lost its store can have them again.
Their times are UTC already: everything is of one start, dated from 1970 on.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final, Generic, Literal, TypeAlias

import msgspec

from edge.core.clock import ClockEntry, Dating
from edge.core.ports import Chunk, Entry
from edge.core.types import Event, Record
from edge.upstream.gateway_store import GatewayStore

Log: TypeAlias = Literal["m", "ev"]
BOOT: Final = 1
TRUST: Final = "person"
"""The least that dates a record on a box; a message doesn't tell by whom its clock was set."""
KEPT_S: Final = 30 * 86_400

_FORMS: Final[dict[str, Any]] = {"m": Record, "ev": Event}
_encode = msgspec.msgpack.Encoder().encode


def dating() -> Dating:
    """Return the dating of entries whose times are UTC already."""
    found = Dating()
    found.add(ClockEntry(BOOT, 0, 0, TRUST))
    return found


class Stream(msgspec.Struct):
    """One stream as the file has it."""

    row: int
    box: str
    log: Log
    stream: str
    first: int
    next: int
    acked: int
    is_open: bool
    """New entries go here; a stream of before a restore is only read."""


class GatewayLog:
    """The streams of all boxes. Writing belongs inside a transaction of the store."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store

    def streams(self) -> list[Stream]:
        """Return all streams that have entries, the older first."""
        query = "SELECT id, box, log, stream, first, next, acked, is_open FROM stream ORDER BY id"
        return [Stream(*row) for row in self._store.db.execute(query)]

    def append(self, box: str, log: Log, entries: Sequence[Record | Event], now_s: int) -> tuple[int, int]:
        """Number entries and keep them; return the row of their stream and the seq of the last."""
        row, seq = self._open_stream(box, log)
        rows = [(row, seq + place, now_s, _encode(entry)) for place, entry in enumerate(entries)]
        self._store.db.executemany("INSERT INTO entry VALUES (?,?,?,?)", rows)
        self._store.db.execute("UPDATE stream SET next = ? WHERE id = ?", (seq + len(rows), row))
        return row, seq + len(rows) - 1

    def _open_stream(self, box: str, log: Log) -> tuple[int, int]:
        query = "SELECT id, next FROM stream WHERE box = ? AND log = ? AND is_open"
        found = self._store.db.execute(query, (box, log)).fetchone()
        if found is not None:
            return found[0], found[1]
        made = self._store.db.execute(
            "INSERT INTO stream (box, log, stream) VALUES (?,?,?)", (box, log, secrets.token_hex(4))
        )
        return int(made.lastrowid or 0), 1

    def close_all(self) -> None:
        """After a restore: no number of before is given twice, what comes goes to new streams."""
        self._store.db.execute("UPDATE stream SET is_open = 0")

    def forget(self, now_s: int) -> int:
        """Drop what was acknowledged and is older than KEPT_S; return how many entries that was."""
        query = "DELETE FROM entry WHERE at_s < ? AND seq <= (SELECT acked FROM stream WHERE stream.id = entry.stream)"
        gone = self._store.db.execute(query, (now_s - KEPT_S,)).rowcount
        if gone:
            self._store.db.execute(
                "UPDATE stream SET first = coalesce((SELECT min(seq) FROM entry WHERE entry.stream = stream.id), next)"
            )
        return gone

    def reader(self, stream: Stream) -> StreamReader[Any]:
        """Return a stream as a consumer reads it."""
        return StreamReader(self._store, stream)


class StreamReader(Generic[Entry]):
    """`edge.core.ports.Reader` of one stream; one consumer, whose cursor is in the file."""

    def __init__(self, store: GatewayStore, stream: Stream) -> None:
        self.stream = stream.stream
        self.box = stream.box
        self.log = stream.log
        self._row = stream.row
        self._store = store
        self._decode = msgspec.msgpack.Decoder(_FORMS[stream.log]).decode
        self._first, self._next, self._acked = stream.first, stream.next, stream.acked

    def refresh(self, stream: Stream) -> None:
        """Take the bounds as the file has them now."""
        self._first, self._next, self._acked = stream.first, stream.next, stream.acked

    def first_seq(self) -> int:
        """Return the oldest seq still held."""
        return self._first

    def next_seq(self) -> int:
        """Return the seq that the next entry will get."""
        return self._next

    def read(self, seq: int, limit: int) -> Chunk[Entry]:
        """Return at most `limit` entries from `seq` on."""
        seq = max(seq, self._first)
        query = "SELECT body FROM entry WHERE stream = ? AND seq >= ? ORDER BY seq LIMIT ?"
        rows = self._store.db.execute(query, (self._row, seq, limit))
        return Chunk(seq, BOOT, [self._decode(row[0]) for row in rows])

    def cursor(self, consumer: str) -> int:
        """Return the highest seq acknowledged."""
        return self._acked

    def acknowledge(self, consumer: str, seq: int) -> None:
        """Move the cursor forward, durably; never back."""
        seq = min(seq, self._next - 1)
        if seq > self._acked:
            with self._store:
                self._store.db.execute("UPDATE stream SET acked = ? WHERE id = ? AND acked < ?", (seq, self._row, seq))
            self._acked = seq
