"""A small OLED display on an I2C bus (SSD1306 or SH1106), through luma.oled: pages of text, one after the other.

It is a device of its bus like any other: read by the bus's thread, at its turn, through the bus's own handle, lost and
found again by the same rules. It has no points. One picture is 1 KB: 0.1 s of the bus at 100 kHz, so nothing is sent
that stands there already.

Two things of luma.oled. Loading it starts four threads for animations, which sleep for ever. And it keeps every display
that was ever made until the process ends (atexit), with 130 kB of tables each: so the chip is asked whether it is there
before luma sees it, and what luma holds is emptied when it has gone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Final

import msgspec

from hal.driver import DriverError
from hal.drivers.i2c_fault import i2c_fault
from hal.sample import Sample

WIDTH: Final = 128
COLUMNS: Final = 21  # of the fixed font, 6 pixels each
COMMAND: Final = 0x00
NOP: Final = 0xE3  # SSD1306 data sheet, §9, table 9-1
PITCHES_PX: Final = {64: (12, 13), 32: (11, 10)}
"""Height of a display -> of its head, and of each line below."""
CURE: Final = "install vigie[display]"


class DisplayPage(msgspec.Struct, frozen=True):
    """What stands on the display at a time: a head and lines, each with a left and a right part."""

    head: tuple[str, str]
    lines: tuple[tuple[str, str], ...] = ()
    is_alarm: bool = False
    """The head is bright, so that it is seen across the room."""


class DisplaySetup(msgspec.Struct, frozen=True):
    """Which display, and how it hangs."""

    chip: str = "ssd1306"
    address: int = 0x3C
    height: int = 64
    flip: bool = False


def lines_of(height: int) -> int:
    """Return how many lines fit below the head.

    >>> lines_of(64), lines_of(32)
    (4, 2)
    """
    head_px, line_px = PITCHES_PX[height]
    return (height - head_px) // line_px


def shortened(name: str, room: int) -> str:
    """Return a name in at most so many columns: its first words give way, for the last one tells it from its like.

    >>> shortened("Énergie heures creuses", 17), shortened("Énergie heures creuses", 12), shortened("Gaz", 12)
    ('É. heures creuses', 'É. h. creus.', 'Gaz')
    """
    words = name.split()
    for place in range(len(words) - 1):
        if len(" ".join(words)) <= room:
            break
        words[place] = f"{words[place][0]}."
    found = " ".join(words)
    return found if len(found) <= room else f"{found[: max(room - 1, 0)]}{'.' * min(max(room, 0), 1)}"


def joined(left: str, right: str, columns: int = COLUMNS) -> str:
    """Return a line of exactly so many columns; the left part gives way, for the right one holds the figure.

    >>> joined("Eau froide du gymnase", "1,25 m³")
    'E. f. d. gym. 1,25 m³'
    >>> joined("", "x" * 30) == "x" * 21
    True
    """
    left, right = printable(left), printable(right)[:columns]
    room = columns - len(right) - (1 if right else 0)
    left = shortened(left, room)
    return f"{left:<{room}} {right}" if right and room >= 0 else f"{left}{right}"[:columns].ljust(columns)


def printable(text: str) -> str:
    """Return the text in the letters that the font has, Latin-1; others lose their marks, or become ?."""
    plain = text
    for letter, instead in (("\u00a0", " "), ("\u202f", " "), ("…", ".."), ("œ", "oe"), ("’", "'"), ("≥", ">")):
        plain = plain.replace(letter, instead)
    return "".join(
        letter if letter.isprintable() and letter.encode("latin-1", "ignore") else _base_of(letter) for letter in plain
    )


def _base_of(letter: str) -> str:
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if " " <= base <= "~" else "?"


def drawn(page: DisplayPage, height: int) -> Any:
    """Return the page as a PIL image of one bit a pixel."""
    from PIL import Image, ImageDraw, ImageFont

    head_px, line_px = PITCHES_PX[height]
    image = Image.new("1", (WIDTH, height))
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default_imagefont()
    if page.is_alarm:
        pen.rectangle((0, 0, WIDTH - 1, head_px - 2), fill=1)
    else:
        pen.line((0, head_px - 2, WIDTH - 1, head_px - 2), fill=1)
    pen.text(
        (1, -1),
        joined(page.head[0][: COLUMNS - len(page.head[1]) - 1], page.head[1]),
        fill=0 if page.is_alarm else 1,
        font=font,
    )
    for row, (left, right) in enumerate(page.lines[: lines_of(height)]):
        pen.text((1, head_px + row * line_px), joined(left, right), fill=1, font=font)
    return image


def packed(image: Any) -> list[bytes]:
    """Return the picture as the chips hold it: a row of bytes for each 8 rows of pixels, the lowest bit on top."""
    from PIL import Image

    strips = (image.crop((0, top, image.width, top + 8)) for top in range(0, image.height, 8))
    return [strip.transpose(Image.Transpose.ROTATE_270).tobytes() for strip in strips]


def _packing(made: Any, chip: str) -> Any:
    """Return luma's device with our packing: its own asks Python for each of 8,192 pixels, and Pillow 14 ends that."""

    class Packing(made):  # type: ignore[misc] # luma has no types
        """One chip."""

        def display(self, image: Any) -> None:
            """Send a picture of the display's size."""
            rows = packed(self.preprocess(image))
            if chip == "sh1106":  # it has 132 columns, of which these show 128, and no window
                for page, row in enumerate(rows):
                    self.command(0xB0 | page, 0x02, 0x10)
                    self.data(list(row))
            else:
                self.command(0x21, 0, WIDTH - 1, 0x22, 0, len(rows) - 1)
                self.data(list(b"".join(rows)))

    return Packing


