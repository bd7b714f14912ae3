"""`vigie history` and `vigie export` over the real local API: what they print, write, refuse, and leave behind."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import resource
import signal
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.facts import CalibrationFacts, LimitFacts, PointFacts
from edge.core.series import HistoryGap, HistoryRecord, PointInfo
from edge.core.types import NEVER
from hal.sample import BAD, UNCERTAIN
from tests.fake_desk import NOW_MS, FakeDesk
from tests.support import ROOT, eventually

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOON = 1_795_172_400_000  # Friday 20 November 2026, 12:00 in Paris


@pytest.fixture
def past(desk: FakeDesk) -> FakeDesk:
    """Fill the day: a probe with a hole and a bad record, an index, a door, a label; and a point that left."""
    probe = [
        HistoryRecord(
            NOON + n * MINUTE, MINUTE, n / 2 - 5, mean=n / 2 - 5.25, low=n / 2 - 6.0, high=n / 2, count=60, trust="ntp"
        )
        for n in range(60)
    ]
    del probe[20:25]
    probe[30] = HistoryRecord(probe[30].t_ms, MINUTE, None, BAD, "no_answer", trust="ntp")
    probe[31] = HistoryRecord(probe[31].t_ms, MINUTE, 3.5, UNCERTAIN, "power_cut", trust="tic")
    desk.past.add("t.cellar", "gauge", "Cel", probe)
    index, water = Decimal("14253.681"), []
    for n in range(60):
        index += Decimal("0.1")
        water.append(HistoryRecord(NOON + n * MINUTE, MINUTE, float(index), increment=0.1, trust="ntp"))
    desk.past.add("water.cold", "counter", "m3", water)
    desk.past.add(
        "door.north", "state", "", [HistoryRecord(NOON, HOUR, 1, duration_ms=10 * MINUTE, changes=3, trust="ntp")]
    )
    desk.past.add("tic.period", "text", "", [HistoryRecord(NOON, HOUR, "HC..", trust="ntp")])
    desk.past.add("old.point", "gauge", "bar", [HistoryRecord(NOON, MINUTE, -0.5, trust="ntp")])
    desk.past.lost = [HistoryGap("9f3c21aa", 5, 9, "dropped", NOON, NOON + MINUTE)]
    desk.known = [
        PointFacts(
            "t.cellar", "gauge", "Cel", {"en": "Cellar", "fr": "Cave"}, "cellar", record_ms=MINUTE, serial="28-1",
            driver="ds18b20", low=-55.0, high=125.0, limits=(LimitFacts("cold", "low", 2.0, "high"),),
            calibrations=(CalibrationFacts(1.0, 0.0, "Cel"), CalibrationFacts(1.0, -0.25, "Cel", NOON)),
        ),
        PointFacts("water.cold", "counter", "m3", record_ms=MINUTE),
        PointFacts("door.north", "state", "", words=("shut", "open"), record_ms=HOUR),
        PointFacts("tic.period", "text", record_ms=HOUR),
        PointFacts("new.point", "gauge", "Cel", record_ms=MINUTE),
    ]  # fmt: skip
    return desk


def table(text: str, separator: str = ",") -> list[dict[str, str]]:
    """Return the rows as Python's own reader gives them, without the head."""
    body = [line for line in text.removeprefix("\ufeff").splitlines(keepends=True) if not line.startswith("#")]
    return list(csv.DictReader(io.StringIO("".join(body)), delimiter=separator))


# -- history


def test_history_is_a_table_to_read_with_what_is_missing_in_words(vigie: Any, past: FakeDesk) -> None:
    code, out, err = vigie(
        "history", "t.cellar", "--from", "2026-11-20T12:00", "--to", "2026-11-20T13:00", "--step", "10m"
    )
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "t.cellar  Cellar  cellar  °C",
        "Fri 20 Nov 12:00 to Fri 20 Nov 13:00, each line covers 10m from its time on",
        "   from              mean   min   max  quality",
        "   Fri 20 Nov 12:00  -3.0  -6.0   4.5  good",
        "   Fri 20 Nov 12:10   2.0  -1.0   9.5  good",
        "~  Fri 20 Nov 12:20   8.2   6.5  14.5  uncertain: only a part of the period was measured",
        "~  Fri 20 Nov 12:30  10.9   3.5  19.5  uncertain: only a part of the period was measured",
        "   Fri 20 Nov 12:40  17.0  14.0  24.5  good",
        "   Fri 20 Nov 12:50  22.0  19.0  29.5  good",
    ]


