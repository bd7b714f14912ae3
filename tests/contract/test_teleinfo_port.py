"""The driver on real pseudo-terminals: modes, speeds, three ports at once, unplugged and plugged in again."""

from __future__ import annotations

import os
import pty
import termios
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hal.decode.teleinfo.labels import Mode
from hal.driver import DriverError
from hal.drivers.teleinfo import Teleinfo, TeleinfoOptions
from hal.fake.meter import Meter, PtyMeter, Recording, read_at_wrong_speed
from hal.sample import BAD, GOOD, UNCERTAIN, Notice, Sample
from tests.support import eventually, shared_data

ARRIVES_WITHIN_S = 0.2


class Bench:
    """A meter on a pty and its driver, moved by virtual time: a second is a step, not a wait."""

    def __init__(
        self, folder: Path, meter: Meter | Recording, *labels: str, name: str = "meter", state: str = ""
    ) -> None:
        self.line = PtyMeter(meter, folder / name)
        self.points = {label: TeleinfoOptions(label=label) for label in labels}
        self.driver = Teleinfo(str(self.line.port), self.points)
        if state:
            self.driver.restore(state)
        self.driver.open()
        self.now_s = 100.0
        self.sent = 0
        """Bytes of the line that have been seen in the port."""
        self.notices: list[Notice] = []

    def second(self) -> dict[str, Sample]:
        """Let a second pass on the line, then read all points."""
        end_s = self.now_s + 1.0
        while self.now_s < end_s - 1e-9:
            self.now_s += 0.1
            self.line.step(self.now_s)
        self._arrive()
        samples = {sample.point: sample for sample in self.driver.read(list(self.points), round(self.now_s * 1e9))}
        self.notices += self.driver.notices()
        return samples

    def _arrive(self) -> None:
        """Wait until what was sent can be read: the kernel hands it over when it gets to it."""
        sent = self.line.bytes_sent
        end_s = time.monotonic() + ARRIVES_WITHIN_S
        while (waiting := self.line.waiting()) < sent - self.sent and time.monotonic() < end_s:
            os.sched_yield()
        self.sent += min(waiting, sent - self.sent)

    def until(self, condition: Callable[[dict[str, Sample]], bool], seconds: int) -> dict[str, Sample]:
        """Return the samples of the first second in which the condition holds."""
        for _ in range(seconds):
            samples = self.second()
            if condition(samples):
                return samples
        pytest.fail(f"not within {seconds} virtual seconds: {samples}")

    def close(self) -> None:
        self.driver.close()
        self.line.close()


def all_good(samples: dict[str, Sample]) -> bool:
    return all(sample.quality == GOOD for sample in samples.values())


@pytest.mark.parametrize(
    ("mode", "labels", "baud"),
    [
        ("historique", ("ADCO", "HCHP", "PAPP", "IINST", "PTEC"), 1200),
        ("standard", ("ADSC", "EAST", "SINSTS", "NGTF", "STGE"), 9600),
        ("pmepmi", ("ADS", "EAP_s", "PA1MN", "PTCOUR1"), 1200),
    ],
)
def test_mode_and_speed_are_found_within_a_minute(
    tmp_path: Path, mode: Mode, labels: tuple[str, ...], baud: int
) -> None:
    with closing(Bench(tmp_path, Meter(mode), *labels)) as bench:
        bench.until(all_good, 60)
        assert [(n.kind, n.values["mode"], n.values["baud"]) for n in bench.notices] == [("tic_mode", mode, baud)]
        for _ in range(20):
            assert all_good(bench.second())
        told = bench.driver.condition()
        assert (told["mode"], told["baud"], told["frame_bad"]) == (mode, baud, 0)
        assert told["frame_ok"] == len(meter_groups(mode))
        assert int(told["groups_ok"]) >= 2 * int(told["frame_ok"])


def meter_groups(mode: Mode) -> list[bytes]:
    return Meter(mode).frame(0.0).split(b"\r")[:-1]


