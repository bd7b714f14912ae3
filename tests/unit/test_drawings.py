"""The installer's drawings: made by their script, pins as the code has them, no text on another, none too small."""

from __future__ import annotations

import copy
import doctest
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.settings.pins import HEADER, I2C_LINES, UART_LINES, W1_PIN
from tests.support import ROOT

sys.path.insert(0, str(ROOT / "docs"))

import drawing_pen
import make_drawings

FOLDER = ROOT / "docs" / "drawings"
TABLE = msgspec.toml.decode((FOLDER / "drawings.toml").read_bytes())
MADE = {name: (pen, svg) for name, pen, svg in make_drawings.drawings()}
AGAIN = "make them again: python docs/make_drawings.py"


def gpio_of(use: str) -> int:
    return next(row["gpio"] for row in TABLE["plan"] if row["use"]["en"] == use)


def overlaps(texts: list[tuple[float, float, float, float, str]]) -> list[tuple[str, str]]:
    """Return the texts of a drawing that lie over one another."""
    return [
        (one[4], other[4])
        for number, one in enumerate(texts)
        for other in texts[number + 1 :]
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    ]


def test_the_files_are_those_that_the_script_makes() -> None:
    assert {path.name for path in FOLDER.glob("*.svg")} == set(MADE), AGAIN
    for name, (_, svg) in MADE.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == svg, f"{name}: {AGAIN}"


def test_the_script_writes_them(tmp_path: Path, capsys: Any) -> None:
    assert make_drawings.main(["--into", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == list(MADE)
    assert {path.name for path in tmp_path.iterdir()} == set(MADE)


@pytest.mark.parametrize("name", MADE)
def test_a_drawing_can_be_read_on_a_telephone(name: str) -> None:
    pen, svg = MADE[name]
    assert 'viewBox="0 0 360 ' in svg
    height = float(svg.split('viewBox="0 0 360 ', 1)[1].split('"', 1)[0])
    assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', svg)) >= 12
    assert overlaps(pen.texts) == []
    beyond = [text for left, top, right, low, text in pen.texts if left < 2 or right > 358 or top < 2 or low > height]
    assert beyond == []


def test_no_drawing_is_told_by_colour() -> None:
    for name, (_, svg) in MADE.items():
        colours = set(re.findall(r"#[0-9a-f]{3,6}\b", svg))
        assert all(len(set(colour[1:])) == 1 for colour in colours), name


def test_both_languages_show_the_same_wires() -> None:
    def pins(svg: str) -> list[str]:
        return re.findall(r">(\d+|GPIO\d+)</text>", svg)

    for name in {name.split(".")[0] for name in MADE}:
        assert pins(MADE[f"{name}.en.svg"][1]) == pins(MADE[f"{name}.fr.svg"][1])


def test_the_header_has_forty_pins_and_each_is_a_gpio_or_power() -> None:
    assert sorted([*HEADER.values(), *make_drawings.POWER]) == list(range(1, 41))


def test_each_pin_of_the_plan_has_one_use_and_buses_have_their_own() -> None:
    planned = [row["gpio"] for row in TABLE["plan"]]
    assert len(set(planned)) == len(planned)
    assert (gpio_of("I2C SDA"), gpio_of("I2C SCL")) == I2C_LINES[1]
    assert gpio_of("1-Wire data") == W1_PIN
    assert gpio_of("Téléinfo") == UART_LINES[1]


def test_every_pin_of_a_drawing_is_one_of_the_plan_or_power() -> None:
    planned = {HEADER[row["gpio"]] for row in TABLE["plan"]} | set(make_drawings.POWER)
    for drawing in TABLE["drawing"]:
        used = {pin for block in drawing.get("block", ()) for pin in block.get("right", ()) if isinstance(pin, int)}
        assert used <= planned, drawing["name"]


def test_a_plan_with_a_gpio_that_the_header_lacks_is_not_drawn() -> None:
    with pytest.raises(KeyError):
        make_drawings.drawn(TABLE["drawing"][0], [{"gpio": 28, "use": {"en": "x", "fr": "x"}}], "en")


@pytest.mark.parametrize("change", ["pin", "word", "terminal", "symbol"])
def test_a_drawing_with_a_mistake_is_not_made(change: str) -> None:
    drawing = copy.deepcopy(next(drawing for drawing in TABLE["drawing"] if drawing["name"] == "onewire"))
    if change == "pin":
        drawing["block"][0]["right"] = [1, 41, 9]
    elif change == "word":
        del drawing["note"][0]["said"]["fr"]
    elif change == "terminal":
        drawing["link"][0]["way"] = ["box.1", "one.VDX"]
    else:
        drawing["link"][0]["kind"] = "sausage"
    with pytest.raises(KeyError):
        make_drawings.drawn(drawing, TABLE["plan"], "fr")


def test_texts_over_one_another_are_seen() -> None:
    pen = drawing_pen.Pen("en")
    pen.write(10, 20, "closed")
    pen.write(20, 26, "open")
    pen.write(10, 60, "apart")
    assert overlaps(pen.texts) == [("closed", "open")]


def test_its_examples_hold() -> None:
    for module in (drawing_pen, make_drawings):
        assert doctest.testmod(module).failed == 0
    assert drawing_pen.wrapped("", 100, 13) == []
    assert drawing_pen.wrapped("a" * 90, 100, 13) == ["a" * 90]
