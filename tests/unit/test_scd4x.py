"""SCD40/41: its words, its cadence of 5 s, what is refused while it measures, and no old value told as a new one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.decode import scd4x
from hal.driver import DriverError
from hal.drivers.scd4x import Scd4x
from hal.fake.i2c import FakeI2c
from hal.fake.i2c_air import Scd4xChip
from hal.fake.pace import VirtualPace
from hal.sample import BAD, GOOD, Sample
from tests.support import about

S = 1_000_000_000
CHANNELS = ["co2", "temperature", "humidity"]


class Rig:
    """A sensor, its driver, and the time in which both live."""

    def __init__(self, **keys: Any) -> None:
        self.pace = VirtualPace()
        self.chip = Scd4xChip(1234.0, -5.5, 61.0, pace=self.pace)
        points = {key: msgspec.convert({"channel": key, **keys}, Scd4x.Options) for key in CHANNELS}
        self.driver = Scd4x(FakeI2c({0x62: self.chip}, pace=self.pace), points)

    def read(self, wait_s: float = 0.0, due: list[str] | None = None) -> list[Sample]:
        self.pace.sleep(wait_s)
        return self.driver.read(due or CHANNELS, round(self.pace.now_s * S))


def opened(**keys: Any) -> Rig:
    rig = Rig(**keys)
    rig.driver.open()
    return rig


def test_the_example_of_the_data_sheet_is_500_ppm_25_degrees_and_37_percent() -> None:
    octets = bytes.fromhex("01f433 6667a2 5eb93c")  # SCD4x data sheet, table 10
    words = scd4x.words(octets, 3)
    assert words == (0x01F4, 0x6667, 0x5EB9)
    values = [scd4x.value_of(channel, word or 0) for channel, word in zip(CHANNELS, words, strict=True)]
    assert values == [500.0, pytest.approx(25.0, abs=0.01), pytest.approx(37.0, abs=0.01)]


def test_the_serial_number_of_the_data_sheet_has_right_crcs() -> None:
    assert scd4x.words(bytes.fromhex("f89631 9f07c2 3bbe89"), 3) == (0xF896, 0x9F07, 0x3BBE)  # table 27


@pytest.mark.parametrize(("word", "ready"), [(0x8000, False), (0x0000, False), (0x8006, True), (0x0001, True)])
def test_ready_is_any_of_the_low_eleven_bits(word: int, ready: bool) -> None:
    assert scd4x.is_ready(word) == ready


@given(st.binary(max_size=12))
def test_any_bytes_are_words_or_none(octets: bytes) -> None:
    assert len(scd4x.words(octets, 3)) == 3


def test_before_the_first_measurement_there_is_no_value() -> None:
    rig = opened()
    assert {(sample.value, sample.reason) for sample in rig.read(4.0)} == {(None, "stale")}


def test_each_five_seconds_there_is_a_new_one_with_its_own_time() -> None:
    rig = opened()
    first = rig.read(5.1)
    assert first == [
        Sample("co2", first[0].t_ns, 1234.0, GOOD),
        Sample("temperature", first[0].t_ns, about(-5.5, 0.01), GOOD),
        Sample("humidity", first[0].t_ns, about(61.0, 0.01), GOOD),
    ]
    assert first[0].t_ns == pytest.approx(rig.pace.now_s * S, abs=0.02 * S)
    rig.chip.co2_ppm = 2000.0
    assert rig.read(2.0) == first, "in between it is told again, with its own time"
    assert rig.read(3.1)[0].value == 2000.0


def test_a_sensor_that_stops_measuring_is_stale_before_a_third_measurement_is_missed() -> None:
    rig = opened()
    assert rig.read(5.1)[0].quality == GOOD
    rig.chip.write(scd4x.STOP)
    assert rig.read(5.0)[0].quality == GOOD
    assert [(s.value, s.quality, s.reason) for s in rig.read(6.5)] == [(None, BAD, "stale")] * 3


def test_a_sensor_that_lost_its_supply_for_a_moment_is_started_again() -> None:
    rig = opened()
    assert rig.read(5.1)[0].quality == GOOD
    rig.chip.power_up()
    assert rig.read(12.0)[0].reason == "stale", "it answers, and measures nothing"
    with pytest.raises(DriverError, match="no measurement for 25 s; it is started again") as caught:
        rig.read(14.0)
    assert caught.value.reason == "stale"
    rig.driver.open()  # as its bus does
    assert rig.read(5.1)[0].value == 1234.0


def test_a_damaged_answer_to_ready_starts_nothing_again_however_seldom_it_is_read() -> None:
    rig = opened()
    rig.read(60.0)
    rig.chip.corrupt_at = 0
    assert rig.read(60.0)[0].reason == "stale"
    rig.chip.corrupt_at = None
    assert rig.read(60.0)[0].value == 1234.0


def test_a_damaged_word_is_bad_alone() -> None:
    rig = opened()
    rig.pace.sleep(5.1)
    rig.chip.corrupt_at = 4  # of the temperature; the answer to "ready" has three bytes
    co2, temperature, humidity = rig.read()
    assert (co2.quality, humidity.quality) == (GOOD, GOOD)
    assert (temperature.value, temperature.reason) == (None, "crc")


def test_a_damaged_answer_to_ready_brings_nothing_new_and_nothing_wrong() -> None:
    rig = opened()
    before = rig.read(5.1)
    rig.chip.co2_ppm, rig.chip.corrupt_at = 9999.0, 0
    assert rig.read(5.0) == before


@pytest.mark.parametrize(("ppm", "reason"), [(0.0, "out_of_range"), (40_001.0, "out_of_range"), (400.0, "")])
def test_a_co2_that_cannot_be_is_out_of_range(ppm: float, reason: str) -> None:
    rig = opened()
    rig.chip.co2_ppm = ppm
    assert rig.read(5.1)[0].reason == reason


def test_a_restart_of_the_service_finds_a_sensor_that_measures_and_starts_it_anew() -> None:
    rig = opened()
    rig.read(5.1)
    rig.driver.close()
    rig.driver.open()
    assert rig.read()[0].reason == "stale"
    assert rig.read(5.1)[0].value == 1234.0


def test_just_powered_up_it_is_no_answer_and_a_second_later_it_is_there() -> None:
    rig = Rig()
    rig.chip.power_up()
    with pytest.raises(DriverError, match="no answer"):
        rig.driver.open()
    rig.pace.sleep(scd4x.POWER_UP_S)
    rig.driver.open()
    assert rig.read(5.1)[0].value == 1234.0


@pytest.mark.parametrize(
    ("keys", "was_set"),
    [
        ({}, {scd4x.SET_ALTITUDE: 0}),
        ({"altitude_m": 1950}, {scd4x.SET_ALTITUDE: 1950}),
        ({"pressure_hpa": 870}, {scd4x.SET_ALTITUDE: 0, scd4x.SET_PRESSURE: 870}),
    ],
)
def test_height_or_pressure_of_the_settings_reach_the_sensor(keys: dict[str, int], was_set: dict[bytes, int]) -> None:
    assert opened(**keys).chip.set_to == was_set


def test_another_device_without_a_serial_number_is_said() -> None:
    rig = Rig()
    rig.chip.serial = (0, 0, 0)
    with pytest.raises(DriverError, match="its serial number is 0: no SCD4x") as caught:
        rig.driver.open()
    assert caught.value.reason == "wrong_device"


def test_a_damaged_serial_number_is_said_as_damage() -> None:
    rig = Rig()
    rig.chip.corrupt_at = 7
    with pytest.raises(DriverError, match="arrives damaged") as caught:
        rig.driver.open()
    assert caught.value.reason == "crc"


def test_a_reading_holds_the_bus_no_longer_than_declared() -> None:
    rig = opened()
    rig.pace.sleep(5.1)
    began_s = rig.pace.now_s
    rig.read()
    assert rig.pace.now_s - began_s <= Scd4x.busy_s(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [{"altitude_m": -1}, {"altitude_m": 5, "pressure_hpa": 900}, {"address": 0x61}])
def test_settings_that_make_no_sense_are_refused(keys: dict[str, int]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"channel": "co2", **keys}, Scd4x.Options)
