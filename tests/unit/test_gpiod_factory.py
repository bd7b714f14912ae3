"""gpiozero on gpiod 2: what is asked of the kernel, the kernel's stamps, lost edges, refusals; one thread at most."""

from __future__ import annotations

import errno
import threading
import time
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gpiozero import (
    Button,
    DigitalInputDevice,
    DigitalOutputDevice,
    PinFixedPull,
    PinInvalidBounce,
    PinInvalidEdges,
    PinInvalidFunction,
    PinInvalidPull,
    PinPWMUnsupported,
    PinSetInput,
)
from hypothesis import given
from hypothesis import strategies as st

from hal.driver import DriverError
from hal.drivers.pulse import Pulse
from hal.fake.gpiochip import ChipGpio, FakeChip
from hal.gpiod_factory import gpiod_factory
from hal.gpiod_lines import EVENT_BUFFER, SEQNO_WRAP, GpioError
from hal.sample import GOOD, UNCERTAIN, Sample
from tests.support import ROOT, eventually

MS = 1_000_000
S = 1_000_000_000


class Board:
    """A fake chip, the factory on it, and the edges that a listener of one pin was told."""

    def __init__(self, fake: FakeChip | None = None, **keys: Any) -> None:
        self.chip = fake or FakeChip()
        self.factory: Any = gpiod_factory(paths=lambda: [self.chip.path], open_device=self.chip.open, **keys)
        self.told: list[tuple[float, bool]] = []
        self._devices: list[Any] = []  # gpiozero closes a device that nobody keeps

    def hear(self, ticks: float, state: bool) -> None:
        self.told.append((ticks, state))

    def request(self, pin: int) -> Any:
        request = self.chip.lines[pin].request
        assert request is not None
        return request

    def input(self, pin: int, **keys: Any) -> Any:
        self._devices.append(DigitalInputDevice(pin, pin_factory=self.factory, **{"pull_up": True, **keys}))
        return self._devices[-1]

    def output(self, pin: int, **keys: Any) -> Any:
        self._devices.append(DigitalOutputDevice(pin, pin_factory=self.factory, **keys))
        return self._devices[-1]


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board()
    yield made
    made.factory.close()
    assert made.chip.open_count == 0
    assert all(line.request is None for line in made.chip.lines)


# -- inputs


@pytest.mark.parametrize(
    ("pull_up", "active_state", "bias", "level"),
    [(True, None, "PULL_UP", True), (False, None, "PULL_DOWN", False), (None, True, "DISABLED", False)],
)
def test_an_input_asks_for_its_pull_both_edges_the_monotonic_clock_and_the_largest_queue(
    board: Board, pull_up: bool | None, active_state: bool | None, bias: str, level: bool
) -> None:
    device = board.input(17, pull_up=pull_up, active_state=active_state)
    request = board.request(17)
    asked = request.settings
    assert (asked.direction.name, asked.bias.name, asked.edge_detection.name) == ("INPUT", bias, "BOTH")
    assert (asked.event_clock.name, asked.active_low, asked.debounce_period.total_seconds()) == ("MONOTONIC", False, 0)
    assert (request.queue_size, request.consumer) == (EVENT_BUFFER, "vigie")
    assert device.pin.state is level
    assert device.pull_up == pull_up


def test_an_edge_keeps_the_kernels_time_and_level(board: Board) -> None:
    device = board.input(17)
    device.pin.when_changed = board.hear
    at_ns = 100 * 86_400 * S + 123_456_789  # a float is exact to 2 ns after 100 days
    board.chip.lines[17].drive(at_ns, level=False)
    board.chip.lines[17].drive(at_ns + MS, level=True)
    eventually(lambda: len(board.told) == 2)
    assert [round(ticks * 1e9) for ticks, _ in board.told] == pytest.approx([at_ns, at_ns + MS], abs=2)
    assert [state for _, state in board.told] == [False, True]


