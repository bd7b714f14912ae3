"""The reference page of units is that of the table."""

from __future__ import annotations

import re

from edge.core.units import KNOWN
from edge.settings import units_page
from tests.support import ROOT

PAGE = (ROOT / "docs" / "reference" / "units.md").read_text(encoding="utf-8")


def test_the_page_is_made_from_the_table() -> None:
    assert units_page.page() == PAGE, "run: python -m edge.settings.units_page > docs/reference/units.md"


def test_each_unit_stands_on_it_once() -> None:
    told = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
    assert len(told) == len(set(told))
    assert set(told) == KNOWN
