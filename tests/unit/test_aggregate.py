"""Sums of records: joined in any order they are the sum of all, and they fit the calendar of the site."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.aggregate import Sum, as_period, joined, on_ms, periods, sum_of, summed
from edge.core.calendar import DAY_MS, HOUR_MS, bounds_ms
from edge.core.series import HistoryRecord
from hal.sample import BAD, UNCERTAIN, Kind
from tests.support import about

PARIS = ZoneInfo("Europe/Paris")
T0 = 1_795_165_200_000


def utc_ms(text: str, zone: ZoneInfo = PARIS) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def hours_of(day: str, increment: float = 0.5) -> list[HistoryRecord]:
    """Return a counter's records of a minute over a local day, from an index of 1000."""
    begin_ms, end_ms = bounds_ms(utc_ms(day), "day", PARIS)
    return [
        HistoryRecord(t_ms, 60_000, round(1000 + (number + 1) * increment, 9), increment=increment)
        for number, t_ms in enumerate(range(begin_ms, end_ms, 60_000))
    ]


def test_a_gauge_has_mean_by_time_and_says_when_it_was_lowest_and_highest() -> None:
    made = summed(
        [
            HistoryRecord(T0, 60_000, 20.0, mean=21.0, low=18.0, high=24.0, count=60),
            HistoryRecord(T0 + 60_000, 120_000, 30.0, UNCERTAIN, "partial"),
            HistoryRecord(T0 + 180_000, 60_000, None, BAD, "no_answer", 0),
        ],
        "gauge", T0, T0 + HOUR_MS,
    )  # fmt: skip
    assert made.mean == about((21.0 * 60 + 30.0 * 120) / 180, 1e-12)
    assert (made.low, made.low_ms, made.high, made.high_ms) == (18.0, T0, 30.0, T0 + 60_000)
    assert (made.records, made.covered_ms, made.uncertain_ms, made.bad_ms) == (3, 180_000, 120_000, 60_000)
    assert (made.first, made.last, made.increment, made.on_ms) == (20.0, 30.0, None, None)


def test_a_period_without_a_value_has_no_figures_and_never_a_zero() -> None:
    bad = [HistoryRecord(T0, 60_000, None, BAD, "no_answer", 0)]
    for kind in ("gauge", "counter", "state", "text"):
        made = summed(bad, kind, T0, T0 + HOUR_MS)  # type: ignore[arg-type]
        figures = msgspec.structs.astuple(made)
        assert figures[:6] == (T0, T0 + HOUR_MS, 1, 0, 0, 60_000)
        assert set(figures[6:]) == {None}
        assert set(msgspec.structs.astuple(summed([], kind, T0, T0 + HOUR_MS))[2:]) == {0, None}  # type: ignore[arg-type]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-21", 24)])
def test_hours_of_a_counter_add_up_to_its_day_also_when_the_clocks_change(day: str, hours: int) -> None:
    records = hours_of(day)
    by_hour = list(periods(records, "counter", "hour", PARIS))
    (whole,) = periods(records, "counter", "day", PARIS)
    assert len(by_hour) == hours
    assert whole.end_ms - whole.t_ms == hours * HOUR_MS == whole.covered_ms
    assert sum(period.increment or 0 for period in by_hour) == whole.increment == 30.0 * hours
    first, last = records[0].value, records[-1].value
    assert isinstance(first, float)
    assert isinstance(last, float)
    assert whole.increment == about(last - first + 0.5, 1e-9)


def test_a_record_longer_than_the_period_is_not_put_into_it() -> None:
    day_ms = utc_ms("2026-10-25")
    daily = HistoryRecord(day_ms, 25 * HOUR_MS, 12.5, increment=12.5)
    assert list(periods([daily], "counter", "hour", PARIS)) == []
    assert next(periods([daily], "counter", "day", PARIS)).increment == 12.5
    assert summed([daily], "counter", day_ms, day_ms + HOUR_MS).records == 0


