"""Writers whose power is cut: `python -m tests.fault.cut_writers NAME FOLDER` writes for ever and tells what is kept.

A line on stdout is a claim: "after a power cut from now on, this is there". Some are known to claim too much; a rig
that does not catch them proves nothing about those it finds nothing wrong with.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

Tell = Callable[[int], None]
DOCUMENTS: Final = 100  # that the small files hold
PADDING: Final = "x" * 100


class Writer(msgspec.Struct, frozen=True):
    """How numbers 1, 2, 3 … are kept in a folder, and how the highest is found again (0: none)."""

    write: Callable[[Path, Tell], None]
    found: Callable[[Path], int]
    """Raises what its library raises when it can't be read."""
    is_safe: bool
    """Whether a power cut must not lose what it told."""


def tinydb_as_shipped(folder: Path, tell: Tell) -> None:
    from tinydb import TinyDB, where

    with TinyDB(folder / "tiny.json") as db:
        last = 0
        while True:
            last += 1
            db.insert({"n": last, "padding": PADDING})
            tell(last)
            if last % DOCUMENTS == 0:
                db.remove(where("n") <= last - DOCUMENTS // 2)


def in_tinydb(folder: Path) -> int:
    from tinydb import TinyDB

    if not (folder / "tiny.json").exists():
        return 0
    with TinyDB(folder / "tiny.json") as db:
        return max((document["n"] for document in db), default=0)


def document(last: int) -> str:
    """Return a file that holds the number and is of several blocks, of a length that changes."""
    return json.dumps({"n": last, "padding": [PADDING] * (DOCUMENTS + last % 7)})


def in_place(folder: Path, tell: Tell) -> None:
    last = 0
    while True:
        last += 1
        with (folder / "state.json").open("w", encoding="ascii") as file:
            file.write(document(last))
        tell(last)


def renamed_without_flush(folder: Path, tell: Tell) -> None:
    last = 0
    while True:
        last += 1
        (folder / "state.tmp").write_text(document(last), "ascii")
        (folder / "state.tmp").rename(folder / "state.json")
        tell(last)


def flushed_and_renamed(folder: Path, tell: Tell) -> None:
    last = 0
    while True:
        last += 1
        with (folder / "state.tmp").open("w", encoding="ascii") as file:
            file.write(document(last))
            file.flush()
            os.fsync(file.fileno())
        (folder / "state.tmp").rename(folder / "state.json")
        names = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(names)
        os.close(names)
        tell(last)


def in_state(folder: Path) -> int:
    path = folder / "state.json"
    return int(json.loads(path.read_text("ascii"))["n"]) if path.exists() else 0


def in_sqlite(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "rows.db")) as db:
        if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("the integrity check fails")
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'rows'").fetchone():
            return 0
        count, last = db.execute("SELECT count(*), coalesce(max(n), 0) FROM rows").fetchone()
        return int(last) if count == last else 0


def rows_of_sqlite(*pragmas: str, psow: bool = True) -> Callable[[Path, Tell], None]:
    def write(folder: Path, tell: Tell) -> None:
        with closing(sqlite3.connect(f"file:{folder}/rows.db{'' if psow else '?psow=0'}", uri=True)) as db:
            for pragma in pragmas:
                db.execute(f"PRAGMA {pragma}").fetchone()
            db.execute("CREATE TABLE rows (n INTEGER PRIMARY KEY, padding TEXT)")
            db.commit()
            last = 0
            while True:
                last += 1
                db.execute("INSERT INTO rows VALUES (?, ?)", (last, PADDING))
                db.commit()
                tell(last)

    return write


WRITERS: Final[dict[str, Writer]] = {
    "tinydb": Writer(tinydb_as_shipped, in_tinydb, is_safe=False),
    "in place": Writer(in_place, in_state, is_safe=False),
    "rename": Writer(renamed_without_flush, in_state, is_safe=False),
    "sqlite": Writer(rows_of_sqlite(), in_sqlite, is_safe=False),
    "sqlite WAL NORMAL": Writer(rows_of_sqlite("journal_mode=WAL", "synchronous=NORMAL"), in_sqlite, is_safe=False),
    "fsync and rename": Writer(flushed_and_renamed, in_state, is_safe=True),
    "sqlite psow=0": Writer(
        rows_of_sqlite("journal_mode=WAL", "synchronous=FULL", psow=False), in_sqlite, is_safe=True
    ),
    "sqlite WAL FULL": Writer(rows_of_sqlite("journal_mode=WAL", "synchronous=FULL"), in_sqlite, is_safe=True),
}


def say(line: Any) -> None:
    """Claim it: one line, one write."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


if __name__ == "__main__":
    WRITERS[sys.argv[1]].write(Path(sys.argv[2]), say)
