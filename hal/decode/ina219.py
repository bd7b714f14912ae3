"""INA219 current, voltage and power on one side of a supply: what its two measuring registers say.

Texas Instruments SBOS448G, §8.6. Shunt and bus voltage are read as they are measured and current and power computed
here: the chip's own need its calibration register, which is 0 again after each loss of its supply, and then show 0 A
as if it were true.
"""

from __future__ import annotations

from typing import Final

from hal.sample import BAD, GOOD, Quality

CONFIG, SHUNT, BUS = 0, 1, 2
RESET_CONFIG: Final = 0x399F  # §8.6.2.1: what it shows after power-up
RANGES_MV: Final = (40, 80, 160, 320)
AVERAGED: Final = {1: 586e-6, 2: 1.172e-3, 4: 2.34e-3, 8: 4.68e-3, 16: 9.37e-3, 32: 18.72e-3, 64: 37.5e-3, 128: 75e-3}
"""Samples in a measurement -> seconds that each of its two conversions takes at most (12 bits)."""

_BUS_32_V: Final = 0x2000
_ONE_OF_BOTH: Final = 0x3  # mode: shunt and bus voltage, once
_IS_READY: Final = 0x2
_SHUNT_STEP_V: Final = 10e-6
_BUS_STEP_V: Final = 4e-3
_MOST_BUS: Final = 8000  # §8.6.3.2: 32 V; of more steps the register holds none


def config_word(range_mv: int, samples: int) -> int:
    """Return the word that starts one measurement of both voltages: 0x399b for ±320 mV and one sample.

    ┌ 15    ┌ 14 ┌ 13       ┌ 12..11 ┌ 10..7       ┌ 6..3          ┌ 2..0
    │ reset │ 0  │ 32 V bus │ range  │ bus samples │ shunt samples │ mode
    """
    averaging = (3 if samples == 1 else 8 | samples.bit_length() - 1) & 0xF
    return _BUS_32_V | RANGES_MV.index(range_mv) << 11 | averaging << 7 | averaging << 3 | _ONE_OF_BOTH


def is_ready(bus: bytes) -> bool:
    """Return whether the bus register says that the measurement is done."""
    return bool(bus[1] & _IS_READY)


def bus_volts(bus: bytes) -> float:
    """Return volts from the bus register: 13 bits, left-aligned, 4 mV a step: 11.98 for 5d 98."""
    return round((int.from_bytes(bus, "big") >> 3) * _BUS_STEP_V, 3)


def shunt_volts(shunt: bytes) -> float:
    """Return volts across the shunt: two's complement, 10 µV a step: -0.04 for f0 60."""
    return round(int.from_bytes(shunt, "big", signed=True) * _SHUNT_STEP_V, 5)


def outcome(
    channel: str, shunt: bytes, bus: bytes, *, shunt_ohm: float, range_mv: int
) -> tuple[float | None, Quality, str]:
    """Return volts of the bus, A or W, with quality and reason; the current has the sign of the shunt's voltage."""
    if len(shunt) != 2 or len(bus) != 2:
        return None, BAD, "bus_error"
    if int.from_bytes(bus, "big") >> 3 > _MOST_BUS:
        return None, BAD, "over_range"
    if channel == "voltage":
        return bus_volts(bus), GOOD, ""
    volt = shunt_volts(shunt)
    if abs(volt) >= range_mv / 1000:  # the register stands at its end
        return None, BAD, "over_range"
    ampere = volt / shunt_ohm
    return round(ampere if channel == "current" else ampere * bus_volts(bus), 6), GOOD, ""


def registers_from(shunt_volt: float, bus_volt: float, range_mv: int) -> tuple[bytes, bytes]:
    """Return the shunt's and the bus's register of a chip that has just measured these voltages."""
    most = round(range_mv / 1000 / _SHUNT_STEP_V)
    shunt = max(-most, min(most, round(shunt_volt / _SHUNT_STEP_V)))
    bus = max(0, min(_MOST_BUS, round(bus_volt / _BUS_STEP_V))) << 3 | _IS_READY
    return shunt.to_bytes(2, "big", signed=True), bus.to_bytes(2, "big")
