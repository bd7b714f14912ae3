"""What is in the queue before the modem, and on the card: what waits or is underway, what left lately, the counts."""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from edge.core.clock import Clock
from edge.links.sms_account import Account, Budget
from edge.links.sms_entry import Entry, Kept, Saved, copy_key

LATELY_S: Final = 8 * 86_400.0
LATELY: Final = 500

log = logging.getLogger(__name__)


class Contents:
    """Instants are in s of this start's monotonic clock."""

    def __init__(self, kept: Kept, budget: Budget, clock: Clock) -> None:
        self._kept = kept
        self._clock = clock
        try:
            saved = msgspec.convert(kept.load() or {}, Saved)
        except msgspec.ValidationError as exc:  # whole, and not ours: what waited is made again by who wants it sent
            log.error("sms: the queue begins anew: %s", exc)
            saved = Saved()
        now_s = self.now_s()
        away_s = max(0.0, (clock.utc_ms() - saved.utc_ms) / 1000) if saved.utc_ms else 0.0
        for entry in (*saved.entries, *saved.unproven):
            entry.expires_s = now_s + entry.expires_s - away_s
            entry.due_s = now_s + max(0.0, entry.due_s - away_s)
        self.entries = {entry.key: entry for entry in saved.entries}
        self.unproven = {entry.key: entry for entry in saved.unproven}
        self.lately = {key: now_s - age_s - away_s for key, age_s in saved.lately.items()}
        self.taken = dict.fromkeys(saved.taken)
        self.account = Account(budget, saved.days)
        self.is_changed = False
        """It is not on the card as it is here."""

    def now_s(self) -> float:
        """Return the monotonic instant."""
        return self._clock.monotonic_ns() / 1e9

    def knows(self, key: str) -> bool:
        """Return whether this message is here, or left lately."""
        return key in self.entries or key in self.lately

    def waiting(self) -> list[Entry]:
        """Return what has not been handed over yet."""
        return [entry for entry in self.entries.values() if not entry.day]

    def underway(self) -> list[Entry]:
        """Return what lies with the modem's owner."""
        return [entry for entry in self.entries.values() if entry.day]

    def end(self, entry: Entry, now_s: float) -> None:
        """Forget a message, but for its key where a copy of it left."""
        del self.entries[entry.key]
        if entry.copies:
            self.lately[entry.key] = now_s
        self.is_changed = True

    def entry_of(self, mailbox_key: str) -> tuple[str, int]:
        """Return the entry's key and the number of the copy."""
        for key, entry in self.entries.items():
            for copy in range(1, entry.copies + 1):
                if copy_key(key, copy) == mailbox_key:
                    return key, copy
        return mailbox_key.partition("#")[0], 0

    def save(self, now_s: float) -> None:
        """Make all of it durable. Raises OSError."""
        lately = sorted(self.lately.items(), key=lambda item: item[1])[-LATELY:]
        self.lately = {key: at_s for key, at_s in lately if now_s - at_s < LATELY_S}
        entries, unproven = (
            [
                msgspec.structs.replace(entry, expires_s=entry.expires_s - now_s, due_s=max(0.0, entry.due_s - now_s))
                for entry in each.values()
            ]
            for each in (self.entries, self.unproven)
        )
        saved = Saved(
            self._clock.utc_ms(), entries, unproven, {key: now_s - at_s for key, at_s in self.lately.items()},
            list(self.taken), self.account.saved(),
        )  # fmt: skip
        self._kept.save(msgspec.to_builtins(saved))
        self.is_changed = False
