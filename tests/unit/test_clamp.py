"""Current clamps: 10 A within 1 % whatever converter, mains and machine do; energy of an hour; what is no value."""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.counter import Volatile
from hal.decode.clamp import SPAN_S, wave
from hal.driver import DriverError
from hal.drivers.clamp import Clamp, ClampOptions
from hal.fake.clamp import ClampChip, MainsCurrent
from hal.fake.i2c import FakeI2c
from hal.fake.pace import VirtualPace
from hal.sample import BAD, GOOD, UNCERTAIN, Sample

S = 1_000_000_000
USUAL = {3: 0.20, 5: 0.10, 7: 0.05}  # a house: lamps, screens, a fridge
RECTIFIER = {3: 0.8, 5: 0.55, 7: 0.3}  # nothing but switched supplies


class Machine(VirtualPace):
    """A machine under load: each rest is too long, by up to 0.2 ms, and each fiftieth by up to 6 ms."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(now_s=1000.0)
        self._random = random.Random(seed)

    def sleep(self, seconds: float) -> None:
        late_s = 0.006 if self._random.random() < 0.02 else 0.0002
        self.now_s += seconds + self._random.random() * late_s


class Rig:
    """Clamps on one chip, and the driver that reads them."""

    def __init__(self, *clamps: MainsCurrent, slowness: float = 1.0, seed: int = 1, **points: dict[str, Any]) -> None:
        self.pace = Machine(seed)
        self.chip = ClampChip(self.pace, *clamps, slowness=slowness)
        self.bus = FakeI2c({0x48: self.chip}, pace=self.pace)
        keys = points or {"a": {}}
        self.points = {
            point: msgspec.convert({"input": "AIN0", "amps_per_volt": 30, **own}, ClampOptions)
            for point, own in keys.items()
        }
        self.driver = Clamp(self.bus, self.points)
        self.driver.open()

    def read(self, *due: str) -> list[Sample]:
        return self.driver.read(list(due or self.points), round(self.pace.now_s * S))

    def ampere(self) -> float:
        (sample,) = self.read("a")
        assert sample.quality == GOOD
        assert isinstance(sample.value, float)
        return sample.value


@pytest.mark.parametrize("hz", [50.0, 60.0, 49.8, 50.2, 59.7])
@pytest.mark.parametrize("slowness", [0.9, 1.0, 1.1])
def test_ten_ampere_with_harmonics_and_a_drifting_bias_is_ten_ampere_within_one_percent(
    hz: float, slowness: float
) -> None:
    for seed in range(3):
        current = MainsCurrent(10.0, hz=hz, harmonics=USUAL, drift_v_per_s=0.0001)
        assert Rig(current, slowness=slowness, seed=seed).ampere() == pytest.approx(10.0, rel=0.002)


@pytest.mark.parametrize("slowness", [0.9, 1.0, 1.1])
def test_the_current_of_nothing_but_switched_supplies_is_within_half_a_percent(slowness: float) -> None:
    for hz in (50.0, 60.0):
        current = MainsCurrent(10.0, hz=hz, harmonics=RECTIFIER)
        assert Rig(current, slowness=slowness).ampere() == pytest.approx(10.0, rel=0.005)


@pytest.mark.parametrize(("ampere", "within"), [(0.15, 0.01), (1.0, 0.01), (40.0, 0.2)])
def test_small_and_large_currents(ampere: float, within: float) -> None:
    assert Rig(MainsCurrent(ampere, harmonics=USUAL)).ampere() == pytest.approx(ampere, abs=within)


def test_a_generator_that_runs_too_fast_is_measured_all_the_same() -> None:
    rig = Rig(MainsCurrent(10.0, hz=52.7, harmonics=USUAL))
    assert rig.ampere() == pytest.approx(10.0, rel=0.01)
    assert "at 52.7 Hz, bias 1.65" in rig.driver.raw("a")


@pytest.mark.parametrize("ampere", [0.0, 0.05])
def test_what_is_less_than_noise_is_0_on_purpose(ampere: float) -> None:
    assert Rig(MainsCurrent(ampere)).ampere() == 0.0


def test_a_floor_of_0_shows_what_the_converter_makes_of_nothing() -> None:
    rig = Rig(MainsCurrent(0.0), a={"zero_below_a": 0})
    assert 0 < rig.ampere() < 0.02


def test_apparent_power_and_power_say_that_they_are_estimated() -> None:
    rig = Rig(MainsCurrent(10.0), va={"channel": "apparent"}, w={"channel": "power", "volts": 240, "power_factor": 0.9})
    va, watt = rig.read()
    assert (va.value, va.quality, va.reason) == (pytest.approx(2300, rel=0.005), UNCERTAIN, "estimated")
    assert (watt.value, watt.quality, watt.reason) == (pytest.approx(2160, rel=0.005), UNCERTAIN, "estimated")


def test_four_clamps_never_see_each_others_current_and_fit_into_a_second() -> None:
    currents = [MainsCurrent(ampere) for ampere in (10.0, 0.0, 3.0, 25.0)]
    rig = Rig(*currents, **{f"a{n}": {"input": f"AIN{n}"} for n in range(4)})
    began_s = rig.pace.now_s
    values = [sample.value for sample in rig.read()]
    assert values == [pytest.approx(current.ampere, rel=0.005, abs=0.001) for current in currents]
    took_s = rig.pace.now_s - began_s
    assert took_s <= 4 * Clamp.busy_s(rig.points["a0"]) < 1.0


def test_the_points_of_one_clamp_share_a_measurement() -> None:
    rig = Rig(MainsCurrent(10.0), a={}, va={"channel": "apparent"}, kwh={"channel": "energy"})
    began_s = rig.pace.now_s
    rig.read()
    assert rig.pace.now_s - began_s < 1.2 * SPAN_S


@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_the_energy_of_an_hour_is_within_one_percent(hz: float) -> None:
    current = MainsCurrent(10.0, hz=hz, harmonics=USUAL)
    rig = Rig(current, slowness=1.07, kwh={"channel": "energy"})
    begin_s, true_wh, last_s = rig.pace.now_s, 0.0, rig.pace.now_s
    (sample,) = rig.read()
    while rig.pace.now_s - begin_s < 3600:
        rig.pace.now_s = rig.pace.now_s - rig.pace.now_s % 15 + 15  # the next multiple of the period
        true_wh += current.ampere * 230 * (rig.pace.now_s - last_s) / 3600  # it flowed while it was measured, too
        last_s = rig.pace.now_s
        t_s = last_s - begin_s
        current.ampere = 6.0 + 4.0 * math.sin(t_s / 300) + (8.0 if t_s % 600 < 150 else 0.0)
        (sample,) = rig.read()
    assert isinstance(sample.value, int)
    print(f"{hz:.0f} Hz: {sample.value / 1e3 / true_wh - 1:+.3%}")
    assert Clamp.channel(rig.points["kwh"]).scale * sample.value == pytest.approx(true_wh / 1000, rel=0.01)


def test_the_index_goes_on_over_a_restart_and_never_back() -> None:
    rig = Rig(MainsCurrent(10.0), kwh={"channel": "energy"}, a={})
    channel = Clamp.channel(rig.points["kwh"])
    assert channel.volatile
    register = Volatile(channel.scale)
    indexes = []
    for _ in range(2):
        for _ in range(5):
            for sample in rig.read("a", "kwh"):
                if sample.point == "kwh":
                    register.advance(float(sample.value or 0))
                    indexes.append(register.index)
            rig.pace.now_s += 60
        rig.driver.close()
        rig.driver.open()
    assert indexes == sorted(indexes)
    assert indexes[-1] == pytest.approx(2 * 2300 * 4 * 60.2 / 3.6e6, rel=0.01)


def test_after_opening_the_first_read_says_0_of_an_index_that_is_not_due() -> None:
    rig = Rig(MainsCurrent(10.0), a={}, kwh={"channel": "energy"})
    assert next((sample.point, sample.value) for sample in rig.read("a")) == ("kwh", 0)
    assert [sample.point for sample in rig.read("a")] == ["a"]


def test_a_peak_beyond_the_range_is_over_range_and_adds_no_energy() -> None:
    rig = Rig(MainsCurrent(10.0), a={}, va={"channel": "apparent"}, kwh={"channel": "energy"})
    rig.read()
    rig.chip.clamps[0].ampere = 95.0  # 1.65 V and 4.5 V of peak
    rig.pace.now_s += 60
    assert [(s.value, s.quality, s.reason) for s in rig.read()] == [(None, BAD, "over_range")] * 3
    rig.chip.clamps[0].ampere = 10.0
    rig.pace.now_s += 60
    assert rig.read()[2].value == 0, "nobody knows what was used in between"


def test_a_clamp_without_its_bias_is_out_of_range_and_never_half_a_current() -> None:
    rig = Rig(MainsCurrent(10.0, bias_v=0.0))
    assert [(s.value, s.quality, s.reason) for s in rig.read()] == [(None, BAD, "out_of_range")]


def test_a_conversion_that_never_ends_is_no_current() -> None:
    rig = Rig(MainsCurrent(10.0))
    rig.chip.is_stuck = True
    with pytest.raises(DriverError, match="a conversion does not end; check its supply"):
        rig.read()


def test_a_chip_whose_conversions_never_end_is_named_at_the_start() -> None:
    rig = Rig(MainsCurrent(10.0))
    rig.chip.is_stuck = True
    with pytest.raises(DriverError, match="a conversion does not end; check its supply"):
        rig.driver.open()


def test_a_bus_that_is_too_slow_is_said_with_its_cure() -> None:
    rig = Rig(MainsCurrent(10.0))
    rig.pace.oversleep_s = 0.0
    slow = Slow(rig.pace.now_s)
    rig.chip._pace = rig.bus.pace = rig.driver._chip.pace = slow
    with pytest.raises(DriverError, match=r"conversions in 0.6 s are too few; .*baudrate=400000"):
        rig.driver.read(["a"], 1)


class Slow(VirtualPace):
    """A machine that rests for 20 ms whatever it was asked."""

    def sleep(self, seconds: float) -> None:
        self.now_s += 0.020


@pytest.mark.parametrize(("times", "values"), [([], []), ([0.0], [1.0]), ([0.0, 0.3], [1.0, 1.0])])
def test_too_few_samples_are_no_wave(times: list[float], values: list[float]) -> None:
    assert wave(times, values, conversion_s=1 / 860) is None


def test_samples_that_all_say_the_same_are_no_current_and_no_error() -> None:
    times = [n * 0.0024 for n in range(100)]
    found = wave(times, [1.65] * 100, conversion_s=1 / 860)
    assert found is not None
    assert (found.rms, found.hz) == (0.0, 0.0)
    assert found.mean == pytest.approx(1.65)


@given(st.lists(st.floats(-6, 6), min_size=90, max_size=90))
def test_no_samples_whatever_break_it_or_give_less_than_nothing(values: list[float]) -> None:
    found = wave([n * 0.0024 for n in range(90)], values, conversion_s=1 / 860)
    assert found is not None
    assert found.rms >= 0
    assert math.isfinite(found.rms)


@pytest.mark.parametrize(
    "keys", [{"amps_per_volt": 0}, {"power_factor": 1.1}, {"power_factor": 0}, {"volts": 0}, {"zero_below_a": -1}]
)
def test_settings_that_make_no_sense_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"input": "AIN0", "amps_per_volt": 30, **keys}, ClampOptions)
