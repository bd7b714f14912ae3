"""DS3231 battery clock: UTC from its seven registers, its status and its own temperature.

Maxim DS3231 data sheet, 19-5170, figure 1 (time-keeping registers). Each byte is binary-coded decimal; hours may be
kept in 12 or in 24; the flag OSF says that the oscillator stood still since somebody cleared it: the time is anything.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

TIME, TIME_LENGTH = 0x00, 7
STATUS, TEMPERATURE = 0x0F, 0x11
STOPPED: Final = 0x80  # OSF, in the status register
ALWAYS_0: Final = 0x70  # of that register

_HALF_DAYS: Final = 0x40
_IS_AFTERNOON: Final = 0x20
_CENTURY: Final = 0x80
RANGE_C: Final = (-45.0, 90.0)
"""Where it works, and its error."""

#  0 seconds   1 minutes   2 hours: 0 12/24 AM-PM tens units   3 day of week 1..7   4 date   5 century, month   6 year


def utc_s(octets: bytes) -> int | None:
    """Return seconds since 1970, UTC, or None where the bytes are no time: damaged, too short, 30 February.

    The year counts from 2000, or from 2100 with the century bit.
    """
    if len(octets) != TIME_LENGTH:
        return None
    seconds, minutes, hours, weekday, day, month, year = octets
    try:
        moment = datetime(
            (2100 if month & _CENTURY else 2000) + _decimal(year),
            _decimal(month & ~_CENTURY),
            _decimal(day),
            _hour(hours),
            _decimal(minutes),
            _decimal(seconds),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return int(moment.timestamp()) if 1 <= weekday <= 7 else None


def octets_from(utc: int) -> bytes:
    """Return the seven bytes for these seconds since 1970, in 24 hours. Raises ValueError outside 2000 to 2199."""
    moment = datetime.fromtimestamp(utc, UTC)
    if not 2000 <= moment.year < 2200:
        raise ValueError(f"a DS3231 can't hold the year {moment.year}")
    century = _CENTURY if moment.year >= 2100 else 0
    return bytes((
        _coded(moment.second), _coded(moment.minute), _coded(moment.hour), moment.isoweekday(), _coded(moment.day),
        _coded(moment.month) | century, _coded(moment.year % 100),
    ))  # fmt: skip


def celsius(octets: bytes) -> float | None:
    """Return degrees Celsius from registers 0x11 and 0x12: ten bits, two's complement, 0.25 a step.

    None where bytes are missing, or hold bits that are always 0.
    """
    if len(octets) != 2 or octets[1] & 0x3F:
        return None
    return (int.from_bytes(octets, "big", signed=True) >> 6) / 4


def temperature_octets(celsius_there: float) -> bytes:
    """Return the two registers of a chip that is so warm."""
    return (round(celsius_there * 4) << 6).to_bytes(2, "big", signed=True)


def _hour(octet: int) -> int:
    """Return the hour 0 to 23: with bit 6 the others hold 1 to 12 and whether it is the afternoon."""
    if octet & _CENTURY:
        raise ValueError("bit 7 is always 0")
    if not octet & _HALF_DAYS:
        return _decimal(octet)
    hour = _decimal(octet & 0x1F)
    if not 1 <= hour <= 12:
        raise ValueError("no hour of a half day")
    return hour % 12 + (12 if octet & _IS_AFTERNOON else 0)


def _decimal(octet: int) -> int:
    tens, units = octet >> 4, octet & 0x0F
    if tens > 9 or units > 9:
        raise ValueError("no binary-coded decimal")
    return 10 * tens + units


def _coded(number: int) -> int:
    return number // 10 << 4 | number % 10
