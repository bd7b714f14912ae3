"""Calculated points: in order, at their period, never of missing values; virtual meters that nothing makes jump."""

from __future__ import annotations

import doctest
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import calculated
from edge.core.calculated import CycleError, ordered
from edge.core.types import PointSpec
from hal.sample import BAD, GOOD, UNCERTAIN, Sample
from tests.unit.calculated_rig import PERIOD_S, Site, made, point

FLOW, BACK = point("flow", unit="Cel"), point("back", unit="Cel")
DELTA = made("delta", "flow - back", unit="K")
COLD = point("cold", "counter", "kWh")
OTHER = point("other", "counter", "kWh")
SUM = made("sum", "cold + other", "counter", "kWh")
LESS = made("less", "cold - other", "counter", "kWh")


def test_a_difference_has_a_record_with_mean_low_and_high() -> None:
    site = Site(FLOW, BACK, DELTA)
    site.run(0, 120, flow=lambda t_s: 50 + t_s / 10, back=40)
    first = site.records("delta")[0]
    assert (first.start_ms, first.dt_ms, first.count, first.quality) == (0, 60_000, 6, GOOD)
    assert (first.low, first.high, first.mean) == (10, 15, 12.5)


@pytest.mark.parametrize(("flow", "why"), [(None, "input_bad:flow"), (1e301, "input_bad:flow")])
def test_bad_in_is_bad_out_and_names_the_input(flow: Any, why: str) -> None:
    site = Site(FLOW, BACK, DELTA)
    site.run(0, 60, flow=50, back=40)
    site.run(60, 130, flow=flow, back=40)
    assert site.value("delta") == (None, why)
    record = site.records("delta")[1]
    assert (record.value, record.quality, record.reason) == (None, BAD, why)


def test_an_input_that_falls_silent_is_bad_before_anybody_scans_it() -> None:
    site = Site(FLOW, BACK, DELTA)
    site.run(0, 60, flow=50, back=40)
    site.run(60, 120, back=40)
    assert site.value("delta") == (None, "input_bad:flow")


@pytest.mark.parametrize(
    ("why", "shown"), [("suspect", "suspect"), ("unconfirmed", "unconfirmed"), ("estimated", "input_doubt:flow")]
)
def test_doubt_in_is_doubt_out(why: str, shown: str) -> None:
    site = Site(FLOW, BACK, DELTA)
    site.run(0, 70, flow=Sample("flow", 0, 50, UNCERTAIN, why), back=40)
    assert site.value("delta") == (10, shown)
    assert site.records("delta")[0].quality == UNCERTAIN


def test_without_any_reading_there_is_no_value() -> None:
    site = Site(FLOW, BACK, DELTA)
    site.run(0, 70)
    assert site.value("delta") == (None, "input_bad:flow")
    assert [record.value for record in site.records("delta")] == [None]


def test_what_is_made_of_calculated_points_is_computed_in_one_pass_whatever_the_order_of_the_file() -> None:
    site = Site(made("c", "b * 2"), made("b", "a + 1"), point("a"))
    site.run(0, 10, a=4)
    assert site.value("c") == (10, "")


def test_bad_goes_through_the_chain_and_each_names_its_own_input() -> None:
    site = Site(made("c", "b * 2"), made("b", "a + 1"), point("a"))
    site.run(0, 20, a=None)
    assert (site.value("b")[1], site.value("c")[1]) == ("input_bad:a", "input_bad:b")


@pytest.mark.parametrize(
    ("expression", "why"),
    [("1 / a", "division_by_zero"), ("sqrt(a - 1)", "undefined"), ("(a + 2) * 1e300 * 1e8", "out_of_range"),
     ("a if a > 1 else none", "undefined")],
)  # fmt: skip
def test_what_has_no_result_is_bad_with_its_reason(expression: str, why: str) -> None:
    site = Site(point("a"), made("x", expression))
    site.run(0, 10, a=0)
    assert site.value("x") == (None, why)


def test_a_result_outside_of_its_range_is_no_value_and_not_in_the_mean() -> None:
    site = Site(point("a"), made("x", "a * 2", high=100.0))
    site.run(0, 70, a=lambda t_s: 1e9 if t_s == 30 else 10)
    record = site.records("x")[0]
    assert (record.value, record.mean, record.high, record.count) == (20, 20, 20, 5)
    assert (record.quality, record.reason) == (UNCERTAIN, "partial")


def test_a_state_follows_what_is_compared() -> None:
    spec = made("hot", "flow - back > 12", "state", words=("no", "yes"))
    site = Site(FLOW, BACK, spec)
    site.run(0, 30, flow=lambda t_s: 50 + t_s / 5, back=40)
    assert site.value("hot") == (1, "")
    assert [event.values["word"] for event in site.rig.events if event.kind == "state"] == ["yes"]


def test_a_words_number_can_be_compared() -> None:
    site = Site(point("door", "state", words=("shut", "open")), made("x", 'if(door == "open", 1, 0)'))
    site.run(0, 10, door=1)
    assert site.value("x") == (1, "")


