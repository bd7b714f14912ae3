"""The mailbox on gammu-smsd's SQLite database: the daemon owns the modem, this hands over and takes in.

Rows go to `outbox` with stamps in the past (a daemon in a zone west of Greenwich would hold them back for hours) and
come out in `sentitems` under the same id; what a phone or gateway sent stands in `inbox` until it is dealt with. A key
is remembered in a table of our own, in the same transaction: handed over twice, also across a power cut, it goes once.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sms.mailbox import Fate, Health, Outcome, Outgoing, Received
from sms.smsd_age import Ages
from sms.smsd_file import SmsdFile
from sms.smsd_health import health
from sms.smsd_inbox import Row, messages, rows_of, utc_s
from sms.smsd_log import LOG
from sms.smsd_outbox import check, validity

KEYS_KEPT: Final = 5_000
"""Keys that are remembered after their message was settled: the newest."""
REPORT_WAIT_S: Final = 8 * 86_400
"""A phone's receipt that did not come in this time does not come."""
AGAIN: Final = "again "
"""Before what was noted of a key that was handed over once more: its fate is told again."""
TOLD: Final = {"sent": "SendingOK", "delivered": "DeliveryOK"}
LONG_AGO: Final = "2001-01-01 00:00:00"

_FATES: Final[dict[str, Fate]] = {
    "SendingOK": "sent", "SendingOKNoReport": "sent", "DeliveryPending": "sent", "DeliveryUnknown": "sent",
    "DeliveryOK": "delivered", "DeliveryFailed": "failed", "SendingError": "failed", "Error": "failed",
}  # fmt: skip


