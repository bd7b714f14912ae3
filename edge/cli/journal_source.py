"""Where `vigie journal` has its lines from: a running box, or the state folder of one that does not run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec

from edge.cli.client import Client
from edge.cli.words import Words, zone_of
from edge.core.journal_page import JournalPage, Wanted
from edge.core.series import HistoryReader, JournalLine
from edge.settings.event_text import sentence
from edge.store.journal import Journal
from edge.store.offline import StoredLogs


class Source(Protocol):
    """Where the lines come from, and whose they are."""

    say: Words
    zone: tzinfo
    now_ms: int

    def page(self, before: int | None, limit: int, wanted: Wanted) -> JournalPage:
        """Return a page, newest first."""


class RunningBox:
    """A box that answers."""

    def __init__(self, client: Client) -> None:
        box = client.get("box")
        self._client = client
        self.say = Words(box["site"]["lang"])
        self.zone: tzinfo = zone_of(box)
        self.now_ms: int = box["utc_ms"]

    def page(self, before: int | None, limit: int, wanted: Wanted) -> JournalPage:
        """Ask for a page. Raises NotRunningError, RefusedError."""
        asked: dict[str, Any] = {
            "before": before, "limit": limit, "kinds": ",".join(sorted(wanted.kinds)), "point": wanted.point,
            "since": wanted.since_ms, "text": wanted.text, "after": wanted.after or None,
            "equipment": wanted.equipment, "until": wanted.until_ms,
        }  # fmt: skip
        query = urlencode({name: value for name, value in asked.items() if value not in {None, ""}})
        return msgspec.convert(self._client.get(f"journal?{query}"), JournalPage)


class Card:
    """The state folder of a box that does not run."""

    def __init__(
        self,
        logs: StoredLogs,
        history: HistoryReader | None,
        zone: tzinfo,
        lang: str,
        equipment_of: Mapping[str, str] | None = None,
    ) -> None:
        self.say = Words(lang)
        self.zone = zone
        self.now_ms = time.time_ns() // 1_000_000
        self._journal = Journal(logs.events, logs.dating, history, self._said, equipment_of)

    def _said(self, line: JournalLine) -> str:
        return sentence(self.say.lang, self.zone, line.kind, line.point, line.values)

    def page(self, before: int | None, limit: int, wanted: Wanted) -> JournalPage:
        """Read a page. Raises StoreError when the card can't be read."""
        return self._journal.page(before, limit, wanted)
