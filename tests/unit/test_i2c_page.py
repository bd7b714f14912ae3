"""`docs/i2c.md`: its settings are valid, and each driver on I2C stands in it with its addresses."""

from __future__ import annotations

import re

from edge.settings.load import loads
from hal import drivers
from tests.support import ROOT

PAGE = (ROOT / "docs" / "i2c.md").read_text(encoding="utf-8")
HEAD = '[box]\nid = "b1"\n[site]\nname = "Lab"\n[link.mqtt]\nhost = "broker.example.org"\n'


def test_the_settings_of_the_page_are_valid() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    settings = loads(HEAD + "\n".join(blocks))
    assert {entry.point.id for entry in settings.points} == {
        "water.pressure", "damper", "main.current", "main.energy",
    }  # fmt: skip
    assert settings.buses["far"][1].power_pin == 26


def test_each_driver_on_i2c_stands_in_the_page() -> None:
    shown = set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE))
    assert {name for name in drivers.BUILT_IN if drivers.load(name).bus_kind == "i2c"} - {"display"} == shown
