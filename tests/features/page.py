"""`python -m tests.features.page` prints docs/features.md: each row with the tests that show it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.features.rows import ROWS

HEAD: Final = """\
# What the box does, and the test that shows it

Made by `python -m tests.features.page` from tests/features; a test keeps it true. Each row is a promise to the people
who use the box; its tests run it through the orders that it takes and the records and events that come of it. Where a
row needs a channel (SMS, MQTT, a page), that half stands in the last column.

| | the box | shown by | on a channel |
|---|---|---|---|
"""
HERE: Final = Path(__file__).parent


def shown() -> Iterator[tuple[str, str]]:
    """Yield row and test of each test function whose docstring begins with ids, such as "T3: …" or "D4, D5: …"."""
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                ids, colon, _ = (ast.get_docstring(node) or "").partition(":")
                for name in ids.split(",") if colon else ():
                    yield name.strip(), f"{path.name}::{node.name}"


def rows_shown() -> dict[str, list[str]]:
    """Return the tests of each row, in the order of the files; rows that no table knows too."""
    found: dict[str, list[str]] = {}
    for row, test in shown():
        found.setdefault(row, []).append(test)
    return found


def page() -> str:
    """Return the whole page."""
    tests = rows_shown()
    lines = [
        f"| {name} | {row.does} | {'<br>'.join(f'`{test}`' for test in tests.get(name, ()))} | {row.other} |"
        for name, row in ROWS.items()
    ]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
