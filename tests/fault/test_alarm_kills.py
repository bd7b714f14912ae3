"""Alarms of a real box that is killed: nothing is told twice, reminders go on, what was ordered stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cli.client import Client
from edge.cli.main import main
from edge.core.types import Event
from edge.store.offline import stored_logs
from tests.box_rig import point, service, write_site
from tests.support import eventually

SOON = {"together_s": 1, "remind_high_s": 1, "remind_critical_s": 1, "reminders": 20}


def site(folder: Path) -> Path:
    """Return a site that watches its own machine: one alarm from the first reading on, for ever."""
    return write_site(
        folder,
        bus={"self": {"kind": "box"}},
        point=[point("uptime", "self", "box", measure="uptime")],
        limit=[
            {"id": "up", "point": "uptime", "kind": "high", "value": 0, "priority": "high"},
            {"id": "quiet", "point": "uptime", "kind": "not_equal", "value": 1, "priority": "low"},
        ],
        alarms=SOON,
    )


def notified(state: Path) -> list[Event]:
    found: list[Event] = []
    with stored_logs(state) as stored:
        seq = 1
        while entries := stored.events.read(seq, 1000).entries:
            found += entries
            seq += len(entries)
    return [entry for entry in found if entry.kind == "alarm_notify"]


@pytest.mark.slow(reason="three starts of the real box, two of them killed")
def test_what_was_told_is_not_told_again_by_a_killed_box_and_its_reminders_go_on(tmp_path: Path) -> None:
    config, state = site(tmp_path), tmp_path / "state"
    words = ("--config", str(config), "--state", str(state))
    for number in range(3):
        with service(tmp_path, *words, name=f"run{number}") as box:
            client = Client(box.socket)
            eventually(lambda client=client: len(client.get("alarms")) == 2, 10, "the alarms are there")  # type: ignore[misc]
            if number == 0:
                shelving = ["shelve", "quiet", "--for", "1h", "--reason", "works", "--socket", str(box.socket)]
                assert main(shelving) == 0
            told = client.get("journal?kinds=alarm_notify")["lines"]
            seen = len(told)
            eventually(
                lambda client=client, seen=seen: (  # type: ignore[misc]
                    len(client.get("journal?kinds=alarm_notify")["lines"]) > seen
                ),
                10,
                "one more is told",
            )
            states = {alarm["limit"]: alarm["state"] for alarm in client.get("alarms")}
            assert states == {"up": "unacknowledged", "quiet": "shelved"}
            assert [entry["limit"] for entry in client.get("silenced")] == ["quiet"]
            box.kill()
    events = notified(state)
    begun = [event.values["ids"] for event in events if "ids" in event.values]
    assert sorted(word for ids in begun for word in ids.split(", ")) in (["1"], ["1", "2"]), begun
    reminders = [event.values["n"] for event in events if event.values["what"] == "reminder"]
    assert reminders == list(range(1, len(reminders) + 1)), "each once, in their order, over the kills"
    assert len(reminders) >= 2, events
