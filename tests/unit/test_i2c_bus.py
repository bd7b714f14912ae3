"""The I2C bus: a deadline for each transfer, errors counted, a stuck bus made to let go, and other buses left alone."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from edge.runtime.bus import BusWorker
from edge.runtime.device import DeviceSpec
from edge.runtime.supervisor import Bell, Supervisor
from hal import buses, drivers
from hal.drivers.i2c_fault import i2c_fault
from hal.fake.gpio import FakeGpio
from hal.fake.i2c import Ads1115Chip, FakeI2c, Sht3xChip
from hal.fake.i2c_air import Bme280Chip
from hal.fake.pace import VirtualPace
from hal.i2c_bus import I2C_RETRIES, I2C_TIMEOUT, I2cBus
from hal.i2c_open import open_i2c
from hal.i2c_power import SETTLES_S, BusPower
from hal.sample import GOOD, Cycle
from tests.support import ManualClock, eventually


class Adapter(FakeI2c):
    """A bus with the descriptor of an open device."""

    fd: int | None = None
    closings = 0

    def close(self) -> None:
        self.closings += 1


def refusing(number: int) -> Callable[[int], Any]:
    def adapter(_number: int) -> Any:
        raise OSError(number, os.strerror(number))

    return adapter


def test_each_transfer_has_the_deadline_of_the_settings() -> None:
    asked: list[tuple[int, int, int]] = []
    adapter = Adapter()
    adapter.fd = 7
    I2cBus("i2c-1", adapter, timeout_ms=105, ioctl=lambda *what: asked.append(what))
    assert asked == [(7, I2C_TIMEOUT, 11), (7, I2C_RETRIES, 2)]  # in steps of 10 ms, rounded up


def test_an_adapter_that_takes_no_deadline_is_closed_and_named() -> None:
    adapter = Adapter()
    adapter.fd = os.open("/dev/null", os.O_RDWR)  # no I2C device: ENOTTY
    try:
        with pytest.raises(buses.BusError, match=r"i2c-3: it takes no deadline: .*; check that it is an I2C adapter"):
            open_i2c(buses.I2c(3), lambda _number: adapter)
    finally:
        os.close(adapter.fd)
    assert adapter.closings == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOENT, r"i2c-1: /dev/i2c-1 does not exist; .*dtparam=i2c_arm=on.* i2c-dev"),
        (errno.EACCES, r"i2c-1: no right to /dev/i2c-1; add the user to group i2c"),
        (errno.EBUSY, r"i2c-1: Device or resource busy \(errno 16\); check the adapter"),
    ],
)
def test_a_bus_that_cannot_be_opened_says_what_to_do(number: int, words: str) -> None:
    with pytest.raises(buses.BusError, match=words):
        open_i2c(buses.I2c(), refusing(number))


@pytest.mark.parametrize(
    ("number", "reason", "words"),
    [
        (errno.EREMOTEIO, "no_answer", "no answer (errno 121); check wiring and pull-ups"),
        (errno.ETIMEDOUT, "bus_stuck", "the bus times out (errno 110); a device holds SDA or SCL low"),
        (errno.EIO, "bus_error", "the transfer failed (errno 5); check wiring, pull-ups and cable length"),
        (errno.EAGAIN, "arbitration", "arbitration lost (errno 11); check for a second master"),
        (errno.EBUSY, "not_open", "a driver of the kernel holds this address (errno 16); take its dtoverlay"),
        (errno.ENODEV, "unplugged", "the adapter has gone (errno 19); check its USB cable"),
        (0, "bus_error", "(errno 0); check the bus"),
    ],
)
def test_each_error_of_a_transfer_has_its_words(number: int, reason: str, words: str) -> None:
    fault = i2c_fault("X at 0x44", FakeI2c(), OSError(number, os.strerror(number)))
    assert fault.reason == reason
    assert str(fault).startswith("X at 0x44 on i2c-1: ")
    assert words in str(fault)


def test_transfers_and_errors_are_counted_by_what_happened() -> None:
    wire = FakeI2c({0x48: Ads1115Chip()})
    bus = I2cBus("i2c-1", wire)
    bus.read_i2c_block_data(0x48, 1, 2)
    bus.write_i2c_block_data(0x48, 1, [0x85, 0x83])
    for number in (errno.ETIMEDOUT, errno.ETIMEDOUT, errno.EIO, errno.EAGAIN, 95):
        wire.fail(number)
        with pytest.raises(OSError, match=os.strerror(number)):
            bus.write_byte(0x48, 0)
    wire.fail(0)
    with pytest.raises(OSError, match="Remote I/O"):
        bus.write_byte(0x51, 0)
    counts = {"transfers": 8, "timeout": 2, "failed": 1, "arbitration": 1, "errno_95": 1, "no_answer": 1}
    assert bus.counts() == counts


def test_an_absent_device_is_no_stuck_bus_and_three_timeouts_are() -> None:
    wire = FakeI2c({0x48: Ads1115Chip()})
    bus = I2cBus("i2c-1", wire)
    for _ in range(5):
        with pytest.raises(OSError, match="Remote I/O"):
            bus.write_byte(0x51, 0)
    assert not bus.is_stuck
    wire.fail(errno.ETIMEDOUT)
    for _ in range(3):
        assert not bus.is_stuck
        with pytest.raises(OSError, match="timed out"):
            bus.write_byte(0x48, 0)
    assert bus.is_stuck
    wire.fail(0)
    bus.write_byte(0x48, 0)
    assert not bus.is_stuck


def test_only_a_stuck_bus_loses_its_power_when_it_is_closed_and_gets_it_back_in_time() -> None:
    board, pace = FakeGpio(), VirtualPace()
    power = BusPower(5, active_high=True, off_s=2.0, factory=board.factory, pace=pace)
    pin = board.factory.pin(5)
    assert pin.state
    wire = Adapter()
    well = I2cBus("i2c-1", wire, switch_off=power.switch_off)
    well.close()
    assert pin.state, "a bus that is only closed keeps its power"

    stuck = I2cBus("i2c-1", wire, switch_off=power.switch_off)
    wire.fail(errno.EIO)
    for _ in range(3):
        with pytest.raises(OSError, match="Input/output"):
            stuck.write_byte(0x48, 0)
    stuck.close()
    stuck.close()
    assert not pin.state
    pace.now_s += 1.5
    assert power.switch_on() == pytest.approx(0.5)
    assert not pin.state
    pace.now_s += 0.5
    assert power.switch_on() == 0
    assert pin.state
    assert pace.now_s == 2.0 + SETTLES_S
    power.close()
    board.close()


def test_a_power_pin_that_cannot_be_switched_leaves_no_adapter_open() -> None:
    def fails() -> None:
        raise RuntimeError("the chip of the pins has gone")

    wire = Adapter()
    stuck = I2cBus("i2c-1", wire, switch_off=fails)
    wire.fail(errno.EIO)
    for _ in range(3):
        with pytest.raises(OSError, match="Input/output"):
            stuck.write_byte(0x48, 0)
    with pytest.raises(RuntimeError):
        stuck.close()
    assert wire.closings == 1


def worker(name: str, bus: FakeI2c, driver: str, options: dict[str, Any], cycles: list[Cycle]) -> BusWorker:
    kind = drivers.load(driver)
    points = {"p": msgspec.convert(options, kind.Options)}
    spec = DeviceSpec(kind.device(points["p"]), kind, points, {"p": 100})
    return BusWorker(
        name, [spec], clock=ManualClock(), post=cycles.append,
        open_handle=lambda: I2cBus(name, bus), close_handle=lambda handle: buses.close_bus("i2c", handle),
    )  # fmt: skip


def test_a_bus_that_hangs_delays_no_other_bus() -> None:
    hanging, well = FakeI2c({0x48: Ads1115Chip(1.0)}, "i2c-1"), FakeI2c({0x44: Sht3xChip()}, "i2c-3")
    hanging.block()
    ours: list[Cycle] = []
    theirs: list[Cycle] = []
    supervisor = Supervisor()
    clocks = [ManualClock(), ManualClock()]
    for name, bus, driver, options, cycles in (
        ("a", hanging, "ads1115", {"input": "AIN0"}, theirs),
        ("b", well, "sht3x", {"channel": "humidity"}, ours),
    ):
        made = worker(name, bus, driver, options, cycles)
        supervisor.add(Turning(made, clocks.pop()), Bell())
    supervisor.start()
    eventually(lambda: len(ours) >= 20, 5, "the other bus is read twenty times")
    assert theirs == []
    assert all(sample.quality == GOOD for cycle in ours for sample in cycle.samples)
    hanging.release()
    eventually(lambda: bool(theirs), 5, "the bus that hung goes on")
    assert supervisor.stop(5) == []


class Turning:
    """A bus whose time runs a period a turn, so that nobody waits for the real clock."""

    def __init__(self, worker: BusWorker, clock: ManualClock) -> None:
        self.worker, self.clock, self.name = worker, clock, worker.name
        worker._clock = clock

    def step(self, _now_s: float) -> float:
        self.clock.advance(0.1)
        self.worker.step(self.clock.now_ns / 1e9)
        return 0.0

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        self.worker.close()


def test_what_a_bus_counted_survives_its_closing() -> None:
    bus = Adapter()
    cycles: list[Cycle] = []
    made = worker("i2c1", bus, "ads1115", {"input": "AIN0"}, cycles)
    turning = Turning(made, ManualClock())
    for _ in range(40):
        turning.step(0)
    counts = made.counts()
    assert counts["no_answer"] == counts["transfers"] >= 2
    assert made.status()["wire"] == counts
    assert {sample.reason for cycle in cycles for sample in cycle.samples} == {"no_answer"}
    made.close()
    assert made.counts() == counts


def test_a_bus_that_counts_nothing_has_no_counts() -> None:
    made = BusWorker("own", [], clock=ManualClock(), post=lambda _cycle: None, open_handle=object,
                     close_handle=lambda _handle: None)  # fmt: skip
    assert made.counts() == {}
    made.close()


def test_wrong_address_wrong_chip_and_dead_chip_are_one_message_each_and_the_rest_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = Adapter(
        {0x45: Sht3xChip(21.0, 40.0), 0x76: Bme280Chip(number=0x61), 0x48: Ads1115Chip(1.0, busy_reads=10**9)},
        pace=VirtualPace(),
    )
    points: dict[str, tuple[str, dict[str, Any]]] = {
        "absent": ("sht3x", {"channel": "humidity"}),
        "other": ("bme280", {"channel": "humidity"}),
        "dead": ("ads1115", {"input": "AIN0", "rate_per_s": 860}),
        "well": ("sht3x", {"channel": "humidity", "address": 0x45}),
    }
    specs = []
    for point, (driver, keys) in points.items():
        kind = drivers.load(driver)
        options = msgspec.convert(keys, kind.Options)
        specs.append(DeviceSpec(f"{driver} {kind.device(options)}", kind, {point: options}, {point: 1000}))
    cycles: list[Cycle] = []
    clock = ManualClock()
    made = BusWorker(
        "i2c1", specs, clock=clock, post=cycles.append, open_handle=lambda: bus, close_handle=lambda _handle: None
    )
    for _ in range(20):
        made.step(clock.now_ns / 1e9)
        clock.advance(1.0)
    made.close()
    reasons = {sample.point: sample.reason for cycle in cycles for sample in cycle.samples}
    assert reasons == {"absent": "no_answer", "other": "wrong_device", "dead": "never_ready", "well": ""}
    assert [record.message for record in caplog.records] == [
        "bus i2c1: SHT3x at 0x44 on i2c-1: no answer (errno 121); check wiring and pull-ups",
        (
            "bus i2c1: BME280 at 0x76 on i2c-1: a BME680 answers (id 0x61); "
            "a BME280 says 0x60, a BMP280 0x58: check which one is fitted"
        ),
        "bus i2c1: ADS1115 at 0x48 on i2c-1: a conversion does not end; check its supply",
    ]


def test_a_crc_that_is_wrong_once_in_twenty_gives_no_wrong_value_and_is_counted_each_time() -> None:
    class Disturbed(Sht3xChip):
        reads = 0

        def read(self, length: int) -> bytes:
            self.reads += 1
            self.corrupt_at = self.reads % 6 if self.reads % 20 == 0 else None
            return super().read(length)

    bus = FakeI2c({0x44: Disturbed(-12.5, 71.0)}, pace=VirtualPace())
    kind = drivers.load("sht3x")
    points = {key: msgspec.convert({"channel": key}, kind.Options) for key in ("temperature", "humidity")}
    spec = DeviceSpec("0x44", kind, points, dict.fromkeys(points, 1000))
    clock = ManualClock()
    cycles: list[Cycle] = []
    made = BusWorker(
        "i2c1", [spec], clock=clock, post=cycles.append, open_handle=lambda: bus, close_handle=lambda _handle: None
    )
    for _ in range(401):
        made.step(clock.now_ns / 1e9)
        clock.advance(1.0)
    samples = [sample for cycle in cycles for sample in cycle.samples]
    bad = [sample for sample in samples if sample.quality != GOOD]
    assert (len(samples), len(bad)) == (800, 20)
    assert {(sample.value, sample.reason) for sample in bad} == {(None, "crc")}
    right = {"temperature": pytest.approx(-12.5, abs=0.01), "humidity": pytest.approx(71.0, abs=0.01)}
    assert all(sample.value == right[sample.point] for sample in samples if sample.quality == GOOD)
    assert made.devices[0].bad["crc"] == 20
    made.close()
