"""BME280 and BMP280: the data sheet's example, frost and extremes, a chip of another number, damaged coefficients."""

from __future__ import annotations

import json
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.decode import bme280
from hal.driver import DriverError
from hal.drivers.bme280 import Bme280
from hal.fake.i2c import FakeI2c
from hal.fake.i2c_air import Bme280Chip, H, P, T
from hal.fake.pace import VirtualPace
from hal.sample import BAD, GOOD, Sample
from tests.support import about, shared_data

CHANNELS = ("temperature", "humidity", "pressure")
EXAMPLE = struct.pack("<HhhH8h", *T, *P) + b"\x00\x4b"


def points(*channels: str, **keys: Any) -> dict[str, Any]:
    return {channel: msgspec.convert({"channel": channel, **keys}, Bme280.Options) for channel in channels or CHANNELS}


def opened(chip: Bme280Chip, pace: VirtualPace | None = None, **keys: Any) -> Bme280:
    driver = Bme280(FakeI2c({0x76: chip}, pace=pace or VirtualPace()), points(**keys))
    driver.open()
    return driver


def test_the_vector_of_the_data_sheet_converts() -> None:
    (case,) = [
        case
        for case in json.loads(shared_data("vectors", "i2c", "vectors.json").read_text(encoding="utf-8"))
        if case["device"] == "BMP280/BME280"
    ]
    found = bme280.Coefficients(tuple(case["dig_T"]), tuple(case["dig_P"]))
    fine = bme280.fine_temperature(case["adc_T"], found)
    assert fine == case["t_fine"]
    assert bme280.celsius(fine) * 100 == case["temperature_centi_degC"]
    assert bme280.pascal(case["adc_P"], fine, found) == case["pressure_Pa"]


def test_humidity_is_that_of_the_data_sheets_formula_in_floating_point() -> None:
    found = bme280.Coefficients(T, P, H)
    h1, h2, h3, h4, h5, h6 = H
    for adc in (0x0000, 0x4000, 0x6000, 0x7000, 0x9000, 0xFFFF):
        for fine in (-40 * 5120, 0, 128422, 85 * 5120):
            x = fine - 76800.0  # BST-BME280-DS002, appendix 8.1
            x = (adc - (h4 * 64.0 + h5 / 16384.0 * x)) * (
                h2 / 65536.0 * (1.0 + h6 / 67108864.0 * x * (1.0 + h3 / 67108864.0 * x))
            )
            x = max(0.0, min(100.0, x * (1.0 - h1 * x / 524288.0)))
            assert bme280.relative_humidity(adc, fine, found) == pytest.approx(x, abs=0.01)


def test_the_coefficients_stand_where_the_data_sheet_says() -> None:
    assert bme280.coefficients(EXAMPLE) == bme280.Coefficients(T, P)
    shared = bytes((0x69, 0x01, 0x00, 0x14, 0x25, 0x03, 0x1E))  # H4 = 0x145, H5 = 0x032
    assert bme280.coefficients(EXAMPLE, shared).h == (75, 361, 0, 0x145, 0x032, 30)
    negative = bytes((0x69, 0x01, 0x00, 0xFF, 0xFF, 0xFF, 0xE2))
    assert bme280.coefficients(EXAMPLE, negative).h == (75, 361, 0, -1, -1, -30)


@pytest.mark.parametrize(
    "common", [b"", EXAMPLE[:25], bytes(26), b"\xff" * 26, bytes(2) + EXAMPLE[2:], EXAMPLE[:6] + bytes(2) + EXAMPLE[8:]]
)
def test_coefficients_that_no_chip_has_are_refused(common: bytes) -> None:
    with pytest.raises(ValueError, match="the calibration is"):
        bme280.coefficients(common)


@pytest.mark.parametrize(
    ("temperature_c", "humidity", "pressure_hpa"),
    [(-39.9, 5.0, 301.0), (-18.5, 90.0, 1085.0), (0.0, 0.0, 1013.25), (21.37, 43.5, 955.55), (84.9, 100.0, 1099.0)],
)
def test_the_air_comes_back(temperature_c: float, humidity: float, pressure_hpa: float) -> None:
    driver = opened(Bme280Chip(temperature_c, humidity, pressure_hpa))
    assert driver.read(list(CHANNELS), 5) == [
        Sample("temperature", 5, about(temperature_c, 0.01), GOOD),
        Sample("humidity", 5, about(humidity, 0.02), GOOD),
        Sample("pressure", 5, about(pressure_hpa, 0.01), GOOD),
    ]


@pytest.mark.parametrize(("temperature_c", "pressure_hpa"), [(-45.0, 1000.0), (90.0, 1000.0), (20.0, 250.0)])
def test_what_the_sensor_cannot_measure_is_out_of_range(temperature_c: float, pressure_hpa: float) -> None:
    reasons = {sample.reason for sample in opened(Bme280Chip(temperature_c, 50.0, pressure_hpa)).read(CHANNELS, 1)}
    assert "out_of_range" in reasons


