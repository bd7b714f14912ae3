"""Peaks of the day, the month and the year: across days, kills, clock changes, and starts without a date."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.clock import ClockEntry
from edge.core.part import Part
from edge.core.peaks import STEPS, Peaks
from edge.core.types import PointSpec
from tests.metered_site import MeteredSite, local_period, utc_ms

PARIS = ZoneInfo("Europe/Paris")
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
POWER = PointSpec("p", "gauge", unit="W", period_ms=MINUTE_MS, record_ms=600_000, stale_ms=HOUR_MS)


class Site(MeteredSite):
    """A site that keeps peaks."""

    def parts(self) -> list[Part]:
        return [*super().parts(), Peaks(self.registers)]

    def peak(self, step: Any, back: int = 0) -> tuple[float, str] | None:
        found = self.engine.part(Peaks).peak("p", step, back)
        return None if found is None else (found.value, f"{datetime.fromtimestamp(found.t_ms / 1000, PARIS):%d %H:%M}")


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-12-31"])
def test_peaks_equal_the_highest_record_of_each_period_over_kills(day: str) -> None:
    rng = random.Random(day)
    begin_ms = utc_ms(f"{day}T00:00", PARIS) - 20 * HOUR_MS
    site = Site([POWER], PARIS, begin_ms)
    for minute in range(60 * 60):
        at_ms = begin_ms + minute * MINUTE_MS
        if rng.random() < 0.003:
            site.kill(at_ms)
        site.read(at_ms, ("p", None if rng.random() < 0.02 else rng.randrange(-50, 9000)))
        if rng.random() > 0.01:
            continue
        now_ms = site.dating.utc_ms(site.boot, site.engine.now_ms)
        assert now_ms is not None
        for step in STEPS:
            records = [
                (record.value if record.high is None else record.high, -record.t_ms)
                for record in site.history("p")
                if record.value is not None
                and local_period(record.t_ms, step, PARIS) == local_period(now_ms, step, PARIS)
            ]
            found = site.engine.part(Peaks).peak("p", step)
            told = None if found is None else (found.value, -found.t_ms)
            assert told == max(records, default=None)  # type: ignore[type-var]


def test_a_peak_before_the_clock_was_known_goes_into_its_day_also_after_a_kill() -> None:
    begin_ms = utc_ms("2026-11-20T23:00", PARIS)
    site = Site([POWER], PARIS, begin_ms, is_dated=False)
    for minute in range(120):
        site.read(begin_ms + minute * MINUTE_MS, ("p", {30: 5000, 90: 4000}.get(minute, 100)))
    site.commit()
    assert site.peak("day") is None
    again_ms = begin_ms + 3 * HOUR_MS
    site.kill(again_ms)
    assert site.peak("day") is None
    site.dating.add(ClockEntry(1, 0, begin_ms, "floor"))
    site.engine.set_clock(site.start_ms + 1)
    assert site.peak("day", 1) == (5000, "20 23:30")
    assert site.peak("day") == (4000, "21 00:30")
    assert site.peak("month") == (5000, "20 23:30")


def test_weeks_without_a_clock_keep_the_highest_and_stay_small() -> None:
    begin_ms = utc_ms("2026-11-01T00:00", PARIS)
    site = Site([POWER], PARIS, begin_ms, is_dated=False)
    for hour in range(24 * 14):
        site.read(begin_ms + hour * HOUR_MS, ("p", 9999 if hour == 100 else hour))
        site.read(begin_ms + hour * HOUR_MS + 1000, ("p", 0))
    site.commit()
    assert len(str(site.registers["peaks/p"])) < 3000
    site.date(begin_ms + 14 * DAY_MS)
    assert site.peak("month") == (9999, "05 04:00")


def test_negative_values_have_a_highest_too_and_missing_ones_none() -> None:
    begin_ms = utc_ms("2026-11-20T10:00", PARIS)
    site = Site([POWER], PARIS, begin_ms)
    for minute in range(11):
        site.read(begin_ms + minute * MINUTE_MS, ("p", None))
    assert site.peak("day") is None
    for minute in range(11, 30):
        site.read(begin_ms + minute * MINUTE_MS, ("p", -minute))
    assert site.peak("day") == (-11, "20 10:10")


def test_a_clock_that_was_a_day_ahead_leaves_no_peak_of_tomorrow() -> None:
    begin_ms = utc_ms("2026-11-20T10:00", PARIS)
    site = Site([POWER], PARIS, begin_ms)
    for minute in range(20):
        site.read(begin_ms + minute * MINUTE_MS, ("p", 100))
    site.date(begin_ms + 20 * MINUTE_MS, begin_ms + DAY_MS + 20 * MINUTE_MS)
    for minute in range(20, 40):
        site.read(begin_ms + minute * MINUTE_MS, ("p", 700))
    site.date(begin_ms + 40 * MINUTE_MS, begin_ms + 40 * MINUTE_MS)
    assert site.peak("day") == (100, "20 10:00")


def test_only_powers_and_gauges_with_a_role_have_peaks_and_a_broken_register_begins_anew() -> None:
    begin_ms = utc_ms("2026-11-20T10:00", PARIS)
    room = PointSpec("t", "gauge", unit="Cel")
    flow = PointSpec("f", "gauge", unit="m3/h", role="consumption")
    site = Site([POWER, room, flow], PARIS, begin_ms)
    assert list(site.engine.part(Peaks).kept) == ["p", "f"]
    site.registers["peaks/p"] = {"peaks": {"day": {"x": []}}}
    site.kill(begin_ms + 1000)
    site.pass_time(begin_ms + 2000)
    assert [event.point for event in site.events if event.kind == "fault"] == ["p"]
    assert site.peak("day") is None
