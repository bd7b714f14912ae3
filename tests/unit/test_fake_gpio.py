"""The simulated pins: the same edges at the same times however often they are stepped, and nothing kept for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.fake.gpio import NEVER, FakeGpio, PulseTrain, bouncing

MS = 1_000_000
S = 1_000_000_000


def edges_until(now_ns: list[int], per_second: float, bounces: int) -> list[tuple[int, bool]]:
    train = PulseTrain(S, per_second, width_ns=30 * MS, bounces=bounces, closed_level=False)
    found = []
    for now in now_ns:
        while (due_ns := train.next_ns()) is not None and due_ns <= now:
            found += train.edges()
        train.rest(now)
    return found


@given(st.lists(st.integers(0, 20 * S), max_size=20), st.floats(0.1, 16.6), st.integers(0, 5))
def test_edges_do_not_depend_on_how_often_they_are_asked_for(stops: list[int], per_second: float, bounces: int) -> None:
    together = edges_until([20 * S], per_second, bounces)
    assert edges_until([*sorted(stops), 20 * S], per_second, bounces) == together
    assert together == sorted(together, key=lambda edge: edge[0])


def test_a_movement_bounces_and_then_stays() -> None:
    assert bouncing(0, level=False, bounces=0) == [(0, False)]
    assert bouncing(0, level=False, bounces=1) == [(0, False), (MS, True), (2 * MS, False)]


def test_step_says_when_the_next_edge_is_due_and_a_meter_at_rest_has_none() -> None:
    gpio = FakeGpio()
    assert gpio.step(0.0) == NEVER
    meter = gpio.meter(4, S, 1.0)
    assert gpio.step(0.5) == 1.0
    assert gpio.step(1.0) == pytest.approx(1.03)
    meter.per_second = 0
    assert gpio.step(10.0) == NEVER
    assert meter.sent == 1
    meter.per_second = 1.0
    gpio.step(10.0)
    assert meter.sent == 2
    gpio.close()


def test_a_pin_keeps_no_list_of_its_past() -> None:
    gpio = FakeGpio()
    gpio.meter(4, 0, 10.0)
    gpio.step(60.0)
    assert len(gpio.factory.pin(4).states) <= 1
    gpio.close()
