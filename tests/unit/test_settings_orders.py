"""Setpoints, programs and rules that can't be are refused, with their place and the reason."""

from __future__ import annotations

import pytest

from edge.settings.faults import SettingsError
from edge.settings.load import loads
from edge.settings.report import report
from tests.orders_rig import HEAD

GOOD = """\
[[limit]]
id = "hall.hot"
point = "hall.t"
kind = "high"
value = 40
[[setpoint]]
id = "hall.wanted"
unit = "Cel"
min = 5
max = 25
step = 0.5
initial = 19
[[setpoint]]
id = "hall.mode"
words = ["frost", "eco", "comfort"]
initial = "eco"
[[program]]
id = "hall.week"
target = "hall.wanted"
slots = ["mon-fri 06:30-08:00", "sat,sun 09:00-22:00 = 19.5"]
to = 20
outside = 12
[[rule]]
id = "hall.heat"
kind = "thermostat"
point = "hall.t"
target = "heater"
setpoint = "hall.wanted"
[[rule]]
id = "hot.open"
kind = "alarm"
limit = "hall.hot"
target = "valve"
begin = "on"
"""
VALVE = '[[program]]\nid = "p2"\ntarget = "valve"\nslots = ["daily 00:00-01:00"]\n'
COOL = (
    '[[rule]]\nid = "cool"\nkind = "thermostat"\npoint = "hall.t"\ntarget = "valve"\naction = "cool"\nsetpoint = {}\n'
)
ACT = '[[rule]]\nid = "other"\nkind = "alarm"\nlimit = "{}"\ntarget = "{}"\nbegin = {}\n'
THIRD = ACT.replace("other", "third")
FIVE = ACT.format("hall.hot", "hall.wanted", "5")
COLD = '[[limit]]\nid = "hall.cold"\npoint = "hall.t"\nkind = "low"\nvalue = 4\n'


def faults_of(text: str) -> list[tuple[str, str, int]]:
    """Return the faults of a file as (key, path, line)."""
    try:
        loads(HEAD + text)
    except SettingsError as exc:
        found = exc.faults
    else:
        return []
    for lang in ("en", "fr"):
        said = report("vigie.toml", found, lang)
        assert not [fault.key for fault in found if fault.key in said], said
    return [(fault.key.removeprefix("fault."), fault.path, fault.line) for fault in found]


