"""DS18B20, DS1822 and DS18S20 temperature probes: what the nine bytes of the scratchpad really say.

Maxim data sheets; the text is that of the Linux driver w1_therm (`w1_slave`). Three readings look fine and are not:
nine zero bytes carry a right CRC and 0.000 °C, a probe that did not convert says 85 °C, one without power 127.94 °C.
"""

from __future__ import annotations

from typing import Final

from hal.sample import BAD, GOOD, UNCERTAIN, Quality

# ┌──────┬──────┬────┬────┬────────┬──────┬──────────────┬──────────────┬─────┐
# │ T lo │ T hi │ TH │ TL │ config │ 0xff │ count remain │ count per °C │ CRC │
# └──────┴──────┴────┴────┴────────┴──────┴──────────────┴──────────────┴─────┘
LENGTH: Final = 9
CONFIGS: Final = (0x1F, 0x3F, 0x5F, 0x7F)  # 9, 10, 11, 12 bits
POWER_ON_BYTE: Final = 0x0C  # byte 6 until the first conversion
POWER_ON_C: Final = 85.0
WEAK_SUPPLY_RAW: Final = 0x07FF  # all ones: 127.94 °C
LOW_C: Final = -55.0
HIGH_C: Final = 125.0
DS18S20: Final = "10"  # family code: half degrees, and the rest counted in bytes 6 and 7

Outcome = tuple[float | None, Quality, str]
"""Degrees Celsius or None, quality, reason."""


def crc8(data: bytes) -> int:
    """Return the Dallas/Maxim CRC-8 (x⁸ + x⁵ + x⁴ + 1, reflected, start 0): 0xa2 for 02 1c b8 01 00 00 00."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc


def celsius_from_text(text: str, family: str = "28") -> Outcome:
    """Return the outcome of one read of `w1_slave`: two lines, of which the first holds the bytes just read.

    An empty text is how Linux says that the probe did not answer; `NO`, that its CRC was wrong. The second line repeats
    the last good bytes when the first is bad: it is never used for a value.
    """
    if not text.strip():
        return None, BAD, "no_answer"
    first, _, second = text.partition("\n")
    head, colon, verdict = first.partition(":")
    try:
        scratchpad = bytes.fromhex(head)
    except ValueError:
        return None, BAD, "crc"
    outcome = celsius_from_scratchpad(scratchpad, family)
    if outcome[1] == BAD:
        return outcome
    if not colon or not verdict.rstrip().endswith("YES") or "t=" not in second:
        return None, BAD, "crc"
    return outcome


def celsius_from_scratchpad(scratchpad: bytes, family: str = "28") -> Outcome:
    """Return the outcome of nine scratchpad bytes, CRC included, of a probe of this family (10, 22 or 28)."""
    if len(scratchpad) != LENGTH:
        return None, BAD, "crc"
    if not any(scratchpad):
        return None, BAD, "line_low"
    if min(scratchpad) == 0xFF:
        return None, BAD, "line_high"
    if crc8(scratchpad[:-1]) != scratchpad[-1]:
        return None, BAD, "crc"
    return _half_degrees(scratchpad) if family == DS18S20 else _sixteenths(scratchpad)


def _sixteenths(scratchpad: bytes) -> Outcome:
    config, reserved, byte6, byte7 = scratchpad[4:8]
    if config not in CONFIGS:
        return None, BAD, "crc"  # impossible bits under a right CRC: these are not the bytes that a probe sends
    raw = int.from_bytes(scratchpad[:2], "little", signed=True)
    if raw == WEAK_SUPPLY_RAW:
        return None, BAD, "weak_supply"
    undefined_bits = 3 - CONFIGS.index(config)  # below the resolution they hold anything
    celsius = (raw >> undefined_bits << undefined_bits) / 16
    if celsius == POWER_ON_C and byte6 == POWER_ON_BYTE:
        return None, BAD, "power_on_value"
    if not LOW_C <= celsius <= HIGH_C:
        return None, BAD, "out_of_range"
    # Copies of the chip keep other values in the reserved bytes. They measure; but where a genuine one proves by byte 6
    # that 85 °C was really measured, a copy proves nothing.
    is_genuine = reserved == 0xFF and byte7 == 0x10
    if not is_genuine or (celsius == POWER_ON_C and byte6 != 0x10):
        return celsius, UNCERTAIN, "suspect"
    return celsius, GOOD, ""


def _half_degrees(scratchpad: bytes) -> Outcome:
    half_degrees = int.from_bytes(scratchpad[:2], "little", signed=True)
    remain, per_degree = scratchpad[6:8]
    if per_degree == 0:
        return None, BAD, "crc"
    celsius = (half_degrees >> 1) - 0.25 + (per_degree - remain) / per_degree
    if celsius == POWER_ON_C and remain == POWER_ON_BYTE:
        return None, BAD, "power_on_value"
    if not LOW_C <= celsius <= HIGH_C:
        return None, BAD, "out_of_range"
    return celsius, GOOD, ""


def scratchpad_from_celsius(celsius: float) -> bytes:
    """Return the nine bytes that a genuine 12-bit DS18B20 sends at this temperature (rounded to 1/16 °C)."""
    raw = round(celsius * 16)
    body = raw.to_bytes(2, "little", signed=True) + bytes((0x4B, 0x46, 0x7F, 0xFF, 0x10 - (raw & 0x0F), 0x10))
    return body + bytes((crc8(body),))


def text_from_scratchpad(scratchpad: bytes) -> str:
    """Return the two lines that Linux shows for these bytes."""
    octets = scratchpad.hex(" ")
    crc = crc8(scratchpad[:-1])
    verdict = "YES" if crc == scratchpad[-1] else "NO"
    milli = int.from_bytes(scratchpad[:2], "little", signed=True) * 1000 // 16
    return f"{octets} : crc={crc:02x} {verdict}\n{octets} t={milli}\n"