def test_how_a_line_does_counts_what_arrives_damaged_and_says_nothing_while_nobody_is_heard(tmp_path: Path) -> None:
    meter = Meter()
    with closing(Bench(tmp_path, meter, "PAPP")) as bench:
        assert bench.driver.condition() == {}
        bench.until(all_good, 60)
        before = bench.driver.condition()
        whole = meter.frame(bench.now_s * 1000)
        bench.line.send(whole.replace(b"PAPP", b"PAQP"))
        bench.second()
        after = bench.driver.condition()
        assert int(after["groups_bad"]) > int(before["groups_bad"])
        bench.driver.close()
        assert bench.driver.condition() == {}


def test_nothing_is_ever_good_before_it_was_confirmed(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Meter(), "HCHP", "ADCO")) as bench:
        assert {sample.reason for sample in bench.second().values()} == {"no_frame"}
        first = bench.until(lambda samples: samples["HCHP"].quality != BAD, 10)
        assert (first["HCHP"].quality, first["HCHP"].reason) == (UNCERTAIN, "unconfirmed")
        assert (first["ADCO"].quality, first["ADCO"].reason) == (UNCERTAIN, "unconfirmed")


def test_the_index_that_arrives_is_the_one_of_the_frame_that_it_is_dated_to(tmp_path: Path) -> None:
    meter = Meter(subscribed_kva=12)
    meter.set_power(9000.0)
    with closing(Bench(tmp_path, meter, "HCHP")) as bench:
        bench.until(all_good, 60)
        seen = {bench.second()["HCHP"] for _ in range(60)}
        readings = sorted((sample.t_ns, int(sample.value or 0)) for sample in seen)
        (first_ns, first_wh), (last_ns, last_wh) = readings[0], readings[-1]
        assert last_wh - first_wh == pytest.approx(9000 * 0.96 * (last_ns - first_ns) / 3.6e12, abs=2)
        assert all(sample.quality == GOOD for sample in seen)


def test_a_meter_that_changes_its_mode_is_found_again_within_a_minute(tmp_path: Path) -> None:
    meter = Meter("historique")
    with closing(Bench(tmp_path, meter, "PAPP", "SINSTS")) as bench:
        bench.until(lambda samples: samples["PAPP"].quality == GOOD, 60)
        assert bench.second()["SINSTS"].reason == "not_sent"
        meter.mode = "standard"
        samples = bench.until(lambda samples: samples["SINSTS"].quality == GOOD, 60)
        assert samples["PAPP"].value is None
        assert [notice.values["mode"] for notice in bench.notices] == ["historique", "standard"]


def test_a_silent_meter_is_no_frame_and_never_zero_or_the_last_value(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Meter(), "PAPP")) as bench:
        bench.until(all_good, 60)
        sample = bench.driver.read(["PAPP"], round((bench.now_s + 16) * 1e9))[0]
        assert (sample.value, sample.quality, sample.reason) == (None, BAD, "no_frame")


def test_an_unplugged_port_raises_and_its_name_works_again_after_replugging(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Meter(), "PAPP")) as bench:
        bench.until(all_good, 60)
        bench.line.unplug()
        with pytest.raises(DriverError) as caught:
            bench.second()
        assert caught.value.reason == "unplugged"
        assert str(bench.line.port) in str(caught.value)
        with pytest.raises(DriverError, match="by-id"):
            bench.driver.open()
        bench.line.replug()
        bench.driver.open()
        bench.until(all_good, 60)


def test_a_port_that_another_program_holds_is_said_so(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Meter(), "PAPP")) as bench:
        second = Teleinfo(str(bench.line.port), bench.points)
        with pytest.raises(DriverError, match="another program"):
            second.open()


