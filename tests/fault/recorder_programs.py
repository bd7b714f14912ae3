"""Programs that keep a number, and how it is found again: five that a power cut must not hurt, three that it does.

Each counts upwards, makes the number durable in its own way, and then says it. What is found again must be the last
number said, or the next one, which was on its way.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.core.clock import ClockEntry
from edge.store.fs import RealFs, read_file
from edge.store.fs_memory import MemoryFs
from edge.store.history_write import get_cursor
from edge.store.log import Log
from edge.store.notebook import Notebook
from tests.history_rig import T0, HistoryRig

STEPS: Final = 8
BEGIN: Final = """
import json, os, sqlite3, sys
folder = sys.argv[1]
def said(number):
    os.write(1, b"%d\\n" % number)
"""


class UnreadableError(Exception):
    """The store can't say what it holds."""


class Program(msgspec.Struct, frozen=True):
    """Source, how a disk's number is found, and what is known of its promise."""

    name: str
    source: str
    found: Callable[[MemoryFs, Path], int]
    fault: str = ""
    """What a cut does to it: nothing, "unreadable", or "lost": what it had said."""
    every: int = 1
    """Of the calls, in the tests that run with each change; the history takes its time to look at itself."""


def write_out(fs: MemoryFs, folder: Path) -> None:
    """Put the disk's files into a real folder, in place of what is there."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    for inside in sorted(fs.folders - {""}):
        (folder / inside).mkdir(parents=True, exist_ok=True)
    for name in fs.names:
        (folder / name).write_bytes(read_file(fs, name))


def in_json(fs: MemoryFs, scratch: Path) -> int:
    if not fs.exists("state.json"):
        return 0
    try:
        return int(json.loads(read_file(fs, "state.json"))["n"])
    except ValueError as exc:
        raise UnreadableError(str(exc)) from exc


def in_sqlite(fs: MemoryFs, scratch: Path) -> int:
    write_out(fs, scratch)
    base = sqlite3.connect(scratch / "state.db")
    try:
        base.execute("create table if not exists t(n integer primary key, body text)")
        rows = base.execute("select n, body from t order by n").fetchall()
    except sqlite3.DatabaseError as exc:
        raise UnreadableError(str(exc)) from exc
    finally:
        base.close()
    if [number for number, _ in rows] != list(range(1, len(rows) + 1)):
        raise UnreadableError(f"rows {rows}")
    return len(rows)


def in_tinydb(fs: MemoryFs, scratch: Path) -> int:
    from tinydb import TinyDB

    write_out(fs, scratch)
    try:
        with TinyDB(scratch / "state.json") as base:
            return max((int(document["n"]) for document in base), default=0)
    except (ValueError, TypeError, KeyError) as exc:
        raise UnreadableError(str(exc)) from exc


def in_notebook(fs: MemoryFs, scratch: Path) -> int:
    notebook = Notebook(fs)
    if notebook.damage or notebook.refused:
        raise UnreadableError(f"{notebook.refused} {notebook.damage}")
    settings = notebook.settings()
    return int(settings["site.name"].value["n"]) if settings else 0


def in_log(fs: MemoryFs, scratch: Path) -> int:
    log: Log[Any] = Log(fs, "records", "records", 48 << 10, 16 << 10)
    number = int(log.registers.get("n", 0))
    seq = max(log.first_seq(), number * 5 - 20)
    while seq <= number * 5:
        entries = log.read(seq, 10).entries
        if [record.value for record in entries] != list(range(seq, seq + len(entries))) or not entries:
            raise UnreadableError(f"seq {seq} of {number * 5}")
        seq += len(entries)
    return number


def in_history(fs: MemoryFs, scratch: Path) -> int:
    """Return how far the file's own cursor is; what the log has beyond must come to it, each record once."""
    write_out(fs, scratch)
    rig = HistoryRig(scratch, RealFs(scratch), boot=2, dated=[ClockEntry(1, 0, T0, "ntp")], **SMALL)
    try:
        if rig.history.notes or rig.history.file.connection is None:
            raise UnreadableError(f"{rig.history.notes} {rig.told}")
        cursor = get_cursor(rig.history.file.connection, rig.records.stream, "records")[0]
        rig.flush()
        expected = rig.expected("t.flow")
        if cursor % 5 or (expected and rig.held("t.flow") != expected):
            raise UnreadableError(f"not each record once: {cursor} of {len(expected)}")
        return cursor // 5
    finally:
        rig.give_back()


