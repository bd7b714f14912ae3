"""Maintenance: planned ends in the site's time, reminders, automatic return, whatever the power and the clock do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from edge.core.commands import Command
from edge.core.equipment import EquipmentSpec
from edge.core.equipment_list import EquipmentList
from edge.core.maintenance import LONGEST_MS, EndError, planned_end_ms, reminder_ms
from tests.equipment_rig import BOILER, NOON, PARIS, PUMP, Room

HOUR_MS = 3_600_000
MINUTE_MS = 60_000


def at(text: str) -> int:
    """Return the UTC ms of a time in Paris."""
    return round(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp() * 1000)


@pytest.mark.parametrize(
    ("words", "now", "end"),
    [
        ("2026-11-22 17:00", "2026-11-21 12:00", "2026-11-22 17:00"),
        ("2026-11-22T17:00", "2026-11-21 12:00", "2026-11-22 17:00"),
        ("2026-11-22", "2026-11-21 12:00", "2026-11-23 00:00"),
        ("17:00", "2026-11-21 12:00", "2026-11-21 17:00"),
        ("17h30", "2026-11-21 12:00", "2026-11-21 17:30"),
        ("8:00", "2026-11-21 12:00", "2026-11-22 08:00"),
        ("12:00", "2026-11-21 12:00", "2026-11-22 12:00"),
        (" 90 min ", "2026-11-21 12:00", "2026-11-21 13:30"),
        ("2d", "2026-11-21 12:00", "2026-11-23 12:00"),
        ("2j", "2026-11-21 12:00", "2026-11-23 12:00"),
        ("00:00", "2026-12-31 12:00", "2027-01-01 00:00"),
        # clocks go forward at 2:00 on 28 March 2027: 02:30 is skipped, a day has 23 hours
        ("02:30", "2027-03-27 12:00", "2027-03-28 03:00"),
        ("06:00", "2027-03-27 12:00", "2027-03-28 06:00"),
        # and back at 3:00 on 31 October 2027: 02:30 comes twice, and the day has 25 hours
        ("06:00", "2027-10-30 12:00", "2027-10-31 06:00"),
        ("2027-10-31", "2027-10-30 12:00", "2027-11-01 00:00"),
    ],
)
def test_an_end_is_understood_on_the_sites_calendar(words: str, now: str, end: str) -> None:
    assert planned_end_ms(words, at(now), PARIS) == at(end)


def test_an_end_that_the_clocks_show_twice_is_the_first_by_its_time_and_the_last_by_its_date() -> None:
    now_ms = at("2027-10-30 12:00")
    first_ms = at("2027-10-31 02:30")
    assert planned_end_ms("02:30", now_ms, PARIS) == first_ms
    assert planned_end_ms("2027-10-31 02:30", now_ms, PARIS) == first_ms + HOUR_MS


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("", "maintenance_until"),
        ("  ", "maintenance_until"),
        ("tomorrow evening", "maintenance_unclear"),
        ("25:00", "maintenance_unclear"),
        ("2026-02-30 10:00", "maintenance_unclear"),
        ("-3h", "maintenance_past"),
        ("0h", "maintenance_past"),
        ("now", "maintenance_past"),
        ("yesterday", "maintenance_past"),
        ("2026-11-21 12:00", "maintenance_past"),
        ("2026-11-21 11:59", "maintenance_past"),
        ("1970", "maintenance_past"),
        ("2027-11-23", "maintenance_long"),
        ("9999d", "maintenance_long"),
        ("2199-01-01", "maintenance_long"),
        ("\x00", "maintenance_unclear"),
    ],
)
def test_a_past_or_absurd_end_is_refused_with_what_is_allowed(words: str, key: str) -> None:
    with pytest.raises(EndError) as caught:
        planned_end_ms(words, NOON, PARIS)
    assert caught.value.text.key == key
    room = Room()
    assert room.maintain(words).text.key == key
    assert room.is_now() == "in_service"


def test_the_longest_and_the_shortest_end_are_taken() -> None:
    assert planned_end_ms("366d", NOON, PARIS) == NOON + LONGEST_MS
    assert planned_end_ms("1min", NOON, PARIS) == NOON + MINUTE_MS


def test_a_reminder_comes_an_hour_before_or_in_the_last_quarter() -> None:
    assert reminder_ms(0, 10 * HOUR_MS) == 9 * HOUR_MS
    assert reminder_ms(0, 4 * HOUR_MS) == 3 * HOUR_MS
    assert reminder_ms(0, HOUR_MS) == 45 * MINUTE_MS


def test_a_maintenance_is_journaled_with_author_reason_and_planned_end() -> None:
    room = Room()
    result = room.maintain("2026-11-21 17:00", kind="service")
    assert result.done
    assert (result.values["before"], result.values["after"]) == ("in_service", "maintenance")
    assert result.text.values["until"] == "2026-11-21 17:00"
    assert room.told() == [
        {
            "equipment": "boiler", "before": "in_service", "after": "maintenance", "cause": "maintenance",
            "author": "anna", "channel": "local", "reason": "burner", "work": "service", "until_ms": NOON + 5 * HOUR_MS,
        }
    ]  # fmt: skip


def test_people_are_reminded_once_and_the_machine_returns_by_itself() -> None:
    room = Room()
    room.maintain("5h")
    room.silence_until(4 * 3600 - 1)
    assert not room.told("maintenance_reminder")
    room.silence_until(4 * 3600)
    assert [told["left_ms"] for told in room.told("maintenance_reminder")] == [HOUR_MS]
    room.silence_until(5 * 3600 - 1)
    assert room.is_now() == "maintenance"
    room.silence_until(5 * 3600)
    assert room.is_now() == "in_service"
    assert room.told()[-1]["cause"] == "time"
    assert len(room.told("maintenance_reminder")) == 1


def test_the_engine_asks_to_be_called_at_the_reminder_and_at_the_end() -> None:
    room = Room()
    room.tick(59)
    room.maintain("2min")
    machines = room.engine.part(EquipmentList)
    due = []
    while room.is_now() == "maintenance":
        room.engine.tick(round(room.engine.next_due_ms()))
        room.collect()
        due.append(round(machines.due_ms))
    assert sorted(set(due)) == [60_000, 120_000, 149_000, 179_000, 180_000]


def test_a_machine_whose_alarm_is_active_at_the_end_is_faulty() -> None:
    room = Room()
    room.maintain("3h")
    room.hot(10, 31)
    assert room.is_now() == "maintenance"
    assert room.kinds().count("alarm_begin") == 2, "journaled all the same"
    room.silence_until(3 * 3600)
    assert room.is_now() == "faulty"
    assert (room.told()[-1]["cause"], room.told()[-1]["limit"]) == ("alarm", "l")


def test_an_alarm_that_came_and_went_meanwhile_leaves_no_trace_on_the_machine() -> None:
    room = Room()
    room.maintain("3h")
    room.hot(10, 31)
    room.hot(11, 20)
    assert room.say("maintenance", equipment="boiler", do="end").done
    assert room.is_now() == "in_service"
    assert room.told()[-1]["author"] == "anna"


def test_a_person_ends_it_while_an_alarm_is_active() -> None:
    room = Room()
    room.maintain("3h")
    room.hot(10, 31)
    result = room.say("maintenance", equipment="boiler", do="end")
    assert (result.done, result.values["after"]) == (True, "faulty")
    assert (room.told()[-1]["cause"], room.told()[-1]["author"]) == ("alarm", "anna")


def test_a_faulty_machine_that_was_repaired_in_a_maintenance_is_in_service_after_it() -> None:
    room = Room()
    room.hot(1, 31)
    room.maintain("3h", kind="repair")
    room.hot(2, 20)
    room.say("maintenance", equipment="boiler", do="end")
    assert room.is_now() == "in_service"


def test_two_maintenances_at_once_are_of_two_machines() -> None:
    room = Room()
    assert room.maintain("3h").done
    again = room.maintain("5h")
    assert (again.done, again.text.key) == (False, "maintenance_already")
    assert again.text.values["until"] == "2026-11-21 15:00"
    assert room.maintain("1h", name="pump").done
    room.silence_until(3600)
    assert (room.is_now(), room.is_now("pump")) == ("maintenance", "in_service")


def test_an_extended_maintenance_ends_later_and_reminds_again() -> None:
    room = Room()
    room.maintain("3h")
    room.silence_until(2 * 3600 + 1200)
    result = room.say("maintenance", equipment="boiler", do="extend", until="20:00")
    assert (result.done, result.values["before"], result.values["after"]) == (
        True, "2026-11-21 15:00", "2026-11-21 20:00",
    )  # fmt: skip
    assert room.told("maintenance_extended")[0]["until_ms"] == at("2026-11-21 20:00")
    room.silence_until(4 * 3600)
    assert room.is_now() == "maintenance"
    room.silence_until(8 * 3600)
    assert len(room.told("maintenance_reminder")) == 2
    assert room.is_now() == "in_service"


# -- alarms meanwhile


def test_alarms_in_a_maintenance_are_journaled_and_told_to_nobody() -> None:
    room = Room(tells=True)
    room.maintain("3h")
    room.hot(10, 31)
    room.hot(20, 20)
    room.silence_until(120)
    begun = [event.values for event in room.events if event.kind == "alarm_begin"]
    assert [values["suppressed"] for values in begun] == [True, True]
    assert room.notified() == []


def test_an_alarm_that_is_active_at_the_end_of_a_maintenance_is_told_then() -> None:
    room = Room(tells=True)
    room.maintain("3h")
    room.hot(10, 31)
    room.say("maintenance", equipment="boiler", do="end")
    room.silence_until(60)
    assert [what for what, _ids in room.notified()] != []
    assert room.is_now() == "faulty"


def test_alarms_of_other_machines_are_told_all_the_while() -> None:
    room = Room(BOILER, PUMP, tells=True)
    room.maintain("3h", name="pump")
    room.hot(10, 31)
    room.silence_until(60)
    assert room.notified()


def test_a_power_cut_in_a_maintenance_keeps_its_alarms_from_people() -> None:
    room = Room(tells=True)
    room.maintain("3h")
    room.hot(10, 31)
    again = room.again(0, off_s=60)
    again.hot(1, 20)
    again.hot(2, 31)
    again.silence_until(60)
    assert again.kinds().count("alarm_begin") == 2
    assert again.notified() == []
    over = again.again(0, off_s=86_400)
    over.silence_until(60)
    assert over.is_now() == "faulty"
    assert over.notified(), "the maintenance ended while the box was off, and the alarm is active"


def test_a_machine_that_left_the_settings_in_its_maintenance_silences_nothing() -> None:
    room = Room(tells=True)
    room.maintain("3h")
    again = room.again(0, specs=[PUMP])
    again.hot(1, 31)
    again.silence_until(60)
    assert again.notified()


# -- power and clock


def test_a_maintenance_survives_a_power_cut_and_ends_at_the_planned_time_of_day() -> None:
    room = Room()
    room.maintain("3h")
    room.silence_until(600)
    again = room.again(5, off_s=1800)
    assert again.is_now() == "maintenance"
    assert not again.told()
    again.silence_until(5 + 3 * 3600 - 600 - 1800 - 1)
    assert again.is_now() == "maintenance"
    again.silence_until(5 + 3 * 3600 - 600 - 1800)
    assert again.is_now() == "in_service"
    assert len(again.told("maintenance_reminder")) == 1


def test_a_maintenance_whose_end_passed_while_the_box_was_off_ends_at_the_start() -> None:
    room = Room()
    room.maintain("3h")
    again = room.again(5, off_s=86_400)
    assert [(told["before"], told["after"], told["cause"]) for told in again.told()] == [
        ("maintenance", "in_service", "time")
    ]
    assert not again.told("maintenance_reminder")
    again.hot(6, 31)
    assert again.is_now() == "faulty"


def test_a_clock_that_is_set_moves_no_planned_end() -> None:
    room = Room()
    room.maintain("15:00")
    room.engine.set_clock(room.engine.utc_offset_ms + 2 * HOUR_MS)  # the clock was two hours slow
    room.silence_until(3600 - 1)
    assert room.is_now() == "maintenance"
    room.silence_until(3600)
    assert room.is_now() == "in_service"


def test_without_a_clock_only_a_length_is_taken_and_it_stays_one_when_the_clock_comes() -> None:
    room = Room(is_dated=False, utc_ms=1_000_000)
    assert room.maintain("17:00").text.key == "maintenance_undated"
    assert room.maintain("2026-11-22").text.key == "maintenance_undated"
    assert room.maintain("3h").done
    room.silence_until(600)
    room.engine.set_clock(NOON)
    room.silence_until(3 * 3600 - 1)
    assert room.is_now() == "maintenance"
    room.silence_until(3 * 3600)
    assert room.is_now() == "in_service"


def test_the_same_order_twice_is_one_maintenance() -> None:
    room = Room()
    args: dict[str, Any] = {"equipment": "boiler", "do": "start", "until": "3h", "reason": "burner"}
    first = room.engine.command(Command("same", "maintenance", args, "anna", "local"), 0)
    second = room.engine.command(Command("same", "maintenance", args, "anna", "local"), 1000)
    room.collect()
    assert first == second
    assert len(room.told()) == 1


# -- service


def test_a_service_is_due_after_its_run_hours_and_told_once() -> None:
    pump = EquipmentSpec("pump", frozenset({"q"}), runs="q", service_ms=2 * HOUR_MS)
    room = Room(BOILER, pump)
    room.run_pump(0, 3 * 3600)
    due = room.told("service_due", "pump")
    assert [(told["ran_h"], told["every_h"]) for told in due] == [(2, 2.0)]
    again = room.again(4)
    assert not again.told("service_due", "pump")
    again.run_pump(5, 600)
    assert not again.told("service_due", "pump")
    assert again.maintain("1h", name="pump", kind="repair").done
    again.say("maintenance", equipment="pump", do="end")
    assert again.left_h("pump") < 0, "a repair is no service"
    again.maintain("1h", name="pump", kind="service")
    again.say("maintenance", equipment="pump", do="end")
    assert again.left_h("pump") == 2
