"""Thirty probes on a kernel that behaves as Linux does: one conversion for all, and no value of an earlier one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.runtime.bus import BusWorker
from edge.runtime.device import DeviceSpec
from hal.buses import LOOK_S
from hal.drivers.ds18b20 import Ds18b20, Ds18b20Options
from hal.fake.onewire import FAULTS, FakeOneWire
from hal.fake.w1_kernel import FakeW1Kernel
from hal.sample import GOOD, QUALITY_NAMES, Cycle, Sample
from tests.support import ManualClock

NAMES = [f"28-{number:012x}" for number in range(1, 31)]
BULK_READ = "devices/w1_bus_master1/therm_bulk_read"


class Rig:
    """A bus of probes on a simulated kernel, in virtual time that the kernel's waits move on."""

    def __init__(
        self, folder: Path, probes: list[str], *, period_s: float = 10.0, master: str = "", **keys: Any
    ) -> None:
        self.clock = ManualClock()
        self.kernel = FakeW1Kernel(folder, self.clock.advance)
        for number, probe in enumerate(probes):
            self.kernel.plug(probe, 20.0 + number)
        self.cycles: list[Cycle] = []
        self.worker = self.made(probes, period_s=period_s, master=master, **keys)

    def made(self, probes: list[str], *, period_s: float = 10.0, master: str = "", **keys: Any) -> BusWorker:
        specs = [
            DeviceSpec(
                probe, Ds18b20,
                {probe: msgspec.convert({"probe": probe, **keys}, Ds18b20Options)}, {probe: round(period_s * 1000)},
            )
            for probe in probes
        ]  # fmt: skip
        return BusWorker(
            "w1", specs, clock=self.clock, post=self.cycles.append,
            open_handle=lambda: self.kernel.bus(master), close_handle=lambda _bus: None, look_s=LOOK_S["onewire"],
        )  # fmt: skip

    def tick(self, worker: BusWorker | None = None) -> dict[str, Sample]:
        """Let one tick pass; return its samples."""
        worker = worker or self.worker
        before = len(self.cycles)
        while not any(cycle.samples for cycle in self.cycles[before:]):
            due_s = worker.step(self.clock.now_ns / 1e9)
            self.clock.now_ns = max(self.clock.now_ns, round(due_s * 1e9))
        return {sample.point: sample for cycle in self.cycles[before:] for sample in cycle.samples}

    def notices(self) -> list[tuple[str, Any]]:
        return [(notice.kind, notice.values) for cycle in self.cycles for notice in cycle.notices]


def outcome(sample: Sample) -> tuple[Any, str, str]:
    return sample.value, QUALITY_NAMES[sample.quality], sample.reason


def test_thirty_probes_are_read_after_one_conversion_in_less_than_three_seconds(tmp_path: Path) -> None:
    rig = Rig(tmp_path, NAMES)
    for tick in range(3):
        before_s, before = rig.kernel.now_s, rig.kernel.conversions
        samples = rig.tick()
        assert {probe: sample.value for probe, sample in samples.items()} == {
            probe: 20.0 + number for number, probe in enumerate(NAMES)
        }
        took_s = rig.kernel.now_s - before_s
        print(f"tick {tick}: {rig.kernel.conversions - before} conversion for 30 probes, {took_s:.2f} s on the line")
        assert rig.kernel.conversions - before == 1
        assert took_s < 3.0
    assert rig.notices() == []


@pytest.mark.parametrize(
    ("hindrance", "why"),
    [("may_write", "no_right"), ("has_bulk", "no_file"), ("is_powered", "parasite"), ("has_foreigner", "foreign")],
)
def test_what_prevents_a_conversion_for_all_is_said_once_and_costs_time_alone(
    tmp_path: Path, hindrance: str, why: str
) -> None:
    rig = Rig(tmp_path, NAMES[:4])
    if hindrance == "is_powered":
        rig.kernel.probes[NAMES[3]].is_powered = False
    else:
        setattr(rig.kernel, hindrance, hindrance == "has_foreigner")
    for tick in range(6):
        for number, probe in enumerate(NAMES[:4]):
            rig.kernel.probes[probe].celsius = tick + number / 4
        assert [sample.value for sample in rig.tick().values()] == [tick + number / 4 for number in range(4)]
    assert rig.kernel.conversions == 24
    assert rig.notices() == [("probes_one_by_one", {"master": "w1_bus_master1", "why": why, "count": 4})]
    assert rig.worker.status()["condition"] == {"w1_bus_master1": why}


