"""One fault at ten times a second for a month: what is said of it is bounded, in journal and log alike."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import msgspec
import pytest

from edge.runtime.bus import BusWorker
from edge.runtime.device import DeviceSpec
from edge.sim.loop import Loop, VirtualClock
from edge.sim.simulation import BEGIN
from hal.driver import DriverError
from hal.sample import BAD, Channel, Cycle, Sample

DAY_S = 86_400.0
PER_DAY = 50  # lost and back, once an hour each, and a little
AT_ONCE = 24  # before it is known as one that flaps


class Options(msgspec.Struct, frozen=True):
    """A device that answers for `well_s` and then fails for `ill_s`, again and again."""

    well_s: float
    ill_s: float


class Flapping:
    """The driver of such a device."""

    bus_kind = "own"
    Options = Options

    @staticmethod
    def device(options: Options) -> str:
        return "flapping"

    @staticmethod
    def channel(_options: Options) -> Channel:
        return Channel("gauge", "Cel")

    def __init__(self, _bus: Any, points: dict[str, Options]) -> None:
        self._options = points["p"]

    def open(self) -> None:
        pass

    def read(self, due: list[str], now_ns: int) -> list[Sample]:
        options = self._options
        if now_ns / 1e9 % (options.well_s + options.ill_s) >= options.well_s:
            raise DriverError("no_answer", f"flapping: no answer at {now_ns}")
        return [Sample(point, now_ns, 1.0) for point in due]

    def close(self) -> None:
        pass


class Said(logging.Handler):
    """Counts lines of the log without keeping them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += record.levelno >= logging.INFO


def month(options: Options, days: float) -> tuple[Counter[str], int, int]:
    """Return the events by kind, the lines of the log, and the readings, of so many virtual days at 10 Hz."""
    clock = VirtualClock(BEGIN, boot=1)
    loop, events, qualities = Loop(clock), Counter[str](), Counter[str]()

    def post(cycle: Cycle) -> None:
        events.update(notice.kind for notice in cycle.notices)
        qualities.update("bad" if sample.quality == BAD else "good" for sample in cycle.samples)

    spec = DeviceSpec("flapping", Flapping, {"p": options}, {"p": 100})
    bus = BusWorker("b", [spec], clock=clock, post=post, open_handle=lambda: None, close_handle=lambda _: None)
    loop.add(bus)
    said = Said()
    logger = logging.getLogger("edge.runtime.device")
    logger.addHandler(said)
    level, logger.propagate = logger.level, False
    logger.setLevel(logging.INFO)
    try:
        loop.run_until(clock.now_ns / 1e9 + days * DAY_S)
    finally:
        logger.removeHandler(said)
        logger.setLevel(level)
        logger.propagate = True
    bus.close()
    return events, said.lines, qualities["good"] + qualities["bad"]


PATTERNS = {
    "each second reading": Options(0.1, 0.1),
    "always": Options(0.0, 1.0),
    "well for 6 s": Options(6.0, 0.3),
    "well for a minute": Options(60.0, 1.0),
    "well for 50 minutes": Options(3000.0, 1.0),
    "well for 62 minutes": Options(3720.0, 1.0),
}


def check(name: str, days: float) -> None:
    events, lines, readings = month(PATTERNS[name], days)
    told = sum(events.values())
    print(f"\n{name}: {days:g} days, {readings:,} readings, {told} events, {lines} lines in the log")
    assert readings > 0.99 * days * DAY_S * 10
    assert 1 <= told <= PER_DAY * days + AT_ONCE
    assert lines <= told
    assert events["device_lost"] - events["device_back"] in {0, 1}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_device_that_fails_ten_times_a_second_is_said_when_its_state_changes(name: str) -> None:
    check(name, 3 / 24)


@pytest.mark.campaign(reason="30 virtual days at ten readings a second, for each way of failing")
@pytest.mark.parametrize("name", PATTERNS)
def test_a_month_of_it_is_as_bounded(name: str) -> None:
    check(name, 30)
