"""Pulse meters and contacts on gpiozero's mock pins: nothing lost, nothing double, no thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from edge.core.counter import Volatile
from edge.runtime.bus import BusWorker, DeviceSpec
from hal.decode.contact import AT_ONCE
from hal.driver import DriverError
from hal.drivers import pin_edges
from hal.drivers.contact import Contact
from hal.drivers.pulse import Pulse
from hal.fake.gpio import FakeGpio
from hal.fake.gpiochip import ChipGpio
from hal.sample import BAD, GOOD, UNCERTAIN, Cycle, Sample
from tests.support import ManualClock

MS = 1_000_000
S = 1_000_000_000


@pytest.fixture(params=[FakeGpio, ChipGpio], ids=["mock", "gpiod"])
def gpio(request: pytest.FixtureRequest) -> Iterator[FakeGpio]:
    board: FakeGpio = request.param()
    yield board
    board.close()


def pulse_options(**keys: Any) -> Any:
    return msgspec.convert({"pin": 17, "weight": 1.0, "weight_unit": "l", **keys}, Pulse.Options)


def contact_options(**keys: Any) -> Any:
    return msgspec.convert({"pin": 17, **keys}, Contact.Options)


def opened(gpio: FakeGpio, options: Any, kind: Any = Pulse) -> Any:
    driver = kind(gpio.factory, {"p": options})
    driver.open()
    driver.read([], 0)  # as its bus does, so that a count begins with 0
    return driver


def test_sixteen_fastest_bouncing_meters_are_counted_exactly(gpio: FakeGpio) -> None:
    drivers = []
    meters = []
    for pin in range(4, 20):
        drivers.append(opened(gpio, pulse_options(pin=pin)))
        meters.append(gpio.meter(pin, S + pin * MS, 16.6, width_ms=30, bounces=2))
    for now_s in range(2, 32):
        gpio.step(now_s)
        for driver in drivers:
            driver.read([], now_s * S)
    for meter in meters:
        meter.per_second = 0
    gpio.step(33)
    counts = [driver.read(["p"], 34 * S)[0].value for driver in drivers]
    assert counts == [meter.sent for meter in meters]
    assert min(counts) >= 480
    for driver in drivers:
        driver.close()


def test_no_thread_an_input(gpio: FakeGpio) -> None:
    before = threading.active_count()
    drivers = [opened(gpio, pulse_options(pin=pin)) for pin in range(4, 20)]
    assert threading.active_count() == before + isinstance(gpio, ChipGpio)  # one for all pins, and none with the mock
    for driver in drivers:
        driver.close()


def test_index_and_flow_of_one_pin_share_its_device(gpio: FakeGpio) -> None:
    points = {"i": pulse_options(), "f": pulse_options(channel="flow")}
    assert Pulse.device(points["i"]) == Pulse.device(points["f"]) == "GPIO17"
    driver = Pulse(gpio.factory, points)
    driver.open()
    assert driver.read([], 9 * S) == [Sample("i", 9 * S, 0, GOOD)]
    gpio.meter(17, 10 * S, 1 / 6, width_ms=100)
    gpio.step(23)
    assert driver.read(["i", "f"], 23 * S) == [
        Sample("i", 23 * S, 3, GOOD),
        Sample("f", 23 * S, pytest.approx(1 / 6), GOOD),
    ]
    driver.close()


def test_flow_before_two_pulses_is_bad_and_never_zero(gpio: FakeGpio) -> None:
    driver = opened(gpio, pulse_options(channel="flow"))
    assert driver.read(["p"], 5 * S) == [Sample("p", 5 * S, None, BAD, "no_pulse")]
    driver.close()


@pytest.mark.parametrize(
    ("unit", "weight", "channel", "per_second", "flow_unit", "flow"),
    [
        ("l", 1.0, "flow", 1 / 6, "l/min", 10.0),
        ("m3", 0.01, "flow", 1 / 36, "m3/h", 1.0),
        ("Wh", 1.0, "flow", 2.5, "W", 9000.0),
        ("kWh", 0.001, "flow", 2.5, "W", 9000.0),
        ("count", 1.0, "flow", 0.5, "1/min", 30.0),
    ],
)
def test_flow_in_the_unit_that_an_installer_reads(
    unit: str, weight: float, channel: str, per_second: float, flow_unit: str, flow: float
) -> None:
    told = Pulse.channel(pulse_options(weight_unit=unit, weight=weight, channel=channel))
    assert (told.kind, told.unit) == ("gauge", flow_unit)
    assert per_second * told.scale == pytest.approx(flow)


def test_index_starts_from_nothing_at_each_opening_and_says_so(gpio: FakeGpio) -> None:
    told = Pulse.channel(pulse_options(weight=0.25))
    assert (told.kind, told.unit, told.scale, told.volatile, told.wrap) == ("counter", "l", 0.25, True, 0)
    driver = opened(gpio, pulse_options())
    gpio.meter(17, S, 1.0, width_ms=100)
    gpio.step(5.5)
    assert driver.read(["p"], 6 * S)[0].value == 5
    driver.open()
    assert driver.read(["p"], 7 * S)[0].value == 0
    driver.close()


def test_a_count_begun_anew_says_0_first_even_when_its_point_is_not_due(gpio: FakeGpio) -> None:
    driver = Pulse(gpio.factory, {"i": pulse_options(), "f": pulse_options(channel="flow")})
    driver.open()
    assert driver.read([], S) == [Sample("i", S, 0, GOOD)]
    assert driver.read([], 2 * S) == []
    driver.open()
    assert driver.read(["i"], 3 * S) == [Sample("i", 3 * S, 0, GOOD)]
    driver.open()
    gpio.meter(17, 4 * S, 1.0, width_ms=100)
    gpio.step(6.5)
    assert [sample.value for sample in driver.read(["i"], 7 * S)] == [0, 3]  # read late for the first time
    driver.close()


def test_pulses_before_and_after_a_reopening_all_count_even_when_there_are_more_after(gpio: FakeGpio) -> None:
    register = Volatile(1.0)
    meter = gpio.meter(17, 3 * S, 1.0, width_ms=100)
    clock = ManualClock()
    clock.now_ns = 0

    def post(cycle: Cycle) -> None:
        for sample in cycle.samples:
            if sample.value is not None:
                register.advance(float(sample.value))

    class Failing(Pulse):
        fail = False

        def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
            if self.fail:
                raise DriverError("the line hung up; check", "bus_error")
            return super().read(due, now_ns)

    bus = BusWorker(
        "pins",
        [DeviceSpec("GPIO17", Failing, {"p": pulse_options()}, {"p": 10_000})],
        clock=clock,
        post=post,
        open_handle=lambda: gpio.factory,
        close_handle=lambda _handle: None,
        offset_ms=lambda: 0,
    )

    def run_until(second: int) -> None:
        while clock.now_ns < second * S:
            clock.advance(1.0)
            gpio.step(clock.now_ns / S - 0.5)
            bus.step(clock.now_ns / S)

    run_until(7)
    meter.per_second = 0
    run_until(11)
    assert register.index == meter.sent == 4
    Failing.fail = True
    run_until(12)
    Failing.fail = False
    run_until(14)
    meter.per_second = 8.0
    run_until(17)
    meter.per_second = 0
    run_until(31)
    assert register.index == meter.sent > 15
    bus.close()


def test_a_meter_that_rests_closed_at_the_start_does_not_count(gpio: FakeGpio) -> None:
    gpio.drive(17, 0, level=False)
    driver = opened(gpio, pulse_options())
    assert driver.read(["p"], 60 * S)[0].value == 0
    gpio.drive(17, 61 * S, level=True)
    gpio.drive(17, 62 * S, level=False)
    assert driver.read(["p"], 63 * S)[0].value == 1
    driver.close()


def test_with_a_pull_down_the_rising_edge_counts(gpio: FakeGpio) -> None:
    driver = opened(gpio, pulse_options(pull="down"))
    gpio.drive(17, S, level=True)
    assert driver.read(["p"], 2 * S)[0].value == 1
    gpio.drive(17, 3 * S, level=False)
    assert driver.read(["p"], 4 * S)[0].value == 1
    driver.close()


def test_without_a_resistor_the_polarity_is_that_of_the_settings(gpio: FakeGpio) -> None:
    driver = opened(gpio, pulse_options(pull="none", active_low=False))
    gpio.drive(17, S, level=True)
    assert driver.read(["p"], 2 * S)[0].value == 1
    driver.close()


def test_noise_beyond_the_queue_is_said_once_and_memory_stays_bounded(gpio: FakeGpio) -> None:
    driver = opened(gpio, pulse_options())
    for n in range(pin_edges.MAX_EDGES):
        gpio.drive(17, S + n * MS // 10, level=bool(n % 2))
    gpio.drive(17, 2 * S, level=False)
    gpio.drive(17, 2 * S + MS, level=True)
    assert driver.read(["p"], 3 * S)[0].quality == UNCERTAIN
    assert driver.read(["p"], 4 * S) == [Sample("p", 4 * S, 0, GOOD)]
    driver.close()


def test_the_last_edge_before_a_cut_is_not_taken_for_a_level_that_stayed(gpio: FakeGpio) -> None:
    driver = opened(gpio, pulse_options())
    gpio.drive(17, S - MS, level=False)
    driver.read([], S - MS)
    for n in range(pin_edges.MAX_EDGES):
        gpio.drive(17, S + n * MS // 10, level=not n % 2)
    gpio.drive(17, S + pin_edges.MAX_EDGES * MS // 10, level=True)  # lost here: the one before closed the contact
    read = driver.read(["p"], 3 * S)[0]
    assert (read.value, read.reason) == (0, "lost_edges")
    driver.close()


def test_each_point_hears_of_lost_edges_at_its_own_next_reading(gpio: FakeGpio) -> None:
    driver = Pulse(gpio.factory, {"a": pulse_options(), "b": pulse_options()})
    driver.open()
    assert len(driver.read([], 0)) == 2
    for n in range(pin_edges.MAX_EDGES + 1):
        gpio.drive(17, S + n * MS // 10, level=bool(n % 2))
    assert [sample.reason for sample in driver.read(["a"], 3 * S)] == ["lost_edges"]
    assert [sample.reason for sample in driver.read(["a", "b"], 4 * S)] == ["", "lost_edges"]
    driver.close()


def test_a_pin_in_use_is_refused_by_name(gpio: FakeGpio) -> None:
    first = opened(gpio, pulse_options())
    with pytest.raises(DriverError, match="GPIO17") as caught:
        opened(gpio, contact_options(), Contact)
    assert caught.value.reason == "not_open"
    first.close()
    opened(gpio, contact_options(), Contact).close()


def test_a_pin_with_a_resistor_of_its_own_refuses_another_pull(gpio: FakeGpio) -> None:
    with pytest.raises(DriverError, match="GPIO2"):
        opened(gpio, pulse_options(pin=2, pull="down"))


def test_points_that_disagree_on_their_pin_are_refused(gpio: FakeGpio) -> None:
    driver = Pulse(gpio.factory, {"a": pulse_options(), "b": pulse_options(debounce_ms=50)})
    with pytest.raises(DriverError, match="debounce_ms"):
        driver.open()


@pytest.mark.parametrize("pin", [-1, 28, 17.5, "17", None])
def test_a_pin_that_is_none_is_refused(pin: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        pulse_options(pin=pin)


@pytest.mark.parametrize("weight", [0, -1.0, "1"])
def test_a_weight_of_nothing_is_refused(weight: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        pulse_options(weight=weight)


def test_each_edge_of_a_contact_is_a_sample_with_its_own_time(gpio: FakeGpio) -> None:
    driver = opened(gpio, contact_options(), Contact)
    assert Contact.channel(contact_options()).words == ("open", "closed")
    assert driver.read(["p"], 1 * S) == [Sample("p", 1 * S, 0, GOOD)]
    gpio.contact(17, 1 * S + 250 * MS, closed=True, bounces=3)
    gpio.contact(17, 1 * S + 600 * MS, closed=False)
    assert driver.read(["p"], 2 * S) == [
        Sample("p", 1 * S + 256 * MS, 1, GOOD),  # three bounces of 2 ms, then it stayed
        Sample("p", 1 * S + 600 * MS, 0, GOOD),
        Sample("p", 2 * S, 0, GOOD),
    ]
    driver.close()


def test_edges_of_a_contact_come_even_when_no_point_is_due(gpio: FakeGpio) -> None:
    driver = opened(gpio, contact_options(), Contact)
    gpio.contact(17, S, closed=True)
    assert driver.read([], 2 * S) == [Sample("p", S, 1, GOOD)]
    assert driver.read([], 3 * S) == []
    driver.close()


def test_a_contact_found_closed_at_the_start_is_a_state_and_no_change(gpio: FakeGpio) -> None:
    gpio.drive(17, 0, level=False)
    driver = opened(gpio, contact_options(), Contact)
    assert driver.read(["p"], S) == [Sample("p", S, 1, GOOD)]
    driver.close()


def test_a_contact_comes_right_again_after_lost_edges(gpio: FakeGpio) -> None:
    driver = opened(gpio, contact_options(), Contact)
    for n in range(pin_edges.MAX_EDGES):
        gpio.drive(17, S + n * MS // 10, level=bool(n % 2))
    gpio.drive(17, 2 * S, level=False)  # lost: the queue is full
    assert driver.read(["p"], 3 * S)[-1].reason == "lost_edges"
    driver.read(["p"], 4 * S)
    assert driver.read(["p"], 5 * S)[-1] == Sample("p", 5 * S, 1, GOOD)
    driver.close()


def test_a_contact_that_chatters_is_suspect_and_says_so(gpio: FakeGpio) -> None:
    driver = opened(gpio, contact_options(), Contact)
    said = []
    for second in range(1, 61):
        for tenth in range(10):
            gpio.contact(17, second * S + tenth * 100 * MS, closed=tenth % 2 == 0)
        said += driver.read(["p"], (second + 1) * S)
    assert len(said) <= 60 + AT_ONCE + 5
    assert (said[-1].quality, said[-1].reason) == (UNCERTAIN, "suspect")
    assert driver.raw("p").endswith(", chatters")
    assert driver.read(["p"], 70 * S)[-1] == Sample("p", 70 * S, 0, UNCERTAIN, "suspect")
    assert driver.read(["p"], 400 * S)[-1] == Sample("p", 400 * S, 0, GOOD)
    driver.close()


def test_an_edge_keeps_its_time_to_the_nanosecond_after_a_month(gpio: FakeGpio) -> None:
    driver = opened(gpio, contact_options(), Contact)
    at_ns = 30 * 86_400 * S + 123_456_789
    gpio.contact(17, at_ns, closed=True)
    assert abs(driver.read([], at_ns + S)[0].t_ns - at_ns) <= 1
    driver.close()


@pytest.mark.bench
def test_bench_cpu_per_edge(gpio: FakeGpio) -> None:
    """16 meters at 16.7 a second for 60 s of their time: what the callback, the queue and the debounce cost."""
    drivers = [opened(gpio, pulse_options(pin=pin)) for pin in range(4, 20)]
    meters = [gpio.meter(pin, S, 16.6) for pin in range(4, 20)]

    driving_s = reading_s = 0.0
    for now_s in range(2, 62):
        start = time.process_time()
        gpio.step(now_s)
        between = time.process_time()
        for driver in drivers:
            driver.read(["p"], now_s * S)
        driving_s += between - start
        reading_s += time.process_time() - between
    edges = 2 * sum(meter.sent for meter in meters)
    print(
        f"\n{edges} edges: {driving_s / edges * 1e6:.2f} µs CPU an edge in the mock pin and our callback, "
        f"{reading_s / edges * 1e6:.2f} µs in the reading"
    )
    for driver in drivers:
        driver.close()


def test_an_edge_that_is_cut_while_the_queue_is_emptied_breaks_nothing() -> None:
    """The factory's thread saw a full queue, and says so only after ours has taken everything."""
    board = FakeGpio()
    edges = pin_edges.PinEdges(board.factory, pin_edges.PinOptions(pin=17))
    edges.open()
    edges._is_full = edges._has_lost = True
    assert edges.drain() == []
    assert edges.has_lost()
    board.drive(17, S, level=False)
    assert [level for _, level in edges.drain()] == [None, False]
    edges.close()
    board.close()