class Smsd:
    """`sms.mailbox.Mailbox` on the database at `path`; used by one thread at a time."""

    def __init__(
        self,
        path: str | Path,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        log: Path = LOG,
        flush: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self._file = SmsdFile(path, flush)
        self._wall = wall
        self._log = log
        self._ages = Ages(monotonic, wall)

    @contextmanager
    def _transaction(self, how: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        connection = self._file.connection()
        try:
            connection.execute(f"BEGIN {how}")
            try:
                yield connection
                connection.execute("COMMIT")
                if how == "IMMEDIATE":
                    self._file.sync()
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as exc:
            raise self._file.said(exc) from exc

    @contextmanager
    def _statements(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for statements each of which is a transaction of its own, durable together at the end.

        The daemon waits for no lock: what need not be one transaction must not hold it from one statement to the next.
        """
        connection = self._file.connection()
        try:
            yield connection
        except sqlite3.Error as exc:
            raise self._file.said(exc) from exc
        self._file.sync()

    def enqueue(self, message: Outgoing) -> None:
        """Hand a message over. Raises MailboxError; ValueError for a message that does not fit one SMS."""
        check(message)
        with self._transaction("DEFERRED") as db:
            known = db.execute("SELECT noted FROM vigie_message WHERE key = ?", (message.key,)).fetchone()
        if known is not None:
            if known[0] and not known[0].startswith(AGAIN):  # who asks has forgotten what he was told
                again = "UPDATE vigie_message SET settled = 0, noted = ? WHERE key = ?"
                with self._statements() as db:
                    db.execute(again, (f"{AGAIN}{known[0]}", message.key))
            return
        with self._transaction() as db:
            row = db.execute(
                "INSERT INTO outbox (CreatorID, DestinationNumber, Coding, Text, UDH, TextDecoded, Class, MultiPart,"
                " RelativeValidity, DeliveryReport, Priority, SendingDateTime, SendingTimeOut)"
                " VALUES (?, ?, ?, ?, NULL, ?, -1, 'false', ?, ?, ?, ?, ?)",
                (
                    message.key, message.number, "8bit" if message.octets else "Default_No_Compression",
                    message.octets.hex().upper() or None, message.text, validity(message.valid_s),
                    "yes" if message.wants_report else "no", message.priority, LONG_AGO, LONG_AGO,
                ),
            ).lastrowid  # fmt: skip
            db.execute(
                "INSERT INTO vigie_message (id, key, number, handed_utc_s, wants_report) VALUES (?, ?, ?, ?, ?)",
                (row, message.key, message.number, int(self._wall()), message.wants_report),
            )
        if row is not None:
            self._ages.begin(row)

    def cancel(self, key: str) -> bool:
        """Take back a message that the daemon has not touched yet; one that it tried once is on its way."""
        with self._statements() as db:
            taken = db.execute(
                "DELETE FROM outbox WHERE SendingTimeOut = ? AND ID = (SELECT id FROM vigie_message WHERE key = ?)",
                (LONG_AGO, key),
            ).rowcount
            if taken:
                db.execute("UPDATE vigie_message SET settled = 1, noted = 'cancelled' WHERE key = ?", (key,))
        return taken > 0

    def outcomes(self) -> list[Outcome]:
        """Return what is known and not yet noted. A row that vanished from both tables counts as failed."""
        with self._transaction("DEFERRED") as db:
            rows = db.execute(
                "SELECT m.key, m.number, m.noted, s.Status, s.StatusCode, s.StatusError,"
                " coalesce(s.DeliveryDateTime, s.SendingDateTime) FROM vigie_message m"
                " LEFT JOIN sentitems s ON s.ID = m.id AND s.SequencePosition = 1"
                " LEFT JOIN outbox o ON o.ID = m.id"
                " WHERE m.settled = 0 AND (s.ID IS NOT NULL OR o.ID IS NULL) ORDER BY m.id"
            ).fetchall()
        found = []
        for key, number, noted, status, code, report, at in rows:
            told_before = noted.removeprefix(AGAIN) if status is None else ""
            fate = _FATES.get(status or TOLD.get(told_before, ""), "failed")
            if fate != noted:
                said = report if status in {"DeliveryOK", "DeliveryFailed"} else code
                at_utc_s = utc_s(at)
                found.append(
                    Outcome(
                        key, number, fate, said if said is not None and said >= 0 else None,
                        int(self._wall()) if at_utc_s is None else at_utc_s,
                    )
                )  # fmt: skip
        return found

    def noted(self, outcomes: list[Outcome]) -> None:
        """Forget these: the text is deleted, the key is kept. What a phone may still confirm is kept for some days."""
        with self._statements() as db:
            for outcome in outcomes:
                db.execute(
                    "UPDATE vigie_message SET noted = ?, code = ? WHERE key = ?",
                    (outcome.fate, outcome.code, outcome.key),
                )
            # a daemon killed between its two transactions left the row that it has sent, and would send it once more
            db.execute(
                "DELETE FROM outbox WHERE EXISTS"
                " (SELECT 1 FROM vigie_message m WHERE m.id = outbox.ID AND m.noted IN ('sent', 'delivered'))"
            )
            over = int(self._wall()) - REPORT_WAIT_S
            db.execute(
                "UPDATE vigie_message SET settled = 1 WHERE settled = 0 AND (noted IN ('delivered', 'failed')"
                " OR noted = 'sent' AND (NOT wants_report OR handed_utc_s < ?))",
                (over,),
            )
            db.execute(
                "DELETE FROM sentitems WHERE EXISTS"
                " (SELECT 1 FROM vigie_message m WHERE m.id = sentitems.ID AND m.settled)"
            )
            db.execute(
                "DELETE FROM vigie_message WHERE settled = 1 AND id < (SELECT max(id) FROM vigie_message) - ?",
                (KEYS_KEPT,),
            )

    def received(self, limit: int = 50) -> list[Received]:
        """Return what came in; a long text when all its parts are there, or no more are waited for."""
        with self._transaction("DEFERRED") as db:
            rows = db.execute(
                "SELECT ID, SenderNumber, Coding, UDH, Text, TextDecoded, ReceivingDateTime, UpdatedInDB FROM inbox"
                " WHERE Processed = 'false' ORDER BY ID LIMIT ?",
                (limit + 255,),  # a long text has at most 255 parts
            ).fetchall()
        return messages((Row(*row) for row in rows), self._wall())[:limit]

    def done(self, ids: list[str]) -> None:
        """Delete these; an id that is not there any more is passed over."""
        rows = [(row,) for name in ids for row in rows_of(name)]
        if rows:
            with self._statements() as db:
                for row in rows:
                    db.execute("DELETE FROM inbox WHERE ID = ?", row)

    def health(self) -> Health:
        """Return what the daemon last wrote of its modem."""
        with self._transaction("DEFERRED") as db:
            return health(db, self._ages, int(self._wall()), self._log)

    def close(self) -> None:
        """Give the database back."""
        self._file.close()
