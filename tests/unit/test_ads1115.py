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
from hal.fake.pace import VirtualPace
from hal.sample import BAD, GOOD, Sample
from tests.support import about, shared_data


def options(**keys: Any) -> Any:
    return msgspec.convert({"input": "AIN0", **keys}, Ads1115.Options)


def opened(chip: Ads1115Chip, **points: Any) -> Ads1115:
    driver = Ads1115(FakeI2c({0x48: chip}, pace=VirtualPace()), points)
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
    assert ads1115.running_word("AIN0-AIN1", 2048, 860) == 0x04E3


@given(st.sampled_from(ads1115.FULL_SCALES_MV), st.integers(-32767, 32766))
def test_a_voltage_comes_back_within_a_step(full_scale_mv: int, raw: int) -> None:
    volt = raw * full_scale_mv / 32768 / 1000
    assert ads1115.volts(ads1115.register_from_volts(volt, full_scale_mv), full_scale_mv) == pytest.approx(volt)


@given(st.binary(min_size=2, max_size=2), st.sampled_from(ads1115.FULL_SCALES_MV), st.none() | st.floats(1, 1000))
def test_any_register_is_an_outcome_and_bad_has_no_value(
    register: bytes, full_scale_mv: int, shunt_ohm: float | None
) -> None:
    value, quality, reason = ads1115.outcome(register, ads1115.Wiring(full_scale_mv, shunt_ohm))
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


@pytest.mark.parametrize(
    ("milliampere", "bar"), [(4.0, 0.0), (12.0, 5.0), (20.0, 10.0), (3.8, -0.125), (20.5, 10.3125)]
)
def test_a_loop_scaled_at_its_two_ends_reads_in_the_points_unit(milliampere: float, bar: float) -> None:
    scaled = options(shunt_ohm=150, low=0, high=10)
    driver = opened(Ads1115Chip(milliampere * 0.150), p=scaled)
    assert driver.read(["p"], 1) == [Sample("p", 1, about(bar, 0.001), GOOD)]
    assert Ads1115.channel(scaled).unit == ""


def test_a_scaled_loop_that_is_broken_is_bad_and_never_the_low_end() -> None:
    driver = opened(Ads1115Chip(0.0), p=options(shunt_ohm=150, low=0, high=10))
    assert driver.read(["p"], 1) == [Sample("p", 1, None, BAD, "wire_break")]


@pytest.mark.parametrize(("volt", "percent"), [(0.0, 100.0), (2.5, 75.0), (10.0, 0.0), (-0.5, 105.0)])
def test_a_signal_of_ten_volts_on_a_divider_reads_scaled_also_downwards(volt: float, percent: float) -> None:
    driver = opened(Ads1115Chip(volt / 3), p=options(divider=3, low=100, high=0))
    assert driver.read(["p"], 1) == [Sample("p", 1, about(percent, 0.01), GOOD)]


def test_a_divider_alone_gives_the_volts_of_the_signal() -> None:
    driver = opened(Ads1115Chip(24.0 / 11), p=options(divider=11))
    assert driver.read(["p"], 1) == [Sample("p", 1, about(24.0, 0.002), GOOD)]
    assert Ads1115.channel(options(divider=11)).unit == "V"


@pytest.mark.parametrize("register", [b"", b"\x12", b"\x12\x34\x56"])
def test_an_answer_of_the_wrong_length_is_bad(register: bytes) -> None:
    assert ads1115.outcome(register, ads1115.Wiring(4096)) == (None, BAD, "bus_error")


def test_sixteen_loops_ten_times_a_second_leave_half_of_the_bus_free() -> None:
    pace = VirtualPace(oversleep_s=60e-6)  # the kernel's timer slack
    bus = FakeI2c({0x48 + chip: Ads1115Chip(*[1.2] * 4, pace=pace) for chip in range(4)}, pace=pace)
    loops = [
        options(address=0x48 + chip, input=f"AIN{number}", shunt_ohm=150, rate_per_s=860)
        for chip in range(4)
        for number in range(4)
    ]
    drivers = [Ads1115(bus, {f"{o.address}.{o.input}": o for o in loops[4 * n : 4 * n + 4]}) for n in range(4)]
    for driver in drivers:
        driver.open()
    began_s = pace.now_s
    read = [sample for driver in drivers for sample in driver.read(list(driver._points), 0)]
    took_s = pace.now_s - began_s
    assert [sample.value for sample in read] == [about(8.0, 0.001)] * 16
    assert took_s <= sum(Ads1115.busy_s(loop) for loop in loops) <= 0.05


def test_a_conversion_rests_once_and_not_at_each_look() -> None:
    pace = Resting()
    driver = Ads1115(FakeI2c({0x48: Ads1115Chip(1.0, pace=pace, slowness=1.0)}, pace=pace), {"p": options()})
    driver.open()
    driver.read(["p"], 1)
    assert pace.rests == 1


class Resting(VirtualPace):
    """Counts how often somebody rests."""

    rests = 0

    def sleep(self, seconds: float) -> None:
        self.rests += 1
        super().sleep(seconds)


def test_what_came_over_the_wire_is_handed_over_once() -> None:
    driver = opened(Ads1115Chip(1.024), p=options())
    driver.trace()
    driver.read(["p"], 1)
    assert driver.trace() == bytes.fromhex("c3832000")
    assert driver.trace() == b""


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
    assert caught.value.reason == "never_ready"


def test_a_chip_that_loses_its_supply_in_a_conversion_is_no_0_volt() -> None:
    class Dips(Ads1115Chip):
        def write(self, octets: bytes) -> None:
            super().write(octets)
            self._config, self._conversion = 0x8583, bytes(2)  # data sheet: both registers after reset

    with pytest.raises(DriverError, match="its settings are others than were written; check its supply") as caught:
        opened(Dips(1.0), p=options()).read(["p"], 1)
    assert caught.value.reason == "bus_error"


def test_an_absent_chip_is_named() -> None:
    with pytest.raises(DriverError) as caught:
        Ads1115(FakeI2c(), {"p": options(address=0x4A)}).open()
    assert str(caught.value) == "ADS1115 at 0x4a on i2c-1: no answer (errno 121); check wiring and pull-ups"


@pytest.mark.parametrize(
    "keys",
    [
        {"address": 0x47}, {"address": 0x4C}, {"input": "AIN4"}, {"full_scale_mv": 5000}, {"shunt_ohm": 0}, {"rate": 8},
        {"rate_per_s": 100}, {"divider": 0.5}, {"low": 0}, {"high": 10}, {"low": 3, "high": 3},
        {"shunt_ohm": 150, "divider": 3},
    ],
)  # fmt: skip
def test_what_the_chip_cannot_do_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        options(**keys)
