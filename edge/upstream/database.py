"""An SQLite file of the receiving side: what is committed is on the disk, and only a file of our own is touched."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Final

_TABLE: Final = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)


def opened(path: Path | str, tables: str, version: int) -> sqlite3.Connection:
    """Return a connection whose transactions are ours to begin; any thread may use it, one at a time.

    A new file gets the `tables`. Raises sqlite3.Error, and ValueError, in words for people, for the file of another
    program or version.
    """
    made = sqlite3.connect(str(path), timeout=30, isolation_level=None, check_same_thread=False)
    try:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("PRAGMA synchronous=FULL")
        if not made.execute("PRAGMA user_version").fetchone()[0]:
            if made.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise ValueError(f"{path}: is another program's database; name a file of its own")
            made.executescript(f"BEGIN IMMEDIATE;{tables}PRAGMA user_version={version};COMMIT;")
        found = made.execute("PRAGMA user_version").fetchone()[0]
        if found != version:
            raise ValueError(f"{path}: another version of vigie made it (schema {found}, {version} is expected)")
        there = {name for (name,) in made.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if missing := [name for name in _TABLE.findall(tables) if name not in there]:
            raise ValueError(
                f"{path}: is another file of vigie's, or damaged (it has no table {missing[0]}); name the right one"
            )
    except BaseException:
        made.close()
        raise
    return made
