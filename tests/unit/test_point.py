"""The kinds of point: scaling, range, quality, periods, deadband, edges."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.types import PointSpec
from hal.sample import BAD, GOOD, UNCERTAIN, Sample
from tests.unit.rig import Rig, gauge, high, sample


def fine(**changes: Any) -> PointSpec:
    """Return a point whose records are its readings."""
    return gauge(record_ms=1000, **changes)


def counter(**changes: Any) -> PointSpec:
    return gauge(kind="counter", **changes)


def contact(**changes: Any) -> PointSpec:
    return gauge(kind="state", words=("open", "closed"), **changes)


# -- gauges


@pytest.mark.parametrize(
    ("scale", "offset", "raw", "value"),
    [
        (1.0, 0.0, 21.5, 21.5),
        (1.0, 0.0, 21, 21),
        (1.0, -40.0, 15, -25.0),
        (-0.5, 100.0, 50, 75.0),
        (0.625, -2.5, 12, 5.0),  # 4–20 mA to 0–10 bar
        (0.1, 0.0, 3, 0.3),
        (0.0625, 0.0, -400, -25.0),  # DS18B20 data sheet: 0xFE70
        (1.0, 0.0, 0, 0),
    ],
)
def test_a_reading_is_raw_times_scale_plus_offset(scale: float, offset: float, raw: float, value: float) -> None:
    rig = Rig(fine(scale=scale, offset=offset))
    rig.each_second(1, raw, raw)
    assert rig.engine.points["p"].value == value
    assert [(record.value, record.quality) for record in rig.records] == [(value, GOOD)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (math.nan, "not_a_number"),
        (math.inf, "not_a_number"),
        (-math.inf, "not_a_number"),
        (85.1, "out_of_range"),
        (-40.1, "out_of_range"),
        (10**400, "out_of_range"),
        ("21.5", "not_a_number"),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1.0000001])
def test_what_is_no_possible_measurement_is_bad_without_a_value(raw: Any, reason: str, scale: float) -> None:
    rig = Rig(fine(low=-40, high=85, scale=scale))
    rig.each_second(1, 20, raw, 20)
    point = rig.engine.points["p"]
    rig.tick(3.5)
    values = [(record.value, record.quality) for record in rig.records]
    assert values == [(pytest.approx(20), GOOD), (None, BAD)]
    assert rig.records[1].reason in ({reason} if scale == 1 else {reason, "not_a_number"})
    assert point.value == pytest.approx(20)


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf, 1e301, "x", None])
@pytest.mark.parametrize("kind", ["gauge", "counter", "state"])
def test_without_a_range_nothing_absurd_passes_either(kind: Any, raw: Any) -> None:
    rig = Rig(fine(kind=kind))
    rig.cycle(1, Sample("p", 1_000_000_000, raw, GOOD))
    assert (rig.engine.points["p"].value, rig.engine.points["p"].quality) == (None, BAD)
    rig.cycle(2, sample(2, 5))
    assert rig.engine.points["p"].value == 5


def test_the_bounds_of_the_range_are_possible() -> None:
    rig = Rig(fine(low=-40, high=85))
    rig.each_second(1, -40, 85, 20)
    assert [record.value for record in rig.records] == [-40, 85]


def test_a_bad_sample_that_brings_a_value_has_none() -> None:
    rig = Rig(fine())
    rig.cycle(1, Sample("p", 1_000_000_000, 85.0, BAD, "power_on_value"))
    rig.tick(4)
    assert rig.engine.points["p"].value is None
    assert (rig.records[0].value, rig.records[0].reason) == (None, "power_on_value")


def test_an_unknown_point_is_nobodys_business() -> None:
    rig = Rig(fine())
    rig.cycle(1, sample(1, 5, point="q"))
    assert rig.engine.points["p"].value is None


def test_unusable_readings_are_not_in_the_mean() -> None:
    rig = Rig(gauge(high=100))
    rig.each_second(0, 10, 20, 1e9, None, math.nan, 30, 20, 20, 20, 20, 20)
    (record,) = rig.records
    assert (record.mean, record.low, record.high, record.count) == (20, 10, 30, 7 + 0)
    assert (record.quality, record.reason) == (UNCERTAIN, "partial")


# -- periods


def test_a_record_as_long_as_the_sampling_period_is_a_reading() -> None:
    rig = Rig(fine(), now_s=9)
    rig.each_second(10, *range(20))
    assert rig.spans() == [(t * 1000, t * 1000 + 1000) for t in range(10, 29)]
    assert [record.value for record in rig.records] == list(range(19))
    assert all(record.count == 1 and record.mean is None for record in rig.records)


def test_a_missed_tick_is_one_bad_record() -> None:
    rig = Rig(fine())
    for t_s in (1, 2, 4, 5):
        rig.read(t_s, t_s)
    assert [(record.start_ms, record.value, record.reason) for record in rig.records] == [
        (1000, 1, ""),
        (2000, 2, ""),
        (3000, None, "stale"),
        (4000, 4, ""),
    ]


def test_a_bus_that_falls_silent_turns_stale_and_recovers() -> None:
    rig = Rig(gauge(stale_ms=5000))
    rig.each_second(1, *range(1, 10))
    rig.silence(10, 44)
    point = rig.engine.points["p"]
    assert (point.value, point.reason) == (None, "stale")
    rig.each_second(45, *[7] * 16)
    assert (point.value, point.quality) == (7, GOOD)
    assert [(record.value, record.reason) for record in rig.records] == [
        (9, ""),
        (None, "stale"),
        (None, "stale"),
        (None, "stale"),
        (7, "partial"),
        (7, ""),
    ]


def test_a_sleep_of_days_is_one_bad_record_and_no_long_work() -> None:
    rig = Rig(fine(), gauge(id="h", record_ms=3_600_000))
    rig.each_second(1, 5, 5)
    rig.read(10 * 86_400.5, 6)
    rig.read(10 * 86_400.5 + 1, 6)
    fine_records = [record for record in rig.records if record.point == "p"]
    assert [record.value for record in fine_records] == [5, 5, None, 6]
    assert fine_records[2].dt_ms == 864_002_000
    hourly = [record for record in rig.records if record.point == "h"]
    assert [(record.value, record.reason) for record in hourly] == [(None, "stale")] * 2


def test_after_a_gap_periods_are_on_the_calendar_again() -> None:
    rig = Rig(gauge(), gauge(id="h", record_ms=3_600_000))
    rig.each_second(1, 5)
    rig.read(95.5, 6)
    rig.read(100, 6)
    assert rig.spans() == [(0, 10_000), (10_000, 90_000), (90_000, 100_000)]


def test_nothing_is_said_of_the_rest_of_a_period_in_which_no_reading_was_due() -> None:
    rig = Rig(fine(), now_s=0.3)
    rig.each_second(1, 5, 5)
    assert rig.spans() == [(1000, 2000)]
    rig = Rig(gauge(), now_s=3)
    rig.each_second(4, *[5] * 7)
    assert rig.spans() == [(3000, 10_000)]


def test_a_point_that_never_answers_is_seen_from_the_start() -> None:
    rig = Rig(fine(stale_ms=3000))
    rig.silence(1, 10)
    assert [record.reason for record in rig.records] == ["stale"] * 7
    assert rig.spans()[0] == (1000, 2000)


def test_a_late_cycle_is_marked_and_shifts_nothing() -> None:
    rig = Rig(gauge())
    rig.each_second(1, *[20] * 9)
    rig.silence(10, 12)
    rig.cycle(5, sample(5, 99))  # the bus was blocked since
    rig.each_second(13, *[20] * 8)
    first, second = rig.records
    assert (first.start_ms, first.dt_ms, first.mean, first.high, first.quality) == (0, 10_000, 20, 20, GOOD)
    assert (second.start_ms, second.dt_ms, second.quality, second.reason) == (10_000, 10_000, UNCERTAIN, "late")


@pytest.mark.parametrize(("kind", "value"), [("state", 1), ("text", "HC..")])
def test_a_late_state_or_text_is_marked(kind: Any, value: Any) -> None:
    rig = Rig(gauge(kind=kind, record_ms=1000))
    rig.silence(1, 12)
    rig.cycle(5, sample(5, value))
    rig.read(13, value)
    assert [(record.value, record.reason) for record in rig.records if record.value is not None] == [(value, "late")]


def test_a_late_cycle_moves_a_counter_and_no_unconfirmed_one() -> None:
    rig = Rig(counter())
    rig.each_second(1, *[100] * 9)
    rig.silence(10, 12)
    rig.cycle(5, sample(5, 130, "unconfirmed"))
    rig.cycle(6, sample(6, 120))
    rig.cycle(7, sample(7, None, "crc"))
    rig.read(21, 125)
    assert [(record.value, record.increment, record.reason) for record in rig.records] == [
        (100, 0, ""),
        (120, 20, "late"),
    ]


def test_closing_ends_the_open_period_where_it_is() -> None:
    rig = Rig(gauge())
    rig.each_second(1, *[20] * 14)
    rig.close(14.25)
    assert rig.spans() == [(0, 10_000), (10_000, 14_250)]
    rig.close(14.25)
    assert len(rig.records) == 2


def test_closing_between_two_ticks_invents_no_fault() -> None:
    rig = Rig(fine())
    rig.each_second(1, 20, 20)
    rig.tick(3.2)
    rig.close(3.2)
    assert [record.value for record in rig.records] == [20, 20]


def test_the_first_record_with_a_value_after_a_power_cut_says_so() -> None:
    rig = Rig(counter(record_ms=1000), gauge(id="g", record_ms=1000), power_cut=True)
    rig.each_second(1, None, 5, 6, 7)
    kept = [record for record in rig.records if record.point == "p"]
    assert [(record.value, record.quality, record.reason) for record in kept] == [
        (None, BAD, "no_answer"),
        (5, UNCERTAIN, "power_cut"),
        (6, GOOD, ""),
    ]


# -- deadband and heartbeat


def saved(spec: PointSpec, *values: Any) -> list[Any]:
    """Return the values of the records that are kept of one reading a second."""
    rig = Rig(spec)
    rig.each_second(1, *values, 0)
    return [record.value for record in rig.records]


def test_a_slow_drift_is_kept_each_time_it_moved_by_the_deadband() -> None:
    drift = [20.0, 20.3, 20.6, 20.9, 21.2, 21.5]
    assert saved(fine(deadband=0.5, heartbeat_ms=10**9), *drift) == [20.0, 20.6, 21.2]
    assert saved(fine(deadband=0.5, heartbeat_ms=10**9), 20.0, 20.5, 21.0) == [20.0, 20.5, 21.0]


def test_a_value_that_rests_is_kept_at_the_heartbeat() -> None:
    rig = Rig(fine(deadband=0.5, heartbeat_ms=5000))
    rig.each_second(1, *[20.0] * 12)
    assert [record.start_ms for record in rig.records] == [1000, 6000, 11_000]


def test_bad_is_always_kept_and_so_is_the_first_value_after_it() -> None:
    assert saved(fine(deadband=5, heartbeat_ms=10**9), 20, 20, None, None, 20, 20) == [20, None, None, 20]
    rig = Rig(fine(deadband=5, heartbeat_ms=10**9))
    for t_s, why in enumerate(["", "", "late", "", "", ""], start=1):
        rig.read(t_s, 20, why)
    assert [record.reason for record in rig.records] == ["", "late", ""]


def test_a_peak_within_a_period_is_a_move() -> None:
    rig = Rig(gauge(deadband=5, heartbeat_ms=10**9))
    rig.each_second(0, *[20] * 10, *[20] * 5, 99, *[20] * 4, *[20] * 11)
    assert [(record.start_ms, record.high) for record in rig.records] == [(0, 20), (10_000, 99)]


def test_a_deadband_loses_nothing_of_a_counter() -> None:
    rig = Rig(counter(record_ms=1000, deadband=10, heartbeat_ms=10**9))
    rig.each_second(1, *range(100, 160, 4), 200)
    increments = [record.increment for record in rig.records]
    assert [record.value for record in rig.records] == [100, 112, 124, 136, 148]
    assert increments == [0, 12, 12, 12, 12]
    assert rig.registers["counter/p"]["pending"] == 156 + 44 - 148


def test_a_state_with_a_deadband_is_kept_when_it_changed() -> None:
    assert saved(contact(record_ms=1000, deadband=9, heartbeat_ms=10**9), 0, 0, 1, 1, 0) == [0, 1, 0]
    assert saved(gauge(kind="text", record_ms=1000, deadband=1, heartbeat_ms=10**9), "a", "a", "b", "b") == ["a", "b"]


# -- counters


def test_an_index_and_its_increments() -> None:
    rig = Rig(counter(scale=0.1))
    rig.each_second(1, *range(1000, 1021))
    assert [(record.value, record.increment, record.count) for record in rig.records] == [
        (100.8, 0.8, 9),
        (101.8, 1, 10),
    ]


def test_an_unconfirmed_register_moves_nothing() -> None:
    rig = Rig(counter(record_ms=1000), high(5000))
    rig.read(1, 100)
    rig.read(2, 9_000_000, "unconfirmed")
    point = rig.engine.points["p"]
    assert (point.value, point.quality, point.reason) == (9_000_000, UNCERTAIN, "unconfirmed")
    rig.each_second(3, 101, 102)
    assert [(record.value, record.increment, record.reason) for record in rig.records] == [
        (100, 0, ""),
        (None, None, "unconfirmed"),
        (101, 1, ""),
    ]
    assert rig.kinds() == []


def test_a_confirmed_reading_makes_up_for_an_unconfirmed_one() -> None:
    rig = Rig(counter())
    rig.read(1, 100, "unconfirmed")
    rig.each_second(2, *range(100, 109))
    assert [(record.value, record.increment, record.quality) for record in rig.records] == [(107, 7, GOOD)]


def test_a_rollover_is_an_event_and_no_jump() -> None:
    rig = Rig(counter(record_ms=1000, wrap=10**8))
    rig.each_second(1, 99_999_998, 3, 3)
    assert [(record.value, record.increment) for record in rig.records] == [(99_999_998, 0), (3, 5)]
    assert [(event.kind, event.values) for event in rig.events] == [
        ("counter_rollover", {"was": 99_999_998, "index": 3})
    ]


def test_another_meter_is_an_event_and_an_uncertain_period() -> None:
    rig = Rig(counter())
    rig.each_second(1, 5000, 5001, 3, 4, 5, 6, 7, 8, 9, 10)
    (record,) = rig.records
    assert (record.value, record.increment, record.quality, record.reason) == (9, 7, UNCERTAIN, "meter_changed")
    assert rig.kinds() == ["meter_changed"]


@pytest.mark.parametrize("raw", [-1, 100_000, 2_000_001])
def test_a_register_shows_only_what_it_can(raw: int) -> None:
    rig = Rig(counter(record_ms=1000, wrap=100_000, scale=0.5, high=10_000))
    rig.each_second(1, 500, raw, 501)
    assert [(record.value, record.reason) for record in rig.records] == [(250, ""), (None, "out_of_range")]
    rig.read(4, 20_001)
    assert rig.records[-1].increment == 0.5
    assert rig.engine.points["p"].reason == "out_of_range"  # above 10,000 after scaling


def test_lost_edges_are_said_of_the_whole_period() -> None:
    rig = Rig(counter(volatile=True))
    rig.read(1, 5)
    rig.read(2, 9, "lost_edges")
    rig.each_second(3, *[9] * 8)
    assert [(record.value, record.increment, record.reason) for record in rig.records] == [(9, 9, "lost_edges")]


def test_a_limit_on_an_index_follows_what_is_confirmed() -> None:
    rig = Rig(counter(scale=0.1), high(50))
    rig.read(1, 490)
    rig.read(2, 510, "unconfirmed")
    rig.read(3, 500)
    rig.read(4, 501)
    assert [(event.kind, event.at_ms, event.values["v"]) for event in rig.events] == [("alarm_begin", 4000, 50.1)]


# -- states


def test_an_edge_is_an_event_with_its_own_instant() -> None:
    rig = Rig(contact())
    rig.cycle(1, sample(1, 0))
    rig.cycle(2, sample(1.45, 1), sample(1.5, 0), sample(2, 0))
    assert [(event.kind, event.at_ms, event.values) for event in rig.events] == [
        ("state", 1450, {"v": 1, "was": 0, "word": "closed", "was_word": "open"}),
        ("state", 1500, {"v": 0, "was": 1, "word": "open", "was_word": "closed"}),
    ]
    rig.read(10, 0)
    (record,) = rig.records
    assert (record.value, record.changes, record.duration_ms) == (0, 2, 8950)  # known from 1 s on, 50 ms closed


@pytest.mark.parametrize("raw", [-1, 2, 0.5, 7, math.nan])
def test_a_state_without_a_word_is_bad(raw: float) -> None:
    rig = Rig(contact(record_ms=1000))
    rig.each_second(1, 1, raw, 1)
    assert [(record.value, record.quality) for record in rig.records] == [(1, GOOD), (None, BAD)]
    assert rig.records[1].reason == ("not_a_number" if math.isnan(raw) else "out_of_range")
    assert rig.kinds() == []


def test_an_edge_of_a_period_that_is_over_counts_from_the_open_one() -> None:
    rig = Rig(contact())
    rig.each_second(1, *[0] * 9)
    rig.cycle(10, sample(9.9, 1), sample(10, 1))
    rig.each_second(11, *[1] * 10)
    assert [event.at_ms for event in rig.events] == [9900]
    assert [(record.value, record.duration_ms, record.changes) for record in rig.records] == [
        (0, 9000, 0),
        (1, 10_000, 1),
    ]


def test_a_state_holds_no_longer_than_its_period() -> None:
    rig = Rig(contact())
    rig.cycle(9.99, sample(10.03, 1))  # read a little after its tick
    rig.cycle(10.99, sample(11.02, 1))
    assert [(record.start_ms, record.duration_ms) for record in rig.records] == [(0, 10)]
    rig = Rig(contact(record_ms=1000), now_s=0.3)
    rig.cycle(1, sample(0.1, 1))  # the edge was before the start
    rig.read(2, 1)
    assert [(record.dt_ms, record.duration_ms) for record in rig.records] == [(1000, 1000)]


def test_an_unconfirmed_state_is_no_edge() -> None:
    rig = Rig(contact())
    rig.read(1, 0)
    rig.read(2, 1, "unconfirmed")
    assert rig.kinds() == []
    assert rig.engine.points["p"].value == 1
    rig.read(3, 0)
    rig.read(10, 0)
    assert [(record.value, record.changes, record.duration_ms) for record in rig.records] == [(0, 0, 9000)]


def test_a_change_behind_a_fault_is_told_when_it_is_seen() -> None:
    rig = Rig(contact())
    rig.each_second(1, 0, None, None, 1, 1)
    assert [(event.kind, event.at_ms, event.values["was"]) for event in rig.events] == [("state", 4000, 0)]
    rig.each_second(6, None, 1)
    assert len(rig.events) == 1


def test_a_limit_on_a_state() -> None:
    rig = Rig(contact(), high(1.0, kind="equal", on_delay_ms=2000))
    rig.each_second(1, 0, 1, 0, 1, 1, 1, 1, 0)
    assert [(event.kind, event.at_ms) for event in rig.events if event.kind != "state"] == [
        ("alarm_begin", 6000),
        ("alarm_end", 8000),
    ]


# -- texts


def test_a_text_is_its_last_value() -> None:
    rig = Rig(gauge(kind="text"), high(kind="fault"))
    rig.each_second(1, "HC..", None, "", "HP..", 12, *["HP.."] * 5)
    (record,) = rig.records
    assert (record.value, record.quality, record.reason, record.count) == ("HP..", UNCERTAIN, "partial", 8)
    assert rig.kinds() == ["alarm_begin", "alarm_end"]


# -- any timing

steps = st.lists(
    st.tuples(
        st.integers(0, 4000),  # ms until the station looks again
        st.sampled_from(["read", "late", "bad", "tick", "clock", "unconfirmed"]),
        st.integers(-7_200_000, 7_200_000),
    ),
    max_size=60,
)


@given(steps, st.sampled_from([1000, 2000, 7000, 60_000]), st.sampled_from(["gauge", "counter", "state", "text"]))
def test_records_follow_each_other_without_hole_or_overlap(steps: Any, record_ms: int, kind: Any) -> None:
    rig = Rig(gauge(kind=kind, record_ms=record_ms, stale_ms=5000), now_s=1.234)
    now_ms = 1234
    for wait_ms, what, number in steps:
        now_ms += wait_ms
        if what == "clock":
            rig.engine.set_clock(number)
        elif what == "tick":
            rig.tick(now_ms / 1000)
        elif what == "bad":
            rig.cycle(now_ms / 1000, sample(now_ms / 1000, None, "crc"))
        else:
            t_ms = now_ms - number % 10_000 if what == "late" else now_ms
            why = what if what == "unconfirmed" else ""
            rig.cycle(t_ms / 1000, sample(t_ms / 1000, number % 2, why))
        rig.collect()
    rig.close(now_ms / 1000)
    spans = rig.spans()
    assert all(start < end for start, end in spans)
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    for record in rig.records:
        assert (record.value is None) == (record.quality == BAD)
        assert bool(record.reason) == (record.quality != GOOD)
        if record.duration_ms is not None:
            assert 0 <= record.duration_ms <= record.dt_ms
    if spans:
        assert spans[0][0] < 1234 + 1000 + record_ms
        assert spans[-1][1] <= now_ms
