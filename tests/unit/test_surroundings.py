"""What is plugged in beside the settings: said once, kept over restarts, and told from a probe that was replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.runtime.bus import BusWorker
from edge.runtime.device import DeviceSpec
from edge.runtime.surroundings import MEMORY, NEW_AN_HOUR, REMEMBERED, Surroundings
from edge.store.offline import stored_logs
from hal.buses import LOOK_S
from hal.driver import Found
from hal.drivers.ds18b20 import Ds18b20, Ds18b20Options
from hal.fake.w1_kernel import FakeW1Kernel
from hal.sample import Cycle, Sample
from tests.box_rig import Bench, box_here, point, write_site
from tests.support import ManualClock, eventually

FLOW, CELLAR, NEW, OTHER = (f"28-3c01f095000{number}" for number in range(4))


class House:
    """A bus with the probes of a site, in virtual time."""

    def __init__(self, folder: Path, named: dict[str, str]) -> None:
        self.clock = ManualClock()
        self.kernel = FakeW1Kernel(folder, self.clock.advance)
        self.named = named
        self.cycles: list[Cycle] = []
        self.memory: dict[str, str] = {}
        for probe in named.values():
            self.kernel.plug(probe, 50.0)
        self.start()

    def start(self) -> None:
        """Start the service (again), with what it remembers."""
        specs = [
            DeviceSpec(probe, Ds18b20, {point: Ds18b20Options(probe=probe)}, {point: 30_000})
            for point, probe in self.named.items()
        ]
        self.worker = BusWorker(
            "w1", specs, clock=self.clock, post=self._take, open_handle=self.kernel.bus,
            close_handle=lambda _bus: None, memory=self.memory, look_s=LOOK_S["onewire"],
        )  # fmt: skip

    def _take(self, cycle: Cycle) -> None:
        self.cycles.append(cycle)
        self.memory |= cycle.state or {}

    def run(self, seconds: float) -> list[tuple[str, str, dict[str, Any]]]:
        """Let time pass; return what was said meanwhile: kind, point, words."""
        before = len(self.cycles)
        end_s = self.clock.now_ns / 1e9 + seconds
        while (due_s := self.worker.step(self.clock.now_ns / 1e9)) < end_s:
            self.clock.now_ns = max(self.clock.now_ns, round(due_s * 1e9))
        self.clock.now_ns = max(self.clock.now_ns, round(end_s * 1e9))
        return [
            (each.kind, each.point, each.values)
            for cycle in self.cycles[before:] for each in cycle.notices if each.kind.startswith("probe")
        ]  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path, {"boiler.flow": FLOW, "t.cellar": CELLAR})
    assert made.run(120) == []
    return made


def test_a_new_probe_is_said_once_within_a_minute_and_not_recorded(house: House) -> None:
    house.kernel.plug(NEW, 21.5)
    assert house.run(40) == [("probe_new", "", {"device": NEW, "driver": "ds18b20"})]
    (told,) = house.worker.status()["unknown"]
    assert (told["device"], told["value"], told["quality"]) == (NEW, 21.5, "good")
    assert told["options"] == {"probe": NEW}
    assert house.run(3600) == []
    assert {sample.point for cycle in house.cycles for sample in cycle.samples} == {"boiler.flow", "t.cellar"}


def test_a_new_probe_is_not_said_again_after_a_restart_nor_when_it_is_plugged_again(house: House) -> None:
    house.kernel.plug(NEW)
    assert len(house.run(60)) == 1
    house.start()
    assert house.run(120) == []
    assert [each.found.device for each in house.worker.surroundings.strangers] == [NEW], "it is still listed"
    house.kernel.unplug(NEW)
    assert house.run(60) == []
    assert house.worker.surroundings.strangers == ()
    house.kernel.plug(NEW)
    assert house.run(60) == []


def test_a_bus_without_any_point_shows_what_is_plugged_in(tmp_path: Path) -> None:
    empty = House(tmp_path, {})
    empty.kernel.plug(NEW)
    empty.kernel.plug(OTHER, -3.0)
    assert [kind for kind, _, _ in empty.run(60)] == ["probe_new", "probe_new"]
    assert [each["value"] for each in empty.worker.status()["unknown"]] == [20.0, -3.0]


def test_several_new_probes_are_measured_by_one_conversion_and_cost_the_others_no_reading(house: House) -> None:
    house.run(10)
    for number in range(10):
        house.kernel.plug(f"28-00000000010{number}", float(number))
    before = house.kernel.conversions
    house.run(60)
    assert [each["value"] for each in house.worker.status()["unknown"]] == [float(number) for number in range(10)]
    assert house.kernel.conversions - before <= 2 + 2, "a tick and a look each 30 s"


@pytest.mark.parametrize("away_s", [0, 45, 600, 14_400])
def test_a_probe_in_the_place_of_another_is_said_with_its_point(house: House, away_s: int) -> None:
    house.kernel.unplug(FLOW)
    assert house.run(away_s) == []
    house.kernel.plug(NEW)
    expected = ("probe_swapped", "boiler.flow", {"device": NEW, "driver": "ds18b20", "was": FLOW})
    assert house.run(60) == [expected]
    assert house.run(3600) == []
    house.start()
    assert house.run(60) == []


def test_the_kernel_shows_a_pulled_probe_for_a_while_and_the_swap_is_said_when_it_has_gone(house: House) -> None:
    house.kernel.plug(NEW)
    assert [kind for kind, _, _ in house.run(100)] == ["probe_new"]
    house.kernel.unplug(FLOW)
    assert [(kind, point) for kind, point, _ in house.run(60)] == [("probe_swapped", "boiler.flow")]


def test_a_probe_that_was_a_stranger_for_long_replaces_nobody(house: House) -> None:
    house.kernel.plug(NEW)
    house.run(3600)
    house.kernel.unplug(FLOW)
    assert house.run(3600) == []
    house.start()
    assert house.run(600) == [], "nor is it new because the service is"


@pytest.mark.parametrize(("gone", "come"), [((FLOW, CELLAR), (NEW,)), ((FLOW,), (NEW, OTHER)), ((), (NEW,))])
def test_where_it_is_not_clear_who_replaces_whom_nothing_is_guessed(
    house: House, gone: tuple[str, ...], come: tuple[str, ...]
) -> None:
    for probe in gone:
        house.kernel.unplug(probe)
    for probe in come:
        house.kernel.plug(probe)
    assert [kind for kind, _, _ in house.run(120)] == ["probe_new"] * len(come)


def test_the_same_probe_plugged_in_again_is_no_news(house: House) -> None:
    house.kernel.unplug(FLOW)
    house.run(300)
    house.kernel.plug(FLOW)
    assert house.run(300) == []


def test_ghosts_of_a_floating_line_are_no_probes(house: House) -> None:
    for name in ("00-400000000000", "28-3C01F0950004", "28-short", "w1_bus_master9", "29-000000000001"):
        (house.kernel.path / name).mkdir()
    assert house.run(60) == []
    assert house.worker.surroundings.strangers == ()


@pytest.mark.parametrize("memory", ["", "{", "7", '{"a": 1}', "[1, 2]", '["new ' + "x" * 5000 + '"]'])
def test_damaged_memory_is_ignored(memory: str) -> None:
    found = Surroundings("w1", {}, memory)
    assert found.status(0) == []


class Handle:
    """A bus that shows what it is told to, or can't be looked at."""

    def __init__(self) -> None:
        self.devices: list[str] = []
        self.is_lost = False

    def present(self) -> list[Found]:
        if self.is_lost:
            raise OSError(5, "Input/output error")
        return [Found(device, "d", {}) for device in self.devices]

    def glance(self, devices: Any) -> list[Sample]:
        return []