def test_the_good_file_is_good() -> None:
    assert faults_of(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("mon-fri 06:30-08:00", "mon-fri 25:00-26:00", "slot_time"),
        ("mon-fri 06:30-08:00", "mon-fri 08:00-06:30", "slot_backwards"),
        ("mon-fri 06:30-08:00", "moon-fri 06:30-08:00", "slot_day"),
        ("mon-fri 06:30-08:00", "06:30", "slot_form"),
        ("mon-fri 06:30-08:00", "mon-fri 06:30-06:30", "slot_empty"),
        ("mon-fri 06:30-08:00", "fri 06:30-07:30+1", "slot_long"),
        ("mon-fri 06:30-08:00", "mon-sat 06:30-12:00", "program_overlap"),
        ("mon-fri 06:30-08:00", "fri 06:30-08:00 = warm", "set_no_number"),
        ("mon-fri 06:30-08:00", "fri 06:30-08:00 = 19.3", "set_step"),
        ("mon-fri 06:30-08:00", "fri 06:30-08:00 = 40", "set_range"),
        ('slots = ["mon-fri 06:30-08:00", "sat,sun 09:00-22:00 = 19.5"]', "slots = []", "program_empty"),
        ("to = 20\n", "", "program_to"),
        ("outside = 12\n", "", "program_outside"),
        ("outside = 12\n", 'outside = 12\nexceptions = ["2026-13-01"]\n', "exception_form"),
        ("outside = 12\n", 'outside = 12\nexceptions = ["2026-12-02/2026-12-01"]\n', "exception_backwards"),
        ("outside = 12\n", 'outside = 12\nexception_slots = ["09:00-10:00"]\n', "pair"),
        ("to = 20\n", 'to = 20\nholidays = "fr"\nexception_slots = ["mon 09:00-10:00"]\n', "slot_form_exception"),
        (', "sat,sun 09:00-22:00 = 19.5"]\nto = 20\noutside = 12', "]\nto = 20\noutside = 20", "program_same"),
        ('target = "hall.wanted"', 'target = "hall.wantd"', "no_target_near"),
        ("initial = 19", "initial = 3", "set_range"),
        ("initial = 19", "initial = 19.2", "set_step"),
        ("initial = 19", 'initial = "warm"', "set_no_number"),
        ('initial = "eco"', 'initial = "warm"', "set_no_word"),
        ('initial = "eco"', 'initial = "eco"\nmax = 5', "setpoint_words"),
        ('["frost", "eco", "comfort"]', '["eco"]', "words"),
        ("max = 25", "max = 5", "range"),
        ('unit = "Cel"', 'unit = "furlong"', "unit"),
        ('unit = "Cel"', 'unit = "bar"', "rule_unit"),
        ('setpoint = "hall.wanted"', "setpoint = 100", "rule_range"),
        ('setpoint = "hall.wanted"', 'setpoint = "hall.mode"', "rule_switch"),
        ('setpoint = "hall.wanted"', 'setpoint = "hall.wantd"', "no_setpoint_near"),
        ('setpoint = "hall.wanted"', "deadband = 1", "rule_needs"),
        ('setpoint = "hall.wanted"', 'setpoint = "hall.wanted"\nfor_s = 5', "not_with_kind"),
        ('point = "hall.t"\ntarget', 'point = "heater"\ntarget', "rule_of_itself"),
        ('point = "hall.t"\ntarget', 'point = "valve"\ntarget', "rule_point"),
        ('begin = "on"', "", "rule_idle"),
        ('begin = "on"', 'begin = "pulse"', "pair"),
        ('begin = "on"', 'begin = "open"', "set_no_word"),
        ('limit = "hall.hot"', 'limit = "hall.hto"', "no_limit_near"),
        ('target = "valve"\nbegin = "on"', 'target = "hall.wanted"\nbegin = 5\nfor_s = 5', "rule_for"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused(old: str, new: str, key: str) -> None:
    assert old in GOOD
    assert [found[0] for found in faults_of(GOOD.replace(old, new, 1))] == [key]


@pytest.mark.parametrize(
    ("more", "key", "path"),
    [
        (VALVE + VALVE.replace("p2", "p3"), "target_twice", 'program "p3".target'),
        (VALVE.replace("valve", "heater"), "target_twice", 'rule "hall.heat".target'),
        (VALVE.replace("valve", "hall.wanted") + "to = 5\noutside = 6\n", "target_twice", 'program "p2".target'),
        (VALVE.replace('"p2"', '"hall.hot"'), "same_id", 'program "hall.hot".id'),
        (COOL.format("19.3"), None, ""),
        (COOL.format('"hall.wanted"'), "rules_fight", 'rule "cool".setpoint'),
        (ACT.format("hall.cold", "valve", '"off"') + COLD, "rules_fight", 'rule "other".target'),
        (ACT.format("hall.cold", "valve", '"on"') + COLD, None, ""),
        (FIVE + THIRD.format("hall.hot", "hall.wanted", "6"), "rules_fight", 'rule "third".target'),
        (FIVE + COLD + THIRD.format("hall.cold", "hall.wanted", "6"), None, ""),
    ],
)  # fmt: skip
def test_what_fights_is_refused_with_both_places(more: str, key: str | None, path: str) -> None:
    assert [one[:2] for one in faults_of(GOOD + more)] == ([] if key is None else [(key, path)])


def test_heating_and_cooling_of_one_point_need_a_gap_between_them() -> None:
    numbers = GOOD.replace('setpoint = "hall.wanted"', "setpoint = 19")
    assert faults_of(numbers + COOL.format("19.5")) == []
    assert [one[0] for one in faults_of(numbers + COOL.format("19.4"))] == ["rules_fight"]


def test_an_output_that_is_closed_to_orders_may_follow_a_program() -> None:
    closed = HEAD.replace('id = "valve"', 'id = "valve"\nby_command = false')
    assert loads(closed + VALVE).outputs[1].by_command is False
    with pytest.raises(SettingsError, match="nothing could ever switch it"):
        loads(closed)


def test_a_rule_does_not_undo_what_the_output_follows() -> None:
    head = HEAD.replace('id = "valve"', 'id = "valve"\nlimit = "hall.hot"')
    assert loads(head + GOOD)
    with pytest.raises(SettingsError) as caught:
        loads(head + GOOD.replace('begin = "on"', 'begin = "off"'))
    assert [fault.key for fault in caught.value.faults] == ["fault.rules_fight_limit"]


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        (ACT.replace('limit = "{}"\n', "").format("valve", '"on"'), "rule_needs"),
        (ACT.replace('"{}"\ntarget', '[1, "a"]\ntarget').format("valve", '"on"'), "expected"),
        (ACT.format("hall.hot", "valve", '"perhaps"'), "set_no_word"),
        (ACT.replace("other", "x y").format("hall.hot", "valve", '"off"'), "expected"),
        (COOL.format("true"), "expected"),
        (COOL.replace('point = "hall.t"\n', "").format("22"), "rule_needs"),
        (COOL.replace('target = "valve"\n', "").format("22"), "missing"),
    ],
)
def test_a_rule_with_a_fault_of_its_own_is_not_held_against_the_others(rule: str, key: str) -> None:
    for text in (GOOD + rule, rule + GOOD):
        found = faults_of(text)
        assert len(found) == 1, found
        assert found[0][0].startswith(key), found
