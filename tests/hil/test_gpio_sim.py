"""Pins on a chip that the kernel simulates: the real gpiod, the real event queue, the real refusals."""

from __future__ import annotations

import errno
import select
import threading
import time
from collections.abc import Iterator
from typing import Any

import gpiod
import msgspec
import pytest
from gpiozero import DigitalInputDevice, DigitalOutputDevice

from hal.drivers.contact import Contact
from hal.drivers.pulse import Pulse
from hal.gpiod_factory import gpiod_factory
from hal.gpiod_lines import EVENT_BUFFER, HEADER_LABELS, GpioError, device_paths
from hal.sample import GOOD, Sample
from tests.hil.gpio_sim import SimChip, absent_because
from tests.support import eventually

pytestmark = pytest.mark.skipif(bool(absent_because()), reason=absent_because() or "it can")
LABEL = "vigie-sim"


@pytest.fixture
def chip() -> Iterator[SimChip]:
    made = SimChip(LABEL)
    yield made
    made.close()


@pytest.fixture
def factory(chip: SimChip) -> Iterator[Any]:
    made = gpiod_factory(LABEL)
    yield made
    made.close()


@pytest.fixture
def patient(chip: SimChip) -> Iterator[Any]:
    """A factory that leaves edges in the kernel until they are asked for."""
    made = gpiod_factory(LABEL, gather_s=600.0)
    yield made
    made.close()


def free_lines(chip: SimChip) -> int:
    with gpiod.Chip(f"/dev/{chip.name}") as device:
        return sum(not device.get_line_info(line).used for line in range(device.get_info().num_lines))


def wait_for_edge(pin: Any) -> None:
    """Wait until the kernel holds an edge of this pin."""
    assert select.select([pin._line.fileno()], [], [], 5)[0]


def test_the_header_is_found_by_its_label() -> None:
    for path in device_paths():
        with gpiod.Chip(path) as device:
            if device.get_info().label in HEADER_LABELS:
                pytest.skip("this machine has a header of its own")
    chip = SimChip("pinctrl-bcm2711")
    factory = gpiod_factory()
    assert factory.chip.name == f"{chip.name} (pinctrl-bcm2711)"
    factory.close()
    chip.close()


def test_edges_come_with_the_kernels_time_and_level(chip: SimChip, factory: Any) -> None:
    told: list[tuple[int, bool]] = []
    keep = lambda ticks, state: told.append((round(ticks * 1e9), state))  # noqa: E731 - kept by name: weak
    device = DigitalInputDevice(17, pull_up=True, pin_factory=factory)
    device.pin.when_changed = keep
    assert device.pin.state is True
    bounds = []
    for level in (False, True, False):
        before_ns = time.monotonic_ns()
        chip.drive(17, level=level)
        eventually(lambda: len(told) > len(bounds))
        bounds.append((before_ns, time.monotonic_ns()))
    assert [level for _, level in told] == [False, True, False]
    assert all(low <= t_ns <= high for (t_ns, _), (low, high) in zip(told, bounds, strict=True))
    assert device.pin.lost_edges == 0


@pytest.mark.parametrize(("pull_up", "level"), [(True, True), (False, False)])
def test_a_pull_reaches_the_line(chip: SimChip, factory: Any, pull_up: bool, level: bool) -> None:
    chip.drive(17, level=not level)
    device = DigitalInputDevice(17, pull_up=pull_up, pin_factory=factory)
    assert device.pin.state is level
    assert device.pull_up is pull_up


def test_a_queue_that_overflows_drops_its_oldest_and_the_hole_is_counted(chip: SimChip, patient: Any) -> None:
    told: list[bool] = []
    keep = lambda _ticks, state: told.append(state)  # noqa: E731 - kept by name: weak
    device = DigitalInputDevice(17, pull_up=True, pin_factory=patient)
    device.pin.when_changed = keep
    driven = 3 * EVENT_BUFFER
    for n in range(driven):
        chip.drive(17, level=bool(n % 2))
    device.pin.deliver()
    lost = device.pin.lost_edges
    assert len(told) == EVENT_BUFFER
    assert (
        0 < lost <= driven - EVENT_BUFFER
    )  # two edges before the kernel's interrupt thread runs are one, and no number tells
    chip.drive(17, level=False)

    def is_low() -> bool:
        device.pin.deliver()
        return told[-1] is False

    eventually(is_low)
    assert device.pin.lost_edges == lost