def test_three_ports_at_once_are_never_mixed(tmp_path: Path) -> None:
    meters = [Meter("historique", address=f"04187619927{n}", index_wh=10**6 * (n + 1), seed=n) for n in range(2)]
    meters.append(Meter("standard", address="041876199272", index_wh=3_000_000))
    benches = [
        Bench(tmp_path, meter, "ADSC" if meter.mode == "standard" else "ADCO", name=f"meter{n}")
        for n, meter in enumerate(meters)
    ]
    try:
        for _ in range(30):
            samples = [next(iter(bench.second().values())) for bench in benches]
        assert [sample.value for sample in samples] == [meter.address for meter in meters]
    finally:
        for bench in benches:
            bench.close()


def test_state_survives_a_restart_and_a_lower_index_is_not_believed_at_once(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Meter(index_wh=5_000_000), "HCHP", "ADCO", name="first")) as bench:
        bench.until(all_good, 60)
        state = bench.driver.state()
        assert state is not None
        assert bench.driver.state() is None, "it did not change"
    with closing(Bench(tmp_path, Meter(index_wh=4_000_000), "HCHP", "ADCO", state=state)) as bench:
        bench.until(lambda samples: samples["ADCO"].quality == GOOD, 10)
        bench.until(lambda samples: samples["HCHP"].quality == GOOD, 20)
        kinds = [notice.kind for notice in bench.notices]
        assert kinds.count("meter_changed") == 1
        assert "tic_mode" not in kinds, "the mode was told before the port was closed"


def test_damaged_state_is_ignored() -> None:
    strange = '{"mode":"historique","identity":{"ADCO":"\u00e9"},"meters":{"x":{"mode":"pmepmi"}},"told":{"p":-1}}'
    for text in ("", "{", strange, '{"mode":"elsewhere"}', '{"indexes":{"HCHP":-5,"NONE":1}}', "\x00"):
        Teleinfo("/nowhere", {"p": TeleinfoOptions(label="PAPP")}).restore(text)


CAPTURES = [
    ("nokyyz_teleinfo-1.raw", "historique", {"ADCO": "031328187235", "IMAX": 44, "HCHP": range(7_617_931, 7_617_946)}),
    ("esciara_tempo_mono_a.bin", "historique", {"DEMAIN": 3, "BBRHCJB": range(18_328_708, 18_328_709)}),
    ("liberasys_pmepmi_a.bin", "pmepmi", {"ADS": "041436028024", "EAP_s": 9649, "PTCOUR1": 7}),
    (
        "lains_continuous_linky_1P_standard_TIC_sample.bin",
        "standard",
        {"PRM": "31051967533895", "EAST": range(11_887_649, 11_887_651)},
    ),
]


@pytest.mark.parametrize(("file", "mode", "expected"), CAPTURES)
def test_a_capture_played_at_the_speed_of_its_line_gives_its_values(
    tmp_path: Path, file: str, mode: Mode, expected: dict[str, object]
) -> None:
    data = shared_data("teleinfo", "captures", file).read_bytes()
    # A standard meter's capture is over before its speed is found: it is played again.
    recording = Recording(data, mode, times=3 if mode == "standard" else 1)
    with closing(Bench(tmp_path, recording, *expected)) as bench:
        samples = {}
        while recording.left >= 0:
            samples = bench.second()
        for label, value in expected.items():
            assert samples[label].quality == GOOD
            found = samples[label].value
            assert found in value if isinstance(value, range) else found == value, label


def test_a_terminal_that_was_left_cooked_is_set_raw(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    try:
        assert termios.tcgetattr(slave)[3] & termios.ICANON
        driver = Teleinfo(os.ttyname(slave), {"p": TeleinfoOptions(label="PAPP")})
        with closing(driver):
            driver.open()
            meter = Meter()
            seen: list[Sample] = []
            t_ms = 0.0
            for _ in range(4):
                os.write(master, meter.frame(t_ms))
                t_ms += 1500.0

                def arrived(now_ns: int = round(t_ms * 1e6)) -> bool:
                    seen.extend(driver.read(["p"], now_ns))
                    return seen[-1].quality == GOOD

                eventually(arrived, 5)
    finally:
        os.close(master)
        os.close(slave)


def test_reading_never_waits(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Meter(), "PAPP")) as bench:
        began = time.monotonic()
        for _ in range(50):
            bench.driver.read(["PAPP"], round(bench.now_s * 1e9))
        assert time.monotonic() - began < 0.5