def test_the_trigger_is_written_with_its_newline_or_nothing_would_be_converted(tmp_path: Path) -> None:
    kernel = FakeW1Kernel(tmp_path)
    kernel.plug(NAMES[0])
    kernel.write(tmp_path / BULK_READ, "trigger")
    assert (kernel.conversions, kernel.read(tmp_path / BULK_READ)) == (0, "0\n")
    kernel.write(tmp_path / BULK_READ, "trigger\n")
    assert (kernel.conversions, kernel.read(tmp_path / BULK_READ)) == (1, "1\n")


def test_a_probe_that_was_not_read_after_a_conversion_never_gives_that_old_value_later(tmp_path: Path) -> None:
    rig = Rig(tmp_path, NAMES[:3])
    rig.tick()
    slow = rig.made(NAMES[3:4], period_s=60)  # a fourth probe comes, which only another worker reads
    rig.kernel.plug(NAMES[3], 5.0)
    rig.tick()
    assert rig.kernel.probes[NAMES[3]].mark == 1, "the kernel holds its 5 °C for whoever reads it next"
    rig.kernel.probes[NAMES[3]].celsius = 95.0
    assert rig.tick(slow)[NAMES[3]].value == 95.0


def test_a_slower_probe_of_the_same_line_is_converted_anew_when_it_is_due(tmp_path: Path) -> None:
    rig = Rig(tmp_path, NAMES[:3], period_s=10)
    rig.kernel.plug(NAMES[3], 5.0)
    bus = rig.kernel.bus()
    bus.begin(NAMES[:3])
    rig.kernel.probes[NAMES[3]].celsius = 6.0
    bus.begin([NAMES[3]])
    assert " t=6000\n" in bus.text(NAMES[3])


def test_a_trigger_that_came_to_nothing_gives_no_value_of_before(tmp_path: Path) -> None:
    """The kernel marks every probe as converted where none answered its reset, or a signal ended the wait."""
    rig = Rig(tmp_path, NAMES[:3])
    assert [sample.value for sample in rig.tick().values()] == [20.0, 21.0, 22.0]
    for probe in NAMES[:3]:
        rig.kernel.probes[probe].celsius += 30.0
    rig.kernel.interrupts = 1
    assert [sample.value for sample in rig.tick().values()] == [50.0, 51.0, 52.0]
    rig.kernel.is_dead = True
    assert {outcome(sample) for sample in rig.tick().values()} == {(None, "bad", "line_high")}
    rig.kernel.is_dead = False
    for probe in NAMES[:3]:
        rig.kernel.probes[probe].celsius += 10.0
    assert [sample.value for sample in rig.tick().values()] == [60.0, 61.0, 62.0]
    assert rig.notices() == []


def test_a_line_that_is_cut_and_a_probe_that_is_silent_are_told_apart(tmp_path: Path) -> None:
    """`w1_slave` is empty for both; `resolution` shows -19 for the first, at 5 ms a tick, and -5 for the second."""
    rig = Rig(tmp_path, NAMES[:3])
    rig.tick()
    for probe in NAMES[:2]:
        rig.kernel.probes[probe].fault = "no_answer"
    said = rig.tick()
    assert [outcome(said[probe])[2] for probe in NAMES[:3]] == ["no_answer", "no_answer", ""]
    rig.kernel.is_dead = True
    before_s = rig.kernel.now_s
    assert {outcome(sample) for sample in rig.tick().values()} == {(None, "bad", "line_high")}
    assert rig.kernel.now_s - before_s < 0.1
    rig.kernel.is_dead = False
    assert [outcome(sample)[2] for sample in rig.tick().values()] == ["no_answer", "no_answer", ""]


def test_the_kernel_knows_a_probes_resolution_again_after_a_fault(tmp_path: Path) -> None:
    """It keeps the error's number in its place, and then waits 0.75 s for a conversion of 0.1 s."""
    rig = Rig(tmp_path, NAMES[:2])
    for probe in NAMES[:2]:
        rig.kernel.probes[probe].bits = rig.kernel.probes[probe].driver_bits = 9
    rig.tick()
    rig.kernel.is_dead = True
    rig.tick()
    assert min(rig.kernel.probes[probe].driver_bits for probe in NAMES[:2]) < 0
    rig.kernel.is_dead = False
    rig.tick()
    before_s = rig.kernel.now_s
    assert all(sample.quality == GOOD for sample in rig.tick().values())
    assert rig.kernel.now_s - before_s < 0.2


