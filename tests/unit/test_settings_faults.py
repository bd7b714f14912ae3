"""Faults of one table: names, what is missing, types and ranges; and how all faults are listed.

In each case `new` stands for `old` in the good file, and ‸ before the character at which the fault must be placed.
"""

from __future__ import annotations

import pytest

from edge.settings.faults import SettingsError
from edge.settings.load import loads
from hal.buses import KINDS
from tests.unit.settings_good import GOOD, assert_fault, refusal

DOOR = 'id = "door"\nname = "Door"\nbus = "gpio"\ndriver = "contact"\npin = 27\nperiod_s = 90\n'
HOT = '[[limit]]\nid = "lab.hot"\npoint = "lab.t"\nkind = "high"\nvalue = 30\n'
HOST = 'host = "broker.example.org"'

NAMES = [
    ("period_s = 90", "‸peroid_s = 60", 'point "door".peroid_s', "unknown key; did you mean period_s?"),
    ("pin = 27", "‸broche = 27", 'point "door".broche', "unknown key; did you mean pin?"),
    ("period_s = 90", "‸Period-S = 90", 'point "door".Period-S', "unknown key; did you mean period_s?"),
    ("period_s = 90", "P‸ériode = 90", "", "a key with accents stands in quotes"),
    ("period_s = 90", '‸"période" = 90', 'point "door"."période"', "unknown key; did you mean period_s?"),
    ("period_s = 90", "‸weight = 90", 'point "door".weight', "not a key of this driver; it belongs to driver pulse"),
    ("period_s = 90", "‸seuil = 9", 'point "door".seuil', "thresholds have a table of their own: [[limit]]"),
    ("period_s = 90", "‸zzz = 9", 'point "door".zzz', "unknown key; known here: active_low, bus, deadband"),
    (HOST, f'{HOST}\n‸passwd = "p"', "link.mqtt.passwd", "unknown key; did you mean password?"),
    (HOST, f'{HOST}\n‸password = "p"', "link.mqtt.password", "here write password_file"),
    (HOST, '‸broker = "b"', "link.mqtt.broker", "unknown key; did you mean host?"),
    ("[link.mqtt]", "‸[[seuil]]\n[link.mqtt]", "[[seuil]]", "thresholds are written [[limit]] here"),
    ("[link.mqtt]", "‸[[capteur]]\n[link.mqtt]", "[[capteur]]", "sensors and meters are written [[point]] here"),
    ("[link.mqtt]", "‸[broker]", "[broker]", "links upstream are written [link.mqtt] here"),
    ("[link.mqtt]", "‸[link.mqqt]", "link.mqqt", "unknown key; did you mean mqtt?"),
    (
        "[link.mqtt]",
        "‸[xyz]\n[link.mqtt]",
        "[xyz]",
        "unknown table; known: [box], [site], [history], [led], [display], [alarms], [test], [network], [modem]",
    ),
    ("[box]", "‸xyz = 1\n[box]", "xyz", "this key stands in no table; known: [box]"),
    ("[[output]]", "‸[output]", "[output]", "this table can stand several times: write [[output]] before each"),
    ("[box]", "‸[[box]]", "[[box]]", "this table stands once: write [box]"),
    ("[bus.gpio]\nkind", "[bus]\n‸kind", "bus.kind", "a name belongs in the header: write [bus.NAME]"),
    ("[bus.air]", "‸[bus.Air]", "bus.Air", "a bus has a name of small letters, digits, _ and -"),
]

