"""ADS1115: its words and scale from the data sheet, 4-20 mA loops with their broken wire, and conversions in time."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.decode import ads1115
from hal.driver import DriverError
from hal.drivers.ads1115 import Ads1115
from hal.fake.i2c import Ads1115Chip, FakeI2c
from hal.sample import BAD, GOOD, Sample
from tests.support import about, shared_data


def options(**keys: Any) -> Any:
    return msgspec.convert({"input": "AIN0", **keys}, Ads1115.Options)


def opened(chip: Ads1115Chip, **points: Any) -> Ads1115:
    driver = Ads1115(FakeI2c({0x48: chip}), points)
    driver.open()
    return driver


def test_every_vector_converts() -> None:
    cases = json.loads(shared_data("vectors", "i2c", "vectors.json").read_text(encoding="utf-8"))
    conversions = [case for case in cases if case["device"] == "ADS1115" and "volts" in case]
    assert len(conversions) == 24
    for case in conversions:
        full_scale_mv = ads1115.FULL_SCALES_MV[case["pga_bits"]]
        assert ads1115.volts(bytes.fromhex(case["raw"]), full_scale_mv) == pytest.approx(case["volts"], abs=5e-10)


def test_the_word_of_a_conversion_is_that_of_the_data_sheet() -> None:
    assert ads1115.config_word("AIN0", 4096, 860) == 0xC3E3
    assert ads1115.config_word("AIN0-AIN1", 2048, 128) == 0x8583  # the value after reset


@given(st.sampled_from(ads1115.FULL_SCALES_MV), st.integers(-32767, 32766))
def test_a_voltage_comes_back_within_a_step(full_scale_mv: int, raw: int) -> None:
    volt = raw * full_scale_mv / 32768 / 1000
    assert ads1115.volts(ads1115.register_from_volts(volt, full_scale_mv), full_scale_mv) == pytest.approx(volt)


@given(st.binary(min_size=2, max_size=2), st.sampled_from(ads1115.FULL_SCALES_MV), st.none() | st.floats(1, 1000))
def test_any_register_is_an_outcome_and_bad_has_no_value(
    register: bytes, full_scale_mv: int, shunt_ohm: float | None
) -> None:
    value, quality, reason = ads1115.outcome(register, full_scale_mv, shunt_ohm)
    assert (value is None) == (quality == BAD) == (reason != "")


@pytest.mark.parametrize(
    ("milliampere", "reason"),
    [(0.0, "wire_break"), (-1.0, "wire_break"), (3.59, "wire_break"), (21.01, "over_range"), (27.0, "over_range")],
)
def test_a_loop_outside_its_limits_is_bad_and_never_zero(milliampere: float, reason: str) -> None:
    driver = opened(Ads1115Chip(milliampere * 0.150), p=options(shunt_ohm=150))
    assert driver.read(["p"], 1) == [Sample("p", 1, None, BAD, reason)]


@pytest.mark.parametrize("milliampere", [3.61, 4.0, 12.0, 20.0, 20.99])
def test_a_loop_reads_in_milliampere(milliampere: float) -> None:
    driver = opened(Ads1115Chip(milliampere * 0.150), p=options(shunt_ohm=150))
    assert driver.read(["p"], 1) == [Sample("p", 1, about(milliampere, 0.001), GOOD)]
    assert Ads1115.channel(options(shunt_ohm=150)).unit == "mA"


def test_the_scale_of_the_reference_turns_milliampere_into_bar() -> None:
    scale, offset = 0.625, -2.5  # as the docstring of Ads1115Options says for 0 to 10 bar
    assert [milliampere * scale + offset for milliampere in (4, 12, 20)] == [0, 5, 10]


def test_voltages_of_single_and_differential_inputs_are_signed() -> None:
    driver = opened(
        Ads1115Chip(1.5, 2.0, -0.25, 0.0),
        a=options(),
        b=options(input="AIN0-AIN1"),
        c=options(input="AIN2", full_scale_mv=256),
    )
    volts = [sample.value for sample in driver.read(["a", "b", "c"], 1)]
    assert volts == [pytest.approx(1.5, abs=1e-4), pytest.approx(-0.5, abs=1e-4), pytest.approx(-0.25, abs=1e-5)]


@pytest.mark.parametrize("volt", [5.0, -5.0])
def test_an_input_at_the_end_of_its_range_is_over_range(volt: float) -> None:
    assert opened(Ads1115Chip(volt), p=options()).read(["p"], 1) == [Sample("p", 1, None, BAD, "over_range")]


def test_a_conversion_that_takes_its_time_is_waited_for() -> None:
    assert opened(Ads1115Chip(1.0, busy_reads=4), p=options()).read(["p"], 1)[0].quality == GOOD


def test_a_conversion_that_never_ends_is_given_up_in_time() -> None:
    chip = Ads1115Chip(1.0)
    driver = opened(chip, p=options(rate_per_s=860))
    chip.busy_reads = 10**9
    with pytest.raises(DriverError, match="a conversion does not end") as caught:
        driver.read(["p"], 1)
    assert caught.value.reason == "no_answer"


def test_an_absent_chip_is_named() -> None:
    with pytest.raises(DriverError) as caught:
        Ads1115(FakeI2c(), {"p": options(address=0x4A)}).open()
    assert str(caught.value) == "ADS1115 at 0x4a on i2c-1: no answer (errno 121); check wiring and pull-ups"


@pytest.mark.parametrize(
    "keys",
    [{"address": 0x47}, {"address": 0x4C}, {"input": "AIN4"}, {"full_scale_mv": 5000}, {"shunt_ohm": 0}, {"rate": 8}],
)
def test_what_the_chip_cannot_do_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        options(**keys)
