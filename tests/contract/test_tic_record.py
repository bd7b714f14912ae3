"""Listening to a port and `vigie tic record`: on pseudo-terminals at a meter's true speed, in virtual time."""

from __future__ import annotations

import argparse
import io
import json
from contextlib import closing
from pathlib import Path

import pytest

from edge.cli import tic, tic_record
from hal.decode.teleinfo.groups import spaced_group
from hal.driver import DriverError
from hal.fake.meter import Meter, PtyMeter
from hal.fake.meter_frames import Mode
from hal.tic_listen import Ear, Heard, listen
from tests.contract.test_teleinfo_port import ARRIVES_WITHIN_S
from tests.support import eventually

SECONDS = 30.0


class Line:
    """A meter's line whose time passes while somebody waits."""

    def __init__(self, folder: Path, meter: Meter) -> None:
        self.pty = PtyMeter(meter, folder / "port")
        self.now = 0.0
        self.seen = 0

    def wait(self, seconds: float) -> None:
        """Let the line go on, and the bytes arrive."""
        before = self.pty.bytes_sent
        self.now += seconds
        self.pty.step(self.now)
        if self.pty.bytes_sent > before:
            eventually(lambda: self.pty.waiting() > 0, ARRIVES_WITHIN_S * 5)

    def listen(self, seconds: float = SECONDS, **more: object) -> Heard:
        return listen(str(self.pty.port), seconds, now_s=lambda: self.now, wait=self.wait, **more)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIGIE_SOCKET", str(tmp_path / "no.sock"))
    return tmp_path


@pytest.mark.parametrize(("mode", "baud"), [("historique", 1200), ("standard", 9600), ("pmepmi", 1200)])
def test_what_speaks_on_a_port_is_known_within_six_seconds(tmp_path: Path, mode: Mode, baud: int) -> None:
    line = Line(tmp_path, Meter(mode))
    with closing(line.pty):
        heard = line.listen(6.0)
    assert (heard.mode, heard.baud) == (mode, baud)
    assert heard.groups >= 3


def test_what_is_kept_begins_with_the_meters_own_bytes_and_is_whole(tmp_path: Path) -> None:
    kept = bytearray()
    told: list[Heard] = []
    line = Line(tmp_path, Meter("standard"))
    with closing(line.pty):
        heard = line.listen(keep=kept.extend, found=told.append)
    assert len(told) == 1
    assert told[0].mode == "standard"
    assert heard.octets == len(kept) > 865 * 20
    assert heard.rejected == {}
    assert heard.frames >= 20
    assert kept.count(b"\tH26") > 0


def test_a_silent_port_and_one_with_noise_have_no_mode(tmp_path: Path) -> None:
    class Noise(Meter):
        def frame(self, t_ms: float) -> bytes:
            return bytes(7 + n % 100 for n in range(400))

    silent = Line(tmp_path, Meter())
    silent.pty.step = lambda now_s: now_s  # type: ignore[method-assign]
    with closing(silent.pty):
        assert silent.listen(12.0).octets == 0
    noisy = Line(tmp_path, Noise())
    kept = bytearray()
    with closing(noisy.pty):
        heard = noisy.listen(12.0, keep=kept.extend)
    assert (heard.mode, kept) == ("", b"")
    assert heard.octets > 0


def test_with_a_mode_that_was_given_everything_is_kept(tmp_path: Path) -> None:
    kept = bytearray()
    line = Line(tmp_path, Meter("standard"))
    with closing(line.pty):
        heard = line.listen(5.0, mode="historique", keep=kept.extend)
    assert heard.mode == ""
    assert len(kept) > 100, "garbage, as it was heard"


