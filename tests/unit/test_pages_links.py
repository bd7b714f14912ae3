"""Every link of a page that stays within the project leads somewhere: to a file, and in it to a heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import ROOT

LINK = re.compile(r"\]\(([^()\s]*(?:\([^()\s]*\))?)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
PAGES = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "sms/*.md", "config/**/*.md", "image/**/*.md")
    for path in ROOT.glob(pattern)
)  # fmt: skip


def anchors(page: str) -> set[str]:
    """Return the names by which a page's headings are reached, as GitHub makes them.

    >>> sorted(anchors("# What `vigie` does, and *why*"))
    ['what-vigie-does-and-why']
    """
    headings = HEADING.findall(re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "]", name).lower()).replace(" ", "-") for name in headings}


def dead(path: Path, text: str) -> list[str]:
    """Return the links of a page's text that lead nowhere."""
    found = []
    for target in LINK.findall(CODE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, name = target.partition("#")
        there = path.parent / file if file else path
        if not there.exists() or (
            name and there.suffix == ".md" and name not in anchors(there.read_text(encoding="utf-8"))
        ):
            found.append(target)
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_of_a_page_is_dead(path: Path) -> None:
    assert dead(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("link", ["[a](no-such.md)", "[a](sms.md#no-such-heading)", "[a](#nowhere)"])
def test_a_dead_link_is_seen(link: str) -> None:
    assert dead(ROOT / "docs/sms.md", link) == [link[4:-1]]
    assert dead(ROOT / "docs/sms.md", "`[a](no-such.md)` [b](sms-commands.md) [c](https://example.org/x)") == []
