"""Make the README's picture of the live table: docs/live-table.png and the text in it, docs/live-table.txt.

Nothing in it is drawn by hand: the demonstration runs for about a minute, a probe is unplugged, and the table's own
lines are painted with a monospace font. The PNG carries the hash of its text, so that a test sees when one is old.

    python docs/make_picture.py                     start the demonstration, with its broker and consumer
    python docs/make_picture.py --recorded FILE     use answers of /v1/live recorded before, one JSON object a line
"""
# ruff: noqa: INP001 - a script of the documentation, no package

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from edge.cli.cells import Line, plain
from edge.cli.client import Client
from edge.cli.live import Demonstration
from edge.cli.screen import STYLES
from edge.cli.table import Sight, compose
from edge.cli.trend import Trends
from edge.cli.words import zone_of

DOCS: Final = Path(__file__).resolve().parent
FONTS: Final = Path("/usr/share/fonts/truetype/dejavu")  # Debian package fonts-dejavu-core
SIZE: Final = (80, 24)
RUN_S: Final = 66
UNPLUG_AT_S: Final = 44
KEYS: Final = (("q", "quit"), ("a", "acknowledge"), ("c", "cut the link"), ("p", "unplug a probe"), ("h", "help"))
FONT_PX: Final = 20
CELL: Final = (12, 24)
MARGIN: Final = 18
INK: Final = (220, 223, 228)
PAPER: Final = (24, 26, 31)
COLOURS: Final = {
    "31": (240, 92, 92), "32": (126, 200, 110), "33": (232, 190, 90), "35": (204, 140, 230), "36": (96, 190, 204),
    "97": (255, 255, 255), "41": (176, 36, 44),
}  # fmt: skip
RAMP: Final = 8  # steps of the antialiased edge of a letter
BYTES_MAX: Final = 100_000


@contextmanager
def demonstration() -> Iterator[Demonstration]:
    """Run the demonstration for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="vigie-picture-") as folder:
        running = Demonstration(argparse.Namespace(config=None, mosquitto="mosquitto"), Path(folder))
        try:
            running.start()
            yield running
        finally:
            running.stop()


def live_answers() -> Iterator[dict[str, Any]]:
    """Return what the demonstration tells each second; a probe is unplugged on the way."""
    with demonstration() as running:
        if running.broker is None:
            raise SystemExit("mosquitto is missing (Debian: apt install mosquitto): the picture shows a link")
        client = Client(running.socket)
        begin_s = time.monotonic()
        for second in range(RUN_S):
            time.sleep(max(0.0, begin_s + second - time.monotonic()))
            if second == UNPLUG_AT_S:
                running.unplug_probe()
            yield client.get("live")


def recorded_answers(file: Path) -> Iterator[dict[str, Any]]:
    """Return answers from a file, one JSON object a line."""
    for line in file.read_text(encoding="utf-8").splitlines():
        yield msgspec.json.decode(line)


def table(answers: Iterator[dict[str, Any]]) -> list[Line]:
    """Return the table's lines after the last answer, with the trends of all."""
    trends = Trends()
    live: dict[str, Any] = {}
    last_ms, acknowledged = None, 0
    for live in answers:
        trends.take(live["values"], live["box"]["utc_ms"] / 1000)
        seq = max(live["buffer"]["records"]["acknowledged"].values(), default=0)
        if seq != acknowledged:
            last_ms, acknowledged = live["box"]["utc_ms"], seq
    if not live:
        raise SystemExit("no answer of a box to make a picture of")
    for link in live["buffer"]["links"].values():
        link.setdefault("last_ack_utc_ms", last_ms)
    return compose(Sight(live, trends, keys=KEYS), SIZE, zone_of(live), live["box"]["utc_ms"], "en")


def painted(lines: list[Line]) -> Image.Image:
    """Return the lines as a terminal shows them. Dim is half way to the paper; pyte, for one, knows no dim."""
    try:
        fonts = [
            ImageFont.truetype(str(FONTS / name), FONT_PX) for name in ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")
        ]
    except OSError as exc:
        raise SystemExit(f"no monospace font in {FONTS} (Debian: apt install fonts-dejavu-core): {exc}") from exc
    width, height = SIZE[0] * CELL[0] + 2 * MARGIN, SIZE[1] * CELL[1] + 2 * MARGIN
    image = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        column = 0
        for text, style in line:
            codes = STYLES[style].split(";") if style else []
            ink: tuple[int, ...] = next((COLOURS[code] for code in codes if code.startswith(("3", "9"))), INK)
            if "2" in codes:
                ink = tuple((2 * a + b) // 3 for a, b in zip(ink, PAPER, strict=True))
            for character in text:
                at = (MARGIN + column * CELL[0], MARGIN + row * CELL[1])
                if "41" in codes:
                    pen.rectangle((*at, at[0] + CELL[0] - 1, at[1] + CELL[1] - 1), COLOURS["41"])
                pen.text(at, character, ink, fonts["1" in codes])
                if "4" in codes:
                    pen.line((at[0], at[1] + CELL[1] - 1, at[0] + CELL[0] - 1, at[1] + CELL[1] - 1), ink)
                column += 1
    return image


def palette() -> Image.Image:
    """Return the colours of the picture: each ink in steps down to the paper, white also down to the red."""
    dim = tuple((2 * a + b) // 3 for a, b in zip(INK, PAPER, strict=True))
    ramps = [(ink, PAPER) for ink in (INK, dim, *COLOURS.values())] + [(COLOURS["97"], COLOURS["41"])]
    found: list[int] = []
    for ink, paper in ramps:
        for step in range(RAMP):
            found += [(a * step + b * (RAMP - 1 - step)) // (RAMP - 1) for a, b in zip(ink, paper, strict=True)]
    image = Image.new("P", (1, 1))
    image.putpalette(found)
    return image


def write(lines: list[Line], folder: Path) -> Path:
    """Write text and picture into the folder and return the picture's path. Raises SystemExit when it is too large."""
    text = "".join(f"{plain(line).rstrip()}\n" for line in lines)
    (folder / "live-table.txt").write_text(text, encoding="utf-8")
    picture = folder / "live-table.png"
    facts = PngInfo()
    facts.add_text("Text-SHA256", hashlib.sha256(text.encode()).hexdigest())
    painted(lines).quantize(palette=palette(), dither=Image.Dither.NONE).save(picture, optimize=True, pnginfo=facts)
    if picture.stat().st_size > BYTES_MAX:
        raise SystemExit(f"{picture} has {picture.stat().st_size} bytes, more than {BYTES_MAX}")
    return picture


def main() -> int:
    """Make both files."""
    parser = argparse.ArgumentParser(description="Make docs/live-table.png and .txt from a running demonstration.")
    parser.add_argument("--recorded", type=Path, metavar="FILE", help="answers of /v1/live, one JSON object a line")
    parser.add_argument("--into", type=Path, default=DOCS, metavar="FOLDER", help="default: docs")
    args = parser.parse_args()
    answers = recorded_answers(args.recorded) if args.recorded else live_answers()
    picture = write(table(answers), args.into)
    sys.stdout.write(f"{picture}: {picture.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
