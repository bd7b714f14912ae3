"""The queue before the modem: what goes first, what the budget allows, what is sent again, and how long it is worth it.

A message is written down before the modem's owner gets it, and with it that it counts: after a kill the same copy is
handed over again under the same key, which that owner sends once. Each further copy has its own key, `…#2`, and the
same octets. What waits, what was handed over lately and the counts are one small file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from edge.core.clock import Clock
from edge.core.types import NEVER
from edge.links.messages import Say
from edge.links.sms_account import Account, Budget
from edge.links.sms_choice import Choice
from edge.links.sms_contents import Contents
from edge.links.sms_entry import Entry, Kept, copy_key, copy_of
from edge.links.sms_ports import URGENCY, Fate, Purpose, Wanted
from edge.links.sms_unproven import Unproven
from sms.mailbox import Mailbox, Outcome

AGAIN_S: Final = (60.0, 300.0, 1800.0, 7200.0, 21_600.0)  # after a failure; the last one again and again
AGAIN_PRESSING_S: Final = (20.0, 60.0, 120.0, 300.0, 600.0, 600.0, 600.0, 600.0, 1800.0)
COPIES: Final = 8
"""Of which nothing is known, or that can never be taken: each may cost."""
REFUSED_MOST: Final = 200
"""Of what presses, copies to which the network said no: it may be away for days, and takes no money for that."""
FOR_GOOD: Final = frozenset({1, 28, 30, *range(95, 112), *range(300, 306)})
"""+CMS ERROR of a number or a message that is none (3GPP TS 24.011 annex E-2, TS 27.005 §3.2.5): no waiting helps."""
UNHEARD_S: Final = 86_400.0  # after its validity a message of which nothing was heard is given up
WAITING: Final = 500
HANDED_AGAIN_S: Final = 300.0
"""What lies with the modem's owner so long is handed over once more, under the same key: he may have lost his file."""
LOOK_S: Final = 60.0  # the budget of another day, and what expired

log = logging.getLogger(__name__)

Told = Callable[[str, Fate], None]


