"""SCD40 and SCD41 carbon dioxide sensors: commands of two bytes, words of two bytes with a CRC each.

Sensirion data sheet SCD4x, §3.5 to §3.10; CRC, temperature and humidity are those of the SHT3x. Measuring by itself, it
has something new each 5 s and nothing in between.
"""

from __future__ import annotations

from typing import Final

from hal.decode.sht3x import celsius, crc8, relative_humidity, words_with_crc

START: Final = b"\x21\xb1"
STOP: Final = b"\x3f\x86"
READ: Final = b"\xec\x05"
IS_READY: Final = b"\xe4\xb8"
SERIAL: Final = b"\x36\x82"
SET_ALTITUDE: Final = b"\x24\x27"
SET_PRESSURE: Final = b"\xe0\x00"

ANSWERS_AFTER_S: Final = 0.001
STOPS_AFTER_S: Final = 0.5
POWER_UP_S: Final = 1.0
EACH_S: Final = 5.0

RANGE_PPM: Final = (1.0, 40_000.0)  # 0 is what it shows before it has measured
RANGE_C: Final = (-10.0, 60.0)
_READY_BITS: Final = 0x07FF


def words(octets: bytes, count: int) -> tuple[int | None, ...]:
    """Return so many words; None for each whose CRC is wrong or that is missing."""
    groups = (octets[at : at + 3] for at in range(0, 3 * count, 3))
    return tuple(
        int.from_bytes(group[:2], "big") if len(group) == 3 and crc8(group[:2]) == group[2] else None
        for group in groups
    )


def is_ready(word: int) -> bool:
    """Return whether there is a measurement that nobody has read: any of the low 11 bits is set."""
    return bool(word & _READY_BITS)


def value_of(channel: str, word: int) -> float:
    """Return ppm, degrees Celsius or % relative humidity of one word of a measurement."""
    if channel == "co2":
        return float(word)
    return celsius(word) if channel == "temperature" else relative_humidity(word)


def is_possible(channel: str, value: float) -> bool:
    """Return whether the sensor can have measured this."""
    low, high = {"co2": RANGE_PPM, "temperature": RANGE_C}.get(channel, (0.0, 100.0))
    return low <= value <= high


def measurement_from(co2_ppm: float, temperature_c: float, humidity: float) -> bytes:
    """Return the nine bytes that a sensor sends for this air."""
    return words_with_crc(round(co2_ppm), round((temperature_c + 45) * 65535 / 175), round(humidity * 65535 / 100))
