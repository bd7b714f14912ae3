"""What is asked of the journal and what comes back: the API, the commands and the store agree on it here."""

from __future__ import annotations

from typing import Final

import msgspec

from edge.core.series import JournalLine

PAGE: Final = 50
PAGE_MAX: Final = 500


class Wanted(msgspec.Struct, frozen=True):
    """Which lines: of these kinds, of this point, of this machine and its points, with this text in their sentence.

    Not before `since_ms`, before `until_ms` (UTC). `after` is a seq: only lines above it, for who has seen the others.
    """

    kinds: frozenset[str] = frozenset()
    point: str = ""
    since_ms: int | None = None
    text: str = ""
    after: int = 0
    equipment: str = ""
    until_ms: int | None = None


class JournalPage(msgspec.Struct, frozen=True):
    """Lines of one log, newest first. Ask again with `before` for those below; None: there are none."""

    stream: str
    lines: list[JournalLine]
    before: int | None = None
    newest: int = 0
    """The seq of the newest line of all, wanted or not, when this was asked."""
