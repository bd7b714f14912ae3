"""Limits: the acceptance lines of their kinds, through readings, records and the events that they yield."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core import alarm_view, view
from edge.core.clock import Dating
from edge.core.limit_memory import LimitMemory
from edge.core.part import Part
from edge.core.types import Event, Input, LimitSpec, PointSpec
from edge.settings.event_text import sentence
from tests.metered_site import MeteredSite, counter, utc_ms
from tests.unit.rig import Rig, gauge, high, sample

PARIS = ZoneInfo("Europe/Paris")
HOUR_MS = 3_600_000


class Watched(MeteredSite):
    """A site of meters with limits on them."""

    def parts(self) -> list[Part]:
        return [*super().parts(), LimitMemory(self.registers)]

    def alarms(self) -> list[tuple[str, str]]:
        """Return the alarms so far: begin or end, and the local time as month-day hour:minute."""
        found = []
        for event in self.events:
            if event.kind in {"alarm_begin", "alarm_end"}:
                at_ms = self.start_ms + event.at_ms
                local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(PARIS)
                found.append((event.kind[6:], f"{local:%m-%d %H:%M}"))
        return found

    def draw(self, begin: str, end: str, litres_an_hour: float) -> None:
        """Let water run between two local times, read each minute."""
        at_ms, end_ms = utc_ms(begin, PARIS), utc_ms(end, PARIS)
        total = getattr(self, "drawn", 0.0)
        while at_ms < end_ms:
            self.read(at_ms, ("water.cold", int(total)))
            total += litres_an_hour / 60
            at_ms += 60_000
        self.drawn = total


def kinds(rig: Rig) -> list[tuple[str, int]]:
    return [(event.kind[6:], event.at_ms) for event in rig.events if event.kind in {"alarm_begin", "alarm_end"}]


def test_a_value_above_its_limit_is_an_alarm_within_one_acquisition_period() -> None:
    """T1: 31.5 with max 30 → alarm event ≤ 1 acquisition period."""
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 25, 31.5)
    assert kinds(rig) == [("begin", 2000)]


@pytest.mark.parametrize(
    ("kind", "or_equal", "begins"),
    [
        ("low", False, [29.0]),
        ("low", True, [29.0, 30.0]),
        ("high", False, [31.0]),
        ("high", True, [30.0, 31.0]),
        ("equal", False, [30.0]),
    ],
)
def test_each_of_the_five_comparisons_begins_where_it_says(kind: Any, or_equal: bool, begins: list[float]) -> None:
    """T2: table-driven test on the five limit types <, ≤, >, ≥, =."""
    inside = {"low": 35.0, "high": 25.0, "equal": 25.0}[kind]
    for value in (29.0, 30.0, 31.0):
        rig = Rig(gauge(), high(30, kind=kind, or_equal=or_equal))
        rig.each_second(1, inside, value, inside)
        expected = [("begin", 2000), ("end", 3000)] if value in begins else []
        assert kinds(rig) == expected, value


def test_hysteresis_keeps_an_alarm_from_chattering() -> None:
    """T3: 25, 30.5, 31.5, 30.5, 29.5, 28.9 with limit 30 hyst 1 → exactly 1 begin (31.5) and 1 end (28.9).

    A deadband is on the way back only (ISA-18.2); a hysteresis of 1 either way round 30 is a limit of 31 with a
    deadband of 2. With a limit of 30 and a deadband of 1 the one alarm begins at 30.5 already.
    """
    for limit, begin_ms in ((high(31, deadband=2), 3000), (high(30, deadband=1), 2000)):
        rig = Rig(gauge(), limit)
        rig.each_second(1, 25, 30.5, 31.5, 30.5, 29.5, 28.9)
        assert kinds(rig) == [("begin", begin_ms), ("end", 6000)]


def test_crossings_shorter_than_the_delay_are_no_alarm() -> None:
    """T4: 20 crossings shorter than the delay → 0 alarms."""
    rig = Rig(gauge(), high(30, on_delay_ms=3000))
    rig.each_second(1, *[31, 31, 29] * 20)
    assert kinds(rig) == []
    rig.each_second(61, 31, 31, 31, 31)
    assert kinds(rig) == [("begin", 64_000)]


def test_a_value_through_two_stages_is_two_events_and_one_active_level() -> None:
    """T5: value through 2 levels → two events, one active level."""
    rig = Rig(
        gauge(), high(30, id="warm", deadband=1), high(40, id="hot", kind="high_high", deadband=1, priority="critical")
    )
    rig.each_second(1, 25, 35, 45)
    assert [(event.kind, event.values["limit"]) for event in rig.events] == [
        ("alarm_begin", "warm"), ("alarm_begin", "hot"),
    ]  # fmt: skip
    [value] = view.values(rig.engine, 3000)
    assert [limit.id for limit in value.limits if limit.active and not limit.under] == ["hot"]
    documents = alarm_view.alarm_documents(rig.engine, Dating())
    assert documents["1"]["under"] == 2
    assert "under" not in documents["2"]
    rig.each_second(4, 35)
    [value] = view.values(rig.engine, 4000)
    assert [limit.id for limit in value.limits if limit.active and not limit.under] == ["warm"]


def test_a_limit_that_is_another_point_follows_it() -> None:
    """T6: limit = another variable."""
    rig = Rig(gauge(unit="Cel"), gauge(id="set", unit="Cel"), high(other="set", deadband=1.0))
    rig.cycle(1, sample(1, 60.0, point="set"), sample(1, 50.0))
    rig.cycle(2, sample(2, 45.0, point="set"))
    rig.cycle(3, sample(3, 60.0, point="set"))
    assert kinds(rig) == [("begin", 2000), ("end", 3000)]
    begin = rig.events[0]
    assert (begin.point, begin.values["v"], begin.values["at"], begin.values["of"]) == ("p", 50.0, 45.0, "set")
    assert sentence("en", UTC, begin.kind, begin.point, begin.values) == "p: alarm 1 HIGH 50 °C > 45 °C (set)"


def test_a_deviation_from_a_setpoint_is_an_alarm_of_the_point() -> None:
    """T6: limit = another variable: setpoint-relative."""
    rig = Rig(gauge(unit="Cel"), gauge(id="set", unit="Cel"), high(5, kind="deviation", other="set", deadband=1.0))
    rig.cycle(1, sample(1, 60.0, point="set"), sample(1, 52.0))
    rig.cycle(2, sample(2, None, "no_answer", point="set"), sample(2, 60.0))
    assert kinds(rig) == [("begin", 1000)]  # without a setpoint nothing says that it is over
    rig.cycle(3, sample(3, 60.0, point="set"))
    assert kinds(rig) == [("begin", 1000), ("end", 3000)]
    said = [sentence("fr", UTC, event.kind, event.point, event.values) for event in rig.events]
    assert said == [
        "p\u00a0: alarme 1 ÉCART 8 °C > 5 °C (set)",
        "p\u00a0: fin d'alarme 1 ÉCART 0 °C, extrême 8 °C, après 2 s",
    ]


def cold_room(text: str = 'door == "open" and t > 8') -> Rig:
    condition = LimitSpec(
        "left.open", "t", "expression", expression=text,
        inputs={"door": Input("", ("open", "closed")), "t": Input("Cel")},
    )  # fmt: skip
    door = PointSpec("door", "state", words=("open", "closed"), period_ms=1000, record_ms=10_000)
    return Rig(gauge(id="t", unit="Cel"), door, condition)


def test_an_alarm_only_if_the_door_is_open_and_it_is_above_8_degrees() -> None:
    """T7: alert only if door open AND >8 °C."""
    rig = cold_room()
    rig.cycle(1, sample(1, 9.0, point="t"))  # nothing is known of the door yet
    rig.cycle(2, sample(2, 1, point="door"))
    rig.cycle(3, sample(3, 0, point="door"))
    assert kinds(rig) == [("begin", 3000)]
    rig.cycle(4, sample(4, None, "no_answer", point="t"), sample(4, 1, point="door"))
    assert kinds(rig) == [("begin", 3000)]  # BAD says nothing
    rig.cycle(5, sample(5, 7.0, point="t"))
    assert kinds(rig) == [("begin", 3000), ("end", 5000)]
    begin = next(event for event in rig.events if event.kind == "alarm_begin")
    assert begin.values["inputs"] == "door=0 t=9"
    assert "v" not in begin.values
    assert sentence("en", UTC, begin.kind, begin.point, begin.values) == (
        't: alarm 1 CONDITION door == "open" and t > 8'
    )


def test_an_expression_without_a_value_says_nothing() -> None:
    """T7: complex event: a division by zero is no alarm."""
    rig = cold_room("door / door > 0")
    rig.cycle(1, sample(1, 0, point="door"))
    assert kinds(rig) == []
    rig.cycle(2, sample(2, 1, point="door"))
    assert kinds(rig) == [("begin", 2000)]


DAY = LimitSpec("day", "water.cold", "consumption", value=0.5, per="day")


def test_a_days_consumption_is_one_alarm_for_that_day() -> None:
    """T8: day EFS > threshold → one flag/alarm for that day, not one per hour."""
    site = Watched([counter()], PARIS, utc_ms("2026-11-20 00:00", PARIS), limits=[DAY])
    site.draw("2026-11-20 00:00", "2026-11-22 00:10", 40)
    assert site.alarms() == [
        ("begin", "11-20 12:32"), ("end", "11-21 00:00"), ("begin", "11-21 12:30"), ("end", "11-22 00:00"),
    ]  # fmt: skip
    begin = next(event for event in site.events if event.kind == "alarm_begin")
    assert begin.values["v"] == 0.501
    assert sentence("en", UTC, begin.kind, begin.point, begin.values) == (
        "water.cold: alarm 1 USAGE 0.501 m³ today > 0.5 m³"
    )


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)], ids=["spring forward", "fall back"]
)
def test_a_day_of_23_or_25_hours_has_its_own_consumption(day: str, hours: int) -> None:
    """T8: the local day counts, also where the clocks change: 20 l an hour are 460 l in 23 h and 500 l in 25 h."""
    begin = datetime.fromisoformat(day)
    limits = [LimitSpec("day", "water.cold", "consumption", value=(hours * 20 - 5) / 1000, per="day")]
    before, after = f"{begin - timedelta(hours=1):%F %H:%M}", f"{begin + timedelta(days=1, minutes=5):%F %H:%M}"
    site = Watched([counter()], PARIS, utc_ms(before, PARIS), limits=limits)
    site.draw(before, after, 20)
    assert site.alarms() == [
        ("begin", f"{begin:%m-%d} 23:46"), ("end", f"{begin + timedelta(days=1):%m-%d} 00:00"),
    ]  # fmt: skip


def test_a_days_alarm_ends_with_the_day_though_the_meter_is_silent_and_survives_a_power_cut() -> None:
    """T8: one alarm for the day, through a restart; it ends with the day whatever the meter does."""
    site = Watched([counter()], PARIS, utc_ms("2026-11-20 08:00", PARIS), limits=[DAY])
    site.draw("2026-11-20 08:00", "2026-11-20 18:00", 100)
    assert [kind for kind, _ in site.alarms()] == ["begin"]
    site.kill(utc_ms("2026-11-20 19:00", PARIS), is_dated=False)
    site.drawn = 0.0
    site.draw("2026-11-20 19:00", "2026-11-20 19:30", 100)
    site.date(utc_ms("2026-11-20 19:30", PARIS))
    site.draw("2026-11-20 19:31", "2026-11-20 21:00", 100)
    assert len(site.alarms()) == 1
    at_ms, end_ms = utc_ms("2026-11-20 21:00", PARIS), utc_ms("2026-11-21 00:01", PARIS)
    while at_ms < end_ms:  # the meter is dead
        site.pass_time(at_ms)
        at_ms += 1000
    assert site.alarms()[1:] == [("end", "11-21 00:00")]


def test_a_day_that_nobody_can_date_has_no_consumption() -> None:
    """T8: a clock that is not trusted puts nothing into a day."""
    site = Watched([counter()], PARIS, utc_ms("2026-11-20 08:00", PARIS), limits=[DAY], is_dated=False)
    site.draw("2026-11-20 08:00", "2026-11-20 20:00", 100)
    assert site.alarms() == []
    site.date(utc_ms("2026-11-20 20:00", PARIS))
    site.draw("2026-11-20 20:01", "2026-11-20 20:02", 100)
    assert site.alarms() == [("begin", "11-20 20:01")]


def test_a_flow_that_never_was_zero_for_a_day_is_a_leak() -> None:
    """C11: flow never 0 during 24 h."""
    leak = LimitSpec("leak", "p", "never_zero", over_ms=24 * HOUR_MS, diagnosis="leak")
    rig = Rig(gauge(unit="m3/s", period_ms=600_000, record_ms=600_000, stale_ms=2_000_000), leak)
    for minute in range(0, 26 * 60, 10):
        rig.read(minute * 60, 0.00001 if minute != 60 else 0.0)
    [begin] = [event for event in rig.events if event.kind == "alarm_begin"]
    assert begin.at_ms == 25 * HOUR_MS
    assert sentence("en", UTC, begin.kind, begin.point, begin.values) == ("p: alarm 1 NO PAUSE for 1 d (leak)")
    rig.read(26 * 3600, 0.0)
    assert rig.kinds()[-1] == "alarm_end"


def test_a_meter_without_a_pause_is_a_leak_also_across_a_power_cut() -> None:
    """C11: flow never 0 during 24 h, told by a pulse meter; a box that was off neither proves nor disproves it."""
    leak = LimitSpec("leak", "water.cold", "never_zero", over_ms=24 * HOUR_MS, rest_ms=HOUR_MS, is_index=True)
    site = Watched([counter()], PARIS, utc_ms("2026-11-20 00:00", PARIS), limits=[leak])
    site.draw("2026-11-20 00:00", "2026-11-20 23:00", 6)
    site.kill(utc_ms("2026-11-21 06:00", PARIS), is_dated=False)
    site.drawn = 0.0
    site.draw("2026-11-21 06:00", "2026-11-21 08:00", 6)
    [(kind, at)] = site.alarms()
    assert (kind, at[:5]) == ("begin", "11-21")
    assert "07:00" <= at[6:] <= "07:16"  # what was counted since the last save, a hundredth at most, is lost
    site.draw("2026-11-21 08:00", "2026-11-21 09:30", 0)
    assert [kind for kind, _ in site.alarms()] == ["begin", "end"]


def test_a_power_near_the_subscribed_one_is_told_with_both() -> None:
    """T6: limit = another variable: the meter's own subscribed power, counted at 200 V."""
    near = high(90, kind="subscribed", other="isousc", factor=200.0, deadband=2.0)
    rig = Rig(gauge(unit="VA"), gauge(id="isousc", unit="A"), near)
    rig.cycle(1, sample(1, 45, point="isousc"), sample(1, 8000))
    rig.cycle(2, sample(2, 8300))
    rig.cycle(3, sample(3, 8000))
    rig.cycle(4, sample(4, 7900))
    assert kinds(rig) == [("begin", 2000), ("end", 4000)]
    begin = rig.events[0]
    assert begin.values["of_v"] == 45
    assert sentence("en", UTC, begin.kind, begin.point, begin.values) == ("p: alarm 1 CONTRACT 92.22 % > 90 % (isousc)")


