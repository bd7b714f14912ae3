"""`docs/receive.md` is true: its foreign consumer rebuilds the table from nothing but the broker; its views exist."""

from __future__ import annotations

import argparse
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge.cli import receive
from edge.cli.broker import host_and_port
from edge.core.types import Record
from edge.upstream.ledger import Ledger
from hal.sample import BAD, UNCERTAIN
from tests.fault.harness import rig
from tests.support import ROOT

PAGE = (ROOT / "docs" / "receive.md").read_text(encoding="utf-8")
CONSUMER = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]


@pytest.mark.slow(reason="a foreign consumer, started late, is served by the next batches and after a stall of 5 s")
def test_a_foreign_consumer_of_the_page_rebuilds_the_table_and_moves_the_cursor(tmp_path: Path) -> None:
    assert len(CONSUMER.splitlines()) <= 50
    script, table = tmp_path / "consumer.py", tmp_path / "foreign.db"
    script.write_text(CONSUMER)
    with rig(tmp_path) as made:
        bench = made.bench
        bench.records.append(
            [
                Record("t.cellar", 1000, 1000, 20.5),
                Record("tic.papp", 1000, 1000, None, BAD, "no_answer", 0),
                Record("tic.papp", 2000, 1000, 1234, UNCERTAIN, "power_cut"),
                Record("tarif", 2000, 1000, "HP"),
            ]
        )
        bench.write(996)
        bench.records.damage(500, 520)
        bench.happen("start", version="1.0")
        foreign = subprocess.Popen([sys.executable, str(script), f"127.0.0.1:{made.broker.port}", str(table)])
        try:
            made.run_for(4, lambda: bench.write(1))  # a box that lives: its next batch meets the consumer
            made.line.down()
            made.line.up()  # what was on its way comes again and changes nothing
            made.run_for(7, lambda: bench.write(1))
            made.settle()
        finally:
            foreign.terminate()
            foreign.wait(10)
        last = bench.records.next_seq() - 1
    with closing(sqlite3.connect(table)) as db:
        found = db.execute(
            "SELECT point, name, unit, t, v, value.quality FROM value JOIN entry USING (t, v, quality)"
            " WHERE stream = '9f3c21aa' AND seq IN (1, 3, 4) GROUP BY seq"
        ).fetchall()
        bad = db.execute("SELECT point, unit, v FROM value WHERE quality = 'bad'").fetchall()
        numbers = [row[0] for row in db.execute("SELECT seq FROM entry WHERE stream = '9f3c21aa' ORDER BY seq")]
    start = bench.clock.utc_offset_ms // 1000
    assert found == [
        ("t.cellar", "t.cellar", "Cel", start + 1, 20.5, "good"),
        ("tic.papp", "tic.papp", "VA", start + 2, 1234, "uncertain"),
        ("tarif", None, "", start + 2, "HP", "good"),
    ]
    assert bad == [("tic.papp", "VA", None)]
    assert numbers == [*range(1, 500), *range(521, last + 1)]


def test_the_views_of_the_page_have_the_columns_it_says() -> None:
    ledger = Ledger(":memory:")
    for name, columns in re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE):
        found = [row[0] for row in ledger._db.execute(f"SELECT * FROM {name} LIMIT 0").description]  # noqa: S608
        if not columns.startswith("as the table"):
            told = [re.sub(r" \(.*", "", column).strip() for column in re.sub(r"\([^)]*\)", "", columns).split(",")]
            assert found == told, name
    ledger.close()


def test_the_options_of_the_page_are_those_of_the_command() -> None:
    parser = argparse.ArgumentParser()
    receive.add_arguments(parser)
    options = set(re.findall(r"--[a-z][a-z-]*", PAGE.split("| Option |", 1)[1].split("\n\n", 1)[0]))
    assert options == {option for option in parser._option_string_actions if option.startswith("--")} - {"--help"}


@pytest.mark.parametrize("broker", ["mqtt://localhost", "localhost:", "localhost:x", "localhost:99999", ""])
def test_a_broker_that_is_no_host_is_refused(broker: str) -> None:
    with pytest.raises(ValueError, match="--broker"):
        host_and_port(broker, 1883)
