"""Rate from an index, integral of a gauge: the pure halves of energy ↔ power."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.integral import Integral
from edge.core.rate import Rate


def test_ten_watt_hours_in_a_minute_are_600_watts() -> None:
    rate = Rate()
    assert rate.take(14_253_681, 1000) is None
    per_s = rate.take(14_253_691, 61_000)
    assert per_s is not None
    assert per_s * 3600 == pytest.approx(600, rel=1e-12)


def test_a_litre_each_six_seconds_is_ten_litres_a_minute_and_decays_to_none() -> None:
    rate = Rate()
    told = {t_s: rate.take(t_s // 6, t_s * 1000) for t_s in range(61)}
    assert told[60] == 1 / 6
    assert told[59] == 1 / 6
    after = {t_s: rate.take(10, t_s * 1000) for t_s in range(61, 200)}
    assert after[66] == 1 / 6
    assert after[72] == 1 / 12
    assert after[119] == 1 / 59
    assert after[120] == 0.0
    assert after[199] == 0.0


def test_the_first_step_after_standing_still_tells_nothing_as_its_beginning_is_unknown() -> None:
    rate = Rate()
    assert [rate.take(index, t_ms) for t_ms, index in ((0, 5), (1000, 5), (2000, 6))] == [None, None, None]
    assert rate.take(7, 8000) == 1 / 6


def test_an_index_that_stands_still_for_an_hour_from_the_start_has_no_flow() -> None:
    rate = Rate()
    assert rate.take(5, 0) is None
    assert rate.take(5, 3_599_999) is None
    assert rate.take(5, 3_600_000) == 0.0


def test_an_index_that_goes_back_is_another_meter_and_no_negative_power() -> None:
    rate = Rate()
    rate.take(100, 0)
    assert rate.take(110, 60_000) == 10 / 60
    assert rate.take(3, 120_000) is None
    assert rate.take(13, 180_000) == 10 / 60


def test_a_reading_of_the_same_or_an_earlier_instant_changes_nothing() -> None:
    rate = Rate()
    rate.take(0, 1000)
    first = rate.take(10, 61_000)
    assert rate.take(99, 61_000) == first
    assert rate.take(99, 60_000) == first
    assert rate.take(20, 121_000) == first


def test_after_readings_without_a_value_what_moved_is_spread_over_them() -> None:
    rate = Rate()
    rate.take(0, 0)
    rate.take(10, 60_000)
    assert rate.take(130, 60_000 + 7_200_000) == pytest.approx(120 / 7200)


def test_energy_of_a_steady_power() -> None:
    energy = Integral()
    for t_s in range(0, 3601, 10):
        told = energy.take(1234, t_s * 1000)
    assert told / 3600 == 1234.0
    assert (energy.covered_ms, energy.missing_ms) == (3_600_000, 0)


def test_time_without_a_value_is_not_integrated_and_said() -> None:
    energy = Integral()
    values = [1000.0] * 10 + [None] * 5 + [1000.0] * 10
    for t_s, value in enumerate(values):
        told = energy.take(value, t_s * 1000)
    assert told == 18_000.0  # nine seconds before, nine after; neither edge of the hole is known
    assert (energy.covered_ms, energy.missing_ms) == (18_000, 6000)


def test_readings_too_far_apart_leave_a_hole() -> None:
    energy = Integral(longest_ms=10_000)
    energy.take(5, 0)
    assert energy.take(5, 10_000) == 50.0
    assert energy.take(5, 20_001) == 50.0
    assert energy.missing_ms == 10_001


def test_negative_power_takes_away_and_extremes_stay_exact() -> None:
    energy = Integral(longest_ms=10**12)
    energy.take(-1e9, 0)
    assert energy.take(-1e9, 10**9) == -1e15
    energy = Integral()
    for t_s in range(100_001):
        told = energy.take(0.1, t_s * 1000)
    assert told == 10_000.0  # 100,000 additions of a tenth, to the last digit


def test_it_goes_on_after_a_restart_without_the_time_the_box_was_off() -> None:
    energy = Integral()
    energy.take(100, 0)
    energy.take(100, 60_000)
    again = Integral(msgspec.json.decode(msgspec.json.encode(energy.saved())))
    assert again.take(100, 5) == 6000.0  # another boot, its monotonic clock begins anew
    assert again.take(100, 10_005) == 7000.0
    assert Integral({}).take(None, 0) == 0.0


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.decimals(-9999, 9999, places=3)), st.integers(1, 90_000)), max_size=50)
)
def test_the_integral_equals_trapezoids_by_decimal(steps: list[tuple[Decimal | None, int]]) -> None:
    energy, area, t_ms = Integral(), Decimal(0), 0
    before: Decimal | None = None
    told = 0.0
    for number, (value, length_ms) in enumerate(steps):
        t_ms += length_ms
        told = energy.take(None if value is None else float(value), t_ms)
        if number and value is not None and before is not None and length_ms <= 60_000:
            area += (value + before) / 2 * length_ms / 1000
        before = value
    assert told == float(area)