def test_marks_that_a_killed_service_left_behind_are_read_away(tmp_path: Path) -> None:
    rig = Rig(tmp_path, NAMES[:1])
    rig.kernel.write(tmp_path / BULK_READ, "trigger\n")
    rig.kernel.probes[NAMES[0]].celsius = -5.5
    assert rig.tick()[NAMES[0]].value == -5.5
    assert rig.kernel.conversions == 2


def test_a_probe_that_cannot_share_converts_alone(tmp_path: Path) -> None:
    probes = [*NAMES[:2], "42-000000000001", "42-000000000002"]
    rig = Rig(tmp_path, probes)
    rig.tick()
    rig.kernel.probes[probes[3]].celsius = -20.0
    assert [sample.value for sample in rig.tick().values()] == [20.0, 21.0, 22.0, -20.0]
    assert rig.kernel.conversions == 2 * 3
    assert Ds18b20.busy_s(Ds18b20Options(probe=probes[2])) == pytest.approx(0.78)
    assert Ds18b20.shared_s(Ds18b20Options(probe=probes[2])) == 0.0


@pytest.mark.parametrize("family", ["10", "22", "28", "3b", "42"])
def test_each_family_is_read_through_the_library(tmp_path: Path, family: str) -> None:
    probes = [f"{family}-00000000000{number}" for number in range(2)]
    rig = Rig(tmp_path, probes)
    rig.kernel.probes[probes[0]].celsius = -10.125
    rig.kernel.probes[probes[1]].celsius = 99.5
    assert [outcome(sample) for sample in rig.tick().values()] == [(-10.125, "good", ""), (99.5, "good", "")]


ROWS = {
    **{kind: kind for kind in FAULTS},
    "raise:EIO": "bus_error",
    "raise:ENODEV": "unplugged",
    "raise:ENOENT": "unplugged",
    "raise:EACCES": "not_open",
}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("fault", "reason"), ROWS.items())
def test_each_way_to_fail_has_its_reason_no_value_and_no_alarm_of_another_probe(
    tmp_path: Path, fault: str, reason: str, together: bool
) -> None:
    rig = Rig(tmp_path, NAMES[:30])
    rig.kernel.may_write = together
    rig.tick()
    ill = NAMES[7]
    rig.kernel.probes[ill].fault = fault
    for _ in range(3):
        samples = rig.tick()
        assert outcome(samples.pop(ill)) == (None, "bad", reason)
        assert {sample.quality for sample in samples.values()} == {GOOD}, "false alarms"
    rig.kernel.probes[ill].fault = ""
    for _ in range(4):  # a device that raised is tried again later and later
        samples = rig.tick()
    assert outcome(samples[ill]) == (27.0, "good", "")


def test_a_probe_that_vanishes_in_the_middle_of_a_tick_is_unplugged(tmp_path: Path) -> None:
    rig = Rig(tmp_path, NAMES[:3])
    rig.tick()
    rig.kernel.unplug(NAMES[1])
    samples = rig.tick()
    assert outcome(samples[NAMES[1]]) == (None, "bad", "unplugged")
    assert {samples[name].quality for name in (NAMES[0], NAMES[2])} == {GOOD}
    rig.kernel.plug(NAMES[1], 33.0)
    assert rig.tick()[NAMES[1]].value == 33.0


@pytest.mark.parametrize(
    ("fault", "left", "expected"), [("crc", 1, (20.0, "good", "")), ("crc", 2, (None, "bad", "crc"))]
)
def test_a_damaged_reading_is_read_once_more_and_not_twice(
    tmp_path: Path, fault: str, left: int, expected: tuple[Any, str, str]
) -> None:
    rig = Rig(tmp_path, NAMES[:2])
    rig.tick()
    rig.kernel.probes[NAMES[0]].fault, rig.kernel.probes[NAMES[0]].faults_left = fault, left
    assert outcome(rig.tick()[NAMES[0]]) == expected
    assert outcome(rig.tick()[NAMES[0]]) == (20.0, "good", "")


