"""docs/people.md and its French page: each text stands there as the box sends it."""

from __future__ import annotations

import pytest

from sms.gsm7 import MESSAGE, septets
from tests.people_pages import BLOCK, PAGES, texts, written


@pytest.mark.parametrize("lang", PAGES)
def test_every_text_of_the_page_is_what_the_box_sends(lang: str) -> None:
    page = PAGES[lang].read_text("utf-8")
    assert written(page, lang) == page, "python -m tests.people_pages"
    assert {block[1] for block in BLOCK.finditer(page)} == texts(lang).keys()


@pytest.mark.parametrize("lang", PAGES)
def test_every_text_is_one_message_and_misses_nothing(lang: str) -> None:
    for name, text in texts(lang).items():
        assert septets(text) <= MESSAGE, name
        assert "=" not in text, text