def replacing(between: str, after: str) -> str:
    return (
        f"{BEGIN}\nfor n in range(1, {STEPS + 1}):\n"
        "    with open(folder + '/state.json.tmp', 'w') as file:\n"
        "        json.dump({'n': n, 'body': 'x' * 5000}, file)\n"
        f"{between}"
        "    os.rename(folder + '/state.json.tmp', folder + '/state.json')\n"
        f"{after}"
        "    said(n)\n"
    )


def sqlite_program(start: str) -> str:
    return (
        f"{BEGIN}{start}"
        "base.execute('create table t(n integer primary key, body text)')\n"
        "base.commit()\n"
        f"for n in range(1, {STEPS + 1}):\n"
        "    base.execute('insert into t values(?, ?)', (n, 'x' * 3000))\n"
        "    base.commit()\n"
        "    said(n)\n"
        "base.close()\n"
    )


SYNCED: Final = "        file.flush()\n        os.fsync(file.fileno())\n"
FOLDER_SYNCED: Final = "    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)\n    os.fsync(fd)\n    os.close(fd)\n"
WAL: Final = (
    "base = sqlite3.connect(f'file:{folder}/state.db?psow=0', uri=True)\n"
    "base.execute('pragma journal_mode=wal')\nbase.execute('pragma synchronous=full')\n"
    "base.execute('pragma wal_autocheckpoint=6')\n"
)
TINYDB: Final = f"""{BEGIN}
from tinydb import TinyDB, where
base = TinyDB(folder + "/state.json")
for n in range(1, {STEPS + 1}):
    base.insert({{"n": n, "body": "x" * 900}})
    base.remove(where("n") < n - 2)
    said(n)
"""
NOTEBOOK: Final = f"""{BEGIN}
from edge.core.notes import MadeSetting, Moment
from edge.store.fs import RealFs
from edge.store.notebook import Notebook
notebook = Notebook(RealFs(folder))
for n in range(1, {STEPS + 1}):
    notebook.put_setting(MadeSetting("site.name", {{"n": n, "body": "x" * n * 700}}, Moment(1, n)))
    notebook.save()
    said(n)
"""
LOG: Final = f"""{BEGIN}
from edge.core.types import Record, RecordBatch
from edge.store.fs import RealFs
from edge.store.history_write import get_cursor
from edge.store.log import Log
log = Log(RealFs(folder), "records", "records", 48 << 10, 16 << 10)
for n in range(1, 2 * {STEPS} + 1):
    log.append(RecordBatch(1, [Record("p", 0, 1, seq) for seq in range(5 * n - 4, 5 * n + 1)], {{"n": n}}))
    said(n)
log.close()
"""
SMALL: Final = {"capacity": 48 << 10, "segment": 16 << 10}
HISTORY: Final = f"""{BEGIN}
from pathlib import Path
from edge.store.fs import RealFs
from tests.history_rig import HistoryRig, gauge
rig = HistoryRig(Path(folder), RealFs(folder), **{SMALL})
for n in range(1, {STEPS} + 1):
    rig.save(*(gauge((n * 60 + minute) * 60_000, n * 10.0 + minute) for minute in range(5)))
    rig.flush()
    rig.flush()
    said(rig.records.cursor("history") // 5)
rig.close()
"""
PROGRAMS: Final = (
    Program("tmp + fsync + rename + fsync of the folder", replacing(SYNCED, FOLDER_SYNCED), in_json),
    Program("SQLite, WAL, synchronous=FULL, psow=0", sqlite_program(WAL), in_sqlite),
    Program("the notebook", NOTEBOOK, in_notebook),
    Program("the log", LOG, in_log),
    Program("the history", HISTORY, in_history, every=9),
    Program("tmp + rename without fsync", replacing("", ""), in_json, "unreadable"),
    Program(
        "SQLite as Python opens it",
        sqlite_program("base = sqlite3.connect(folder + '/state.db')\n"),
        in_sqlite,
        "lost",
    ),
    Program("TinyDB as shipped", TINYDB, in_tinydb, "unreadable"),
)
