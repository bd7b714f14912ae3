"""docs/features.md: every row has its test, and the page is what the tests say."""

from __future__ import annotations

import re

from tests.features.page import page, rows_shown, shown
from tests.features.rows import ROWS
from tests.support import ROOT


def test_every_row_is_shown_by_a_test() -> None:
    shown_by = rows_shown()
    assert [name for name in ROWS if name not in shown_by] == []


def test_no_test_shows_a_row_that_there_is_not() -> None:
    assert [(row, test) for row, test in shown() if row not in ROWS] == []


def test_the_tests_named_for_a_channel_are_there() -> None:
    named = [path for row in ROWS.values() for path in re.findall(r"tests/[\w/]+\.py", row.other)]
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_the_page_is_what_the_tests_say() -> None:
    assert (ROOT / "docs/features.md").read_text(encoding="utf-8") == page()
