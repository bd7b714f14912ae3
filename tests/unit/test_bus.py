"""The bus worker: ticks on multiples, one message a tick, and a device that fails takes nobody with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import msgspec
import pytest

from edge.runtime.bus import BusWorker
from edge.runtime.device import DeviceSpec
from hal.driver import DriverError
from hal.sample import BAD, GOOD, Channel, Cycle, Fix, Notice, Sample
from tests.support import ManualClock


class NoOptions(msgspec.Struct, frozen=True):
    """No options."""


class Scripted:
    """A driver that does what its device's script says: a value, or an exception to raise."""

    bus_kind: ClassVar[str] = "own"
    Options: ClassVar[type[msgspec.Struct]] = NoOptions
    tick_s: ClassVar[float] = 0.0
    script: ClassVar[dict[str, list[Any]]] = {}
    opened: ClassVar[list[str]] = []

    @staticmethod
    def device(options: Any) -> str:
        return "d"

    @staticmethod
    def channel(options: Any) -> Channel:
        return Channel("gauge")

    def __init__(self, bus: Any, points: Mapping[str, Any]) -> None:
        self.point = next(iter(points))
        self.restored = ""

    def open(self) -> None:
        self.opened.append(self.point)

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        steps = self.script[self.point]
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(step, Exception):
            raise step
        return [Sample(point, now_ns, step) for point in due]

    def close(self) -> None:
        self.opened.remove(self.point)


class Remembering(Scripted):
    """One that has a memory and news."""

    tick_s = 0.5

    def state(self) -> str | None:
        return '{"seen": 1}'

    def restore(self, state: str) -> None:
        self.restored = state

    def notices(self) -> list[Notice]:
        return [Notice("found", 0, {"memory": self.restored})]


def rig(devices: dict[str, tuple[type[Scripted], int]], memory: dict[str, str] | None = None) -> Any:
    clock = ManualClock()
    cycles: list[Cycle] = []
    specs = [DeviceSpec(name, kind, {name: NoOptions()}, {name: period}) for name, (kind, period) in devices.items()]
    worker = BusWorker(
        "b", specs, clock=clock, post=cycles.append, open_handle=object, close_handle=lambda _h: None, memory=memory
    )
    return clock, cycles, worker


def turn(clock: ManualClock, worker: BusWorker, seconds: float) -> None:
    """Let the bus run for so long, waking it when it asked to be."""
    end_ns = clock.now_ns + round(seconds * 1e9)
    due_s = worker.step(clock.now_ns / 1e9)
    while due_s * 1e9 <= end_ns:
        clock.now_ns = round(due_s * 1e9)
        due_s = worker.step(clock.now_ns / 1e9)
    clock.now_ns = end_ns


