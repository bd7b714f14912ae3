"""docs/updating.md and its French twin: what to do is said of each reason, in both, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.settings import catalogue
from tests.support import ROOT

PAGES = (ROOT / "docs/updating.md", ROOT / "docs/fr/mettre-a-jour.md")
ON_A_TERMINAL = {"no_rauc", "no_slots", "no_data", "nothing_installed"}
"""Said to whoever types `vigie update` there: the sentence is the remedy."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_reason_of_an_update_has_a_row_that_says_what_to_do(page: Path) -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page.read_text("utf-8"), re.MULTILINE)
    named = [word for row in rows for word in re.findall(r"`(\w+)`", row)]
    reasons = {key.removeprefix("update_why.") for key in catalogue.catalogue("en") if key.startswith("update_why.")}
    assert sorted(named) == sorted(reasons - ON_A_TERMINAL)
