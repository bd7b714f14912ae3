"""The same readings as rows of a database and as documents: what a box would cost that keeps them that way."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

READINGS_A_BATCH: Final = 2000
Reading = tuple[int, int, float, int]
"""UTC ms, number of the point, value, quality."""


class SqliteRows:
    """A row a reading, one transaction a batch, with the index by which a chart of one point is drawn."""

    def __init__(self, folder: Path, *pragmas: str) -> None:
        self._db = sqlite3.connect(folder / "readings.db")
        for pragma in pragmas:
            self._db.execute(f"PRAGMA {pragma}").fetchone()
        self._db.execute("CREATE TABLE reading (ts INTEGER, ch INTEGER, value REAL, quality INTEGER)")
        self._db.execute("CREATE INDEX by_channel ON reading (ch, ts)")
        self._db.commit()

    def append(self, readings: list[Reading]) -> None:
        """Return when they are as durable as this way of opening SQLite makes them."""
        self._db.executemany("INSERT INTO reading VALUES (?, ?, ?, ?)", readings)
        self._db.commit()

    def close(self) -> None:
        self._db.close()


class TinyDocuments:
    """A document a reading, one insert a batch. Each insert writes all that was ever inserted."""

    def __init__(self, folder: Path) -> None:
        from tinydb import TinyDB

        self._db = TinyDB(folder / "readings.json")

    def append(self, readings: list[Reading]) -> None:
        """Return when the file is written anew."""
        self._db.insert_multiple({"ts": ts, "ch": ch, "value": value, "q": q} for ts, ch, value, q in readings)

    def close(self) -> None:
        self._db.close()