def test_ticks_fall_on_multiples_of_the_period_in_utc() -> None:
    Scripted.script = {"a": [20.5]}
    clock, cycles, worker = rig({"a": (Scripted, 2000)})
    clock.utc_offset_ms += 300  # the box was started at an odd instant

    turn(clock, worker, 7)

    offset_ms = clock.utc_ms() - clock.now_ns // 1_000_000
    assert [(cycle.t_ns // 1_000_000 + offset_ms) % 2000 for cycle in cycles] == [0, 0, 0]
    assert all(cycle.samples[0].value == 20.5 for cycle in cycles)
    worker.close()


def test_ticks_lie_on_the_engines_grid_to_the_millisecond_whatever_fraction_the_clocks_are_apart() -> None:
    class Apart(ManualClock):
        def utc_ms(self) -> int:  # UTC turns its millisecond 0.6 ms before the monotonic clock does
            return self.utc_offset_ms + (self.now_ns + 600_000) // 1_000_000

    Scripted.script = {"a": [20.5]}
    clock = Apart()
    cycles: list[Cycle] = []
    worker = BusWorker(
        "b", [DeviceSpec("a", Scripted, {"a": NoOptions()}, {"a": 1000})], clock=clock, post=cycles.append,
        open_handle=object, close_handle=lambda _h: None, offset_ms=lambda: clock.utc_offset_ms,
    )  # fmt: skip
    for late_ns in range(0, 1_000_000, 100_000):  # a thread wakes up at any fraction of a millisecond
        clock.now_ns = clock.now_ns // 1_000_000 * 1_000_000 + late_ns
        turn(clock, worker, 1)

    assert len(cycles) >= 9
    assert {(cycle.t_ns // 1_000_000 + clock.utc_offset_ms) % 1000 for cycle in cycles} == {0}
    worker.close()


def test_a_driver_that_raises_turns_its_own_points_bad_and_no_other() -> None:
    Scripted.script = {"bad": [ValueError("a bug")], "good": [1]}
    clock, cycles, worker = rig({"bad": (Scripted, 1000), "good": (Scripted, 1000)})

    turn(clock, worker, 3.5)

    for cycle in cycles:
        by_point = {sample.point: sample for sample in cycle.samples}
        assert by_point["good"].value == 1
        assert (by_point["bad"].value, by_point["bad"].quality, by_point["bad"].reason) == (None, BAD, "driver_error")
    lost = [notice for cycle in cycles for notice in cycle.notices]
    assert [notice.kind for notice in lost] == ["device_lost"]  # said once, not at each retry
    worker.close()


def test_a_device_that_comes_back_says_so_and_is_read_again() -> None:
    Scripted.script = {"p": [DriverError("P at 0x44: no answer", "no_answer"), 7]}
    clock, cycles, worker = rig({"p": (Scripted, 1000)})

    turn(clock, worker, 9)

    assert cycles[0].samples[0].reason == "no_answer"
    assert cycles[-1].samples[0].value == 7
    assert [n.kind for cycle in cycles for n in cycle.notices] == ["device_lost", "device_back"]
    worker.close()
    assert Scripted.opened == []


def test_a_slow_read_skips_ticks_and_never_bursts() -> None:
    Scripted.script = {"p": [1]}
    clock, cycles, worker = rig({"p": (Scripted, 1000)})
    worker.step(clock.now_ns / 1e9)
    clock.advance(10.25)

    due_s = worker.step(clock.now_ns / 1e9)

    assert len(cycles) == 1
    assert due_s * 1000 == clock.now_ns // 1_000_000 + 750
    worker.close()


def test_memory_goes_back_to_the_driver_and_its_news_reach_the_station() -> None:
    Remembering.script = {"m": [1]}
    clock, cycles, worker = rig({"m": (Remembering, 1000)}, memory={"m": "before"})

    turn(clock, worker, 2)

    assert cycles[0].notices[0].values["memory"] == "before"
    assert cycles[0].state == {"m": '{"seen": 1}'}
    worker.close()


class Telling(Scripted):
    """One whose device tells the time of day, also when no point is due."""

    tick_s = 0.5

    def fix(self) -> Fix | None:
        return Fix("tic", 7, 1_795_166_000_000, 2000)


def test_the_time_that_a_device_tells_goes_with_the_cycle_that_read_it() -> None:
    clock = ManualClock()
    cycles: list[Cycle] = []
    Scripted.script = {"a": [1.0], "b": [2.0]}
    specs = [
        DeviceSpec("a", Telling, {"a": NoOptions()}, {"a": 1000}),
        DeviceSpec("b", Scripted, {"b": NoOptions()}, {"b": 1000}),
    ]
    worker = BusWorker(
        "own", specs, clock=clock, post=cycles.append, open_handle=object, close_handle=lambda _h: None
    )  # fmt: skip
    due_s = worker.step(clock.now_ns / 1e9)
    for _ in range(4):
        clock.now_ns = round(due_s * 1e9)
        due_s = worker.step(due_s)
    assert [cycle.fix for cycle in cycles] == [Fix("tic", 7, 1_795_166_000_000, 2000)] * 4
    worker.close()


def test_a_bus_that_does_not_open_makes_all_its_points_bad() -> None:
    Scripted.script = {"p": [1]}
    clock = ManualClock()
    cycles: list[Cycle] = []

    def refuse() -> Any:
        raise OSError(2, "no such bus")

    worker = BusWorker(
        "b", [DeviceSpec("p", Scripted, {"p": NoOptions()}, {"p": 1000})],
        clock=clock, post=cycles.append, open_handle=refuse, close_handle=lambda _h: None,
    )  # fmt: skip

    turn(clock, worker, 2)

    assert {(sample.value, sample.reason) for cycle in cycles for sample in cycle.samples} == {(None, "bus_error")}
    assert worker.explain("p")["fault"]
    assert worker.explain("nobody") == {}
    worker.close()


class BadState(Remembering):
    """One whose memory can't be asked for."""

    def state(self) -> str | None:
        raise RuntimeError("a bug in state()")


class Silent(Scripted):
    """One that forgot to return anything."""

    def read(self, due: Sequence[str], now_ns: int) -> Any:
        return None


class Foreign(Scripted):
    """One that answers for somebody else's point."""

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        return [Sample("good", now_ns, 99.0)]


@pytest.mark.parametrize("kind", [BadState, Silent, Foreign])
def test_a_driver_that_breaks_its_contract_takes_only_its_own_points(kind: type[Scripted]) -> None:
    Scripted.script = {"good": [1.0], "bad": [2.0]}
    clock, cycles, worker = rig({"bad": (kind, 1000), "good": (Scripted, 1000)})

    turn(clock, worker, 3)

    samples = [sample for cycle in cycles for sample in cycle.samples]
    assert [sample.value for sample in samples if sample.point == "good"] == [1.0] * 3
    assert {sample.reason for sample in samples if sample.point == "bad"} == {"driver_error"}
    worker.close()


def test_a_device_that_flaps_does_not_flood_the_journal() -> None:
    Scripted.script = {"p": [2.0, OSError("loose wire")] * 1800}
    clock, cycles, worker = rig({"p": (Scripted, 1000)})

    turn(clock, worker, 3600)

    assert [notice.kind for cycle in cycles for notice in cycle.notices] == ["device_lost"]
    worker.close()


@pytest.mark.parametrize("step_ms", [-86_400_000, -59_500, -1000, 300, 1000, 23_000, 59_999, 3_600_000])
def test_a_reading_is_never_stamped_long_before_it_was_read_also_when_the_clock_was_set_in_between(
    step_ms: int,
) -> None:
    clock = ManualClock()
    cycles: list[Cycle] = []
    Scripted.script = {"p": [1.0]}
    worker = BusWorker(
        "own", [DeviceSpec("a", Scripted, {"p": NoOptions()}, {"p": 60_000})], clock=clock, post=cycles.append,
        open_handle=object, close_handle=lambda _h: None, offset_ms=lambda: clock.utc_offset_ms,
    )  # fmt: skip
    read_ms = []
    due_s = worker.step(clock.now_ns / 1e9)
    for tick in range(8):
        clock.now_ns = round(due_s * 1e9)
        if tick == 4:
            clock.utc_offset_ms += step_ms
        due_s = worker.step(due_s)
        read_ms.append(clock.now_ns // 1_000_000)
    assert [cycle.t_ns // 1_000_000 for cycle in cycles] == read_ms
    assert [(read + clock.utc_offset_ms) % 60_000 for read in read_ms[5:]] == [0, 0, 0]
    assert all(1 <= later - one <= 60_000 for one, later in pairwise(read_ms))


class Traced(Scripted):
    """One whose wire's bytes can be had."""

    def trace(self) -> bytes:
        return f"read {len(self.script[self.point])}".encode()


def test_the_first_bad_sample_of_a_device_keeps_what_its_bus_brought_before() -> None:
    Traced.script = {"a": [1.0, 2.0, OSError(5, "no"), 3.0], "b": [7.0]}
    clock, _cycles, worker = rig({"a": (Traced, 1000), "b": (Traced, 1000)})
    turn(clock, worker, 2.5)
    assert worker.explain("a")["recording"] is None
    turn(clock, worker, 10)
    recording = worker.explain("a")["recording"]
    told = [(entry["device"], bytes.fromhex(entry["hex"])) for entry in recording["entries"]]
    assert told == [("a", b"read 3"), ("b", b"read 1"), ("a", b"read 2"), ("b", b"read 1"), ("a", b"read 1")]
    assert (recording["point"], recording["reason"]) == ("a", "bus_error")
    assert worker.explain("b")["recording"] is None
    worker.close()


def test_a_bus_counts_its_reads_and_why_points_had_no_value() -> None:
    Scripted.script = {"a": [1.0, DriverError("x; y", "crc"), 3.0]}
    clock, _cycles, worker = rig({"a": (Scripted, 1000)})
    turn(clock, worker, 5.5)
    (device,) = worker.status()["devices"]
    assert device["bad"] == {"crc": 1}
    assert (worker.errors(), device["reads"], device["points"]) == (1, 5, ["a"])
    worker.close()


def test_a_bus_tells_how_late_it_comes_to_its_ticks() -> None:
    Scripted.script = {"a": [1.0]}
    clock, _cycles, worker = rig({"a": (Scripted, 1000)})
    turn(clock, worker, 3.5)
    clock.now_ns += 740_000_000  # something held the machine up
    worker.step(clock.now_ns / 1e9)
    told = worker.status()["late_ms"]
    assert told["ticks"] == 4
    assert told["p50"] <= 0.25
    assert 200 < told["worst"] < 300
    worker.close()


class Metering(Scripted):
    """One whose count grows between two readings, and is gone with the process."""

    tick_s = 1.0

    @staticmethod
    def channel(options: Any) -> Channel:
        return Channel("counter", volatile=True)


def test_a_bus_that_ends_reads_once_more_what_only_this_process_has_counted() -> None:
    Scripted.opened = []
    Scripted.script = {"pulses": [100, 105], "degrees": [20.5], "broken": [7, OSError("unplugged")]}
    clock, cycles, worker = rig({"broken": (Metering, 1000), "pulses": (Metering, 1000), "degrees": (Scripted, 1000)})
    turn(clock, worker, 1)
    cycles.clear()
    clock.advance(0.4)

    worker.close()

    (last,) = cycles
    assert last.t_ns == clock.now_ns
    assert [(sample.point, sample.value, sample.quality) for sample in last.samples if sample.quality != BAD] == [
        ("pulses", 105, GOOD)
    ]
    assert [sample.point for sample in last.samples if sample.quality == BAD] == ["broken"]
    assert Scripted.opened == []


def test_a_bus_that_ends_before_its_first_reading_opens_nothing_for_it() -> None:
    Scripted.opened = []
    Scripted.script = {"pulses": [100]}
    _, cycles, worker = rig({"pulses": (Metering, 1000)})
    worker.close()
    assert cycles == []
    assert Scripted.opened == []


class Treacherous(Scripted):
    """One that raises in everything it promised not to raise in."""

    broken: ClassVar[set[str]] = set()

    def _perhaps(self, name: str) -> None:
        if name in self.broken:
            raise RuntimeError(f"a bug in {name}")

    def restore(self, state: str) -> None:
        self._perhaps("restore")

    def state(self) -> str | None:
        return None

    def trace(self) -> bytes:
        self._perhaps("trace")
        return b"x"

    def raw(self, point: str) -> str:
        self._perhaps("raw")
        return "raw"

    def condition(self) -> dict[str, Any]:
        self._perhaps("condition")
        return {"well": 1}

    def close(self) -> None:
        super().close()
        self._perhaps("close")


@pytest.mark.parametrize("name", ["restore", "trace", "raw", "condition", "close"])
def test_a_driver_that_breaks_what_it_promised_costs_no_reading_of_its_own_or_of_the_others(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    Scripted.opened.clear()
    Treacherous.broken = {name}
    Scripted.script = {"a": [1.0, 2.0, DriverError("gone", "no_answer"), 4.0], "z": [7.0]}
    clock, cycles, worker = rig({"a": (Treacherous, 1000), "z": (Scripted, 1000)}, memory={"a": "of another driver"})
    turn(clock, worker, 8)
    values = [{sample.point: sample.value for sample in cycle.samples} for cycle in cycles]
    assert [found["z"] for found in values] == [7.0] * len(values)
    assert [found["a"] for found in values[:4]] == [1.0, 2.0, None, 4.0]
    status, explained = worker.status(), worker.explain("a")
    assert (status["devices"][0]["condition"] == {}) == (name == "condition")
    assert (explained["raw"] == "") == (name == "raw")
    worker.close()
    assert Scripted.opened == []
    assert caplog.text.count(f"a bug in {name}\n") <= 2, "said, and not at each reading"


def test_a_bus_that_can_not_be_closed_is_opened_again_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    Scripted.script = {"a": [DriverError("gone", "no_answer"), 4.0]}
    clock, cycles, worker = rig({"a": (Scripted, 1000)})

    def fails(_handle: object) -> None:
        raise RuntimeError("a bug")

    worker._close_handle = fails
    turn(clock, worker, 6)
    assert [cycle.samples[0].value for cycle in cycles][:3] == [None, 4.0, 4.0]
    worker.close()
    assert "bus b failed while closing" in caplog.text


# -- other devices while it runs


def spec(name: str, kind: type[Scripted] = Scripted, period: int = 1000) -> DeviceSpec:
    return DeviceSpec(name, kind, {name: NoOptions()}, {name: period})


def ticks(cycles: list[Cycle], point: str) -> list[int]:
    return [cycle.t_ns // 10**9 for cycle in cycles for sample in cycle.samples if sample.point == point]


def test_a_bus_takes_other_devices_and_the_one_that_stays_misses_no_tick() -> None:
    Scripted.script = {"a": [1], "b": [2], "c": [3]}
    Scripted.opened.clear()
    clock, cycles, worker = rig({"a": (Scripted, 1000), "b": (Scripted, 1000)})
    turn(clock, worker, 3)
    first = ticks(cycles, "a")[0]
    done: list[bool] = []
    worker.replace([spec("a"), spec("c", period=2000)], {}, lambda: done.append(True))
    turn(clock, worker, 5)
    assert done == [True]
    assert ticks(cycles, "a") == list(range(first, first + 8))
    assert ticks(cycles, "b") == list(range(first, first + 3))
    assert {after - before for before, after in pairwise(ticks(cycles, "c"))} == {2}
    assert sorted(Scripted.opened) == ["a", "c"]
    worker.close()


def test_a_device_that_is_opened_anew_remembers_and_one_that_stays_is_not_asked() -> None:
    Remembering.script = {"a": [1], "b": [2]}
    clock, cycles, worker = rig({"a": (Remembering, 1000), "b": (Remembering, 1000)})
    turn(clock, worker, 3)
    stays = worker.devices[0]
    worker.replace([spec("a", Remembering), spec("b", Remembering, 2000)], {}, lambda: None)
    cycles.clear()
    turn(clock, worker, 4)
    assert worker.devices[0] is stays
    assert '{"seen": 1}' in {notice.values["memory"] for cycle in cycles for notice in cycle.notices}
    worker.close()


def test_a_bus_without_devices_is_closed_and_a_silenced_one_says_nothing() -> None:
    Scripted.script = {"a": [1]}
    clock, cycles, worker = rig({"a": (Scripted, 1000)})
    turn(clock, worker, 3)
    worker.replace([], {}, lambda: None)
    assert worker.step(clock.now_ns / 1e9) == float("inf")
    assert not worker.status()["is_open"]
    worker.replace([spec("a")], {}, lambda: None)
    worker.silence()
    cycles.clear()
    turn(clock, worker, 3)
    assert cycles == []
    worker.close()