def test_a_pressure_that_falls_too_fast_is_told_by_its_rate() -> None:
    """T2: limit types: the rate of change."""
    falls = high(0.5, kind="rate", over_ms=600_000, per="hour", direction="down", or_equal=True)
    rig = Rig(gauge(unit="bar", period_ms=60_000, record_ms=60_000, stale_ms=200_000), falls)
    for minute in range(30):
        rig.read(minute * 60, 2.0 if minute < 10 else 2.0 - (minute - 10) * 0.05)
    assert [event.at_ms for event in rig.events] == [12 * 60_000]
    said = sentence("en", UTC, "alarm_begin", "p", rig.events[0].values)
    assert said == "p: alarm 1 RATE 0.6 bar an hour ≥ 0.5 bar"


def test_alarms_begin_and_end_at_the_times_of_their_readings_also_of_one_that_came_late() -> None:
    """T1: alarm event ≤ 1 acquisition period: at the reading's time; of a closed period, at the open one's begin."""
    rig = Rig(gauge(), high(30))
    rig.cycle(11, sample(11, 20.0))
    rig.cycle(13, sample(13, 35.0))
    rig.cycle(14, sample(14, 20.0))
    rig.cycle(9, sample(9, 35.0))
    rig.cycle(15, sample(15, 20.0))
    found = [Event(event.kind, event.at_ms) for event in rig.events]
    assert found == [
        Event("alarm_begin", 13_000), Event("alarm_end", 14_000),
        Event("alarm_begin", 10_000), Event("alarm_end", 15_000),
    ]  # fmt: skip
