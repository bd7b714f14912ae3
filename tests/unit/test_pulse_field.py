"""Pulse meters as they are in the field: the fastest S0 with bounces, magnets, vibration, noise, gaps.

Figures: IEC 62053-31 (S0: on and off at least 30 ms, so at most 16.7 a second; an edge with its bounces under 5 ms).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.decode.pulse import PulseCounter
from hal.drivers import pin_edges
from hal.drivers.pulse import Pulse
from hal.fake.gpio import FakeGpio
from hal.fake.gpiochip import ChipGpio
from hal.gpiod_lines import EVENT_BUFFER
from hal.sample import GOOD, UNCERTAIN, Sample

MS = 1_000_000
S = 1_000_000_000
HOUR = 3600 * S


@pytest.fixture(params=[FakeGpio, ChipGpio], ids=["mock", "gpiod"])
def gpio(request: pytest.FixtureRequest) -> Iterator[FakeGpio]:
    board: FakeGpio = request.param()
    yield board
    board.close()


def opened(gpio: FakeGpio, **keys: Any) -> Pulse:
    options = msgspec.convert({"pin": 17, "weight": 1.0, "weight_unit": "l", **keys}, Pulse.Options)
    driver = Pulse(gpio.factory, {"p": options})
    driver.open()
    driver.read([], 0)
    return driver


def bounce(gpio: FakeGpio, at_ns: int, *, closed: bool, edges_us: tuple[int, ...]) -> None:
    """Move the contact of pin 17; each further edge of its bounce comes so many microseconds after the first."""
    for n, after_us in enumerate((0, *edges_us)):
        gpio.drive(17, at_ns + after_us * 1000, level=closed == bool(n % 2))


def test_s0_at_its_fastest_with_3_ms_of_bounce_on_each_edge_is_exact(gpio: FakeGpio) -> None:
    driver = opened(gpio)
    counted = []
    for n in range(1000):
        bounce(gpio, S + n * 60 * MS, closed=True, edges_us=(400, 900, 1100, 1700, 2200, 3000))
        bounce(gpio, S + n * 60 * MS + 30 * MS, closed=False, edges_us=(300, 500, 2900, 3000))
        if n % 17 == 0:
            counted += driver.read(["p"], S + n * 60 * MS + 45 * MS)
    (last,) = driver.read(["p"], 70 * S)
    assert (last.value, last.quality) == (1000, GOOD)
    assert {sample.quality for sample in counted} == {GOOD}
    driver.close()


def test_sixteen_meters_at_100_a_second_are_counted_exactly(gpio: FakeGpio) -> None:
    drivers = [opened(gpio, pin=pin, debounce_ms=2, max_per_s=100) for pin in range(4, 20)]
    meters = [gpio.meter(pin, S + pin * 313_007, 100, width_ms=5) for pin in range(4, 20)]
    seconds = range(2, 12)
    doubts = set()
    for now_s in seconds:
        gpio.step(now_s)
        for driver in drivers:
            doubts |= {sample.reason for sample in driver.read(["p"], now_s * S)}
    for meter in meters:
        meter.per_second = 0
    gpio.step(13)
    assert [driver.read(["p"], 14 * S)[0].value for driver in drivers] == [meter.sent for meter in meters]
    assert min(meter.sent for meter in meters) >= 100 * (len(seconds) - 1)
    assert doubts == {""}
    for driver in drivers:
        driver.close()


def test_a_meter_that_stops_on_its_magnet_for_hours_counts_once(gpio: FakeGpio) -> None:
    driver = opened(gpio, debounce_ms=50)
    bounce(gpio, 10 * S, closed=True, edges_us=(2000, 5000, 9000, 9500))
    counts = [driver.read(["p"], 11 * S + n * HOUR)[0].value for n in range(12)]
    bounce(gpio, 12 * HOUR, closed=False, edges_us=(2000, 5000))
    assert {*counts, driver.read(["p"], 12 * HOUR + 2 * S)[0].value} == {1}
    driver.close()


def test_a_box_that_starts_while_the_meter_rests_on_its_magnet_does_not_count_it_again(gpio: FakeGpio) -> None:
    gpio.contact(17, 0, closed=True)
    driver = opened(gpio, debounce_ms=50)
    driver.read(["p"], HOUR)
    driver.open()
    assert driver.read(["p"], HOUR + S)[-1].value == 0
    bounce(gpio, 2 * HOUR, closed=False, edges_us=())
    bounce(gpio, 3 * HOUR, closed=True, edges_us=())
    assert driver.read(["p"], 3 * HOUR + S)[0].value == 1
    driver.close()


def test_a_reed_that_hums_at_the_rim_of_the_magnet_is_one_pulse(gpio: FakeGpio) -> None:
    driver = opened(gpio, debounce_ms=50)
    for n in range(2000):  # 50 Hz for 20 s, from a pump on the same pipe
        gpio.contact(17, S + 2 * n * 10 * MS, closed=True)
        gpio.contact(17, S + (2 * n + 1) * 10 * MS, closed=False)
        if n % 50 == 49:
            assert driver.read(["p"], S + (n + 1) * 20 * MS)[0].value == 0
    gpio.contact(17, 60 * S, closed=True)
    assert driver.read(["p"], 61 * S)[0].value == 1
    driver.close()


def test_a_wheel_that_trembles_slower_than_the_debounce_is_one_pulse_where_the_fastest_flow_is_known(
    gpio: FakeGpio,
) -> None:
    driver = opened(gpio, debounce_ms=50, max_per_s=0.83)  # 3 m3/h of a meter of 1 l a pulse
    for n in range(100):  # 5 Hz: closed and open for 100 ms each
        gpio.contact(17, S + n * 200 * MS, closed=True)
        gpio.contact(17, S + n * 200 * MS + 100 * MS, closed=False)
    assert driver.read(["p"], 30 * S) == [Sample("p", 30 * S, 1, UNCERTAIN, "suspect")]
    assert "99 pulses refused" in driver.raw("p")
    gpio.contact(17, 31 * S, closed=True)
    assert driver.read(["p"], 32 * S) == [Sample("p", 32 * S, 2, GOOD)]
    driver.close()


def test_a_meter_at_the_fastest_flow_that_was_stated_loses_nothing(gpio: FakeGpio) -> None:
    driver = opened(gpio, debounce_ms=20, max_per_s=16.6)
    meter = gpio.meter(17, S, 16.6, width_ms=30, bounces=1)
    for now_s in range(2, 12):
        gpio.step(now_s)
        assert driver.read(["p"], now_s * S)[0].quality == GOOD
    meter.per_second = 0
    gpio.step(13)
    assert driver.read(["p"], 14 * S)[0].value == meter.sent > 160
    driver.close()


@given(st.lists(st.integers(1 * MS, 2 * S), max_size=60), st.sampled_from([0.5, 1.0, 10.0]))
def test_pulses_counted_and_refused_are_all_that_settled_and_the_counted_lie_apart(
    gaps_ns: list[int], fastest: float
) -> None:
    apart_ns = round(S / 2 / fastest)
    counters = [
        PulseCounter(debounce_ns=MS, active=False, level=True, zero_after_ns=600 * S, apart_ns=apart)
        for apart in (0, apart_ns)
    ]
    now_ns = 0
    for n, gap_ns in enumerate(gaps_ns):
        now_ns += gap_ns
        for counter in counters:
            counter.accept(now_ns, level=bool(n % 2))
    for counter in counters:
        counter.flush(now_ns + S)
    free, held = counters
    assert held.count + held.refused == free.count
    assert free.refused == 0
    assert held.count <= 1 + now_ns // apart_ns


def test_noise_of_10_000_pulses_a_second_is_no_pulse_and_the_true_ones_after_it_count(gpio: FakeGpio) -> None:
    driver = opened(gpio)
    gpio.contact(17, S - 500 * MS, closed=True)
    gpio.contact(17, S - 400 * MS, closed=False)
    assert driver.read(["p"], S) == [Sample("p", S, 1, GOOD)]
    doubts = []
    for second in range(1, 3):
        for n in range(20_000):
            gpio.drive(17, second * S + n * 50_000, level=bool(n % 2))
        doubts += driver.read(["p"], (second + 1) * S)
    assert {sample.value for sample in doubts} == {1}
    assert {(sample.quality, sample.reason) for sample in doubts} == {(UNCERTAIN, "lost_edges")}
    assert driver.read(["p"], 4 * S)[0].value == 1
    driver.read(["p"], 5 * S)
    gpio.contact(17, 6 * S, closed=True)
    gpio.contact(17, 6 * S + 100 * MS, closed=False)
    assert driver.read(["p"], 7 * S) == [Sample("p", 7 * S, 2, GOOD)]
    driver.close()


@pytest.mark.parametrize("reads_each_s", [1, 3])
def test_noise_hands_over_no_more_than_the_queues_hold(reads_each_s: int) -> None:
    gpio = ChipGpio(gather_s=60.0)  # nobody takes them but the driver
    driver = opened(gpio)
    for second in range(1, 4):
        for n in range(20_000):
            gpio.drive(17, second * S + n * 50_000, level=bool(n % 2))
            if n % (20_000 // reads_each_s) == 0:
                driver.read([], second * S + n * 50_000)
    driver.read(["p"], 5 * S)
    taken = int(driver.raw("p").split(" edges")[0].rsplit(" ", 1)[1])
    assert 0 < taken <= EVENT_BUFFER * (3 * reads_each_s + 1)
    driver.close()
    gpio.close()


def test_a_hole_in_the_kernels_numbers_makes_the_count_uncertain_and_never_more() -> None:
    gpio = ChipGpio(gather_s=60.0)
    driver = opened(gpio)
    request = gpio.chip.lines[17].request
    assert request is not None
    gpio.contact(17, S, closed=True)
    request.skip(2)  # a whole pulse of which nothing arrived
    gpio.contact(17, 2 * S, closed=False)
    (sample,) = driver.read(["p"], 3 * S)
    assert (sample.quality, sample.reason) == (UNCERTAIN, "lost_edges")
    assert sample.value in {0, 1}
    gpio.contact(17, 4 * S, closed=True)
    (after,) = driver.read(["p"], 5 * S)
    assert (after.value - sample.value, after.quality) == (1, GOOD)
    driver.close()
    gpio.close()


def test_bounces_show_as_edges_beside_the_pulses(gpio: FakeGpio) -> None:
    driver = opened(gpio)
    assert driver.raw("p") == "GPIO17 high, 0 pulses and 0 edges since opened"
    bounce(gpio, S, closed=True, edges_us=(100, 200))
    bounce(gpio, 2 * S, closed=False, edges_us=())
    driver.read(["p"], 3 * S)
    assert driver.raw("p") == "GPIO17 high, 1 pulses and 4 edges since opened"
    driver.close()


def test_a_driver_that_is_not_read_for_long_keeps_a_bounded_queue_and_says_so() -> None:
    gpio = FakeGpio()
    driver = opened(gpio)
    for n in range(3 * pin_edges.MAX_EDGES):
        gpio.drive(17, S + n * 30 * MS, level=bool(n % 2))
    (sample,) = driver.read(["p"], HOUR)
    assert (sample.quality, sample.reason) == (UNCERTAIN, "lost_edges")
    assert sample.value <= pin_edges.MAX_EDGES // 2
    driver.close()
    gpio.close()
