"""MAX31850 and MAX31851 thermocouple converters: what the nine bytes of the scratchpad say.

Maxim data sheet 19-6725, tables 2 to 4 and "Configuration Register". They share family 3B with the DS1825 thermometer;
the upper half of byte 4 tells them apart: always ones here, bit 7 zero there.
"""

from __future__ import annotations

from typing import Final

from hal.sample import BAD, GOOD, Quality

# ┌──────┬──────┬─────────┬─────────┬───────────┬───────┬───────┬───────┬─────┐
# │ T lo │ T hi │ cold lo │ cold hi │ 1111 AD   │ reserved (three bytes) │ CRC │
# └──────┴──────┴─────────┴─────────┴───────────┴───────┴───────┴───────┴─────┘
#   T: quarters of a degree from bit 2 on, bit 0 is 1 at a fault; cold: sixteenths, bits 2..0 say which fault
MARK: Final = 0xF0
FAULT: Final = 0x01
TO_SUPPLY, TO_GROUND, OPEN = 0x04, 0x02, 0x01
LOW_C, HIGH_C = -270.0, 1768.0


def is_thermocouple(config: int) -> bool:
    """Return whether byte 4 is that of a thermocouple converter and not of a DS1825."""
    return config & MARK == MARK


def celsius_from_scratchpad(scratchpad: bytes) -> tuple[float | None, Quality, str]:
    """Return degrees Celsius at the thermocouple's tip or None, quality and reason; the CRC was checked before."""
    faults = scratchpad[2] & (TO_SUPPLY | TO_GROUND | OPEN)
    if faults & (TO_SUPPLY | TO_GROUND):
        return None, BAD, "short_circuit"
    if faults or scratchpad[0] & FAULT:
        return None, BAD, "wire_break"
    celsius = (int.from_bytes(scratchpad[:2], "little", signed=True) >> 2) / 4
    if not LOW_C <= celsius <= HIGH_C:
        return None, BAD, "out_of_range"
    return celsius, GOOD, ""
