"""The pen of the installer's drawings: symbols, widths of texts, and one SVG with its shapes and words.

A drawing is 360 units wide, as a telephone is, and its letters are 12 units high at least; it is black on white, and
nothing in it is told by colour alone.
"""
# ruff: noqa: INP001 - a part of docs/make_drawings.py, no package

from __future__ import annotations

import re
from typing import Any, Final
from xml.sax.saxutils import escape

WIDTH: Final = 360
MARGIN: Final = 8
LETTER: Final = 13
SMALL: Final = 12
HEAD: Final = 16
PIN_RADIUS: Final = 11


SYMBOLS: Final = {
    "wire": (0, ""),
    "resistor": (15, '<rect x="-15" y="-6" width="30" height="12" class="p"/>'),
    "contact": (12, '<path d="M-12 0L10-10"/><circle cx="-12" r="2.5" class="i"/><circle cx="12" r="2.5" class="i"/>'),
    "closed": (12, '<path d="M-12 0H12"/><circle cx="-12" r="2.5" class="i"/><circle cx="12" r="2.5" class="i"/>'),
    "button": (
        12,
        '<path d="M-14-7H14M0-7V-15M-6-15H6"/><circle cx="-12" r="2.5" class="i"/><circle cx="12" r="2.5" class="i"/>',
    ),
    "led": (
        9,
        '<path d="M-8-8V8L8 0Z" class="p"/><path d="M8-8V8M-2-11l6-7m0 0l-4 1m4-1l0 4M6-9l6-7m0 0l-4 1m4-1l0 4"/>',
    ),
    "capacitor": (4, '<path d="M-4-10V10M4-10V10"/>'),
    "transistor": (14, '<path d="M-14 0L-7-8M14 0L7-8M-12-8H12M0-8V-18"/><path d="M14 0L7-2L11-7Z" class="i"/>'),
    "coil": (12, '<rect x="-12" y="-9" width="24" height="18" class="p"/><path d="M-5 9L5-9"/>'),
    "twist": (9, '<ellipse rx="9" ry="5" class="n"/>'),
    "clamp": (17, '<circle r="17" class="p"/><circle r="10" class="p"/><circle r="4" class="i"/>'),
    "antenna": (0, '<path d="M0 0H22M22 0L34-9M22 0L34 9M22 0H34"/>'),
}  # fmt: skip
"""Half the length of a symbol along its line, and the symbol around its middle."""

STYLE: Final = (
    "text{font-family:Helvetica,Arial,'Liberation Sans',sans-serif;fill:#111;stroke:none}"
    "path,rect,circle,ellipse{stroke:#111;stroke-width:2;fill:none}"
    ".p{fill:#fff}.i{fill:#111}.n{stroke-width:1.5}.b{fill:#eee}.k{stroke:#fff;stroke-width:7}.d{stroke-dasharray:6 4}"
    ".h{fill:url(#mains);stroke-width:1.5}.w{paint-order:stroke;stroke:#fff;stroke-width:4px}"
)
MAINS: Final = (
    '<pattern id="mains" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="9" height="9" style="fill:#fff;stroke:none"/>'
    '<path d="M0 0V9" style="stroke:#bbb;stroke-width:3"/></pattern>'
)

NARROW: Final = {**dict.fromkeys("iljI.,:;!|' \u00a0", 0.29), **dict.fromkeys("ftr()-/[]", 0.36)}
WIDE: Final = {**dict.fromkeys("mMW@%", 0.9), **dict.fromkeys("wΩABCDEGHKNOPQRSUVXYÉÀ&+=→µ", 0.75)}


def text_width(text: str, px: float, *, bold: bool = False) -> float:
    """Return how wide a text is at most, in units, whichever of the usual sans-serif fonts shows it."""
    return sum(NARROW.get(letter, WIDE.get(letter, 0.58)) for letter in text) * px * (1.07 if bold else 1.0)


def tied(text: str) -> str:
    """Return the text with no-break spaces between a number and its unit, and before French punctuation.

    >>> tied("3,3 V : 4,7 kΩ") == "3,3\u00a0V\u00a0: 4,7\u00a0kΩ"
    True
    """
    return re.sub(r"(?<=\d) (?=(?:V|A|Ω|kΩ|µF|mA|Bd|K)\b)| (?=[:;!?=−+](?: |$))", "\u00a0", text)


def wrapped(text: str, room: float, px: float) -> list[str]:
    """Return the text in lines that fit; a no-break space holds its words together."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip(" ")
        if text_width(longer, px) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line]


class Pen:
    """One drawing in one language: its shapes, and where its texts stand."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.shapes: list[str] = []
        self.over: list[str] = []  # what no wire may cross: pins, terminals, texts
        self.texts: list[tuple[float, float, float, float, str]] = []
        self.terminals: dict[str, tuple[float, float]] = {}

    def words(self, said: Any) -> str:
        """Return what is said in this language; a plain text is the same in all."""
        return tied(said if isinstance(said, str) else said[self.lang])

    def write(
        self, x: float, y: float, said: Any, anchor: str = "start", px: float = LETTER, *, bold: bool = False
    ) -> None:
        """Write a line of text with its middle at the height y."""
        text = self.words(said)
        width = text_width(text, px, bold=bold)
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        self.texts.append((left, y - px * 0.5, left + width, y + px * 0.5, text))
        look = f'font-size="{px:g}" text-anchor="{anchor}"' + (' font-weight="bold"' if bold else "")
        self.over.append(f'<text x="{x:g}" y="{y + px * 0.35:g}" {look} class="w">{escape(text)}</text>')

    def pin(self, x: float, y: float, number: int) -> None:
        """Draw a pin of the header: its number in a circle, pin 1 in a square as on the board."""
        side = 2 * PIN_RADIUS
        self.over.append(
            f'<rect x="{x - PIN_RADIUS:g}" y="{y - PIN_RADIUS:g}" width="{side}" height="{side}" class="p"/>'
            if number == 1
            else f'<circle cx="{x:g}" cy="{y:g}" r="{PIN_RADIUS}" class="p"/>'
        )
        self.write(x, y, str(number), "middle", SMALL, bold=True)

    def paragraph(self, y: float, said: Any, mark: str) -> float:
        """Write a note over the whole width, with its mark, and return where the next may begin."""
        if mark == "!":
            self.shapes.append(f'<path d="M{MARGIN + 9} {y - 9:g}l9 16h-18Z" class="p"/>')
            self.write(MARGIN + 9, y + 1.5, "!", "middle", SMALL, bold=True)
        elif mark:
            self.write(MARGIN + 9, y, mark, "middle", SMALL, bold=True)
        for line in wrapped(self.words(said), WIDTH - 2 * MARGIN - 26, LETTER):
            self.write(MARGIN + 26, y, line)
            y += LETTER + 4
        return y + 4

    def page(self, title: str, height: float) -> str:
        """Return the whole drawing."""
        heard = ". ".join([title, *(text for *_, text in self.texts[1:] if not text.isdigit())])
        size, role = f'width="{WIDTH}" height="{height:g}"', f'role="img" xml:lang="{self.lang}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" {size} {role}>',
                f"<title>{escape(title)}</title><desc>{escape(heard)}</desc>",
                f"<style>{STYLE}</style><defs>{MAINS}</defs>",
                f'<rect width="{WIDTH}" height="{height:g}" style="fill:#fff;stroke:none"/>',
                *self.shapes,
                *self.over,
                "</svg>\n",
            ]
        )