def test_a_probe_that_stays_ill_costs_one_retry_and_not_one_a_reading(tmp_path: Path) -> None:
    rig = Rig(tmp_path, NAMES[:2])
    rig.tick()
    rig.kernel.probes[NAMES[0]].fault = "power_on_value"
    before = rig.kernel.conversions
    for _ in range(10):
        rig.tick()
    assert rig.kernel.conversions - before == 10 + 1


def test_a_dip_of_the_supply_between_conversion_and_reading_costs_no_value(tmp_path: Path) -> None:
    kernel = FakeW1Kernel(tmp_path)
    probes = [kernel.plug(name, 21.5) for name in NAMES[:2]]
    bus = kernel.bus()
    driver = Ds18b20(bus, {"t": Ds18b20Options(probe=NAMES[0])})
    driver.open()
    bus.begin(NAMES[:2])
    probes[0].brown_out()
    assert driver.read(["t"], 1) == [Sample("t", 1, 21.5, GOOD)]


def test_a_true_85_degrees_is_good_and_of_a_copy_in_doubt(tmp_path: Path) -> None:
    rig = Rig(tmp_path, NAMES[:2])
    for probe in NAMES[:2]:
        rig.kernel.probes[probe].celsius = 85.0
    rig.kernel.probes[NAMES[1]].copy = bytes.fromhex("a51010")
    samples = rig.tick()
    assert outcome(samples[NAMES[0]]) == (85.0, "good", "")
    assert outcome(samples[NAMES[1]]) == (85.0, "uncertain", "suspect")


def test_a_ds18s20_that_comes_to_85_degrees_is_in_doubt_and_one_that_jumps_there_has_no_value(tmp_path: Path) -> None:
    """At a true 85 °C it shows the nine bytes of its power-on value."""
    probes = ["10-000000000001", "10-000000000002"]
    rig = Rig(tmp_path, probes)
    rig.kernel.probes[probes[0]].celsius = 84.5
    rig.tick()
    for probe in probes:
        rig.kernel.probes[probe].celsius = 85.0
    assert [outcome(sample) for sample in rig.tick().values()] == [
        (85.0, "uncertain", "suspect"), (None, "bad", "power_on_value"),
    ]  # fmt: skip


def test_a_copy_measures_and_is_said_once_also_over_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path, NAMES[:2])
    rig.kernel.probes[NAMES[0]].copy = bytes.fromhex("a51010")
    for _ in range(3):
        assert outcome(rig.tick()[NAMES[0]]) == (20.0, "good", "")
    (said,) = rig.notices()
    assert said[0] == "probe_copy"
    assert said[1]["device"] == NAMES[0]
    memory = {name: text for cycle in rig.cycles for name, text in (cycle.state or {}).items()}
    again = Ds18b20(rig.kernel.bus(), {"t": Ds18b20Options(probe=NAMES[0])})
    again.restore(memory[NAMES[0]])
    again.open()
    assert again.read(["t"], 1)[0].value == 20.0
    assert again.notices() == []


def test_the_resolution_is_asked_for_where_it_differs_and_again_after_the_supply_failed(tmp_path: Path) -> None:
    rig = Rig(tmp_path, NAMES[:2], resolution=9)
    rig.kernel.probes[NAMES[0]].celsius = 25.9375
    assert rig.tick()[NAMES[0]].value == 25.9375, "as it came: 12 bits"
    assert rig.tick()[NAMES[0]].value == 26.0, "rounded to halves"
    rig.kernel.probes[NAMES[0]].brown_out()  # 12 bits again, and the kernel waits for 9
    assert outcome(rig.tick()[NAMES[0]]) == (None, "bad", "power_on_value")
    assert rig.tick()[NAMES[0]].value == 26.0, "rounded to halves"
    before_s = rig.kernel.now_s
    rig.tick()
    assert rig.kernel.now_s - before_s < 0.2, "9 bits convert in 0.1 s"


