"""Make the installer's drawings, docs/drawings/*.svg, in English and French, from docs/drawings/drawings.toml.

Nothing is drawn by hand. Names of pins come from `edge.settings.pins`, the lamp's patterns from `config/led.toml`, and
a test compares the files with what this script makes.

    python docs/make_drawings.py                    write docs/drawings
    python docs/make_drawings.py --into FOLDER
"""
# ruff: noqa: INP001 - a script of the documentation, no package

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from drawing_pen import HEAD, LETTER, MARGIN, PIN_RADIUS, SMALL, SYMBOLS, WIDTH, Pen, wrapped

from edge.settings.lamp import lamp_table
from edge.settings.pins import HEADER

FOLDER: Final = Path(__file__).resolve().parent / "drawings"
LANGS: Final = ("en", "fr")
STEP: Final = 36  # from one terminal of a block to the next
LAMP_SHOWN_S: Final = 6

POWER: Final = {1: "3.3 V", 17: "3.3 V", 2: "5 V", 4: "5 V", **dict.fromkeys((6, 9, 14, 20, 25, 30, 34, 39), "GND")}
"""The pins of the header that are no GPIO (raspberrypi.com, "GPIO and the 40-pin header")."""
GPIO_OF: Final = {pin: gpio for gpio, pin in HEADER.items()}


def draw_block(pen: Pen, block: dict[str, Any]) -> None:
    """Draw a box with its title and its terminals; a number among these is a pin of the header, named by the code."""
    (x, y), (width, height) = block["at"], block["size"]
    look = {"mains": "h", "case": "d p", "": "b"}[block.get("look", "")]
    pen.shapes.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" class="{look}"/>')
    for row, line in enumerate(pen.words(block.get("title", "")).splitlines()):
        pen.write(x + width / 2, y + 14 + 15 * row, line, "middle", LETTER, bold=True)
    step = block.get("step", STEP)
    for side, at, anchor in (("left", x, "start"), ("right", x + width, "end")):
        for row, terminal in enumerate(block.get(side, ())):
            here = y + block.get("first", 40) + step * row
            if terminal == "":
                continue
            inward = 1 if side == "left" else -1
            if isinstance(terminal, int):
                name = f"GPIO{GPIO_OF[terminal]}" if terminal in GPIO_OF else POWER[terminal]
                name = name.replace(".", ",") if pen.lang == "fr" else name
                pen.pin(at, here, terminal)
                pen.write(at + inward * (PIN_RADIUS + 5), here, name, anchor)
                key = str(terminal)
            else:
                key = terminal if isinstance(terminal, str) else terminal["en"]
                pen.over.append(f'<circle cx="{at}" cy="{here}" r="4" class="p"/>')
                pen.write(at + inward * 9, here, terminal, anchor)
            pen.terminals[f"{block['id']}.{key}"] = (at, here)


def draw_link(pen: Pen, link: dict[str, Any]) -> None:
    """Draw a wire from one place to another, over corners, with its symbol in the middle of the last straight."""
    ends = [pen.terminals[at] if isinstance(at, str) else tuple(at) for at in link["way"]]
    kind = link.get("kind", "wire")
    half, symbol = SYMBOLS[kind]
    (x1, y1), (x2, y2) = ends[-2:]
    length = math.hypot(x2 - x1, y2 - y1)
    if kind not in {"twist", "antenna"}:
        d = "M" + "L".join(f"{x:g} {y:g}" for x, y in ends)
        if half and kind not in {"clamp", "coil", "resistor"}:
            ux, uy = (x2 - x1) / length, (y2 - y1) / length
            mx, my = (x1 + x2) / 2, (y1 + y2) / 2
            d = "M" + "L".join(f"{x:g} {y:g}" for x, y in ends[:-1])
            d += f"L{mx - half * ux:g} {my - half * uy:g}M{mx + half * ux:g} {my + half * uy:g}L{x2:g} {y2:g}"
        dash = ' class="d"' if link.get("dashed") else ""
        if link.get("over"):
            pen.shapes.append(f'<path d="{d}" class="k"/>')
        pen.shapes.append(f'<path d="{d}"{dash}/>')
    if kind == "twist":
        symbol = symbol.replace('rx="9"', f'rx="{length / 2 + 6:g}"')
    if symbol:
        middle = (x1, y1) if kind == "antenna" else ((x1 + x2) / 2, (y1 + y2) / 2)
        angle = math.degrees(math.atan2(y2 - y1, x2 - x1))
        pen.shapes.append(f'<g transform="translate({middle[0]:g} {middle[1]:g}) rotate({angle:g})">{symbol}</g>')
    for end in link.get("dots", ()):
        x, y = ends[end]
        pen.shapes.append(f'<circle cx="{x:g}" cy="{y:g}" r="3" class="i"/>')


def draw_wiring(pen: Pen, drawing: dict[str, Any], y: float) -> float:
    """Draw blocks first, then wires, then free words; return where notes may begin."""
    for block in drawing.get("block", ()):
        draw_block(pen, block)
    for link in drawing.get("link", ()):
        draw_link(pen, link)
    for word in drawing.get("word", ()):
        for row, line in enumerate(pen.words(word["said"]).split("\n")):
            pen.write(
                word["at"][0], word["at"][1] + 15 * row, line, word.get("anchor", "start"), bold=word.get("bold", False)
            )
    return float(drawing["height"]) + y


