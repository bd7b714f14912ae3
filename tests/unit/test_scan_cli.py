"""`vigie scan`: what is there, who reads it, what to write for the rest; a place that can't be looked at says why."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from edge.cli.cells import cells
from edge.cli.main import main
from edge.cli.scanned import Row, lines_of, toml_of
from edge.cli.words import Words
from edge.settings.load import loads
from hal import modbus_maps
from hal.fake.meter import Meter, PtyMeter
from hal.fake.modbus import TcpSlaves, slave_of
from hal.scan import Seen
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
        "w1",
        f"  {KNOWN}  DS18B20  boiler.flow",
        f"  {NEW}  DS18B20  no point yet (driver ds18b20)",
    ]


def test_what_is_printed_to_paste_is_a_good_point(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--toml"]) == 0
    pasted = capsys.readouterr().out
    assert KNOWN not in pasted
    settings = loads(SITE + pasted)
    assert [(entry.point.id, entry.options.probe) for entry in settings.points][1:] == [(f"new.{NEW}", NEW)]


def test_what_is_pasted_stands_alone_and_a_key_that_looking_cannot_tell_is_one_of_the_drivers_words() -> None:
    found = Row(Seen("i2c-3", "0x44", ("SHT3x",), "sht3x", {"address": 0x44}), kind="i2c")
    probe = Row(Seen("w1", NEW, ("DS18B20",), "ds18b20", {"probe": NEW}), kind="onewire")
    head = SITE.partition("[bus.w1]")[0]
    other = Row(Seen("i2c-3", "0x76", ("BMP280",), "bme280", {"address": 0x76}), kind="i2c")
    pasted = "\n".join(toml_of([found, probe, other], None, Words("en")))
    assert 'channel = "humidity"  # temperature' in pasted
    settings = loads(head + pasted)
    assert settings.buses["i2c3"][1].number == 3
    assert [entry.point.bus for entry in settings.points] == ["i2c3", "w1", "i2c3"]


def test_a_meter_is_told_once_in_a_remark_that_says_what_it_takes() -> None:
    meter = Row(Seen("/dev/ttyUSB0", "meter", ("Téléinfo historique 1200 Bd",), "teleinfo"), kind="serial")
    assert toml_of([meter], None, Words("fr")) == ["# /dev/ttyUSB0: meter, driver teleinfo, un point par étiquette", ""]


def test_a_probe_that_the_settings_name_and_that_is_not_there_is_told(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w1" / KNOWN).rmdir()
    assert main(words) == 0
    assert f"  {KNOWN}  nobody answers here  boiler.flow" in capsys.readouterr().out.splitlines()
    (tmp_path / "w1" / NEW).rmdir()
    (tmp_path / "site.toml").write_text(SITE.partition("[bus.w1]")[0], encoding="utf-8")
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == ["1-Wire", "  nobody answers: check wires and supply"]


LONG = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A5XK3RJT-if00-port0"
MANY = [f"tic.{number}" for number in range(20)]
ROWS = [
    Row(Seen("i2c-1", "0x44", ("INA219", "SHT3x")), ["lab.temperature.upstairs", "lab.humidity.upstairs"], kind="i2c"),
    Row(Seen("i2c-1", "0x57", ("AT24C32 memory of a clock module",)), kind="i2c"),
    Row(Seen("i2c-2", ""), kind="i2c"),
    Row(Seen(LONG, "meter", ("Téléinfo historique 1200 Bd",), "teleinfo"), MANY, kind="serial"),
    Row(Seen("/dev/ttyAMA0", ""), ["solar.i"], "Téléinfo on /dev/ttyAMA0: forbidden; join tty", "not_open", "serial"),
    Row(Seen("w1_bus_master1", "00-400000000000", ("noise",)), kind="onewire"),
]  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("width", [40, 80, 100])
def test_no_line_is_wider_than_the_screen_but_a_name_that_must_stay_whole(lang: str, width: int) -> None:
    lines = lines_of(ROWS, Words(lang), width)
    assert [line for line in lines if cells(line) > width and line != LONG] == []
    told = " ".join(" ".join(lines).split())
    for row in ROWS:
        assert row.seen.where in lines
        assert row.seen.device in told
        assert all(point in told for point in row.points)
    assert ("dialout" if lang == "fr" else "join tty") in told


def test_a_bus_that_the_settings_want_and_the_machine_lacks_says_why_with_its_points(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = '\n[bus.i2c97]\nkind = "i2c"\nnumber = 97\n[[point]]\nid = "p"\nbus = "i2c97"\ndriver = "bh1750"\n'
    port = tmp_path / "gone"
    meter = (
        '[bus.m]\nkind = "serial"\nport = "PORT"\n[[point]]\nid = "t"\nbus = "m"\ndriver = "teleinfo"\nlabel = "PAPP"\n'
    )
    (tmp_path / "site.toml").write_text(SITE + wanted + meter.replace("PORT", str(port)), encoding="utf-8")
    assert main([*words, "--socket", str(tmp_path / "none")]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "i2c-97 p: i2c-97: /dev/i2c-97 does not exist → switch I2C on" in told
    assert f"{port} t: Téléinfo on {port}: there is no such port" in told


def test_its_json_holds_everything(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["seen"]["device"], row["points"]) for row in rows] == [(KNOWN, ["boiler.flow"]), (NEW, [])]


def test_a_bus_that_cannot_be_opened_says_why_and_the_rest_is_told(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dev" / "i2c-97").write_bytes(b"")  # the kernel has no such adapter
    assert main(words) == 1
    out = capsys.readouterr().out
    first, why, *others = out.splitlines()
    assert first == "i2c-97"
    assert why == "  i2c-97: /dev/i2c-97 does not exist"
    assert "dtparam=i2c_arm=on" in out
    assert next(line for line in others if "DS18B20" in line).endswith("boiler.flow")


def test_a_machine_with_nothing_says_so(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words[words.index("--w1") + 1] = str(tmp_path / "none")
    (tmp_path / "site.toml").unlink()
    assert main(words) == 0
    assert capsys.readouterr().out == "no I2C bus, no 1-Wire line and no serial port here\n"


def test_damaged_settings_do_not_keep_it_from_looking(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.toml").write_text("[box\n", encoding="utf-8")
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[1:]] == ["ds18b20)", "ds18b20)"]


@pytest.mark.slow(reason="a meter's frames at their true bit rate, twice the time that one takes")
def test_a_meter_that_speaks_on_a_port_is_named_with_its_mode(
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


def test_a_port_that_is_not_listened_to_says_nothing_of_a_meter(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = PtyMeter(Meter(), tmp_path / "dev" / "ttyUSB0")
    try:
        assert main([*words, "--listen", "0", "--socket", str(tmp_path / "none")]) == 0
    finally:
        line.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(tmp_path / "dev" / "ttyUSB0")


@pytest.mark.parametrize(
    "option",
    [
        ["--modbus", "meter:abc"],
        ["--modbus", "meter:70000"],
        ["--modbus", "meter:"],
        ["--for", "nan"],
        ["--listen", "-5"],
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    words: list[str], option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*words, *option])
    assert "is expected" in capsys.readouterr().err


def test_modbus_slaves_are_looked_for_where_somebody_asks(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registers = modbus_maps.load("sdm120").registers
    slaves = TcpSlaves({1: slave_of(registers.values(), {"voltage": 230.0})})  # the first asked: the bound is real
    with Served(slaves):
        assert main([*words, "--modbus", f"127.0.0.1:{slaves.port}", "--for", "1", "--toml"]) == 0
    assert "slave 1, driver modbus" in capsys.readouterr().out
    assert main([*words, "--modbus", str(tmp_path / "none"), "--for", "1"]) == 1
    assert "none" in capsys.readouterr().out