MISSING = [
    ('[box]\nid = "b0042"', "‸", "", "the table [box] is missing"),
    (
        '[box]\nid = "b0042"',
        "‸[box]",
        "[box]",
        "the key id is missing: an id of small letters, digits and - (at most 32)",
    ),
    (
        f"[[point]]\n{DOOR}",
        "‸[[point]]\n" + DOOR.replace("pin = 27", ""),
        'point "door"',
        "the key pin is missing: a whole",
    ),
    (
        f"[[point]]\n{DOOR}",
        "‸[[point]]\n" + DOOR.replace('id = "door"', ""),
        "point #2",
        "the key id is missing: an id",
    ),
    (f"[[point]]\n{DOOR}", "‸[[point]]\n" + DOOR.replace("driver", "‸drivr"), "point", "the key driver is missing"),
    (
        HOT,
        "‸" + HOT.replace("value = 30", ""),
        'limit "lab.hot"',
        "the key value is missing: what is the limit of kind high?",
    ),
    (
        '[bus.air]\nkind = "i2c"',
        "‸[bus.air]",
        "bus.air",
        f"the key kind is missing; known: {', '.join(sorted(KINDS))}",
    ),
    (
        f"[link.mqtt]\n{HOST}",
        "‸[link.mqtt]",
        "link.mqtt",
        "the key host is missing: a text in quotes, not an empty one,",
    ),
]

VALUES = [
    ("pin = 27", 'pin = ‸"27"', 'point "door".pin = "27"', "from 0 to 27 is expected; write 27 without quotes"),
    ("pin = 27", "pin = ‸28", 'point "door".pin = 28', "a whole number from 0 to 27 is expected"),
    ("pin = 27", "pin = ‸-1", 'point "door".pin = -1', "a whole number from 0 to 27 is expected"),
    ("pin = 27", "pin = ‸2.0", 'point "door".pin = 2.0', "a whole number from 0 to 27 is expected"),
    ("pin = 27", "pin = ‸99999999999999999999", 'point "door".pin = 99999999999999999999', "from 0 to 27"),
    ("pin = 27", "pin = ‸true", 'point "door".pin = true', "a whole number from 0 to 27 is expected"),
    ("pin = 27", "pin = ‸[27]", 'point "door".pin', "a whole number from 0 to 27 is expected"),
    ("pin = 27", "pin = ‸2026-01-01", 'point "door".pin = 2026-01-01', "a whole number from 0 to 27 is expected"),
    ("weight = 0.001", 'weight = ‸"0,001"', 'point "water.cold".weight = "0,001"', "write 0.001 without quotes"),
    ("weight = 0.001", "weight = ‸-1", 'point "water.cold".weight = -1', "a number above 0 is expected"),
    ("weight = 0.001", "weight = ‸nan", 'point "water.cold".weight = nan', "a finite number is expected"),
    ("weight = 0.001", "weight = ‸inf # x", 'point "water.cold".weight = inf', "a finite number is expected"),
    ("number = 3", "number = ‸0x64", "bus.air.number = 0x64", "a whole number from 0 to 99 is expected"),
    ('name = "Door"', "name = ‸5", 'point "door".name = 5', "a text in quotes or a table { … } is expected"),
    ('name = "Door"', 'name = { ‸de = "Tür" }', 'point "door".name.de', "names are given in en and fr"),
    ('name = "Door"', 'name = ‸"a\\tb"', 'point "door".name = "a\\tb"', "control characters can't stand in a text"),
    (
        'name = "Door"',
        'name = { en = ‸"""a\nb""" }',
        'point "door".name.en',
        "control characters can't stand in a text",
    ),
    ('kind = "high"', 'kind = ‸"haut"', 'limit "lab.hot".kind = "haut"', 'did you mean "high"?'),
    (
        'kind = "high"',
        'kind = ‸"xyz"',
        'limit "lab.hot".kind = "xyz"',
        'one of "consumption", "deviation"',
    ),
    ('name = "Gymnase Sud"', 'name = ‸""', 'site.name = ""', "a text in quotes of 1 to 60 characters is expected"),
    ('name = "Gymnase Sud"', f'name = ‸"{"é" * 61}"', 'site.name = "é', "of 1 to 60 characters is expected"),
    ('id = "b0042"', 'id = ‸"B0042"', 'box.id = "B0042"', "an id of small letters, digits and - (at most 32)"),
    ('id = "b0042"', 'id = ‸"b0042\\n"', 'box.id = "b0042\\n"', "control characters can't stand in a text"),
    ('id = "b0042"', "id = ‸42", "box.id = 42", "an id of small letters"),
    ('weight_unit = "m3"', 'weight_unit = ‸"M3"', 'point "water.cold".weight_unit = "M3"', 'did you mean "m3"?'),
]