def draw_header(pen: Pen, plan: list[dict[str, Any]], y: float) -> float:
    """Draw the 40-pin header as it lies on the board, pin 1 at the top left, with what each pin is for."""
    uses = {HEADER[row["gpio"]]: row["use"] for row in plan}
    middle, row_height = WIDTH / 2, 28
    pen.shapes.append(
        f'<rect x="{middle - 32:g}" y="{y - 18:g}" width="64" height="{20 * row_height + 8}" rx="4" class="b"/>'
    )
    for row in range(20):
        at = y + row * row_height
        for pin, x, anchor, out in ((2 * row + 1, middle - 15, "end", -22), (2 * row + 2, middle + 15, "start", 22)):
            name = f"GPIO{GPIO_OF[pin]}" if pin in GPIO_OF else POWER[pin]
            name = name.replace(".", ",") if pen.lang == "fr" else name
            pen.pin(x, at, pin)
            use = uses.get(pin)
            pen.write(x + out, at - (6.5 if use else 0), name, anchor, SMALL, bold=bool(use))
            if use:
                pen.write(x + out, at + 7, use, anchor, SMALL)
    return y + 20 * row_height + 6


def draw_lamp(pen: Pen, y: float) -> float:
    """Draw six seconds of each of the lamp's patterns, and the flashes of the first half hour, by its own table."""
    table = lamp_table()
    rows = [(row.look, row.means, row.do, row.pattern_ms) for row in table.state]
    rows += [(None, heard.means, None, (120, 180) * heard.flashes) for heard in table.heard]
    for number, (look, means, do, pattern) in enumerate(rows):
        if number == len(table.state):
            first = {"en": "In the first half hour, on top of that:", "fr": "La première demi-heure, en plus :"}
            pen.write(MARGIN, y, first, bold=True)
            y += 24
        room = WIDTH - 2 * MARGIN
        pen.shapes.append(f'<rect x="{MARGIN}" y="{y - 9:g}" width="{room}" height="18" class="n"/>')
        repeats = look is not None  # a state goes on and on, what was heard flashes once
        for left_s, right_s in lit(pattern, LAMP_SHOWN_S, repeats=repeats):
            left, width = MARGIN + left_s / LAMP_SHOWN_S * room, (right_s - left_s) / LAMP_SHOWN_S * room
            pen.shapes.append(f'<rect x="{left:.1f}" y="{y - 9:g}" width="{width:.1f}" height="18" class="i"/>')
        y += 23
        if look is not None:
            pen.write(MARGIN, y, look, bold=True)
            y += 17
        for line in wrapped(pen.words(means) + (f" → {pen.words(do)}" if do else ""), room, LETTER):
            pen.write(MARGIN, y, line)
            y += 17
        y += 12
    return y - 12


def lit(pattern_ms: tuple[int, ...], until_s: float, *, repeats: bool) -> Iterator[tuple[float, float]]:
    """Yield from when to when a lamp is lit, in seconds.

    >>> list(lit((100, 4900), 6, repeats=True)), list(lit((), 6, repeats=True))
    ([(0.0, 0.1), (5.0, 5.1)], [])
    """
    at_ms = 0
    while pattern_ms and at_ms < until_s * 1000:
        for on_ms, off_ms in zip(pattern_ms[::2], pattern_ms[1::2], strict=True):
            if at_ms < until_s * 1000:
                yield at_ms / 1000, min(at_ms + on_ms, until_s * 1000) / 1000
            at_ms += on_ms + off_ms
        if not repeats:
            return


def drawn(drawing: dict[str, Any], plan: list[dict[str, Any]], lang: str) -> tuple[Pen, str]:
    """Return the pen after a drawing, and the SVG. Raises KeyError for a pin, word or terminal that is not there."""
    pen = Pen(lang)
    title = pen.words(drawing["title"])
    y = 20.0
    for line in wrapped(title, WIDTH - 2 * MARGIN, HEAD * 1.07):
        pen.write(MARGIN, y, line, "start", HEAD, bold=True)
        y += HEAD + 3
    special = {"header": lambda: draw_header(pen, plan, y + 16), "lamp": lambda: draw_lamp(pen, y + 10)}
    y = special.get(drawing["name"], lambda: draw_wiring(pen, drawing, 0.0))() + 14
    for number, note in enumerate(drawing.get("note", ()), 1):
        y = pen.paragraph(y, note["said"], "!" if note.get("danger") else str(number))
    return pen, pen.page(title, math.ceil(y))


def drawings(data: Path = FOLDER / "drawings.toml") -> Iterator[tuple[str, Pen, str]]:
    """Yield name of the file, pen and SVG of each drawing in each language."""
    table = msgspec.toml.decode(data.read_bytes())
    for drawing in table["drawing"]:
        for lang in LANGS:
            yield f"{drawing['name']}.{lang}.svg", *drawn(drawing, table["plan"], lang)


def main(argv: list[str] | None = None) -> int:
    """Write all drawings."""
    parser = argparse.ArgumentParser(description="Make docs/drawings/*.svg from docs/drawings/drawings.toml.")
    parser.add_argument("--into", type=Path, default=FOLDER, metavar="FOLDER", help="default: docs/drawings")
    folder = parser.parse_args(argv).into
    for name, _, svg in drawings():
        (folder / name).write_text(svg, encoding="utf-8")
        sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
