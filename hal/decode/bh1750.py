"""BH1750 light sensor: lux from its two bytes, and its commands.

ROHM BH1750FVI data sheet, "Measurement mode" and "Adjust measurement result for influence of optical window". The
register of the measuring time stands at 69 after each loss of supply, so it goes with each measurement.
"""

from __future__ import annotations

from typing import Final

POWER_ON: Final = 0x01
ONCE_HIGH_RESOLUTION: Final = 0x20
_TIME_HIGH: Final = 0x40
_TIME_LOW: Final = 0x60
USUAL_TIME: Final = 69
LONGEST_S: Final = 0.180
"""The most that a measurement takes at the usual measuring time."""
COUNTS_A_LUX: Final = 1.2
FULL: Final = 0xFFFF


def time_commands(measuring_time: int) -> tuple[int, int]:
    """Return the two commands that set the measuring time, 31 to 254: its high three and its low five bits."""
    return _TIME_HIGH | measuring_time >> 5, _TIME_LOW | measuring_time & 0x1F


def measuring_s(measuring_time: int) -> float:
    """Return the seconds that a measurement takes at most."""
    return LONGEST_S * measuring_time / USUAL_TIME


def lux(octets: bytes, measuring_time: int = USUAL_TIME) -> float | None:
    """Return lux: 28066.7 for 83 90; None when the sensor is at its end (ff ff) or bytes are missing."""
    raw = int.from_bytes(octets, "big")
    if len(octets) != 2 or raw == FULL:
        return None
    return round(raw / COUNTS_A_LUX * USUAL_TIME / measuring_time, 1)


def octets_from(lux_there: float, measuring_time: int = USUAL_TIME) -> bytes:
    """Return the two bytes that a sensor shows in this light."""
    raw = round(lux_there * COUNTS_A_LUX * measuring_time / USUAL_TIME)
    return max(0, min(FULL, raw)).to_bytes(2, "big")