def test_a_button_is_pressed_and_released(board: Board) -> None:
    pressed: list[str] = []
    button = Button(17, pin_factory=board.factory)
    button.when_pressed = lambda: pressed.append("pressed")
    button.when_released = lambda: pressed.append("released")
    board.chip.lines[17].drive(S, level=False)
    board.chip.lines[17].drive(2 * S, level=True)
    eventually(lambda: pressed == ["pressed", "released"])
    button.close()


def test_one_thread_reads_all_pins_and_ends_with_the_last(board: Board) -> None:
    before = threading.active_count()
    assert threading.active_count() == before
    devices = [board.input(pin) for pin in range(4, 20)]
    assert threading.active_count() == before + 1
    for device in devices:
        device.close()
    eventually(lambda: threading.active_count() == before)
    board.input(4).close()


def test_the_thread_rests_while_nothing_happens(board: Board) -> None:
    board.input(17)
    reader = next(thread for thread in threading.enumerate() if thread.name == "gpio-edges")
    status = Path(f"/proc/self/task/{reader.native_id}/status")

    def switches() -> int:
        lines = status.read_text("ascii").splitlines()
        return int(next(line for line in lines if line.startswith("voluntary")).split()[1])

    eventually(lambda: switches() > 0)
    first, start_s = switches(), time.monotonic()
    eventually(lambda: time.monotonic() - start_s > 0.3)
    assert switches() - first <= 1


def test_edges_gather_in_the_kernel_and_come_all_together(board: Board) -> None:
    patient = Board(gather_s=0.1)
    device = patient.input(17)
    threads: set[str] = set()
    device.pin.when_changed = patient.hear
    start_s = time.monotonic()
    patient.chip.lines[17].drive(S, level=False)
    eventually(lambda: len(patient.told) == 1)
    assert time.monotonic() - start_s >= 0.09
    assert threads == set()
    patient.factory.close()


def test_what_waits_in_the_kernel_is_delivered_at_once_on_the_callers_thread() -> None:
    patient = Board(gather_s=60.0)
    device = patient.input(17)
    threads: list[str] = []
    keep = lambda _ticks, _state: threads.append(threading.current_thread().name)  # noqa: E731 - kept by name: weak
    device.pin.when_changed = keep
    for n in range(5):
        patient.chip.lines[17].drive(S + n * MS, level=bool(n % 2))
    device.pin.deliver()
    assert threads == ["MainThread"] * 5
    device.pin.deliver()
    assert len(threads) == 5
    patient.factory.close()  # does not wait for the gathering to end


def test_no_edge_comes_after_a_pin_is_closed_and_it_opens_again(board: Board) -> None:
    device = board.input(17)
    pin = device.pin
    pin.when_changed = board.hear
    device.close()
    device.close()
    board.chip.lines[17].drive(S, level=False)
    pin.deliver()
    again = board.input(17)
    again.pin.when_changed = board.hear
    assert again.pin.state is False
    board.chip.lines[17].drive(2 * S, level=True)
    eventually(lambda: board.told == [(2.0, True)])


def test_a_listener_may_close_its_own_pin(board: Board) -> None:
    device = board.input(17)

    def leave(ticks: float, state: bool) -> None:
        board.told.append((ticks, state))
        device.close()

    device.pin.when_changed = leave
    board.chip.lines[17].drive(S, level=False)
    board.chip.lines[17].drive(2 * S, level=True)
    eventually(lambda: board.chip.lines[17].request is None)
    assert board.told == [(1.0, False)]


