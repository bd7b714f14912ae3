"""docs/meters.md does what it says: its settings are valid, its commands are those of `vigie meter`."""

from __future__ import annotations

import argparse
import re
import shlex

import pytest

from edge.cli import meter
from edge.core.meter import Energy, number_of
from edge.core.moved import DAYS, MONTHS
from edge.settings.load import loads
from edge.settings.specs import meter_specs
from tests.support import ROOT

PAGE = (ROOT / "docs/meters.md").read_text("utf-8")
DEMO = (ROOT / "config/sites/demo.toml").read_text("utf-8")


def test_its_settings_are_valid_and_name_every_energy() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    site = DEMO[: DEMO.index("[[meter]]")] + block
    gas, _ = meter_specs(loads(site))
    assert [str(factor) for _, factor in gas.coefficients] == ["11.27", "11.31"]
    for energy in Energy.__args__:  # type: ignore[attr-defined]
        assert energy in block


@pytest.mark.parametrize("line", re.findall(r"`vigie (meter [^`]+)`", PAGE))
def test_its_commands_are_understood(line: str) -> None:
    parser = argparse.ArgumentParser()
    meter.add_arguments(parser)
    found = parser.parse_args(shlex.split(line)[1:])
    for name in ("value", "old", "new", "factor"):
        if hasattr(found, name):
            assert number_of(getattr(found, name)) is not None


def test_it_says_how_long_sums_are_kept() -> None:
    assert f"{DAYS} days" in PAGE
    assert MONTHS == 36
    assert "three years" in PAGE
