"""A card that can't be written, in virtual time: readings are kept in RAM, alarms leave, status says since when."""

from __future__ import annotations

import json
from functools import partial
from random import Random
from typing import Any

import pytest

from edge.core.types import Event, Record, RecordBatch
from edge.links.connection import Message
from edge.settings.load import load
from edge.sim.loop import VirtualClock
from edge.sim.simulation import Simulation
from edge.sim.upstream import Outage, SimUpstream
from edge.store.fs_memory import MemoryFs
from edge.store.log import Log
from edge.store.writer import RAM_OCTETS, Writer
from tests.support import ROOT, about

HOUR_S = 3600.0
Documents = list[tuple[float, str, Any]]


class Retaining(SimUpstream):
    """Notes each retained document with the instant at which it came."""

    def __init__(self, clock: VirtualClock, outages: list[Outage], documents: Documents) -> None:
        super().__init__(clock, outages)
        self._now = clock
        self._documents = documents

    def take(self, topic: str, payload: bytes, content_type: str) -> Message | None:
        leaf = topic.split("/", 3)[3]
        if not leaf.startswith(("up/m", "up/ev")):
            self._documents.append((self._now.now_ns / 1e9, leaf, json.loads(payload) if payload else None))
        return super().take(topic, payload, content_type)


def events_of(log: Log[Event]) -> list[Event]:
    found: list[Event] = []
    seq = log.first_seq()
    while entries := log.read(seq, 500).entries:
        found += entries
        seq += len(entries)
    return found


@pytest.mark.parametrize("hours", [1, 4])
def test_alarms_leave_while_the_card_is_dead_and_nothing_is_lost_when_it_is_back(hours: int) -> None:
    documents: Documents = []
    upstream = partial(Retaining, documents=documents)
    simulation = Simulation(load(ROOT / "config" / "sites" / "demo.toml"), seed=1, outages=[], upstream=upstream)
    run_until, began_s = simulation.loop.run_until, simulation.clock.now_ns / 1e9
    run_until(began_s + HOUR_S)
    simulation.disk.is_read_only = True
    dead_s = simulation.clock.now_ns / 1e9
    begun = simulation.begun
    run_until(dead_s + hours * HOUR_S)
    durable = simulation.records.next_seq()
    while_dead = [(leaf, body) for at_s, leaf, body in documents if at_s >= dead_s]
    status = [body for leaf, body in while_dead if leaf == "up/status"]
    alarms = {leaf for leaf, body in while_dead if leaf.startswith("up/alarm/") and body}  # one may be told anew: first

    assert simulation.writer.degraded == "EROFS"
    assert len(alarms) == simulation.begun - begun
    assert alarms or hours == 1
    assert (status[0]["store"], status[0]["problems"]) == ("EROFS", ["store_degraded"])
    since_s = status[0]["store_since"] - status[0]["t"] + dead_s
    assert since_s == about(dead_s, 60), "since when it can't"
    assert len(status) <= hours + 1, "once, and each hour"

    simulation.disk.is_read_only = False
    run_until(dead_s + hours * HOUR_S + 120)
    assert simulation.records.next_seq() > durable + 1000
    assert documents[-1][1:][1].get("store", "ok") == "ok"
    assert [body["store"] for _, leaf, body in documents if leaf == "up/status"][-1] == "ok"
    kinds = [event.kind for event in events_of(simulation.events)]
    assert (kinds.count("store_degraded"), kinds.count("store_ok")) == (1, 1)
    assert simulation.writer.lost_entries == 0
    simulation.loop.retire(*simulation._sources, simulation.station)
    run_until(dead_s + hours * HOUR_S + 600)
    held = simulation.upstream.streams[simulation.records.stream].held
    assert len(held) == simulation.station.records_made == simulation.records.next_seq() - 1


def hour_of_readings(dice: Random, batch: int) -> list[Record]:
    """Return ten seconds of 200 points: half of them noise of 1/16 degree, the others powers of 1 W."""
    return [
        Record(f"p{point}", (batch * 10 + second) * 1000, 1000,
               20 + dice.randrange(8) / 16 if point % 2 else float(900 + dice.randrange(400)))
        for second in range(10) for point in range(200)
    ]  # fmt: skip


def test_an_hour_of_200_readings_a_second_waits_in_ram_and_is_written_when_the_card_is_back() -> None:
    fs = MemoryFs()
    records: Log[Record] = Log(fs, "records", "records", 64 << 20)
    events: Log[Event] = Log(fs, "events", "events", 16 << 20)
    writer = Writer(records, events)
    dice, now_s = Random(1), 1000.0
    writer.post(RecordBatch(1, hour_of_readings(dice, 0), {"index": 0}))
    writer.step(now_s)
    fs.is_read_only = True
    for batch in range(1, 361):
        now_s += 10
        writer.post(RecordBatch(1, hour_of_readings(dice, batch), {"index": batch}))
        writer.step(now_s)
    octets = writer.held_octets
    print(f"\nan hour: {octets / 2**20:.1f} MiB in RAM; 16 MiB last {RAM_OCTETS / octets:.1f} h")
    assert records.next_seq() == 2001
    assert octets < RAM_OCTETS
    fs.is_read_only = False
    writer.step(now_s + 60)
    assert (records.next_seq() - 1, writer.lost_entries) == (361 * 2000, 0)
    assert records.registers == {"index": 360}
    told = events_of(events)
    assert [event.kind for event in told] == ["store_degraded", "store_ok"]
    assert told[1].values == {"lasted_s": 3650, "lost": 0}


def test_what_no_longer_fits_is_counted_and_everything_else_is_there() -> None:
    fs = MemoryFs()
    records: Log[Record] = Log(fs, "records", "records", 64 << 20)
    events: Log[Event] = Log(fs, "events", "events", 16 << 20)
    writer = Writer(records, events)
    dice, now_s, made = Random(1), 1000.0, 0
    fs.is_read_only = True
    while made < 200:  # 100 kB each: 20 MB in all
        made += 1
        now_s += 10
        writer.post(RecordBatch(1, [Record("p", made, 1, dice.randbytes(90_000).hex())], {"index": made}))
        writer.step(now_s)
    assert 0 < writer.lost_entries < made
    fs.is_read_only = False
    writer.step(now_s + 60)
    kept = records.read(1, 1000).entries
    assert [record.start_ms for record in kept] == list(range(writer.lost_entries + 1, made + 1)), "the oldest went"
    assert records.registers == {"index": made}
    assert events_of(events)[-1].values["lost"] == made - len(kept)
