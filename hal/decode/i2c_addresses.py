"""What may answer at which I2C address, and how to tell: one read each, from the makers' data sheets.

Several chips share an address, and some have no number of their own: then all that can be said is who it may be. A
question is a write and a read of so many bytes; none of these changes what a chip does.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from hal.decode.scd4x import words as sensirion_words
from hal.decode.sht3x import READ_SERIAL

ABSENT: Final = frozenset({errno.EREMOTEIO, errno.ENXIO, errno.ENODEV})
"""What a bus reports when nobody acknowledges an address."""


class Question(msgspec.Struct, frozen=True):
    """What to write, and how many bytes to read after it; `pause_s` in between where the chip takes its time."""

    write: bytes
    length: int
    pause_s: float = 0.0


class Candidate(msgspec.Struct, frozen=True):
    """A chip that may live at some addresses. Without a question nobody can tell it from another there."""

    name: str
    addresses: Sequence[int]
    driver: str = ""
    """The driver that reads it; "" for one that is only recognised."""
    question: Question | None = None
    is_it: Callable[[bytes], bool] = bool


def _is(*answers: bytes) -> Callable[[bytes], bool]:
    return lambda octets: octets in answers


def _has_crc(octets: bytes) -> bool:
    """Return whether each three bytes are a word with Sensirion's CRC; three zeros are not."""
    found = sensirion_words(octets, len(octets) // 3)
    return bool(found) and None not in found


_ID: Final = Question(b"\xd0", 1)
_SERIAL_SHT3X: Final = Question(READ_SERIAL, 6, pause_s=0.001)
_IS_READY_SCD4X: Final = Question(b"\xe4\xb8", 3, pause_s=0.001)  # its serial number it tells only at rest

KNOWN: Final[tuple[Candidate, ...]] = (
    Candidate("BH1750", (0x23, 0x5C), "bh1750"),
    Candidate("SSD1306 or SH1106 display", (0x3C, 0x3D)),
    Candidate("INA226", range(0x40, 0x50), "", Question(b"\xff", 2), _is(b"\x22\x60")),
    Candidate("INA219", range(0x40, 0x50), "ina219"),
    Candidate("SHT3x", (0x44, 0x45), "sht3x", _SERIAL_SHT3X, _has_crc),
    Candidate("ADS1115", range(0x48, 0x4C), "ads1115"),
    Candidate("AT24C32 memory of a clock module", (0x57,)),
    Candidate("SCD40 or SCD41", (0x62,), "scd4x", _IS_READY_SCD4X, _has_crc),
    Candidate("DS3231", (0x68,), "ds3231"),
    Candidate("BME280", (0x76, 0x77), "bme280", _ID, _is(b"\x60")),
    Candidate("BMP280", (0x76, 0x77), "bme280", _ID, _is(b"\x58", b"\x57", b"\x56")),
    Candidate("BME680", (0x76, 0x77), "", _ID, _is(b"\x61")),
    Candidate("BMP180", (0x77,), "", _ID, _is(b"\x55")),
)


def candidates(address: int) -> list[Candidate]:
    """Return who may live at this address, those that can be told first.

    >>> [candidate.name for candidate in candidates(0x23)], candidates(0x10)
    (['BH1750'], [])
    """
    found = [candidate for candidate in KNOWN if address in candidate.addresses]
    return sorted(found, key=lambda candidate: candidate.question is None)


def told(address: int, ask: Callable[[Question], bytes]) -> list[Candidate]:
    """Return who it is, one candidate alone where it says so, else all of those who can't be told.

    `ask` puts a question to the address and returns the answer, or b"" where the chip refuses it.
    """
    found = candidates(address)
    for candidate in found:
        if candidate.question is not None and candidate.is_it(ask(candidate.question)):
            return [candidate]
    return [candidate for candidate in found if candidate.question is None]


def chip_by_id(number: int) -> str:
    """Return the name of a chip of Bosch by its own number, such as "a BME680" for 0x61.

    >>> chip_by_id(0x61), chip_by_id(0x00)
    ('a BME680', 'another chip')
    """
    octet = bytes((number,))
    names = (candidate.name for candidate in KNOWN if candidate.question is _ID and candidate.is_it(octet))
    name = next(names, "")
    return f"a {name}" if name else "another chip"
