"""`[[equipment]]`: what can't be is refused with its place, and what points name exists without a table."""

from __future__ import annotations

import re

import pytest

from edge.core.equipment import EquipmentSpec
from edge.settings.facts import point_facts
from edge.settings.flat import flat
from edge.settings.load import loads
from edge.settings.model import Settings
from edge.settings.specs import machine_specs, specs
from tests.support import ROOT
from tests.unit.settings_good import GOOD, assert_fault, refusal

LAB = 'channel = "temperature"'
OWN = f'{LAB}\nequipment = "room"\n'


def machine(more: str, name: str = "room") -> str:
    return f'{OWN}\n[[equipment]]\nid = "{name}"\n{more}\n'


FAULTS = [
    (LAB, f'{LAB}\nequipment = ‸"Cold room"', 'point "lab.t".equipment = "Cold room"', "at most 41"),
    (LAB, f'{LAB}\nequipment = ‸"{"x" * 42}"', 'point "lab.t".equipment', "at most 41"),
    (LAB, f'{LAB}\nequipment = ‸""', 'point "lab.t".equipment = ""', "an id of small letters"),
    (LAB, f"{LAB}\nequipment = ‸7", 'point "lab.t".equipment = 7', "an id of small letters"),
    (LAB, machine('runs = ‸"lab"'), 'equipment "room".runs = "lab"', 'the nearest is "lab.t" (line 32)'),
    (LAB, machine('runs = ‸"water.cold"'), 'equipment "room".runs', "a state or a gauge is expected"),
    (LAB, machine('runs = ‸"room.state"'), 'equipment "room".runs', "the machine itself makes"),
    (LAB, machine("‸runs_above = 3"), 'equipment "room".runs_above', "needs runs as well"),
    (LAB, machine("‸service_h = 3"), 'equipment "room".service_h', "needs runs as well"),
    (LAB, machine('runs = "door"\nservice_h = ‸0'), 'equipment "room".service_h = 0', "above 0"),
    (LAB, machine('runs = "door"\nservice_h = ‸-1500'), 'equipment "room".service_h', "above 0"),
    (LAB, machine('restore = ‸"alone"'), 'equipment "room".restore', 'one of "by_hand", "when_clear"'),
    (LAB, machine('faulty_by = [‸"hihg"]'), 'equipment "room".faulty_by[0] = "hihg"', 'did you mean "high"?'),
    (LAB, machine('faulty_by = ["high", ‸"xyz"]'), 'equipment "room".faulty_by[1]', "critical, lab.hot"),
    (LAB, machine("‸hours = 3"), 'equipment "room".hours', "unknown key"),
    (LAB, f'{OWN}\n[[equipment]]\nid = "room"\n[[equipment]]\nid = ‸"room"\n', 'equipment "room"', "already used"),
]


@pytest.mark.parametrize(("old", "new", "where", "said"), FAULTS)
def test_what_can_not_be_is_refused_with_its_place(old: str, new: str, where: str, said: str) -> None:
    assert_fault(old, new, where, said)


def of(text: str) -> dict[str, EquipmentSpec]:
    return {spec.id: spec for spec in machine_specs(settings(text))}


def settings(text: str) -> Settings:
    return loads(GOOD.replace(LAB, text))


def test_a_gauge_needs_the_value_above_which_the_machine_runs() -> None:
    assert_fault(
        LAB,
        machine('runs = "lab.t"').replace("[[equipment]]", "‸[[equipment]]"),
        'equipment "room"',
        "above which value",
    )


def test_a_machine_that_a_point_names_exists_without_a_table_and_is_restored_by_hand() -> None:
    assert of(OWN) == {"room": EquipmentSpec("room", frozenset({"lab.t"}), frozenset({"lab.hot"}))}
    points = {point.id: point for point in specs(settings(OWN))[0]}
    assert points["room.state"].words == ("in_service", "faulty", "maintenance")
    assert "room.hours" not in points


def test_priorities_and_limits_say_which_alarms_count() -> None:
    assert of(machine('faulty_by = ["high"]'))["room"].limits == frozenset()
    assert of(machine('faulty_by = ["medium"]'))["room"].limits == {"lab.hot"}
    assert of(machine('faulty_by = ["lab.hot"]'))["room"].limits == {"lab.hot"}


def test_a_machine_that_tells_when_it_runs_has_hours_and_starts() -> None:
    text = machine('runs = "door"\nservice_h = 1500\nname = "Room"\nplace = "cellar"\nrestore = "when_clear"')
    spec = of(text)["room"]
    assert (spec.runs, spec.runs_above, spec.service_ms, spec.when_clear) == ("door", 0.0, 5_400_000_000, True)
    made = {point.id: point for point in specs(settings(text))[0]}
    assert (made["room.hours"].unit, made["room.starts"].unit) == ("h", "count")
    facts = {known.point: known for known in point_facts(settings(text))}
    assert (facts["room.hours"].equipment, facts["room.hours"].name["fr"]) == ("room", "Room")


def test_a_limit_can_watch_what_a_machine_makes() -> None:
    text = (
        machine('runs = "door"') + '\n[[limit]]\nid = "out"\npoint = "room.state"\nkind = "equal"\nvalue = "faulty"\n'
    )
    limits = {limit.id: limit for limit in specs(settings(text))[1]}
    assert limits["out"].value == 1.0
    assert of(text)["room"].limits == {"lab.hot"}, "and is none that makes it faulty"


def test_a_machine_of_an_output_is_implied_too() -> None:
    text = GOOD.replace('id = "lamp"', 'id = "lamp"\nequipment = "stairs"')
    assert [spec.id for spec in machine_specs(loads(text))] == ["stairs"]


def test_the_same_id_for_a_point_and_for_what_a_machine_makes_is_refused() -> None:
    text = GOOD.replace('id = "door"', 'id = "hall.state"\nequipment = "hall"')
    report = refusal(text)
    assert 'point "hall.state".equipment' in report
    assert "this id is already used (line 24)" in report


def test_no_machine_is_no_machine() -> None:
    assert machine_specs(loads(GOOD)) == []
    assert not [key for key in flat(loads(GOOD)) if key.startswith("equipment")]


def test_the_tables_of_the_page_are_taken() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/equipment.md").read_text(encoding="utf-8"), re.DOTALL)
    table = next(block for block in blocks if "[[equipment]]" in block).replace("boiler.flow", "lab.t")
    spec = {each.id: each for each in machine_specs(loads(GOOD + table))}["boiler"]
    assert (spec.runs_above, spec.service_ms, spec.kind) == (40.0, 1500 * 3_600_000, "gas boiler")