def test_a_range_of_another_year_says_which(vigie: Any, past: FakeDesk) -> None:
    out = vigie("history", "t.cellar", "--from", "2025-11-20", "--to", "2025-11-20", "--step", "1h")[1]
    assert out.splitlines()[1].startswith("Thu 20 Nov 2025 00:00 to Fri 21 Nov 2025 00:00, ")


def test_history_of_a_counter_adds_up_and_of_a_gap_says_so(vigie: Any, past: FakeDesk) -> None:
    code, out, _err = vigie(
        "history", "water.cold", "--from", "2026-11-20T11:00", "--to", "2026-11-20T13:00", "--step", "1h"
    )
    assert code == 0
    assert out.splitlines()[2:] == [
        "   from                   index   used  quality",
        "?  Fri 20 Nov 11:00           -      -  missing: no record",
        "   Fri 20 Nov 12:00  14 259.681  6.000  good",
        "in all 6.000 m³",
        "1 of 2 lines without value",
    ]


def test_history_in_french_has_french_words_and_decimal_commas(vigie: Any, past: FakeDesk) -> None:
    past.lang = "fr"
    _code, out, _err = vigie("history", "t.cellar", "--from", "-24h")
    assert "Cave" in out
    assert "manquant : pas d'enregistrement" in out
    assert "incertain" in out
    assert "missing" not in out


def test_history_of_states_and_texts_shows_words(vigie: Any, past: FakeDesk) -> None:
    assert re.search("open +10 min +3  good", vigie("history", "door.north", "--from", "today", "--step", "records")[1])
    assert "HC.." in vigie("history", "tic.period", "--from", "today", "--step", "records")[1]


def test_of_a_step_a_state_tells_the_time_not_in_its_first_word(vigie: Any, past: FakeDesk) -> None:
    out = vigie("history", "door.north", "--from", "2026-11-20T12:00", "--to", "2026-11-20T13:00", "--step", "1h")[1]
    assert out.splitlines()[2:] == [
        "  from              state  time not shut  changes  quality",
        "  Fri 20 Nov 12:00   open         10 min        3  good",
    ]


def test_without_a_range_a_young_point_begins_with_its_first_record(vigie: Any, past: FakeDesk) -> None:
    assert "Fri 20 Nov 12:00 to Fri 20 Nov 16:20" in vigie("history", "t.cellar")[1]
    past.past.held["t.cellar"].insert(0, HistoryRecord(NOON - 3 * DAY, MINUTE, 1.0))
    assert "Thu 19 Nov 16:00 to Fri 20 Nov 16:20" in vigie("history", "t.cellar")[1]


def test_without_a_step_a_screen_gets_no_more_lines_than_it_takes(vigie: Any, past: FakeDesk) -> None:
    for since in ("-1h", "-24h", "-30d", "-90d", "2024", "1980"):
        out = vigie("history", "t.cellar", "--from", since)[1]
        assert 3 <= len(out.splitlines()) <= 65


