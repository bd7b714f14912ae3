"""Outputs in virtual time: the very objects that a box has, on simulated pins, for days in a second."""

from __future__ import annotations

from pathlib import Path

from edge.core.types import Event, Record
from edge.settings.load import load
from edge.settings.model import Settings
from edge.sim.simulation import Simulation
from edge.sim.upstream import Outage
from edge.store.log import Log
from tests.box_rig import point, write_site

HOUR_S = 3600.0
OPENED_S = 900.0  # the door's quarter of an hour, every four hours


def site(folder: Path, **lamp: object) -> Settings:
    gpio = {"bus": "gpio", "limit": "door.open"}
    return load(
        write_site(
            folder,
            bus={"gpio": {"kind": "gpio"}},
            point=[{**point("door", "gpio", "contact", pin=7), "record_s": 60}],
            limit=[{"id": "door.open", "point": "door", "kind": "equal", "value": "open"}],
            output=[{"id": "lamp", "pin": 17, **gpio, **lamp}, {"id": "horn", "pin": 27, **gpio}],
            link={"mqtt": {"host": "127.0.0.1"}},
        )
    )


def changes(log: Log[Event], output: str) -> list[tuple[float, str]]:
    """Return when an output changed, in hours since the first entry, and to what."""
    entries = log.read(log.first_seq(), 10_000).entries
    zero_ms = entries[0].at_ms
    return [
        (round((event.at_ms - zero_ms) / 3_600_000, 2), event.values["word"])
        for event in entries
        if event.kind == "state" and event.point == output
    ]


def kept(log: Log[Record], name: str) -> list[Record]:
    found: list[Record] = []
    seq = log.first_seq()
    while entries := log.read(seq, 5000).entries:
        found += [record for record in entries if record.point == name]
        seq += len(entries)
    return found


def test_an_output_follows_its_limit_all_day_and_its_records_say_how_long(tmp_path: Path) -> None:
    simulation = Simulation(site(tmp_path), seed=1, outages=[])
    report = simulation.run(1)
    assert (report.lost, report.alarms_begun) == (0, 6)
    words = [word for _hour, word in changes(simulation.events, "lamp")]
    assert words == ["on", "off"] * 6
    records = kept(simulation.records, "lamp")
    assert 24 <= len(records) <= 24 + 6 * 20, "one an hour at rest, one a minute while something is new"
    switches = sum(record.changes or 0 for record in records)
    assert switches == 12


def test_a_lost_link_and_the_longest_time_on_count_in_virtual_time_too(tmp_path: Path) -> None:
    simulation = Simulation(
        site(tmp_path, link_lost_s=HOUR_S, max_on_s=OPENED_S / 3), seed=1, outages=[Outage(10 * HOUR_S, 17 * HOUR_S)]
    )
    simulation.run(1)
    entries = simulation.events.read(1, 10_000).entries
    forced = [event.values for event in entries if event.kind == "output_safe"]
    assert [values["why"] for values in forced] == ["max_on"] * 3 + ["link_lost"] + ["max_on"]
    assert forced[3]["lasted_ms"] == HOUR_S * 1000
    lamp, horn = changes(simulation.events, "lamp"), changes(simulation.events, "horn")
    hours = [hour for hour, word in lamp if word == "on"]
    assert [round(hour) for hour in hours] == [0, 4, 8, 20], "not at 12 and 16 h: the link was lost"
    assert len(horn) == 12, "the one without link_lost_s goes on"
