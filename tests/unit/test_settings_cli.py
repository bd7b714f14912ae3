"""`vigie check` as people and programs call it: one line for a good file, exit 2 and every fault for another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.cli.main import main
from tests.unit.settings_good import GOOD


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "vigie.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_a_good_file_gets_two_friendly_lines_and_exit_0(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(good)]) == 0
    assert capsys.readouterr().out == (
        f"{good} is good: box b0042 (Gymnase Sud), 3 points on 2 buses, 2 limits, 1 output,"
        " MQTT to broker.example.org:1883.\n"
        "Without the link, the buffer of 1024 MB holds about 30 days of records.\n"
    )


def test_the_port_is_that_of_tls_and_one_point_is_one(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good.write_text('[box]\nid="a"\n[site]\nname="x"\n[link.mqtt]\nhost="b"\ntls=true\n', encoding="utf-8")
    assert main(["check", str(good)]) == 0
    assert "(x), 0 points on 0 buses, 0 limits, 0 outputs, MQTT to b:8883." in capsys.readouterr().out


def test_faults_are_listed_with_place_key_message_line_and_number(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good.write_text(GOOD.replace("period_s", "peroid_s").replace("pin = 22", "pin = 17"), encoding="utf-8")
    assert main(["check", str(good)]) == 2
    assert capsys.readouterr().out == (
        f'{good}:29:1  point "door".peroid_s\n'
        "   unknown key; did you mean period_s?\n"
        "   29 | peroid_s = 90\n"
        f'{good}:53:7  output "lamp".pin = 17\n'
        '   GPIO17 (header pin 11) is already used by "water.cold" (line 19)\n'
        "2 faults.\n"
    )


def test_programs_get_one_object(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", str(good)]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(good), "good": True, "faults": [], "warnings": []}
    good.write_text(GOOD.replace("pin = 22", "pin = 99"), encoding="utf-8")
    assert main(["check", "--json", str(good)]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "file": str(good),
        "good": False,
        "faults": [
            {
                "line": 53,
                "column": 7,
                "path": 'output "lamp".pin',
                "code": "fault.expected",
                "shown": "99",
                "text": "a whole number from 0 to 27 is expected",
            }
        ],
        "warnings": [],
    }


def test_an_absent_file_and_an_empty_one_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "no.toml")]) == 2
    assert "there is no such file\n1 fault." in capsys.readouterr().out
    empty = tmp_path / "empty.toml"
    empty.touch()
    assert main(["check", str(empty)]) == 2
    assert f"{empty}:1:1\n   the file is empty" in capsys.readouterr().out
