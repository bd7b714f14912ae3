"""The pages of the card: each example is a file that the box takes, in both languages; the example on the card too."""

from __future__ import annotations

import re

import pytest

from edge.settings.load import checked, of_card
from edge.settings.model_card import Network
from tests.card_rig import GOOD, Rig
from tests.support import ROOT

PAGES = (ROOT / "docs/card.md", ROOT / "docs/fr/carte.md")
BLOCK = re.compile(r"^```toml card\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [block for page in PAGES for block in BLOCK.findall(page.read_text("utf-8"))]
SITE = re.sub(r"\[network\].*?\n\n", "", GOOD[: GOOD.index("[start]")], flags=re.DOTALL)
EXAMPLE = ROOT / "config/card.toml"


@pytest.mark.parametrize("block", BLOCKS, ids=[re.sub(r"\W+", " ", block)[:30] for block in BLOCKS])
def test_each_example_of_the_pages_is_taken(block: str) -> None:
    rig = Rig()
    rig.put("vigie.toml", f"{SITE}\n{block}")
    assert rig.take().state == "applied"


def test_the_examples_of_both_pages_have_the_same_keys_and_their_tables_the_same_rows() -> None:
    shapes = []
    for page in PAGES:
        text = page.read_text("utf-8")
        keys = [re.findall(r"^(\w+|\[.*?\]+)", block, re.MULTILINE) for block in BLOCK.findall(text)]
        shapes.append(
            (keys, re.findall(r"^\| (`.*?`) ", text, re.MULTILINE), len(re.findall(r"^## ", text, re.MULTILINE)))
        )
    assert shapes[0] == shapes[1]


def test_the_pages_have_an_example_of_each_kind_of_network() -> None:
    for page in PAGES:
        kinds = [
            of_card(f"{SITE}\n{block}".encode(), "x")[0].one(Network).kind
            for block in BLOCK.findall(page.read_text("utf-8")) if "[network]" in block
        ]  # fmt: skip
        assert kinds == ["static", "wifi", "gsm"]


def test_the_example_on_the_card_is_good_as_it_is_and_with_each_table_of_it() -> None:
    settings, warnings = checked(EXAMPLE)
    assert (settings.box.id, warnings) == ("b0042", [])
    text = EXAMPLE.read_text("utf-8")
    blocks = re.findall(r"^(# \[.*?)(?=\n\n|\n#? ?---|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 8
    for block in blocks:
        opened = re.sub(r"^# ?", "", block, flags=re.MULTILINE).replace("AAAA…", "AAAAC3NzaC1lZDI1NTE5AAAAIFvP7f0m9b")
        opened = opened.replace('gateway_key = "…"', f'gateway_key = "{"A" * 43}"').replace('"…"', '"eightletters"')
        of_card(text.replace(block, opened).encode(), block)