def test_a_listener_that_fails_takes_no_other_pin_with_it(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    device, other = board.input(17), board.input(18)

    def fail(_ticks: float, _state: bool) -> None:
        raise RuntimeError("bug")

    device.pin.when_changed = fail
    other.pin.when_changed = board.hear
    board.chip.lines[17].drive(S, level=False)
    eventually(lambda: "a listener failed" in caplog.text)
    board.chip.lines[18].drive(2 * S, level=False)
    eventually(lambda: board.told == [(2.0, False)])


@pytest.mark.parametrize(("edges", "told"), [("rising", [(2.0, True)]), ("falling", [(1.0, False)]), ("none", [])])
def test_only_the_edges_asked_for_come(board: Board, edges: str, told: list[tuple[float, bool]]) -> None:
    device = board.input(17)
    device.pin.edges = edges
    assert device.pin.edges == edges
    device.pin.when_changed = board.hear
    board.chip.lines[17].drive(S, level=False)
    board.chip.lines[17].drive(2 * S, level=True)
    device.pin.edges = "both"
    board.chip.lines[17].drive(3 * S, level=False)
    eventually(lambda: board.told == [*told, (3.0, False)])


def test_the_kernels_debounce_is_there_for_who_asks(board: Board) -> None:
    device = board.input(17, bounce_time=0.05)
    assert board.request(17).settings.debounce_period.total_seconds() == 0.05
    assert device.pin.bounce == 0.05
    device.pin.bounce = None
    assert board.request(17).settings.debounce_period.total_seconds() == 0
    assert device.pin.bounce is None
    for impossible in (-0.1, 4295.0):
        with pytest.raises(PinInvalidBounce):
            device.pin.bounce = impossible


def test_two_threads_that_ask_for_a_pin_get_the_same_one(board: Board) -> None:
    found: list[Any] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait(5)
        found.append(board.factory.pin(17))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(found) == 8
    assert len({id(pin) for pin in found}) == 1


# -- lost edges


def test_the_oldest_edges_of_a_full_queue_are_gone_and_their_number_is_known(board: Board) -> None:
    patient = Board(gather_s=60.0)
    device = patient.input(17)
    device.pin.when_changed = patient.hear
    for n in range(EVENT_BUFFER + 10):
        patient.chip.lines[17].drive(S + n * MS, level=bool(n % 2))
    device.pin.deliver()
    assert device.pin.lost_edges == 10
    assert len(patient.told) == EVENT_BUFFER
    assert patient.told[0] == (1.010, False)
    patient.factory.close()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 20)), max_size=20))
def test_every_hole_in_the_numbers_is_counted(bursts: list[tuple[int, int]]) -> None:
    patient = Board(gather_s=60.0)
    device = patient.input(17)
    device.pin.when_changed = patient.hear
    level = True
    for missing, edges in bursts:
        patient.request(17).skip(missing)
        for _ in range(edges):
            level = not level
            patient.chip.lines[17].drive(S, level=level)
        device.pin.deliver()
    assert device.pin.lost_edges == sum(missing for missing, _ in bursts)
    assert len(patient.told) == sum(edges for _, edges in bursts)
    patient.factory.close()


@pytest.mark.parametrize(
    ("last", "following", "lost"),
    [(0, 1, 0), (SEQNO_WRAP - 1, 0, 0), (SEQNO_WRAP - 3, 1, 3), (100, 5, 0)],
    ids=["first", "wraps", "lost at the wrap", "goes back"],
)
def test_numbers_wrap_and_one_that_goes_back_is_no_loss(board: Board, last: int, following: int, lost: int) -> None:
    pin = board.input(17).pin
    pin.when_changed = board.hear
    pin._line._seqno = last
    board.request(17)._seqno = (following - 1) % SEQNO_WRAP
    board.chip.lines[17].drive(S, level=False)
    eventually(lambda: board.told == [(1.0, False)])
    assert pin.lost_edges == lost