class Queue:
    """What the parts of the SMS link want sent; the link's thread steps it. See `sms_ports.Outlet`."""

    def __init__(
        self, mailbox: Mailbox, budget: Budget, *, clock: Clock, zone: tzinfo, kept: Kept, say: Say | None = None
    ) -> None:
        self._mailbox = mailbox
        self._clock = clock
        self._zone = zone
        self._contents = Contents(kept, budget, clock)
        self._say = say or _silent
        self._told: dict[str, Told] = {}
        self._news: list[tuple[Told, str, Fate]] = []
        self._due_s = 0.0
        self._handed_s = self._contents.now_s()
        self._to_hand = {entry.key: None for entry in self._contents.underway()}
        """Written down, and perhaps not handed over: of an earlier start the modem's owner hears once more."""
        self._choice = Choice(self._contents, self._say)
        self.unproven = Unproven(self._contents)

    # -- Outlet

    def offer(self, wanted: Wanted, told: Told | None = None) -> None:
        """See Outlet. A key that was given up lately is not sent again either: a new try has a new key."""
        if told is not None:
            self._told[wanted.key] = told
        entry = self._contents.entries.get(wanted.key)
        if entry is not None:
            if entry.copies:
                self._tell(wanted.key, "handed")
            return
        if wanted.key in self._contents.lately:
            self._tell(wanted.key, "handed")
            return
        if len(self._contents.entries) >= WAITING and not self._makes_room(URGENCY.index(wanted.purpose)):
            self._tell(wanted.key, "refused")
            return
        self._contents.entries[wanted.key] = Entry(
            wanted.key, wanted.number, wanted.purpose, wanted.text, wanted.octets, wanted.valid_s, wanted.expires_s
        )
        self._contents.is_changed = True

    def room(self, purpose: Purpose) -> int:
        """See Outlet. What waits already and is as urgent has its place."""
        before = sum(entry.urgency <= URGENCY.index(purpose) for entry in self._contents.waiting())
        return max(0, self.account.room(purpose, self.today()) - before)

    def hurry(self) -> None:
        """Let what failed go at once: why it did seems to be over."""
        now_s = self._contents.now_s()
        for entry in self._contents.waiting():
            if entry.copies:
                entry.due_s = min(entry.due_s, now_s)
                self._due_s = 0.0

    # -- what the link tells

    def today(self) -> str:
        """Return the local day of the site."""
        return datetime.fromtimestamp(self._clock.utc_ms() / 1000, UTC).astimezone(self._zone).date().isoformat()

    def is_new(self, message_id: str) -> bool:
        """Return whether a message that came in was not dealt with yet."""
        return message_id not in self._contents.taken

    def took(self, message_id: str) -> None:
        """Count a message that came in and is dealt with: durable with the next `step`."""
        self._contents.taken[message_id] = None
        self.account.on(self.today()).came += 1
        self._contents.is_changed = True

    def forgot(self, ids: list[str]) -> None:
        """Take note that the mailbox has forgotten these: they don't come again."""
        for message_id in ids:
            self._contents.taken.pop(message_id, None)

    @property
    def is_durable(self) -> bool:
        """Return whether all that was offered and taken is on the card."""
        return not self._contents.is_changed

    def waiting(self) -> int:
        """Return how many messages have not been handed over yet."""
        return len(self._contents.waiting())

    @property
    def account(self) -> Account:
        """Return the counts, day by day."""
        return self._contents.account

    # -- the worker

    def step(self, now_s: float, *, looks: bool = True) -> float:
        """Hand over what may go, and where it `looks` take in what became of messages; return when to be called again.

        Raises MailboxError, and OSError when the card can't be written: nothing is handed over then.
        """
        if not (looks or self._contents.is_changed or self._to_hand or self._news or now_s >= self._due_s):
            return self._due_s
        outcomes = self._mailbox.outcomes() if looks else []
        for outcome in outcomes:
            self._take(outcome, now_s)
        self._expire(now_s)
        day = self.today()
        chosen = self._choice.now(now_s, day)
        for entry in chosen:
            entry.copies += 1
            entry.day = day
            entry.due_s = now_s + entry.valid_s + UNHEARD_S
            self.account.sent(day, entry.purpose)
            self._to_hand[entry.key] = None
            self._contents.is_changed = True
        if self._contents.is_changed:
            self._contents.save(now_s)
            self._forget_told()
        if outcomes:
            self._mailbox.noted(outcomes)
        for key in list(self._to_hand):
            if key in self._contents.entries and self._contents.entries[key].day:
                self._hand_over(self._contents.entries[key])
            del self._to_hand[key]
        if now_s - self._handed_s >= HANDED_AGAIN_S:
            self._handed_s = now_s
            for entry in self._contents.underway():
                self._mailbox.enqueue(copy_of(entry))
        self._tell_all()
        dues = [entry.due_s for entry in self._contents.waiting() if entry.due_s > now_s]
        self._due_s = min([now_s + LOOK_S if self._contents.entries else NEVER, *dues])
        return self._due_s

    def _hand_over(self, entry: Entry) -> None:
        """Hand a copy over, and tell of the first."""
        self._mailbox.enqueue(copy_of(entry))
        if entry.copies == 1:
            self._tell(entry.key, "handed")

    def _take(self, outcome: Outcome, now_s: float) -> None:
        key, copy = self._contents.entry_of(outcome.key)
        entry = self._contents.entries.get(key)
        if outcome.fate == "delivered":
            self._tell(key, "delivered")
            self.unproven.delivered(key)
        if entry is None or not entry.day or copy != entry.copies:
            return  # of an older copy, or one given up
        if outcome.fate != "failed":
            self._end(entry, now_s, outcome.fate)
            if outcome.fate == "sent":
                self.unproven.sent(entry, outcome.at_utc_s, now_s)
            return
        if outcome.code is not None:  # the network said no, and takes no money for that
            self.account.taken_back(entry.day, entry.purpose)
        pauses = AGAIN_PRESSING_S if entry.is_pressing else AGAIN_S
        entry.day = ""
        entry.due_s = now_s + pauses[min(entry.copies, len(pauses)) - 1]
        self._contents.is_changed = True
        if entry.is_pressing and outcome.code is not None and outcome.code not in FOR_GOOD:
            entry.refused += 1
        is_tried = entry.copies - entry.refused >= COPIES or entry.refused >= REFUSED_MOST
        if is_tried or entry.due_s >= entry.expires_s:
            self._end(entry, now_s, "failed")

    def _expire(self, now_s: float) -> None:
        # nothing is ever heard of a message when the database of the modem's owner was made anew
        late = [
            each
            for each in self._contents.entries.values()
            if each.expires_s <= now_s or (each.day and each.due_s <= now_s)
        ]
        for entry in late:
            if not entry.day:
                self._end(entry, now_s, "failed" if entry.copies else "refused")
            elif now_s >= entry.due_s:
                self._end(entry, now_s, "failed")
            elif self._mailbox.cancel(copy_key(entry.key, entry.copies)):
                self.account.taken_back(entry.day, entry.purpose)
                self._end(entry, now_s, "failed")

    def _end(self, entry: Entry, now_s: float, fate: Fate) -> None:
        self._contents.end(entry, now_s)
        self._tell(entry.key, fate)
        if fate != "sent":
            self._told.pop(entry.key, None)
            if fate in {"failed", "refused"}:
                log.warning("sms: %s to %s: %s", entry.purpose, entry.number[-4:], fate)

    def _makes_room(self, urgency: int) -> bool:
        """Let the least urgent message go for a more urgent one."""
        least = max(self._contents.waiting(), key=lambda entry: entry.urgency, default=None)
        if least is None or least.urgency <= urgency:
            return False
        self._end(least, self._contents.now_s(), "failed" if least.copies else "refused")
        return True

    # -- telling

    def _tell(self, key: str, fate: Fate) -> None:
        told = self._told.get(key)
        if told is not None:
            self._news.append((told, key, fate))

    def _tell_all(self) -> None:
        """Call back only now: what is told is durable, and a member may offer the next message at once."""
        news, self._news = self._news, []
        for told, key, fate in news:
            told(key, fate)

    def _forget_told(self) -> None:
        """Let go of those who wanted to hear of what is over."""
        for key in [key for key in self._told if not self._contents.knows(key)]:
            if not any(key == waiting for _, waiting, _ in self._news):
                del self._told[key]


def _silent(kind: str, **values: Any) -> None:
    """Tell nobody."""
