"""Instants and steps as people write them: local time, days with 23 and 25 hours, what makes no sense is refused."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import moments, steps
from edge.core.moments import MomentError, local_ms, span
from edge.core.steps import StepError, step

PARIS = ZoneInfo("Europe/Paris")
HOUR_MS = 3_600_000
NOW_MS = 1_795_188_007_000  # 2026-11-20T16:20:07+01:00


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ("now", "2026-11-20T15:20:07", "2026-11-20T15:20:07"),
        ("today", "2026-11-19T23:00", "2026-11-20T23:00"),
        ("yesterday", "2026-11-18T23:00", "2026-11-19T23:00"),
        ("HIER", "2026-11-18T23:00", "2026-11-19T23:00"),
        ("tuesday", "2026-11-16T23:00", "2026-11-17T23:00"),
        ("last Tuesday 09:00", "2026-11-17T08:00", "2026-11-17T08:00"),
        ("mardi 9h", "2026-11-17T08:00", "2026-11-17T08:00"),
        ("yesterday 18:30", "2026-11-19T17:30", "2026-11-19T17:30"),
        ("today 7:05", "2026-11-20T06:05", "2026-11-20T06:05"),
        ("friday", "2026-11-19T23:00", "2026-11-20T23:00"),  # it is one
        ("last friday", "2026-11-12T23:00", "2026-11-13T23:00"),
        ("friday 16:00", "2026-11-20T15:00", "2026-11-20T15:00"),
        ("friday 17:00", "2026-11-13T16:00", "2026-11-13T16:00"),  # today's has not been yet
        ("-24h", "2026-11-19T15:20:07", "2026-11-19T15:20:07"),
        ("-90min", "2026-11-20T13:50:07", "2026-11-20T13:50:07"),
        ("-2w", "2026-11-06T15:20:07", "2026-11-06T15:20:07"),
        ("2026", "2025-12-31T23:00", "2026-12-31T23:00"),
        ("2026-12", "2026-11-30T23:00", "2026-12-31T23:00"),
        ("2028-02-29", "2028-02-28T23:00", "2028-02-29T23:00"),
        ("2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
        ("2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
        ("2026-11-20T10:00", "2026-11-20T09:00", "2026-11-20T09:00"),
        ("2026-11-20 10", "2026-11-20T09:00", "2026-11-20T09:00"),
        ("2026-11-20T10:00:00.25", "2026-11-20T09:00:00.250", "2026-11-20T09:00:00.250"),
        ("2026-11-20T10:00Z", "2026-11-20T10:00", "2026-11-20T10:00"),
        ("2026-11-20T10:00-0330", "2026-11-20T13:30", "2026-11-20T13:30"),
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30", "2026-10-25T01:30"),
    ],
)
def test_words_stand_for_an_instant_or_a_whole_day_month_or_year_of_the_site(words: str, start: str, end: str) -> None:
    found = span(words, NOW_MS, PARIS)
    assert (found.start_ms, found.end_ms, found.note) == (utc(start), utc(end), None)


def test_a_time_that_comes_twice_takes_the_wider_range_and_says_how_to_choose() -> None:
    found = span("2026-10-25T02:30", NOW_MS, PARIS)
    assert (found.start_ms, found.end_ms) == (utc("2026-10-25T00:30"), utc("2026-10-25T01:30"))
    assert found.note is not None
    assert found.note.key == "when.twice"
    assert span(found.note.values["first"], NOW_MS, PARIS).start_ms == found.start_ms
    assert span(found.note.values["last"], NOW_MS, PARIS).start_ms == found.end_ms


def test_a_time_that_clocks_skip_is_the_instant_at_which_they_skip_it() -> None:
    found = span("2026-03-29T02:30", NOW_MS, PARIS)
    assert (found.start_ms, found.end_ms) == (utc("2026-03-29T01:00"), utc("2026-03-29T01:00"))
    assert found.note is not None
    assert found.note.key == "when.skipped"


def test_a_midnight_that_clocks_skip_begins_the_day_where_they_skip_it() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # from 00:00 to 01:00
    found = span("2026-03-29", NOW_MS, beirut)
    assert (found.end_ms - found.start_ms) // HOUR_MS == 23
    assert local_ms(datetime(2026, 3, 29, 0, 0), beirut) == found.start_ms  # noqa: DTZ001


@pytest.mark.parametrize(
    "words",
    [
        *("", " ", "x", "24h", "-h", "--24h", "-1y", "-1234567d", "2026-13", "2026-02-30", "2026-2-3", "26-11-20"),
        *("2026-11-20T25:00", "2026-11-20T10:61", "2026-11-20T10:00+99:99", "1969-12-31", "9999", "20261120", "0000"),
        *(
            "2026-11-20T10:00:00.1234",
            "٢٠٢٦",
            "2026-11-20T",
            "tomorrow",
            "-1.5h",
            "2026-11-20T10:00Zz",
            "last today",
            "someday 9:00",
            "tuesday 9",
            "9:00",
        ),
    ],
)
def test_what_is_no_instant_is_refused_with_what_is_expected(words: str) -> None:
    with pytest.raises(MomentError) as refused:
        span(words, NOW_MS, PARIS)
    assert refused.value.text.key.startswith("when.")
    assert refused.value.text.values["words"] == words


@given(st.text(max_size=30))
def test_any_text_is_an_instant_or_refused(words: str) -> None:
    try:
        found = span(words, NOW_MS, PARIS)
    except MomentError:
        return
    assert found.start_ms <= found.end_ms


@pytest.mark.parametrize(
    ("words", "at", "start", "end"),
    [
        ("10s", "2026-11-20T15:20:07", "2026-11-20T15:20", "2026-11-20T15:20:10"),
        ("10m", "2026-11-20T15:20:07", "2026-11-20T15:20", "2026-11-20T15:30"),
        ("1h", "2026-10-25T00:30", "2026-10-25T00:00", "2026-10-25T01:00"),
        ("1h", "2026-10-25T01:30", "2026-10-25T01:00", "2026-10-25T02:00"),
        ("6h", "2026-11-20T15:20:07", "2026-11-20T11:00", "2026-11-20T17:00"),
        ("1d", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("24h", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("1w", "2026-10-25T12:00", "2026-10-18T22:00", "2026-10-25T23:00"),
        ("1mo", "2026-11-20T12:00", "2026-10-31T23:00", "2026-11-30T23:00"),
        ("1y", "2026-11-20T12:00", "2025-12-31T23:00", "2026-12-31T23:00"),
    ],
)
def test_a_step_lies_on_the_sites_calendar(words: str, at: str, start: str, end: str) -> None:
    assert step(words).bounds(utc(at), PARIS) == (utc(start), utc(end))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24)])
def test_a_day_has_as_many_hours_as_it_has(day: str, hours: int) -> None:
    whole = span(day, NOW_MS, PARIS)
    grid = list(step("1h").grid(whole.start_ms, whole.end_ms, PARIS))
    assert len(grid) == hours
    assert (grid[0][0], grid[-1][1]) == (whole.start_ms, whole.end_ms)
    assert all(one[1] == other[0] for one, other in pairwise(grid))


def test_a_grid_over_nothing_is_empty_and_one_instant_is_in_one_step() -> None:
    assert list(step("1h").grid(NOW_MS, NOW_MS, PARIS)) == []
    assert len(list(step("1mo").grid(NOW_MS, NOW_MS + 1, PARIS))) == 1


@pytest.mark.parametrize("words", ["", "0m", "7m", "25h", "2d", "2w", "2mo", "h", "-1h", "1.5h", "1 fortnight", "١h"])
def test_what_is_no_step_is_refused_with_examples(words: str) -> None:
    with pytest.raises(StepError) as refused:
        step(words)
    assert "10m" in refused.value.text.values["examples"]


def test_the_examples_in_the_code_are_right() -> None:
    assert doctest.testmod(moments).failed == 0
    assert doctest.testmod(steps).failed == 0
