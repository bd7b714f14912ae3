"""The page that draws history's file says what the code does."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from edge.core.series import HistoryRecord
from edge.store.history_blocks import FIELDS, unpack_block
from edge.store.history_journal import ROWS
from edge.store.history_schema import APPLICATION_ID, POINT_BITS, TABLES, VERSION
from edge.store.history_sums import LENGTHS
from edge.store.history_write import block_key
from tests.history_rig import HOUR, T0, counter, history_rig
from tests.support import ROOT

PAGE = (ROOT / "docs" / "reference" / "history-format.md").read_text(encoding="utf-8")
FENCES = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)


def test_the_tables_of_the_page_are_those_of_the_file() -> None:
    (drawn,) = (text for kind, text in FENCES if kind == "sql" and "CREATE" in text)
    made = re.findall(r"CREATE TABLE .*?;", TABLES, re.DOTALL)
    assert re.findall(r"CREATE TABLE .*?;", drawn, re.DOTALL) == made
    names = re.findall(r"CREATE TABLE (\w+)", TABLES)
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == names


def test_the_octets_of_the_page_are_the_record_it_says() -> None:
    (drawn,) = (text for kind, text in FENCES if not kind and re.fullmatch(r"[0-9a-f \n]+", text))
    assert unpack_block(bytes.fromhex(drawn), T0, 1).records() == [HistoryRecord(T0, 1000, 20.5, trust="ntp")]
    assert T0 % HOUR == 0


def test_figures_and_names_of_the_page_are_those_of_the_code() -> None:
    text = PAGE.replace("\n", " ")
    assert f"is 0x{APPLICATION_ID:x}" in text
    assert f"Version {VERSION}." in text
    assert f"t0 / 3600000 << {POINT_BITS} \\| point" in PAGE
    assert block_key(T0, 7) == T0 // HOUR << POINT_BITS | 7
    assert f"The newest {ROWS:,} stay" in text
    places = [text.index(f"`{name}`", text.index("The columns, in this order")) for name in FIELDS]
    assert places == sorted(places)
    assert [text.index(f"{length} (") if length != "hour" else 0 for length in LENGTHS[1:]]


def test_the_question_of_the_page_is_answered_by_sqlite_alone(tmp_path: Path) -> None:
    (question,) = (text for kind, text in FENCES if kind == "sql" and text.startswith("SELECT"))
    with history_rig(tmp_path) as rig:
        rig.save(*(counter(at * 60_000, at + 1.0, 1.0) for at in range(90)))
        rig.flush()
        with closing(sqlite3.connect(f"file:{tmp_path}/history.db?mode=ro", uri=True)) as db:
            assert db.execute(question).fetchall() == [("2026-11-20 09:00:00", 60.0), ("2026-11-20 10:00:00", 30.0)]
