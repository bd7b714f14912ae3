"""All that a gateway knows, in one SQLite file: its boxes, what each said, what is still to be sent and told.

WAL with synchronous=FULL. Use it as a context: a transaction that commits at the end, or is undone by an exception.
What it hands out is read from the file each time, so that another process (`vigie gateway accept`) may write as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import msgspec

from edge.upstream.database import opened
from edge.upstream.gateway_tables import ADDED, TABLES, VERSION

State: TypeAlias = Literal["new", "accepted", "revoked"]
NO_FILE: Final = "name a file in a folder that exists and that you may write"
USED_UP: Final = "used_up_number"
"""Setting: the highest number of a box that was accepted once and is forgotten."""
NUMBER_MOST: Final = 65_535
RAW_MOST: Final = 1000
JOURNAL_MOST: Final = 10_000
BOX_COLUMNS: Final = (
    "id, number, public, state, phone, mailbox, site, session, salt, version, asked_s, last_s, every_s, signal,"
    " is_restored, settled, told, told_s, test, nacks, nacked_s, gap_s"
)


class StoreError(Exception):
    """The gateway's file can't be used: says which, why and what to do."""


class Box(msgspec.Struct):
    """A box as the gateway knows it."""

    id: str
    number: int
    """In the head of its messages, 1 to 65535."""
    public: bytes
    state: State
    phone: str
    mailbox: str
    """Of which modem its last message came."""
    site: str
    session: str | None
    salt: bytes | None
    """Of its hello, while that waits for an answer."""
    version: str
    asked_s: int
    last_s: int | None
    """UTC of its last message; None before the first one that was sealed."""
    every_s: int
    """How far apart its reports are expected, from the last one."""
    signal: int | None
    """In percent, from its last word on it."""
    is_restored: bool
    """The gateway came from a backup, and has not told the box yet."""
    settled: int
    """Highest counter up to and including which the consumer has everything, or it was given up; -1: none."""
    told: int
    """What the box was told of `settled`, and when."""
    told_s: int
    test: int | None
    """Counter of a message that asked for an acknowledgement at once."""
    nacks: int
    """How often the missing counters were asked for, and when last."""
    nacked_s: int
    gap_s: int | None
    """Since when counters are missing."""


class Came(msgspec.Struct, frozen=True):
    """A message that came in, above `settled`: the last entries that it made in each stream (0: none)."""

    counter: int
    at_s: int
    m_stream: int | None = None
    m_seq: int = 0
    ev_stream: int | None = None
    ev_seq: int = 0


class GatewayStore(AbstractContextManager["GatewayStore"]):
    """The file. Raises StoreError when it can't be used."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        if str(path) != ":memory:" and not Path(path).exists():
            with contextlib.suppress(OSError):  # sqlite3 says what is wrong
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds the gateway's key
        try:
            self.db = opened(path, TABLES, VERSION)
            try:
                self._add()
            except BaseException:
                self.db.close()
                raise
        except ValueError as exc:
            raise StoreError(str(exc)) from exc
        except sqlite3.Error as exc:
            is_there = str(path) == ":memory:" or Path(path).exists()
            cure = "`vigie gateway restore` puts a backup in its place" if is_there else NO_FILE
            raise StoreError(f"{path}: {exc}; {cure}") from exc

    def _add(self) -> None:
        if not self.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'shut_once'").fetchone():
            with self:  # of two that open it at once the second finds it done
                for statement in ADDED:
                    self.db.execute(statement)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def __enter__(self) -> Self:
        self.db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.db.execute("COMMIT")
        finally:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")

    # -- settings of the gateway itself

    def setting(self, key: str) -> Any:
        """Return what is kept under a name, or None."""
        row = self.db.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def keep(self, key: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        self.db.execute("INSERT OR REPLACE INTO setting VALUES (?,?)", (key, json.dumps(value)))

    # -- boxes

    def boxes(self) -> list[Box]:
        """Return all boxes by id."""
        rows = self.db.execute(f"SELECT {BOX_COLUMNS} FROM box ORDER BY id")  # noqa: S608 - a constant
        return [Box(*row) for row in rows]

    def box(self, id_: str) -> Box | None:
        """Return one box."""
        row = self.db.execute(f"SELECT {BOX_COLUMNS} FROM box WHERE id = ?", (id_,)).fetchone()  # noqa: S608
        return None if row is None else Box(*row)

    def box_of(self, number: int) -> Box | None:
        """Return the box of the number in a head."""
        row = self.db.execute(f"SELECT {BOX_COLUMNS} FROM box WHERE number = ?", (number,)).fetchone()  # noqa: S608
        return None if row is None else Box(*row)

    def add_box(self, id_: str, public: bytes, phone: str, mailbox: str, version: str, now_s: int) -> Box:
        """Make a box that waits to be accepted, with the lowest number that none sealed with before.

        Raises StoreError without one. A number stands in the head of each message, and messages of a box that was
        forgotten may still be on their way, or in who knows whose hands.
        """
        taken = {row[0] for row in self.db.execute("SELECT number FROM box")}
        number = next((one for one in range(self._used_up() + 1, NUMBER_MOST + 1) if one not in taken), None)
        if number is None:
            raise StoreError("65,535 boxes are or were there: no number is free; start a second gateway")
        self.db.execute(
            "INSERT INTO box (id, number, public, state, phone, mailbox, version, asked_s) VALUES (?,?,?,?,?,?,?,?)",
            (id_, number, public, "new", phone, mailbox, version, now_s),
        )
        found = self.box(id_)
        assert found is not None  # noqa: S101 - inserted above
        return found

    def update(self, box: Box) -> None:
        """Write all that may change of a box."""
        names = BOX_COLUMNS.split(", ")[1:]
        values = [getattr(box, name) for name in names]
        marks = ", ".join(f"{name} = ?" for name in names)
        self.db.execute(f"UPDATE box SET {marks} WHERE id = ?", (*values, box.id))  # noqa: S608 - constants

    def forget(self, id_: str) -> None:
        """Forget a box's key and what is under way; its log, accounts, journal and schemas stay, its number is over."""
        box = self.box(id_)
        if box is not None and box.session is not None:  # else nobody ever sealed with it
            self.keep(USED_UP, max(self._used_up(), box.number))
        for table in ("box", "claim", "came", "nacked", "unread", "held", "empty", "outgoing", "shut"):
            column = "id" if table == "box" else "box"
            self.db.execute(f"DELETE FROM {table} WHERE {column} = ?", (id_,))  # noqa: S608 - constants

    def _used_up(self) -> int:
        number: int = self.setting(USED_UP) or 0
        return number

    # -- what came in

    def came(self, box: str) -> list[Came]:
        """Return what came of a box above `settled`, by counter."""
        query = "SELECT counter, at_s, m_stream, m_seq, ev_stream, ev_seq FROM came WHERE box = ? ORDER BY counter"
        return [Came(*row) for row in self.db.execute(query, (box,))]

    def add_came(self, box: str, came: Came) -> None:
        """Take note of a message that came."""
        values = (box, came.counter, came.at_s, came.m_stream, came.m_seq, came.ev_stream, came.ev_seq)
        self.db.execute("INSERT OR REPLACE INTO came VALUES (?,?,?,?,?,?,?)", values)

    def add_raw(self, at_s: int, mailbox: str, phone: str, octets: bytes, text: str, why: str) -> None:
        """Keep what could not be read as it came; the oldest goes when there is too much."""
        self.db.execute(
            "INSERT INTO raw (at_s, mailbox, phone, octets, text, why) VALUES (?,?,?,?,?,?)",
            (at_s, mailbox, phone, octets[:1000], text[:1000], why),
        )
        self.db.execute("DELETE FROM raw WHERE id <= (SELECT max(id) FROM raw) - ?", (RAW_MOST,))

    # -- accounts and journal

    def count(self, box: str, month: str, way: str) -> None:
        """Count one message: way "in" from the box, "out" to it, "refused" what nobody could open."""
        self.db.execute(
            "INSERT INTO account VALUES (?,?,?,1) ON CONFLICT (box, month, way) DO UPDATE SET count = count + 1",
            (box, month, way),
        )

    def counted(self, month: str) -> dict[tuple[str, str], int]:
        """Return the messages of a month such as "2026-11" by (box, way)."""
        rows = self.db.execute("SELECT box, way, count FROM account WHERE month = ?", (month,))
        return {(box, way): count for box, way, count in rows}

    def journal(self, at_s: int, box: str, kind: str, **words: Any) -> None:
        """Write down what happened; the oldest goes when there is too much."""
        text = json.dumps(words, ensure_ascii=False)
        self.db.execute("INSERT INTO journal (at_s, box, kind, words) VALUES (?,?,?,?)", (at_s, box, kind, text))
        self.db.execute("DELETE FROM journal WHERE id <= (SELECT max(id) FROM journal) - ?", (JOURNAL_MOST,))
