"""What a period leaves behind: values and how good they are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.counter import Kept, Volatile
from edge.core.types import Record
from edge.core.window import CounterWindow, GaugeWindow, StateWindow, TextWindow, Window
from hal.sample import BAD, GOOD, UNCERTAIN

EMPTY: list[Window] = [GaugeWindow(), TextWindow(), CounterWindow(Kept(1.0, 0)), StateWindow(0)]


def fill(window: Window, *readings: tuple[Any, int, str]) -> Record:
    """Return the record [60 s, 70 s[ of these (value, quality, reason)."""
    for value, quality, reason in readings:
        if quality == BAD:
            window.add_bad(reason, 60_000)
        else:
            window.add(value, quality, reason)
    return window.record("p", 60_000, 10_000)


def test_one_reading_is_a_record_without_statistics() -> None:
    assert fill(GaugeWindow(), (21.5, GOOD, "")) == Record("p", 60_000, 10_000, 21.5)
    assert fill(GaugeWindow(), (-0.5, UNCERTAIN, "late")) == Record("p", 60_000, 10_000, -0.5, UNCERTAIN, "late")


def test_a_spike_of_one_reading_is_kept() -> None:
    made = fill(GaugeWindow(), *[(20.0, GOOD, "")] * 4, (95.5, GOOD, ""), *[(20.0, GOOD, "")] * 5)
    assert (made.value, made.mean, made.low, made.high, made.count) == (20.0, 27.55, 20.0, 95.5, 10)


def test_means_of_small_units_are_not_rounded_away() -> None:
    made = fill(GaugeWindow(), (1.6667e-5, GOOD, ""), (1.6669e-5, GOOD, ""))  # 1 l/min in m3/s
    assert made.mean == pytest.approx(1.6668e-5, abs=1e-9)


@pytest.mark.parametrize("window", EMPTY, ids=lambda window: type(window).__name__)
def test_no_reading_is_bad_and_never_zero(window: Window) -> None:
    assert window.is_untouched
    assert window.record("p", 0, 10_000) == Record("p", 0, 10_000, None, BAD, "stale", 0)


@pytest.mark.parametrize("window", EMPTY, ids=lambda window: type(window).__name__)
def test_only_bad_readings_are_a_bad_record_with_the_last_reason(window: Window) -> None:
    made = fill(window, (None, BAD, "crc"), (None, BAD, "no_answer"))
    assert (made.value, made.quality, made.reason, made.count) == (None, BAD, "no_answer", 0)
    assert window.record("p", 0, 10_000).reason == "stale"  # the next period has its own reasons


@pytest.mark.parametrize(
    "window",
    [GaugeWindow(), TextWindow(), CounterWindow(Volatile(1.0)), StateWindow(60_000)],
    ids=lambda window: type(window).__name__,
)
def test_some_bad_readings_make_a_period_partial(window: Window) -> None:
    made = fill(window, (1, GOOD, ""), (None, BAD, "crc"), (2, GOOD, ""))
    assert (made.value, made.quality, made.reason, made.count) == (2, UNCERTAIN, "partial", 2)
    made = fill(window, (3, GOOD, ""))
    assert (made.value, made.quality, made.reason) == (3, GOOD, "")


@pytest.mark.parametrize(
    "window",
    [GaugeWindow(), CounterWindow(Volatile(1.0)), StateWindow(60_000)],
    ids=lambda window: type(window).__name__,
)
def test_one_doubt_makes_the_period_uncertain_and_speaks_before_partial(window: Window) -> None:
    doubts = (1, GOOD, ""), (2, UNCERTAIN, "lost_edges"), (3, UNCERTAIN, "late"), (None, BAD, "crc"), (4, GOOD, "")
    made = fill(window, *doubts)
    assert (made.value, made.quality, made.reason, made.count) == (4, UNCERTAIN, "lost_edges", 4)


def test_of_texts_only_the_last_one_speaks() -> None:
    made = fill(TextWindow(), ("TH..", UNCERTAIN, "unconfirmed"), ("HP..", GOOD, ""))
    assert (made.value, made.quality) == ("HP..", GOOD)
    made = fill(TextWindow(), ("HP..", GOOD, ""), ("HC..", UNCERTAIN, "unconfirmed"))
    assert (made.value, made.quality, made.reason) == ("HC..", UNCERTAIN, "unconfirmed")


def test_increments_wait_for_a_record_that_has_an_index() -> None:
    register = Volatile(1.0)
    window = CounterWindow(register)
    register.advance(3)
    assert fill(window, (None, BAD, "crc")).increment is None
    register.advance(5)
    made = fill(window, (register.index, GOOD, ""))
    assert (made.value, made.increment) == (5, 5)
    assert fill(window, (register.index, GOOD, "")).increment == 0


def test_a_period_of_unconfirmed_registers_only_says_so() -> None:
    window = CounterWindow(Kept(1.0, 0))
    window.hold("unconfirmed")
    assert not window.is_untouched
    made = window.record("p", 0, 10_000)
    assert (made.value, made.quality, made.reason) == (None, BAD, "unconfirmed")
    assert window.is_untouched


def state(window: StateWindow, *steps: tuple[int, int | None]) -> Record:
    """Return the record [0, 60 s[ of these (t_ms, state)."""
    for t_ms, value in steps:
        if value is None:
            window.add_bad("no_answer", t_ms)
        else:
            if value != window.state:
                window.enter(value, t_ms)
            window.add(value, GOOD, "")
    return window.record("p", 0, 60_000)


def test_a_state_is_known_from_its_first_reading_on() -> None:
    made = state(StateWindow(0), (5000, 1))
    assert (made.value, made.duration_ms, made.changes) == (1, 55_000, 0)


def test_a_state_goes_on_into_the_next_period() -> None:
    window = StateWindow(0)
    state(window, (0, 1), (20_000, 0), (30_000, 1))
    window.add(1, GOOD, "")
    made = window.record("p", 60_000, 60_000)
    assert (made.value, made.duration_ms, made.changes) == (1, 60_000, 0)


def test_time_in_the_same_state_adds_up_over_changes() -> None:
    made = state(StateWindow(0), (0, 1), (20_000, 0), (30_000, 1))
    assert (made.value, made.duration_ms, made.changes) == (1, 50_000, 2)


def test_time_without_an_answer_is_in_no_state() -> None:
    made = state(StateWindow(0), (0, 1), (20_000, None), (40_000, 1))
    assert (made.value, made.duration_ms, made.changes, made.reason) == (1, 40_000, 0, "partial")
    made = state(StateWindow(0), (0, 1), (20_000, None))
    assert (made.value, made.duration_ms, made.reason) == (1, 20_000, "partial")


def test_an_edge_that_is_told_late_takes_no_time_back() -> None:
    window = StateWindow(0)
    made = state(window, (0, 0), (30_000, 1), (10_000, 0))
    assert (made.duration_ms, made.changes) == (60_000, 2)  # 0 until 30 s, 1 for no time, 0 again


@given(st.lists(st.tuples(st.integers(0, 59_999), st.sampled_from([0, 1, 2, None])), min_size=1))
def test_durations_of_all_states_and_of_none_fill_the_period(steps: list[tuple[int, int | None]]) -> None:
    steps.sort(key=lambda step: step[0])
    window = StateWindow(0)
    known: dict[int | None, int] = {}
    for (t_ms, value), (next_ms, _) in zip(steps, [*steps[1:], (60_000, None)], strict=True):
        known[value] = known.get(value, 0) + next_ms - t_ms
    made = state(window, *steps)
    if made.value is None:
        assert set(known) == {None}
    else:
        assert made.duration_ms == known.get(int(made.value), 0)
    assert sum(known.values()) == 60_000 - steps[0][0]


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.sampled_from([GOOD, UNCERTAIN, BAD])), max_size=30))
def test_a_record_is_as_good_as_its_worst_reading(readings: list[tuple[float, int]]) -> None:
    made = fill(GaugeWindow(), *[(value, quality, "" if quality == GOOD else "x") for value, quality in readings])
    values = [value for value, quality in readings if quality != BAD]
    if not values:
        assert (made.value, made.quality, made.count) == (None, BAD, 0)
        return
    assert (made.value, made.count) == (values[-1], len(values))
    assert made.quality == (GOOD if all(quality == GOOD for _, quality in readings) else UNCERTAIN)
    assert bool(made.reason) == (made.quality != GOOD)
    if len(values) > 1:
        assert (made.low, made.high) == (min(values), max(values))
        assert made.low <= made.mean <= made.high  # type: ignore[operator]
