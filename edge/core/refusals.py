"""Refused orders in the journal: the first of a sender at once, the others counted, one line a minute and sender.

Who sends nonsense without end, by a loop or by ill will, fills neither the journal nor the card.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.core.types import NEVER, Event

MINUTE_MS: Final = 60_000
SENDERS_MOST: Final = 20
"""Counted apart; further ones are counted together."""
SENDER_MAX: Final = 64
EVERYBODY: Final = ("", "")


class Flood(msgspec.Struct):
    """The refused orders of one sender since its last line."""

    until_ms: int
    count: int = 0


class Refusals:
    """Says of each refusal whether the journal hears of it at once; `due_ms` is when a count has to be told."""

    def __init__(self) -> None:
        self.due_ms: float = NEVER
        self._by_sender: dict[tuple[str, str], Flood] = {}

    def admit(self, author: str, channel: str, now_ms: int) -> bool:
        """Return whether this refusal gets a line of its own; otherwise it is counted."""
        sender = (author[:SENDER_MAX], channel[:SENDER_MAX])
        if sender not in self._by_sender and len(self._by_sender) >= SENDERS_MOST:
            sender = EVERYBODY
        flood = self._by_sender.get(sender)
        if flood is None:
            self._by_sender[sender] = Flood(now_ms + MINUTE_MS)
            self.due_ms = min(self.due_ms, now_ms + MINUTE_MS)
            return True
        flood.count += 1
        return False

    def step(self, now_ms: int) -> list[Event]:
        """Return the counts that are due; a sender that was silent for a minute is forgotten."""
        events = []
        for (author, channel), flood in list(self._by_sender.items()):
            if now_ms < flood.until_ms:
                continue
            if flood.count:
                who = {name: word for name, word in (("author", author), ("channel", channel)) if word}
                events.append(Event("command_flood", now_ms, "", {"count": flood.count, **who}))
                flood.count, flood.until_ms = 0, now_ms + MINUTE_MS
            else:
                del self._by_sender[author, channel]
        self.due_ms = min((flood.until_ms for flood in self._by_sender.values()), default=NEVER)
        return events
