"""An SSD1306 or SH1106 display for the fake bus: it takes commands and pixels, and shows what a person would see.

Data sheet §8.7 (GDDRAM: pages of 8 rows, the lowest bit on top), §10.1.3 (horizontal addressing: windows).
"""

from __future__ import annotations

import errno
from typing import Final

from hal.fake.i2c import refusal

WITH_ARGUMENT: Final = {
    0x20: 1,
    0x21: 2,
    0x22: 2,
    0x81: 1,
    0x8D: 1,
    0xA8: 1,
    0xD3: 1,
    0xD5: 1,
    0xD9: 1,
    0xDA: 1,
    0xDB: 1,
}
COLUMNS: Final = 128


class Ssd1306Chip:
    """A display of 128 × 64 or 128 × 32 pixels."""

    def __init__(self, height: int = 64) -> None:
        self.height = height
        self.is_on = False
        self.transfers = 0
        self.pictures = 0
        """How often its whole memory was written."""
        self._memory = bytearray(COLUMNS * 8)
        self._columns = (0, COLUMNS - 1)
        self._pages = (0, 7)
        self._at = (0, 0)

    def is_lit(self, x: int, y: int) -> bool:
        """Return whether a person sees this pixel, from the left and from the top."""
        return self.is_on and bool(self._memory[y // 8 * COLUMNS + x] >> y % 8 & 1)

    def lit(self) -> set[tuple[int, int]]:
        """Return all pixels that are seen."""
        return {(x, y) for y in range(self.height) for x in range(COLUMNS) if self.is_lit(x, y)}

    def write(self, octets: bytes) -> None:
        """Take commands (after 0x00) or pixels (after 0x40)."""
        self.transfers += 1
        if octets[:1] == b"\x00":
            self._command(octets[1:])
        elif octets[:1] == b"\x40":
            for octet in octets[1:]:
                self._pixel(octet)
        else:
            raise refusal(errno.EREMOTEIO)

    def read(self, length: int) -> bytes:
        """Refuse: on I2C its memory can't be read."""
        raise refusal(errno.EREMOTEIO)

    def _command(self, octets: bytes) -> None:
        at = 0
        while at < len(octets):
            command = octets[at]
            length = WITH_ARGUMENT.get(command, 0)
            arguments = octets[at + 1 : at + 1 + length]
            if command in {0xAE, 0xAF}:
                self.is_on = command == 0xAF
            elif command == 0x21:
                self._columns = (arguments[0], arguments[1])
                self._at = (arguments[0], self._at[1])
            elif command == 0x22:
                self._pages = (arguments[0], arguments[1])
                self._at = (self._at[0], arguments[0])
            elif command & 0xF8 == 0xB0:  # an SH1106 has no window: a page, then its columns
                self._at = (0, command & 7)
            at += 1 + length

    def _pixel(self, octet: int) -> None:
        column, page = self._at
        self._memory[page * COLUMNS + column] = octet
        column += 1
        if column > self._columns[1]:
            column, page = self._columns[0], page + 1
        if page > self._pages[1]:
            page = self._pages[0]
            self.pictures += 1
        self._at = (column, page)
