"""Rows out of history: what is missing is a row and never a 0, sums are those of the index, nothing is kept."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.export_rows import PAGE, Row, Wanted, record_rows
from edge.core.export_steps import step_rows
from edge.core.export_tally import Tally, TrustRange
from edge.core.facts import PointFacts
from edge.core.moments import span
from edge.core.series import HistoryRecord, PointInfo
from edge.core.steps import step
from hal.sample import BAD, UNCERTAIN, Kind
from tests.memory_history import MemoryHistory

PARIS = ZoneInfo("Europe/Paris")
T0 = 1_795_132_800_000  # 2026-11-20T00:00Z
MINUTE = 60_000
HOUR = 3_600_000
DAY = 86_400_000


def gauge(t_ms: int, value: float | None, dt_ms: int = MINUTE, reason: str = "") -> HistoryRecord:
    quality = BAD if value is None else UNCERTAIN if reason else 0
    return HistoryRecord(t_ms, dt_ms, value, quality, reason, trust="ntp")


def rows(
    records: list[HistoryRecord], from_ms: int, to_ms: int, by: str = "", kind: Kind = "gauge",
    facts: PointFacts | None = None,
) -> list[Row]:  # fmt: skip
    past = MemoryHistory(PARIS)
    past.add("p", kind, "Cel", records)
    info = past.points()[0] if records else PointInfo("p", kind, "Cel", to_ms, to_ms)
    wanted = Wanted(info, from_ms, to_ms, facts)
    return list(step_rows(past, wanted, step(by), PARIS) if by else record_rows(past, wanted))


def brief(found: list[Row], since: int = T0) -> list[tuple[float, float, object, str, str]]:
    return [((r.t_ms - since) / MINUTE, r.dt_ms / MINUTE, r.value, r.quality, r.reason) for r in found]


def test_records_come_as_stored_and_a_hole_between_them_is_one_row_without_value() -> None:
    found = rows([gauge(T0, -18.5), gauge(T0 + MINUTE, None, reason="crc"), gauge(T0 + 5 * MINUTE, 1e-7)], T0, T0 + DAY)
    assert brief(found) == [
        (0, 1, -18.5, "good", ""),
        (1, 1, None, "bad", "crc"),
        (2, 3, None, "bad", "missing"),
        (5, 1, 1e-7, "good", ""),
    ]
    assert found[1].bad_ms == MINUTE
    assert (found[2].bad_ms, found[2].covered_ms) == (0, 0)


def test_a_clock_that_moves_by_some_milliseconds_makes_no_hole_and_an_overlap_makes_none_either() -> None:
    shifted = [gauge(T0, 1.0), gauge(T0 + MINUTE + 400, 2.0), gauge(T0 + 2 * MINUTE - 300, 3.0)]
    assert [row.reason for row in rows(shifted, T0, T0 + HOUR)] == ["", "", ""]


def test_a_hole_of_one_short_record_is_seen() -> None:
    found = rows([gauge(T0, 1.0, 100), gauge(T0 + 200, 2.0, 100)], T0, T0 + HOUR)
    assert [(row.t_ms - T0, row.dt_ms, row.reason) for row in found] == [
        (0, 100, ""),
        (100, 100, "missing"),
        (200, 100, ""),
    ]


def test_what_a_range_cuts_off_is_missing_only_where_no_earlier_record_reaches_into_it() -> None:
    hourly = [gauge(T0, 1.0, HOUR), gauge(T0 + 3 * HOUR, 2.0, HOUR)]
    assert brief(rows(hourly, T0 + 30 * MINUTE, T0 + 4 * HOUR)) == [
        (60, 120, None, "bad", "missing"),
        (180, 60, 2.0, "good", ""),
    ]
    assert brief(rows(hourly, T0 + 90 * MINUTE, T0 + 100 * MINUTE)) == [(90, 10, None, "bad", "missing")]
    assert rows(hourly, T0 + 10 * MINUTE, T0 + 50 * MINUTE, facts=PointFacts("p", "gauge", record_ms=HOUR)) == []


def test_before_its_first_record_a_point_did_not_exist_and_is_not_missing() -> None:
    assert brief(rows([gauge(T0, 1.0)], T0 - DAY, T0 + HOUR)) == [(0, 1, 1.0, "good", "")]
    assert rows([], T0, T0 + DAY) == []


def test_after_the_last_record_time_is_missing_once_a_record_is_overdue_but_not_for_a_point_that_is_gone() -> None:
    facts = PointFacts("p", "gauge", record_ms=MINUTE)
    assert len(rows([gauge(T0, 1.0)], T0, T0 + 2 * MINUTE, facts=facts)) == 1
    assert brief(rows([gauge(T0, 1.0)], T0, T0 + HOUR, facts=facts))[1:] == [(1, 59, None, "bad", "missing")]
    assert len(rows([gauge(T0, 1.0)], T0, T0 + HOUR)) == 1


def test_a_deadband_saves_nothing_while_nothing_moves_and_that_is_no_hole() -> None:
    facts = PointFacts("p", "gauge", record_ms=MINUTE, held_ms=HOUR, deadband=0.5)
    quiet = [gauge(T0, 1.0), gauge(T0 + HOUR, 1.0), gauge(T0 + 3 * HOUR, 1.0)]
    assert [
        (row.t_ms - T0) / MINUTE for row in rows(quiet, T0, T0 + 4 * HOUR, facts=facts) if row.reason == "missing"
    ] == [61]
    assert [row.reason for row in rows(quiet, T0, T0 + 4 * HOUR)].count("missing") == 2
    bad = [gauge(T0, None, reason="crc"), gauge(T0 + HOUR, 1.0)]
    assert [row.reason for row in rows(bad, T0, T0 + 2 * HOUR, facts=facts)] == ["crc", "missing", ""]


def test_a_gauges_single_reading_is_its_mean_and_extremes_too() -> None:
    row = rows([gauge(T0, -3.25)], T0, T0 + HOUR)[0]
    assert (row.mean, row.low, row.high) == (-3.25, -3.25, -3.25)
    zero = HistoryRecord(T0, MINUTE, 5.0, mean=0.0, low=-5.0, high=5.0, count=3)
    row = rows([zero], T0, T0 + HOUR)[0]
    assert (row.mean, row.low, row.high) == (0.0, -5.0, 5.0)


def test_all_records_pass_page_by_page() -> None:
    past = MemoryHistory()
    past.add("p", "gauge", "Cel", [gauge(T0 + n * 1000, float(n), 1000) for n in range(2 * PAGE + 7)])
    found = record_rows(past, Wanted(past.points()[0], T0, T0 + DAY))
    assert len(list(islice(found, 10))) == 10
    assert past.asked == [PAGE]  # the rest is not read before it is asked for
    assert [row.value for row in found] == [float(n) for n in range(10, 2 * PAGE + 7)]
    assert max(past.asked) == PAGE


def test_an_unknown_point_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        list(record_rows(MemoryHistory(), Wanted(PointInfo("q", "gauge", "", T0, T0 + 1), T0, T0 + DAY)))


# -- steps


def test_each_step_has_a_row_also_before_between_and_after_the_records() -> None:
    found = rows(
        [gauge(T0 + 12 * MINUTE, 1.0, 2 * MINUTE), gauge(T0 + 40 * MINUTE, None, reason="crc")], T0, T0 + HOUR, "10m"
    )
    assert brief(found) == [
        (0, 10, None, "bad", "missing"),
        (10, 10, 1.0, "uncertain", "partial"),
        (20, 10, None, "bad", "missing"),
        (30, 10, None, "bad", "missing"),
        (40, 10, None, "bad", "no_value"),
        (50, 10, None, "bad", "missing"),
    ]
    assert all(row.mean is None and row.increment is None for row in found if row.value is None)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
@pytest.mark.parametrize(("by", "of_day"), [("1h", 1.0), ("10m", 1 / 6), ("1d", 24.0)])
def test_a_day_of_a_clock_change_is_whole_at_every_step(day: str, hours: int, by: str, of_day: float) -> None:
    whole = span(day, 0, PARIS)
    records = [gauge(t_ms, 20.0) for t_ms in range(whole.start_ms, whole.end_ms, MINUTE)]
    found = rows(records, whole.start_ms, whole.end_ms, by)
    assert len(found) == (1 if by == "1d" else round(hours / of_day))
    assert all((row.value, row.quality, row.mean, row.covered_ms) == (20.0, "good", 20.0, row.dt_ms) for row in found)
    assert sum(row.dt_ms for row in found) == hours * HOUR


@pytest.mark.parametrize("by", ["6h", "1w", "1y"])
def test_steps_put_together_from_hours_days_and_months_say_the_same_as_the_records(by: str) -> None:
    values = [0.1 * (n % 7) - 0.3 for n in range(24 * 9)]
    records = [gauge(T0 + n * HOUR, round(value, 1), HOUR) for n, value in enumerate(values)]
    found = rows(records, T0, T0 + 9 * DAY, by)
    length = step(by)
    for row in found:
        inside = [r for r in records if length.bounds(r.t_ms, PARIS)[0] == row.t_ms]
        assert row.count == len(inside)
        if inside:
            mean = sum(r.value for r in inside if isinstance(r.value, float)) / len(inside)
            assert row.mean == pytest.approx(mean, abs=1e-9)
            assert (row.low, row.high, row.value) == (
                min(r.value for r in inside), max(r.value for r in inside), inside[-1].value,
            )  # fmt: skip


def counted(increments: list[int], weight: Decimal) -> list[HistoryRecord]:
    index = Decimal("14253.681")
    found = []
    for n, pulses in enumerate(increments):
        index += pulses * weight
        found.append(HistoryRecord(T0 + n * MINUTE, MINUTE, float(index), increment=float(pulses * weight)))
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=200), st.sampled_from(["0.001", "0.1", "1", "0.25"]),
    st.sampled_from(["", "1m", "10m", "1h", "1d", "1mo", "6h"]),
)  # fmt: skip
def test_the_increments_of_a_table_add_up_to_the_difference_of_the_indexes(
    increments: list[int], weight: str, by: str
) -> None:
    records = counted(increments, Decimal(weight))
    found = rows(records, T0, T0 + len(records) * MINUTE, by, "counter")
    total = sum(Decimal(repr(row.increment)) for row in found if row.increment is not None)
    first, last = (
        Decimal(repr(records[0].value)) - Decimal(repr(records[0].increment)),
        Decimal(repr(records[-1].value)),
    )
    assert total == last - first


def test_records_longer_than_the_step_stand_in_each_step_they_cover_and_count_once() -> None:
    facts = PointFacts("p", "counter", record_ms=HOUR)
    hourly = [HistoryRecord(T0 + n * HOUR, HOUR, 10.0 + n, increment=1.0) for n in (0, 1, 3)]
    for known in (facts, None):
        found = rows(hourly, T0, T0 + 4 * HOUR, "30m", "counter", known)
        assert [(row.value, row.reason) for row in found] == [
            (10.0, ""), (10.0, "held"), (11.0, ""), (11.0, "held"),
            (None, "missing"), (None, "missing"), (13.0, ""), (13.0, "held"),
        ]  # fmt: skip
        assert sum(row.increment or 0 for row in found) == 3.0


def test_a_quiet_deadband_is_held_and_never_missing() -> None:
    facts = PointFacts("p", "gauge", record_ms=MINUTE, held_ms=HOUR, deadband=0.5)
    found = rows([gauge(T0, -2.0), gauge(T0 + HOUR, -2.0)], T0, T0 + 4 * HOUR, "30m", facts=facts)
    assert [(row.value, row.mean, row.reason) for row in found] == [
        (-2.0, -2.0, ""), (-2.0, -2.0, "held"), (-2.0, -2.0, ""), (-2.0, -2.0, "held"), (-2.0, -2.0, "held"),
        (None, None, "missing"), (None, None, "missing"), (None, None, "missing"),
    ]  # fmt: skip


def test_a_state_says_how_long_it_was_on_and_how_often_it_changed() -> None:
    records = [
        HistoryRecord(T0, MINUTE, 1),
        HistoryRecord(T0 + MINUTE, MINUTE, 0, duration_ms=20_000, changes=1),
        HistoryRecord(T0 + 2 * MINUTE, MINUTE, None, BAD, "no_answer"),
    ]
    found = rows(records, T0, T0 + 10 * MINUTE, kind="state")
    assert [(row.on_ms, row.changes) for row in found] == [(MINUTE, 0), (20_000, 1), (None, None)]
    hour = rows(records, T0, T0 + 10 * MINUTE, "10m", "state")[0]
    assert (hour.value, hour.on_ms, hour.changes, hour.bad_ms) == (0, 100_000, 1, MINUTE)


def test_a_point_that_had_another_unit_is_read_only_in_its_own_time() -> None:
    past = MemoryHistory(PARIS)
    past.add("p", "gauge", "bar", [gauge(T0 + n * MINUTE, float(n)) for n in range(120)])
    old = PointInfo("p", "gauge", "bar", T0, T0 + HOUR)
    new = PointInfo("p", "gauge", "hPa", T0 + HOUR, T0 + 2 * HOUR)
    facts = PointFacts("p", "gauge", "hPa", record_ms=MINUTE)
    for info, known, expected in ((old, None, range(60)), (new, facts, range(60, 120))):
        wanted = Wanted(info, T0, T0 + 2 * HOUR, known, is_part=True)
        assert [row.value for row in record_rows(past, wanted)] == [float(n) for n in expected]
        steps = list(step_rows(past, wanted, step("1h"), PARIS))
        assert [row.value for row in steps if row.value is not None] == [float(expected[-1])]
        assert len(steps) == 2


# -- what is said of a table as a whole


def test_the_clocks_that_dated_the_records_are_ranges_in_order_of_time_whatever_the_order_of_points() -> None:
    tally = Tally()
    made = [HistoryRecord(T0 + n * MINUTE, MINUTE, 1.0, trust="tic" if n < 90 else "ntp") for n in range(240)]
    past = MemoryHistory()
    for point in ("a", "b"):
        past.add(point, "gauge", "", made if point == "a" else made[:100])
    for info in past.points():
        for _ in tally.counted(record_rows(past, Wanted(info, T0, T0 + DAY))):
            pass
    assert tally.trust() == [
        TrustRange("tic", T0, T0 + 90 * MINUTE), TrustRange("ntp", T0 + 90 * MINUTE, T0 + 240 * MINUTE),
    ]  # fmt: skip
    assert (tally.rows, tally.without_value) == (340, {})
    assert Tally().trust() == []
