"""What the pages about Modbus and WES tell a reader to write is what the program takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.settings.load import loads
from hal import modbus_maps
from hal.decode import wes
from tests.support import ROOT

HEAD = '[box]\nid = "a"\n[site]\nname = "x"\n'
SITES = re.compile(r"<!-- site -->\n```toml\n(.*?)```", re.DOTALL)
MODBUS, WES = ((ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("modbus", "wes"))


@pytest.mark.parametrize("page", [MODBUS, WES], ids=["modbus", "wes"])
def test_every_example_of_a_site_is_good(page: str) -> None:
    examples = SITES.findall(page)
    assert examples
    for example in examples:
        assert loads(HEAD + example).points


def test_the_example_of_a_map_is_good_and_holds_every_kind() -> None:
    found = re.search(r"<!-- map -->\n```toml\n(.*?)```", MODBUS, re.DOTALL)
    assert found
    made = modbus_maps.parse(found[1], Path("boiler.toml"))
    assert {register.kind for register in made.registers.values()} == {"gauge", "counter", "state", "text"}
    assert made.registers["flow_temperature"].address == 0


def test_the_page_lists_every_map_and_every_key_of_a_register() -> None:
    for name in modbus_maps.names([ROOT / "config" / "modbus"]):
        assert f"| `{name}` |" in MODBUS
    for key in modbus_maps.Row.__struct_fields__:
        assert f"`{key}`" in MODBUS, key


def test_the_page_names_every_section_of_a_wes() -> None:
    for section in {name.partition(".")[0] for name in wes.fields()} - {"info", "tic2"}:
        assert f"`{section}`" in WES, section