def test_a_pulse_meter_says_that_the_kernels_queue_lost_edges_once_and_counts_on() -> None:
    gpio = ChipGpio(gather_s=60.0)
    options = msgspec.convert({"pin": 17, "weight": 1.0, "weight_unit": "l"}, Pulse.Options)
    driver = Pulse(gpio.factory, {"p": options})
    driver.open()
    assert driver.read(["p"], 0) == [Sample("p", 0, 0, GOOD)]
    gpio.meter(17, S, 1.0, width_ms=100)
    gpio.step(3.5)
    assert driver.read(["p"], 4 * S) == [Sample("p", 4 * S, 3, GOOD)]
    request = gpio.chip.lines[17].request
    assert request is not None
    request.skip(2)
    gpio.step(5.5)
    assert driver.read(["p"], 6 * S) == [Sample("p", 6 * S, 5, UNCERTAIN, "lost_edges")]
    gpio.step(6.5)
    assert driver.read(["p"], 7 * S) == [Sample("p", 7 * S, 6, GOOD)]
    driver.close()
    gpio.close()


def test_edges_lost_in_noise_never_become_a_pulse() -> None:
    gpio = ChipGpio(gather_s=60.0)
    options = msgspec.convert({"pin": 17, "weight": 1.0, "weight_unit": "l"}, Pulse.Options)
    driver = Pulse(gpio.factory, {"p": options})
    driver.open()
    driver.read([], 0)
    gpio.drive(17, S, level=False)
    driver.read([], S + MS)  # closed, not yet long enough to count
    for n in range(EVENT_BUFFER + 999):  # then noise for 2 s, which ends open: the first half of it is lost
        gpio.drive(17, S + 2 * MS + n * MS, level=not n % 2)
    (sample,) = driver.read(["p"], 5 * S)
    assert (sample.value, sample.reason) == (0, "lost_edges")
    driver.close()
    gpio.close()


def make_noise(board: Board, pin: int) -> None:
    """Drive a pin so fast that the reader comes only when its queue has overflowed."""
    with board.factory.reader._lock:
        for n in range(4 * EVENT_BUFFER):
            board.chip.lines[pin].drive(S + n, level=bool(n % 2))


def test_a_line_that_overflows_is_left_to_the_kernel_until_it_is_asked_and_no_longer() -> None:
    patient = Board(gather_s=0.02)
    told: dict[int, int] = {4: 0, 17: 0}
    devices = {pin: patient.input(pin) for pin in told}

    def counter_of(pin: int) -> Any:
        def count(_ticks: float, _state: bool) -> None:
            told[pin] += 1

        return count

    counters = [counter_of(pin) for pin in told]  # kept: gpiozero holds them weakly
    for device, listener in zip(devices.values(), counters, strict=True):
        device.pin.when_changed = listener
    noisy = patient.chip.lines[17]
    make_noise(patient, 17)
    eventually(lambda: patient.factory.reader.resting() == 1)
    while_noisy = told[17]
    noisy.drive(2 * S, level=False)
    patient.chip.lines[4].drive(2 * S, level=False)
    eventually(lambda: told[4] == 1)  # the reader has been round
    assert told[17] == while_noisy
    devices[17].pin.deliver()
    assert told[17] == while_noisy + 1
    assert patient.factory.reader.resting() == 0
    noisy.drive(3 * S, level=True)
    eventually(lambda: told[17] == while_noisy + 2)
    patient.factory.close()


def test_a_line_that_nobody_asks_is_heard_again_after_its_rest() -> None:
    patient = Board(gather_s=0.02)
    device = patient.input(17)
    device.pin.when_changed = patient.hear
    make_noise(patient, 17)
    eventually(lambda: patient.factory.reader.resting() == 1)
    patient.chip.lines[17].drive(9 * S, level=False)
    eventually(lambda: patient.told[-1] == (9.0, False))
    assert patient.factory.reader.resting() == 0
    patient.factory.close()


# -- outputs


@pytest.mark.parametrize(
    ("active_high", "initial", "level"), [(True, False, False), (False, False, True), (True, True, True)]
)
def test_an_output_starts_at_its_level_in_one_call_and_never_moves_before(
    board: Board, active_high: bool, initial: bool, level: bool
) -> None:
    relay = board.output(22, active_high=active_high, initial_value=initial)
    line = board.chip.lines[22]
    assert (line.directions, line.outputs) == (["OUTPUT"], [level])
    relay.toggle()
    assert line.outputs == [level, not level]
    assert relay.value == (not initial)


