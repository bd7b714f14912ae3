"""Registers of counters: what the meter keeps and what we count, over wraps, exchanges, weights and restarts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.counter import Kept, Volatile, pending, scaled


def test_the_first_reading_of_a_kept_register_is_no_consumption() -> None:
    register = Kept(1.0, 0)
    assert register.index is None
    assert register.advance(81_234_567) == "first"
    index: float | None = register.index
    assert (index, pending(register)) == (81_234_567, 0)


def test_a_kept_register_counts_what_it_moved() -> None:
    register = Kept(0.001, 0)
    register.advance(81_234_567)
    assert register.advance(81_234_667) == ""
    assert (register.index, pending(register)) == (81_234.667, 0.1)


def test_a_register_that_passes_its_highest_value_goes_on() -> None:
    register = Kept(1.0, 100_000_000)
    register.advance(99_999_998)
    assert register.advance(3) == "rollover"
    assert (register.index, pending(register)) == (3, 5)


@pytest.mark.parametrize(("wrap", "last", "now"), [(0, 5000, 3), (100_000, 50_000, 3), (100_000, 99_999, 20_000)])
def test_a_register_that_goes_back_otherwise_is_another_meter(wrap: int, last: int, now: int) -> None:
    register = Kept(1.0, wrap)
    register.advance(last - 2)
    register.advance(last)
    assert register.advance(now) == "meter_changed"
    assert (register.index, pending(register)) == (now, 2)  # what was counted before it stays
    register.advance(now + 7)
    assert pending(register) == 9


def test_a_kept_register_counts_what_was_used_while_the_box_was_off() -> None:
    register = Kept(0.01, 0)
    register.advance(1000)
    register.advance(1005)
    again = Kept(0.01, 0, register.saved())
    assert (again.index, pending(again)) == (10.05, 0.05)
    assert again.advance(1105) == ""
    assert pending(again) == 1.05


def test_pulses_go_on_from_the_saved_index() -> None:
    register = Volatile(0.25)
    assert register.index == 0
    register.advance(3)
    again = Volatile(0.25, register.saved())
    assert (again.index, pending(again)) == (0.75, 0.75)
    again.advance(1)
    assert (again.index, pending(again)) == (1.0, 1.0)


def test_pulses_of_a_reopened_device_start_from_zero() -> None:
    register = Volatile(1.0)
    register.advance(10)
    register.advance(4)  # closed, opened, four pulses
    assert register.index == 14
    register.advance(4)
    assert register.index == 14


def test_a_new_pulse_weight_does_not_revalue_the_past() -> None:
    register = Volatile(1.0)
    register.advance(100)
    again = Volatile(10.0, register.saved())
    assert (again.index, pending(again)) == (100, 100)
    again.advance(2)
    assert (again.index, pending(again)) == (120, 120)
    third = Volatile(0.5, again.saved())
    third.advance(1)
    assert third.index == 120.5


def test_a_million_pulses_of_a_tenth_add_up_exactly() -> None:
    register = Volatile(0.1)
    total = 0.0
    for pulse in range(1, 1_000_001):
        register.advance(pulse)
    total = pending(register)
    assert (register.index, total) == (100_000, 100_000)


def test_another_sort_of_meter_on_the_same_point_starts_without_a_jump() -> None:
    kept = Kept(1.0, 0)
    kept.advance(5000)
    kept.advance(5010)
    pulses = Volatile(1.0, kept.saved())
    assert (pulses.index, pending(pulses)) == (5010, 10)
    pulses.advance(3)
    meter = Kept(1.0, 0, pulses.saved())
    assert (meter.index, pending(meter)) == (None, 13)
    assert meter.advance(70_000) == "first"
    assert pending(meter) == 13


def test_an_empty_register_is_a_start_from_nothing() -> None:
    assert pending(Kept(1.0, 0, {})) == 0
    assert Volatile(0.1, {}).index == 0


def test_what_a_register_not_yet_believed_would_show_moves_nothing() -> None:
    kept, pulses = Kept(0.001, 0), Volatile(1.0)
    kept.advance(1000)
    pulses.advance(7)
    assert (kept.as_read(9_999_000), kept.index) == (9999, 1)
    assert pulses.as_read(9) == 7


@pytest.mark.parametrize(
    ("raw", "scale", "value"), [(3, 0.1, 0.3), (10**8 - 1, 1, 10**8 - 1), (0, 7, 0), (7, 1e-3, 0.007)]
)
def test_scaling_shows_no_binary_fractions(raw: int, scale: float, value: float) -> None:
    assert scaled(raw, scale) == value


@given(st.lists(st.integers(0, 500), max_size=50), st.sampled_from([1.0, 0.1, 0.25, 1 / 3, 0.001]), st.data())
def test_pulses_over_any_restarts_and_reopenings(steps: list[int], weight: float, data: st.DataObject) -> None:
    register, raw, total = Volatile(weight), 0, 0
    for step in steps:
        what = data.draw(st.sampled_from(["", "", "restart"]))
        if what == "restart":
            register, raw = Volatile(weight, register.saved()), 0
        raw += step
        total += step
        register.advance(raw)
        assert register.index == round(total * weight, 9)
    assert pending(register) == register.index
