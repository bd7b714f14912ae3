"""Register maps: ours are sound, an installer's are refused with file, line and cure."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge.core import units
from hal import modbus_maps
from hal.drivers.modbus import ModbusOptions
from hal.modbus_maps import MapError
from tests.support import ROOT
from tests.unit.settings_good import refusal

OURS = ["itron_cf51", "pzem016", "sdm120", "sdm630"]
HEAD = 'title = "Meter"\nsource = "manual, §3"\n'
SITE = '[box]\nid = "a"\n[site]\nname = "x"\n[bus.rs485]\nkind = "modbus"\nport = "/dev/ttyUSB0"\n'


def fault(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MapError) as caught:
        modbus_maps.load(str(path))
    return str(caught.value).replace(str(path), "F")


def test_our_maps_are_all_there_and_name_their_source() -> None:
    assert modbus_maps.names([ROOT / "config" / "modbus"]) == OURS


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_registers_has_a_known_unit_and_a_place_of_its_own(name: str) -> None:
    found = modbus_maps.load(name)
    assert found.title
    places = [(one.table, one.address) for one in found.registers.values()]
    assert len(set(places)) == len(places)
    for register in found.registers.values():
        assert units.is_known(register.unit)
        assert register.name == "serial" or register.unit or register.kind == "state"
        assert register.kind != "counter" or register.unit in {"kWh", "Wh", "kvarh", "l"}


def test_an_installers_map_holds_everything_a_register_can_say(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        HEAD
        + """
