"""docs/templates.md does what it says, and the building of twelve apartments is what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.settings.expansion import expanded_text
from edge.settings.load import load, loads
from tests.unit.settings_good import GOOD, refusal
from tests.unit.test_settings_templates import APARTMENT, HEAD, LIST, ONE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/templates.md").read_text("utf-8")
BUILDING = ROOT / "config/sites/building.toml"


def test_the_pages_example_is_good_and_its_fault_is_told_as_shown() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    site = '\n[box]\nid = "b1"\n[site]\nname = "s"\n[bus.gpio]\nkind = "gpio"\n'
    settings = loads(example + site)
    assert [entry.point.id for entry in settings.points] == ["apt01.water", "apt02.water"]
    assert len(settings.limits) == 2
    (shown,) = re.findall(r"<!-- fault -->\n```\n.*?\n(.*?)```", PAGE, re.DOTALL)
    told = refusal((example + site).replace("pin = 6 }", "pin = 99 }")).replace("f.toml", "vigie.toml") + "\n"
    assert [re.sub(r":\d+:|line \d+", "", line) for line in told.splitlines()] == [
        re.sub(r":\d+:|line \d+", "", line) for line in shown.splitlines()
    ]


def test_the_building_has_its_meters_in_each_of_twelve_apartments() -> None:
    settings = load(BUILDING)
    for n in range(1, 13):
        own = [entry.point.id for entry in settings.points if entry.point.id.startswith(f"apt{n:02}.")]
        assert len(own) == 5
        assert len([limit for limit in settings.limits if limit.id.startswith(f"apt{n:02}.")]) == 2


@pytest.mark.parametrize("text", [HEAD + APARTMENT + LIST, BUILDING.read_text("utf-8"), GOOD + APARTMENT])
def test_what_is_printed_expanded_checks_the_same(text: str) -> None:
    assert loads(expanded_text(text)) == loads(text)
    assert "template" not in expanded_text(text).replace("templates", "")


def test_check_prints_the_expanded_file_and_still_refuses_a_bad_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "vigie.toml"
    file.write_text(GOOD)
    assert main(["check", str(file), "--expanded"]) == 0
    assert capsys.readouterr().out == GOOD  # nothing to expand: the file as it is, comments and all
    file.write_text(HEAD + APARTMENT + ONE)
    assert main(["check", str(file), "--expanded"]) == 0
    assert 'id = "apt03.flow"' in capsys.readouterr().out
    file.write_text(HEAD + APARTMENT + ONE.replace("pin = 16", "pin = 99"))
    assert main(["check", str(file), "--expanded"]) == 2
    assert "made by the use of" in capsys.readouterr().out
    assert main(["check", str(file), "--json"]) == 2
    fault = json.loads(capsys.readouterr().out)["faults"][0]
    assert fault["use"] == {"template": "apartment", "line": 41, "values": "n = 3, pin = 99, most = 2.5", "more": 0}
