"""Two meters in turn on one line, cut, damaged, falling silent and coming back: no good value is ever the other's."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, Literal

import pytest

from hal.decode.teleinfo.frames import FrameEnd
from hal.decode.teleinfo.groups import Rejected
from hal.decode.teleinfo.lineup import is_torn
from hal.drivers.teleinfo import Teleinfo
from hal.drivers.teleinfo_options import TeleinfoOptions
from hal.fake.meter_frames import Meter
from hal.sample import BAD, GOOD
from tests.unit.test_teleinfo_strangers import ICE_FRAME

FIRST, SECOND = "041876199271", "041876199272"
LABELS = {"historique": ("PAPP", "HCHP", "ADCO"), "standard": ("SINSTS", "EASF01", "ADSC")}
EACH_MS = {"historique": 1500.0, "standard": 1000.0}
WHOSE = {  # what each may show: power, index
    FIRST: ((800, 1300), (350_000, 1_200_000)),
    SECOND: ((4700, 5300), (350_000_000, 905_000_000)),
}


class Wire:
    """A port that the test writes to."""

    def __init__(self) -> None:
        self.waiting = b""

    def read(self) -> bytes:
        seen, self.waiting = self.waiting, b""
        return seen

    def warnings(self) -> list[str]:
        return []

    def set_baud(self, baud: int) -> None:
        self.waiting = b""


class Line:
    """One random life of a line, by its seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.mode: Literal["historique", "standard"] = self.chance.choice(["historique", "standard"])
        first = Meter(self.mode, address=FIRST, index_wh=1_000_000)
        second = Meter(self.mode, address=SECOND, index_wh=900_000_000)
        first.set_power(1000.0)
        second.set_power(5000.0)
        self.meters = [first, second]
        self.here = [first, second]
        names = self.chance.choice([{"a": FIRST, "b": SECOND}, {"a": FIRST, "b": ""}])
        self.options = {
            f"{name}.{label}": TeleinfoOptions(label=label, meter=number)
            for name, number in names.items()
            for label in LABELS[self.mode]
        }
        self.noise = self.chance.choice([0.0, 1e-4, 1e-3, 5e-3])
        self.turn, self.t_ms = 0, 0.0
        self.state: str | None = None
        self.start()

    def start(self) -> None:
        self.driver = Teleinfo("/dev/none", self.options)
        if self.state:
            self.driver.restore(self.state)
        self.wire = Wire()
        wire: Any = self.wire
        self.driver._line = wire

    def step(self) -> list[tuple[str, object, int]]:
        """Let a frame come, or none; return point, value and quality of each sample."""
        chance = self.chance
        self.t_ms += EACH_MS[self.mode]
        happens = chance.random()
        if happens < 0.05:
            self.here = [[self.meters[0]], [self.meters[1]], self.meters, self.meters, []][int(happens * 100)]
        elif happens < 0.06:
            self.t_ms += chance.choice([0.0, 5000.0, 3.6e6])
            self.start()
        if self.here:
            self.turn += 1
            self.wire.waiting += self.damaged(self.here[self.turn % len(self.here)].frame(self.t_ms))
        samples = self.driver.read(list(self.options), round(self.t_ms * 1e6))
        self.driver.trace()
        self.state = self.driver.state() or self.state
        return [(sample.point, sample.value, sample.quality) for sample in samples]

    def damaged(self, frame: bytes) -> bytes:
        chance = self.chance
        octets = bytearray(
            octet ^ 1 << chance.randrange(8) if chance.random() < self.noise else octet for octet in frame
        )
        if self.noise and chance.random() < 0.05:
            del octets[chance.randrange(len(octets)) :]
        if self.noise and chance.random() < 0.05:
            return octets.replace(b"\x02", b"").replace(b"\x03", b"")
        return bytes(octets)


def is_of(number: str, label: str, value: Any) -> bool:
    if label in ("ADCO", "ADSC"):
        return bool(value == number)
    low, high = WHOSE[number][0 if label in ("PAPP", "SINSTS") else 1]
    return bool(low <= value <= high)


def lived(seed: int, steps: int) -> Counter[int]:
    """Live it; return how many samples were of which quality."""
    line, found, before = Line(seed), Counter[int](), dict[str, int]()
    for _ in range(steps):
        for point, value, quality in line.step():
            found[quality] += 1
            name, label = point.split(".")
            if quality == GOOD:
                assert is_of(FIRST if name == "a" else SECOND, label, value), f"seed {seed}: {point} is {value}"
            if quality == GOOD and isinstance(value, int) and label in ("HCHP", "EASF01"):
                assert value >= before.get(point, 0), f"seed {seed}: {point} goes back to {value}"
                before[point] = value
    return found


def test_no_good_value_is_the_other_meters() -> None:
    found = sum((lived(seed, 100) for seed in range(24)), Counter[int]())
    assert found[GOOD] > found[BAD] > 0


@pytest.mark.campaign("500 lives of 300 frames, 40 s")
def test_no_good_value_is_the_other_meters_however_long() -> None:
    found = sum((lived(seed, 300) for seed in range(1000, 1500)), Counter[int]())
    print(found)
    assert found[GOOD] > found[BAD]


@pytest.mark.parametrize(
    ("raw", "why", "torn"),
    [(b"ADCO 0418#6199271 B", "checksum", True), (b"\x00", "characters", False), (b"NEW 0001 X", "label", False)],
)
def test_a_frame_is_torn_where_a_number_may_be_lost(raw: bytes, why: str, torn: bool) -> None:
    assert is_torn(FrameEnd(0.0, "historique", True, [], [Rejected(raw, why)])) == torn
    assert not is_torn(FrameEnd(0.0, "historique", True, [], []))
    assert is_torn(FrameEnd(0.0, "historique", False, [], [])), "where it begins or ends nobody knows"


def test_a_meter_that_took_a_strangers_place_and_falls_silent_is_silent_and_not_unsupported() -> None:
    driver = Teleinfo("/dev/none", {"p": TeleinfoOptions(label="PAPP", meter=FIRST)})
    wire: Any = Wire()
    driver._line = wire
    meter = Meter("historique", address=FIRST)
    said = []
    for number in range(120):
        at_ms = number * 1500.0
        wire.waiting = ICE_FRAME if number < 6 else meter.frame(at_ms) if number < 80 else b""
        (sample,) = driver.read(["p"], round(at_ms * 1e6))
        said.append(sample.reason)
    assert (said[5], said[79], said[-1]) == ("not_supported", "", "no_frame")
