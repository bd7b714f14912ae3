"""Which of the waiting messages go now: by urgency, as the budget and the modem have room."""

from __future__ import annotations

import logging
from typing import Final

from edge.links.messages import Say
from edge.links.sms_contents import Contents
from edge.links.sms_entry import Entry

UNDERWAY: Final = 20  # messages that are not urgent and lie with the modem at once: what comes later may be urgent

log = logging.getLogger(__name__)


class Choice:
    """Of one queue."""

    def __init__(self, contents: Contents, say: Say) -> None:
        self._contents = contents
        self._say = say
        self._is_short = False

    def now(self, now_s: float, day: str) -> list[Entry]:
        """Return what goes now, the most urgent first, and say once when the budget is what holds something back."""
        account = self._contents.account
        waiting = sorted(
            (entry for entry in self._contents.waiting() if entry.due_s <= now_s),
            key=lambda entry: (entry.urgency, entry.copies, bool(entry.octets)),  # a person before the gateway
        )
        underway = len(self._contents.underway())
        chosen: list[Entry] = []
        short: Entry | None = None
        rooms = {purpose: account.room(purpose, day) for purpose in {entry.purpose for entry in waiting}}
        for entry in waiting:
            if rooms[entry.purpose] <= len(chosen):
                short = short or entry
            elif entry.is_pressing or underway + len(chosen) < UNDERWAY:
                chosen.append(entry)
        if (short is not None) != self._is_short:
            self._is_short = short is not None
            sent = account.days[day].sent if day in account.days else 0
            values = {"sent": sent + len(chosen), "month": account.month(day).sent + len(chosen)}
            if short is not None:
                log.warning("sms: the budget is used up: %s waits", short.purpose)
                self._say("sms_budget", purpose=short.purpose, waiting=len(waiting) - len(chosen), **values)
            else:
                self._say("sms_budget_end", **values)
        return chosen
