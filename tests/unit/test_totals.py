"""Totals by local period: equal to sums over the records, across kills, clock changes and starts without a date."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.aggregate import periods
from edge.core.calendar import bounds_ms
from edge.core.clock import ClockEntry
from edge.core.counter import pending
from edge.core.kinds import Counter
from edge.core.moved import DAYS, Movement
from edge.core.replacing import Site
from edge.core.sums import NANO, Sum
from edge.core.totals import Totals, TotalStep
from hal.sample import Cycle, Sample
from tests.metered_site import MeteredSite, counter, independent, local_period, utc_ms

PARIS = ZoneInfo("Europe/Paris")
STEPS: tuple[TotalStep, ...] = ("hour", "day", "week", "month", "year")
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


def check(site: MeteredSite, point: str, steps: tuple[TotalStep, ...] = STEPS) -> None:
    """Compare every total of a counter with the records and what is pending."""
    now_ms = site.dating.utc_ms(site.boot, site.engine.now_ms)
    assert now_ms is not None
    records = site.history(point)
    counter_ = site.engine.points[point]
    assert isinstance(counter_, Counter)
    open_ms = site.dating.utc_ms(site.boot, counter_.start_ms)
    left = Decimal(repr(pending(counter_.register)))
    for step in steps:
        sums = independent(records, step, PARIS)
        if open_ms is not None and (left or counter_.window.count):
            period = local_period(open_ms, step, PARIS)
            sums[period] = sums.get(period, Decimal(0)) + left
        begin_ms, _ = bounds_ms(now_ms, step, PARIS)
        for back in range(3 if step in {"hour", "day"} else 2):
            told = site.totals.total(point, step, back)
            expected = sums.get(local_period(begin_ms, step, PARIS))
            assert (None if told is None else told.moved) == expected, (step, back)
            assert site.totals.moved(point, step, back) == (None if expected is None else float(expected))
            begin_ms, _ = bounds_ms(begin_ms - 1, step, PARIS)
        if step in {"hour", "day", "month"} and records:
            # nothing is open in the periods before the present one: there, sums of history are the same
            for period_ in list(periods(records, "counter", step, PARIS))[-2:-1]:
                told = site.totals.total(point, step, 1)
                if told is not None and told.begin_ms == period_.t_ms and open_ms and open_ms >= period_.end_ms:
                    assert float(told.moved) == period_.increment
                    assert (told.covered_ms, told.uncertain_ms) == (period_.covered_ms, period_.uncertain_ms)


def run(site: MeteredSite, begin_ms: int, end_ms: int, each_ms: int, pulses: Any) -> int:
    """Read each counter from begin to end; `pulses(at_ms)` is what its driver counted since it was opened."""
    at_ms = begin_ms
    while at_ms < end_ms:
        site.read(at_ms, *((spec.id, pulses(at_ms)) for spec in site.specs))
        at_ms += each_ms
    return at_ms


def test_what_moved_in_the_present_and_former_day_with_the_open_record() -> None:
    begin_ms = utc_ms("2026-11-20T23:00", PARIS)
    site = MeteredSite([counter()], PARIS, begin_ms)
    assert site.totals.moved("water.cold", "day") is None, "nothing is known yet"
    at_ms = run(site, begin_ms, begin_ms + 2 * HOUR_MS, 10_000, lambda at_ms: (at_ms - begin_ms) // 10_000)
    assert site.totals.moved("water.cold", "day", 1) == 0.359, "a pulse each 10 s from 23:00:10 on"
    assert site.totals.moved("water.cold", "day") == 0.36
    assert site.totals.moved("water.cold", "month") == 0.719
    assert site.totals.moved("water.cold", "month", 1) is None
    site.read(at_ms, ("water.cold", 720))
    assert site.totals.moved("water.cold", "hour") == 0.001, "pending, in no record yet"
    assert site.totals.moved("water.cold", "hour", 1) == 0.36
    check(site, "water.cold")
    with pytest.raises(KeyError):
        site.totals.moved("nobody", "day")


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-12-31"])
@pytest.mark.parametrize("seed", range(2))
def test_totals_equal_the_records_to_the_last_digit_over_kills(day: str, seed: int) -> None:
    """C2: local days of 23 and 25 hours; C3: also after kill -9, at midnight too."""
    rng = random.Random(f"{day}{seed}")
    begin_ms = utc_ms(f"{day}T00:00", PARIS) - 5 * HOUR_MS
    scale = rng.choice([0.001, 0.1, 1, 0.37])
    site = MeteredSite([counter(scale=scale, volatile=False)], PARIS, begin_ms)
    raw, at_ms = 1000, begin_ms
    midnights = [utc_ms(f"{day}T00:00", PARIS), bounds_ms(begin_ms + 30 * HOUR_MS, "day", PARIS)[0]]
    kills = [midnight + rng.choice([-9000, -1000, 0, 500, 1500, 30_000]) for midnight in midnights]
    kills += [begin_ms + rng.randrange(30 * HOUR_MS) for _ in range(3)]
    kills.sort()
    while at_ms < begin_ms + 36 * HOUR_MS:
        if kills and at_ms >= kills[0]:
            at_ms = max(at_ms, kills.pop(0)) + rng.randrange(
                0, 3 * HOUR_MS, 1000
            )  # the meter counts while the box is off
            raw += rng.randrange(50)
            site.kill(at_ms)
            check(site, "water.cold")
        raw += rng.choice([0, 0, 0, 1, 3])
        site.read(at_ms, ("water.cold", None if rng.random() < 0.05 else raw))
        if rng.random() < 0.004:
            check(site, "water.cold")
        at_ms += 30_000
    check(site, "water.cold")
    site.pass_time(at_ms)
    site.stop(at_ms)
    check(site, "water.cold")


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_of_a_clock_change_holds_all_its_hours(day: str, hours: int) -> None:
    """C2: a 25-hour day sums correctly, its borders are the local midnights."""
    begin_ms = utc_ms(f"{day}T00:00", PARIS)
    site = MeteredSite([counter()], PARIS, begin_ms)
    end_ms = begin_ms + hours * HOUR_MS
    run(site, begin_ms, end_ms + 10 * MINUTE_MS, MINUTE_MS, lambda at_ms: (at_ms - begin_ms) // MINUTE_MS)
    total = site.totals.total("water.cold", "day", 1)
    assert total is not None
    assert (total.begin_ms, total.end_ms) == (begin_ms, end_ms)
    assert total.moved == Decimal(hours * 60 - 1) / 1000
    assert total.covered_ms == hours * HOUR_MS
    assert total.completeness == 1.0


def test_a_box_that_was_off_over_the_end_of_a_month_counts_where_its_record_begins() -> None:
    begin_ms = utc_ms("2026-11-30T20:00", PARIS)
    site = MeteredSite([counter(volatile=False, unit="Wh", scale=1)], PARIS, begin_ms)
    run(site, begin_ms, begin_ms + HOUR_MS, MINUTE_MS, lambda at_ms: 5000 + (at_ms - begin_ms) // MINUTE_MS)
    site.commit()
    back_ms = utc_ms("2026-12-02T08:00", PARIS)
    site.kill(back_ms)
    assert site.totals.moved("water.cold", "month", 1) == 58, "what was pending goes into the next record"
    assert site.totals.moved("water.cold", "month") == 1
    run(site, back_ms, back_ms + 2 * MINUTE_MS, MINUTE_MS, lambda _at_ms: 9059)
    assert site.totals.moved("water.cold", "month") == 4001, "kept by the meter while the box was off"
    assert site.totals.moved("water.cold", "day", 1) is None, "of that day nothing is known: not 0"
    december = site.totals.total("water.cold", "month")
    assert december is not None
    assert december.completeness < 0.01, "most of December so far was not watched"
    check(site, "water.cold")


def test_time_without_a_value_is_said() -> None:
    begin_ms = utc_ms("2026-11-21T00:00", PARIS)
    site = MeteredSite([counter()], PARIS, begin_ms)
    run(site, begin_ms, begin_ms + 10 * HOUR_MS, MINUTE_MS, lambda at_ms: 0 if at_ms < begin_ms + HOUR_MS else None)
    total = site.totals.total("water.cold", "day")
    assert total is not None
    assert total.moved == 0
    assert total.covered_ms == HOUR_MS
    assert total.bad_ms == pytest.approx(9 * HOUR_MS, abs=2 * MINUTE_MS)
    assert total.completeness == pytest.approx(0.1, abs=0.001)


def test_a_silence_of_days_is_bad_in_each_of_them() -> None:
    begin_ms = utc_ms("2026-11-18T12:00", PARIS)
    site = MeteredSite([counter(stale_ms=10 * DAY_MS)], PARIS, begin_ms)
    run(site, begin_ms, begin_ms + HOUR_MS, MINUTE_MS, lambda _at_ms: 7)
    site.read(begin_ms + 3 * DAY_MS, ("water.cold", 9))
    days = [site.totals.days("water.cold").get(date(2026, 11, 18 + number).toordinal(), Sum()) for number in range(3)]
    assert [one.bad_ms // HOUR_MS for one in days] == [11, 24, 24]
    assert days[1].moved is None


# -- nobody knows the time


def test_without_a_clock_what_moved_waits_and_then_goes_into_the_right_day() -> None:
    begin_ms = utc_ms("2026-11-20T22:00", PARIS)
    site = MeteredSite([counter()], PARIS, begin_ms, is_dated=False)
    at_ms = run(site, begin_ms, begin_ms + 4 * HOUR_MS, MINUTE_MS, lambda at_ms: (at_ms - begin_ms) // MINUTE_MS)
    assert site.totals.moved("water.cold", "day") is None
    assert site.totals.moved("water.cold", "year") is None
    site.date(at_ms)
    check(site, "water.cold")
    assert site.totals.moved("water.cold", "day", 1) == 0.119
    assert site.totals.moved("water.cold", "day") == 0.12


def test_what_waits_survives_kills_and_is_placed_when_its_start_is_dated() -> None:
    begin_ms = utc_ms("2026-11-19T23:30", PARIS)
    site = MeteredSite([counter()], PARIS, begin_ms, is_dated=False)
    run(site, begin_ms, begin_ms + HOUR_MS, MINUTE_MS, lambda at_ms: (at_ms - begin_ms) // MINUTE_MS)
    again_ms = begin_ms + 2 * HOUR_MS
    site.kill(again_ms, is_dated=False)
    run(site, again_ms, again_ms + HOUR_MS, MINUTE_MS, lambda at_ms: (at_ms - again_ms) // MINUTE_MS)
    third_ms = utc_ms("2026-11-21T10:00", PARIS)
    site.kill(third_ms)
    at_ms = run(site, third_ms, third_ms + 10 * MINUTE_MS, MINUTE_MS, lambda _at_ms: 0)
    assert site.totals.moved("water.cold", "day", 1) is None, "neither start has a date yet"
    site.dating.add(ClockEntry(1, 0, begin_ms, "floor"))  # as a later start dates an earlier one
    site.dating.add(ClockEntry(2, 0, again_ms, "floor"))
    site.pass_time(at_ms + 2 * MINUTE_MS)
    site.engine.tick(at_ms - third_ms + 3 * MINUTE_MS)
    check(site, "water.cold")
    assert site.totals.days("water.cold").get(date(2026, 11, 19).toordinal(), Sum()).moved == 29_000_000
    assert site.totals.moved("water.cold", "day", 1) == pytest.approx(0.088, abs=0.0021)
    assert site.engine.parts.due_ms > 10**9, "nothing waits any more"


def test_what_waits_survives_a_reload_and_then_a_kill() -> None:
    """The reload parts what waits between two registers anew, and the log held the older of the one that grew."""
    begin_ms = utc_ms("2026-11-19T20:00", PARIS)
    for minutes in range(30, 46):
        site = MeteredSite([counter()], PARIS, begin_ms, is_dated=False)
        end_ms = begin_ms + minutes * MINUTE_MS
        run(site, begin_ms, end_ms, MINUTE_MS, lambda at_ms: (at_ms - begin_ms) // MINUTE_MS)
        site.commit()
        saved = {**site.registers, **site.engine.parts.saved(in_records=True)}
        site.engine.replace_parts([Totals(saved)])
        run(site, end_ms, end_ms + 3 * MINUTE_MS, MINUTE_MS, lambda at_ms: (at_ms - begin_ms) // MINUTE_MS)
        site.commit()
        counted = sum(record.increment or 0 for _boot, record in site.durable)
        site.kill(utc_ms("2026-11-21T10:00", PARIS))
        site.dating.add(ClockEntry(1, 0, begin_ms, "floor"))
        site.engine.tick(61_000)
        moved = site.totals.days("water.cold")[date(2026, 11, 19).toordinal()].moved
        assert (moved or 0) / NANO == pytest.approx(counted), minutes


def test_weeks_without_a_clock_stay_small_and_lose_nothing() -> None:
    begin_ms = utc_ms("2026-11-01T00:00", PARIS)
    site = MeteredSite([counter(record_ms=600_000)], PARIS, begin_ms, is_dated=False)
    at_ms = run(site, begin_ms, begin_ms + 14 * DAY_MS, 600_000, lambda at_ms: (at_ms - begin_ms) // 600_000)
    site.commit()
    octets = {name: len(str(value)) for name, value in site.registers.items() if name.startswith("totals/")}
    assert octets["totals/water.cold"] < 600, "it is written with each record"
    assert sum(octets.values()) < 12_000
    site.kill(at_ms, is_dated=False)
    site.date(at_ms + 1000)
    site.dating.add(ClockEntry(1, 0, begin_ms, "floor"))
    site.engine.tick(61_000)
    assert site.totals.moved("water.cold", "month") == pytest.approx(14 * 144 * 0.001, abs=0.002)
    total = site.totals.total("water.cold", "month")
    assert total is not None
    assert total.uncertain_ms > 10 * DAY_MS, "it is not sure in which hour"


@pytest.mark.parametrize("step_ms", [-DAY_MS, -HOUR_MS, HOUR_MS, DAY_MS, 3652 * DAY_MS])
def test_a_clock_that_is_stepped_leaves_what_was_read_where_it_was(step_ms: int) -> None:
    begin_ms = utc_ms("2026-11-21T12:00", PARIS)
    site = MeteredSite([counter()], PARIS, begin_ms)
    at_ms = run(site, begin_ms, begin_ms + HOUR_MS, MINUTE_MS, lambda at_ms: (at_ms - begin_ms) // MINUTE_MS)
    site.date(at_ms, at_ms + step_ms)
    at_ms = run(site, at_ms, at_ms + HOUR_MS, MINUTE_MS, lambda at_ms: (at_ms - begin_ms) // MINUTE_MS)
    check(site, "water.cold")
    site.date(at_ms, at_ms)  # and back
    run(site, at_ms, at_ms + HOUR_MS, MINUTE_MS, lambda at_ms: (at_ms - begin_ms) // MINUTE_MS)
    check(site, "water.cold", STEPS[1:])
    today = site.totals.moved("water.cold", "day")
    assert today is not None
    assert today >= 0.118, "the day was not lost with the step"


# -- registers


def test_a_register_that_is_no_sum_is_said_and_begins_anew() -> None:
    begin_ms = utc_ms("2026-11-21T12:00", PARIS)
    site = MeteredSite([counter()], PARIS, begin_ms)
    site.registers["totals/water.cold"] = {"day": [739_000, "seven"]}
    site.kill(begin_ms)
    site.read(begin_ms, ("water.cold", 0))
    site.read(begin_ms + 1000, ("water.cold", 5))
    assert [event.point for event in site.events if event.kind == "fault"] == ["water.cold"]
    assert site.totals.moved("water.cold", "day") == 0.005


@pytest.mark.parametrize(
    "broken",
    [{"": 3}, {"": {"hours": [[]]}}, {"2026-13": [[1, "2"]]}, {"2026-11": [[1, 2.5]]}, {"older": []}, {"wait": [1]}],
)
def test_no_register_of_another_form_is_taken_for_a_sum(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no sum"):
        Movement(broken)


def test_negative_extreme_and_tiny_increments_stay_exact_over_a_restart() -> None:
    movement = Movement()
    for moved in (10**309, -1, 1, -(10**309), -7):
        movement.add(0, 1, moved, 60_000, 0)
        movement = Movement(movement.saved())
    assert movement.days[1].moved == -7
    assert movement.days[1].covered_ms == 300_000


def test_days_are_kept_for_more_than_a_year_and_months_after_that() -> None:
    movement, first = Movement(), date(2023, 1, 1).toordinal()
    stored: dict[str, Any] = {}
    for day in range(first, first + 1200):
        movement.add(day * 24 * HOUR_MS, day, 1_000_000_000, DAY_MS, 0)
        stored.update(movement.registers())
    assert DAYS - 31 <= len(movement.days) <= DAYS
    again = Movement(stored)
    for kept in (movement, again):
        assert sum(one.moved or 0 for one in (*kept.days.values(), *kept.months.values())) == 1200 * 10**9
        assert kept.months["2023-02"].moved == 28 * 10**9
    assert len(str(stored[""])) < 200


def test_a_deadband_and_a_daily_record_say_no_hour_they_do_not_know() -> None:
    begin_ms = utc_ms("2026-11-20T00:00", PARIS)
    site = MeteredSite([counter(record_ms=DAY_MS, stale_ms=DAY_MS)], PARIS, begin_ms)
    at_ms = run(site, begin_ms, begin_ms + 30 * HOUR_MS, 600_000, lambda at_ms: (at_ms - begin_ms) // 600_000)
    assert site.totals.moved("water.cold", "hour") is None
    assert site.totals.moved("water.cold", "day", 1) == 0.143
    check_day = independent(site.history("water.cold"), "day", PARIS)
    assert check_day[local_period(begin_ms, "day", PARIS)] == Decimal("0.143")
    assert site.totals.moved("water.cold", "week") == float(Decimal((at_ms - begin_ms) // 600_000 - 1) / 1000)


def test_other_settings_in_the_middle_of_a_record_lose_no_sum() -> None:
    begin_ms = utc_ms("2026-11-21T10:00", PARIS)
    water, other = counter(), counter("other")
    site = MeteredSite([water, other], PARIS, begin_ms)
    for number in range(130):
        at_ms = begin_ms + number * 1000 + 500
        t_ms = at_ms - site.start_ms
        samples = [Sample(name, t_ms * 1_000_000, number) for name in ("water.cold", "other")]
        site.engine.handle(Cycle("b", t_ms * 1_000_000, samples))
    site.commit()  # as the station does first
    parts = lambda saved, _saved_events: [Totals(saved)]  # noqa: E731
    site.engine.replace(Site([water], [], parts=parts), site.registers, site.event_registers, 130_000)
    site.commit()
    site.kill(begin_ms + 200_000)
    check(site, "water.cold")
    assert site.totals.moved("water.cold", "day") == 0.129
    assert site.totals.moved("other", "day") == 0.129, "a point that is gone keeps its sums for when it comes back"
