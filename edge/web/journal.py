"""The journal over the local API, newest lines first: `journal?before=&limit=&kinds=&point=&since=…`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

from edge.core.journal_page import PAGE, PAGE_MAX, Wanted
from edge.web.refusal import RefusedError

LARGEST: Final = 1 << 53  # what every reader of JSON keeps exactly
TEXT_MAX: Final = 100
KINDS_MAX: Final = 64
KEYS: Final = ("before", "limit", "kinds", "point", "equipment", "since", "until", "text", "after")


class Desk(Protocol):
    """What this answer is made of."""

    def journal(self, before: int | None, limit: int, wanted: Wanted) -> Any:
        """Return a page of the journal; raises OSError when the card can't be read."""


def page(desk: Desk, asked: Mapping[str, str]) -> Any:
    """Return the page that a query asks for. Raises RefusedError 400 for one that is none, 503 where the card fails."""
    unknown = sorted(set(asked) - set(KEYS))
    if unknown:
        raise RefusedError(400, "bad_query", f"no parameter {', '.join(unknown)}; there are {', '.join(KEYS)}")
    before = _number(asked, "before", 1, LARGEST)
    limit = _number(asked, "limit", 1, PAGE_MAX)
    kinds = frozenset(kind.strip() for kind in asked.get("kinds", "").split(",")) - {""}
    wanted = Wanted(kinds, asked.get("point", ""), _number(asked, "since", 0, LARGEST), asked.get("text", ""))
    wanted = msgspec.structs.replace(
        wanted, after=_number(asked, "after", 0, LARGEST) or 0, equipment=asked.get("equipment", ""),
        until_ms=_number(asked, "until", 0, LARGEST),
    )  # fmt: skip
    if len(kinds) > KINDS_MAX or max(map(len, (wanted.point, wanted.text, wanted.equipment, *kinds))) > TEXT_MAX:
        raise RefusedError(400, "bad_query", f"at most {KINDS_MAX} kinds, {TEXT_MAX} characters each")
    try:
        return desk.journal(before, limit or PAGE, wanted)
    except OSError as exc:
        raise RefusedError(503, "store_unreadable", f"the journal can't be read: {exc.strerror or exc}") from exc


def _number(asked: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    """Return a parameter as a number, None where it is absent. Raises RefusedError."""
    words = asked.get(name, "")
    if not words:
        return None
    if not (words.isascii() and words.isdecimal() and len(words) < 20 and least <= int(words) <= most):
        raise RefusedError(400, "bad_query", f"{name}: a whole number from {least} to {most} is expected")
    return int(words)
