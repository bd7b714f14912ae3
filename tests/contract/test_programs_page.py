"""The pages of what acts by itself: their settings are good, their commands are taken."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from edge.core.commands import Command
from edge.settings.load import loads
from tests.orders_rig import HEAD, Site
from tests.support import ROOT

PAGE = (ROOT / "docs/programs.md").read_text(encoding="utf-8")
TOML = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
LIMIT = '[[limit]]\nid = "hall.hot"\npoint = "hall.t"\nkind = "high"\nvalue = 40\n'
BOILER = """
[[point]]
id = "boiler.flow"
bus = "w1"
driver = "ds18b20"
probe = "28-3c01f0950a22"
[[limit]]
id = "boiler.flow.high"
point = "boiler.flow"
kind = "high"
value = 85
"""


def commands() -> list[list[str]]:
    found = []
    for line in re.findall(r"^vigie set (\S.*)$", PAGE, re.MULTILINE):
        words = shlex.split(re.split(r"\s{3,}", line)[0])
        if words:
            found.append(words)
    return found


def test_the_examples_are_one_good_file() -> None:
    assert len(TOML) == 4
    [setpoints, programs, thermostat, alarms] = TOML
    assert loads(HEAD + LIMIT + setpoints + programs.split('[[program]]\nid = "bell"')[0] + thermostat + alarms)
    assert loads(HEAD + LIMIT + setpoints + programs)


def test_there_are_commands_to_try() -> None:
    assert len(commands()) == 5


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_each_command_of_the_page_is_taken(words: list[str]) -> None:
    site = Site(LIMIT + BOILER + TOML[0] + TOML[1])
    target, *rest = words
    args: dict[str, Any] = {"target": target}
    args |= {"default": True} if rest == ["--default"] else {"value": rest[0]}
    assert site.engine.command(Command("1", "set", args, "anna", "local"), site.now_ms).done