def test_history_as_json_csv_and_senml_say_the_same(vigie: Any, past: FakeDesk) -> None:
    span = ("--from", "2026-11-20T12:00", "--to", "2026-11-20T13:00")
    made = json.loads(vigie("history", "t.cellar", *span, "--json")[1])
    assert made == json.loads(vigie("history", "t.cellar", *span, "--format", "json")[1])
    assert (made["point"], made["unit"], made["step"], made["from"]) == (
        "t.cellar",
        "Cel",
        None,
        "2026-11-20T11:00:00.000Z",
    )
    rows = table(vigie("history", "t.cellar", *span, "--format", "csv")[1])
    assert [row["value"] for row in rows] == [
        "" if row["value"] is None else f"{row['value']:g}" for row in made["rows"]
    ]
    code, out, err = vigie("history", "t.cellar", *span, "--format", "senml")
    pack = json.loads(out)
    assert (code, pack[0]["bn"], pack[0]["bu"]) == (0, "b0042:t.cellar", "Cel")
    assert [record["v"] for record in pack] == [row["value"] for row in made["rows"] if row["value"] is not None]
    assert err == "vigie: SenML can't say that a value is missing; left out: missing 1, no_answer 1\n"
    assert (
        json.loads(
            vigie("history", "t.cellar", *span, "--format", "senml", "--base-name", "urn:dev:org:32473-b0042:")[1]
        )[0]["bn"]
        == "urn:dev:org:32473-b0042:t.cellar"
    )
    assert vigie("history", "t.cellar", *span, "--format", "senml", "--base-name", "a b")[0] == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("history", "t.celar"), "no point t.celar; did you mean t.cellar?"),
        (("history", ""), "no point ; `vigie points` lists them"),
        (("history", "t.cellar", "--from", "demain"), "demain is no instant; write 2026-11-20"),
        (("history", "t.cellar", "--from", "2026-02-30"), "2026-02-30: there is no such day"),
        (("history", "t.cellar", "--step", "7m"), "a step of 7m does not divide a day"),
        (("history", "t.cellar", "--from", "2027"), "Fri 1 Jan 00:00 lies in the future"),
        (("history", "t.cellar", "--from", "today", "--to", "-2d"), "the range ends (Wed 18 Nov 16:20) before it"),
        (("export", "--points", "t.cellar,zzz"), "no point zzz"),
        (("export", "--points", "q*"), "no point q*"),
        (("export", "--wide"), "--wide has a line a step"),
        (("export", "--decimal", ","), "a decimal comma needs another separator"),
        (("export", "--package", "x.zip", "-o", "y"), "--package has a form of its own"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_exit_2(
    vigie: Any, past: FakeDesk, words: tuple[str, ...], complaint: str
) -> None:
    code, out, err = vigie(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"vigie: {complaint}")


def test_a_time_that_comes_twice_or_never_is_said(vigie: Any, past: FakeDesk) -> None:
    _code, _out, err = vigie("history", "t.cellar", "--from", "2026-10-25T02:30")
    assert err == (
        "vigie: 2026-10-25T02:30 comes twice on that day; the wider range is taken."
        " Write 2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00 to choose\n"
    )
    assert "2026-03-29T03:00+02:00 is taken" in vigie("history", "t.cellar", "--from", "2026-03-29T02:30")[2]


def test_a_point_whose_unit_changed_is_told_apart(vigie: Any, past: FakeDesk) -> None:
    past.past.split = [
        PointInfo("t.cellar", "gauge", "K", NOON, NOON + 10 * MINUTE),
        PointInfo("t.cellar", "gauge", "Cel", NOON + 10 * MINUTE, NOON + HOUR),
    ]
    _code, out, err = vigie("history", "t.cellar", "--from", "today", "--format", "csv")
    assert {row["unit"] for row in table(out)} == {"Cel"}
    assert err.startswith("vigie: t.cellar was in K until 2026-11-20T11:10:00.000Z")
    rows = table(vigie("export", "--points", "t.cellar")[1])
    assert [row["unit"] for row in rows if row["utc"] < "2026-11-20T11:10"] == ["K"] * 10
    wide = vigie(
        "export",
        "--points",
        "t.cellar",
        "--wide",
        "--step",
        "10m",
        "--from",
        "2026-11-20T12:00",
        "--to",
        "2026-11-20T12:20",
    )
    assert [(row["t.cellar (K)"], row["t.cellar (Cel)"]) for row in table(wide[1])] == [("-3", ""), ("", "2")]


def test_nothing_held_is_an_empty_table_and_no_error(vigie: Any, desk: FakeDesk) -> None:
    code, out, err = vigie("export")
    assert (code, table(out)) == (0, [])
    assert out.splitlines()[-1].startswith("utc,local,point")
    assert err == "vigie: -: 0 lines, 0 without value; points: 0\n"


# -- export


def test_an_export_holds_every_record_and_every_hole_and_says_how_it_is_to_be_read(vigie: Any, past: FakeDesk) -> None:
    code, out, err = vigie("export")
    assert code == 0
    head, at = [line for line in out.splitlines() if line.startswith("#")], "2026-11-20T11"
    assert head == [
        "# vigie 0.1.0, export form 1: box b0042 (Gymnase Sud), 2026-11-20T11:00:00.000Z to 2026-11-20T15:20:07.000Z",
        "# The devices are simulated: these figures are of nothing real.",
        "# Each line covers the period from its time on: 10:00 with dt_s 600 means 10:00 to 10:10.",
        "# utc is UTC, local is what clocks show in Europe/Paris.",
        "# An empty value is missing and never 0: quality and reason say why.",
        "# The clock is set by ntp, within 50 ms.",
        "# The column clock says what the clock was set by when a record was dated.",
        f"# Lost: entries 5 to 9 of log 9f3c21aa, dropped, after {at}:00:00.000Z, before {at}:01:00.000Z.",
    ]
    rows = table(out)
    cellar = [row for row in rows if row["point"] == "t.cellar"]
    assert [row["utc"] for row in cellar if row["reason"] == "missing"] == [
        "2026-11-20T11:20:00.000Z", "2026-11-20T12:00:00.000Z",
    ]  # fmt: skip
    assert all(
        row["value"] == "" and row["quality"] == "bad" for row in cellar if row["reason"] in {"missing", "no_answer"}
    )
    assert sum(Decimal(row["dt_s"]) for row in cellar) == (NOW_MS - NOON) // 1000
    assert list(dict.fromkeys(row["point"] for row in rows)) == [
        "t.cellar",
        "water.cold",
        "door.north",
        "tic.period",
        "old.point",
    ]
    door = next(row for row in rows if row["point"] == "door.north")
    assert (door["value"], door["text"], door["on_s"], door["changes"]) == ("1", "open", "600", "3")
    empty = sum(row["value"] + row["text"] == "" for row in rows)
    assert err == f"vigie: -: {len(rows)} lines, {empty} without value; points: 6\n"


@pytest.mark.parametrize("step", ["", "1m", "10m", "1h", "1d", "1mo", "1y"])
@pytest.mark.parametrize("separator", [",", ";", "tab"])
def test_the_increments_in_the_file_add_up_to_what_the_index_moved(
    vigie: Any, past: FakeDesk, step: str, separator: str
) -> None:
    words = ("--step", step) if step else ()
    out = vigie("export", "--points", "water.*", "--sep", separator, *words)[1]
    rows = table(out, {"tab": "\t"}.get(separator, separator))
    total = sum(Decimal(row["increment"].replace(",", ".")) for row in rows if row["increment"])
    held = past.past.held["water.cold"]
    assert total == Decimal(str(held[-1].value)) - Decimal(str(held[0].value)) + Decimal("0.1") == Decimal(6)
    assert "\ufeff" in out if separator == ";" else "\ufeff" not in out


def test_a_wide_table_has_a_column_a_point_and_says_what_stands_in_each(vigie: Any, past: FakeDesk) -> None:
    out = vigie(
        "export", "--wide", "--step", "30m", "--from", "2026-11-20T12:00", "--to", "2026-11-20T13:30", "--sep", ";"
    )[1]
    assert "# t.cellar: mean of the step, unit Cel, Cellar" in out
    assert "# door.north: last state, 0 = shut, 1 = open" in out
    rows = table(out, ";")
    assert [row["local"] for row in rows] == ["2026-11-20 12:00:00", "2026-11-20 12:30:00", "2026-11-20 13:00:00"]
    assert [row["water.cold"] for row in rows] == ["3", "3", ""]
    assert [row["door.north"] for row in rows] == ["1", "1", ""]
    assert [row["new.point"] for row in rows] == ["", "", ""]
    assert [row["tic.period"] for row in rows] == ["HC..", "HC..", ""]


def test_a_wide_table_of_many_points_holds_short_pages_of_each(vigie: Any, desk: FakeDesk) -> None:
    for n in range(100):
        desk.past.add(f"p.{n}", "gauge", "", [HistoryRecord(NOON + k * 1000, 1000, 1.0) for k in range(700)])
    out = vigie("export", "--wide", "--step", "10m", "--from", "2026-11-20T12:00", "--to", "2026-11-20T12:10")[1]
    assert [len(row) for row in table(out)] == [102]
    assert max(desk.past.asked) == 500


def test_a_file_appears_whole_or_not_at_all_and_is_not_replaced_unasked(
    vigie: Any, past: FakeDesk, tmp_path: Path
) -> None:
    target = tmp_path / "out.csv"
    assert vigie("export", "-o", str(target))[0] == 0
    whole = target.read_text(encoding="utf-8")
    assert len(table(whole)) > 100
    code, out, err = vigie("export", "-o", str(target))
    assert (code, out) == (1, "")
    assert err == f"vigie: {target} is there already; --force replaces it\n"
    assert vigie("export", "-o", str(target), "--force", "--points", "door.north")[0] == 0
    assert len(table(target.read_text(encoding="utf-8"))) < 5
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".sock"] == ["out.csv"]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("no/such/folder/x.csv", "No such file or directory"),
        ("../dev/full", "No space left on device"),
        ("x" * 300, "File name too long"),
    ],
)  # fmt: skip
def test_what_cant_be_written_is_said_with_its_name(
    vigie: Any, past: FakeDesk, tmp_path: Path, target: str, why: str
) -> None:
    name = str(tmp_path / target) if "full" not in target else "/dev/full"
    code, out, err = vigie("export", "-o", name)
    assert (code, out) == (1, "")
    assert err == f"vigie: {name} can't be written: {why}; nothing of that name was made\n"