@pytest.mark.parametrize(("old", "new", "head", "message"), [*NAMES, *MISSING, *VALUES])
def test_a_fault_is_named_with_place_key_and_cure(old: str, new: str, head: str, message: str) -> None:
    assert_fault(old, new, head, message)


def test_every_fault_of_a_file_is_listed_in_its_order_and_counted() -> None:
    text = GOOD
    for old, new in (
        ("pin = 27", "pin = 99"),
        ('"b0042"', '"B"'),
        ("value = 30", "valeur = 30"),
        ("[link.mqtt]", "[lnk]"),
    ):
        text = text.replace(old, new)
    with pytest.raises(SettingsError) as caught:
        loads(text)
    assert [fault.key for fault in caught.value.faults] == [
        "fault.expected",
        "fault.expected",
        "fault.limit_value",
        "fault.unknown_key_near",
        "fault.unknown_table_near",
    ]
    assert str(caught.value).endswith("\n5 faults.")


def test_a_secret_is_never_shown_again() -> None:
    for line in ('password = "hunter2"', "password = hunter2", 'mot_de_passe = "hunter2"', '"api token" = "hunter2"'):
        report = refusal(GOOD.replace(HOST, f"{HOST}\n{line}"))
        assert "hunter2" not in report
        assert "= …" in report
    report = refusal(GOOD.replace(HOST, f'{HOST}\npassword_file = ["hunter2"]'))
    assert "hunter2" not in report


def test_what_may_stand_in_a_line_left_out_is_not_reported_as_missing() -> None:
    """The point's id is lost with its line: neither the id nor the limit's point may be called missing."""
    report = refusal(GOOD.replace('id = "lab.t"', "id = lab.t"))
    assert report.endswith("\n1 fault.")


def test_the_index_and_the_flow_of_one_meter_share_their_pin() -> None:
    flow = '[[point]]\nid="f"\nbus="gpio"\ndriver="pulse"\nchannel="flow"\npin=17\nweight=0.001\nweight_unit="m3"\n'
    assert len(loads(f"{GOOD}\n{flow}").points) == 4


def test_two_drivers_on_one_i2c_address_are_a_fault_whatever_the_way_it_is_written() -> None:
    adc = '[[point]]\nid="adc"\nbus="air"\ndriver="ads1115"\ninput="AIN0"\naddress={}\n'
    assert loads(f"{GOOD}\n{adc.format('0x48')}").points[3].device == "0x48"
    # the ranges of our two chips do not meet; test_settings_drivers installs one that does
    assert "a whole number from 72 to 75 is expected" in refusal(f"{GOOD}\n{adc.format('0x44')}")


def test_an_empty_list_or_text_is_no_point() -> None:
    assert "f.toml:57:1  point #1" not in refusal("point = 5\n" + GOOD.split("[[point]]", maxsplit=1)[0])
    assert "write [[point]] before each" in refusal("point = 5\n" + GOOD.split("[[point]]", maxsplit=1)[0])
    assert "write [[point]] before each" in refusal("point = [5]\n" + GOOD.split("[[point]]", maxsplit=1)[0])
    assert loads("point = []\n" + GOOD.split("[[point]]", maxsplit=1)[0]).points == []


def test_a_point_made_of_nothing_names_each_required_key() -> None:
    report = refusal(GOOD + "\n[[point]]\n")
    for name in ("id", "bus", "driver"):
        assert f"the key {name} is missing" in report
