"""`docs/adding-a-sensor.md` shows what is in the tree, and what it runs prints what it says.

After a change of one of its files, `python -m tests.unit.test_adding_a_sensor` writes the page anew.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from edge.settings.model import Point
from hal import drivers

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "adding-a-sensor.md"
BLOCK = re.compile(r"<!-- (?P<what>[^>]+) -->\n```(?P<lang>\w+)\n(?P<body>.*?)```\n", re.DOTALL)


def shown(what: str, body: str) -> str:
    """Return what a block must hold: a file, one function of it or one line of it; `body` where that is its own."""
    kind, _, where = what.partition(": ")
    if kind not in {"file", "line"}:
        return body
    path, _, part = where.partition(": ")
    source = (ROOT / path).read_text(encoding="utf-8")
    if kind == "line":
        (line,) = [line for line in source.splitlines() if line.strip().startswith(part)]
        return f"{line.strip()}\n"
    if not part:
        return source
    (function,) = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == part]
    return f"{ast.get_source_segment(source, function)}\n"


def rewritten(page: str) -> str:
    """Return the page with every block as the files have it."""
    return BLOCK.sub(
        lambda found: f"<!-- {found['what']} -->\n```{found['lang']}\n{shown(found['what'], found['body'])}```\n",
        page,
    )


def block(what: str) -> str:
    """Return the body of the page's own block of this name."""
    (body,) = [found["body"] for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8")) if found["what"] == what]
    return body


def test_each_block_is_what_the_tree_holds() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("```") == 2 * len(BLOCK.findall(page)), "a block has no marker"
    assert page == rewritten(page), "run: python -m tests.unit.test_adding_a_sensor"


def test_a_block_that_differs_from_its_file_is_seen() -> None:
    page = PAGE.read_text(encoding="utf-8").replace("HIGH_C = -40.0, 125.0", "HIGH_C = -40.0, 126.0")
    assert page != rewritten(page)


def test_what_the_page_runs_prints_what_it_says() -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block("run"), str(PAGE), "exec"), {"__name__": "page"})  # noqa: S102 - our own page
    assert printed.getvalue() == block("output")


def test_the_points_of_the_page_are_valid() -> None:
    common = {field.name for field in msgspec.structs.fields(Point)}
    points = tomllib.loads(block("site"))["point"]
    assert len(points) == 2
    for point in points:
        options = drivers.load(point["driver"]).Options
        msgspec.convert({key: value for key, value in point.items() if key in common}, Point)
        msgspec.convert({key: value for key, value in point.items() if key not in common}, options)
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"chanel": point["channel"]}, options)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
