"""Wrong, stepped, late and missing clocks: nothing lost, nothing twice, no alarm, no period of negative length."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.types import LimitSpec, PointSpec
from edge.links.messages import TimeHeard
from edge.sim.upstream import Outage
from hal.sample import Cycle, Fix
from tests.sim.clock_world import DAY_S, HOUR_S, TRUE_MS, YEAR_S, Figures, Site, Stage, World
from tests.support import about

CAMPAIGN = pytest.mark.campaign(reason="the same step at other instants, and steps like it")
RUN_S = HOUR_S + 700
LIMITS = (
    LimitSpec("hot", "m", "high", 27.0, deadband=1.0, on_delay_ms=90_000, off_delay_ms=30_000),
    LimitSpec("gone", "m", "fault"),
    LimitSpec("mute", "m", "stale"),
)


def often(names: Iterable[str], *chosen: str) -> list[Any]:
    """Return the names as parameters: those that run each time, and the others in the campaign."""
    return [name if name in chosen else pytest.param(name, marks=CAMPAIGN) for name in names]


def wave(t_s: float) -> float:
    return round(20 + 10 * math.sin(2 * math.pi * t_s / (HOUR_S / 2)), 3)


def pulses(t_s: float) -> int:
    return int(t_s * 3)


def point(name: str, period_s: float, record_s: float, kind: str = "gauge") -> PointSpec:
    return PointSpec(
        name, kind, volatile=kind == "counter", period_ms=round(period_s * 1000), record_ms=round(record_s * 1000),  # type: ignore[arg-type]
        stale_ms=round(max(3 * period_s, 5) * 1000),
    )  # fmt: skip


def fine() -> Site:
    """Return points with records of a second, a minute and an hour."""
    return [
        (point("s", 1, 1), wave),
        (point("m", 5, 60), wave),
        (point("h", 60, 3600), wave),
        (point("c", 10, 60, "counter"), pulses),
    ]


def coarse() -> Site:
    """Return points with records of a minute, an hour and a day."""
    return [
        (point("m", 30, 60), wave),
        (point("h", 60, 3600), wave),
        (point("d", 600, 86_400), wave),
        (point("c", 60, 3600, "counter"), pulses),
    ]


def total(world: World) -> float:
    """Return what the counter moved by all that was recorded."""
    return sum(record.increment or 0 for record in world.made() if record.point == "c")


def is_on_grid(step_s: float) -> bool:
    """Return whether readings lie on the same instants after a step of that size."""
    return step_s % 60 == 0


@cache
def still_fine() -> World:
    """Return a run without a step."""
    return World(fine(), limits=LIMITS).run(RUN_S)


@cache
def still_coarse() -> World:
    """Return two days without a step."""
    return World(coarse(), limits=LIMITS).run(2 * DAY_S)


def told(name: str, found: Figures, error_s: float) -> None:
    """Print the figures of a run: `pytest -s` shows the table."""
    share = f"{100 * found.dated_anew / found.early:5.1f} % of {found.early}" if found.early else "-"
    print(
        f"{name:28} records {found.made:6}  re-dated {share:>16}  error after sync {error_s:6.3f} s"
        f"  duplicates {found.duplicates}  lost {found.lost}  unsynchronised {found.unsynced}"
    )


@pytest.mark.parametrize(
    ("name", "off_s"),
    [("1970", 37.25 - TRUE_MS / 1000), ("-14 days", -14 * DAY_S - 17.25), ("+10 years", 10 * YEAR_S + 11.75)],
)
@pytest.mark.parametrize("sync_s", [130.0, 2437.0])
def test_a_clock_wrong_at_boot_dates_everything_once_the_network_has_set_it(
    name: str, off_s: float, sync_s: float
) -> None:
    stages = [Stage(0, off_s, ""), Stage(sync_s, 0.0, "ntp")]
    world = World(fine(), stages, limits=LIMITS, undated_wait_s=4 * HOUR_S).run(RUN_S)
    still = still_fine()
    found = world.check()
    error_s = max(world.error_s(row) for row in world.rows())
    told(f"{name}, set after {sync_s:.0f} s", found, error_s)
    assert (found.duplicates, found.lost, found.unsynced, found.entries) == (0, 0, 0, 1)
    assert found.dated_anew == found.early > sync_s
    assert error_s < 0.01
    assert [alarm[:2] for alarm in world.alarms()] == [alarm[:2] for alarm in still.alarms()]
    assert len(world.alarms()) >= 4
    assert all(abs(one[2] - other[2]) <= 5000 for one, other in zip(world.alarms(), still.alarms(), strict=True))
    assert {row.why for row in world.rows()} <= {""}


def test_with_a_link_up_from_the_start_and_the_network_after_three_hours_what_went_stays_unsynchronised() -> None:
    stages = [Stage(0, -TRUE_MS / 1000, ""), Stage(3 * HOUR_S, 0.0, "ntp")]
    world = World(fine(), stages, limits=LIMITS).run(4 * HOUR_S)
    found = world.check()
    rows = world.rows()
    at_ms = [world._of_seq(row.seq).start_ms / 1000 - world.began_s for row in rows]
    synced = [row for row, at in zip(rows, at_ms, strict=True) if at > 3 * HOUR_S + 20]
    before = [row for row, at in zip(rows, at_ms, strict=True) if at < 3 * HOUR_S]
    told("1970, link up, set after 3 h", found, max(world.error_s(row) for row in synced))
    assert (found.duplicates, found.lost, found.entries) == (0, 0, 2)
    assert {row.why for row in before} == {"clock_unsynced"}
    assert {row.why for row in synced} == {""}
    assert {row.tq for row in before} == {"floor"}
    assert max(world.error_s(row) for row in synced) < 0.01
    assert min(row.t_ms for row in rows) > 1_780_000_000_000, "nothing is stamped 1970"
    assert [event.values["source"] for event in world.journal("clock")] == ["floor", "ntp"]
    step = world.journal("clock")[1].values
    assert step["utc_ms"] - step["before"] == step["step_ms"] > 0


def test_nothing_leaves_before_the_wait_is_over_and_then_all_of_it_as_unsynchronised() -> None:
    world = World(fine(), [Stage(0, -TRUE_MS / 1000, "")], undated_wait_s=900)
    world.run_to(895)
    assert (world.rows(), world.records.next_seq() > 900) == ([], True)
    world.run_to(1000)
    assert len(world.rows()) > 900
    found = world.run(RUN_S).check()
    told("never a source", found, 0.0)
    assert (found.duplicates, found.lost, found.entries) == (0, 0, 1)
    assert found.unsynced == found.arrived == found.made


def test_a_wait_begins_when_a_link_is_up_not_before() -> None:
    world = World(fine(), [Stage(0, -TRUE_MS / 1000, "")], outages=[Outage(0, 7200)])
    world.run_to(7200 + 850)
    assert world.rows() == []
    world.run_to(7200 + 1100)
    assert len(world.rows()) > 7200


STEPS = {
    "+1 s": 1.0, "-1 s": -1.0, "leap second": -1.0, "+1 h": HOUR_S, "-1 h": -HOUR_S, "+1 day": DAY_S,
    "-1 day": -DAY_S, "+10 years": 10 * YEAR_S, "-10 years": -10 * YEAR_S, "+17 min 3 s": 1023.0, "-59.5 s": -59.5,
}  # fmt: skip


@pytest.mark.parametrize("name", often(STEPS, "-1 s", "+1 h", "-1 day", "+10 years", "-10 years", "-59.5 s"))
@pytest.mark.parametrize("at_s", [2434.567, pytest.param(HOUR_S, marks=CAMPAIGN)])
def test_a_step_in_the_middle_of_periods_costs_no_record_and_makes_no_alarm(name: str, at_s: float) -> None:
    step_s = STEPS[name]
    world = World(fine(), [Stage(0), Stage(at_s, step_s)], limits=LIMITS).run(RUN_S)
    still = still_fine()
    found = world.check()
    is_taken = abs(step_s) >= 2 and step_s > -10 * YEAR_S
    told(f"step {name} at {at_s:.0f} s", found, 0.0)
    assert (found.duplicates, found.lost, found.unsynced) == (0, 0, 0)
    assert found.entries == 1 + is_taken
    events = world.journal("clock")[1:]
    assert [event.values["step_ms"] for event in events] == ([round(step_s * 1000)] if is_taken else [])
    assert [alarm[:2] for alarm in world.alarms()] == [alarm[:2] for alarm in still.alarms()]
    assert all(abs(one[2] - other[2]) <= 5000 for one, other in zip(world.alarms(), still.alarms(), strict=True))
    # off the grid the last reading lies up to a period elsewhere
    assert abs(total(world) - total(still)) <= (0 if is_on_grid(step_s) or not is_taken else 3 * 10)
    assert not [record for record in world.made() if record.value is None]
    assert sum(r.dt_ms for r in world.made() if r.point == "s") >= RUN_S * 1000 - 2000, "no hole either"


@pytest.mark.parametrize(
    "name", often(["+1 h", "-1 h", "+1 day", "-1 day", "+10 years", "-59.5 s"], "-1 h", "+1 day", "-59.5 s")
)
@pytest.mark.parametrize(
    "at_s", [22.5 * HOUR_S, *(pytest.param(at_s, marks=CAMPAIGN) for at_s in (24 * HOUR_S, 30 * HOUR_S + 77.7))]
)
def test_a_step_over_midnight_leaves_days_and_hours_whole(name: str, at_s: float) -> None:
    world = World(coarse(), [Stage(0), Stage(at_s, STEPS[name])], limits=LIMITS).run(2 * DAY_S)
    still = still_coarse()
    found = world.check()
    assert (found.duplicates, found.lost, found.unsynced, found.entries) == (0, 0, 0, 2)
    assert abs(total(world) - total(still)) <= (0 if is_on_grid(STEPS[name]) else 3 * 60)
    assert [alarm[:2] for alarm in world.alarms()] == [alarm[:2] for alarm in still.alarms()]
    for name_of, length_s in (("m", 60), ("h", 3600), ("d", 86_400)):
        records = [record for record in world.made() if record.point == name_of]
        assert max(record.dt_ms for record in records) <= length_s * 1000 + 600_000
        assert not [record for record in records if record.value is None]
        covered_ms = sum(record.dt_ms for record in records)
        assert covered_ms >= 2 * DAY_S * 1000 - 600_000


def test_slewing_and_a_leap_second_are_no_steps_and_stay_within_two_seconds() -> None:
    stages = [Stage(0), *(Stage(60.0 * n, 0.015 * n) for n in range(1, 60)), Stage(4000, 0.5)]
    world = World(fine(), stages).run(RUN_S)
    found = world.check()
    assert (found.entries, found.lost, found.duplicates) == (1, 0, 0)


@pytest.mark.parametrize(
    ("name", "began_s"),
    [("49.7 days: 2^32 ms", 2**32 / 1000), ("24.8 days: 2^31 ms", 2**31 / 1000), ("3 years", 3 * YEAR_S)],
)
def test_a_long_uptime_is_like_any_other(name: str, began_s: float) -> None:
    world = World(fine(), limits=LIMITS, began_s=began_s - HOUR_S).run(RUN_S)
    still = still_fine()
    found = world.check()
    told(name, found, max(world.error_s(row) for row in world.rows()))
    assert (found.duplicates, found.lost, found.entries) == (0, 0, 1)
    assert [row.t_ms for row in world.rows() if row.point == "m"] == [
        row.t_ms for row in still.rows() if row.point == "m"
    ]
    assert [alarm[:2] for alarm in world.alarms()] == [alarm[:2] for alarm in still.alarms()]


@pytest.mark.parametrize("end_s", [2**31, 2**31 + 1, 2_145_916_800])
def test_2038_is_like_any_other_year(end_s: int) -> None:
    world = World(fine(), limits=LIMITS, true_ms=end_s * 1000 - 3_600_000).run(RUN_S)
    found = world.check()
    told(f"2038: {end_s}", found, max(world.error_s(row) for row in world.rows()))
    assert (found.duplicates, found.lost, found.unsynced) == (0, 0, 0)
    assert max(world.error_s(row) for row in world.rows()) < 0.01


# -- the meter's time


def meter_tells(world: World, second: int, off_ms: int = 0) -> None:
    """Let a second pass, then hand over the time that a meter told at its begin, in whole seconds."""
    world.run_to(second)
    t_ms = world.clock.now_ns // 1_000_000
    utc_ms = (world.clock.true_ms(t_ms) + off_ms) // 1000 * 1000 + 500
    world.station.post(Cycle("serial", t_ms * 1_000_000, [], fix=Fix("tic", t_ms * 1_000_000, utc_ms, 2000)))


def test_a_box_without_a_network_takes_its_time_from_the_meter_and_a_server_later_does_better() -> None:
    stages = [Stage(0, -TRUE_MS / 1000, ""), Stage(3000, 0.0, "ntp")]
    world = World(fine(), stages, limits=LIMITS)
    for second in range(60, 2500):
        meter_tells(world, second, off_ms=3700)
    found = world.run(HOUR_S).check()
    assert (found.duplicates, found.lost, found.unsynced, found.entries) == (0, 0, 0, 2)
    assert [event.values["source"] for event in world.journal("clock")] == ["tic", "ntp"]
    by_meter = [row for row in world.rows() if row.tq == "tic"]
    assert len(by_meter) > 2900
    assert all(2.5 < world.error_s(row) < 4.5 for row in by_meter), "as far off as the meter, and no more"
    assert max(world.error_s(row) for row in world.rows() if row.tq == "ntp") < 0.01
    told("the meter, 3.7 s off; then ntp", found, max(world.error_s(row) for row in by_meter))


def test_a_link_may_tell_the_time_too() -> None:
    world = World(fine(), [Stage(0, -TRUE_MS / 1000, "")]).run_to(300)
    t_ns = world.clock.now_ns
    true_ms = world.clock.true_ms(t_ns // 1_000_000)
    world.station.post(TimeHeard("sms", Fix("gsm", t_ns, true_ms + 1500, 5000)))
    found = world.run(HOUR_S).check()
    assert (found.lost, found.duplicates, found.unsynced, found.entries) == (0, 0, 0, 1)
    assert {row.tq for row in world.rows()} == {"gsm"}
    assert all(1.4 < world.error_s(row) < 1.6 for row in world.rows())


def test_a_meter_whose_clock_is_set_by_an_hour_steps_the_box_once() -> None:
    world = World(fine(), [Stage(0, -TRUE_MS / 1000, "")], limits=LIMITS)
    for second in range(10, 3000):
        meter_tells(world, second, off_ms=0 if second < 1500 else 3_600_000)
    found = world.run(HOUR_S).check()
    assert (found.duplicates, found.lost, found.unsynced, found.entries) == (0, 0, 0, 2)
    assert about(3_600_000, within=1500) == world.journal("clock")[1].values["step_ms"]


def test_two_meters_that_disagree_do_not_move_the_clock_to_and_fro() -> None:
    world = World(fine(), [Stage(0, -TRUE_MS / 1000, "")])
    for second in range(10, 1200):
        meter_tells(world, second)
        t_ns = world.clock.now_ns
        other_ms = world.clock.true_ms(t_ns // 1_000_000) + 40_000
        world.station.post(Cycle("second", t_ns, [], fix=Fix("tic", t_ns, other_ms, 2000)))
    found = world.run(HOUR_S / 2).check()
    assert (found.lost, found.duplicates, found.entries) == (0, 0, 1)
    assert max(world.error_s(row) for row in world.rows()) < 2


# -- days of a clock change


def local_day(day: str, tz: str) -> tuple[int, int]:
    """Return the UTC ms at which a local day begins and ends."""
    zone = ZoneInfo(tz)
    begin = datetime.fromisoformat(day).replace(tzinfo=zone)
    end = (begin + timedelta(days=1)).replace(fold=0)
    return round(begin.timestamp() * 1000), round(end.timestamp() * 1000)


@pytest.mark.parametrize(
    ("tz", "day", "hours"),
    [
        ("Europe/Paris", "2027-03-28", [1.0] * 23),
        ("Europe/Paris", "2027-10-31", [1.0] * 25),
        ("Europe/Paris", "2026-11-20", [1.0] * 24),
        ("Australia/Lord_Howe", "2027-04-04", [*[1.0] * 24, 0.5]),  # clocks go back by half an hour
        ("Australia/Lord_Howe", "2027-10-03", [*[1.0] * 23, 0.5]),
        ("Asia/Kathmandu", "2026-11-20", [1.0] * 24),  # UTC+05:45
    ],
)
def test_the_day_of_a_clock_change_has_its_own_hours_upstream(tz: str, day: str, hours: list[float]) -> None:
    begin_ms, end_ms = local_day(day, tz)
    sites = [(point("h", 60, 3600), wave), (point("d", 600, 86_400), wave), (point("c", 60, 3600, "counter"), pulses)]
    world = World(sites, tz=tz, true_ms=begin_ms - 2 * 3_600_000).run((end_ms - begin_ms) / 1000 + 4 * HOUR_S)
    found = world.check()
    assert (found.duplicates, found.lost, found.unsynced) == (0, 0, 0)
    for name in ("h", "c"):
        rows = [row for row in world.rows() if row.point == name and begin_ms <= row.t_ms < end_ms]
        assert [row.dt_ms / 3_600_000 for row in rows] == hours
        assert rows[0].t_ms == begin_ms
        assert rows[-1].t_ms + rows[-1].dt_ms == end_ms
        assert not [row for row in rows if row.value is None]
        local = [datetime.fromtimestamp(row.t_ms / 1000, ZoneInfo(tz)) for row in rows]
        assert len({(at.hour, at.minute, at.utcoffset()) for at in local}) == len(hours), "no hour stands twice"
    days = [row for row in world.rows() if row.point == "d" and begin_ms <= row.t_ms < end_ms]
    assert [(row.t_ms, row.dt_ms) for row in days] == [(begin_ms, end_ms - begin_ms)]


# -- a bus that answers late


def lag(t_s: float) -> float:
    """Return a delay of 4 s in the second quarter of an hour, of 1 s in the third, of 40 s once."""
    if 2700 <= t_s < 2701:
        return 40.0
    return 4.0 if 900 <= t_s < 1800 else 1.0 if 1800 <= t_s < 2700 else 0.0


def test_what_a_bus_answers_after_its_period_was_closed_goes_upstream_as_late_and_makes_no_alarm() -> None:
    world = World([(point("s", 1, 1), wave), (point("m", 5, 60), wave)], limits=LIMITS[:1], lag_s=lag).run(HOUR_S)
    found = world.check()
    assert (found.duplicates, found.lost) == (0, 0)
    by_quarter: list[set[str]] = [set(), set(), set(), set()]
    for row in world.rows():
        if row.point == "s":
            at_s = row.t_ms / 1000 - TRUE_MS / 1000
            by_quarter[min(int(at_s // 900), 3)].add(row.why)
    assert by_quarter[0] == {""}
    assert by_quarter[1] <= {"", "late", "stale"}
    assert "late" in by_quarter[1]
    assert by_quarter[2] <= {"", "late"}
    late = [row for row in world.rows() if row.why == "late"]
    assert all(row.value is not None for row in late), "it is a value, in doubt"
    # what came 4 s late stands in the period in which it came
    assert {row.why for row in world.rows() if row.point == "m" and 960 <= (row.t_ms - TRUE_MS) / 1000 < 1740} <= {
        "", "late",
    }  # fmt: skip
    still = World([(point("s", 1, 1), wave), (point("m", 5, 60), wave)], limits=LIMITS[:1]).run(HOUR_S)
    assert [alarm[:2] for alarm in world.alarms()] == [alarm[:2] for alarm in still.alarms()]