def command(path: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "edge.cli.main", *words, "--socket", str(path)]


def test_a_card_that_fills_up_leaves_no_half_file(path: Path, past: FakeDesk, tmp_path: Path) -> None:
    # a limit on the size of files fails in the middle of a write, as a full card does
    past.past.add("many", "gauge", "", [HistoryRecord(NOON + n, 1, n * 0.123) for n in range(20_000)])

    def narrow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    for words in (
        ("-o", str(tmp_path / "x.csv")),
        ("--package", str(tmp_path / "x.zip")),
        ("--package", str(tmp_path / "x")),
    ):
        done = subprocess.run(
            command(path, "export", *words), cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=narrow
        )
        assert done.returncode == 1
        assert f"{words[1]} can't be written: File too large; nothing of that name was made" in done.stderr
        assert "Traceback" not in done.stderr
    assert [name.name for name in tmp_path.iterdir() if name.suffix != ".sock"] == []


def test_a_full_disk_behind_standard_output_is_said(path: Path, past: FakeDesk) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            command(path, "export"), cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "vigie: standard output can't be written: No space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_ended_by_a_signal_leaves_no_file(
    path: Path, past: FakeDesk, tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    words = ("export", "--step", "1s", "--from", "2026-01-01", "-o", str(folder / "x.csv"))
    running = subprocess.Popen(command(path, *words), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    eventually(lambda: any(part.stat().st_size for part in folder.iterdir()), 20, "it has begun to write")
    running.send_signal(number)
    assert running.wait(20) == 128 + number
    assert list(folder.iterdir()) == []
    assert running.stderr is not None
    assert "Traceback" not in running.stderr.read()
    running.stderr.close()


def test_a_reader_that_has_enough_ends_it_without_a_word(path: Path, past: FakeDesk) -> None:
    past.past.add("many", "gauge", "", [HistoryRecord(NOON + n, 1, float(n)) for n in range(20_000)])
    running = subprocess.Popen(
        command(path, "export", "--points", "many"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stderr is not None
    assert running.stdout.readline().startswith("# vigie")
    running.stdout.close()
    with running.stderr:
        assert (running.wait(20), running.stderr.read()) == (0, "")


def test_a_box_that_goes_away_in_the_middle_leaves_no_file(vigie: Any, past: FakeDesk, tmp_path: Path) -> None:
    class Tired(list[HistoryRecord]):
        def __iter__(self) -> Any:
            past.fails = OSError(5, "Input/output error")
            return super().__iter__()

    past.past.held["water.cold"] = Tired(past.past.held["water.cold"])
    code, _out, err = vigie("export", "-o", str(tmp_path / "x.csv"))
    assert code == 1
    assert err == "vigie: history can't be read: Input/output error\n"
    assert not list(tmp_path.glob("*x.csv*"))


def test_where_neither_box_nor_folder_is_found_both_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["export", "--socket", str(tmp_path / "none.sock"), "--state", str(tmp_path / "none")])
    err = capsys.readouterr().err
    assert code == 3
    assert "none.sock" in err
    assert f"{tmp_path / 'none'} " in err


# -- package


def contents(target: Path) -> dict[str, bytes]:
    if target.suffix == ".zip":
        with zipfile.ZipFile(target) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}
    return {path.name: path.read_bytes() for path in target.iterdir()}


@pytest.mark.parametrize("name", ["data.zip", "data"])
def test_a_package_says_all_that_a_researcher_must_know(vigie: Any, past: FakeDesk, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    code, _out, err = vigie(
        "export", "--package", str(target), "--step", "1h", "--title", "Gym, November", "--licence", "CC-BY-4.0",
        "--author", "Ada", "--author", "Émile", "--citation", "Ada and Émile (2026)",
    )  # fmt: skip
    assert code == 0, err
    files = contents(target)
    assert set(files) == {"records.csv", "steps.csv", "gaps.csv", "tags.csv", "datapackage.json"}
    package = json.loads(files["datapackage.json"])
    assert (package["title"], package["licenses"], package["citation"]) == (
        "Gym, November", [{"name": "CC-BY-4.0"}], "Ada and Émile (2026)",
    )  # fmt: skip
    assert [author["title"] for author in package["contributors"]] == ["Ada", "Émile"]
    for one in package["resources"]:
        body = files[one["path"]]
        assert (one["bytes"], one["hash"]) == (len(body), f"sha256:{hashlib.sha256(body).hexdigest()}")
        rows = list(csv.reader(io.StringIO(body.decode())))
        assert [field["name"] for field in one["schema"]["fields"]] == rows[0]
        assert one["rows"] == len(rows) - 1
    assert list(csv.reader(io.StringIO(files["gaps.csv"].decode())))[1][:5] == ["9f3c21aa", "5", "9", "5", "dropped"]
    ours = package["vigie"]
    assert (ours["box"], ours["tz"], ours["software"]) == ("b0042", "Europe/Paris", "vigie 0.1.0")
    first = ours["clock"]["dated_by"][0]
    assert (first["clock"], first["from"]) == ("ntp", "2026-11-20T11:00:00.000Z")
    assert {part["clock"] for part in ours["clock"]["dated_by"]} == {"ntp", "tic"}
    points = {point["point"]: point for point in ours["points"]}
    cellar = points["t.cellar"]
    assert (cellar["serial"], cellar["possible_from"], cellar["limits"][0]["value"]) == ("28-1", -55.0, 2.0)
    assert cellar["calibrations"] == [
        {"since": None, "scale": 1.0, "offset": 0.0, "unit": "Cel"},
        {"since": "2026-11-20T11:00:00.000Z", "scale": 1.0, "offset": -0.25, "unit": "Cel"},
    ]
    assert points["old.point"]["in_settings"] is False
    assert "first" not in points["new.point"]


def test_a_package_is_made_anew_only_over_a_package(vigie: Any, past: FakeDesk, tmp_path: Path) -> None:
    target = tmp_path / "data"
    assert vigie("export", "--package", str(target))[0] == 0
    assert vigie("export", "--package", str(target))[0] == 1
    assert vigie("export", "--package", str(target), "--force")[0] == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").write_text("x", encoding="utf-8")
    code, _out, err = vigie("export", "--package", str(tmp_path / "mine"), "--force")
    assert code == 1
    assert (tmp_path / "mine" / "precious").exists(), err


def test_a_package_without_a_licence_says_how_to_give_one(vigie: Any, past: FakeDesk, tmp_path: Path) -> None:
    _code, _out, err = vigie("export", "--package", str(tmp_path / "x.zip"))
    assert "--licence" in err
    assert "licenses" not in json.loads(contents(tmp_path / "x.zip")["datapackage.json"])


def test_an_empty_package_is_whole_too(vigie: Any, desk: FakeDesk, tmp_path: Path) -> None:
    assert vigie("export", "--package", str(tmp_path / "x.zip"))[0] == 0
    assert json.loads(contents(tmp_path / "x.zip")["datapackage.json"])["resources"][0]["rows"] == 0


def test_json_has_no_infinite_number(vigie: Any, past: FakeDesk, tmp_path: Path) -> None:
    assert all(known.low is None or known.low > -NEVER for known in past.known)
    vigie("export", "--package", str(tmp_path / "x.zip"))
    assert b"Infinity" not in contents(tmp_path / "x.zip")["datapackage.json"]