def test_an_output_without_initial_value_keeps_the_level_it_was_found_at(board: Board) -> None:
    board.chip.lines[22].drive(0, level=True)
    board.output(22, initial_value=None)
    line = board.chip.lines[22]
    assert (line.directions, line.outputs) == (["AS_IS", "OUTPUT"], [True])


def test_a_closed_output_no_longer_drives(board: Board) -> None:
    board.output(22, initial_value=True).close()
    assert board.chip.lines[22].directions == ["OUTPUT", "INPUT"]


def test_an_input_that_becomes_an_output_is_no_longer_listened_to(board: Board) -> None:
    device = board.input(17)
    device.pin.function = "output"
    assert (device.pin.function, device.pin.when_changed) == ("output", None)
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == "gpio-edges"])
    device.pin.state = 1
    assert device.pin.state is True


# -- what gpiozero promises


def test_what_a_pin_can_not_do_is_refused_as_gpiozero_refuses_it(board: Board) -> None:
    pin = board.input(17).pin
    with pytest.raises(PinSetInput):
        pin.state = 1
    with pytest.raises(PinInvalidFunction):
        pin.function = "alt0"
    with pytest.raises(PinInvalidPull):
        pin.pull = "sideways"
    with pytest.raises(PinInvalidEdges):
        pin.edges = "rectangular"
    with pytest.raises(PinPWMUnsupported):
        pin.frequency = 100
    with pytest.raises(PinFixedPull):
        board.output(22).pin.pull = "up"
    with pytest.raises(PinFixedPull):
        board.factory.pin(2).input_with_pull("down")  # GPIO2 has a resistor of 1.8 kΩ on the board


def test_pins_have_the_names_of_the_header_also_where_no_revision_says_which_pi_it_is(board: Board) -> None:
    assert board.factory.pin("GPIO17") is board.factory.pin(17) is board.factory.pin("J8:11")
    assert board.factory.pin(2).pull == "up"
    assert board.factory.pin(17).function == "input"
    assert board.factory.pin(17).bounce is None


def test_a_line_without_a_device_can_be_read_and_stays_as_it_is(board: Board) -> None:
    board.chip.lines[5].drive(0, level=True)
    assert board.factory.pin(5).state is True
    assert board.chip.lines[5].directions == ["AS_IS"]
    board.factory.pin(6).input_with_pull("down")
    assert board.factory.pin(6).state is False


def test_gpiozero_finds_the_factory_by_its_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entry = EntryPoint("gpiod", project["entry-points"]["gpiozero_pin_factories"]["gpiod"], "gpiozero_pin_factories")
    assert entry.load() is gpiod_factory


# -- refusals


def test_a_held_line_is_refused_by_chip_line_and_holder(board: Board) -> None:
    board.chip.lines[8].held_by = "spi0 CS0"
    with pytest.raises(GpioError, match=r"^line 8 of gpiochip0 \(pinctrl-bcm2711\) is held by spi0 CS0$") as caught:
        board.input(8)
    assert caught.value.errno == errno.EBUSY
    board.chip.lines[8].held_by = ""
    board.input(8).close()


def test_a_driver_passes_the_holder_on_with_what_to_look_at(board: Board) -> None:
    board.chip.lines[17].held_by = "gpio-fan"
    options = msgspec.convert({"pin": 17, "weight": 1.0, "weight_unit": "l"}, Pulse.Options)
    driver = Pulse(board.factory, {"p": options})
    with pytest.raises(DriverError, match=r"GPIO17: line 17 of .* is held by gpio-fan; check that no other"):
        driver.open()