def test_a_bus_that_cannot_be_looked_at_is_logged_once_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    handle = Handle()
    found = Surroundings("w1", {"a": ["p"]}, None)
    handle.devices = ["a", "b"]
    assert [each.kind for each in found.look(handle, 1)] == ["probe_new"]
    handle.is_lost = True
    assert found.look(handle, 2) == found.look(handle, 3) == []
    assert caplog.text.count("can't be looked at") == 1
    assert [each.found.device for each in found.strangers] == ["b"]
    assert found.missing == ()


def test_what_was_said_stays_small(tmp_path: Path) -> None:
    handle = Handle()
    found = Surroundings("w1", {}, None)
    for number in range(500):
        handle.devices = [f"probe{number}"]
        found.look(handle, number * 3_600_000_000_000)
    state = found.state()
    assert state is not None
    assert len(msgspec.json.decode(state)) == 100
    assert found.state() is None
    assert MEMORY == "*"


LOOK_NS = 300_000_000_000
LOOKS_AN_HOUR = 12


def test_noise_that_makes_new_names_without_end_fills_no_journal() -> None:
    handle, said = Handle(), 0
    found = Surroundings("w1", {}, None)
    for number in range(24 * LOOKS_AN_HOUR):
        handle.devices = [f"{family}-{number:012x}" for family in (10, 22, 28, 42, "3b", 11)]
        said += len(found.look(handle, number * LOOK_NS))
    assert 23 * NEW_AN_HOUR <= said <= 25 * NEW_AN_HOUR


def test_more_strangers_than_are_remembered_are_each_said_once() -> None:
    handle = Handle()
    handle.devices = [f"probe{number}" for number in range(2 * REMEMBERED)]
    found = Surroundings("w1", {}, None)
    said = [each.values["device"] for look in range(10 * LOOKS_AN_HOUR) for each in found.look(handle, look * LOOK_NS)]
    assert sorted(said, key=str) == sorted(handle.devices)
    again = Surroundings("w1", {}, found.state())
    assert again.look(handle, 0) == [], "also over a restart"


def test_a_running_box_shows_a_stranger_journals_it_once_and_remembers_that(tmp_path: Path) -> None:
    kernel = FakeW1Kernel(tmp_path / "w1")
    kernel.plug(FLOW, 55.5)
    kernel.plug(NEW, -7.25)
    config = write_site(
        tmp_path, bus={"w1": {"kind": "onewire"}}, point=[point("boiler.flow", "w1", "ds18b20", probe=FLOW)]
    )

    for _ in range(2):
        with box_here(config, tmp_path / "state", hardware=lambda _folder: Bench(w1=kernel.bus())) as box:
            eventually(lambda: box.desk.buses()[0]["unknown"], 10, "the stranger is shown")
            (told,) = box.desk.buses()[0]["unknown"]
            assert (told["device"], told["value"], told["unit"]) == (NEW, -7.25, "Cel")
            eventually(lambda: box.station.engine.points["boiler.flow"].value == 55.5, 10, "the named one is read")
    with stored_logs(tmp_path / "state") as logs:
        entries = logs.events.read(logs.events.first_seq(), 1000).entries
    assert [(entry.values["bus"], entry.values["device"]) for entry in entries if entry.kind == "probe_new"] == [
        ("w1", NEW)
    ]
