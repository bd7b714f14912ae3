"""Ports and lines that are not as they should be: held, forbidden, a console, without parity, two meters on one."""

from __future__ import annotations

import os
import pty
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import serial  # here, before a test gives its rights away

from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.groups import spaced_group
from hal.driver import DriverError
from hal.drivers.teleinfo import MOST_TRACE, Teleinfo, TeleinfoOptions
from hal.drivers.teleinfo_port import TicPort
from hal.fake.meter import Meter
from hal.sample import BAD, GOOD
from tests.contract.test_teleinfo_port import Bench, all_good
from tests.support import ROOT, eventually


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """Return the master of a pseudo-terminal and the name of its other end."""
    master, slave = pty.openpty()
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_a_held_port_names_who_holds_it(terminal: tuple[int, str]) -> None:
    _, name = terminal
    program = f"import serial\nport = serial.Serial({name!r}, exclusive=True)\nprint('open', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(DriverError, match=f"another program holds it; end python.* \\(process {other.pid}\\)"):
            TicPort(name, 1200)
        other.stdin.write("\n")
    TicPort(name, 1200).close()


def test_a_port_that_the_user_may_not_open_names_the_group(terminal: tuple[int, str]) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become a user who may not")
    _, name = terminal
    nobody = pwd.getpwnam("nobody").pw_uid
    reader, writer = os.pipe()
    child = os.fork()
    if not child:  # pytest's own process must not lose its rights
        try:
            assert serial.VERSION
            os.setgroups([])
            os.setuid(nobody)
            TicPort(name, 1200).close()
            os.write(writer, b"opened")
        except BaseException as exc:  # noqa: BLE001 - whatever it is, the parent has to see it
            os.write(writer, str(exc).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as answer:
        said = answer.read().decode()
    assert f"Téléinfo on {name}: no permission; add the user of the service to group" in said


def test_the_serial_console_is_not_taken_away_from_the_kernel(terminal: tuple[int, str], tmp_path: Path) -> None:
    _, name = terminal
    active = tmp_path / "class/tty/console"
    active.mkdir(parents=True)
    (active / "active").write_text(f"tty1 {name.removeprefix('/dev/')}\n", encoding="ascii")
    with pytest.raises(DriverError, match=r"console=serial0,115200 from /boot/firmware/cmdline\.txt"):
        TicPort(name, 1200, sys=tmp_path)


def with_parity(sent: bytes) -> bytes:
    """Return what eight data bits without parity hold of a line of seven with even parity."""
    return bytes(byte | (byte.bit_count() % 2) << 7 for byte in sent)


def test_a_mini_uart_is_read_and_its_parity_is_checked_here(terminal: tuple[int, str], tmp_path: Path) -> None:
    master, name = terminal
    node = tmp_path / "class/tty" / name.removeprefix("/dev/") / "device/of_node"
    node.mkdir(parents=True)
    (node / "compatible").write_bytes(b"brcm,bcm2835-aux-uart\0")
    with closing(TicPort(name, 1200, sys=tmp_path)) as port:
        assert port.warnings() == ["serial_no_parity"]
        assert port.warnings() == [], "said once"
        frame = Meter().frame(0.0)
        line = bytearray(with_parity(frame))
        line[frame.index(b"PAPP") + 6] ^= 0x01
        os.write(master, bytes(line))
        seen = bytearray()

        def is_all() -> bool:
            seen.extend(port.read())
            return seen.endswith(b"\x03")

        eventually(is_all, 5)
    ends = [event for event in Decoder().feed(bytes(seen), 0.0) if isinstance(event, FrameEnd)]
    assert [found.why for found in ends[0].rejected] == ["parity"]
    assert len(ends[0].groups) == 10


def test_a_mini_uart_is_said_once_with_its_cure(tmp_path: Path) -> None:
    text = (ROOT / "config/text/en/LC_MESSAGES/vigie.po").read_text(encoding="utf-8")
    assert "dtoverlay=disable-bt" in text
    with closing(Bench(tmp_path, Meter(), "PAPP")) as bench:
        bench.until(all_good, 60)
        assert {notice.kind for notice in bench.notices} == {"tic_mode"}, "a pseudo-terminal is none"


class TakingTurns(Meter):
    """Two meters whose frames come in turn on one line."""

    def __init__(self, *meters: Meter) -> None:
        super().__init__()
        self.meters = meters
        self.turn = 0

    def frame(self, t_ms: float) -> bytes:
        self.turn += 1
        return self.meters[self.turn % len(self.meters)].frame(t_ms)


def two_meters() -> TakingTurns:
    first = Meter(address="041876199271", index_wh=1_000_000)
    second = Meter(address="041876199272", index_wh=9_000_000)
    first.set_power(1000.0)
    second.set_power(5000.0)
    return TakingTurns(first, second)


def test_two_meters_on_one_line_have_no_value_until_one_is_named(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, two_meters(), "PAPP", "HCHP", "ADCO")) as bench:
        seen: set[object] = set()
        for _ in range(60):
            samples = bench.second()
            seen |= {sample.value for sample in samples.values() if sample.quality == GOOD}
        assert {sample.reason for sample in samples.values()} == {"several_meters"}
        assert seen <= {1000, 5000}, "at most the very first frame's power"
        assert [notice.values["numbers"] for notice in bench.notices if notice.kind == "several_meters"] == [
            "041876199271, 041876199272"
        ]


