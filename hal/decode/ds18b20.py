"""DS18B20 and its relatives: what the nine bytes of a 1-Wire temperature probe's scratchpad really say.

Maxim data sheets DS18S20, DS1822, DS18B20, DS1825 and DS28EA00, "Memory"; the text is that of the Linux driver w1_therm
(`w1_slave`). Three readings look fine and are not: nine zero bytes carry a right CRC and 0.000 °C, a probe that did not
convert says 85 °C, one without power 127.94 °C.
"""

from __future__ import annotations

from typing import Final

from hal.decode import max31850
from hal.sample import BAD, GOOD, UNCERTAIN, Quality

# ┌──────┬──────┬────┬────┬────────┬──────┬──────────────┬──────────────┬─────┐
# │ T lo │ T hi │ TH │ TL │ config │ 0xff │ count remain │ count per °C │ CRC │
# └──────┴──────┴────┴────┴────────┴──────┴──────────────┴──────────────┴─────┘
LENGTH: Final = 9
POWER_ON_BYTE: Final = 0x0C  # byte 6 until the first conversion
POWER_ON_C: Final = 85.0
WEAK_SUPPLY_RAW: Final = 0x07FF  # all ones: 127.94 °C
LOW_C: Final = -55.0
HIGH_C: Final = 125.0

DS18S20: Final = "10"  # half degrees, and the rest counted in bytes 6 and 7
DS1822: Final = "22"
DS18B20: Final = "28"
DS1825: Final = "3b"  # the pins AD3..AD0 in the lower half of byte 4; the MAX31850 shares the code
DS28EA00: Final = "42"
FAMILIES: Final = (DS18S20, DS1822, DS18B20, DS1825, DS28EA00)
"""The first two digits of a probe's name."""

Outcome = tuple[float | None, Quality, str]
"""Degrees Celsius or None, quality, reason."""


def _crc_of_octet(octet: int) -> int:
    for _ in range(8):
        octet = octet >> 1 ^ 0x8C if octet & 1 else octet >> 1
    return octet


_CRC_OF_OCTET: Final = bytes(map(_crc_of_octet, range(256)))


def crc8(data: bytes) -> int:
    """Return the Dallas/Maxim CRC-8 (x⁸ + x⁵ + x⁴ + 1, reflected, start 0): 0xa2 for 02 1c b8 01 00 00 00."""
    crc = 0
    for octet in data:
        crc = _CRC_OF_OCTET[crc ^ octet]
    return crc


def scratchpad_from_text(text: str) -> bytes | None:
    """Return the bytes on the first line of `w1_slave`, those just read; None when there are no nine whole ones."""
    try:
        scratchpad = bytes.fromhex(text.partition("\n")[0].partition(":")[0])
    except ValueError:
        return None
    return scratchpad if len(scratchpad) == LENGTH else None


def celsius_from_text(text: str, family: str = DS18B20) -> Outcome:
    """Return the outcome of one read of `w1_slave`: two lines, of which the first holds the bytes just read.

    An empty text is how Linux says that the probe did not answer; `NO`, that its CRC was wrong. The second line repeats
    the last good bytes when the first is bad: it is never used for a value.
    """
    if not text.strip():
        return None, BAD, "no_answer"
    scratchpad = scratchpad_from_text(text)
    if scratchpad is None:
        return None, BAD, "crc"
    outcome = celsius_from_scratchpad(scratchpad, family)
    if outcome[1] == BAD:
        return outcome
    first, _, second = text.partition("\n")
    if not first.rstrip().endswith("YES") or "t=" not in second:
        return None, BAD, "crc"
    return outcome


def celsius_from_scratchpad(scratchpad: bytes, family: str = DS18B20) -> Outcome:
    """Return the outcome of nine scratchpad bytes, CRC included, of a probe of this family (one of FAMILIES)."""
    if len(scratchpad) != LENGTH:
        return None, BAD, "crc"
    if not any(scratchpad):
        return None, BAD, "line_low"
    if min(scratchpad) == 0xFF:
        return None, BAD, "line_high"
    if crc8(scratchpad[:-1]) != scratchpad[-1]:
        return None, BAD, "crc"
    if family == DS18S20:
        return _half_degrees(scratchpad)
    if family == DS1825 and max31850.is_thermocouple(scratchpad[4]):
        return max31850.celsius_from_scratchpad(scratchpad)
    return _sixteenths(scratchpad, family)


