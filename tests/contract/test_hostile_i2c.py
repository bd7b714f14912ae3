"""Every I2C driver on a bus that fails each transfer in each way: a DriverError or honest samples, then well again."""

from __future__ import annotations

import errno
import math
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hal import drivers
from hal.driver import DriverError
from hal.fake.pace import VirtualPace
from hal.sample import BAD, GOOD, REASONS, Sample
from tests.contract.rows import ROWS

NAMES = sorted(name for name in ROWS if drivers.load(name.partition(" on ")[0]).bus_kind == "i2c")
NUMBERS = (1, 5, 6, 11, 12, 16, 19, 22, 95, 110, 121, 32, 4, 512)
NS = 1_000_000_000


class Hostile:
    """A bus in front of another: from its n-th transfer on, for as many as wanted, something else comes back."""

    def __init__(self, bus: Any) -> None:
        self.bus, self.name = bus, bus.name
        self.pace = bus.pace if isinstance(bus.pace, VirtualPace) else VirtualPace()
        self.transfers = 0
        self.first = self.last = -1
        self.number = 0
        self.change: Any = None

    def spoil(self, first: int, count: int = 1, *, number: int = 0, change: Any = None) -> None:
        self.transfers, self.first, self.last, self.number, self.change = 0, first, first + count, number, change

    def _is_hit(self) -> bool:
        self.transfers += 1
        is_hit = self.first < self.transfers <= self.last
        if is_hit and self.number:
            raise OSError(self.number, errno.errorcode.get(self.number, "none known"))
        return is_hit

    def write_byte(self, i2c_addr: int, value: int) -> None:
        self._is_hit()
        self.bus.write_byte(i2c_addr, value)

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        self._is_hit()
        self.bus.write_i2c_block_data(i2c_addr, register, data)

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        is_hit = self._is_hit()
        octets: list[int] = self.bus.read_i2c_block_data(i2c_addr, register, length)
        return list(self.change(bytes(octets))) if is_hit and self.change else octets

    def i2c_rdwr(self, *messages: Any) -> None:
        is_hit = self._is_hit()
        self.bus.i2c_rdwr(*messages)
        if is_hit and self.change:
            for message in messages:
                for place, octet in enumerate(self.change(bytes(message))[: message.len]):
                    message.buf[place] = octet


class Rig:
    def __init__(self, name: str, folder: Path) -> None:
        self.row = ROWS[name](folder)
        self.bus = Hostile(self.row.bus)
        self.kind: Any = drivers.load(name.partition(" on ")[0])
        self.options = {point: msgspec.convert(keys, self.kind.Options) for point, keys in self.row.points.items()}
        self.driver = self.kind(self.bus, self.options)
        self.errors: list[DriverError] = []
        self.now_s = 10.0

    def round(self) -> list[Sample]:
        """Open and read as a bus does; what isn't a DriverError is a bug, and so is a sample that breaks its rules."""
        self.now_s += 1
        samples: list[Sample] = []
        try:
            self.driver.open()
            self.bus.pace.now_s += 5.5  # some measure by themselves
            self.now_s += 5.5
            samples = self.driver.read(list(self.options), round(self.now_s * NS))
        except DriverError as exc:
            self.errors.append(exc)
            self.driver.close()
            self.driver = self.kind(self.bus, self.options)
        assert all(error.reason in REASONS and "; " in str(error) for error in self.errors[-1:]), self.errors[-1]
        for sample in samples:
            assert (sample.value is None) == (sample.quality == BAD)
            assert sample.reason in REASONS or (sample.quality == GOOD and not sample.reason)
            assert sample.value is None or math.isfinite(float(sample.value))
        return samples

    def is_well(self) -> bool:
        self.bus.spoil(-1, 0)
        return all(sample.quality != BAD for sample in self.round()) and self.bus.transfers > 0


@pytest.mark.parametrize("name", NAMES)
def test_each_error_at_each_transfer_is_a_driver_error_with_a_cure_and_leaves_nothing_behind(
    name: str, tmp_path: Path
) -> None:
    rig = Rig(name, tmp_path)
    assert rig.is_well()
    transfers = min(rig.bus.transfers, 12)
    for place in range(transfers):
        for number in NUMBERS[:: 1 if place < 4 else 5]:
            rig.bus.spoil(place, number=number)
            rig.round()
        assert rig.is_well(), place
    rig.bus.spoil(0, 10**9, number=errno.ETIMEDOUT)
    assert rig.round() == []
    assert rig.is_well()


@pytest.mark.parametrize("name", NAMES)
def test_whatever_bytes_come_back_no_driver_breaks(name: str, tmp_path: Path) -> None:
    rig = Rig(name, tmp_path)
    assert rig.is_well()
    transfers = min(rig.bus.transfers, 12)
    chance = random.Random(name)
    changes = [
        lambda octets: octets[:-1],
        lambda _octets: b"",
        lambda octets: octets + b"\x55",
        lambda octets: bytes(len(octets)),
        lambda octets: b"\xff" * len(octets),
        *[lambda octets: chance.randbytes(len(octets)) for _ in range(6)],
        lambda octets: bytes(octet ^ 1 << chance.randrange(8) for octet in octets),
    ]
    for place in range(transfers):
        for change in changes[:: 1 if place < 6 else 3]:
            rig.bus.spoil(place, change=change)
            rig.round()
    for change in changes:
        rig.bus.spoil(0, 10**9, change=change)
        rig.round()
        assert rig.is_well()


HONEST_ZEROS: dict[str, set[float]] = {"bh1750": {0}, "ds3231": {0}}
"""What may be GOOD of bytes that are all 0: the dark, and a clock at 0 °C."""


@pytest.mark.parametrize("octet", [0x00, 0xFF])
@pytest.mark.parametrize("name", NAMES)
def test_a_bus_of_all_zeros_or_all_ones_gives_no_good_value(name: str, octet: int, tmp_path: Path) -> None:
    rig = Rig(name, tmp_path)
    rig.driver.open()
    rig.bus.spoil(0, 10**9, change=lambda octets: bytes([octet]) * len(octets))
    samples: list[Sample] = []
    with suppress(DriverError):
        samples = rig.driver.read(list(rig.options), 16 * NS)
    good = {sample.value for sample in samples if sample.quality == GOOD}
    assert good <= (HONEST_ZEROS.get(name, set()) if octet == 0 else set())
