"""Machines: the transition table, alarms that make one faulty, orders, and what a restart finds."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from edge.core.clock import ClockEntry, Dating
from edge.core.counter import Volatile
from edge.core.equipment import STATES, TRANSITIONS, Cause, EquipmentSpec, Happening, Machine, Plan
from edge.core.equipment_list import EquipmentList
from edge.core.equipment_view import Summary, equipment, summary
from edge.core.kinds import Counter
from edge.core.run_time import RunTime
from tests.equipment_rig import BOILER, NOON, PUMP, Room
from tests.support import ROOT

PAGE = (ROOT / "docs" / "equipment.md").read_text(encoding="utf-8")
ROW = re.compile(r"\| `(\w+)` \|[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|")


def page_table() -> dict[str, list[str | None]]:
    found = {}
    for what, *cells in ROW.findall(PAGE):
        words = [cell.strip().strip("`") for cell in cells]
        found[what] = [None if word == "refused" else word for word in words]
    return found


def test_the_page_shows_the_transition_table_that_is_in_force() -> None:
    assert page_table() == {what: [row[state] for state in STATES] for what, row in TRANSITIONS.items()}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("what", get_args(Happening))
def test_each_happening_leads_where_the_table_says_and_is_journaled_once_when_it_changes_anything(
    what: Happening, state: Any
) -> None:
    plan = Plan("work", NOON + 3_600_000, None) if state == "maintenance" else None
    saved = {"equipment": {"boiler": Machine(state, 1, 0, Cause("by_hand"), plan)}}
    room = Room(saved_events=saved, limits=())
    machines = room.engine.part(EquipmentList)
    after = TRANSITIONS[what][state]
    assert machines.happen("boiler", what, 5000, Cause("by_hand")) == (after is not None)
    room.collect()
    assert room.is_now() == (after or state)
    changes = after is not None and (after != state or what == "fault")
    assert [(told["before"], told["after"]) for told in room.told()] == [(state, after)] * changes
    assert room.engine.points["boiler.state"].value == STATES.index(after or state)


def test_an_alarm_of_its_point_makes_a_machine_faulty_and_its_end_alone_does_not_restore_it() -> None:
    room = Room()
    room.hot(1, 31)
    assert room.told() == [
        {"equipment": "boiler", "before": "in_service", "after": "faulty", "cause": "alarm", "alarm": 1, "limit": "l"}
    ]
    room.hot(2, 20)
    assert room.kinds()[-1] == "alarm_end"
    assert room.is_now() == "faulty"
    assert room.say("equipment", equipment="boiler", to="restore").done
    assert room.told()[1:] == [
        {
            "equipment": "boiler", "before": "faulty", "after": "in_service", "cause": "restored", "author": "anna",
            "channel": "local",
        }
    ]  # fmt: skip


def test_a_machine_that_is_restored_when_clear_waits_for_the_last_of_its_alarms() -> None:
    room = Room(EquipmentSpec("boiler", frozenset({"p"}), frozenset({"l", "warm"}), when_clear=True))
    room.hot(1, 31)
    room.hot(2, 27)
    assert room.is_now() == "faulty"
    room.hot(3, 20)
    assert [told["cause"] for told in room.told()] == ["alarm", "clear"]
    assert room.is_now() == "in_service"


def test_what_a_person_called_faulty_is_not_restored_by_the_end_of_an_alarm() -> None:
    room = Room(EquipmentSpec("boiler", frozenset({"p"}), frozenset({"l"}), when_clear=True))
    room.say("equipment", equipment="boiler", to="faulty", reason="smells of gas")
    room.hot(1, 31)
    room.hot(2, 20)
    assert room.is_now() == "faulty"
    room.hot(3, 31)
    room.say("equipment", equipment="boiler", to="faulty")
    room.hot(4, 20)
    assert room.is_now() == "faulty"
    assert [told["cause"] for told in room.told()] == ["by_hand", "by_hand"]


def test_alarms_that_do_not_count_leave_the_machine_in_service() -> None:
    room = Room()
    room.hot(1, 27)
    assert room.kinds() == ["alarm_begin"]
    assert room.is_now() == "in_service"


def test_a_restore_while_an_alarm_is_active_is_refused_with_its_name_and_changes_nothing() -> None:
    room = Room()
    room.hot(1, 31)
    result = room.say("equipment", equipment="boiler", to="restore")
    assert not result.done
    assert (result.text.key, result.text.values["limits"]) == ("equipment_stays_faulty", ["l"])
    assert len(room.told()) == 1


@pytest.mark.parametrize(
    ("verb", "args", "key"),
    [
        ("equipment", {"equipment": "boiler", "to": "restore"}, "equipment_stays_in_service"),
        ("equipment", {"equipment": "boilr", "to": "restore"}, "equipment_none"),
        ("equipment", {"equipment": "", "to": "faulty"}, "equipment_none"),
        ("equipment", {"equipment": "boiler", "to": "broken"}, "command_bad_args"),
        ("equipment", {"equipment": "boiler"}, "command_bad_args"),
        ("equipment", {"equipment": 7, "to": "restore"}, "command_bad_args"),
        ("equipment", {"equipment": "boiler", "to": "faulty", "reason": "x" * 201}, "command_bad_args"),
        ("maintenance", {"equipment": "boilr", "do": "start", "until": "3h", "reason": "x"}, "equipment_none"),
        ("maintenance", {"equipment": "boiler", "do": "end"}, "maintenance_none"),
        ("maintenance", {"equipment": "boiler", "do": "extend", "until": "3h"}, "maintenance_none"),
        ("maintenance", {"equipment": "boiler", "do": "start", "until": "3h"}, "maintenance_reason"),
        ("maintenance", {"equipment": "boiler", "do": "start", "reason": "x"}, "maintenance_until"),
    ],
)
def test_a_bad_order_is_answered_by_what_is_wrong_and_changes_nothing(
    verb: str, args: dict[str, Any], key: str
) -> None:
    room = Room()
    before = room.event_registers["equipment"]
    result = room.say(verb, **args)
    assert (result.done, result.text.key) == (False, key)
    assert room.event_registers["equipment"] == before
    assert not room.told()


def test_who_names_a_machine_that_does_not_exist_is_told_which_there_are() -> None:
    assert Room().say("equipment", equipment="boilr", to="restore").text.values["known"] == ["boiler", "pump"]


def test_a_limit_that_is_out_of_service_makes_nothing_faulty_until_it_is_back() -> None:
    room = Room()
    room.say("alarm.service", limit="l", to="out", reason="probe replaced")
    room.hot(1, 31)
    assert room.is_now() == "in_service"
    assert not room.told()
    room.say("alarm.service", limit="l", to="in")
    assert room.is_now() == "faulty"
    room.say("alarm.service", limit="l", to="out", reason="probe again")
    assert room.say("equipment", equipment="boiler", to="restore").done


# -- restarts


def test_state_cause_and_since_survive_a_restart() -> None:
    room = Room()
    room.hot(7, 31)
    again = room.again(3)
    assert msgpack(again.machine()) == msgpack(room.machine())
    assert again.machine().since_ms == 7000
    assert not again.told()
    assert not again.say("equipment", equipment="boiler", to="restore").done, "its alarm is still active"


def msgpack(machine: Machine) -> tuple[Any, ...]:
    return machine.state, machine.boot, machine.since_ms, machine.cause


def test_a_machine_that_got_an_active_alarm_while_the_box_was_off_is_faulty_at_the_start() -> None:
    room = Room()
    room.hot(1, 27)
    again = room.again(2, specs=[EquipmentSpec("boiler", frozenset({"p"}), frozenset({"warm"})), PUMP])
    assert [told["limit"] for told in again.told()] == ["warm"]


def test_an_alarm_whose_limit_left_the_settings_restores_a_machine_only_where_the_site_says_so() -> None:
    for when_clear, after in ((False, "faulty"), (True, "in_service")):
        spec = EquipmentSpec("boiler", frozenset({"p"}), frozenset({"l"}), when_clear=when_clear)
        room = Room(spec)
        room.hot(1, 31)
        again = room.again(2, limits=(), specs=[EquipmentSpec("boiler", frozenset({"p"}), when_clear=when_clear)])
        assert again.is_now() == after


def test_a_machine_that_left_the_settings_is_forgotten() -> None:
    room = Room()
    room.hot(1, 31)
    again = room.again(2, specs=[PUMP])
    assert list(again.event_registers["equipment"]) == ["pump"]


def test_a_site_without_machines_has_nothing_to_do() -> None:
    part = EquipmentList([])
    room = Room(limits=())
    part.attach(room.engine)
    assert part.due_ms == float("inf")
    assert not part.is_changed


# -- a reload


def test_a_reload_changes_no_state_and_keeps_a_maintenance_quiet() -> None:
    room = Room()
    room.hot(1, 31)
    room.maintain("3h", name="pump")
    before = room.machine(), room.machine("pump")
    told = len(room.events)
    room.reload(BOILER, PUMP, t_s=30)
    assert (room.machine(), room.machine("pump")) == before
    assert [event.kind for event in room.events[told:]] == []
    assert list(room.engine.alarms.silences.suppressed) == ["maintenance:pump"]
    assert room.say("maintenance", equipment="pump", do="end").done


def test_a_reload_brings_and_takes_machines() -> None:
    room = Room()
    room.hot(1, 27)
    room.maintain("3h")
    room.reload(PUMP, t_s=30)
    assert not room.engine.alarms.silences.suppressed
    assert "boiler.state" not in room.engine.points
    room.reload(EquipmentSpec("boiler", frozenset({"p"}), frozenset({"warm"})), PUMP, t_s=60)
    assert room.is_now() == "faulty", "it is a new one, and its alarm is active"


def test_a_reload_loses_no_run_time() -> None:
    room = Room()
    room.pump(0, 0)
    room.pump(11, 1)
    for t_s in range(12, 100):
        room.silence_until(t_s)
        room.reload(BOILER, PUMP, t_s=t_s)
    room.pump(100, 0)
    room.silence_until(110)
    assert room.engine.part(RunTime).of("pump").run_ms == 89_000
    assert room.engine.points["pump.hours"].value == pytest.approx(89 / 3600, abs=1e-8)
    assert room.engine.points["pump.starts"].value == 1


def test_a_machine_that_leaves_while_it_runs_takes_nothing_with_it() -> None:
    room = Room()
    room.pump(0, 0)
    room.pump(11, 1)
    room.silence_until(13)
    room.reload(BOILER, t_s=14)
    room.silence_until(30)
    room.reload(BOILER, PUMP, t_s=31)
    room.pump(41, 1)
    room.pump(51, 0)
    assert room.engine.part(RunTime).of("pump").run_ms == 3000 + 20_000
    assert room.engine.points["pump.hours"].value == pytest.approx(23 / 3600, abs=1e-8)


# -- what is shown


def test_the_state_is_a_point_with_records_and_one_line_of_journal_a_change() -> None:
    room = Room()
    room.hot(1, 31)
    for t_s in range(60, 241, 60):
        room.hot(t_s, 31)
    assert sorted(room.kinds()) == ["alarm_begin", "alarm_begin", "equipment"], "and no `state` beside it"
    records = [(record.value, record.changes) for record in room.records if record.point == "boiler.state"]
    assert records[0] == (1, 1)


def test_a_view_tells_state_since_cause_and_alarms() -> None:
    room = Room()
    room.hot(7, 31)
    dating = Dating()
    dating.add(ClockEntry(1, 0, NOON, "ntp"))
    boiler, pump = equipment(room.engine, dating)
    assert (boiler.state, boiler.since_utc_ms, boiler.cause, boiler.alarm) == ("faulty", NOON + 7000, "alarm", 1)
    assert (boiler.limit, boiler.points, boiler.alarms, boiler.run_h) == ("l", ["p"], [1, 2], None)
    assert (pump.state, pump.run_h, pump.starts, pump.runs, pump.alarms) == ("in_service", 0.0, 0, None, [])
    assert equipment(room.engine, Dating())[0].since_utc_ms is None


def test_a_view_shows_the_hours_that_a_person_took_over() -> None:
    room = Room()
    room.pump(0, 0)
    room.pump(3600, 1)
    room.pump(3600 + 36, 0)
    counter = room.engine.points["pump.hours"]
    assert isinstance(counter, Counter)
    assert isinstance(counter.register, Volatile)
    counter.register.shift(12_345.0)
    assert equipment(room.engine, Dating())[1].run_h == pytest.approx(12_345.01)


def test_a_summary_counts_machines_by_state() -> None:
    assert summary([]) == Summary(0, 0, 0, 0)
    assert summary(["faulty", "maintenance", "faulty"]) == Summary(3, 0, 2, 1)


def test_the_boiler_of_these_tests_is_the_one_of_the_page() -> None:
    assert BOILER.id in PAGE