def test_a_line_that_the_kernel_refuses_is_said_with_its_errno(board: Board) -> None:
    board.chip.line_refusal = errno.EPERM
    with pytest.raises(GpioError, match=r"line 17 of .*: Operation not permitted \(errno 1\)"):
        board.input(17)


def test_a_chip_with_too_few_lines_is_said_so() -> None:
    board = Board(FakeChip(num_lines=8), chip="gpiochip0")
    with pytest.raises(GpioError, match=r"gpiochip0 \(pinctrl-bcm2711\) has 8 lines, so no line 17"):
        board.input(17)
    board.factory.close()


@pytest.mark.parametrize("label", ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"])
def test_the_chip_of_the_header_is_found_by_its_label_among_others(label: str) -> None:
    chips = {
        chip.path: chip for chip in (FakeChip("gpiochip0", "raspberrypi-exp-gpio", 8), FakeChip("gpiochip4", label))
    }
    factory: Any = gpiod_factory(
        paths=lambda: ["/dev/gpiochip9", *chips],
        open_device=lambda path: chips[path].open(path) if path in chips else FakeChip().open(path),
    )
    assert factory.chip.name == f"gpiochip4 ({label})"
    assert [chip.open_count for chip in chips.values()] == [0, 1]
    factory.close()


@pytest.mark.parametrize("wanted", ["gpiochip3", "/dev/gpiochip3", "gpio-sim.0-node0"])
def test_a_chip_is_taken_by_name_path_or_label(wanted: str) -> None:
    board = Board(FakeChip("gpiochip3", "gpio-sim.0-node0", 54), chip=wanted)
    assert board.factory.chip.name == "gpiochip3 (gpio-sim.0-node0)"
    board.factory.close()


def test_no_chip_at_all_says_so() -> None:
    with pytest.raises(
        GpioError, match=r"no GPIO controller of a Raspberry Pi's header: there is no /dev/gpiochip\*; "
    ):
        gpiod_factory(paths=list, open_device=FakeChip().open)


def test_only_foreign_chips_are_named() -> None:
    with pytest.raises(GpioError, match=r"here are gpiochip0 \(ftdi-cbus\); check that this is a Raspberry Pi"):
        Board(FakeChip(label="ftdi-cbus", num_lines=4))


def test_a_chip_that_is_asked_for_and_absent_is_said_by_name() -> None:
    with pytest.raises(GpioError, match=r'no GPIO chip is named "gpiochip7": here are gpiochip0'):
        Board(chip="gpiochip7")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_chip_that_may_not_be_opened_says_which_group(number: int) -> None:
    chip = FakeChip()
    chip.refusal = number
    with pytest.raises(GpioError, match=r"no right to /dev/gpiochip0; add the user to group gpio") as caught:
        Board(chip)
    assert caught.value.errno == errno.EACCES


def test_a_device_that_is_no_chip_is_said() -> None:
    chip = FakeChip()
    chip.refusal = errno.ENODEV
    with pytest.raises(GpioError, match=r"/dev/gpiochip0: No such device"):
        Board(chip)


def test_a_chip_that_goes_is_an_error_at_the_next_reading_and_the_thread_rests(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    device, relay = board.input(17), board.output(22)
    board.chip.unplug()
    eventually(lambda: "its edges are no longer read" in caplog.text)
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == "gpio-edges"])
    assert caplog.text.count("its edges") == 1
    with pytest.raises(GpioError, match=r"line 17 of .*: No such device \(errno 19\)"):
        device.pin.state  # noqa: B018 - reading is the test
    with pytest.raises(GpioError):
        relay.on()
    device.close()
    relay.close()


def test_descriptors_are_all_given_back() -> None:
    folder = Path("/proc/self/fd")
    before = len(list(folder.iterdir()))
    board = Board()
    devices = [board.input(pin) for pin in range(4, 20)]
    assert len(list(folder.iterdir())) > before + len(devices)
    board.factory.close()
    eventually(lambda: len(list(folder.iterdir())) == before)
