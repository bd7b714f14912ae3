"""The label of a box, drawn: an SVG at its size on paper, one language on each half, black on white.

It holds what a person needs who stands before the box, and what the office wrote down. It never holds a key or the
number of a meter: a label can be photographed by everybody who passes.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from html import escape
from typing import Final

import msgspec

from edge.settings.catalogue import render
from edge.settings.lamp import lamp_table
from edge.settings.phone import spaced

WIDTH_MM: Final = 96
HALF_MM: Final = 46
HEIGHT_MM: Final = 2 * HALF_MM
PAGE: Final = "http://10.42.0.1"
"""Where the box's own page will answer, on its own Wi-Fi."""
LAMPS: Final = ("off", "well", "look", "no_link", "failed")
"""The states of config/led.toml in the order of the label."""

_QR_MM: Final = 25.0
_LEFT_MM: Final = 3.0
_TEXT_MM: Final = 30.5
_RIGHT_MM: Final = WIDTH_MM - 2.5
_EM: Final = 0.58  # of a letter, in the widest of the fonts that are asked for
_BOLD: Final = 1.12
_SQUEEZED: Final = 0.72  # narrower than this nobody reads it: it is cut
_PATTERN_MS: Final = 2500
_PATTERN_MM: Final = 9.0
_FONTS: Final = "DejaVu Sans, Liberation Sans, Arial, Helvetica, sans-serif"


class Label(msgspec.Struct, frozen=True):
    """What stands on a label. What is empty is a line to write on."""

    box: str
    site: str = ""
    place: str = ""
    number: str = ""
    """Of the box's own SIM: TEST is texted to it."""
    code: str = ""
    """Of its Wi-Fi and its page."""
    print: str = ""
    """Of the box's public key, eight letters that the gateway's operator compares."""
    version: str = ""
    hardware: str = ""
    help: str = ""
    """Whom to call."""

    @property
    def wifi(self) -> str:
        """The name of the box's own Wi-Fi (IEEE 802.11: 32 octets at most)."""
        return f"vigie-{self.box}"[:32]

    @property
    def qr_text(self) -> str:
        r"""What the QR code says: a phone joins the Wi-Fi by it, and leaves the rest alone.

        >>> Label("b0042", code="K7QM-4XPD-92TH").qr_text
        'WIFI:T:WPA;S:vigie-b0042;P:K7QM-4XPD-92TH;BOX:b0042;PAGE:http\\://10.42.0.1;;'
        """
        # readers look for S:, T: and P: from the front, so those stand first
        fields = {
            "T": "WPA", "S": self.wifi, "P": self.code, "BOX": self.box, "PAGE": PAGE, "SMS": self.number,
            "PRINT": self.print,
        }  # fmt: skip
        said = {name: value for name, value in fields.items() if value and (self.code or name not in {"T", "S"})}
        return "WIFI:" * bool(self.code) + "".join(f"{name}:{_quoted(value)};" for name, value in said.items()) + ";"


def _quoted(value: str) -> str:
    return "".join(f"\\{letter}" if letter in '\\;,:"' else letter for letter in value)


def label_svg(label: Label, lang: str = "en") -> str:
    """Return a label as a drawing of its own, with both languages, the site's first."""
    qr = _qr(label.qr_text, _LEFT_MM, 7.5)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_MM}mm" height="{HEIGHT_MM}mm"'
        f' viewBox="0 0 {WIDTH_MM} {HEIGHT_MM}" font-family="{_FONTS}" fill="#000">\n'
        f'<rect width="{WIDTH_MM}" height="{HEIGHT_MM}" fill="#fff"/>\n'
        f"{_half(label, lang, qr)}"
        f'<g transform="translate(0 {HALF_MM})">\n{_half(label, "fr" if lang == "en" else "en", qr)}</g>\n'
        f'<path d="M0 {HALF_MM}H{WIDTH_MM}" stroke="#000" stroke-width=".15" stroke-dasharray="1.5 1.5"/>\n</svg>\n'
    )


def _half(label: Label, lang: str, qr: str) -> str:
    where = ", ".join(filter(None, (label.site, label.place)))
    id_mm = 4.2 if len(label.box) <= 16 else 3.2
    id_room_mm = min((len(label.box) + 6) * id_mm * _EM * _BOLD, 60)
    lines = [
        _frame(),
        _text(_LEFT_MM, 5.6, id_mm, f"vigie {label.box}", id_room_mm, bold=True),
        _text(_RIGHT_MM, 5.6, 3.2, where, _RIGHT_MM - _LEFT_MM - id_room_mm - 2, anchor="end"),
        qr,
        *_facts(label, lang),
        *_lamps(lang),
        *_foot(label, lang),
    ]
    return "\n".join(lines) + "\n"


def _frame() -> str:
    size = f'width="{WIDTH_MM - 1}" height="{HALF_MM - 1}"'
    return f'<rect x=".5" y=".5" {size} rx="1.5" fill="none" stroke="#000" stroke-width=".3"/>'


