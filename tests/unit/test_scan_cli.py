"""`vigie scan`: what is there, who reads it, what to write for the rest; a place that can't be looked at says why."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.settings.load import loads
from hal import modbus_maps
from hal.fake.meter import Meter, PtyMeter
from hal.fake.modbus import TcpSlaves, slave_of
from tests.served import Served

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
        f"w1  {NEW}  DS18B20  no point yet (driver ds18b20)",
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


@pytest.mark.slow(reason="a meter's frames at their true bit rate, twice the time that one takes")
def test_a_meter_that_speaks_on_a_port_is_named_with_its_mode_(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meter = Meter()
    line = PtyMeter(meter, tmp_path / "dev" / "ttyUSB0")
    running = threading.Event()

    def speak() -> None:
        while not running.wait(0.05):
            line.step(time.monotonic())

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        assert main([*words, "--listen", "4", "--socket", str(tmp_path / "none")]) == 0
    finally:
        running.set()
        thread.join()
        line.close()
    out = capsys.readouterr().out
    assert "Téléinfo historique 1200 Bd" in out
    assert "no point yet (driver teleinfo)" in out


def test_modbus_slaves_are_looked_for_where_somebody_asks(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registers = modbus_maps.load("sdm120").registers
    slaves = TcpSlaves({3: slave_of(registers.values(), {"voltage": 230.0})})
    with Served(slaves):
        assert main([*words, "--modbus", f"127.0.0.1:{slaves.port}", "--for", "1", "--toml"]) == 0
    assert "slave 3, driver modbus" in capsys.readouterr().out
    assert main([*words, "--modbus", str(tmp_path / "none"), "--for", "1"]) == 1
    assert "none" in capsys.readouterr().out
