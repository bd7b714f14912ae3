"""ADS1115 16-bit converter: its configuration words, volts from its register, loops of 4-20 mA and 0-10 V signals.

Texas Instruments SBAS444, §9.6; the limits of a loop are those of NAMUR NE 43. All words are big-endian.
"""

from __future__ import annotations

from typing import Final

import msgspec

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

SLOWEST: Final = 1.1  # §7.5: the rate may be 10 % lower than its name, or higher

FORGOTTEN: Final = "its settings are others than were written; check its supply, and that no other program uses it"

LOOP_BROKEN_MA: Final = 3.6
LOOP_OVER_MA: Final = 21.0
LOOP_MA: Final = (4.0, 20.0)
SIGNAL_V: Final = (0.0, 10.0)
DIGITS: Final = 6  # of a scaled value: far below a step of the converter


def config_word(analog_input: str, full_scale_mv: int, per_s: int) -> int:
    """Return the word that starts one conversion: 0xc3e3 for AIN0 against ground, ±4.096 V, 860 a second."""
    return IDLE | _SINGLE_SHOT | running_word(analog_input, full_scale_mv, per_s)


def running_word(analog_input: str, full_scale_mv: int, per_s: int) -> int:
    """Return the word of conversions one after the other: 0x04e3 for AIN0 against AIN1, ±2.048 V, 860 a second."""
    mux = INPUTS.index(analog_input) << 12
    gain = FULL_SCALES_MV.index(full_scale_mv) << 9
    rate = RATES_PER_S.index(per_s) << 5
    return mux | gain | rate | _NO_COMPARATOR


def is_idle(config: bytes) -> bool:
    """Return whether the configuration register says that no conversion is running."""
    return bool(config[0] & IDLE >> 8)


def volts(register: bytes, full_scale_mv: int) -> float:
    """Return volts from the two bytes of the conversion register: two's complement, 1/32768 of full scale a step."""
    return int.from_bytes(register, "big", signed=True) * full_scale_mv / 32768 / 1000


def is_clipped(register: bytes) -> bool:
    """Return True when the input lies outside the measuring range: the register stands at an end."""
    return register in {b"\x7f\xff", b"\x80\x00"}


class Wiring(msgspec.Struct, frozen=True):
    """What lies between the signal and the input, and what the signal means."""

    full_scale_mv: int
    shunt_ohm: float | None = None
    """Resistor of a 4-20 mA loop; None for a voltage."""
    divider: float = 1.0
    """Volts of the signal for a volt at the input."""
    low: float | None = None
    high: float | None = None
    """The value at the ends of the signal, 4 and 20 mA or 0 and 10 V; None: mA or V as they are."""


def outcome(register: bytes, wiring: Wiring) -> tuple[float | None, Quality, str]:
    """Return the signal in V or mA, or what it means, with quality and reason.

    Below 3.6 mA a loop is broken or its transmitter says so; above 21 mA it is short-circuited or says so (NE 43).
    """
    if len(register) != 2:
        return None, BAD, "bus_error"
    if is_clipped(register):
        return None, BAD, "over_range"
    signal = volts(register, wiring.full_scale_mv) * wiring.divider
    if wiring.shunt_ohm is None:
        ends = SIGNAL_V
    else:
        signal, ends = round(signal / wiring.shunt_ohm * 1000, 5), LOOP_MA
        if signal < LOOP_BROKEN_MA:
            return None, BAD, "wire_break"
        if signal > LOOP_OVER_MA:
            return None, BAD, "over_range"
    if wiring.low is None or wiring.high is None:
        return signal, GOOD, ""
    share = (signal - ends[0]) / (ends[1] - ends[0])
    return round(wiring.low + share * (wiring.high - wiring.low), DIGITS), GOOD, ""


def register_from_volts(volt: float, full_scale_mv: int) -> bytes:
    """Return the two bytes that the converter shows for this voltage, clipped at the ends of its range."""
    raw = round(volt * 1000 * 32768 / full_scale_mv)
    return max(-32768, min(32767, raw)).to_bytes(2, "big", signed=True)
