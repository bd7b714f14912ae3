"""Machines, maintenance and tags: the acceptance lines of ST1 to ST3, T11, T18's machine half and D14."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.commands import Command
from edge.core.equipment import STATES, TRANSITIONS
from edge.core.equipment_list import EquipmentList
from edge.core.facts import PointFacts
from edge.core.series import HistoryRecord
from tests.equipment_rig import Room
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.unit.test_tags import Lab

MINUTE = 60_000


def test_each_state_of_a_machine_follows_the_transition_table_and_is_journaled_with_its_cause() -> None:
    """ST1: states en_service / en_panne / maintenance per equipment, every change journaled with cause."""
    assert set(STATES) == {"in_service", "faulty", "maintenance"}
    assert all(set(row) == set(STATES) for row in TRANSITIONS.values())
    room = Room()
    room.hot(1, 31)
    room.maintain("3h")
    room.hot(2, 20)
    room.say("maintenance", equipment="boiler", do="end")
    room.say("equipment", equipment="boiler", to="faulty", reason="leaks")
    room.say("equipment", equipment="boiler", to="restore")
    assert [(told["before"], told["after"], told["cause"]) for told in room.told()] == [
        ("in_service", "faulty", "alarm"),
        ("faulty", "maintenance", "maintenance"),
        ("maintenance", "in_service", "ended"),
        ("in_service", "faulty", "by_hand"),
        ("faulty", "in_service", "restored"),
    ]


def test_an_alarm_of_its_sensor_makes_a_machine_faulty_and_its_end_alone_does_not_restore_it() -> None:
    """T11: alarm begin on a sensor of machine X → X faulty, cause = alarm id; its end alone restores nothing."""
    room = Room()
    room.hot(1, 31)
    begun = next(event for event in room.events if event.kind == "alarm_begin" and event.values["limit"] == "l")
    assert (room.is_now(), room.told()[0]["alarm"]) == ("faulty", begun.values["id"])
    room.hot(2, 20)
    assert (room.kinds()[-1], room.is_now()) == ("alarm_end", "faulty")


def test_a_maintenance_with_author_reason_and_end_reminds_and_restores_by_itself() -> None:
    """ST2: `maintenance on chaudiere --until` → auto-restore + reminder, with author, reason, expected end."""
    room = Room()
    assert room.maintain("2026-11-21 17:00", reason="burner").done
    begun = room.told()[0]
    assert (begun["author"], begun["reason"]) == ("anna", "burner")
    assert begun["until_ms"] == room.utc_ms() + 5 * 3_600_000
    room.silence_until(5 * 3600)
    assert [told["left_ms"] for told in room.told("maintenance_reminder")] == [3_600_000]
    assert (room.is_now(), room.told()[-1]["cause"]) == ("in_service", "time")


def test_run_hours_and_starts_of_a_machine_are_counted() -> None:
    """ST3: run hours / start counter of an equipment."""
    room = Room()
    room.pump(0, 0)
    for start_s in (600, 7200):
        room.run_pump(start_s, start_s + 1800)
        room.pump(start_s + 1860, 0)
    points = room.engine.points
    assert points["pump.hours"].value == pytest.approx(2 * 1860 / 3600)
    assert points["pump.starts"].value == 2


def test_records_between_start_and_stop_of_a_tag_carry_it_in_exports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """D14: `tag start exp42` … `tag stop` → records in between carry the tag in exports."""

    class Desk(FakeDesk):
        lab = Lab(utc_ms=NOW_MS - 10 * MINUTE)

        def view(self, name: str) -> Any:
            return self.lab.all() if name == "tags" else super().view(name)

        def order(self, command: Command) -> Any:
            result = self.lab.engine.command(command, self.lab.engine.now_ms)
            self.lab.collect()
            return result

    desk = Desk()
    t0 = NOW_MS - 10 * MINUTE
    desk.past.add("p", "gauge", "Cel", [HistoryRecord(t0 + n * MINUTE, MINUTE, 20.0 + n) for n in range(10)])
    desk.known = [PointFacts("p", "gauge", "Cel", record_ms=MINUTE, equipment="cell1")]
    with serving(desk, tmp_path / "api.sock") as path:

        def vigie(*words: str) -> str:
            assert main([*words, "--socket", str(path)]) == 0
            return capsys.readouterr().out

        desk.lab.tick(3 * 60)
        vigie("tag", "start", "exp42", "--equipment", "cell1")
        desk.lab.tick(5 * 60)
        vigie("tag", "stop")
        desk.lab.tick(10 * 60)

        def carrying(*more: str) -> list[tuple[float, str]]:
            return [(float(row["value"]), row["tags"]) for row in _rows(vigie("export", "--points", "p", *more))]

        assert [value for value, tags in carrying() if tags == "exp42"] == [23, 24]
        assert carrying("--tag", "exp42") == [(23, "exp42"), (24, "exp42")]
        vigie("tag", "correct", "exp42", "--name", "exp 43", "--to", "-2min")
        assert [value for value, tags in carrying() if tags] == [23, 24, 25, 26, 27]
        assert [event.kind for event in desk.lab.events] == [
            "tag_open", "command", "tag_close", "command", "tag_correct", "command",
        ]  # fmt: skip


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def test_an_alarm_in_maintenance_is_journaled_and_the_machine_stays_in_maintenance() -> None:
    """T18: alarm in maintenance → journaled, not notified (the machine's half)."""
    room = Room(tells=True)
    room.maintain("3h")
    room.hot(5, 31)
    room.silence_until(3600)
    assert "alarm_begin" in room.kinds()
    assert (room.is_now(), room.notified()) == ("maintenance", [])
    assert room.engine.part(EquipmentList).active["boiler"] == {"l": 1}
