"""What `vigie check` warns of: allowed, told with its place, and a fault only for whoever asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.settings.load import checked
from edge.settings.report import warned
from tests.support import ROOT
from tests.unit.settings_good import GOOD
from tests.unit.test_settings_templates import APARTMENT, HEAD, LIST

W1 = """
[bus.w1]
kind = "onewire"

[[point]]
id = "cellar"
bus = "w1"
driver = "ds18b20"
probe = "28-3c01f0950a21"
"""
WATER = """
[[tariff]]
id = "water"
valid_from = 2026-01-01
currency = "EUR"
unit = "m3"
prices = { water = 4.26 }
points = { water = "water.cold" }
"""
ENERGY = """
[bus.tic]
kind = "serial"
port = "/dev/serial0"

[[point]]
id = "energy"
bus = "tic"
driver = "teleinfo"
label = "EAST"
"""
CALM = GOOD  # its one limit on a gauge has a delay
SHIPPED = sorted([*(ROOT / "config/sites").glob("*.toml"), ROOT / "config/vigie.toml"])


def told(tmp_path: Path, text: str, lang: str = "en") -> list[str]:
    file = tmp_path / "f.toml"
    file.write_text(text, "utf-8")
    return warned("f.toml", checked(file)[1], lang)


def test_a_calm_file_has_no_warnings(tmp_path: Path) -> None:
    assert told(tmp_path, CALM) == []
    assert told(tmp_path, CALM + W1) == []
    assert told(tmp_path, CALM + ENERGY + 'unit = "kWh"\nscale = 0.001\n') == []
    assert told(tmp_path, CALM + ENERGY + 'unit = "Wh"\n') == []
    assert told(tmp_path, CALM + WATER + "vat = 5.5\nwith_tax = false\n") == []


@pytest.mark.parametrize("file", SHIPPED, ids=[file.name for file in SHIPPED])
def test_the_files_that_are_shipped_have_none(file: Path) -> None:
    assert checked(file)[1] == []


WARNED = [
    (CALM.replace("pin = 27", "pin = 4") + W1, 'point "door".pin = 4', "GPIO4 (header pin 7) is where"),
    (CALM.replace("pin = 22", "pin = 4") + W1, 'output "lamp".pin = 4', "GPIO4 (header pin 7) is where"),
    (CALM.replace("on_delay_s = 2.5", ""), 'limit "lab.hot"', "without deadband and delays a value at the limit"),
    (
        CALM.replace('name = "Door"', 'name = { en = "Cold water", fr = "Eau froide" }'), 'point "door".name',
        '"water.cold" (line 16) has the same name, place and equipment',
    ),
    (
        CALM.replace('name = "Door"', 'place = "cellar "').replace('id = "lab.t"', 'id = "lab.t"\nplace = "Cellar"'),
        'point "lab.t".place = "Cellar"', 'written "cellar " in line',
    ),
    (
        CALM + ENERGY + 'unit = "kWh"\n', 'point "energy".unit = "kWh"',
        "changes a word and no value: 1 Wh would be shown as 1 kWh; write scale = 0.001 beside it, or leave it out",
    ),
    (
        CALM.replace("weight = 0.001", 'unit = "l"\nweight = 0.01'), 'point "water.cold".unit = "l"',
        "changes a word and no value: 1 m3 would be shown as 1 l; write scale = 10 beside it",
    ),
    (CALM + WATER + "vat = 5.5\n", 'tariff "water".vat = 5.5', "these prices hold the tax already, so it is not added"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "head", "message"), WARNED)
def test_what_is_probably_not_meant_is_told_with_its_place(tmp_path: Path, text: str, head: str, message: str) -> None:
    lines = told(tmp_path, text)
    assert head in lines[0]
    assert lines[0].startswith("f.toml:")
    assert lines[1].startswith(f"   warning: {message}"), lines


@pytest.mark.parametrize("extra", ["deadband = 1", "on_delay_s = 5", "off_delay_s = 5"])
def test_a_deadband_or_a_delay_is_enough_against_flutter(tmp_path: Path, extra: str) -> None:
    assert told(tmp_path, CALM.replace("on_delay_s = 2.5", extra)) == []


def test_the_same_name_in_another_place_is_no_doubt(tmp_path: Path) -> None:
    text = CALM.replace('name = "Door"', 'name = { en = "Cold water", fr = "Eau froide" }\nplace = "attic"')
    assert told(tmp_path, text) == []


def test_a_template_is_warned_of_once(tmp_path: Path) -> None:
    lines = told(tmp_path, HEAD + APARTMENT.replace("on_delay_s = 60", "") + LIST)
    assert sum("warning:" in line for line in lines) == 1
    assert any("and by 11 more" in line for line in lines)


def test_a_faulty_file_is_told_its_faults_and_no_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f.toml"
    file.write_text(CALM.replace("on_delay_s = 2.5", "").replace("pin = 27", "pin = 99"))
    assert main(["check", str(file)]) == 2
    assert "warning" not in capsys.readouterr().out


def test_check_warns_and_goes_on_unless_it_is_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f.toml"
    file.write_text(CALM.replace("on_delay_s = 2.5", ""))
    assert main(["check", str(file)]) == 0
    out = capsys.readouterr().out
    assert "warning: without deadband" in out
    assert "is good: box b0042" in out
    assert main(["check", str(file), "--lang", "fr"]) == 0
    assert "attention\u00a0: sans hystérésis" in capsys.readouterr().out
    assert main(["check", str(file), "--strict"]) == 2
    capsys.readouterr()
    assert main(["check", str(file), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["good"] is True
    assert [warning["code"] for warning in answer["warnings"]] == ["warn.flutter"]
    file.write_text(CALM)
    assert main(["check", str(file), "--strict"]) == 0