def bits_from_scratchpad(scratchpad: bytes, family: str = DS18B20) -> int | None:
    """Return the resolution in byte 4, 9 to 12; None where it can't be chosen, or the bits are impossible.

    >>> bits_from_scratchpad(bytes.fromhex("91014b463fff0f10e6"))
    10
    """
    config = scratchpad[4]
    fixed = 0x90 if family == DS1825 else 0x9F  # bits 6 and 5 are the resolution, of the rest bit 7 is 0
    if family == DS18S20 or config & fixed != fixed & 0x1F:
        return None
    return 9 + (config >> 5)


def is_copy(scratchpad: bytes, family: str = DS18B20) -> bool:
    """Return whether the reserved bytes are not a genuine chip's. Copies measure, with other timings and accuracies.

    The data sheets give those bytes for the DS18S20, DS1822, DS18B20 and DS28EA00; of a DS1825 nothing can be said.
    """
    if family == DS1825:
        return False
    is_finer = family == DS18B20 and bool(_finer_bits(scratchpad))
    return is_finer or scratchpad[5] != 0xFF or scratchpad[7] != 0x10


def _finer_bits(scratchpad: bytes) -> int:
    """Return 13 or 14 for the one copy that goes beyond 12 bits (bit 7 of byte 4, as w1_therm knows it), else 0."""
    config = scratchpad[4]
    if config & 0x9C != 0x9C:
        return 0
    return 13 if config & 0x60 == 0 else 14


def _sixteenths(scratchpad: bytes, family: str) -> Outcome:
    bits = bits_from_scratchpad(scratchpad, family)
    finer_bits = _finer_bits(scratchpad) if family == DS18B20 else 0
    raw = int.from_bytes(scratchpad[:2], "little", signed=True)
    if raw == WEAK_SUPPLY_RAW:
        return None, BAD, "weak_supply"
    if finer_bits:
        raw64 = raw << 2 | scratchpad[4] & 3  # its two finest bits stand in byte 4
        celsius = (raw64 >> 14 - finer_bits << 14 - finer_bits) / 64
    elif bits is None:
        return None, BAD, "crc"  # impossible bits under a right CRC: these are not the bytes that a probe sends
    else:
        celsius = (raw >> 12 - bits << 12 - bits) / 16  # below the resolution they hold anything
    byte6 = scratchpad[6]
    if celsius == POWER_ON_C and byte6 == POWER_ON_BYTE:
        return None, BAD, "power_on_value"
    if not LOW_C <= celsius <= HIGH_C:
        return None, BAD, "out_of_range"
    # Where a genuine probe proves by byte 6 that 85 °C was really measured, a copy proves nothing.
    if celsius == POWER_ON_C and (byte6 != 0x10 or is_copy(scratchpad, family)):
        return celsius, UNCERTAIN, "suspect"
    return celsius, GOOD, ""


def _half_degrees(scratchpad: bytes) -> Outcome:
    half_degrees = int.from_bytes(scratchpad[:2], "little", signed=True)
    remain, per_degree = scratchpad[6:8]
    if remain > per_degree or per_degree == 0:  # the rest of a degree that is more than one
        return None, BAD, "crc"
    celsius = (half_degrees >> 1) - 0.25 + (per_degree - remain) / per_degree
    if celsius == POWER_ON_C and remain == POWER_ON_BYTE:
        return None, BAD, "power_on_value"
    if not LOW_C <= celsius <= HIGH_C:
        return None, BAD, "out_of_range"
    return celsius, GOOD, ""


def scratchpad_from_celsius(celsius: float, family: str = DS18B20, bits: int = 12) -> bytes:
    """Return the nine bytes that a genuine probe sends at this temperature, rounded to its resolution."""
    if family == DS18S20:
        sixteenths = round(celsius * 16) + 4  # the quarter that the data sheet's formula takes off
        whole, remain = sixteenths >> 4, 16 - (sixteenths & 0x0F)
        body = (2 * whole).to_bytes(2, "little", signed=True) + bytes((0x4B, 0x46, 0xFF, 0xFF, remain, 0x10))
    else:
        raw = round(celsius * 2.0 ** (bits - 8)) << 12 - bits
        config = (bits - 9) << 5 | 0x1F
        body = raw.to_bytes(2, "little", signed=True) + bytes((0x4B, 0x46, config, 0xFF, 0x10 - (raw & 0x0F), 0x10))
    return body + bytes((crc8(body),))


def text_from_scratchpad(scratchpad: bytes) -> str:
    """Return the two lines that Linux shows for these bytes."""
    octets = scratchpad.hex(" ")
    crc = crc8(scratchpad[:-1])
    verdict = "YES" if crc == scratchpad[-1] else "NO"
    milli = int.from_bytes(scratchpad[:2], "little", signed=True) * 1000 // 16
    return f"{octets} : crc={crc:02x} {verdict}\n{octets} t={milli}\n"