def _facts(label: Label, lang: str) -> list[str]:
    def say(key: str, **values: str) -> str:
        return render(lang, f"label.{key}", values)

    number = spaced(label.number) if label.number else "______________"
    rows = [
        (say("wifi"), label.wifi, False),
        (say("code"), label.code or "____-____-____", True),
        (say("page"), f"{PAGE}  {say('after')}", False),
        ("SMS", say("test", number=number), False),
        (say("print"), label.print or "____-____", True),
        (say("installed"), say("signed"), False),
    ]
    found = []
    for place, (name, value, bold) in enumerate(rows):
        y_mm = 11.4 + 4.1 * place
        found.append(_text(_TEXT_MM, y_mm, 2.4, name, 13.5))
        found.append(_text(_TEXT_MM + 14.5, y_mm, 3.3 if bold else 2.8, value, _RIGHT_MM - _TEXT_MM - 14.5, bold=bold))
    return found


@cache
def _lamps(lang: str) -> tuple[str, ...]:
    """Return the lamp's states, in two columns: what it looks like, drawn over 2.5 s, and what it means."""
    table, found = lamp_table(), []
    for place, name in enumerate(LAMPS):
        x_mm, y_mm = _LEFT_MM + 45.5 * (place // 3), 36.0 + 2.9 * (place % 3)
        found.append(_pattern(table.pattern_ms(name), x_mm, y_mm - 1.7))
        found.append(_text(x_mm + _PATTERN_MM + 1, y_mm, 2.2, render(lang, f"label.lamp_{name}", {}), 34.5))
    return tuple(found)


def _pattern(pattern_ms: tuple[int, ...], x_mm: float, y_mm: float) -> str:
    scale, path, at_ms = _PATTERN_MM / _PATTERN_MS, "", 0
    while pattern_ms and at_ms < _PATTERN_MS:
        for place, lasts_ms in enumerate(pattern_ms):
            if place % 2 == 0 and at_ms < _PATTERN_MS:
                wide_mm = min(lasts_ms, _PATTERN_MS - at_ms) * scale
                path += f"M{x_mm + at_ms * scale:.2f} {y_mm:.2f}h{wide_mm:.2f}v1.7h-{wide_mm:.2f}z"
            at_ms += lasts_ms
    lit = f'<path d="{path}"/>' if path else ""
    return (
        f'<rect x="{x_mm:.2f}" y="{y_mm:.2f}" width="{_PATTERN_MM}" height="1.7" fill="none" stroke="#000"'
        f' stroke-width=".12"/>{lit}'
    )


def _foot(label: Label, lang: str) -> list[str]:
    made = "  ".join(filter(None, (f"vigie {label.version}" if label.version else "", label.hardware)))
    help_ = f"{render(lang, 'label.help', {})}  {label.help or '____________________'}"
    return [
        _text(_LEFT_MM, 44.5, 2.2, help_, 55),
        _text(_RIGHT_MM, 44.5, 2.0, made, 34, anchor="end"),
    ]


def _qr(text: str, x_mm: float, y_mm: float) -> str:
    """Return the QR code (ISO/IEC 18004) in its square with the quiet zone; nothing where segno is not installed."""
    try:
        import segno
    except ImportError:
        return ""
    rows = segno.make(text, micro=False, error="m").matrix
    quiet = 2  # of the four modules, the paper around it gives the others
    path = ""
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            wide = next((n for n, is_dark in enumerate(row[x:]) if not is_dark), len(row) - x)
            path += f"M{x} {y}h{wide}v1h-{wide}z" if wide else ""
            x += max(wide, 1)
    scale = _QR_MM / (len(rows) + 2 * quiet)
    place = f"translate({x_mm + quiet * scale:.3f} {y_mm + quiet * scale:.3f}) scale({scale:.5f})"
    return f'<path transform="{place}" shape-rendering="crispEdges" d="{path}"/>'


def _text(
    x_mm: float, y_mm: float, size_mm: float, text: str, room_mm: float, *, bold: bool = False, anchor: str = ""
) -> str:
    """Return a line of text that keeps within its room: squeezed a little where it must be, then cut."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    em_mm = size_mm * _EM * (_BOLD if bold else 1)
    fits = int(room_mm / _SQUEEZED / em_mm)
    if _cells(shown) > fits:
        while _cells(shown) >= fits:
            shown = shown[:-1]
        shown = f"{shown.rstrip()}…"
    style = [f'x="{x_mm:g}" y="{y_mm:g}" font-size="{size_mm:g}" xml:space="preserve"']
    style += ['font-weight="bold"'] * bold
    style += [f'text-anchor="{anchor}"'] * bool(anchor)
    style += [f'textLength="{room_mm:g}" lengthAdjust="spacingAndGlyphs"'] * (_cells(shown) * em_mm > room_mm)
    return f"<text {' '.join(style)}>{escape(shown, quote=False)}</text>"


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
