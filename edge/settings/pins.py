"""The 40-pin header of the Raspberry Pi: where each GPIO stands, and which ones another bus holds."""

from __future__ import annotations

from typing import Any, Final

# GPIO (BCM) -> pin of the header, the same on every board with 40 pins (raspberrypi.com, "GPIO and the 40-pin header")
HEADER: Final = {
    2: 3,
    3: 5,
    4: 7,
    14: 8,
    15: 10,
    17: 11,
    18: 12,
    27: 13,
    22: 15,
    23: 16,
    24: 18,
    10: 19,
    9: 21,
    25: 22,
    11: 23,
    8: 24,
    7: 26,
    0: 27,
    1: 28,
    5: 29,
    6: 31,
    12: 32,
    13: 33,
    19: 35,
    16: 36,
    26: 37,
    20: 38,
    21: 40,
}

I2C_LINES: Final = {0: (0, 1), 1: (2, 3)}
"""Number of the I2C bus -> its data and clock lines; other buses are put on pins by the machine's own set-up."""

UART_PORTS: Final = frozenset({"/dev/ttyAMA0", "/dev/ttyS0", "/dev/serial0"})
UART_LINES: Final = (14, 15)
"""The header's own serial port, by the names that it has on every board with 40 pins, and its lines (TXD, RXD)."""

W1_PIN: Final = 4
"""Where `dtoverlay=w1-gpio` puts the 1-Wire line unless it is told another pin."""


def lines_of(kind: str, options: Any) -> tuple[int, ...]:
    """Return the pins of the header that a bus of this kind and with these options holds; () where that is not known.

    1-Wire is not known: its overlay may put it on any pin.
    """
    if kind == "i2c":
        return I2C_LINES.get(options.number, ())
    return UART_LINES if kind in {"serial", "modbus"} and options.port in UART_PORTS else ()


def pin_words(gpio: int) -> dict[str, int]:
    """Return what a message names a pin of the header by: GPIO17 (header pin 11), GPIO17 (broche 11).

    >>> pin_words(17)
    {'gpio': 17, 'header': 11}
    """
    return {"gpio": gpio, "header": HEADER[gpio]}
