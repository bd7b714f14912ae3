"""A 1-Wire line that hangs or is short-circuited, with thirty probes on it: its own points say so, no other is late."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from edge.runtime.bus import BusWorker
from edge.runtime.clock import SystemClock
from edge.runtime.device import DeviceSpec
from edge.runtime.station import BLOCKED_AFTER_S
from edge.runtime.supervisor import Bell, Supervisor
from hal.buses import LOOK_S
from hal.drivers.ds18b20 import Ds18b20, Ds18b20Options
from hal.fake.w1_kernel import FakeW1Kernel
from hal.sample import BAD, Cycle
from tests.support import ManualClock, eventually

PERIOD_MS = 100


def specs(probes: list[str], period_ms: int) -> list[DeviceSpec]:
    return [DeviceSpec(name, Ds18b20, {name: Ds18b20Options(probe=name)}, {name: period_ms}) for name in probes]


def probes_on(kernel: FakeW1Kernel, count: int, first: int = 0) -> list[str]:
    names = [f"28-{number:012x}" for number in range(first, first + count)]
    for name in names:
        kernel.plug(name, 20.0)
    return names


class House:
    """A line of thirty probes that will hang and two that go on, each with its thread; the waits cost no time."""

    def __init__(self, folder: Path, period_ms: int) -> None:
        self.cycles: dict[str, list[Cycle]] = {"hung": [], "roof": [], "cellar": []}
        self.kernels = {name: FakeW1Kernel(folder / name) for name in self.cycles}
        self.supervisor = Supervisor()
        self.clock = SystemClock(1)
        for place, (name, count) in enumerate({"hung": 30, "roof": 3, "cellar": 1}.items()):
            kernel = self.kernels[name]
            worker = BusWorker(
                name, specs(probes_on(kernel, count, 100 * place), period_ms), clock=self.clock,
                post=self.cycles[name].append, open_handle=kernel.bus, close_handle=lambda _bus: None,
                offset_ms=lambda: 0, look_s=LOOK_S["onewire"],
            )  # fmt: skip
            self.supervisor.add(worker, Bell())
        self.supervisor.start()

    def counts(self) -> dict[str, int]:
        return {name: len(cycles) for name, cycles in self.cycles.items()}

    def all_read(self) -> bool:
        return min(self.counts().values()) >= 2

    def close(self) -> None:
        for kernel in self.kernels.values():
            kernel.release()
        assert self.supervisor.stop(5) == []


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, PERIOD_MS)
    yield made
    made.close()


def is_known_blocked(house: House) -> bool:
    """Return whether the line would be said to hang, were it some seconds later."""
    return house.supervisor.blocked(time.monotonic() + 2 * BLOCKED_AFTER_S, BLOCKED_AFTER_S) == ["bus:hung"]


def test_a_line_that_hangs_is_known_to_and_the_others_go_on(house: House) -> None:
    eventually(house.all_read, 10, "every line is read")
    house.kernels["hung"].block()
    eventually(lambda: is_known_blocked(house), 10, "the call that hangs is seen")
    before = house.counts()
    eventually(lambda: house.counts()["roof"] >= before["roof"] + 10 <= house.counts()["cellar"], 20)
    assert house.counts()["hung"] == before["hung"]
    for name in ("roof", "cellar"):
        times = [cycle.t_ns // 1_000_000 for cycle in house.cycles[name]]
        assert all((later - one) % PERIOD_MS == 0 for one, later in pairwise(times)), "on the grid of the period"
        assert not any(sample.quality == BAD for cycle in house.cycles[name] for sample in cycle.samples)
    house.kernels["hung"].release()
    eventually(lambda: house.counts()["hung"] >= before["hung"] + 2, 10, "the line is read again")
    assert {sample.value for sample in house.cycles["hung"][-1].samples} == {20.0}


@pytest.mark.campaign(reason="a line hangs for 60 s")
def test_for_a_minute_that_one_line_hangs_the_others_keep_their_period(tmp_path: Path) -> None:
    house = House(tmp_path, 1000)
    try:
        eventually(house.all_read, 10, "every line is read")
        house.kernels["hung"].block()
        before = house.counts()
        eventually(lambda: house.counts()["roof"] >= before["roof"] + 60, 70)
        assert house.counts()["hung"] <= before["hung"] + 1
        for name in ("roof", "cellar"):
            times = [cycle.t_ns // 1_000_000 for cycle in house.cycles[name]]
            longest = max(later - one for one, later in pairwise(times))
            print(f"{name}: {len(times)} ticks of 1,000 ms, the longest gap {longest} ms")
            assert longest <= 2000
            assert not any(sample.quality == BAD for cycle in house.cycles[name] for sample in cycle.samples)
    finally:
        house.close()


@pytest.mark.parametrize("together", [True, False], ids=["at once", "one by one"])
@pytest.mark.parametrize("fault", ["line_low", "line_high", "no_answer"])
def test_a_minute_of_short_circuit_has_its_reason_at_each_tick_and_never_looks_like_a_hang(
    tmp_path: Path, fault: str, together: bool
) -> None:
    clock = ManualClock()
    cycles: list[Cycle] = []
    silent_s: list[float] = []

    def wait(seconds: float) -> None:
        clock.advance(seconds)
        silent_s.append(clock.now_ns / 1e9 - worker.progress_s)

    kernel = FakeW1Kernel(tmp_path, wait)
    probes = probes_on(kernel, 30)
    kernel.may_write = together
    worker = BusWorker(
        "w1", specs(probes, 10_000), clock=clock, post=cycles.append, open_handle=kernel.bus,
        close_handle=lambda _bus: None, look_s=LOOK_S["onewire"],
    )  # fmt: skip
    for probe in kernel.probes.values():
        probe.fault = fault
    end_s = clock.now_ns / 1e9 + 90
    while (due_s := worker.step(clock.now_ns / 1e9)) < end_s:
        clock.now_ns = max(clock.now_ns, round(due_s * 1e9))
    samples = [sample for cycle in cycles for sample in cycle.samples]
    assert len(samples) >= 30 * (8 if together else 3)
    assert {(sample.value, sample.quality, sample.reason) for sample in samples} == {(None, BAD, fault)}
    assert max(silent_s) < BLOCKED_AFTER_S