class Display:
    """The driver. `setup`, `pages` and `tick_s`, the seconds of one page, are those of the class made by `display`."""

    bus_kind: ClassVar[str] = "i2c"
    tick_s: ClassVar[float] = 6.0
    setup: ClassVar[DisplaySetup] = DisplaySetup()

    @staticmethod
    def pages() -> Sequence[DisplayPage]:
        """Return what is to be shown now."""
        return ()

    def __init__(self, bus: Any, points: Mapping[str, Any]) -> None:
        """Keep the open bus; touch nothing yet."""
        self._bus = bus
        self._screen: Any = None
        self._shown: DisplayPage | None = None
        self._place = 0

    def open(self) -> None:
        """Ask the chip whether it is there, and set it up. Raises DriverError that says what to do."""
        try:
            from luma.core.interface.serial import i2c
            from luma.oled import device
        except ImportError as exc:
            raise DriverError(f"{self._name}: the library luma.oled is missing; {CURE}", "not_open") from exc
        self._try(lambda: self._bus.write_i2c_block_data(self.setup.address, COMMAND, [NOP]))
        made = _packing(getattr(device, self.setup.chip), self.setup.chip)
        wires = i2c(bus=self._bus, address=self.setup.address)
        rotate = 2 if self.setup.flip else 0
        self._screen = self._try(lambda: made(wires, width=WIDTH, height=self.setup.height, rotate=rotate))
        self._shown, self._place = None, 0

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Show the next page; there are no samples. Raises DriverError when the display does not answer."""
        pages = self.pages()
        if pages:
            page = pages[self._place % len(pages)]
            self._place = (self._place + 1) % len(pages)
            if page != self._shown:
                image = drawn(page, self.setup.height)
                self._try(lambda: self._screen.display(image))
                self._shown = page
        else:
            self._try(lambda: self._bus.write_i2c_block_data(self.setup.address, COMMAND, [NOP]))
        return []

    def close(self) -> None:
        """Switch it dark, where it still answers: what it showed would look like the present."""
        screen, self._screen = self._screen, None
        if screen is None:
            return
        with suppress(Exception):  # it has gone, which is said already; luma has errors of its own
            screen.hide()
        screen.__dict__.clear()

    @property
    def _name(self) -> str:
        return f"display {self.setup.chip.upper()} at 0x{self.setup.address:02x}"

    def _try(self, action: Callable[[], Any]) -> Any:
        """Do it; what goes wrong on the bus is said as for every device."""
        from luma.core.error import Error

        try:
            return action()
        except Error as exc:  # luma turns errno 121 and 5 into an error of its own
            cause = exc.__context__
            raise i2c_fault(self._name, self._bus, cause if isinstance(cause, OSError) else OSError(str(exc))) from exc
        except OSError as exc:
            raise i2c_fault(self._name, self._bus, exc) from exc


def display(setup: DisplaySetup, turn_s: float, pages: Callable[[], Sequence[DisplayPage]]) -> type[Display]:
    """Return the driver of this display, for its bus; `pages` is asked on the bus's thread, each `turn_s`."""
    members = {"setup": setup, "tick_s": turn_s, "pages": staticmethod(pages)}
    return type("Display", (Display,), members)
