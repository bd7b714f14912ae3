"""`vigie tag` and `--tag` over the real local API, and the page's commands as they stand there."""

from __future__ import annotations

import csv
import json
import re
import shlex
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.commands import Command, Result
from edge.core.facts import PointFacts
from edge.core.series import HistoryRecord
from edge.core.tags import TagView
from edge.core.view import ValueView, values
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.support import ROOT
from tests.unit.test_tags import Lab

MINUTE = 60_000
T0 = NOW_MS - 60 * MINUTE


class Desk(FakeDesk):
    """The desk of a laboratory with an hour of records of two points."""

    def __init__(self) -> None:
        super().__init__()
        self.lab = Lab(utc_ms=NOW_MS)
        for point in ("p", "q"):
            self.past.add(point, "gauge", "Cel", [HistoryRecord(T0 + n * MINUTE, MINUTE, float(n)) for n in range(60)])
        self.known = [
            PointFacts("p", "gauge", "Cel", record_ms=MINUTE, equipment="cell1"),
            PointFacts("q", "gauge", "Cel", record_ms=MINUTE),
        ]

    def view(self, name: str) -> Any:
        return self.lab.all() if name == "tags" else super().view(name)

    def values(self) -> list[ValueView]:
        return values(self.lab.engine, self.lab.engine.now_ms)

    def order(self, command: Command) -> Result:
        result = self.lab.engine.command(command, self.lab.engine.now_ms)
        self.lab.collect()
        return result


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk()
    with serving(made, tmp_path / "api.sock"):
        yield made


