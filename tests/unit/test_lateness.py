"""How late ticks come: shares to a factor of two, the worst exactly."""

from __future__ import annotations

import pytest

from edge.runtime.lateness import Lateness


def test_nothing_counted_is_no_lateness() -> None:
    assert Lateness().told() == {"ticks": 0, "p50": 0.0, "p99": 0.0, "worst": 0.0}


def test_a_share_is_known_to_a_factor_of_two_and_the_worst_exactly() -> None:
    late = Lateness()
    for _ in range(98):
        late.note(0.6)
    late.note(30.0)
    late.note(4321.5)
    assert late.told() == {"ticks": 100, "p50": 1.0, "p99": 32.0, "worst": 4321.5}


@pytest.mark.parametrize("late_ms", [-5.0, 0.0, 0.249])
def test_a_tick_in_time_or_before_it_is_not_late(late_ms: float) -> None:
    late = Lateness()
    late.note(late_ms)
    assert late.within_ms(1.0) <= 0.25


def test_a_day_late_still_fits() -> None:
    late = Lateness()
    late.note(86_400_000.0)
    assert late.within_ms(0.5) == pytest.approx(late.worst_ms, rel=1)
    assert late.worst_ms == 86_400_000.0
