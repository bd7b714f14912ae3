"""docs/tariffs.md: every table is taken as it stands, every command prints what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.settings.load import loads
from edge.settings.tariffs import versions
from tests.fake_desk import serving
from tests.invoices import site
from tests.support import ROOT
from tests.unit.test_bill import BilledDesk
from tests.unit.test_tariff_cli import PricedDesk

PAGE = (ROOT / "docs" / "tariffs.md").read_text(encoding="utf-8")
TABLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
SESSIONS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
PULSE = '\n[[point]]\nid = "{}"\nbus = "gpio"\ndriver = "pulse"\npin = {}\nweight = 0.01\nweight_unit = "m3"\n'
POINTS = (
    site.HEAD
    + "".join(
        site.register(*pair) for pair in (("tic.index.hp", "HCHP"), ("tic.index.hc", "HCHC"), ("elec.total", "BASE"))
    )
    + '\n[[point]]\nid = "tic.period"\nbus = "meter1"\ndriver = "teleinfo"\nlabel = "PTEC"\n'
    + '\n[bus.meter2]\nkind = "serial"\nport = "/dev/serial/by-id/meter2"\n'
    + site.register("tic.injected", "EAIT").replace("meter1", "meter2")
    + '\n[bus.gpio]\nkind = "gpio"\n'
    + PULSE.format("water.cold", 17)
    + PULSE.format("gas.boiler", 24)
)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.split('"')[1])
def test_each_table_of_the_page_is_taken(table: str) -> None:
    [version] = versions(loads(POINTS + table))
    assert version.prices
    assert version.meters()


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.split("\n")[0][2:40])
def test_each_command_of_the_page_prints_what_stands_there(
    session: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = BilledDesk() if "--bill" in session else PricedDesk()
    found = []
    with serving(desk, tmp_path / "api.sock") as path:
        for line in session.splitlines():
            if line.startswith("$ vigie "):
                main([*shlex.split(line)[2:], "--socket", str(path)])
                found += [line, *capsys.readouterr().out.splitlines()]
    assert found == session.splitlines()


def test_the_page_has_tables_and_commands() -> None:
    assert len(TABLES) == 7
    assert len(SESSIONS) == 3
