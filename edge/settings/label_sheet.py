"""Labels of many boxes on pages of A4, to print at 100 %: three rows of two."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from edge.settings.label import HEIGHT_MM, WIDTH_MM, Label, label_svg

COLUMNS: Final = 2
ROWS: Final = 3
A4_MM: Final = (210, 297)

_STYLE: Final = f"""\
@page {{ size: A4; margin: 0 }}
body {{ margin: 0 }}
.page {{ width: {A4_MM[0]}mm; height: {A4_MM[1]}mm; box-sizing: border-box; break-after: page; overflow: hidden;
  padding: {(A4_MM[1] - ROWS * HEIGHT_MM) / 2}mm {(A4_MM[0] - COLUMNS * WIDTH_MM) / 2}mm; }}
.page:last-child {{ break-after: auto }}
svg {{ display: block; float: left }}
"""


def pages(count: int) -> int:
    """Return how many pages so many labels take.

    >>> pages(50), pages(6), pages(0)
    (9, 1, 0)
    """
    return -(-count // (COLUMNS * ROWS))


def sheet(labels: Sequence[tuple[Label, str]], title: str) -> str:
    """Return a page of HTML with all labels, each with the language of its site first."""
    drawn = [label_svg(label, lang) for label, lang in labels]
    each = COLUMNS * ROWS
    told = "".join(f'<div class="page">\n{"".join(drawn[at : at + each])}</div>\n' for at in range(0, len(drawn), each))
    return (
        f'<!doctype html>\n<html>\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n{told}</body>\n</html>\n"
    )
