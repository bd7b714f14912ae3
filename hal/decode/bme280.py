"""BME280 and BMP280 temperature, pressure and humidity: from the converter's numbers to what the air is.

Bosch BST-BME280-DS002, §4.2.3 and appendix 8.2, and BST-BMP280-DS001, §3.11.3: the integer compensation (64 bits for
the pressure), with the coefficients that each chip holds. Temperature comes first: its fine value corrects the others.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

ID_REGISTER, ID_BME280, ID_BMP280 = 0xD0, 0x60, 0x58
EARLY_BMP280: Final = frozenset({0x56, 0x57})  # engineering samples, which are sold too
CTRL_HUM, STATUS, CTRL_MEAS, CONFIG = 0xF2, 0xF3, 0xF4, 0xF5
CALIBRATION: Final = (0x88, 26)  # register and length, on both chips …
CALIBRATION_HUMIDITY: Final = (0xE1, 7)  # … and what only the BME280 has
MEASURED: Final = 0xF7
MEASURED_LENGTH: Final = {ID_BMP280: 6, ID_BME280: 8}
IS_MEASURING: Final = 0x08
FORCED: Final = 0x01
OVERSAMPLING: Final = {1: 1, 2: 2, 4: 3, 8: 4, 16: 5}

SKIPPED: Final = 0x80000  # §5.4.7: of a pressure or temperature that was not measured
SKIPPED_HUMIDITY: Final = 0x8000
RANGE_C: Final = (-40.0, 85.0)
RANGE_HPA: Final = (300.0, 1100.0)


def measuring_s(oversampling: int, *, has_humidity: bool) -> float:
    """Return the most that one measurement takes (appendix 9.1): 9.3 ms at oversampling 1."""
    return (1.25 + 2.3 * oversampling + 0.575 + (2.3 * oversampling + 0.575) * (2 if has_humidity else 1)) / 1000


class Coefficients(msgspec.Struct, frozen=True):
    """What the factory measured of one chip; `h` is empty for a BMP280."""

    t: tuple[int, ...]
    p: tuple[int, ...]
    h: tuple[int, ...] = ()


def coefficients(common: bytes, humidity: bytes = b"") -> Coefficients:
    """Return the coefficients from registers 0x88 to 0xa1 and, of a BME280, 0xe1 to 0xe7.

    Raises ValueError when they are too short, or such as no chip has: all bits alike, as a damaged transfer gives.
    """
    if len(common) != CALIBRATION[1] or len(humidity) not in {0, CALIBRATION_HUMIDITY[1]}:
        raise ValueError("the calibration is incomplete")
    t1, t2, t3, *p = struct.unpack_from("<HhhH8h", common)
    if {t1, p[0]} & {0, 0xFFFF} or not t2:
        raise ValueError("the calibration is empty")
    if not humidity:
        return Coefficients((t1, t2, t3), tuple(p))
    h2, h3, e4, e5, e6, h6 = struct.unpack("<hBbBbb", humidity)
    # 12 bits each, sharing the byte between them: e4 is bits 11..4 of H4, e6 those of H5
    h4, h5 = e4 << 4 | e5 & 0x0F, e6 << 4 | e5 >> 4
    return Coefficients((t1, t2, t3), tuple(p), (common[25], h2, h3, h4, h5, h6))


class Counts(msgspec.Struct, frozen=True):
    """The converter's numbers of one measurement; None for what was not measured."""

    temperature: int | None
    pressure: int | None
    humidity: int | None = None


def counts(octets: bytes) -> Counts:
    """Return the numbers from registers 0xf7 on: pressure and temperature of 20 bits each, humidity of 16.

    Raises ValueError when bytes are missing.
    """
    if len(octets) not in MEASURED_LENGTH.values():
        raise ValueError("the measurement is incomplete")
    pressure, temperature = (int.from_bytes(octets[at : at + 3], "big") >> 4 for at in (0, 3))
    humidity = int.from_bytes(octets[6:8], "big") if len(octets) == MEASURED_LENGTH[ID_BME280] else SKIPPED_HUMIDITY
    return Counts(
        None if temperature == SKIPPED else temperature,
        None if pressure == SKIPPED else pressure,
        None if humidity == SKIPPED_HUMIDITY else humidity,
    )


def fine_temperature(adc: int, found: Coefficients) -> int:
    """Return the temperature in 1/5120 °C, which corrects pressure and humidity too."""
    t1, t2, t3 = found.t
    first = ((adc >> 3) - (t1 << 1)) * t2 >> 11
    half = (adc >> 4) - t1
    return first + ((half * half >> 12) * t3 >> 14)


def celsius(fine: int) -> float:
    """Return degrees Celsius in steps of 0.01: 25.08 for a fine value of 128422."""
    return (fine * 5 + 128 >> 8) / 100


def pascal(adc: int, fine: int, found: Coefficients) -> float | None:
    """Return the pressure in Pa, in steps of 1/256; None where the coefficients give none."""
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = found.p
    x = fine - 128000
    y = x * x * p6 + (x * p5 << 17) + (p4 << 35)
    x = (x * x * p3 >> 8) + (x * p2 << 12)
    x = ((1 << 47) + x) * p1 >> 33
    if x == 0:
        return None
    p = _quotient(((1048576 - adc << 31) - y) * 3125, x)
    x, y = p9 * (p >> 13) * (p >> 13) >> 25, p8 * p >> 19
    return ((p + x + y >> 8) + (p7 << 4)) / 256


def relative_humidity(adc: int, fine: int, found: Coefficients) -> float:
    """Return % relative humidity, in steps of 1/1024, held within 0 to 100 as the data sheet's own formula does."""
    h1, h2, h3, h4, h5, h6 = found.h
    x = fine - 76800
    left = (adc << 14) - (h4 << 20) - h5 * x + 16384 >> 15
    right = ((((x * h6 >> 10) * ((x * h3 >> 11) + 32768) >> 10) + 2097152) * h2 + 8192) >> 14
    x = left * right
    x -= ((x >> 15) * (x >> 15) >> 7) * h1 >> 4
    return (max(0, min(x, 419430400)) >> 12) / 1024


def _quotient(dividend: int, divisor: int) -> int:
    """Return the quotient cut towards zero, as C does, where Python would round down."""
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient
