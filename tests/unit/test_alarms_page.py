"""docs/alarms.md does what it says: its table of states is the engine's, its settings are valid, its commands exist."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from edge.cli.main import _parser
from edge.core.alarm_view import AlarmView, Silenced
from edge.core.part import Part
from edge.settings.model_alarms import Alarms
from edge.settings.model_limits import Limit
from tests.support import ROOT
from tests.unit.rig import Rig, gauge, high
from tests.unit.test_alarm_silence import order, state

PAGE = (ROOT / "docs/alarms.md").read_text("utf-8")
HEAD = "| what happens | |"


def table() -> dict[str, dict[str, str]]:
    """Return event -> state -> what it leads to."""
    lines = PAGE[PAGE.index(HEAD) :].split("\n\n")[0].splitlines()
    states = [word.strip() for word in lines[0].strip("|").split("|")][2:]
    rows = {}
    for line in lines[2:]:
        event, _what, *cells = (cell.strip(" `") for cell in line.strip("|").split("|"))
        rows[event] = dict(zip(states, cells, strict=True))
    return rows


class Works(Part):
    """Maintenance, which says at each start what it suppresses."""

    points: tuple[str, ...] = ()

    def attach(self, site: Any) -> None:
        if self.points:
            site.alarms.suppress("works", self.points, site.now_ms)


class Scene:
    """A site of one limit, in a state of the table."""

    def __init__(self, name: str) -> None:
        self.works = Works()
        self.rig = Rig(gauge(stale_ms=10**9), high(30, latch=name == "latched"), parts=[self.works], utc_offset_ms=1)
        self.at_s = self.orders = 0
        self.read(31 if name != "normal" else 29)
        if name in {"latched", "returned"}:
            self.read(29)
        elif name == "acknowledged":
            order(self.rig, "ack", number=1)
        elif name in {"shelved", "suppressed", "out_of_service"}:
            DO[{"shelved": "shelve", "suppressed": "suppress", "out_of_service": "out"}[name]](self)

    def read(self, value: float) -> bool:
        self.at_s += 1
        self.rig.read(self.at_s, value)
        return True

    def suppress(self, *points: str) -> bool:
        self.works.points = points
        self.rig.engine.alarms.suppress("works", points, self.at_s * 1000)
        self.rig.collect()
        return True

    def order(self, verb: str, **args: Any) -> bool:
        self.orders += 1
        return order(self.rig, verb, id_=f"order {self.orders}", **args).done

    def restart(self) -> bool:
        again = Works()
        again.points = self.works.points
        self.rig = self.rig.restart(parts=[again], utc_offset_ms=self.at_s * 1000)
        self.rig.tick(1)
        return True


DO: dict[str, Callable[[Scene], bool]] = {
    "exceed": lambda scene: scene.read(31),
    "return": lambda scene: scene.read(29),
    "acknowledge": lambda scene: scene.order("ack", number=1),
    "shelve": lambda scene: scene.order("shelve", limit="l", for_s=3600, reason="x"),
    "unshelve": lambda scene: scene.order("shelve", limit="l", back=True),
    "suppress": lambda scene: scene.suppress("p"),
    "unsuppress": lambda scene: scene.suppress(),
    "out": lambda scene: scene.order("alarm.service", limit="l", to="out", reason="x"),
    "in": lambda scene: scene.order("alarm.service", limit="l", to="in"),
    "restart": Scene.restart,
}


def test_the_table_has_every_state_and_every_event() -> None:
    assert set(table()) == set(DO)
    states = set(
        re.findall(r"^\| `(\w+)` \| (?!.*\|.*\|)", PAGE[PAGE.index("## States") :].split("\n## ")[0], re.MULTILINE)
    )
    assert set(table()["exceed"]) == states


@pytest.mark.parametrize(("event", "was"), [(event, was) for event, row in table().items() for was in row])
def test_the_engine_does_what_the_table_says(event: str, was: str) -> None:
    scene = Scene(was)
    assert state(scene.rig) == was
    done = DO[event](scene)
    wanted = table()[event][was]
    assert done is (wanted != "refused")
    assert state(scene.rig) == (was if wanted == "refused" else wanted)


def test_its_settings_are_valid() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    kinds = {"limit": list[Limit], "alarms": Alarms}
    found = [(name, part) for block in blocks for name, part in tomllib.loads(block).items()]
    assert {name for name, _part in found} == set(kinds)
    for name, part in found:
        msgspec.convert(part, kinds[name])


def test_its_commands_are_those_of_vigie() -> None:
    (block,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        words = re.findall(r'"[^"]*"|\S+', line.split("#")[0])
        args = _parser([words[1]]).parse_args([word.strip('"') for word in words[1:]])
        assert args.verb == words[1]


def test_every_field_of_the_api_stands_in_it() -> None:
    told = set(re.findall(r"`(\w+)`", PAGE[PAGE.index("## For programs") :]))
    assert {*AlarmView.__struct_fields__, *Silenced.__struct_fields__} <= told


def test_the_symmetric_hysteresis_begins_and_ends_where_the_page_says() -> None:
    rows = re.findall(
        r'^\| `kind = "(\w+)"`, `value = (\d+)`, `deadband = (\d+)` \| (?:above|below) (\d+) \| at (\d+) \|$',
        PAGE,
        re.MULTILINE,
    )
    assert len(rows) == 2
    for kind, *numbers in rows:
        value, deadband, beyond, back = map(float, numbers)
        out = 0.1 if kind == "high" else -0.1
        rig = Rig(gauge(), high(value, kind=kind, deadband=deadband))
        rig.each_second(1, beyond, beyond + out, back + out, back)
        edges = [(event.kind, event.at_ms) for event in rig.events if event.kind.startswith("alarm_")]
        assert edges == [("alarm_begin", 2000), ("alarm_end", 4000)], kind