def test_a_copy_that_does_not_take_a_resolution_is_said_once_and_not_asked_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(tmp_path, NAMES[:1], resolution=10)
    probe = rig.kernel.probes[NAMES[0]]
    probe.takes_bits = False
    written = []
    for _ in range(6):
        rig.tick()
        written.append(probe.driver_bits)
        probe.driver_bits = 12
    assert written == [10, 12, 12, 12, 12, 12]
    assert caplog.text.count("keeps its resolution of 12 bits: it does not take another one") == 1


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([60.0, 20.5], [(20.5, "good", "")]),  # a spike: the second reading is what it was
        ([60.0, 60.0], [(60.0, "uncertain", "suspect"), (60.0, "good", "")]),  # it stays: in doubt once
        ([60.0, -40.0], [(-40.0, "uncertain", "suspect")]),  # neither agrees with anything
        ([20.4], [(20.375, "good", "")]),
        ([-55.0, -55.0], [(-55.0, "uncertain", "suspect")]),
    ],
)
def test_what_moves_faster_than_it_can_is_read_again_and_in_doubt_if_it_stays(
    tmp_path: Path, steps: list[float], expected: list[tuple[Any, str, str]]
) -> None:
    kernel = FakeW1Kernel(tmp_path)
    probe = kernel.plug(NAMES[0], 20.0)
    driver = Ds18b20(kernel.bus(), {"t": Ds18b20Options(probe=NAMES[0], slope_k_min=2.0)})
    driver.open()
    assert outcome(driver.read(["t"], 0)[0]) == (20.0, "good", "")
    read = kernel.read
    course = list(steps)

    class Course:
        """The kernel, whose probe moves at each conversion."""

        names, write = staticmethod(kernel.names), staticmethod(kernel.write)

        @staticmethod
        def read(file: Path) -> str:
            if file.name == "w1_slave" and course:
                probe.celsius = course.pop(0)
            return read(file)

    driver._bus._files = Course()
    assert [outcome(driver.read(["t"], (n + 1) * 10_000_000_000)[0]) for n in range(len(expected))] == expected


def test_the_wire_is_handed_over_for_the_recorder_as_it_was(tmp_path: Path) -> None:
    kernel = FakeW1Kernel(tmp_path)
    probe = kernel.plug(NAMES[0], 20.0)
    driver = Ds18b20(kernel.bus(), {"t": Ds18b20Options(probe=NAMES[0])})
    assert driver.trace() == b""
    driver.open()
    driver.read(["t"], 0)
    assert driver.trace().startswith(b"40 01 4b 46 7f ff 10 10 ")
    probe.fault = "no_answer"
    driver.read(["t"], 1)
    assert driver.trace() == b"-\n"
    probe.fault = "crc"
    driver.read(["t"], 2)
    assert driver.trace().count(b"NO\n") == 1
    assert driver.trace() == b""


def test_two_masters_are_two_buses_each_with_its_own_probes(tmp_path: Path) -> None:
    kernel = FakeW1Kernel(tmp_path)
    kernel.plug(NAMES[0], 1.0, "w1_bus_master1")
    kernel.plug(NAMES[1], 2.0, "w1_bus_master2")
    for master, own, other in (("w1_bus_master1", 0, 1), ("w1_bus_master2", 1, 0)):
        bus = kernel.bus(master)
        assert [found.device for found in bus.present()] == [NAMES[own]]
        driver = Ds18b20(bus, {"t": Ds18b20Options(probe=NAMES[own])})
        driver.open()
        assert driver.read(["t"], 0)[0].value == own + 1.0
        with pytest.raises(OSError, match="the bus does not show it"):
            Ds18b20(bus, {"t": Ds18b20Options(probe=NAMES[other])}).open()
    assert [found.device for found in kernel.bus().present()] == NAMES[:2]


def test_all_masters_on_one_bus_convert_each_at_once_where_the_kernel_lets_them(tmp_path: Path) -> None:
    """Only the first master has the file: the kernel counts its probes over all masters."""
    rig = Rig(tmp_path, NAMES[:3])
    for name in NAMES[3:5]:
        rig.kernel.plug(name, 7.5, "w1_bus_master2")
    worker = rig.made(NAMES[:5])
    assert [sample.value for sample in rig.tick(worker).values()] == [20.0, 21.0, 22.0, 7.5, 7.5]
    assert rig.kernel.conversions == 1 + 2
    assert [(kind, values["master"], values["why"]) for kind, values in rig.notices()] == [
        ("probes_one_by_one", "w1_bus_master2", "no_file")
    ]


def test_a_probe_on_no_master_is_read_alone(tmp_path: Path) -> None:
    fake = FakeOneWire(tmp_path / "w1")
    for name in NAMES[:2]:
        fake.set(name, 4.0)
    fake.bus.begin(NAMES[:2])
    assert "t=4000" in fake.bus.text(NAMES[0])
    assert fake.bus.notices() == []
