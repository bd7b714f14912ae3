"""What the modem's owner told as sent, until it is known that the modem had not fallen back into text mode.

A modem that starts anew by itself on a serial port is in text mode: gammu-smsd, which sets PDU mode once, goes on, the
message goes nowhere as a row of digits, and is told as sent. The mode changes that way alone: a modem that is in PDU
mode, or a phone's receipt, vouches for all that left before.
"""

from __future__ import annotations

from typing import Final

from edge.core.types import NEVER
from edge.links.sms_contents import Contents
from edge.links.sms_entry import Entry

ASKED_S: Final = 120.0
"""From a message's leaving to where the modem is asked: what leaves together costs one question."""
ASKED_PRESSING_S: Final = 45.0
"""A phone that is on has confirmed by then, and nothing is asked."""
KEPT_S: Final = 3600.0
KEPT: Final = 50


class Unproven:
    """Of one queue. Copies are kept with it, and go again with it."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self.is_asked_for = False
        """Somebody can ask the modem; else nothing is kept here."""

    def sent(self, entry: Entry, at_utc_s: int, now_s: float) -> None:
        """Keep what was told as sent, and when."""
        if not self.is_asked_for:
            return
        kept = self._contents.unproven
        entry.sent_utc_s = at_utc_s
        entry.due_s = now_s + (ASKED_PRESSING_S if entry.is_pressing else ASKED_S)
        kept[entry.key] = entry
        for key in [key for key, each in kept.items() if now_s - each.due_s > KEPT_S] + list(kept)[:-KEPT]:
            kept.pop(key, None)

    def delivered(self, key: str) -> None:
        """A phone has it: so do those who are owed what left before."""
        entry = self._contents.unproven.get(key)
        if entry is not None:
            before = [each.key for each in self._contents.unproven.values() if each.sent_utc_s < entry.sent_utc_s]
            self.proved([key, *before])

    def due_s(self) -> float:
        """Return the instant at which the modem is to be asked; NEVER when nothing left."""
        return min((entry.due_s for entry in self._contents.unproven.values()), default=NEVER)

    def keys(self) -> list[str]:
        """Return what is not known yet."""
        return list(self._contents.unproven)

    def proved(self, keys: list[str]) -> None:
        """Forget these: they left well. That is written down with the next message."""
        for key in keys:
            self._contents.unproven.pop(key, None)

    def again(self, now_s: float) -> int:
        """Have all of it sent again as further copies, which are paid for; return how many. One may come twice."""
        found = [entry for key, entry in self._contents.unproven.items() if key not in self._contents.entries]
        for entry in found:
            entry.day, entry.due_s = "", now_s
            self._contents.entries[entry.key] = entry
            self._contents.lately.pop(entry.key, None)
        self._contents.unproven.clear()
        self._contents.is_changed = True
        return len(found)
