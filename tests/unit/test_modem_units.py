"""What wakes a modem: the scripts below a root of their own, the units as systemd reads them, gammu-smsd's settings."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.links.modem_hands import WORDS
from edge.links.sms_faults import SILENT_S
from edge.settings.model_sms import SmsLink
from hal.fake.gpiochip import FakeChip
from hal.gpiod_lines import GpioError, Line, open_chip
from hal.modem_power import cycle
from sms.smsd_log import LOG
from tests.support import ROOT

IMAGE = ROOT / "image"
RESET = IMAGE / "vigie-modem-reset"
SETUP = IMAGE / "vigie-sms-setup"


class Board:
    """A root with a modem on a USB port, as the kernel shows it."""

    def __init__(self, root: Path, vendor: str = "1e0e") -> None:
        self.root = root
        self.runtime = root / "run/vigie-modem-reset"
        self.usb = root / "sys/devices/platform/usb1/1-1"
        tty = self.usb / "1-1:1.2/ttyUSB2"
        for folder in (self.runtime, tty, root / "dev", root / "etc", root / "sys/class/tty/ttyUSB2"):
            folder.mkdir(parents=True)
        (self.usb / "authorized").write_text("1\n")
        (self.usb / "idVendor").write_text(f"{vendor}\n")
        (root / "sys/class/tty/ttyUSB2/device").symlink_to(tty)
        (root / "sys/bus/usb/devices").mkdir(parents=True)
        (root / "sys/bus/usb/devices/1-1").symlink_to(self.usb)
        (root / "dev/ttyUSB2").touch()
        (root / "dev/modem").symlink_to("ttyUSB2")
        (root / "etc/gammu-smsdrc").write_text("[gammu]\ndevice = /dev/modem   # by its name\n")

    def does(self, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (self.runtime / "request").write_text(line)
        quick = {"VIGIE_MODEM_PAUSE_S": "0", "VIGIE_MODEM_OFF_S": "0", "VIGIE_MODEM_BACK_S": "0"}
        return subprocess.run(
            ["/bin/sh", str(RESET)],
            env={"PATH": os.environ["PATH"], "VIGIE_ROOT": str(self.root), **quick, **environment},
            capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip

    @property
    def answer(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.runtime / "answer.json").read_text())
        return found


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_a_usb_port_forgets_the_modem_and_finds_it_anew(board: Board) -> None:
    (board.usb / "authorized").unlink()
    os.mkfifo(board.usb / "authorized")  # what is written there is read here, each word
    reader = os.open(board.usb / "authorized", os.O_RDWR)
    done = board.does("7 usb\n")
    assert os.read(reader, 100) == b"0\n1\n"
    os.close(reader)
    assert (done.returncode, board.answer) == (0, {"number": 7, "fault": "", "modem": {}})
    assert (board.runtime / "answer.json").stat().st_mode & 0o777 == 0o640
    assert not (board.runtime / "request").exists()


def test_a_modem_that_left_its_port_is_known_by_where_it_was_or_by_its_maker(board: Board) -> None:
    (board.root / "dev/modem").unlink()
    (board.root / "dev/ttyUSB2").unlink()
    assert board.does("8 usb\n").returncode == 0
    assert board.answer == {"number": 8, "fault": "no_device", "modem": {}}, (
        "its port was reset, and it did not come back"
    )
    assert (board.runtime / "usb").read_text() == f"{board.usb}\n"
    (board.usb / "idVendor").write_text("ffff\n")
    (board.usb / "authorized").write_text("")
    board.does("9 usb\n")
    assert (board.usb / "authorized").read_text() == "1\n", "by where it was"


def test_another_device_of_the_bus_is_left_alone(tmp_path: Path) -> None:
    board = Board(tmp_path, vendor="046d")
    (board.root / "dev/modem").unlink()
    (board.usb / "authorized").write_text("")
    board.does("8 usb\n")
    assert board.answer["fault"] == "no_device"
    assert (board.usb / "authorized").read_text() == ""


def test_the_hub_s_own_switch_takes_the_power_where_there_is_one(board: Board) -> None:
    switch = board.root / "sys/devices/platform/usb1/1-0:1.0/usb1-port1"
    switch.mkdir(parents=True)
    os.mkfifo(switch / "disable")
    (board.usb / "port").symlink_to(switch)
    reader = os.open(switch / "disable", os.O_RDWR)
    assert board.does("7 power\n").returncode == 0
    assert os.read(reader, 100) == b"1\n0\n"
    os.close(reader)
    assert board.answer["fault"] == ""


@pytest.mark.parametrize(("status", "fault"), [(0, ""), (1, "failed")])
def test_a_relay_on_a_pin_is_switched_where_one_is_named(board: Board, status: int, fault: str) -> None:
    python = board.root / "opt/vigie/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >{board.root}/said\nexit {status}\n')
    python.chmod(0o755)
    board.does("7 power\n", VIGIE_MODEM_GPIO="26", VIGIE_MODEM_GPIO_OFF="0")
    assert (board.root / "said").read_text() == "-m hal.modem_power --pin 26 --off 0 --seconds 0\n"
    assert board.answer["fault"] == fault


@pytest.mark.parametrize(
    "line", ["", "\n", "usb", "7", "7 reboot", "x usb", "7 usb; id", "7 $(id) usb", "../7 usb", "7 8 power x", "-1 usb"]
)
def test_a_request_that_is_none_is_taken_away_and_nothing_is_touched(board: Board, line: str) -> None:
    (board.usb / "authorized").write_text("")
    done = board.does(line)
    assert (done.returncode, done.stderr) == (1, "vigie-modem-reset: not understood\n")
    assert (board.usb / "authorized").read_text() == ""
    assert list(board.runtime.iterdir()) == []


def test_a_request_that_points_elsewhere_is_not_read(board: Board) -> None:
    (board.root / "other").write_text("7 usb\n")
    (board.runtime / "request").symlink_to(board.root / "other")
    done = subprocess.run(
        ["/bin/sh", str(RESET)], env={"PATH": os.environ["PATH"], "VIGIE_ROOT": str(board.root)}, check=False,
        capture_output=True, timeout=20,
    )  # fmt: skip
    assert done.returncode == 1
    assert (board.root / "other").read_text() == "7 usb\n"


@pytest.mark.parametrize("off", [0, 1])
def test_the_power_comes_back_before_the_line_is_let_go(off: int) -> None:
    fake = FakeChip()
    relay, slept = fake.lines[26], []
    line = Line(open_chip("", [fake.path], fake.open), 26, lambda _t_ns, _level: None)
    cycle(line, off, 8.0, lambda seconds: slept.append((seconds, relay.level)))
    assert (relay.outputs, slept) == ([bool(off), not off], [(8.0, bool(off))])
    assert (relay.directions[-1], relay.request) == ("INPUT", None)


def test_a_line_that_somebody_holds_is_named() -> None:
    fake = FakeChip()
    fake.lines[26].held_by = "spi0 CS0"
    line = Line(open_chip("", [fake.path], fake.open), 26, lambda _t_ns, _level: None)
    with pytest.raises(GpioError, match="held by spi0 CS0"):
        cycle(line, 1, 8.0, pytest.fail)


# -- made ready


def prepared(root: Path, *, device: bool) -> dict[str, str]:
    """Return the environment of a root in which every program that acts on the machine writes down what it was told."""
    tools = root / "tools"
    for folder in (tools, root / "usr/bin", root / "etc", root / "dev"):
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("systemctl", "install", "setpriv"):
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{root}/told\n')
        (tools / name).chmod(0o755)
    (root / "usr/bin/gammu-smsd").touch(mode=0o755)
    (root / "etc/passwd").write_text("gammu:x:103:110::/nonexistent:/usr/sbin/nologin\n")
    (root / "etc/gammu-smsdrc").write_text((ROOT / "config/gammu-smsdrc").read_text())
    if device:
        (root / "dev/modem").touch()
    return {"PATH": f"{tools}:{os.environ['PATH']}", "VIGIE_ROOT": str(root)}


def setup(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SETUP)], env=environment, capture_output=True, text=True, check=False, timeout=20
    )


@pytest.mark.parametrize("device", [True, False])
def test_a_box_is_made_ready_in_the_order_that_matters(tmp_path: Path, device: bool) -> None:
    done = setup(prepared(tmp_path, device=device))
    assert done.returncode == 0, done.stderr
    assert ("runs on /dev/modem" if device else "waits for /dev/modem") in done.stdout
    told = (tmp_path / "told").read_text().splitlines()
    assert [line.split()[:2] for line in told] == [
        ["systemctl", "stop"], ["install", "-d"], ["setpriv", "--reuid"], ["systemctl", "daemon-reload"],
        ["systemctl", "--quiet"], ["systemctl", "start"], *([["setpriv", "--reuid"]] if device else []),
        ["systemctl", "restart"],
    ]  # fmt: skip
    assert "--regid vigie --init-groups" in told[2]
    assert told[1] == f"install -d -o gammu -g vigie -m 2770 {tmp_path}/var/lib/vigie-sms"
    assert told[2].endswith(f"-m sms.smsd_making {tmp_path}/var/lib/vigie-sms/smsd.db")


def test_a_database_that_cannot_be_made_starts_nothing(tmp_path: Path) -> None:
    environment = prepared(tmp_path, device=True)
    (tmp_path / "tools/setpriv").write_text("#!/bin/sh\nexit 1\n")
    assert setup(environment).returncode == 1
    assert "enable" not in (tmp_path / "told").read_text()


@pytest.mark.parametrize("missing", ["usr/bin/gammu-smsd", "etc/passwd", "etc/gammu-smsdrc"])
def test_what_is_missing_is_said_before_anything_is_done(tmp_path: Path, missing: str) -> None:
    environment = prepared(tmp_path, device=True)
    (tmp_path / missing).unlink()
    (tmp_path / missing).touch(mode=0o644)
    done = setup(environment)
    assert done.returncode == 1
    assert done.stderr.startswith("vigie-sms-setup: ")
    assert not (tmp_path / "told").exists()


# -- the units and the settings


def unit(name: str) -> list[str]:
    return (IMAGE / name).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("what", ["reset", "exclusive"])
def test_the_daemon_is_stopped_before_and_started_after_whatever_comes_of_it(what: str) -> None:
    lines = set(unit(f"vigie-modem-{what}.service"))
    smsd = "gammu-smsd.service"
    assert {f"Conflicts={smsd}", f"After={smsd}", f"OnSuccess={smsd}", f"OnFailure={smsd}", "Type=oneshot"} <= lines
    runtime = "/run/vigie-modem" + ("-reset" if what == "reset" else "")
    assert f"ExecStartPre=+/bin/mv -fT /run/vigie/modem-{what} {runtime}/request" in lines
    assert {f"PathExists=/run/vigie/modem-{what}", f"Unit=vigie-modem-{what}.service"} <= set(
        unit(f"vigie-modem-{what}.path")
    )
    assert {"CapabilityBoundingSet=", "NoNewPrivileges=yes"} <= lines


def test_what_the_watchdog_asks_for_is_what_the_units_watch_for() -> None:
    assert {name for name, _ in WORDS.values()} == {"modem-reset", "modem-exclusive"}
    assert {word for name, word in WORDS.values() if name == "modem-reset"} == {"usb", "power"}


def test_systemd_understands_the_units() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    names = [str(path) for path in sorted(IMAGE.glob("vigie-modem-*.*"))]
    said = subprocess.run(
        ["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False, timeout=60
    )
    lines = [
        line for line in (said.stderr + said.stdout).splitlines()
        if not re.search(r"Command \S+ is not executable|gammu-smsd", line)  # not installed on this machine
    ]  # fmt: skip
    assert lines == []


def test_the_daemon_s_settings_hold_no_pin_and_its_heartbeat_is_the_watchdog_s() -> None:
    text = (ROOT / "config/gammu-smsdrc").read_text(encoding="utf-8")
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    assert not parser.has_option("gammu", "pin")
    assert not parser.has_option("smsd", "pin")
    assert not re.search(r"^\s*runon", text, re.MULTILINE | re.IGNORECASE), "a sender's name would reach a shell"
    smsd = parser["smsd"]
    assert (smsd["service"], smsd["driver"], smsd["checksecurity"]) == ("sql", "sqlite3", "0")
    assert 3 * smsd.getint("statusfrequency") == SILENT_S
    assert 3 * smsd.getint("receivefrequency") < 60
    assert Path(smsd["logfile"]) == LOG
    settings = SmsLink()
    assert f"{smsd['dbdir']}/{smsd['database']}" == settings.database
    assert parser["gammu"]["device"] == settings.device
    dropin = unit("gammu-smsd.conf")
    assert {
        "Environment=TZ=UTC LC_ALL=C.UTF-8",
        "Restart=always",
        "TimeoutStopSec=5",
        "User=gammu",
        "Group=vigie",
        "RuntimeDirectory=vigie-sms",
    } <= set(dropin)


@pytest.mark.parametrize("script", [RESET, SETUP, IMAGE / "install.sh"], ids=lambda path: path.name)
def test_scripts_stop_at_the_first_error_and_have_no_fault_that_is_known(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/bin/sh\n")
    assert "\nset -eu\n" in text
    assert script.stat().st_mode & 0o111
    subprocess.run(["/bin/sh", "-n", str(script)], check=True, timeout=10)
