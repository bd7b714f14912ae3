"""BH1750: the data sheet's example, darkness that is true and one that is not, the sun, and other measuring times."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.decode import bh1750
from hal.drivers.bh1750 import Bh1750
from hal.fake.i2c import FakeI2c
from hal.fake.i2c_air import Bh1750Chip
from hal.fake.pace import VirtualPace
from hal.sample import BAD, GOOD, Sample
from tests.support import about, shared_data


def opened(chip: Bh1750Chip, pace: VirtualPace | None = None, **keys: Any) -> Bh1750:
    points = {"lux": msgspec.convert(keys, Bh1750.Options)}
    driver = Bh1750(FakeI2c({0x23: chip}, pace=pace or VirtualPace()), points)
    driver.open()
    return driver


def test_the_vector_of_the_data_sheet_converts() -> None:
    cases = json.loads(shared_data("vectors", "i2c", "vectors.json").read_text(encoding="utf-8"))
    (case,) = [case for case in cases if case["device"] == "BH1750"]
    assert bh1750.lux(bytes.fromhex(case["frame"])) == case["lux"]


def test_the_commands_of_the_measuring_time_are_those_of_the_data_sheet() -> None:
    assert bh1750.time_commands(138) == (0b01000100, 0b01101010)  # its example: twice as long
    assert bh1750.time_commands(69) == (0b01000010, 0b01100101)


@pytest.mark.parametrize("lux", [0.0, 0.8, 300.0, 54_000.0])
def test_the_light_comes_back(lux: float) -> None:
    assert opened(Bh1750Chip(lux)).read(["lux"], 3) == [Sample("lux", 3, about(lux, 0.5), GOOD)]


@pytest.mark.parametrize(("measuring_time", "lux"), [(31, 110_000.0), (254, 0.25), (138, 20_000.0)])
def test_another_measuring_time_moves_the_range(measuring_time: int, lux: float) -> None:
    driver = opened(Bh1750Chip(lux), measuring_time=measuring_time)
    assert driver.read(["lux"], 3) == [Sample("lux", 3, about(lux, max(0.1, lux / 10_000)), GOOD)]


def test_the_sun_beyond_its_range_is_over_range_and_never_the_end_of_it() -> None:
    assert opened(Bh1750Chip(100_000.0)).read(["lux"], 1) == [Sample("lux", 1, None, BAD, "over_range")]


def test_a_sensor_that_lost_its_supply_is_no_darkness() -> None:
    chip = Bh1750Chip(250.0)
    driver = opened(chip, measuring_time=138)
    chip.power_up()
    assert driver.read(["lux"], 1)[0].value == about(250.0, 0.5)


@given(st.binary(max_size=4).filter(lambda octets: len(octets) != 2))
def test_an_answer_of_the_wrong_length_is_no_light(octets: bytes) -> None:
    assert bh1750.lux(octets) is None


def test_a_measurement_takes_as_long_as_is_declared() -> None:
    pace = VirtualPace()
    driver = opened(Bh1750Chip(), pace, measuring_time=254)
    began_s = pace.now_s
    driver.read(["lux"], 1)
    assert 0.66 < pace.now_s - began_s <= Bh1750.busy_s(msgspec.convert({"measuring_time": 254}, Bh1750.Options))


@pytest.mark.parametrize("keys", [{"address": 0x24}, {"measuring_time": 30}, {"measuring_time": 255}])
def test_what_the_sensor_cannot_do_is_refused(keys: dict[str, int]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(keys, Bh1750.Options)
