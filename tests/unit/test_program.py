"""Programs on a running site, cut off and started anew at any instant, against a look at the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.program import Programs
from tests.orders_rig import Site
from tests.unit.test_week import obvious, weeks

NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def written(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Return a program's slots as a person writes them."""
    week = draw(weeks())
    slots = []
    for one in week.slots:
        end = written(one.end) if one.end <= 1440 else written(one.end - 1440) + "+1"
        slots.append(f'"{",".join(NAMES[day] for day in sorted(one.days))} {written(one.begin)}-{end}"')
    return f'[[program]]\nid = "p"\ntarget = "heater"\nslots = [{", ".join(slots)}]\nholidays = "{week.holidays}"\n'


@settings(max_examples=40, deadline=None)
@given(
    programs(),
    st.sampled_from(["2026-03-27", "2026-10-23", "2027-03-26", "2027-10-29", "2026-12-30"]),
    st.lists(st.tuples(st.integers(1, 1500), st.booleans()), min_size=1, max_size=6),
)
def test_the_output_is_where_the_clock_says_after_any_course_of_running_and_power_cuts(
    toml: str, begin: str, course: list[tuple[int, bool]]
) -> None:
    site = Site(toml, f"{begin} 12:00")
    week = next(iter(site.engine.parts.of(Programs).specs.values())).week
    for minutes, is_cut in course:
        if is_cut:
            site = site.restart(minutes * 60)
        else:
            utc_s = (site.now_ms + site.engine.utc_offset_ms) // 1000 + minutes * 60
            while (site.now_ms + site.engine.utc_offset_ms) // 1000 < utc_s:
                left_ms = utc_s * 1000 - site.engine.utc_offset_ms - site.now_ms
                due_ms = round(min(site.engine.parts.due_ms, site.now_ms + left_ms))
                site.now_ms = max(site.now_ms + 1, due_ms)
                site.settle()
        utc_s = (site.now_ms + site.engine.utc_offset_ms) // 1000
        assert site.level("heater") is obvious(week, utc_s, site.zone), site.local
        known = site.engine.parts.of(Programs).now_and_next("p")
        assert known is not None
        assert bool(known[0]) is site.level("heater")


def test_a_clock_that_is_set_moves_the_program_to_its_right_place() -> None:
    site = Site('[[program]]\nid = "p"\ntarget = "heater"\nslots = ["fri 06:30-08:00"]\n', "2026-11-20 07:00")
    assert site.level("heater")
    for hours, is_on in ((2, False), (-2, True), (-3, False)):
        site.engine.set_clock(site.engine.utc_offset_ms + round(timedelta(hours=hours).total_seconds() * 1000))
        site.settle()
        assert site.level("heater") is is_on, hours


@pytest.mark.parametrize("at", ["2026-12-25 07:00", "2026-12-26 07:00"])
def test_a_holiday_is_no_working_day(at: str) -> None:
    toml = '[[program]]\nid = "p"\ntarget = "heater"\nslots = ["daily 06:30-08:00"]\nholidays = "fr"\n'
    assert Site(toml, at).level("heater") is (datetime.fromisoformat(at).day == 26)
