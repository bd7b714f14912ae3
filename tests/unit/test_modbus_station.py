"""A Modbus line in a station: few requests a cycle, and a dead slave takes nobody with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import explained
from edge.cli.words import Words
from edge.runtime.bus import BusWorker
from edge.runtime.device import device_specs
from edge.settings.load import loads
from hal import buses, modbus_maps
from hal.fake.modbus import FakeSlave, RtuSlaves
from hal.modbus_line import ModbusLine
from hal.sample import BAD, GOOD, Cycle
from tests.served import Served
from tests.support import ManualClock

SITE = """
[box]
id = "a"
[site]
name = "x"
[bus.m]
kind = "modbus"
port = "{port}"
baud = 115200
timeout_s = 0.03
"""
POINT = """
[[point]]
id = "s{slave}.{name}"
bus = "m"
driver = "modbus"
slave = {slave}
map = "sdm630"
register = "{name}"
period_s = {period}
"""
NAMES = list(modbus_maps.load("sdm630").registers)[-50:]


class Plant:
    """Three-phase meters on a line of a station whose clock the test moves."""

    def __init__(self, folder: Path, periods: dict[int, dict[str, int]]) -> None:
        words = {("input", address): 0x3F80 for address in range(400)}  # as single floats 1.0, from whichever word on
        self.slaves = {slave: FakeSlave(dict(words), most=80) for slave in periods}  # type: ignore[arg-type]
        self.served = Served(RtuSlaves(self.slaves, folder / "rs485"))
        rows = [
            POINT.format(slave=slave, name=name, period=period)
            for slave, of in periods.items()
            for name, period in of.items()
        ]
        settings = loads(SITE.format(port=folder / "rs485") + "".join(rows))
        self.clock = ManualClock()
        self.cycles: list[Cycle] = []
        kind, options = settings.buses["m"]
        self.line: ModbusLine = buses.open_bus(kind, options)
        self.worker = BusWorker(
            "m",
            device_specs(settings, "m"),
            clock=self.clock,
            post=self.cycles.append,
            open_handle=lambda: self.line,
            close_handle=lambda _: None,
        )

    def run(self, seconds: int) -> None:
        for _ in range(seconds + 1):
            self.worker.step(self.clock.now_ns / 1e9)
            self.clock.advance(1.0)

    def close(self) -> None:
        self.worker.close()
        self.line.close()
        self.served.close()


@pytest.fixture
def plants() -> Iterator[list[Plant]]:
    made: list[Plant] = []
    yield made
    for plant in made:
        plant.close()


def test_fifty_registers_at_their_own_periods_cost_few_requests_a_cycle(tmp_path: Path, plants: list[Plant]) -> None:
    periods = {name: (1, 2, 5, 10)[number % 4] for number, name in enumerate(NAMES)}
    plant = Plant(tmp_path, {1: periods})
    plants.append(plant)
    plant.run(60)
    readings = sum(len(cycle.samples) for cycle in plant.cycles)
    cycles = len(plant.cycles)
    print(
        f"{readings} readings of 50 registers in {cycles} cycles: {plant.line.requests / cycles:.2f} requests a cycle"
    )
    assert {sample.quality for cycle in plant.cycles for sample in cycle.samples} == {GOOD}
    assert cycles == 60
    assert plant.line.requests <= 5 * cycles + 1


def test_a_dead_slave_does_not_starve_the_others(tmp_path: Path, plants: list[Plant]) -> None:
    plant = Plant(tmp_path, {slave: {"power": 1} for slave in (1, 2, 3)})
    plants.append(plant)
    plant.slaves[2].is_silent = True
    plant.run(60)
    samples = [sample for cycle in plant.cycles for sample in cycle.samples]
    for point in ("s1.power", "s3.power"):
        assert [sample.quality for sample in samples if sample.point == point] == [GOOD] * 60
    dead = [sample for sample in samples if sample.point == "s2.power"]
    assert {(sample.quality, sample.value, sample.reason) for sample in dead} == {(BAD, None, "no_answer")}
    assert len(dead) == 60
    tries = len(plant.slaves[2].asked)
    failed = plant.line.counts()["no_answer"]
    print(f"a dead slave was asked {failed} times in 60 s")
    assert (tries, failed <= 7) == (0, True)
    lost = [notice for cycle in plant.cycles for notice in cycle.notices]
    assert [(notice.kind, notice.values["device"]) for notice in lost] == [("device_lost", "slave 2")]
    plant.slaves[2].is_silent = False
    plant.run(40)
    assert plant.cycles[-1].samples[1].quality == GOOD


def test_a_point_explains_itself_with_its_register_and_its_words(tmp_path: Path, plants: list[Plant]) -> None:
    plant = Plant(tmp_path, {1: {"power": 1}})
    plants.append(plant)
    plant.run(2)
    lines = dict(explained._wire(plant.worker.explain("s1.power"), Words("en")))
    assert lines["options"] == "slave = 1, map = sdm630, register = power"
    assert lines["raw"] == "slave 1 input 0x0034: 3f80 3f80"


def test_a_lost_line_is_opened_again(tmp_path: Path, plants: list[Plant]) -> None:
    plant = Plant(tmp_path, {slave: {"power": 1} for slave in (1, 2)})
    plants.append(plant)
    plant.run(3)
    plant.served.unplug()
    plant.run(3)
    assert {sample.reason for sample in plant.cycles[-1].samples} <= {"unplugged", "bus_error"}
    plant.served.replug()
    plant.line.close()
    plant.run(40)
    assert {sample.quality for sample in plant.cycles[-1].samples} == {GOOD}
