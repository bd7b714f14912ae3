"""Modems that `vigie scan` finds: known by name, asked where nobody uses them, and no other port is written to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.cli.scan_modem import daemon_runs, is_modem, row_of
from edge.cli.scanned import Row, lines_of
from edge.cli.words import Words
from edge.settings.load import loads
from tests.modem_bench import Bench
from tests.unit.test_scan_cli import SITE

PORT = "/dev/serial/by-id/usb-SimTech_SIM7600_0123-if02-port0"
WITH_SMS = SITE + "\n[link.sms]\nper_day = 12\n"


def row(found: dict[str, Any], site: str = "", *, is_taken: bool = False, link: dict[str, Any] | None = None) -> Row:
    asked: list[str] = []

    def ask(port: str) -> dict[str, Any]:
        asked.append(port)
        return found

    told = row_of(PORT, Words("en"), loads(site) if site else None, link or {}, is_taken=is_taken, ask=ask)
    assert asked == ([] if is_taken else [PORT])
    return told


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            {"sim": "READY", "manufacturer": "SIMCOM", "model": "SIM7600E", "operator": "Orange F", "signal_dbm": -73},
            "SIMCOM SIM7600E, SIM ready, Orange F, 4/5 (-73 dBm)",
        ),
        ({"sim": "READY", "operator": "Orange F"}, "SIM ready, Orange F"),
        ({"sim": "READY", "operator": "20801", "signal_percent": 0}, "SIM ready, 20801, 0/5 (-113 dBm)"),
        ({"sim": "SIM PIN"}, "SIM asks for its PIN"),
        ({"sim": "absent"}, "SIM missing"),
        ({"fault": "no_answer", "text": "x"}, "the modem does not answer"),
        ({"fault": "hangs"}, "the modem does not answer"),
    ],
)
def test_a_modem_says_who_it_is_and_how_it_hears(found: dict[str, Any], told: str) -> None:
    assert row(found).seen.names == (told,)
    lines = lines_of([row(found)], Words("en"))
    assert lines[0] == PORT
    assert "not used yet: [link.sms]" in " ".join(" ".join(lines).split())


def test_one_that_is_in_the_settings_is_named_by_them_and_one_in_use_is_not_asked() -> None:
    assert row({"sim": "READY"}, WITH_SMS).points == ["[link.sms]"]
    taken = row({}, WITH_SMS, is_taken=True, link={"operator": "Orange F", "signal": 65})
    assert taken.seen.names == ("used by gammu-smsd, Orange F, 4/5 (-73 dBm)",)
    assert row({}, is_taken=True).seen.names == ("used by gammu-smsd",)


def test_what_could_not_be_asked_says_why() -> None:
    failed = row({"fault": "failed", "text": "ModuleNotFoundError: No module named 'gammu'"})
    assert (failed.fault, failed.reason) == ("ModuleNotFoundError: No module named 'gammu'", "driver_error")


def test_only_what_is_named_a_modem_is_taken_for_one(tmp_path: Path) -> None:
    assert is_modem(PORT, tmp_path, None)
    for other in ("/dev/ttyUSB0", "/dev/ttyAMA0", "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A5XK3RJT-if00-port0"):
        assert not is_modem(other, tmp_path, None)
    (tmp_path / "ttyUSB2").touch()
    (tmp_path / "modem").symlink_to("ttyUSB2")
    assert is_modem(str(tmp_path / "ttyUSB2"), tmp_path, None)
    assert not is_modem(PORT, tmp_path, None), "of its ports udev has named the one that takes commands"


def test_a_daemon_is_found_by_its_name(tmp_path: Path) -> None:
    assert not daemon_runs(tmp_path)
    (tmp_path / "12").mkdir()
    (tmp_path / "12/comm").write_text("gammu-smsd-mon\n")
    assert not daemon_runs(tmp_path)
    (tmp_path / "12/comm").write_text("gammu-smsd\n")
    assert daemon_runs(tmp_path)


def test_the_command_asks_a_modem_on_its_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dev = tmp_path / "dev"
    (dev / "serial/by-id").mkdir(parents=True)
    (tmp_path / "w1").mkdir()
    port = dev / "serial/by-id/usb-SimTech_SIM7600_0123-if02-port0"
    bench = Bench(tmp_path, port)
    bench.sim.asks = True  # one that asks for its PIN is told at once
    bench.sim.power()
    try:
        words = [
            "scan",
            "--proc",
            str(tmp_path),
            "--dev",
            str(dev),
            "--w1",
            str(tmp_path / "w1"),
            "--config",
            str(tmp_path / "none"),
            "--listen",
            "0",
        ]
        assert main(words) == 0
    finally:
        bench.close()
    assert "SIM asks for its PIN" in capsys.readouterr().out
    assert bench.sim.tried == []
