"""DS3231: its registers, hours of both kinds, what is no time, a battery that ran out, and being set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.runtime.bus import BusWorker
from edge.runtime.device import DeviceSpec
from hal.decode import ds3231
from hal.drivers.ds3231 import Ds3231
from hal.fake.i2c import FakeI2c
from hal.fake.i2c_cabinet import Ds3231Chip
from hal.fake.pace import VirtualPace
from hal.sample import BAD, GOOD, Cycle, Fix, Sample
from tests.support import ManualClock

S = 1_000_000_000
UTC_S = 1_795_166_000


def options(channel: str = "clock") -> Any:
    return msgspec.convert({"channel": channel}, Ds3231.Options)


def opened(chip: Ds3231Chip, *channels: str) -> Ds3231:
    driver = Ds3231(FakeI2c({0x68: chip}), {channel: options(channel) for channel in channels or ("clock",)})
    driver.open()
    return driver


def seconds(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("octets", "when"),
    [
        ("56 34 12 06 21 11 26", (2026, 11, 21, 12, 34, 56)),
        ("00 00 00 07 01 01 00", (2000, 1, 1, 0, 0, 0)),
        ("59 59 23 05 31 12 99", (2099, 12, 31, 23, 59, 59)),
        ("00 00 00 05 01 81 00", (2100, 1, 1, 0, 0, 0)),
        ("00 00 52 06 21 11 26", (2026, 11, 21, 0, 0, 0)),  # 12 hours: 12 in the morning
        ("00 15 72 06 21 11 26", (2026, 11, 21, 12, 15, 0)),  # 12 in the afternoon
        ("00 15 71 06 21 11 26", (2026, 11, 21, 23, 15, 0)),  # 11 in the afternoon
        ("00 15 41 06 21 11 26", (2026, 11, 21, 1, 15, 0)),
        ("00 00 00 04 29 02 28", (2028, 2, 29, 0, 0, 0)),
    ],
)
def test_registers_are_a_time(octets: str, when: tuple[int, ...]) -> None:
    assert ds3231.utc_s(bytes.fromhex(octets)) == seconds(*when)


@pytest.mark.parametrize(
    "octets",
    [
        "", "56", "56 34 12 06 21 11", "5a 34 12 06 21 11 26", "56 60 12 06 21 11 26", "56 34 24 06 21 11 26",
        "56 34 12 00 21 11 26", "56 34 12 08 21 11 26", "56 34 12 06 00 11 26", "56 34 12 06 31 11 26",
        "56 34 12 06 21 13 26", "56 34 12 06 21 00 26", "56 34 12 06 29 02 26", "56 34 12 06 21 11 a6",
        "56 34 53 06 21 11 26", "56 34 40 06 21 11 26", "56 34 92 06 21 11 26", "d6 34 12 06 21 11 26",
        "ff ff ff ff ff ff ff", "00 00 00 00 00 00 00",
    ],
)  # fmt: skip
def test_damaged_registers_are_no_time(octets: str) -> None:
    assert ds3231.utc_s(bytes.fromhex(octets)) is None


@given(st.integers(seconds(2000, 1, 1), seconds(2199, 12, 31)))
def test_a_time_comes_back(utc_s: int) -> None:
    assert ds3231.utc_s(ds3231.octets_from(utc_s)) == utc_s


@given(st.binary(max_size=9))
def test_any_bytes_are_a_time_or_none(octets: bytes) -> None:
    utc_s = ds3231.utc_s(octets)
    assert utc_s is None or seconds(2000, 1, 1) <= utc_s < seconds(2200, 1, 1)


@pytest.mark.parametrize("utc_s", [seconds(1999, 12, 31), seconds(2200, 1, 1)])
def test_a_year_that_the_chip_cannot_hold_is_refused(utc_s: int) -> None:
    with pytest.raises(ValueError, match="can't hold the year"):
        ds3231.octets_from(utc_s)


@pytest.mark.parametrize(
    ("octets", "celsius"),
    [
        ("1940", 25.25),
        ("e6c0", -25.25),
        ("0000", 0.0),
        ("ffc0", -0.25),
        ("7fc0", 127.75),
        ("8000", -128.0),
        ("19", None),
        ("ffff", None),
        ("1941", None),
    ],
)
def test_temperature_is_two_complement_of_ten_bits(octets: str, celsius: float | None) -> None:
    assert ds3231.celsius(bytes.fromhex(octets)) == celsius  # 25.25 is the data sheet's example


def test_a_clock_that_runs_tells_the_time_each_ten_seconds() -> None:
    driver = opened(Ds3231Chip(UTC_S))
    assert driver.read(["clock"], 5 * S) == [Sample("clock", 5 * S, 1, GOOD)]
    assert driver.fix() == Fix("rtc", 5 * S, UTC_S * 1000 + 500, 1000)
    driver.read(["clock"], 14 * S)
    assert driver.fix() is None
    driver.read(["clock"], 15 * S)
    assert driver.fix() is not None


def test_a_simulated_clock_goes_on_by_its_pace_also_from_the_time_it_was_set_to() -> None:
    pace = VirtualPace()
    chip = Ds3231Chip(UTC_S, pace=pace)
    driver = opened(chip)
    pace.now_s += 100
    driver.read(["clock"], 100 * S)
    assert driver.fix() == Fix("rtc", 100 * S, (UTC_S + 100) * 1000 + 500, 1000)
    driver.take_time(100 * S, 1_800_000_000_000)
    driver.read(["clock"], 100 * S)
    pace.now_s += 60
    driver.read(["clock"], 160 * S)
    assert driver.fix() == Fix("rtc", 160 * S, 1_800_000_060_500, 1000)


def test_a_clock_that_stood_still_is_said_and_tells_no_time() -> None:
    chip = Ds3231Chip(UTC_S, temperature_c=-7.75)
    chip.stop()
    driver = opened(chip, "clock", "temperature")
    clock, temperature = driver.read(["clock", "temperature"], 1)
    assert (clock.value, clock.quality) == (0, GOOD)
    assert temperature.value == -7.75
    assert driver.fix() is None


@pytest.mark.parametrize(("celsius", "reason"), [(-128.0, "out_of_range"), (127.75, "out_of_range"), (-40.0, "")])
def test_a_temperature_at_which_no_clock_works_is_out_of_range(celsius: float, reason: str) -> None:
    driver = opened(Ds3231Chip(UTC_S, temperature_c=celsius), "temperature")
    assert driver.read(["temperature"], 1)[0].reason == reason


def test_damaged_registers_are_bad_and_tell_no_time() -> None:
    chip = Ds3231Chip(UTC_S)
    chip.registers[1] = 0x7A
    driver = opened(chip)
    assert driver.read(["clock"], 1) == [Sample("clock", 1, None, BAD, "crc")]
    assert driver.fix() is None


def test_a_stopped_clock_is_set_by_a_better_source_and_runs_from_then_on() -> None:
    chip = Ds3231Chip(UTC_S)
    chip.stop()
    driver = opened(chip)
    driver.take_time(10 * S, 1_800_000_000_400)
    assert driver.read(["clock"], 12 * S)[0].value == 1
    assert ds3231.utc_s(bytes(chip.registers[:7])) == 1_800_000_002  # two seconds after it was told
    assert not chip.registers[ds3231.STATUS] & ds3231.STOPPED
    driver.read(["clock"], 13 * S)
    assert driver.fix() == Fix("rtc", 13 * S, 1_800_000_002_500, 1000)


@pytest.mark.parametrize(("off_s", "is_set"), [(0, False), (1, False), (-1, False), (2, True), (-3600, True)])
def test_a_clock_is_set_only_where_it_is_off_by_more_than_a_second(off_s: int, is_set: bool) -> None:
    chip = Ds3231Chip(UTC_S + off_s)
    driver = opened(chip)
    driver.take_time(S, UTC_S * 1000)
    driver.read(["clock"], S)
    assert (ds3231.utc_s(bytes(chip.registers[:7])) == UTC_S + off_s) != is_set


@pytest.mark.parametrize(
    ("trust", "is_set"),
    [("ntp", True), ("tic", True), ("person", True), ("rtc", False), ("floor", False)],
)
def test_the_bus_hands_the_time_on_while_a_better_source_is_believed(trust: str, is_set: bool) -> None:
    clock, chip = ManualClock(trust=trust), Ds3231Chip(UTC_S)
    chip.stop()
    cycles: list[Cycle] = []
    worker = BusWorker(
        "i2c1", [DeviceSpec("0x68", Ds3231, {"p": options()}, {"p": 1000})], clock=clock, post=cycles.append,
        open_handle=lambda: FakeI2c({0x68: chip}), close_handle=lambda _handle: None,
    )  # fmt: skip
    for _ in range(4):
        worker.step(clock.now_ns / 1e9)
        clock.advance(1.0)
    worker.close()
    assert [sample.value for cycle in cycles for sample in cycle.samples][-1] == int(is_set)
    assert any(cycle.fix for cycle in cycles) == is_set