def test_two_meters_on_one_line_are_kept_apart_by_their_numbers(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, two_meters())) as bench:
        bench.driver.close()
        bench.points = {
            f"{name}.{label}": TeleinfoOptions(label=label, meter=number)
            for name, number in (("first", "041876199271"), ("second", "041876199272"))
            for label in ("PAPP", "HCHP", "ADCO")
        }
        bench.driver = Teleinfo(str(bench.line.port), bench.points)
        bench.driver.open()
        bench.until(all_good, 60)
        for _ in range(60):
            samples = bench.second()
            assert (samples["first.ADCO"].value, samples["second.ADCO"].value) == ("041876199271", "041876199272")
            assert samples["first.PAPP"].value == 1000
            assert samples["second.PAPP"].value == 5000
            assert int(samples["first.HCHP"].value or 0) == pytest.approx(600_000, abs=100)
            assert int(samples["second.HCHP"].value or 0) == pytest.approx(5_400_000, abs=300)
        state = bench.driver.state()
        assert state is not None
        assert state.count("041876199271") >= 1
        again = Teleinfo(str(bench.line.port), bench.points)
        again.restore(state)
        assert not [notice for notice in bench.notices if notice.kind == "meter_changed"]


def test_a_named_meter_that_is_not_there_has_no_frame(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Meter())) as bench:
        bench.driver.close()
        bench.points = {"other": TeleinfoOptions(label="PAPP", meter="041876199299")}
        bench.driver = Teleinfo(str(bench.line.port), bench.points)
        bench.driver.open()
        for _ in range(30):
            assert [(s.quality, s.reason) for s in bench.second().values()] == [(BAD, "no_frame")]


class IceMeter(Meter):
    """A meter that is not read; the labels of its kind, and data that are made up."""

    def frame(self, t_ms: float) -> bytes:
        pairs = [
            ("CONTRAT", "HTA5"),
            ("EA", "17kWh"),
            ("PTCOUR", "HPE"),
            ("PA1MN", "99kW"),
            ("EApHPE", f"{t_ms:.0f}kWh"),
        ]
        return b"\x02" + b"".join(b"\n" + spaced_group(*pair) + b"\r" for pair in pairs) + b"\x03"


def test_an_ice_meter_is_named_and_gives_no_value_ever(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, IceMeter("pmepmi"), "PA1MN", "PAPP", "EA_s")) as bench:
        for _ in range(90):
            samples = bench.second()
            assert {sample.value for sample in samples.values()} == {None}
        assert {sample.reason for sample in samples.values()} == {"not_supported"}
        told = [notice for notice in bench.notices if notice.kind == "tic_unsupported"]
        assert [(notice.values["meter"], notice.values["labels"]) for notice in told] == [
            ("ICE", "CONTRAT, EA, PTCOUR, EApHPE")
        ]


def test_the_bytes_of_the_line_can_be_had_once(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Meter(), "PAPP")) as bench:
        assert isinstance(bench.driver, Teleinfo)
        assert bench.driver.trace() == b""
        bench.second()
        first = bench.driver.trace()
        assert bench.driver.trace() == b""
        bench.second()
        assert Meter().frame(0.0).startswith((first + bench.driver.trace())[:100])
        for _ in range(300):
            bench.second()
        assert len(bench.driver.trace()) == MOST_TRACE


class LosesNumbers(TakingTurns):
    """Two meters whose numbers arrive damaged in every third frame."""

    def frame(self, t_ms: float) -> bytes:
        octets = super().frame(t_ms)
        return octets.replace(b"ADCO 0", b"ADCO 1", 1) if self.turn % 3 == 0 else octets


def test_a_frame_without_its_number_is_nobodys_where_one_meter_is_named_and_the_other_is_not(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, LosesNumbers(*two_meters().meters))) as bench:
        bench.driver.close()
        bench.points = {
            "first": TeleinfoOptions(label="PAPP", meter="041876199271"),
            "other": TeleinfoOptions(label="PAPP"),
        }
        bench.driver = Teleinfo(str(bench.line.port), bench.points)
        bench.driver.open()
        bench.until(all_good, 60)
        for _ in range(60):
            samples = bench.second()
            assert {name: sample.value for name, sample in samples.items()} == {"first": 1000, "other": 5000}
