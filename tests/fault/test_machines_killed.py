"""Machines and tags of a box that is killed: what was said to it holds at the next start, and in its folder."""

from __future__ import annotations

import csv
import signal
import uuid
from pathlib import Path
from typing import Any

import pytest

from edge.cli.client import Client
from edge.cli.main import main
from edge.core.commands import Command
from tests.box_rig import point, service, write_site
from tests.support import eventually


def say(socket: Path, verb: str, **args: Any) -> None:
    order = Command(uuid.uuid4().hex, verb, args, author="anna")
    result = Client(socket).post("commands", order)
    assert result["done"], result


@pytest.mark.slow("two starts of the service")
def test_a_maintenance_and_a_tag_hold_over_kill_9_and_the_tag_is_in_the_export_of_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_site(
        tmp_path,
        bus={"own": {"kind": "box"}},
        point=[point("ram", "own", "box", measure="memory_used", equipment="rack")],
        equipment=[{"id": "rack", "name": "Rack"}],
    )
    state = tmp_path / "state"
    words = ("--config", str(config), "--state", str(state))
    with service(tmp_path, *words) as first:
        say(first.socket, "maintenance", equipment="rack", do="start", until="3h", reason="fan")
        say(first.socket, "tag", do="start", tag="fan test", equipment="rack")
        planned = Client(first.socket).get("equipment")[0]["until_utc_ms"]
        eventually(lambda: Client(first.socket).get("buffer")["records"]["next"] > 4, 15, "records are durable")
        first.end(signal.SIGKILL, 4)
    with service(tmp_path, *words, name="again") as second:
        rack = Client(second.socket).get("equipment")[0]
        assert (rack["state"], rack["author"], rack["until_utc_ms"]) == ("maintenance", "anna", planned)
        assert [(tag["name"], tag["is_open"]) for tag in Client(second.socket).get("tags")] == [("fan test", True)]
        say(second.socket, "tag", do="stop")
        second.end(signal.SIGKILL, 4)
    found = "--state", str(state), "--config", str(config), "--socket", str(tmp_path / "none.sock")
    assert main(["export", "--tag", "fan test", *found]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    assert {row["point"] for row in rows} <= {"ram", "rack.state"}, "of the machine and its points only"
    assert "ram" in {row["point"] for row in rows}
    assert {row["tags"] for row in rows} == {"fan test"}
