"""What `vigie journal` prints of the journal's lines. Pure: lines of text.

A time that nobody vouches for is marked "~"; a line without one says which start of the box it belongs to.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

from edge.cli.cells import cells, padded, printable
from edge.cli.words import Words
from edge.core.journal_words import GAP
from edge.core.series import JournalLine
from edge.settings.event_text import DOUBT, is_doubtful, moment, sentence

NARROW: Final = 60  # below, what goes on in the next line stands under the time
INDENT: Final = 4


class Sheet:
    """Prints lines below each other, the times in a column that widens when it must."""

    def __init__(self, say: Words, zone: tzinfo, now_ms: int, width: int | None = None) -> None:
        """`width`: break lines to fit so many cells; None: one line each, for pipes."""
        self._words = say
        self._zone = zone
        self._this_year = datetime.fromtimestamp(now_ms / 1000, zone).year
        self._width = width
        self._column = 0

    def lines(self, found: Sequence[JournalLine]) -> list[str]:
        """Return these lines, in the order given."""
        times = [self._time(line) for line in found]
        self._column = max([self._column, *map(cells, times)])
        printed: list[str] = []
        for line, time in zip(found, times, strict=True):
            printed += self._broken(f"{padded(time, self._column)}  {self._text(line)}")
        return printed

    def _time(self, line: JournalLine) -> str:
        if line.kind == GAP:
            return ""
        if line.t_ms is None:
            return self._words("journal.undated", boot=line.boot)
        mark = DOUBT if is_doubtful(line.trust) else ""
        return f"{mark}{moment(self._words.lang, line.t_ms, self._zone, self._this_year)}"

    def _text(self, line: JournalLine) -> str:
        return printable(sentence(self._words.lang, self._zone, line.kind, line.point, line.values))

    def _broken(self, text: str) -> list[str]:
        if self._width is None or cells(text) <= self._width:
            return [text.rstrip()]
        indent = self._column + 4 if self._width >= NARROW else INDENT
        return textwrap.wrap(
            text, max(self._width, 2 * INDENT), subsequent_indent=" " * indent, break_on_hyphens=False,
            drop_whitespace=True, replace_whitespace=False,
        )  # fmt: skip
