"""Drivers from installed packages: their options are checked and described as ours are, and a broken one is said."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from edge.cli.main import main
from edge.settings.load import loads
from edge.settings.schema import file_schema
from tests.thirdparty import DRIVER, importable, installed
from tests.unit.settings_good import refusal

HEAD = '[box]\nid = "a"\n[site]\nname = "x"\n[bus.i]\nkind = "i2c"\n[bus.own]\nkind = "own"\n'

MODULE = """
import msgspec
from hal.sample import Channel

class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    taps: int
    kind: str = "mean"

class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    address: int = 0x44
    filter: Filter | None = None
    gains: list[float] = []

    def __post_init__(self):
        if len(self.gains) > 2:
            raise ValueError("at most two gains")

class Chip:
    bus_kind = "i2c"
    Options = Options

    @staticmethod
    def device(options):
        return hex(options.address)

    @staticmethod
    def channel(options):
        if options.gains == [0.0]:
            raise ValueError("a gain of 0 hides everything")
        return Channel(kind="gauge", unit="V")

class Hiding(Chip):
    class Options(msgspec.Struct):
        scale: int = 1
"""


@contextmanager
def chips(folder: Path) -> Iterator[None]:
    """Install three drivers: one that works, one whose import fails, one whose option hides a common key."""
    site = folder / "site"
    facts = site / "chips-1.dist-info"
    facts.mkdir(parents=True)
    (site / "settings_test_chips.py").write_text(MODULE, encoding="utf-8")
    (site / "settings_test_broken.py").write_text("1 / 0\n", encoding="utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: chips\nVersion: 1\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text(
        "[vigie.drivers]\nchip = settings_test_chips:Chip\nbroken = settings_test_broken:Chip\n"
        "hiding = settings_test_chips:Hiding\n",
        encoding="utf-8",
    )
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(site))
        for name in ("settings_test_chips", "settings_test_broken"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()


def point(**keys: str) -> str:
    return HEAD + "[[point]]\n" + "".join(f"{name} = {value}\n" for name, value in keys.items())


def test_a_misspelt_option_of_an_installed_driver_is_placed(tmp_path: Path) -> None:
    text = point(id='"cpu"', bus='"own"', driver=f'"{DRIVER}"', zoen="1")
    with importable(installed(tmp_path)):
        assert 'f.toml:13:1  point "cpu".zoen\n   unknown key; did you mean zone?\n   13 | zoen = 1' in refusal(text)
        assert "f.toml:13:8" in refusal(text.replace("zoen = 1", "zone = 100"))
        found = loads(text.replace("zoen", "zone"))
        assert found.points[0].device == "thermal_zone1"
    assert f"no such driver; known: {'ads1115'}" in refusal(text)


def test_the_options_of_an_installed_driver_are_in_the_schema_and_only_while_it_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "thermal_zone" not in str(file_schema())
    with importable(installed(tmp_path)):
        assert main(["schema"]) == 0
    assert "n of thermal_zone<n>" in capsys.readouterr().out


def test_each_fault_within_a_table_of_a_drivers_own_is_placed(tmp_path: Path) -> None:
    text = point(id='"c"', bus='"i"', driver='"chip"', filter='{ taps = "3", knid = "mean" }', gains='[1, "2"]')
    with chips(tmp_path):
        report = refusal(text)
        assert 'f.toml:13:19  point "c".filter.taps = "3"\n   a whole number is expected; write 3' in report
        assert 'f.toml:13:24  point "c".filter.knid\n   unknown key; did you mean kind?' in report
        assert 'f.toml:14:13  point "c".gains[1] = "2"\n   a number is expected' in report
        assert report.endswith("\n3 faults.")


@pytest.mark.parametrize(
    ("gains", "why"), [("[1, 2, 3]", "at most two gains"), ("[0]", "a gain of 0 hides everything")]
)
def test_what_a_driver_itself_objects_to_is_a_fault_at_its_point(tmp_path: Path, gains: str, why: str) -> None:
    with chips(tmp_path):
        report = refusal(point(id='"c"', bus='"i"', driver='"chip"', gains=gains))
    assert report == f'f.toml:9:1  point "c"\n   refused by the driver: {why}\n1 fault.'


@pytest.mark.parametrize(
    ("driver", "why"), [("broken", "ZeroDivisionError: division by zero"), ("hiding", "Options: scale")]
)
def test_an_installed_driver_that_can_not_be_used_is_said_and_takes_nothing_down(
    tmp_path: Path, driver: str, why: str
) -> None:
    with chips(tmp_path):
        report = refusal(point(id='"c"', bus='"i"', driver=f'"{driver}"'))
        assert f"this driver is installed and can't be used ({why})" in report
        assert '"const": "chip"' in str(file_schema()).replace("'", '"')


def test_one_i2c_address_claimed_by_two_drivers_is_a_fault(tmp_path: Path) -> None:
    text = (
        point(id='"c"', bus='"i"', driver='"chip"') + '[[point]]\nid="t"\nbus="i"\ndriver="sht3x"\nchannel="humidity"\n'
    )
    with chips(tmp_path):
        report = refusal(text)
        assert 'f.toml:13:1  point "t"\n   address 0x44 is already used by "c" with driver chip (line 9)' in report
        assert loads(text + "address = 0x45\n").points[1].device == "0x45"


def test_tables_of_two_drivers_with_one_name_do_not_meet_in_the_schema(tmp_path: Path) -> None:
    with chips(tmp_path):
        schema: Any = file_schema()
    assert "chip.Filter" in schema["$defs"]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = {"id": "c", "bus": "i", "driver": "chip", "filter": {"taps": 1}}
    site = {"box": {"id": "a"}, "site": {"name": "x"}}
    assert validator.is_valid({**site, "point": [good]})
    assert not validator.is_valid({**site, "point": [{**good, "filter": {"taps": "1"}}]})


def test_a_label_that_no_meter_sends_is_placed_at_the_label() -> None:
    meter = "[bus.tic]\nkind = 'serial'\nport = '/dev/ttyAMA0'\n"
    text = HEAD + meter + "[[point]]\nid = 'p'\nbus = 'tic'\ndriver = 'teleinfo'\nlabel = 'PAP'\n"
    report = refusal(text)
    assert report.startswith(
        'f.toml:16:9  point "p".label = "PAP"\n   refused by the driver: no meter sends the label \'PAP\''
    )
    assert "'PAPP'" in report
    assert report.endswith("\n1 fault.")
