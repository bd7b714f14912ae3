"""Run hours and starts: by the edges of a state or the level of a gauge, without what nobody knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.calendar import HOUR_MS
from edge.core.equipment import EquipmentSpec
from edge.core.run_time import BEFORE_END_MS, LOOK_MS, RunTime
from tests.equipment_rig import BOILER, NOON, PUMP, Room

HOT_RUNS = EquipmentSpec("boiler", frozenset({"p"}), runs="p", runs_above=25.0)


def run(room: Room, name: str = "pump") -> tuple[int, int]:
    found = room.engine.part(RunTime).of(name)
    return found.run_ms, found.starts


def test_a_pump_runs_between_its_edges_to_the_millisecond() -> None:
    room = Room()
    for t_s, state in ((0, 0), (1.234, 1), (10, 1), (61.5, 0), (70, 0), (80, 1), (90, 1)):
        room.pump(t_s, state)
    assert run(room) == (61_500 - 1234 + 10_000, 2)


def test_hours_and_starts_are_counters_with_an_index() -> None:
    room = Room()
    room.pump(0, 0)
    for t_s in range(60, 60 + 1801, 60):
        room.pump(t_s, 1)
    room.pump(1900, 0)
    points = room.engine.points
    assert points["pump.hours"].value == pytest.approx((1900 - 60) / 3600)
    assert (points["pump.starts"].value, points["pump.hours"].spec.unit) == (1, "h")


def test_a_machine_that_was_found_running_has_not_started() -> None:
    room = Room()
    room.pump(1, 1)
    room.pump(30, 1)
    assert run(room)[1] == 0


def test_a_gauge_tells_by_its_level() -> None:
    room = Room(HOT_RUNS, PUMP)
    for t_s in range(120):
        room.hot(t_s, 30.0 if 20 <= t_s < 80 else 25.0)
    run_ms, starts = run(room, "boiler")
    assert abs(run_ms - 60_000) <= LOOK_MS
    assert starts == 1


def test_time_without_a_value_is_not_run_time_and_no_start() -> None:
    room = Room()
    room.pump(0, 1)
    room.pump(20, 1)
    room.pump(23, None)
    for t_s in range(24, 100):
        room.pump(t_s, None)
    room.pump(100, 1)
    room.pump(110, 1)
    assert run(room) == (23_000 - LOOK_MS + 5000, 0), "seen by the first look, and by the first after the gap"


def test_a_gap_between_two_looks_is_not_run_time() -> None:
    room = Room()
    room.pump(0, 1)
    room.pump(10, 1)
    room.pump(11, None)
    room.pump(12, 1)
    room.pump(15, 1)
    room.pump(20, 1)
    assert run(room) == (11_000 - LOOK_MS + 5000, 0)


def test_a_silent_point_stops_the_hours_when_it_turns_stale() -> None:
    room = Room()
    room.pump(0, 0)
    room.pump(1, 1)
    room.silence_until(3600)
    stale_ms = room.engine.points["q"].spec.stale_ms
    assert run(room)[0] <= stale_ms + 1000


def test_a_machine_at_rest_before_and_running_after_a_gap_has_started_once() -> None:
    room = Room()
    room.pump(0, 0)
    room.pump(5, None)
    room.pump(50, 1)
    assert run(room)[1] == 1


def test_hours_starts_and_the_index_go_on_after_a_restart_without_the_time_between() -> None:
    room = Room()
    room.pump(0, 0)
    room.pump(10, 1)
    room.close(40)
    again = room.again(0, off_s=3600)
    assert run(again) == (30_000, 1)
    assert again.engine.points["pump.hours"].value == pytest.approx(30 / 3600)
    again.pump(1, 1)
    again.pump(11, 1)
    again.close(11)
    assert run(again) == (36_000, 1), "who ran before and runs after has not started"
    assert again.engine.points["pump.hours"].value == pytest.approx(36 / 3600)
    third = again.again(0)
    third.pump(0, 0)
    third.pump(10, 1)
    assert run(third)[1] == 2


def test_a_power_cut_takes_back_index_and_run_time_alike() -> None:
    room = Room()
    room.pump(0, 0)
    for t_s in range(10, 80):
        room.pump(t_s, 1)
    kept = dict(room.registers)  # the frame of the last commit
    for t_s in range(80, 119):
        room.pump(t_s, 1)
    assert run(room) == (115_000 - 10_000, 1)
    assert room.registers["run_time"] == kept["run_time"], "nothing to write"
    room.registers = kept
    again = room.again(0)
    run_ms = 60_000 - BEFORE_END_MS - 10_000
    assert run(again) == (run_ms, 1), "up to the end of a minute"
    assert again.engine.points["pump.hours"].value == pytest.approx(run_ms / HOUR_MS)


def test_a_running_machine_is_written_once_a_minute_and_at_its_edges() -> None:
    room = Room()
    room.pump(0, 0)
    writes = []
    for t_s in range(1, 600):
        before = room.registers.get("counter/pump.hours"), room.registers.get("run_time")
        room.pump(t_s, 1 if 100 <= t_s < 400 else 0)
        if before != (room.registers.get("counter/pump.hours"), room.registers.get("run_time")):
            writes.append(t_s)
    assert writes == [5, 100, 120, 180, 240, 300, 360, 400], "first that it is at rest"
    assert run(room) == (300_000, 1)


def test_the_minutes_are_those_of_the_calendar_also_after_the_clock_was_set() -> None:
    room = Room()
    room.pump(0, 0)
    for t_s in range(10, 40):
        room.pump(t_s, 1)
    room.engine.set_clock(NOON + 30_000)
    for t_s in range(40, 110):
        room.pump(t_s, 1)
    assert room.engine.points["pump.hours"].value == pytest.approx((90_000 - BEFORE_END_MS - 10_000) / HOUR_MS)


def test_a_clean_stop_loses_nothing() -> None:
    room = Room()
    room.pump(0, 0)
    room.pump(10, 1)
    room.close(13.7)
    assert run(room.again(0)) == (3700, 1)


def test_years_of_running_lose_no_millisecond() -> None:
    saved: Any = {
        "run_time": {"pump": {"run_ms": 10 * 365 * 86_400_000, "starts": 2**31, "runs": False}},
        "counter/pump.hours": {"base": 0.0, "count": 10 * 365 * 86_400_000, "scale": 1 / 3_600_000, "pending": 0.0},
    }
    room = Room(saved=saved)
    room.pump(0, 0)
    room.pump(1, 1)
    room.close(5)
    assert run(room) == (10 * 365 * 86_400_000 + 4000, 2**31 + 1)
    assert room.engine.points["pump.hours"].value == pytest.approx(87_600 + 4 / 3600, abs=1e-6)


def test_a_machine_without_runs_counts_nothing() -> None:
    room = Room(BOILER)
    assert run(room, "boiler") == (0, 0)
    assert "boiler.hours" not in room.engine.points


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9000), st.sampled_from([0, 1, None])), max_size=40))
def test_run_time_never_exceeds_the_time_in_which_the_pump_was_seen_running(
    steps: list[tuple[int, int | None]],
) -> None:
    """The slow model: between two readings the state is that of the first; what follows a gap counts from a look on.

    Of several gaps between two looks only the last is seen: the others may count.
    """
    room = Room()
    now_ms = most_ms = least_ms = starts = 0
    on: int | None = None
    known: int | None = None
    for length_ms, state in steps:
        if on == 1:
            most_ms += length_ms
            least_ms += length_ms
        elif on is None and known == 1 and length_ms < LOOK_MS:
            most_ms += length_ms
        now_ms += length_ms
        if on is None and state == 1:
            least_ms -= LOOK_MS  # what may pass before the next look
        if state is not None:
            starts += state == 1 and known == 0
            known = state
        on = state
        room.pump(now_ms / 1000, state)
    room.close(now_ms / 1000)
    run_ms, counted = run(room)
    assert least_ms <= run_ms <= most_ms
    assert counted == starts
