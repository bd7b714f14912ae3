"""SHT30, SHT31 and SHT35 temperature and humidity: what the six bytes of one measurement say.

Sensirion data sheet SHT3x-DIS, §4.12 (CRC) and §4.13 (conversion). Each of the two words has its own CRC.
"""

from __future__ import annotations

from typing import Final

SINGLE_SHOT: Final = (0x24, 0x00)  # high repeatability, without clock stretching
READ_SERIAL: Final = b"\x37\x80"
LENGTH: Final = 6
LOW_C, HIGH_C = -40.0, 125.0  # where the sensor can work; 0x0000 and 0xffff lie outside


def crc8(data: bytes) -> int:
    """Return Sensirion's CRC-8 (polynomial 0x31, start 0xff): 0x92 for be ef."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


def words(frame: bytes) -> tuple[int | None, int | None]:
    """Return the words of temperature and humidity; None for one whose CRC is wrong or that is missing."""
    found = [
        int.from_bytes(word, "big") if len(word) == 2 and frame[at + 2 : at + 3] == bytes((crc8(word),)) else None
        for at in (0, 3)
        for word in (frame[at : at + 2],)
    ]
    return found[0], found[1]


def celsius(word: int) -> float:
    """Return degrees Celsius: 0x0000 is -45, 0xffff is 130; to 0.00001, far below a step of the sensor (0.0027)."""
    return round(-45 + 175 * word / 65535, 5)


def relative_humidity(word: int) -> float:
    """Return % relative humidity: 0x0000 is 0, 0xffff is 100; to 0.00001, far below a step of the sensor (0.0015)."""
    return round(100 * word / 65535, 5)


def frame_from(temperature_c: float, humidity: float) -> bytes:
    """Return the six bytes that a sensor sends for these values."""
    pair = (round((temperature_c + 45) * 65535 / 175), round(humidity * 65535 / 100))
    return words_with_crc(*pair)


def words_with_crc(*values: int) -> bytes:
    """Return words as they go over the wire, each with its CRC."""
    return b"".join(word + bytes((crc8(word),)) for word in (value.to_bytes(2, "big") for value in values))