def test_a_pulse_meter_is_counted_exactly(chip: SimChip, patient: Any) -> None:
    options = msgspec.convert({"pin": 17, "weight": 1.0, "weight_unit": "l", "debounce_ms": 0}, Pulse.Options)
    meter = Pulse(patient, {"p": options})
    meter.open()
    pin = patient.pin(17)
    meter.read([], time.monotonic_ns())
    for n in range(1000):
        chip.drive(17, level=bool(n % 2))
        wait_for_edge(pin)
        meter.read([], time.monotonic_ns())
    now_ns = time.monotonic_ns() + 1_000_000_000
    assert meter.read(["p"], now_ns) == [Sample("p", now_ns, 500, GOOD)]
    assert pin.lost_edges == 0
    meter.close()


def test_a_contact_says_when_it_moved(chip: SimChip, patient: Any) -> None:
    door = Contact(patient, {"p": msgspec.convert({"pin": 27, "debounce_ms": 0}, Contact.Options)})
    door.open()
    assert door.read(["p"], time.monotonic_ns())[0].value == 0
    before_ns = time.monotonic_ns()
    chip.drive(27, level=False)
    wait_for_edge(patient.pin(27))
    after_ns = time.monotonic_ns()
    samples = door.read([], after_ns + 1_000_000_000)
    assert [sample.value for sample in samples] == [1]
    assert before_ns <= samples[0].t_ns <= after_ns
    door.close()


def test_a_held_line_names_its_holder(chip: SimChip, factory: Any) -> None:
    with gpiod.request_lines(f"/dev/{chip.name}", {17: None}, consumer="somebody else"):
        with pytest.raises(GpioError, match=r"line 17 of gpiochip\d+ \(vigie-sim\) is held by somebody else") as caught:
            DigitalInputDevice(17, pin_factory=factory)
        assert caught.value.errno == errno.EBUSY
    DigitalInputDevice(17, pin_factory=factory).close()


def test_an_output_starts_at_its_level_and_is_an_input_again_when_closed(chip: SimChip, factory: Any) -> None:
    relay = DigitalOutputDevice(22, active_high=False, initial_value=False, pin_factory=factory)
    assert chip.level(22) is True
    relay.on()
    assert chip.level(22) is False
    assert relay.value == 1
    relay.close()
    with gpiod.Chip(f"/dev/{chip.name}") as device:
        info = device.get_line_info(22)
        assert (info.used, info.direction.name) == (False, "INPUT")


def test_the_kernels_debounce_swallows_a_short_pulse(chip: SimChip, factory: Any) -> None:
    told: list[bool] = []
    keep = lambda _ticks, state: told.append(state)  # noqa: E731 - kept by name: weak
    device = DigitalInputDevice(17, pull_up=True, bounce_time=0.2, pin_factory=factory)
    device.pin.when_changed = keep
    chip.drive(17, level=False)
    chip.drive(17, level=True)
    chip.drive(17, level=False)
    eventually(lambda: told == [False])


def test_lines_and_thread_are_given_back(chip: SimChip, factory: Any) -> None:
    before = free_lines(chip)
    devices = [DigitalInputDevice(pin, pull_up=True, pin_factory=factory) for pin in range(4, 20)]
    assert free_lines(chip) == before - len(devices)
    for device in devices:
        device.close()
    assert free_lines(chip) == before
    eventually(lambda: "gpio-edges" not in {thread.name for thread in threading.enumerate()})


def test_a_chip_that_goes_is_an_error_and_the_thread_rests(chip: SimChip, factory: Any) -> None:
    device = DigitalInputDevice(17, pull_up=True, pin_factory=factory)
    chip.unplug()
    with pytest.raises(GpioError, match="No such device"):
        device.pin.state  # noqa: B018 - reading is the test
    device.close()  # Linux 6.1 does not wake who waits for the edges of a chip that has gone
    eventually(lambda: "gpio-edges" not in {thread.name for thread in threading.enumerate()})
