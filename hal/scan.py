"""What is plugged in, found by looking: I2C addresses that acknowledge, probes that the kernel shows, serial ports.

Looking disturbs nothing: an address is called with no byte behind it, and only those that nobody reads yet are asked
who they are. A chip that is busy measuring does not acknowledge, so each address is called several times.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from hal.decode import i2c_addresses
from hal.decode.i2c_addresses import Question
from hal.onewire import PROBE
from hal.pace import pace_of
from hal.sample import Value

FIRST, LAST = 0x08, 0x77  # the addresses of devices (UM10204, §3.1.12)
CALLS: Final = 3
BETWEEN_CALLS_S: Final = 0.016  # longer than an SHT3x measures
PORTS: Final = ("serial/by-id/*", "ttyAMA[0-9]*", "ttyUSB[0-9]*", "ttyACM[0-9]*", "ttyS0")
"""Below /dev, the stable names first; of a port with several names the first is told."""

FAMILIES: Final = {
    "10": "DS18S20", "22": "DS1822", "28": "DS18B20", "3b": "DS1825 or MAX31850", "3B": "DS1825 or MAX31850",
    "42": "DS28EA00", "26": "DS2438 battery monitor", "29": "DS2408 switch", "3a": "DS2413 switch",
    "12": "DS2406 switch", "01": "serial number", "00": "noise on the line: check the pull-up",
}  # fmt: skip
"""Family code -> device; a probe of family 00 is what the kernel makes of a line without pull-up."""


class Seen(msgspec.Struct, frozen=True):
    """Something that is there: where, what it may be, and what a point of the settings would write."""

    where: str
    """Bus or port: i2c-1, w1_bus_master1, /dev/serial/by-id/…"""
    device: str
    names: tuple[str, ...] = ()
    """What it is, where several are possible what it may be; none where nobody knows."""
    driver: str = ""
    options: dict[str, Value] = {}
    """What a point writes beside `driver`, as far as looking can tell."""


def i2c(bus: Any, where: str, named: Collection[int] = ()) -> list[Seen]:
    """Return who acknowledges on an open I2C bus. Raises OSError when the bus itself fails.

    Those at `named` addresses are in use: they are called, and not asked who they are.
    """
    seen = []
    for address in range(FIRST, LAST + 1):
        if not _answers(bus, address):
            continue
        known = i2c_addresses.candidates(address)
        found = known if address in named else i2c_addresses.told(address, partial(_asked, bus, address))
        drivers = {candidate.driver for candidate in found if candidate.driver}
        driver = drivers.pop() if len(drivers) == 1 else ""
        options: dict[str, Value] = {"address": address} if driver else {}
        names = tuple(candidate.name for candidate in found)
        seen.append(Seen(where, f"0x{address:02x}", names, driver, options))
    return seen


def _answers(bus: Any, address: int) -> bool:
    from smbus2 import i2c_msg

    for call in range(CALLS if i2c_addresses.candidates(address) else 1):
        if call:
            pace_of(bus).sleep(BETWEEN_CALLS_S)
        try:
            bus.i2c_rdwr(i2c_msg.write(address, []))
        except OSError as exc:
            if exc.errno not in i2c_addresses.ABSENT:
                raise
        else:
            return True
    return False


def _asked(bus: Any, address: int, question: Question) -> bytes:
    """Return the answer to a question, empty where the chip refuses it."""
    from smbus2 import i2c_msg

    answer = i2c_msg.read(address, question.length)
    try:
        bus.i2c_rdwr(i2c_msg.write(address, list(question.write)))
        pace_of(bus).sleep(question.pause_s)
        bus.i2c_rdwr(answer)
    except OSError:
        return b""
    return bytes(answer)


def onewire(folder: Path) -> list[Seen]:
    """Return the probes that the kernel shows, and what else is on the line. Raises OSError without 1-Wire."""
    seen = []
    for entry in sorted(folder.iterdir()):
        family, dash, _number = entry.name.partition("-")
        if not dash or len(family) != 2:
            continue
        master = entry.resolve().parent.name
        where = master if master.startswith("w1_bus_master") else folder.name
        is_probe = PROBE.fullmatch(entry.name) is not None
        options: dict[str, Value] = {"probe": entry.name} if is_probe else {}
        driver = "ds18b20" if is_probe else ""
        seen.append(Seen(where, entry.name, (FAMILIES[family],) if family in FAMILIES else (), driver, options))
    return seen


def serial_ports(dev: Path = Path("/dev"), is_port: Callable[[Path], bool] = Path.is_char_device) -> list[str]:
    """Return the serial ports of this machine, each by one name: the one that stays when it is plugged elsewhere."""
    found: dict[Path, str] = {}
    for pattern in PORTS:
        for path in sorted(dev.glob(pattern)):
            if is_port(path):
                found.setdefault(path.resolve(), str(path))
    return list(found.values())
