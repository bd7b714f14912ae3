"""What `set` answered is there after `kill -9` of a real `vigie run`; a repeat of the order does nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.cli.client import Client
from edge.core.commands import Command
from tests.box_rig import Service, write_site
from tests.support import ROOT
from tests.told_pins import ToldPins


@pytest.fixture
def pins(tmp_path: Path) -> ToldPins:
    return ToldPins(tmp_path)


def site(folder: Path) -> Path:
    return write_site(
        folder,
        bus={"gpio": {"kind": "gpio"}},
        output=[{"id": "pump", "pin": 17, "bus": "gpio"}],
        setpoint=[{"id": "wanted", "unit": "Cel", "min": 5, "max": 25, "initial": 19}],
        limit=[{"id": "wanted.high", "point": "wanted", "kind": "high", "value": 24}],
        program=[{"id": "week", "target": "pump", "slots": ["daily 00:00-23:59"], "enabled": False}],
    )


def order(running: Service, id_: str, target: str, value: Any) -> dict[str, Any]:
    command = Command(id_, "set", {"target": target, "value": value}, "anna")
    answer = Client(running.socket).post("commands", command)
    assert isinstance(answer, dict)
    return answer


def standing(running: Service) -> dict[str, Any]:
    return {view["id"]: view["value"] for view in Client(running.socket).get("setpoints")}


def commands(running: Service) -> list[str]:
    page = Client(running.socket).get("journal?limit=500&kinds=command")
    return [line["values"]["id"] for line in reversed(page["lines"])]


@pytest.mark.slow("four starts of the box, three of them killed")
def test_killed_right_after_the_answer_everything_set_is_there_again(tmp_path: Path, pins: ToldPins) -> None:
    config = site(tmp_path)
    asked = [("c1", "wanted", "20,5"), ("c2", "wanted.high", 23), ("c3", "week", "on")]
    expected = {"wanted": 19.0, "wanted.high": 24.0, "week": "off"}
    answers = []
    for number, (id_, target, value) in enumerate(asked):
        with pins.service(config, f"start{number}", ROOT) as running:
            assert standing(running) == expected
            answers.append(order(running, id_, target, value))
            running.kill()
        assert answers[-1]["done"], answers[-1]
        expected[target] = {"20,5": 20.5, 23: 23.0}.get(value, value)
    with pins.service(config, "last", ROOT) as running:
        assert standing(running) == expected
        for answer, (id_, target, value) in zip(answers, asked, strict=True):
            assert order(running, id_, target, value) == answer
        assert commands(running) == ["c1", "c2", "c3"]
        assert standing(running) == expected