@pytest.fixture
def vigie(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--socket", str(tmp_path / "api.sock")])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def test_tags_are_listed_with_scope_and_times(vigie: Any, desk: Desk) -> None:
    assert vigie("tag")[1] == 'No tag yet: vigie tag start "experiment 42"\n'
    vigie("tag", "start", "run 1", "--from", "-50min", "--to", "-40min", "--points", "p, q")
    vigie("tag", "start", "run 2", "--from", "-2h", "--equipment", "cell1")
    lines = vigie("tag", "list")[1].splitlines()
    assert lines[0].split() == ["no.", "tag", "of", "from", "to", "by"]
    assert re.split(r"  +", lines[1].strip())[:5] == ["1", "run 1", "p, q", "Fri 20 Nov 15:30", "Fri 20 Nov 15:40"]
    assert re.split(r"  +", lines[2].strip())[:5] == ["2", "run 2", "cell1", "Fri 20 Nov 14:20", "open"]
    assert [tag["id"] for tag in json.loads(vigie("tag", "list", "run 2", "--json")[1])] == [2]


def test_overlapping_tags_stand_side_by_side_and_of_each_point_only_its_own(vigie: Any) -> None:
    vigie("tag", "start", "all", "--from", "-50min", "--to", "-30min")
    vigie("tag", "start", "cell", "--from", "-40min", "--to", "-20min", "--equipment", "cell1")
    _code, out, _err = vigie("export")
    assert "# Tag 2: cell, of machine cell1, from 2026-11-20T14:40:07.000Z" in out
    tags = {(row["point"], float(row["value"])): row["tags"] for row in rows(out)}
    assert [tags["p", n] for n in (9, 10, 19, 20, 29, 30, 39, 40)] == [
        "", "all", "all", "all; cell", "all; cell", "cell", "cell", "",
    ]  # fmt: skip
    assert [tags["q", n] for n in (9, 10, 29, 30)] == ["", "all", "all", ""]


def test_a_tag_gives_its_points_and_its_time_and_all_runs_of_a_name(vigie: Any) -> None:
    vigie("tag", "start", "run", "--from", "-50min", "--to", "-48min", "--equipment", "cell1")
    vigie("tag", "start", "run", "--from", "-10min", "--to", "-9min", "--equipment", "cell1")
    found = rows(vigie("export", "--tag", "run")[1])
    assert [(row["point"], float(row["value"])) for row in found] == [("p", 10), ("p", 11), ("p", 50)]
    assert [float(row["value"]) for row in rows(vigie("export", "--tag", "2")[1])] == [50]
    history = rows(vigie("history", "p", "--tag", "run", "--format", "csv", "--step", "records")[1])
    assert [float(row["value"]) for row in history] == [10, 11, 50]
    assert rows(vigie("export", "--tag", "run", "--points", "q")[1]) == []


def test_points_are_named_by_pattern_too(vigie: Any, desk: Desk) -> None:
    assert vigie("tag", "start", "x", "--points", "nothing.*")[1] == "There is no point nothing.*.\n"
    vigie("tag", "start", "x", "--points", "q,[pq]")
    assert desk.lab.all()[0].points == ("q", "p")


def test_a_record_that_begins_before_a_tag_and_reaches_into_it_carries_it(vigie: Any) -> None:
    vigie("tag", "start", "short", "--from", "2026-11-20T15:30:30", "--to", "2026-11-20T15:31:00")
    found = rows(vigie("export", "--tag", "short", "--points", "p")[1])
    assert [float(row["value"]) for row in found] == [10]


def test_steps_json_and_wide_tables_carry_tags(vigie: Any) -> None:
    vigie("tag", "start", "run", "--from", "-50min", "--to", "-40min", "--points", "p")
    steps = rows(vigie("export", "--step", "10m", "--points", "p")[1])
    assert [row["tags"] for row in steps].count("run") == 2, "a tag off the grid lies in two steps"
    wide = rows(vigie("export", "--step", "10m", "--wide")[1])
    assert list(wide[0]) == ["utc", "local", "p", "q", "tags"]
    document = json.loads(vigie("history", "p", "--json", "--tag", "run", "--step", "records")[1])
    assert {row["value"] for row in document["rows"]} == set(map(float, range(10, 20)))
    assert all(row["tags"] == ["run"] for row in document["rows"])


def test_a_package_has_a_table_of_tags_with_their_corrections(vigie: Any, tmp_path: Path) -> None:
    vigie("tag", "start", "run 24", "--from", "-50min", "--to", "-40min", "--points", "p,q")
    vigie("tag", "start", "later", "--from", "-1min")
    vigie("tag", "correct", "run 24", "--name", "run 42", "--to", "-45min")
    target = tmp_path / "data.zip"
    assert vigie("export", "--package", str(target), "--to", "-5min")[0] == 0
    with zipfile.ZipFile(target) as archive:
        tags = rows(archive.read("tags.csv").decode())
        records = rows(archive.read("records.csv").decode())
        package = json.loads(archive.read("datapackage.json"))
    assert [(tag["id"], tag["name"], tag["points"], tag["end_utc"]) for tag in tags] == [
        ("1", "run 42", "p q", "2026-11-20T14:35:07.000Z")
    ]
    assert sum(row["tags"] == "run 42" for row in records) == 2 * 5
    assert [table["rows"] for table in package["resources"] if table["name"] == "tags"] == [1]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("tag", "start"), 2, "vigie tag start NAME"),
        (("tag", "correct"), 2, "vigie tag correct NAME"),
        (("tag", "stop"), 1, "No such tag is open"),
        (("tag", "start", "x", "--points", "r"), 1, "There is no point r."),
        (("tag", "start", "x", "--from", "someday"), 1, "tuesday 9:00"),
        (("tag", "start", "x", "--from", "2027-01-01"), 1, "lies ahead"),
        (("tag", "correct", "x", "--all"), 1, "no tag x"),
        (("export", "--tag", "x"), 2, "There is no tag x."),
        (("history", "p", "--tag", ""), 2, "There is no tag"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_is_expected(vigie: Any, words: Any, code: int, said: str) -> None:
    found = vigie(*words)
    assert found[0] == code
    assert said in found[1] + found[2]


def test_a_tag_that_nothing_dates_can_not_be_exported(vigie: Any, desk: Desk) -> None:
    desk.views["tags"] = []
    desk.lab = Lab(is_dated=False, utc_ms=0)
    desk.lab.tag("start", "run")
    assert "no clock was trusted" in vigie("export", "--tag", "run")[2]
    assert all(row["tags"] == "" for row in rows(vigie("export")[1]))


def test_names_that_a_spreadsheet_would_misread_stay_names(vigie: Any) -> None:
    vigie("tag", "start", '=SUM(A1), "quoted" #1', "--from", "-50min", "--to", "-40min")
    line = next(line for line in vigie("export", "--sep", ";")[1].splitlines() if "SUM" in line and line[0] != "#")
    assert line.endswith('''"'=SUM(A1), ""quoted"" #1"''')


def test_the_commands_of_the_page_are_taken(vigie: Any) -> None:
    page = (ROOT / "docs" / "tags.md").read_text(encoding="utf-8")
    block = re.findall(r"```console\n(.*?)```", page, re.DOTALL)[0].replace("boiler", "cell1")
    for line in block.splitlines():
        code, out, err = vigie(*shlex.split(line)[1:])
        assert code == 0, (line, out, err)


def test_the_listing_in_french(vigie: Any, desk: Desk) -> None:
    desk.lang = "fr"
    desk.lab.tag("start", "essai")
    assert "toutes les voies" in vigie("tag")[1]


def test_views_are_told_as_the_api_tells_them(desk: Desk, vigie: Any) -> None:
    desk.lab.tag("start", "run")
    assert next(TagView(**tag) for tag in json.loads(vigie("tag", "--json")[1])).name == "run"


def test_status_reminds_of_open_tags(vigie: Any) -> None:
    assert "open tags" not in vigie("status")[1]
    vigie("tag", "start", "experiment 42", "--from", "-2h")
    vigie("tag", "start", "done", "--from", "-2h", "--to", "-1h")
    assert "open tags: experiment 42 (2 h 00)" in vigie("status")[1].splitlines()