def test_increments_of_a_tenth_add_up_exactly() -> None:
    records = [HistoryRecord(T0 + at * 1000, 1000, round(at * 0.1, 9), increment=0.1) for at in range(3000)]
    assert summed(records, "counter", T0, T0 + HOUR_MS).increment == 300.0


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (HistoryRecord(T0, 60_000, 1, duration_ms=20_000, changes=1), 20_000),
        (HistoryRecord(T0, 60_000, 0, duration_ms=20_000, changes=1), 40_000),
        (HistoryRecord(T0, 60_000, 1), 60_000),
        (HistoryRecord(T0, 60_000, 0), 0),
        (HistoryRecord(T0, 60_000, 0, duration_ms=70_000), 0),
    ],
)
def test_a_state_knows_how_long_it_was_not_0(record: HistoryRecord, expected: int) -> None:
    assert on_ms(record) == expected
    assert summed([record], "state", T0, T0 + HOUR_MS).on_ms == expected


def test_records_that_overlap_cover_no_more_than_the_period() -> None:
    records = [HistoryRecord(T0 + at, HOUR_MS, 1.0) for at in (0, 1, 2)]
    made = as_period(sum_of(records, "gauge"), T0, T0 + HOUR_MS)
    assert (made.covered_ms, made.bad_ms, made.records) == (HOUR_MS, 0, 3)


KINDS = st.sampled_from(["gauge", "counter", "state", "text"])


@st.composite
def records_of_a_kind(draw: st.DrawFn) -> tuple[Kind, list[HistoryRecord]]:
    kind: Kind = draw(KINDS)
    made = []
    for t_ms in draw(st.lists(st.integers(0, 10_000), max_size=12)):
        value = draw(st.none() | (st.text(max_size=3) if kind == "text" else st.integers(-9, 9)))
        increment = draw(st.none() | st.integers(-5, 5)) if kind == "counter" else None
        quality = BAD if value is None else draw(st.sampled_from([0, UNCERTAIN]))
        made.append(HistoryRecord(t_ms, draw(st.integers(1, 500)), value, quality, increment=increment))
    return kind, sorted(made, key=lambda record: record.t_ms)


@given(records_of_a_kind(), st.integers(0, 12))
def test_a_sum_of_parts_is_the_sum_of_the_whole(found: tuple[Kind, list[HistoryRecord]], cut: int) -> None:
    kind, records = found
    whole = sum_of(records, kind)
    assert joined(sum_of(records[:cut], kind), sum_of(records[cut:], kind)) == whole
    assert joined(whole, Sum()) == joined(Sum(), whole) == whole


@given(
    st.integers(0, 4_000_000_000_000),
    st.sampled_from(["hour", "day", "week", "month", "year", 1, 1000, 600_000, 900_000, 1_800_000, DAY_MS]),
    st.sampled_from(["Europe/Paris", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]),
)
def test_calendar_periods_follow_each_other_without_hole(t_ms: int, step: str | int, zone: str) -> None:
    zone_info = ZoneInfo(zone)
    begin_ms, end_ms = bounds_ms(t_ms, step, zone_info)  # type: ignore[arg-type]
    assert begin_ms <= t_ms < end_ms
    assert bounds_ms(begin_ms, step, zone_info) == (begin_ms, end_ms)  # type: ignore[arg-type]
    assert bounds_ms(end_ms - 1, step, zone_info) == (begin_ms, end_ms)  # type: ignore[arg-type]
    assert bounds_ms(end_ms, step, zone_info)[0] == end_ms  # type: ignore[arg-type]


def test_months_and_weeks_begin_where_people_say() -> None:
    noon = utc_ms("2026-03-31T12:00")
    assert bounds_ms(noon, "month", PARIS) == (utc_ms("2026-03-01"), utc_ms("2026-04-01"))
    assert bounds_ms(noon, "week", PARIS) == (utc_ms("2026-03-30"), utc_ms("2026-04-06"))
    assert bounds_ms(noon, "year", PARIS) == (utc_ms("2026-01-01"), utc_ms("2027-01-01"))
    assert bounds_ms(utc_ms("2026-12-31T23:59"), "month", PARIS)[1] == utc_ms("2027-01-01")
    assert bounds_ms(0, "month", UTC) == (0, 31 * DAY_MS)


@pytest.mark.parametrize("step", [0, -1, DAY_MS + 1, "fortnight", "minute"])
def test_a_step_that_is_none_is_refused(step: str | int) -> None:
    with pytest.raises(ValueError, match=f"a step of {step}"):
        bounds_ms(T0, step)  # type: ignore[arg-type]
