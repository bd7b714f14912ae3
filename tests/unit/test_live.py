"""The last line of `make run`: what was read, stored, acknowledged, lost, and what is still in the box."""

from __future__ import annotations

import argparse
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.cli.live import Demonstration


def demonstration(folder: Path, stored: int, figures: dict[str, Any], *, mosquitto: str = "true") -> Demonstration:
    """Return one that has ended with these figures; `true` stands for a broker that is not started here."""
    made = Demonstration(argparse.Namespace(config=None, mosquitto=mosquitto), folder)
    made.figures = figures
    with closing(sqlite3.connect(made.database)) as database, database:
        database.execute("CREATE TABLE records (seq)")
        database.executemany("INSERT INTO records VALUES (?)", [(seq,) for seq in range(stored)])
    return made


def ended(records: int, acknowledged: int, following: int | None = None) -> dict[str, Any]:
    return {
        "records": records,
        "next": records + 1 if following is None else following,
        "kept": records,
        "acknowledged": {"mqtt": acknowledged},
    }


@pytest.mark.parametrize(
    ("stored", "figures", "line", "code"),
    [
        (35, ended(35, 35), "read 35 · stored 35 · acknowledged 35 · lost 0", 0),
        (2, ended(35, 2), "read 35 · stored 2 · acknowledged 2 · lost 0 · 33 still in the box", 1),
        (35, ended(35, 30), "read 35 · stored 35 · acknowledged 30 · lost 0", 1),
        (33, ended(35, 35), "read 35 · stored 33 · acknowledged 35 · lost 2", 1),
        (30, ended(35, 30, 31), "read 35 · stored 30 · acknowledged 30 · lost 5", 1),
        (0, ended(0, 0), "read 0 · stored 0 · acknowledged 0 · lost 0", 1),
        (0, {}, "read 0 · stored 0 · acknowledged 0 · lost 0", 1),
    ],
    ids=["all", "cut", "unheard", "consumer-lost", "never-kept", "nothing", "no-figures"],
)
def test_the_last_line_agrees_with_its_exit_code(
    tmp_path: Path, stored: int, figures: dict[str, Any], line: str, code: int
) -> None:
    assert demonstration(tmp_path, stored, figures).verdict() == (line, code)


def test_without_a_broker_what_counts_is_what_the_box_keeps(tmp_path: Path) -> None:
    alone = demonstration(tmp_path, 0, ended(214, 0), mosquitto="no-such-broker")
    assert alone.broker is None
    assert alone.verdict() == ("no broker: 214 records kept", 0)
    assert alone.cut_link().startswith("no broker")
    alone.figures = {}
    assert alone.verdict() == ("no broker: 0 records kept", 1)
