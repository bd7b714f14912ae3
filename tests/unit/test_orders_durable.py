"""An order that was answered survives a power cut at once: station, writer and logs on a disk in RAM."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.clock import Dating
from edge.core.commands import Command, Result
from edge.core.engine import Engine
from edge.core.meters import Meters
from edge.core.totals import Totals
from edge.core.types import Event, PointSpec, Record
from edge.runtime.station import Order, Station
from edge.store.fs_memory import MemoryFs, Model
from edge.store.log import Log
from edge.store.writer import Writer
from hal.sample import Cycle, Sample
from tests.orders_rig import Site
from tests.support import ManualClock
from tests.unit.test_settings_orders import GOOD

SEGMENT = 64 << 10
ORDERS: list[tuple[str, dict[str, Any]]] = [
    ("set", {"target": "hall.wanted", "value": "21,5"}),
    ("set", {"target": "hall.hot", "value": 45}),
    ("set", {"target": "hall.week", "value": "off"}),
    ("relay", {"output": "valve", "to": "off"}),
]


def logs(fs: MemoryFs) -> tuple[Log[Record], Log[Event]]:
    return (
        Log(fs, "records", "records", 8 * SEGMENT, SEGMENT, consumers=[], stream="9f3c21aa"),
        Log(fs, "events", "events", 4 * SEGMENT, SEGMENT, consumers=[], stream="0badcafe"),
    )


class Card:
    """A station whose writer is stepped by hand."""

    def __init__(self) -> None:
        self.fs = MemoryFs(keep_cuts=True)
        self.clock = ManualClock(trust="ntp")
        self.writer = Writer(*logs(self.fs), self.clock)
        self.engine = Site(GOOD).engine
        self.station = Station(
            self.engine, self.clock, Dating(), save=self.writer.post, journal=self.writer.post, commit_s=10
        )
        self.results: list[Result] = []
        for _ in range(3):  # the clock's entry becomes durable, and programs go by it
            self.step()
            self.write()

    def step(self) -> None:
        self.clock.advance(0.01)
        self.station.step(self.clock.now_ns / 1e9)

    def write(self) -> None:
        self.writer.step(self.clock.now_ns / 1e9)

    def order(self, number: int) -> None:
        verb, args = ORDERS[number]
        command = Command(f"c{number}", verb, args, "anna", "local")
        self.station.post(Order(command, self.results.append))
        self.step()


def registers(fs: MemoryFs) -> dict[str, Any]:
    _records, events = logs(fs)
    return dict(events.registers)


@pytest.mark.parametrize("model", ["lost", "torn", "garbage"])
def test_what_was_answered_is_there_after_a_power_cut(model: Model) -> None:
    card = Card()
    for number in range(len(ORDERS)):
        card.order(number)
        assert len(card.results) == number, "not on the card yet: no answer"
        before = registers(card.fs.after_cut("lost"))
        assert f"c{number}" not in {kept["id"] for kept in before.get("commands", [])}
        card.write()
        assert [result.done for result in card.results] == [True] * (number + 1)
        found = registers(card.fs.after_cut(model))
        assert [kept["id"] for kept in found["commands"]] == [f"c{done}" for done in range(number + 1)]
    assert found["setpoint/hall.wanted"]["value"] == 21.5
    assert found["limit_values"]["hall.hot"]["value"] == 45
    assert found["program/hall.week"]["made"]["value"] == 0
    assert found["outputs"]["valve"]["author"] == "anna"


def test_an_index_that_an_order_moved_is_on_the_card_before_the_answer() -> None:
    """The counter's register stands in the records' log, which is committed each ten seconds only."""
    fs = MemoryFs(keep_cuts=True)
    clock = ManualClock(trust="ntp")
    writer = Writer(*logs(fs), clock)
    water = PointSpec(id="water", kind="counter", unit="m3", scale=0.001, volatile=True)
    engine = Engine([water], [], boot=1, now_ms=0, parts=[Totals({}), Meters([], {})])
    station = Station(engine, clock, Dating(), save=writer.post, journal=writer.post, commit_s=60)
    results: list[Result] = []
    for pulses in (100, 200):
        clock.advance(1)
        station.post(Cycle("b", clock.now_ns, [Sample("water", clock.now_ns, pulses)]))
        station.step(clock.now_ns / 1e9)
        writer.step(clock.now_ns / 1e9)
    args = {"point": "water", "value": "482.137"}
    station.post(Order(Command("c1", "meter.set", args, "anna", "local"), results.append))
    station.step(clock.now_ns / 1e9)
    writer.step(clock.now_ns / 1e9)
    assert [result.done for result in results] == [True], results
    records, _events = logs(fs.after_cut("lost"))
    register = records.registers["counter/water"]
    assert round(register["base"] + register["count"] * register["scale"], 9) == 482.137


def test_values_of_limits_come_back_in_whatever_order_they_were_set() -> None:
    """The low one stands above the file's high one, and was set first."""
    low_and_high = """
[[limit]]
id = "cold"
point = "hall.t"
kind = "low"
value = 10
[[limit]]
id = "hot"
point = "hall.t"
kind = "high"
value = 15
"""
    site = Site(low_and_high)
    for target, value in (("cold", 12), ("hot", 30), ("cold", 20)):
        assert site.set(target, value).done
    again = site.restart()
    assert {name: limit.spec.value for name, limit in again.engine.limits.items()} == {"cold": 20, "hot": 30}
    assert not again.told("limit_reset")
    higher = again.restart(toml=low_and_high.replace("value = 10", "value = 20").replace("15", "25"))
    assert {name: limit.spec.value for name, limit in higher.engine.limits.items()} == {"cold": 20, "hot": 30}
    without = again.restart(
        toml=low_and_high.replace('"cold"', '"frost"').replace("value = 10", "value = 40").replace("15", "50")
    )
    assert [event.values for event in without.told("limit_reset")] == [
        {"limit": "cold", "was": 20.0},
        {"limit": "hot", "was": 30.0, "v": 50.0},
    ]
