"""Looking around: who acknowledges, which probes and ports there are, and that nobody is disturbed."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from hal import scan
from hal.fake.i2c import Ads1115Chip, FakeI2c, Sht3xChip, refusal
from hal.fake.i2c_air import Bme280Chip
from hal.fake.pace import VirtualPace
from hal.scan import Seen


class Untouched:
    """A chip that must not be asked anything."""

    def write(self, octets: bytes) -> None:
        raise AssertionError(f"it was sent {octets.hex()}")

    def read(self, length: int) -> bytes:
        raise AssertionError(f"{length} bytes were read")


class Busy:
    """A bus whose chip does not acknowledge the first calls, as while it measures."""

    def __init__(self, bus: FakeI2c, refused: int) -> None:
        self.bus, self.refused = bus, refused
        self.pace = bus.pace

    def i2c_rdwr(self, *messages: Any) -> None:
        if messages[0].addr in self.bus.chips and self.refused:
            self.refused -= 1
            raise refusal(errno.EREMOTEIO)
        self.bus.i2c_rdwr(*messages)


def test_who_acknowledges_is_told_with_the_driver_that_reads_it() -> None:
    bus = FakeI2c({0x48: Ads1115Chip(), 0x76: Bme280Chip(), 0x10: Untouched()})
    assert scan.i2c(bus, "i2c-1") == [
        Seen("i2c-1", "0x10"),
        Seen("i2c-1", "0x48", ("INA219", "ADS1115")),
        Seen("i2c-1", "0x76", ("BME280",), "bme280", {"address": 0x76}),
    ]


def test_a_chip_that_says_who_it_is_is_named_alone() -> None:
    (seen,) = scan.i2c(FakeI2c({0x44: Sht3xChip()}), "i2c-1")
    assert seen == Seen("i2c-1", "0x44", ("SHT3x",), "sht3x", {"address": 0x44})


def test_a_chip_that_measures_is_called_again_and_one_that_never_answers_is_not_there() -> None:
    def found(refused: int) -> list[str]:
        bus = FakeI2c({0x44: Sht3xChip()}, pace=VirtualPace())
        return [seen.device for seen in scan.i2c(Busy(bus, refused), "i2c-1")]

    assert found(scan.CALLS - 1) == ["0x44"]
    assert found(scan.CALLS) == []


def test_a_device_in_use_is_called_and_not_asked() -> None:
    (seen,) = scan.i2c(FakeI2c({0x44: Untouched()}), "i2c-1", named=[0x44])
    assert seen.device == "0x44"
    with pytest.raises(AssertionError, match="it was sent"):
        scan.i2c(FakeI2c({0x44: Untouched()}), "i2c-1")


def test_an_empty_bus_has_nobody() -> None:
    assert scan.i2c(FakeI2c(), "i2c-1") == []


def test_a_bus_that_fails_says_so_and_finds_nothing() -> None:
    bus = FakeI2c({0x44: Sht3xChip()})
    bus.fail(errno.ETIMEDOUT)
    with pytest.raises(OSError, match="timed out"):
        scan.i2c(bus, "i2c-1")


def test_probes_and_what_else_is_on_the_line_are_told(tmp_path: Path) -> None:
    devices = tmp_path / "devices"
    devices.mkdir()
    master = tmp_path / "w1_bus_master1"
    for name in ("28-3c01f0950a21", "00-400000000000", "29-0000001c3b5f"):
        (master / name).mkdir(parents=True)
        (devices / name).symlink_to(master / name)
    (devices / "w1_bus_master1").symlink_to(master)
    assert scan.onewire(devices) == [
        Seen("w1_bus_master1", "00-400000000000", ("noise on the line: check the pull-up",)),
        Seen("w1_bus_master1", "28-3c01f0950a21", ("DS18B20",), "ds18b20", {"probe": "28-3c01f0950a21"}),
        Seen("w1_bus_master1", "29-0000001c3b5f", ("DS2408 switch",)),
    ]
    with pytest.raises(FileNotFoundError):
        scan.onewire(tmp_path / "none")


def test_a_port_is_told_once_by_the_name_that_stays(tmp_path: Path) -> None:
    by_id = tmp_path / "serial/by-id"
    by_id.mkdir(parents=True)
    for name in ("ttyUSB0", "ttyAMA0", "ttyACM3", "tty1", "ttyAMA-not"):
        (tmp_path / name).write_bytes(b"")
    (by_id / "usb-FTDI_A5-if00").symlink_to(tmp_path / "ttyUSB0")
    (by_id / "usb-gone").symlink_to(tmp_path / "ttyUSB9")
    assert scan.serial_ports(tmp_path, Path.is_file) == [
        f"{by_id}/usb-FTDI_A5-if00",
        f"{tmp_path}/ttyAMA0",
        f"{tmp_path}/ttyACM3",
    ]
    assert scan.serial_ports(tmp_path / "none", Path.is_file) == []