def test_an_hours_figure_belongs_to_its_hour() -> None:
    hour = {"period_ms": 3_600_000, "record_ms": 3_600_000, "stale_ms": 7_200_000}
    site = Site(COLD, made("used", "moved(cold)", unit="kWh", **hour))
    site.run(0, 7210, cold=lambda t_s: t_s // 600)
    first, second = site.records("used")
    assert (first.start_ms, first.value, first.reason) == (0, None, "too_early")
    assert (second.start_ms, second.value) == (3_600_000, 6)  # moves at 3600, 4200 … 6600


# -- virtual meters


def test_a_sum_of_meters_begins_at_0_and_counts_what_both_move() -> None:
    site = Site(COLD, OTHER, SUM)
    site.run(0, 130, cold=lambda t_s: 5000 + t_s // 10, other=lambda t_s: 80 + t_s // 20)
    assert site.value("sum") == (12 + 6, "")
    assert [record.increment for record in site.records("sum")] == [5 + 2, 6 + 3]


def test_increments_of_records_add_up_to_the_index() -> None:
    site = Site(COLD, OTHER, SUM)
    site.run(0, 610, cold=lambda t_s: t_s * 0.1, other=lambda t_s: t_s * 0.3)
    last = site.records("sum")[-1]
    assert round(sum(record.increment or 0 for record in site.records("sum")), 9) == last.value


def test_an_exchanged_meter_does_not_move_the_sum() -> None:
    site = Site(COLD, OTHER, SUM)
    site.run(0, 120, cold=900, other=50)
    site.run(120, 240, cold=3, other=50)  # a new meter
    site.run(240, 310, cold=5, other=50)
    assert site.value("sum")[0] == 2
    assert "meter_changed" not in [event.kind for event in site.rig.events if event.point == "sum"]


def test_a_rollover_counts_on() -> None:
    site = Site(point("cold", "counter", "kWh", wrap=1000), OTHER, SUM)
    site.run(0, 60, cold=998, other=50)
    site.run(60, 130, cold=1, other=50)
    assert site.value("sum")[0] == 3


def test_a_meter_without_a_value_gives_none_and_what_it_moved_meanwhile_comes_after() -> None:
    site = Site(COLD, OTHER, SUM)
    site.run(0, 60, cold=10, other=50)
    site.run(60, 120, cold=None, other=51)
    assert site.value("sum") == (None, "input_bad:cold")
    site.run(120, 190, cold=17, other=51)
    assert site.value("sum")[0] == 8


def test_a_difference_that_goes_back_holds_its_index_and_says_so() -> None:
    site = Site(COLD, OTHER, LESS)
    site.run(0, 60, cold=100, other=10)
    site.run(60, 120, cold=110, other=10)
    site.run(120, 180, cold=110, other=14)
    assert site.value("less") == (10, "held_back")
    assert site.records("less")[-1].quality == GOOD or site.records("less")[-1].reason == "held_back"
    site.run(180, 240, cold=120, other=14)
    assert site.value("less") == (16, "")
    assert "index_held" not in site.rig.kinds()
    assert "meter_changed" not in site.rig.kinds()


def test_a_difference_that_stays_behind_is_journaled_once() -> None:
    site = Site(COLD, OTHER, LESS)
    site.run(0, 60, cold=100, other=10)
    site.run(60, 2400, cold=100, other=lambda t_s: 10 + t_s // 60)
    assert [event.values for event in site.rig.events if event.kind == "index_held"] == [{"index": 0, "u": "kWh"}]


def test_factors_and_units_of_a_virtual_meter() -> None:
    site = Site(point("gas", "counter", "m3"), point("el", "counter", "Wh"),
                made("energy", "gas * 11.2 [kWh/m3] + el", "counter", "kWh"))  # fmt: skip
    site.run(0, 60, gas=5, el=1000)
    site.run(60, 120, gas=7, el=3500)
    assert site.value("energy")[0] == pytest.approx(22.4 + 2.5)


def test_after_a_clean_stop_a_virtual_meter_goes_on_where_it_stood() -> None:
    site = Site(COLD, OTHER, SUM)
    site.run(0, 100, cold=lambda t_s: 500 + t_s // 10, other=80)
    site.rig.close(100)
    assert site.records("sum")[-1].value == 9
    again = site.restart(now_s=5)
    again.run(5, 75, cold=512, other=81)  # 3 while it was off, and 1
    assert again.value("sum") == (13, "")


def test_after_a_power_cut_it_counts_neither_twice_nor_back() -> None:
    site = Site(COLD, OTHER, SUM)
    site.run(0, 100, cold=lambda t_s: 500 + t_s // 10, other=80)
    again = site.restart(now_s=5, power_cut=True)  # the period was open: its records were never made
    again.run(5, 135, cold=512, other=80)
    assert again.value("sum")[0] == 12
    increments = [record.increment or 0 for record in (*site.records("sum"), *again.records("sum"))]
    assert sum(increments) == 12
    assert again.records("sum")[0].reason == "power_cut"


def test_on_a_new_box_it_goes_on_from_the_index_that_the_backup_holds() -> None:
    site = Site(COLD, OTHER, SUM)
    site.run(0, 120, cold=lambda t_s: 500 + t_s, other=80)
    kept = {name: value for name, value in site.rig.registers.items() if name.startswith("counter/")}
    again = Site(COLD, OTHER, SUM, now_s=5, saved=kept)
    again.run(5, 65, cold=610, other=80)
    again.run(65, 125, cold=613, other=80)
    assert again.value("sum") == (113, "")


def test_a_virtual_meter_whose_input_is_another_one() -> None:
    site = Site(COLD, OTHER, SUM, made("double", "sum * 2", "counter", "kWh"))
    site.run(0, 70, cold=100, other=80)
    site.run(70, 130, cold=103, other=81)
    assert site.value("double")[0] == 8


READINGS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["", "", "", "", "stop", "cut", "exchange"])),
    min_size=1,
    max_size=12,
)


@given(READINGS)
def test_a_sum_equals_what_its_meters_moved_through_stops_cuts_and_exchanges(steps: list[tuple[int, int, str]]) -> None:
    site, at_s = Site(COLD, OTHER, SUM), 0
    shown = [1000, 50]
    site.run(0, 60, cold=shown[0], other=shown[1])
    moved, at_s = 0, 60
    for first, second, what in steps:
        if what in {"stop", "cut"}:
            if what == "stop":
                site.rig.close(at_s)
            site = site.restart(now_s=7, power_cut=what == "cut")
            at_s = 7
        elif what == "exchange":
            shown[0] = 0
            site.run(at_s, at_s + PERIOD_S, cold=shown[0], other=shown[1])
            at_s += PERIOD_S
        shown[0] += first
        shown[1] += second
        moved += first + second
        site.run(at_s, at_s + 60, cold=shown[0], other=shown[1])
        at_s += 60
    assert site.value("sum")[0] == moved


# -- what is remembered


def test_power_of_an_index() -> None:
    site = Site(point("el", "counter", "Wh"), made("p", "rate(el)", unit="W"))
    site.run(0, 130, el=lambda t_s: t_s // 60 * 10)
    assert site.value("p")[0] == pytest.approx(600, rel=0.2)


def test_a_rate_is_not_known_before_two_moves_and_survives_an_exchange() -> None:
    site = Site(point("el", "counter", "Wh"), made("p", "rate(el)", unit="W"))
    site.run(0, 10, el=7)
    assert site.value("p") == (None, "too_early")
    site.run(10, 300, el=lambda t_s: 100 + t_s)
    site.run(300, 400, el=lambda t_s: t_s - 300)  # another meter, as fast
    assert site.value("p")[0] == pytest.approx(3600, rel=0.15)


def test_energy_of_a_power_and_its_restart() -> None:
    spec = made("e", "integral(p)", "counter", "kWh")
    site = Site(point("p", unit="W"), spec)
    site.run(0, 3610, p=1000)
    assert site.value("e")[0] == pytest.approx(1.0, rel=0.01)
    before = site.value("e")[0]
    again = site.restart(now_s=5, power_cut=True)
    again.run(5, 25, p=1000)
    assert before <= again.value("e")[0] < before + 0.02
    assert "meter_changed" not in again.rig.kinds()


def test_missing_power_is_not_taken_for_0_energy_nor_bridged() -> None:
    site = Site(point("p", unit="W"), made("e", "integral(p)", "counter", "Wh"))
    site.run(0, 600, p=3600)
    site.run(600, 1200, p=None)
    assert site.value("e") == (None, "input_bad:p")
    site.run(1200, 1810, p=3600)
    assert site.value("e")[0] == pytest.approx(1190, abs=15)  # 600 s + 600 s of 1 Wh/s


def test_run_hours_of_a_state() -> None:
    site = Site(point("pump", "state", words=("off", "on")), made("h", 'integral(pump == "on")', "counter", "h"))
    site.run(0, 1800, pump=1)
    site.run(1800, 3610, pump=0)
    assert site.value("h")[0] == pytest.approx(0.5, abs=0.01)


# -- order


def test_a_cycle_is_told_with_its_path() -> None:
    with pytest.raises(CycleError) as caught:
        ordered({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]})
    assert caught.value.path == ["a", "b", "c", "a"]
    with pytest.raises(CycleError):
        ordered({"a": ["a"]})


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefgh"), max_size=3)))
def test_inputs_stand_before_what_is_made_of_them(inputs: dict[str, list[str]]) -> None:
    ring: list[str] = []
    found: list[str] = []
    try:
        found = ordered(inputs)
    except CycleError as exc:
        ring = exc.path
    assert all(after in inputs[before] for before, after in itertools.pairwise(ring))
    assert bool(ring) != (sorted(found) == sorted(inputs)) or not inputs
    for name in found:
        assert all(found.index(other) < found.index(name) for other in inputs.get(name, []) if other in inputs)


def test_a_site_without_calculated_points_has_nothing_to_do() -> None:
    part = Site(FLOW).rig.engine.part(calculated.Calculated)
    assert part.due_ms == float("inf")
    assert (part.registers(), part.saved()) == ({}, {})


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(calculated).failed == 0


def test_specs_of_the_rig_are_points() -> None:
    assert isinstance(FLOW, PointSpec)
