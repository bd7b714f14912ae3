"""A database of gammu-smsd in a folder, and what the daemon would write into it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sms.smsd import Smsd
from sms.smsd_making import SHIPPED, made
from tests.support import ManualClock

UTC_S = 1_795_166_000


def needs_schema() -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not any(SHIPPED.glob("sqlite.sql*")), reason="gammu-smsd is not installed: its schema is not there"
    )


class Daemon:
    """What gammu-smsd does to its database, statement by statement, without a modem."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "smsd.db"
        made(self.path)
        self.clock = ManualClock(utc_ms=UTC_S * 1000)
        self.mailbox = Smsd(self.path, lambda: self.clock.monotonic_ns() / 1e9, lambda: self.clock.utc_ms() / 1000)

    def sql(self, statement: str, *values: Any) -> list[Any]:
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def sends(
        self, row: int, status: str = "SendingOKNoReport", code: int = -1, *, is_killed_between: bool = False
    ) -> None:
        """The row goes to sentitems and leaves outbox, in two transactions as the daemon does it."""
        self.sql(
            "INSERT INTO sentitems (CreatorID, ID, SequencePosition, Status, SendingDateTime, SenderID, Text,"
            " DestinationNumber, Coding, UDH, TextDecoded, StatusCode) SELECT CreatorID, ID, 1, ?,"
            " '2026-11-20 10:00:00', '', coalesce(Text, ''), DestinationNumber, Coding, '', TextDecoded, ? FROM outbox"
            " WHERE ID = ?",
            status, code, row,
        )  # fmt: skip
        if not is_killed_between:
            self.sql("DELETE FROM outbox WHERE ID = ?", row)

    def receives(self, text: str = "", *, octets: bytes = b"", number: str = "+33600000001", udh: str = "",
                 stored: str = "2026-11-20 09:13:20", received: str = "2026-11-20 09:13:00") -> None:  # fmt: skip
        self.sql(
            "INSERT INTO inbox (UpdatedInDB, ReceivingDateTime, Text, SenderNumber, Coding, UDH, TextDecoded,"
            " RecipientID) VALUES (?, ?, ?, ?, ?, ?, ?, '')",
            stored, received, octets.hex().upper() or text.encode("utf-16-be").hex().upper(), number,
            "8bit" if octets else "Default_No_Compression", udh, text,
        )  # fmt: skip

    def beats(self, stamp: str = "2026-11-20 09:13:30", *, signal: int = 42, code: str = "208 01",
              name: str = "Orange F", imei: str = "999999999999999") -> None:  # fmt: skip
        self.sql(
            "INSERT OR REPLACE INTO phones (ID, TimeOut, IMEI, IMSI, NetCode, NetName, Client, Signal, Sent, Received)"
            " VALUES ('', ?, ?, '994299429942994', ?, ?, 'x', ?, 3, 2)",
            stamp, imei, code, name, signal,
        )  # fmt: skip
