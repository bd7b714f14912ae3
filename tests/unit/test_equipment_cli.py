"""`vigie equipment` and `vigie maintenance` over the real local API and a real engine, in both languages."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.alarm_view import AlarmView, alarms
from edge.core.clock import ClockEntry, Dating
from edge.core.commands import Command, Result
from edge.core.equipment import EquipmentSpec
from edge.core.equipment_list import EquipmentList
from edge.core.equipment_view import EquipmentView, equipment
from edge.core.view import ValueView, values
from tests.equipment_rig import Room
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.support import ROOT

BOILER = EquipmentSpec(
    "boiler", frozenset({"p"}), frozenset({"l"}), name={"en": "Boiler", "fr": "Chaudière"}, kind="gas", place="cellar"
)
PUMP = EquipmentSpec("pump", frozenset({"q"}), runs="q", service_ms=1500 * 3_600_000)


class Desk(FakeDesk):
    """The desk of a room with two machines."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room(BOILER, PUMP, utc_ms=NOW_MS - 907_000)
        self.dating = Dating()
        self.dating.add(ClockEntry(1, 0, NOW_MS - 907_000, "ntp"))

    def view(self, name: str) -> Any:
        return self.equipment() if name == "equipment" else super().view(name)

    def equipment(self) -> list[EquipmentView]:
        return equipment(self.room.engine, self.dating)

    def values(self) -> list[ValueView]:
        return values(self.room.engine, self.room.engine.now_ms)

    def alarms(self) -> list[AlarmView]:
        return alarms(self.room.engine, self.dating)

    def order(self, command: Command) -> Result:
        self.orders.append(command)
        result = self.room.engine.command(command, self.room.engine.now_ms)
        self.room.collect()
        return result


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk()
    made.room.pump(0, 0)
    for t_s in (60, 660):
        made.room.pump(t_s, 1)
    made.room.pump(907, 1)
    with serving(made, tmp_path / "api.sock"):
        yield made


@pytest.fixture
def vigie(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--socket", str(tmp_path / "api.sock")])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_the_list_says_state_since_when_why_and_what_each_has_run(vigie: Any, desk: Desk) -> None:
    desk.room.hot(907, 31)
    assert vigie("equipment")[1].splitlines() == [
        "machine  state       since   hours  starts  service in  why",
        "boiler   faulty      0 s         -       -           -  alarm 1 (l)",
        "pump     in service  15 min    0.2       1     1 499.8",
        "2 machines: 1 in service, 1 faulty",
    ]


def test_the_list_in_french(vigie: Any, desk: Desk) -> None:
    desk.lang = "fr"
    desk.room.hot(907, 31)
    out = vigie("equipment")[1].splitlines()
    assert out[1].split() == ["boiler", "en", "panne", "0", "s", "-", "-", "-", "alarme", "1", "(l)"]
    assert out[3] == "2 machines\u00a0: 1 en service, 1 en panne"


def test_one_machine_is_shown_with_its_points_and_alarms(vigie: Any, desk: Desk) -> None:
    desk.room.hot(907, 31)
    code, out, _err = vigie("equipment", "boiler")
    lines = out.splitlines()
    assert (code, lines[0], lines[2]) == (0, "boiler  Boiler  gas  cellar", "  alarm 1 (l)")
    assert lines[1].startswith("faulty since Fri 20 Nov 16:20")
    assert any("ALARM #1 HIGH" in line.upper() for line in lines)
    assert lines[-1].split()[:4] == ["!", "p", "31", "good"]
    shown = vigie("equipment", "pump")[1].splitlines()
    assert "has run 0.2 h, 1 start, runs now" in shown
    assert "next service in 1 499.8 run hours" in shown


def test_json_is_the_answer_of_the_api(vigie: Any, desk: Desk) -> None:
    found = json.loads(vigie("equipment", "--json")[1])
    assert [view["equipment"] for view in found] == ["boiler", "pump"]
    assert found[1]["run_h"] == pytest.approx((847 - 7.5) / 3600), "up to the last minute of the calendar"


def test_a_maintenance_is_begun_extended_listed_and_ended(vigie: Any, desk: Desk) -> None:
    code, out, _err = vigie(
        "maintenance", "start", "boiler", "--until", "18:00", "--reason", "burner", "--kind", "service"
    )
    assert (code, desk.room.is_now()) == (0, "maintenance")
    assert out == (
        "boiler is in maintenance until 2026-11-20 18:00. Its alarms stand in the journal and are told to nobody.\n"
    )
    assert desk.orders[-1].author
    listed = vigie("maintenance")[1].splitlines()
    assert listed[1].split()[:3] == ["boiler", "in", "maintenance"]
    assert listed[1].endswith("until Fri 20 Nov 18:00: burner")
    assert vigie("maintenance", "extend", "boiler", "--until", "2h")[1] == (
        "boiler is in maintenance until 2026-11-20 18:20.\n"
    )
    assert vigie("maintenance", "end", "boiler")[1] == "The maintenance of boiler is over: it is in service.\n"
    assert vigie("maintenance")[1] == "No machine is in maintenance.\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("maintenance", "start", "boiler", "--until", "yesterday", "--reason", "x"), 1, "does not lie ahead"),
        (("maintenance", "start", "boiler", "--until", "soon", "--reason", "x"), 1, 'write "2026-11-22 17:00"'),
        (("maintenance", "start", "boiler", "--until", "3h"), 1, "needs a reason"),
        (("maintenance", "start", "boiler"), 1, "needs a reason"),
        (
            ("maintenance", "start", "boilr", "--until", "3h", "--reason", "x"),
            2,
            "no equipment boilr; there are: boiler",
        ),
        (("maintenance", "start"), 2, "vigie maintenance start ID"),
        (("maintenance", "end", "boiler"), 1, "not in maintenance"),
        (("equipment", "boiler", "restore"), 1, "is in service already"),
        (("equipment", "xyz"), 2, "there are: boiler, pump"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_is_allowed(vigie: Any, words: Any, code: int, said: str) -> None:
    found = vigie(*words)
    assert found[0] == code
    assert said in found[1] + found[2]


def test_a_machine_is_called_faulty_and_restored(vigie: Any, desk: Desk) -> None:
    assert (
        vigie("equipment", "pump", "faulty", "--reason", "leaks")[1] == "pump is faulty until somebody restores it.\n"
    )
    assert ": leaks" in vigie("equipment")[1]
    assert vigie("equipment", "pump", "restore")[1] == "pump is in service again.\n"


def test_a_site_without_machines_says_how_to_name_one(vigie: Any, desk: Desk) -> None:
    desk.room.engine.part(EquipmentList).specs.clear()
    assert vigie("equipment")[1] == "No machine yet: a point names one by `equipment`.\n"


def test_the_commands_of_the_page_are_taken(vigie: Any) -> None:
    page = (ROOT / "docs" / "equipment.md").read_text(encoding="utf-8")
    for line in re.findall(r"```console\n(.*?)```", page, re.DOTALL)[0].splitlines():
        code, out, err = vigie(*shlex.split(line)[1:])
        assert code == 0, (line, out, err)


def test_status_says_which_machine_is_out(vigie: Any, desk: Desk) -> None:
    desk.room.hot(907, 31)
    lines = vigie("status")[1].splitlines()
    place = lines.index("2 machines: 1 in service, 1 faulty")
    assert lines[place + 1].split() == ["boiler", "faulty", "0", "s", "alarm", "1", "(l)"]
