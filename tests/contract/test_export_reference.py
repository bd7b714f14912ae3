"""`docs/reference/export.md` says what is written, to the octet: each example is made by the commands and compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.export_csv import RECORD_COLUMNS, STEP_COLUMNS
from edge.core.export_package import GAP_COLUMNS, TAG_COLUMNS
from edge.core.export_rows import HELD, MISSING
from edge.core.facts import PointFacts
from edge.core.series import HistoryRecord
from edge.core.tags import TagView
from edge.core.units import FIELD
from edge.web.history import LARGEST_PAGE, PAGE
from hal.sample import BAD, UNCERTAIN
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.support import ROOT

PAGE_TEXT = (ROOT / "docs" / "reference" / "export.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```(csv|json|senml)\n(.*?)```", PAGE_TEXT, re.DOTALL))
T0 = 1_795_188_000_000
MINUTE = 60_000
SPAN = ("--from", "2026-11-20T16:20", "--to", "2026-11-20T16:25")


@pytest.fixture
def vigie(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    desk = FakeDesk()
    desk.t_s = (T0 + 5 * MINUTE - NOW_MS) / 1000
    boiler = [
        HistoryRecord(T0, MINUTE, 92.5, count=60, mean=91.125, low=-0.5, high=93.0, trust="ntp"),
        HistoryRecord(T0 + MINUTE, MINUTE, None, BAD, "crc", trust="ntp"),
        HistoryRecord(T0 + 3 * MINUTE, MINUTE, 88, UNCERTAIN, "partial", trust="ntp"),
    ]
    desk.past.add("boiler.flow", "gauge", "Cel", boiler)
    desk.past.add("water.cold", "counter", "m3", [HistoryRecord(T0, MINUTE, 14253.681, increment=0.001, trust="ntp")])
    desk.past.add("door.north", "state", "", [HistoryRecord(T0, MINUTE, 1, duration_ms=12_500, changes=3, trust="ntp")])
    desk.past.add("tic.period", "text", "", [HistoryRecord(T0, MINUTE, "HC..", trust="tic")])
    desk.known = [
        PointFacts("boiler.flow", "gauge", "Cel", record_ms=MINUTE),
        PointFacts("water.cold", "counter", "m3", record_ms=5 * MINUTE),
        PointFacts("door.north", "state", words=("shut", "open"), record_ms=5 * MINUTE),
        PointFacts("tic.period", "text", record_ms=5 * MINUTE),
    ]

    desk.views["tags"] = [
        TagView(7, "experiment 42", T0 + MINUTE, T0 + 150_000, is_open=False, points=("boiler.flow",), author="anna")
    ]
    with serving(desk, tmp_path / "api.sock") as path:

        def run(*words: str) -> str:
            assert main([*words, "--socket", str(path)]) == 0
            return capsys.readouterr().out

        yield run


def test_the_csv_example_is_what_export_writes(vigie: Any) -> None:
    assert vigie("export", *SPAN) == EXAMPLES["csv"]


def test_the_json_example_is_what_history_writes(vigie: Any) -> None:
    assert vigie("history", "boiler.flow", *SPAN, "--json") == EXAMPLES["json"]


def test_the_senml_example_is_what_history_writes(vigie: Any) -> None:
    assert vigie("history", "boiler.flow", *SPAN, "--format", "senml") == EXAMPLES["senml"]


def test_every_column_reason_and_converted_unit_is_on_the_page() -> None:
    for name in {*RECORD_COLUMNS, *STEP_COLUMNS}:
        assert f"`{name}`" in PAGE_TEXT, name
    assert ", ".join(GAP_COLUMNS) in PAGE_TEXT
    assert ", ".join(TAG_COLUMNS) in PAGE_TEXT
    for reason in (HELD, MISSING, "no_value", "partial", "uncertain"):
        assert f"`{reason}`" in PAGE_TEXT
    sentence = re.search(r"a point in (.*?) is converted", PAGE_TEXT, re.DOTALL)
    assert sentence is not None
    assert set(re.split(r",\s|\sor\s|\s", sentence[1])) == set(FIELD)


def test_the_pages_of_the_api_are_as_long_as_the_page_says() -> None:
    assert f"`limit` ({PAGE}, at most {LARGEST_PAGE})" in PAGE_TEXT


def test_the_pages_own_commands_are_understood(vigie: Any, tmp_path: Path) -> None:
    commands = re.findall(r"^    vigie (.*?)(?:\s+#.*)?$", PAGE_TEXT, re.MULTILINE)
    assert len(commands) == 6
    for number, command in enumerate(commands):
        words = [word.strip("'\"") for word in re.findall(r"\"[^\"]*\"|'[^']*'|\S+", command)]
        files = {"site.csv", "november.csv", "november.zip"}
        vigie(*(str(tmp_path / f"{number}-{word}") if word in files else word for word in words))
