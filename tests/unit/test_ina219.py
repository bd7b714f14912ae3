"""INA219: the data sheet's example, the signs of a battery, a supply that was lost, and another chip in its place."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.decode import ina219
from hal.driver import DriverError
from hal.drivers.ina219 import Ina219
from hal.fake.i2c import FakeI2c
from hal.fake.i2c_cabinet import Ina219Chip
from hal.fake.pace import VirtualPace
from hal.sample import BAD, GOOD, Sample
from tests.support import about, shared_data


def options(**keys: Any) -> Any:
    return msgspec.convert({"channel": "current", **keys}, Ina219.Options)


def opened(chip: Any, pace: VirtualPace | None = None, **points: Any) -> Ina219:
    driver = Ina219(FakeI2c({0x40: chip}, pace=pace or VirtualPace()), points)
    driver.open()
    return driver


def test_every_vector_converts() -> None:
    cases = [
        case
        for case in json.loads(shared_data("vectors", "i2c", "vectors.json").read_text(encoding="utf-8"))
        if case["device"] == "INA219"
    ]
    assert len(cases) >= 4
    for case in cases:
        if "shunt_reg" in case:
            volt = ina219.shunt_volts(bytes.fromhex(case["shunt_reg"]))
            assert volt * 1000 == pytest.approx(case["shunt_mV"])
        if "bus_reg" in case:
            bus = bytes.fromhex(case["bus_reg"])
            assert ina219.bus_volts(bus) == pytest.approx(case["bus_V"])
            assert ina219.is_ready(bus) == bool(case.get("CNVR", 0))


def test_the_example_of_the_data_sheet_is_10_ampere_and_119_8_watt_without_the_calibration_register() -> None:
    shunt, bus = bytes.fromhex("07d0"), bytes.fromhex("5d9a")  # SBOS448G table 8: 2 mΩ, 20 mV, 11.98 V
    read = {
        channel: ina219.outcome(channel, shunt, bus, shunt_ohm=0.002, range_mv=40)[0]
        for channel in ("voltage", "current", "power")
    }
    assert read == {"voltage": 11.98, "current": 10.0, "power": pytest.approx(119.8)}


def test_the_word_of_a_measurement_is_that_of_the_data_sheet() -> None:
    assert ina219.config_word(320, 1) == ina219.RESET_CONFIG & ~7 | 3  # as after reset, but once
    assert ina219.config_word(40, 128) == 0x27FB


def test_a_battery_that_is_charged_has_a_negative_current_and_power() -> None:
    driver = opened(Ina219Chip(12.6, -2.5), a=options(), w=options(channel="power"), v=options(channel="voltage"))
    assert driver.read(["a", "w", "v"], 9) == [
        Sample("a", 9, -2.5, GOOD),
        Sample("w", 9, about(-31.5, 0.001), GOOD),
        Sample("v", 9, 12.6, GOOD),
    ]


@pytest.mark.parametrize("ampere", [3.2, 5.0, -3.2, -99.0])
def test_a_current_beyond_the_range_is_over_range_and_never_the_end_of_it(ampere: float) -> None:
    driver = opened(Ina219Chip(12.0, ampere), a=options(), w=options(channel="power"), v=options(channel="voltage"))
    quality = [(sample.value, sample.reason) for sample in driver.read(["a", "w", "v"], 1)]
    assert quality == [(None, "over_range"), (None, "over_range"), (12.0, "")]


@pytest.mark.parametrize("bus", [b"\xff\xff", b"\xfa\x08"])
def test_more_than_32_volt_is_none_that_the_chip_can_hold(bus: bytes) -> None:
    for channel in ("voltage", "current", "power"):
        found = ina219.outcome(channel, bytes(2), bus, shunt_ohm=0.1, range_mv=320)
        assert found == (None, BAD, "over_range")
    assert ina219.outcome("voltage", bytes(2), b"\xfa\x02", shunt_ohm=0.1, range_mv=320) == (32.0, GOOD, "")


def test_a_chip_that_lost_its_supply_measures_as_before() -> None:
    chip = Ina219Chip(5.0, 0.25)
    driver = opened(chip, a=options(range_mv=40, samples=1))
    before = driver.read(["a"], 1)[0].value
    chip.power_up()
    assert driver.read(["a"], 2)[0].value == before == 0.25


def test_no_current_is_0_and_no_supply_is_0_volt() -> None:
    driver = opened(Ina219Chip(0.0, 0.0), a=options(), v=options(channel="voltage"))
    assert [sample.value for sample in driver.read(["a", "v"], 1)] == [0.0, 0.0]


def test_points_with_the_same_settings_share_one_measurement() -> None:
    pace = VirtualPace()
    driver = opened(Ina219Chip(pace=pace), pace, a=options(), v=options(channel="voltage"))
    began_s = pace.now_s
    driver.read(["a", "v"], 1)
    assert pace.now_s - began_s <= Ina219.busy_s(options()) < 0.025


def test_a_measurement_that_never_ends_is_given_up() -> None:
    chip = Ina219Chip()
    driver = opened(chip, a=options())
    chip.never_ready = True
    with pytest.raises(DriverError, match="a measurement does not end; check its supply"):
        driver.read(["a"], 1)


def test_an_ina226_in_its_place_is_said() -> None:
    class Ina226(Ina219Chip):
        def read(self, length: int) -> bytes:
            return {0xFE: b"\x54\x49", 0xFF: b"\x22\x60"}.get(self._pointer, b"\x41\x27")

    with pytest.raises(DriverError) as caught:
        opened(Ina226(), a=options())
    assert str(caught.value) == "INA219 at 0x40 on i2c-1: an INA226 answers; its steps are others: fit an INA219"
    assert caught.value.reason == "wrong_device"


@given(st.binary(max_size=3), st.binary(max_size=3), st.sampled_from(["voltage", "current", "power"]))
def test_any_registers_are_an_outcome_and_bad_has_no_value(shunt: bytes, bus: bytes, channel: str) -> None:
    value, quality, reason = ina219.outcome(channel, shunt, bus, shunt_ohm=0.1, range_mv=320)
    assert (value is None) == (quality == BAD) == (reason != "")


@pytest.mark.parametrize(
    "keys", [{"address": 0x3F}, {"address": 0x50}, {"shunt_ohm": 0}, {"samples": 3}, {"range_mv": 1}]
)
def test_what_the_chip_cannot_do_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        options(**keys)
