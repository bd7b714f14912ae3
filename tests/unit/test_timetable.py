"""Weekly hours of a contract: over midnight, over the end of the week, on some days only, and what is none."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.timetable import DAYS, holds, hours_of, overlapping

MONDAY = datetime(2026, 11, 16)  # noqa: DTZ001 - wall-clock time


def minutes(*texts: str) -> int:
    """Return how many minutes of the week lie in these hours, asked one by one."""
    hours = hours_of(texts)
    return sum(holds(hours, MONDAY + timedelta(minutes=minute)) for minute in range(7 * 1440))


@pytest.mark.parametrize(
    ("texts", "count"),
    [
        (["22:30-06:30"], 7 * 480),
        (["00:00-24:00"], 7 * 1440),
        (["sat,sun 00:00-24:00"], 2 * 1440),
        (["mon-fri 12:00-14:00", "22:00-06:00"], 5 * 120 + 7 * 480),
        (["sun 22:00-06:00"], 480),
        (["fri-mon 12:00-13:00"], 4 * 60),
        (["MON 01:00-02:00"], 60),
        (["mon 23:59-00:00"], 1),
        ([], 0),
    ],
)
def test_so_many_minutes_of_the_week_lie_in_them(texts: list[str], count: int) -> None:
    assert minutes(*texts) == count


def test_a_span_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    hours = hours_of(["mon 22:00-06:00"])
    assert holds(hours, MONDAY.replace(hour=22))
    assert holds(hours, MONDAY.replace(day=17, hour=5, minute=59))
    assert not holds(hours, MONDAY.replace(hour=5))
    assert not holds(hours, MONDAY.replace(day=17, hour=6))


@pytest.mark.parametrize(
    "text",
    ["", "22-6", "22:00", "22:00-22:00", "24:00-01:00", "22:60-23:00", "22:00-24:01",
     "lun 22:00-23:00", "mon- 1:00-2:00",
     "mon,,tue 01:00-02:00", "22:00-06:00 mon", "-1:00-02:00", "mon-fri"],
)  # fmt: skip
def test_what_is_no_time_is_refused_and_named(text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is what was written
        hours_of(["01:00-02:00", text])
    assert str(caught.value) == text


@given(st.sampled_from(DAYS), st.integers(0, 1439), st.integers(1, 1440))
def test_a_span_is_as_long_as_its_ends_say(day: str, begin: int, end: int) -> None:
    if begin == end:
        return
    text = f"{day} {begin // 60:02d}:{begin % 60:02d}-{end // 60:02d}:{end % 60:02d}"
    assert sum(last - first for first, last in hours_of([text])) == (end - begin) % 1440 or end - begin == 1440
    assert overlapping(hours_of([text]), hours_of([text]))


def test_hours_that_only_touch_do_not_overlap() -> None:
    assert not overlapping(hours_of(["22:00-06:00"]), hours_of(["06:00-22:00"]))
    assert overlapping(hours_of(["22:00-06:01"]), hours_of(["06:00-22:00"]))
