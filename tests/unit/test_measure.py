"""Each kind of limit that compares more than a reading with a number: what it makes of readings, and of none."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.levels import above
from edge.core.limit import Limit
from edge.core.measure import STEPS, Rate
from edge.core.measure_time import NeverZero
from edge.core.types import LimitSpec
from hal.sample import BAD, GOOD, UNCERTAIN
from tests.unit.rig import high

HOUR_MS = 3_600_000


def limit_of(kind: Any, value: float = 0.0, **changes: Any) -> Limit:
    return Limit(high(value, kind=kind, **changes))


def told(limit: Limit, *readings: tuple[float, float | None] | tuple[float, float | None, str]) -> list[Any]:
    """Return (second, begins or ends) for readings (second, value, point): None is BAD, "" the own point."""
    found = []
    for second, value, *of in readings:
        quality, reason = (BAD, "no_answer") if value is None else (GOOD, "")
        change = limit.judge(value, quality, reason, round(second * 1000), of[0] if of else "")
        if change is not None:
            found.append((second, change))
    return found


# -- a limit that is another point


def test_a_limit_that_is_another_point_is_judged_when_either_has_a_reading() -> None:
    limit = limit_of("high", other="set", deadband=1.0)
    assert told(limit, (0, 50.0)) == []  # nothing to compare with yet
    assert limit.bound is None
    assert told(limit, (1, 40.0, "set")) == [(1, True)]
    assert (limit.bound, limit.peak) == (40.0, 50.0)
    assert told(limit, (2, 50.5, "set"), (3, 51.0, "set")) == [(3, False)]
    assert told(limit, (4, 51.2)) == [(4, True)]


def test_a_bad_limit_says_nothing_and_neither_does_a_bad_reading() -> None:
    limit = limit_of("low", other="set")
    assert told(limit, (0, 40.0, "set"), (1, None), (2, None, "set"), (3, 20.0)) == []
    assert told(limit, (4, 40.0, "set")) == [(4, True)]
    assert told(limit, (5, None), (6, 10.0, "set"), (7, None, "set"), (8, 60.0), (9, None, "set")) == []
    assert limit.active


def test_a_limit_in_another_unit_is_converted() -> None:
    limit = limit_of("high", other="set", factor=1000.0)  # W against kW
    assert told(limit, (0, 9.0, "set"), (1, 8999.0), (2, 9001.0)) == [(2, True)]
    assert limit.bound == 9000.0


# -- deviation


@pytest.mark.parametrize(
    ("direction", "readings", "changes"),
    [
        ("both", [70, 76, 70, 64, 70], [(2, True), (3, False), (4, True), (5, False)]),
        ("up", [70, 76, 70, 64, 70], [(2, True), (3, False)]),
        ("down", [70, 76, 70, 64, 70], [(4, True), (5, False)]),
        ("both", [-70, None, -70], [(1, True)]),
        ("both", [], []),
        ("both", [None, None], []),
    ],
)
def test_a_deviation_is_measured_from_the_other_point(direction: Any, readings: list[Any], changes: list[Any]) -> None:
    limit = limit_of("deviation", 5.0, other="set", direction=direction)
    assert told(limit, (0, 70.0, "set"), *[(second, value) for second, value in enumerate(readings, 1)]) == changes


def test_a_deviation_ends_within_its_deadband_only() -> None:
    limit = limit_of("deviation", 5.0, other="set", deadband=2.0)
    assert told(limit, (0, 70.0, "set"), (1, 76.0), (2, 74.0), (3, 73.0)) == [(1, True), (3, False)]
    assert limit.measure is not None
    assert limit.measure.facts() == {"of": "set", "of_v": 70.0}


# -- rate


def rated(*readings: tuple[float, float | None], over_s: int = 60, **changes: Any) -> list[Any]:
    return told(limit_of("rate", **{"value": 1.0, "over_ms": over_s * 1000, "per": "minute", **changes}), *readings)


def test_a_rate_is_the_change_over_its_time_in_the_unit_that_is_written() -> None:
    limit = limit_of("rate", 10.0, over_ms=600_000, per="hour")
    ramp = [(second, 20 + second * 11 / 3600) for second in range(0, 1300, 10)]
    assert told(limit, *ramp) == [(600, True)]
    assert limit.number == pytest.approx(11.0)
    assert limit.measure is not None
    assert limit.measure.facts()["per"] == "hour"


@pytest.mark.parametrize(
    ("direction", "change", "begins"),
    [
        ("up", 2, True),
        ("up", -2, False),
        ("down", -2, True),
        ("down", 2, False),
        ("both", -2, True),
        ("both", 0, False),
    ],
)
def test_a_rate_looks_one_way_or_both(direction: Any, change: float, begins: bool) -> None:
    assert bool(rated((0, 20.0), (60, 20.0 + change), direction=direction)) is begins


def test_a_rate_says_nothing_before_its_time_is_full_nor_over_a_hole() -> None:
    assert rated((0, 0.0), (59.9, 100.0)) == []
    assert rated((0, 0.0), (121, 1000.0)) == []  # twice its time: too long ago
    assert rated((0, 0.0), (120, 121.0), value=60.0) == [(120, True)]  # 60.5 a minute, over the longer time
    assert rated((0, 0.0), (120, 121.0), value=61.0) == []
    assert rated((0, 0.0), (30, None), (60, 2.0)) == [(60, True)]  # BAD between neither proves nor disproves
    assert rated((0, None), (60, None)) == []
    assert rated() == []


def test_a_rates_window_holds_a_bounded_number_of_readings() -> None:
    measure = Rate(high(kind="rate", over_ms=86_400_000, per="hour"))
    for second in range(200_000):
        measure.take("", second / 3600, second * 1000)
    assert len(measure.saved()["kept"]) <= STEPS + 2  # type: ignore[index]
    assert measure.number(199_999_000) == pytest.approx(1.0, abs=0.02)


# -- never zero


def leak(**changes: Any) -> Limit:
    return limit_of("never_zero", **{"over_ms": 24 * HOUR_MS, **changes})


def test_a_flow_that_was_zero_once_in_the_day_is_no_leak() -> None:
    hours = [(hour * 3600, 0.0 if hour == 20 else 0.3) for hour in range(44)]
    assert told(leak(), *hours) == []
    hours.append((44 * 3600, 0.3))
    limit = leak()
    assert told(limit, *hours) == [(44 * 3600, True)]
    assert told(limit, (45 * 3600, 0.0)) == [(45 * 3600, False)]


def test_time_without_a_reading_neither_proves_nor_disproves_a_leak() -> None:
    limit = leak()
    good = [(hour * 3600, 0.3) for hour in range(21)]
    assert told(limit, *good, (21 * 3600, None), (40 * 3600, None), (41 * 3600, 0.3), (44 * 3600, 0.3)) == []
    assert told(limit, (45 * 3600, 0.3)) == [(45 * 3600, True)]  # 20 known hours, and 4 more
    assert told(limit, (46 * 3600, None), (99 * 3600, None)) == []
    assert limit.active


@pytest.mark.parametrize("value", [0.0, -0.2])
def test_a_flow_rests_at_zero_and_below(value: float) -> None:
    assert told(leak(over_ms=2000), (0, 1.0), (1, value), (2, 1.0), (3, 1.0)) == [(3, True)]


def test_a_trickle_below_the_value_counts_as_rest() -> None:
    assert told(leak(over_ms=2000, value=0.05), *[(second, 0.05) for second in range(9)]) == []


def test_a_counter_leaks_when_it_has_no_pause_long_enough() -> None:
    pulses = [(hour * 900, float(hour // 2)) for hour in range(200)]  # one each half hour
    assert told(leak(rest_ms=HOUR_MS, is_index=True), *pulses) == [(24 * 3600, True)]
    assert told(leak(rest_ms=HOUR_MS // 4, is_index=True), *pulses) == []
    assert told(leak(rest_ms=HOUR_MS, is_index=True), *[(hour * 900, 7.0) for hour in range(200)]) == []
    assert told(leak(rest_ms=HOUR_MS, is_index=True)) == []


def test_a_leak_goes_on_after_a_restart() -> None:
    before, after = NeverZero(high(0.0, kind="never_zero", over_ms=3000)), leak(over_ms=3000)
    for second in range(3):
        before.take("", 1.0, second * 1000)
    saved = before.saved()
    assert saved is not None
    assert after.measure is not None
    after.measure.restore(saved, 0)
    assert told(after, (0, 1.0), (1, 1.0)) == [(1, True)]


# -- subscribed power


def test_nearly_all_of_the_subscribed_power() -> None:
    limit = limit_of("subscribed", 90.0, other="tic.isousc", factor=200.0)  # VA against A
    assert told(limit, (0, 8000.0)) == []
    assert told(limit, (1, 45.0, "tic.isousc"), (2, 8100.0), (3, 8101.0), (4, 8100.0)) == [(3, True), (4, False)]
    assert limit.bound == 90.0
    assert told(limit, (5, 9000.0), (6, 60.0, "tic.isousc")) == [(5, True), (6, False)]  # another contract


@pytest.mark.parametrize("subscribed", [0.0, None])
def test_without_a_subscribed_power_nothing_is_said(subscribed: float | None) -> None:
    limit = limit_of("subscribed", 90.0, other="tic.isousc")
    assert told(limit, (0, subscribed, "tic.isousc"), (1, 1e9)) == []


# -- all of them


@pytest.mark.parametrize("kind", ["rate", "deviation", "never_zero", "subscribed"])
def test_a_value_not_yet_believed_says_nothing(kind: str) -> None:
    limit = limit_of(kind, 1.0, other="set", over_ms=1000, per="second")
    assert told(limit, (0, 100.0, "set")) == []
    assert [limit.judge(1e6, UNCERTAIN, "suspect", second * 1000) for second in range(5)] == [None] * 5
    assert not limit.is_engaged


@pytest.mark.parametrize(
    ("kind", "or_equal", "begins"),
    [
        ("low", False, [True, False, False]),
        ("low", True, [True, True, False]),
        ("high", False, [False, False, True]),
        ("high", True, [False, True, True]),
        ("equal", False, [False, True, False]),
    ],
)
def test_five_comparisons(kind: Any, or_equal: bool, begins: list[bool]) -> None:
    for value, expected in zip((29.0, 30.0, 31.0), begins, strict=True):
        assert bool(told(limit_of(kind, 30.0, or_equal=or_equal), (0, value))) is expected


def test_the_second_stage_stands_for_the_point_while_it_is_active() -> None:
    limits = [limit_of("high", 30.0, id="a"), limit_of("high_high", 40.0, id="b"), limit_of("low", 5.0, id="c")]
    first, second, other = limits
    first.active = True
    assert above(first, limits) is None
    second.active = other.active = True
    assert above(first, limits) is second
    assert above(second, limits) is above(other, limits) is above(first, []) is None


def test_a_spec_of_a_plain_limit_has_no_measure() -> None:
    assert Limit(LimitSpec("l", "p", "high", 1.0)).measure is None


def test_a_register_that_passed_its_highest_value_or_was_replaced_is_no_rate() -> None:
    readings = [(0, 998.0), (60, 999.0), (120, 0.0), (180, 1.0), (240, 2.0)]
    assert rated(*readings, value=1.5, is_index=True) == []
    limit = limit_of("rate", 1.5, over_ms=60_000, per="minute", is_index=True)
    assert told(limit, (0, 1.0), (60, 2.0)) == []
    assert limit.judge(500.0, UNCERTAIN, "meter_changed", 120_000) is None
    assert told(limit, (180, 501.0), (240, 502.0)) == []
    assert told(limit, (300, 505.0)) == [(300, True)]


def test_a_late_reading_counts_no_time_twice() -> None:
    measure = NeverZero(high(0.0, kind="never_zero", over_ms=60_000))
    for t_ms in (0, 10_000, 4_000, 11_000):
        measure.take("", 1.0, t_ms)
    assert measure.number(11_000) == 11.0
    window = Rate(high(0.0, kind="rate", over_ms=10_000, per="second"))
    for t_ms, value in ((0, 0.0), (10_000, 10.0), (4_000, 99.0), (11_000, 11.0)):
        window.take("", value, t_ms)
    assert window.number(11_000) == 1.0
