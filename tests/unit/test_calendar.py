"""Periods on the calendar: multiples, local days, both days of a clock change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.calendar import DAY_MS, instant_ms, local_midnight_ms, next_local_midnight_ms, period_end_ms

PARIS = ZoneInfo("Europe/Paris")
HOUR_MS = 3_600_000


def utc_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def periods(first_ms: int, until_ms: int, length_ms: int, zone: ZoneInfo = PARIS) -> list[int]:
    """Return the lengths of the periods from one instant to another."""
    lengths = []
    while first_ms < until_ms:
        end_ms = period_end_ms(first_ms, length_ms, zone)
        lengths.append(end_ms - first_ms)
        first_ms = end_ms
    return lengths


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-21", 24), ("2026-12-31", 24), ("2028-02-29", 24)],
)
def test_a_day_of_paris_has_its_own_number_of_hours(day: str, hours: int) -> None:
    begin = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=PARIS)
    begin_ms = round(begin.timestamp() * 1000)
    end_ms = round((begin + timedelta(days=1)).timestamp() * 1000)
    assert periods(begin_ms, end_ms, HOUR_MS) == [HOUR_MS] * hours
    assert periods(begin_ms, end_ms, DAY_MS) == [hours * HOUR_MS]
    assert periods(begin_ms, end_ms, 600_000) == [600_000] * (hours * 6)


def test_the_last_period_of_a_day_ends_with_the_day() -> None:
    begin_ms = utc_ms("2026-03-29T00:00+01:00")
    end_ms = utc_ms("2026-03-30T00:00+02:00")
    assert periods(begin_ms, end_ms, 6 * HOUR_MS) == [6 * HOUR_MS] * 3 + [5 * HOUR_MS]
    assert periods(begin_ms, end_ms, 5 * HOUR_MS) == [5 * HOUR_MS] * 4 + [3 * HOUR_MS]


def test_an_instant_on_a_boundary_belongs_to_the_period_that_begins() -> None:
    assert period_end_ms(60_000, 60_000) == 120_000
    assert period_end_ms(59_999, 60_000) == 60_000
    midnight_ms = utc_ms("2026-06-21T00:00+02:00")
    assert period_end_ms(midnight_ms, DAY_MS, PARIS) == midnight_ms + DAY_MS
    assert period_end_ms(midnight_ms - 1, DAY_MS, PARIS) == midnight_ms


def test_a_clock_that_was_never_set_still_has_periods() -> None:
    assert period_end_ms(-1500, 1000) == -1000
    assert period_end_ms(0, HOUR_MS, PARIS) == HOUR_MS
    assert period_end_ms(-1, DAY_MS, PARIS) == utc_ms("1970-01-02T00:00+01:00")


def test_hours_of_a_zone_half_an_hour_off_begin_on_the_local_hour() -> None:
    marquesas = ZoneInfo("Pacific/Marquesas")  # UTC−09:30
    assert period_end_ms(utc_ms("2026-06-21T10:10-09:30"), HOUR_MS, marquesas) == utc_ms("2026-06-21T11:00-09:30")
    begin_ms = utc_ms("2026-06-21T00:00-09:30")
    assert periods(begin_ms, begin_ms + DAY_MS, HOUR_MS, marquesas) == [HOUR_MS] * 24


def test_a_day_whose_midnight_does_not_exist_begins_at_the_change() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # 2022-03-27: from 00:00 at once to 01:00
    day_begins_ms = utc_ms("2022-03-26T22:00+00:00")
    assert local_midnight_ms(day_begins_ms + 5 * HOUR_MS, beirut) == day_begins_ms
    assert next_local_midnight_ms(day_begins_ms, beirut) - day_begins_ms == 23 * HOUR_MS


@given(
    st.integers(min_value=utc_ms("2000-01-01T00:00+00:00"), max_value=utc_ms("2060-01-01T00:00+00:00")),
    st.sampled_from([100, 1000, 7000, 60_000, 600_000, 900_000, 1_800_000, HOUR_MS, 7 * HOUR_MS, DAY_MS]),
    st.sampled_from([UTC, PARIS, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe")]),
)
def test_a_period_ends_after_its_instant_and_all_of_it_ends_there(at_ms: int, length_ms: int, zone: ZoneInfo) -> None:
    end_ms = period_end_ms(at_ms, length_ms, zone)
    assert at_ms < end_ms <= at_ms + max(length_ms, 25 * HOUR_MS * (length_ms == DAY_MS))
    assert period_end_ms(end_ms - 1, length_ms, zone) == end_ms
    assert local_midnight_ms(at_ms, zone) <= at_ms < next_local_midnight_ms(at_ms, zone)


@pytest.mark.parametrize(
    ("text", "utc", "has_seconds"),
    [
        ("2026-11-21 14:05", "2026-11-21T13:05+00:00", False),
        (" 2026-06-21T14:05:30 ", "2026-06-21T12:05:30+00:00", True),
        ("2026-10-25 02:30", "2026-10-25T00:30+00:00", False),  # twice on that day: the first
        ("2026-10-25 02:30+01:00", "2026-10-25T01:30+00:00", False),
        ("2026-11-21 14:05Z", "2026-11-21T14:05+00:00", False),
        ("2026-11-21 14:05-09:30", "2026-11-21T23:35+00:00", False),
        ("2026-11-21 14:05:07-09:30", "2026-11-21T23:35:07+00:00", True),
        ("1969-12-31 23:00", "1969-12-31T22:00+00:00", False),
    ],
)
def test_what_a_person_writes_is_local_unless_it_says_its_offset(text: str, utc: str, has_seconds: bool) -> None:
    assert instant_ms(text, PARIS) == (utc_ms(utc), has_seconds)


@pytest.mark.parametrize(
    "text",
    ["", "noon", "14:05", "2026-11-21", "2026-02-30 10:00", "2026-11-21 25:00", "\x00", "0001-01-01 00:00",
     "9999-12-31 23:59-02:00"],
)  # fmt: skip
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="form"):
        instant_ms(text, PARIS)


@pytest.mark.parametrize("text", ["2026-03-29 02:30", "2026-03-29 02:00:00"])
def test_an_hour_that_the_clocks_skip_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no_such_time"):
        instant_ms(text, PARIS)