def test_the_wrong_speed_gives_garbage_and_the_right_one_the_bytes() -> None:
    frame = Meter("standard").frame(0.0)
    assert read_at_wrong_speed(frame, 9600, 9600) == frame
    assert b"EAST" not in read_at_wrong_speed(frame, 9600, 1200)
    assert read_at_wrong_speed(b"", 9600, 1200) == b""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "PAPE"}, "is it 'PAPP'"),
        ({"label": ""}, "no meter sends"),
        ({"label": "PAPP", "field": "breaker"}, "only STGE and RELAIS"),
        ({"label": "STGE", "field": "braker"}, "breaker"),
        ({"label": "HCHP", "tariff": "HPE"}, "one register"),
        ({"label": "PAPP", "speed": 1200}, "unknown field"),
        ({"label": "PAPP", "meter": "04187619927"}, r"Expected .* matching regex"),
        ({"label": "EA_s", "measures": 2}, "first set"),
        ({"label": "EAP_s", "measures": 3}, "Invalid enum"),
        ({"label": "EAP_s", "as_sent": True}, "does not begin again"),
        ({"label": "EAP_s", "sent_unit": "kW"}, "has one unit"),
    ],
)
def test_options_that_no_meter_can_meet_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(options, Teleinfo.Options)


def test_channels_say_kind_unit_and_wrap() -> None:
    def channel(label: str, **more: Any) -> tuple[str, str, float, int]:
        found = Teleinfo.channel(TeleinfoOptions(label=label, **more))
        return found.kind, found.unit, found.scale, found.wrap

    assert channel("HCHP") == ("counter", "Wh", 1.0, 10**9)
    assert channel("EAIT") == ("counter", "Wh", 1.0, 10**9)
    assert channel("ERQ2") == ("counter", "varh", 1.0, 10**9)
    assert channel("PAPP") == ("gauge", "VA", 1.0, 0)
    assert channel("EAPP_s") == ("counter", "kVAh", 0.001, 0)
    assert channel("EA_s", as_sent=True) == ("gauge", "Wh", 1.0, 0)
    assert Teleinfo.channel(TeleinfoOptions(label="EA_s")).volatile, "it counts from 0 at each opening"
    assert channel("EAP_s", tariff="HPE", measures=2) == ("counter", "kWh", 1.0, 0)
    assert channel("PTCOUR1", measures=2) == channel("PTCOUR2")
    assert channel("PS") == ("gauge", "kVA", 1.0, 0)
    assert channel("PS", sent_unit="kW") == ("gauge", "kW", 1.0, 0)
    assert Teleinfo.channel(TeleinfoOptions(label="CCASN")).past
    assert channel("EAP_s") == ("gauge", "kWh", 1.0, 0)
    assert channel("EAP_s", tariff="HPE") == ("counter", "kWh", 1.0, 0)
    assert channel("ADCO") == ("text", "", 1.0, 0)
    assert Teleinfo.channel(TeleinfoOptions(label="DEMAIN")).words == ("----", "BLEU", "BLAN", "ROUG")
    assert Teleinfo.channel(TeleinfoOptions(label="STGE", field="dry_contact")).words == ("closed", "open")


def test_a_field_of_the_status_register_is_a_state(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Meter("standard"), "STGE")) as bench:
        bench.driver.close()
        bench.points = {"contact": TeleinfoOptions(label="STGE", field="dry_contact")}
        bench.driver = Teleinfo(str(bench.line.port), bench.points)
        bench.driver.open()
        assert bench.until(all_good, 60)["contact"].value == 1, "003A…: open"
        assert bench.driver.raw("contact").startswith("STGE\t003A")