def test_two_meters_and_meters_that_are_not_read_are_told(tmp_path: Path) -> None:
    ear = Ear("historique")
    first, second = Meter(address="041876199271"), Meter(address="041876199272")
    for n in range(6):
        ear.take((first if n % 2 else second).frame(1500.0 * n), 1500.0 * n)
    assert ear.heard().meters == 2
    ice = b"\x02" + b"".join(
        b"\n" + spaced_group(label, "1") + b"\r" for label in ("CONTRAT", "EA", "PTCOUR", "EApHPE")
    )
    ear = Ear("historique")
    for n in range(4):
        ear.take(ice + b"\x03", 1500.0 * n)
    assert (ear.heard().mode, ear.heard().labels) == ("ICE", "CONTRAT, EA, PTCOUR, EApHPE")
    assert ear.heard().groups == 16
    assert ear.heard().rejected == {}


def test_a_port_that_goes_while_it_is_recorded_is_said(tmp_path: Path) -> None:
    line = Line(tmp_path, Meter())
    with closing(line.pty):

        def wait(seconds: float) -> None:
            line.wait(seconds)
            if line.now > 10:
                line.pty.unplug()

        with pytest.raises(DriverError) as caught:
            listen(str(line.pty.port), SECONDS, now_s=lambda: line.now, wait=wait)
        assert caught.value.reason == "unplugged"


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    tic.add_arguments(parser)
    return parser.parse_args(["record", *words])


@pytest.mark.parametrize("is_anonymous", [False, True])
def test_a_recording_decodes_and_without_its_number_too(place: Path, is_anonymous: bool) -> None:
    line = Line(place, Meter())
    args = parsed(str(line.pty.port), "--for", "20s", *(["--anonymous"] if is_anonymous else []))
    with closing(line.pty), (place / "file").open("xb") as out:
        heard = tic_record.record(args, out, lambda _heard: None, lambda: line.now, line.wait)
    assert heard.mode == "historique"
    assert heard.octets == (place / "file").stat().st_size
    told = io.StringIO()
    assert tic.decode(str(place / "file"), True, told, io.BytesIO()) == 0
    assert json.loads(told.getvalue().splitlines()[-1])["summary"]["groups_rejected"] in ({}, {"cut": 1})
    assert (b"041876199277" in (place / "file").read_bytes()) is not is_anonymous


def test_the_command_says_what_it_hears_and_never_writes_over_a_file(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "there.bin").write_bytes(b"before")
    line = Line(place, Meter())
    with closing(line.pty):
        port = str(line.pty.port)
        assert tic_record.run(parsed(port, "--for", "1", "-o", str(place / "there.bin"))) == 2
        assert "there.bin: File exists" in capsys.readouterr().err
        assert tic_record.run(parsed(port, "--for", "1", "-o", str(place / "new.bin"), "--json")) == 1
        assert json.loads(capsys.readouterr().out)["mode"] == ""
    assert (place / "there.bin").read_bytes() == b"before"
    assert tic_record.run(parsed(str(place / "none"), "--for", "1", "-o", str(place / "third.bin"))) == 2
    assert "there is no such port" in capsys.readouterr().err
    assert not (place / "third.bin").exists(), "nothing was written to it"


def test_what_is_told_at_the_end() -> None:
    say = tic_record.Words("en")
    args = parsed("port", "--for", "10")
    heard = Heard("historique", 1200, 1200, 80, {"checksum": 2, "cut": 1}, 8, 2)
    lines = tic_record.lines_of(heard, args, "f.bin", say)
    assert lines[0] == "1200 bytes, 8 complete frames, 80 good groups (8 a second), 3 bad ones (2 checksum, 1 cut)"
    assert "2 meters" in lines[1]
    assert "personal" in lines[2]
    assert "I1 and I2" in tic_record.lines_of(Heard(baud=1200), args, "f", say)[0]
    assert "noisy" in tic_record.lines_of(Heard(baud=1200, octets=9), args, "f", say)[0]


@pytest.mark.parametrize("text", ["0", "-5s", "1d", "", "25h", "x"])
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        tic_record.seconds_of(text)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("90", 90), ("24h", 86_400)])
def test_times(text: str, seconds: float) -> None:
    assert tic_record.seconds_of(text) == seconds