@pytest.mark.parametrize("number", [0x58, 0x57, 0x56])
def test_a_bmp280_gives_temperature_and_pressure_and_its_humidity_is_bad_alone(number: int) -> None:
    """The early ones too, which `vigie scan` names so."""
    driver = opened(Bme280Chip(-7.5, pressure_hpa=990.0, number=number))
    temperature, humidity, pressure = driver.read(list(CHANNELS), 1)
    assert (temperature.value, pressure.value) == (-7.5, pytest.approx(990.0, abs=0.01))
    assert humidity == Sample("humidity", 1, None, BAD, "not_offered")


def test_a_bmp280_of_which_only_humidity_is_asked_is_an_error() -> None:
    driver = Bme280(FakeI2c({0x76: Bme280Chip(number=0x58)}, pace=VirtualPace()), points("humidity"))
    with pytest.raises(DriverError) as caught:
        driver.open()
    assert str(caught.value) == "BME280 at 0x76 on i2c-1: a BMP280 answers, which has no humidity; fit a BME280"


@pytest.mark.parametrize(
    ("number", "name"), [(0x61, "a BME680"), (0x55, "another chip"), (0x00, "another chip"), (0xFF, "another chip")]
)
def test_another_chip_is_said_by_its_name_and_number(number: int, name: str) -> None:
    with pytest.raises(DriverError) as caught:
        opened(Bme280Chip(number=number))
    said = f"{name} answers (id 0x{number:02x}); a BME280 says 0x60, a BMP280 0x58: check which one is fitted"
    assert said in str(caught.value) or number == 0x55
    assert caught.value.reason == "wrong_device"


def test_a_sensor_that_lost_its_supply_measures_as_before() -> None:
    chip = Bme280Chip(4.5, 80.0, 1000.0)
    driver = opened(chip)
    before = driver.read(list(CHANNELS), 1)
    chip.power_up()
    assert [s.value for s in driver.read(list(CHANNELS), 1)] == [s.value for s in before]


@pytest.mark.parametrize("octets", [b"\x80\x00\x00\x80\x00\x00\x80\x00", b"\x80\x00\x00\x80\x00\x00"])
def test_registers_that_hold_no_measurement_give_no_number(octets: bytes) -> None:
    assert bme280.counts(octets) == bme280.Counts(None, None, None)


def test_a_measurement_that_did_not_take_place_is_the_power_on_value() -> None:
    class Idle(Bme280Chip):
        def _measure(self) -> None:
            """Do nothing, as one whose supply breaks down under the load."""

    samples = opened(Idle()).read(list(CHANNELS), 1)
    assert {(sample.value, sample.reason) for sample in samples} == {(None, "power_on_value")}


@pytest.mark.parametrize("octets", [b"", b"\x12", bytes(7), bytes(9)])
def test_an_answer_of_the_wrong_length_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match="incomplete"):
        bme280.counts(octets)


@pytest.mark.parametrize("octets", [bytes(8), b"\xff" * 8, b"\xff\xff\xf0" + bytes(5)])
def test_a_temperature_that_cannot_be_takes_humidity_and_pressure_with_it(octets: bytes) -> None:
    class Held(Bme280Chip):
        """Its data lines are held: all zeros would else be 0 % of humidity."""

        def read(self, length: int) -> bytes:
            return octets if length == 8 else super().read(length)

    samples = opened(Held()).read(list(CHANNELS), 1)
    assert [(sample.value, sample.reason) for sample in samples] == [(None, "out_of_range")] * 3


@given(st.integers(0, 0xFFFFF), st.integers(0, 0xFFFFF), st.binary(min_size=26, max_size=26))
def test_no_numbers_of_whatever_chip_break_the_formula(adc: int, adc_p: int, common: bytes) -> None:
    try:
        found = bme280.coefficients(common)
    except ValueError:
        return
    bme280.pascal(adc_p, bme280.fine_temperature(adc, found), found)


def test_a_measurement_takes_as_long_as_is_declared() -> None:
    for oversampling in (1, 16):
        pace = VirtualPace()
        driver = opened(Bme280Chip(pace=pace), pace, oversampling=oversampling)
        began_s = pace.now_s
        driver.read(list(CHANNELS), 1)
        assert pace.now_s - began_s <= Bme280.busy_s(points(oversampling=oversampling)["humidity"])


def test_a_measurement_that_never_ends_is_given_up() -> None:
    pace = VirtualPace()
    driver = opened(Bme280Chip(pace=VirtualPace()), pace)  # its own time stands still
    with pytest.raises(DriverError, match="a measurement does not end"):
        driver.read(["humidity"], 1)
