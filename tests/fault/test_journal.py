"""The journal of a real box: what the consumer stored is the same, line by line, and a kill is said with when."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.cli.client import Client
from edge.cli.main import main
from edge.core.commands import Command
from edge.core.journal_page import Wanted
from tests.box_rig import Line, Stored, point, service, write_site
from tests.fault.harness import receive_command
from tests.mqtt_broker import broker
from tests.plant import Plant
from tests.support import eventually

DATABASE = "site.db"


def stored_events(stored: Stored) -> list[tuple[Any, ...]]:
    """Return what a consumer has: stream, seq, kind, point, UTC ms, values."""
    query = "SELECT s.stream, e.seq, e.kind, e.point, e.t_ms, e.words FROM event e JOIN stream s ON s.id = e.stream"
    rows = stored._ask(f"{query} ORDER BY e.stream, e.seq")
    return [(*row[:5], json.loads(row[5])) for row in rows]


def test_what_the_consumer_stored_and_says_are_the_journals_own_lines(tmp_path: Path) -> None:
    with broker(tmp_path, "set_tcp_nodelay true") as running:
        consumer = receive_command(tmp_path, running.port, DATABASE).start()
        try:
            line = Line(tmp_path, running)
            plant = Plant(tmp_path, line)
            with plant.box(tmp_path / "state") as box:
                plant.chip.volts[0] = 3.0
                eventually(lambda: box.desk.view("alarms"))
                box.desk.order(Command("c1", "ack", {}, "anna", "local"))
                plant.chip.volts[0] = 1.0
                eventually(lambda: box.desk.view("alarms") == [])
                plant.bus.unplug(0x48)
                eventually(lambda: "device_lost" in {found[2] for found in stored_events(line.stored)}, 15)
                eventually(lambda: box.waiting() == 0, 15, "everything is acknowledged")
                page = box.desk.journal(None, 500, Wanted())
            kept = [
                (told.stream, told.seq, told.kind, told.point, told.t_ms, told.values) for told in reversed(page.lines)
            ]
            stored = [found for found in stored_events(line.stored) if found[1] <= page.newest]
            assert stored == kept
            assert {"start", "clock", "alarm_begin", "alarm_ack", "command", "alarm_end", "device_lost"} <= {
                found[2] for found in stored
            }
            said = " acknowledged by anna (at the box): active, not acknowledged -> active, acknowledged"
            eventually(lambda: said in consumer.output(), 5, "people at the server read the same")
            assert any(text.startswith("b0042  ") for text in consumer.output().splitlines() if said in text)
        finally:
            consumer.end()


@pytest.mark.slow(reason="two starts of the whole program, and a kill between them")
def test_after_a_kill_the_next_start_says_when_the_box_was_last_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_site(
        tmp_path,
        bus={"gpio": {"kind": "gpio"}},
        point=[point("water", "gpio", "pulse", pin=17, weight=1, weight_unit="l")],
    )
    state = tmp_path / "state"
    words = ("--demo", "--config", str(config), "--state", str(state))

    def kept(socket: Path) -> int:
        return int(Client(socket).get("buffer")["records"]["next"])

    with service(tmp_path, *words, name="first") as box:
        eventually(lambda: kept(box.socket) > 3, 15, "records are on the disk")
        begin_ms = Client(box.socket).get("box")["started_utc_ms"]
        box.kill()
    killed_ms = round(time.time() * 1000)
    assert main(["journal", "--state", str(state), "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("  started (start 1, version 0.1.0)")
    assert not any(text.endswith("  stopped") for text in lines)

    with service(tmp_path, *words, name="second") as box:
        assert main(["journal", "--socket", str(box.socket), "--kind", "unclean_stop"]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        told = next(found for found in Client(box.socket).get("journal")["lines"] if found["kind"] == "unclean_stop")
        assert begin_ms < told["values"]["seen_ms"] <= killed_ms
        assert killed_ms - told["values"]["seen_ms"] < 5000, "commit_s is 1"
        assert (told["values"]["boot"], told["values"]["seen_trust"]) == (1, "person")
        seen = datetime.fromtimestamp(told["values"]["seen_ms"] / 1000, ZoneInfo("Europe/Paris"))
        day = f"{seen:%a} {seen.day} {seen:%b}"
        assert f"  unclean stop, last seen {day} {seen:%H:%M:%S}: power cut or crash" in line
        box.finish()
    assert main(["journal", "--state", str(state), "--config", str(config), "-n", "1"]) == 0
    assert capsys.readouterr().out.endswith("  stopped\n")
