"""ADS1115 16-bit converter: its configuration word, volts from its register, and 4-20 mA loops on a resistor.

Texas Instruments SBAS444, §9.6; the limits of a loop are those of NAMUR NE 43. All words are big-endian.
"""

from __future__ import annotations

from typing import Final

from hal.sample import BAD, GOOD, Quality

CONVERSION_REGISTER: Final = 0
CONFIG_REGISTER: Final = 1
IDLE: Final = 0x8000  # written: start one conversion; read: none is running
_SINGLE_SHOT: Final = 0x0100
_NO_COMPARATOR: Final = 0x0003

#  15   14..12  11..9   8     7..5   4..2        1..0
# ┌────┬───────┬──────┬──────┬──────┬────────────┬────────────────┐
# │ OS │ input │ gain │ mode │ rate │ comparator │ comparator off │
# └────┴───────┴──────┴──────┴──────┴────────────┴────────────────┘
INPUTS: Final = ("AIN0-AIN1", "AIN0-AIN3", "AIN1-AIN3", "AIN2-AIN3", "AIN0", "AIN1", "AIN2", "AIN3")
FULL_SCALES_MV: Final = (6144, 4096, 2048, 1024, 512, 256)
RATES_PER_S: Final = (8, 16, 32, 64, 128, 250, 475, 860)

LOOP_BROKEN_MA: Final = 3.6
LOOP_OVER_MA: Final = 21.0


def config_word(analog_input: str, full_scale_mv: int, per_s: int) -> int:
    """Return the word that starts one conversion: 0xc3e3 for AIN0 against ground, ±4.096 V, 860 a second."""
    mux = INPUTS.index(analog_input) << 12
    gain = FULL_SCALES_MV.index(full_scale_mv) << 9
    rate = RATES_PER_S.index(per_s) << 5
    return IDLE | mux | gain | _SINGLE_SHOT | rate | _NO_COMPARATOR


def volts(register: bytes, full_scale_mv: int) -> float:
    """Return volts from the two bytes of the conversion register: two's complement, 1/32768 of full scale a step."""
    return int.from_bytes(register, "big", signed=True) * full_scale_mv / 32768 / 1000


def is_clipped(register: bytes) -> bool:
    """Return True when the input lies outside the measuring range: the register stands at an end."""
    return register in {b"\x7f\xff", b"\x80\x00"}


def outcome(register: bytes, full_scale_mv: int, shunt_ohm: float | None) -> tuple[float | None, Quality, str]:
    """Return volts, or mA of a 4-20 mA loop through `shunt_ohm`, with quality and reason.

    Below 3.6 mA the loop is broken or its transmitter says so; above 21 mA it is short-circuited or says so (NE 43).
    """
    if is_clipped(register):
        return None, BAD, "over_range"
    volt = volts(register, full_scale_mv)
    if shunt_ohm is None:
        return volt, GOOD, ""
    milliampere = volt / shunt_ohm * 1000
    if milliampere < LOOP_BROKEN_MA:
        return None, BAD, "wire_break"
    if milliampere > LOOP_OVER_MA:
        return None, BAD, "over_range"
    return round(milliampere, 5), GOOD, ""


def register_from_volts(volt: float, full_scale_mv: int) -> bytes:
    """Return the two bytes that the converter shows for this voltage, clipped at the ends of its range."""
    raw = round(volt * 1000 * 32768 / full_scale_mv)
    return max(-32768, min(32767, raw)).to_bytes(2, "big", signed=True)
