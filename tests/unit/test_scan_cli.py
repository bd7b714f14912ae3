"""`vigie scan`: what is there, who reads it, what to write for the rest; a place that can't be looked at says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.settings.load import loads

SITE = """
[box]
id = "b0001"
[site]
name = "Here"
[bus.w1]
kind = "onewire"
[[point]]
id = "boiler.flow"
bus = "w1"
driver = "ds18b20"
probe = "28-3c01f0950a21"
"""
KNOWN, NEW = "28-3c01f0950a21", "28-3c01f0950a77"


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A machine with two probes, of which the settings name one, and no port."""
    for probe in (KNOWN, NEW):
        (tmp_path / "w1" / probe).mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    return [
        "scan",
        "--dev",
        str(tmp_path / "dev"),
        "--w1",
        str(tmp_path / "w1"),
        "--config",
        str(tmp_path / "site.toml"),
    ]


def test_a_named_probe_shows_its_point_and_a_new_one_its_driver(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"w1  {KNOWN}  DS18B20  boiler.flow",
        f"w1  {NEW}  DS18B20  no point yet: driver ds18b20",
    ]


def test_what_is_printed_to_paste_is_a_good_point(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--toml"]) == 0
    pasted = capsys.readouterr().out
    assert KNOWN not in pasted
    settings = loads(SITE + pasted)
    assert [(entry.point.id, entry.options.probe) for entry in settings.points][1:] == [(f"new.{NEW}", NEW)]


def test_its_json_holds_everything(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["seen"]["device"], row["points"]) for row in rows] == [(KNOWN, ["boiler.flow"]), (NEW, [])]


def test_a_bus_that_cannot_be_opened_says_why_and_the_rest_is_told(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dev" / "i2c-97").write_bytes(b"")  # the kernel has no such adapter
    assert main(words) == 1
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("i2c-97")
    assert "dtparam=i2c_arm=on" in first
    assert len(others) == 2


def test_a_machine_with_nothing_says_so(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words[words.index("--w1") + 1] = str(tmp_path / "none")
    assert main(words) == 0
    assert capsys.readouterr().out == "no I2C bus, no 1-Wire line and no serial port here\n"


def test_damaged_settings_do_not_keep_it_from_looking(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.toml").write_text("[box\n", encoding="utf-8")
    assert main(words) == 0
    assert "boiler.flow" not in capsys.readouterr().out