base = 40001
table = "holding"
missing = [0x8000]
[registers]
t = { address = 40001, type = "int16", unit = "Cel", scale = 0.1 }
kwh = { address = 40003, type = "uint32", word_order = "little", unit = "kWh", kind = "counter" }
fault = { address = 40005, type = "bits", bit = 3, words = ["ok", "fault"] }
name = { address = 40010, type = "string", count = 8 }
pump = { address = 40001, table = "coil" }
""",
        encoding="utf-8",
    )
    found = modbus_maps.load("mine", [tmp_path, *modbus_maps.FOLDERS]).registers
    assert {name: (one.address, one.kind, one.count, one.wrap) for name, one in found.items()} == {
        "t": (0, "gauge", 1, 0),
        "kwh": (2, "counter", 2, 1 << 32),
        "fault": (4, "state", 1, 0),
        "name": (9, "text", 8, 0),
        "pump": (0, "state", 1, 0),
    }
    assert found["t"].missing == (0x8000,)
    assert found["fault"].words == ("ok", "fault")
    assert found["pump"].words == ("off", "on")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "F:1: no [registers]"),
        ("title = \n", "F:1: Invalid value"),
        ("[registers]\na = { address = 1 }\n", "F:1: Object missing required field `title`"),
        (HEAD + "[registers]\na = 7\n", "F:4: a: a table is wanted"),
        (HEAD + "base = 40001\n[registers]\na = { address = 3 }\n", "F:5: a: address 3 lies outside"),
        (HEAD + 'tabel = "input"\n[registers]\na = { address = 1 }\n', "F:3: unknown key 'tabel': is it 'table'?"),
        (HEAD + "most = 200\n[registers]\na = { address = 1 }\n", "F:3: Expected `int` <= 125"),
        (HEAD + "code = { address = 1 }\n[registers]\na = { address = 1 }\n", "code holds the address"),
        (HEAD + '[registers]\nb = { address = 1 }\na = { unit = "V" }\n', "F:5: a: Object missing required field"),
    ],
)  # fmt: skip
def test_a_map_that_is_wrong_is_refused_with_its_line_and_what_to_write(tmp_path: Path, text: str, said: str) -> None:
    assert said in fault(tmp_path, text)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("adress = 7", "unknown key 'adress': is it 'address'?"),
        ("address = -1", "Expected `int` >= 0"),
        ('address = 65535, type = "uint32"', "address 65535 lies outside"),
        ('address = 1, type = "float"', "Invalid enum value 'float'"),
        ('address = 1, type = "float32", count = 4', "float32 takes 2 registers"),
        ('address = 1, type = "string"', "a string needs count"),
        ('address = 1, type = "bool"', "a bool stands in a coil"),
        ('address = 1, kind = "text"', "kind 'text' does not go with uint16"),
        ("address = 1, scale = 0", "scale 0"),
        ("address = 1, scale = nan", "scale nan leaves nothing"),
        ("address = 1, scale = inf", "scale inf leaves nothing"),
        ('address = 1, kind = "counter", scale = -1', "a counter only grows"),
        ('address = 1, type = "bits", bit = 12, width = 8', "a register has bits 0 to 15"),
        ('address = 1, words = { x = "on" }', "the keys of words are numbers"),
    ],
)
def test_a_register_that_is_wrong_is_refused_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    assert f"F:4: a: {said}" in fault(tmp_path, f"{HEAD}[registers]\na = {{ {row} }}\n")


def test_every_fault_of_a_map_is_listed(tmp_path: Path) -> None:
    said = fault(tmp_path, HEAD + "[registers]\na = { address = -1 }\nb = { addres = 1, address = 2 }\nc = 3\n")
    assert [line.split(":")[1] for line in said.splitlines()] == ["4", "5", "6"]


def test_a_damaged_or_huge_or_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(b"# \xff\n")
    with pytest.raises(MapError, match=r"bad\.toml:1: not UTF-8"):
        modbus_maps.load(str(path))
    path.write_bytes(b"#" * 300_000)
    with pytest.raises(MapError, match="this is no register map"):
        modbus_maps.load(str(path))
    with pytest.raises(MapError, match="is it 'sdm630'"):
        modbus_maps.load("smd630")
    for name in ("x" * 300, "a\0b", "/" + "y" * 5000, ""):  # that no file system has
        with pytest.raises(MapError, match="there is no register map"):
            modbus_maps.load(name)


def test_a_changed_map_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + "[registers]\na = { address = 1 }\n", encoding="utf-8")
    assert list(modbus_maps.load(str(path)).registers) == ["a"]
    path.write_text(HEAD + "[registers]\nother = { address = 1 }\n", encoding="utf-8")
    assert list(modbus_maps.load(str(path)).registers) == ["other"]


def options(**keys: object) -> ModbusOptions:
    return msgspec.convert({"slave": 1, **keys}, ModbusOptions)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"map": "sdm120", "register": "volatge"}, "no register 'volatge': is it 'voltage'?"),
        ({"map": "sdm120", "register": 0}, "no register 0: there are voltage"),
        ({"map": "smd120", "register": "voltage"}, "no register map 'smd120': is it 'sdm120'?"),
        ({"register": "voltage"}, "'voltage' is a name: write the `map`"),
        ({"map": "sdm120", "register": "voltage", "type": "float32"}, "`type` stands in the map"),
        ({"register": 70_000}, "address 70000 lies outside"),
        ({"register": -1}, "Expected `int` >= 0"),
        ({"register": 1, "type": "string"}, "a string needs count"),
        ({"register": 1, "type": "float32", "kind": "state", "count": 1}, "float32 takes 2 registers"),
    ],
)
def test_a_point_that_asks_for_what_is_not_there_is_refused(keys: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="^(?s:.*)" + said.replace("?", r"\?")):
        options(**keys)


def test_check_points_at_the_word_that_is_wrong() -> None:
    row = '[[point]]\nid = "p"\nbus = "rs485"\ndriver = "modbus"\nslave = 1\nmap = "sdm120"\n'
    said = refusal(SITE + row + 'register = "volatge"\n')
    assert "f.toml:14:12" in said
    assert "is it 'voltage'?" in said
    said = refusal(SITE + row.replace("sdm120", "sdm121") + 'register = "voltage"\n')
    assert "f.toml:13:7" in said
    assert "is it 'sdm120'?" in said
