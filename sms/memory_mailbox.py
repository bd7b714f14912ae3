"""A mailbox in RAM: what the SMS link sees of a modem and its owner, without either.

Messages leave when told to (`leave`), fail when told to (`refuse`), and come when brought (`bring`): the simulated
network and the tests decide. As the real one does, it sends a key once, and gives what came in until it is `done`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from sms.mailbox import Fate, Health, MailboxError, Outcome, Outgoing, Received


class MemoryMailbox:
    """See `sms.mailbox.Mailbox`. `utc_s` is the network's clock; `news` is called when a message waits to leave."""

    def __init__(self, utc_s: Callable[[], float], news: Callable[[], object] = lambda: None) -> None:
        self._utc_s = utc_s
        self.news = news
        self.waiting: dict[str, Outgoing] = {}
        self.left: list[Outgoing] = []
        """All that the network took, in that order."""
        self.inbox: list[Received] = []
        self.trouble = ""
        """Why every call is refused; empty: none is."""
        self.is_running = True
        self.signal: int | None = 63
        self.came = 0
        self._known: set[str] = set()
        self._outcomes: list[Outcome] = []
        self._noted: dict[str, Outcome] = {}
        self._ids = count(1)

    # -- what the network does

    def leave(self, key: str | None = None) -> Outgoing | None:
        """Let the network take one message: that of this key, or the most urgent; None when none waits."""
        if not self.waiting:
            return None
        chosen = self.waiting[key] if key else max(self.waiting.values(), key=lambda message: message.priority)
        del self.waiting[chosen.key]
        self.left.append(chosen)
        self._became(chosen, "sent", None)
        return chosen

    def refuse(self, key: str, code: int | None = None) -> None:
        """Let a message fail."""
        self._became(self.waiting.pop(key), "failed", code)

    def bring(self, number: str, text: str = "", octets: bytes = b"", stamp_utc_s: int | None = None) -> str:
        """Let a message come in; return its id."""
        stamp = round(self._utc_s()) if stamp_utc_s is None else stamp_utc_s
        message = Received(str(next(self._ids)), number, text, octets, stamp)
        self.inbox.append(message)
        self.came += 1
        return message.id

    def _became(self, message: Outgoing, fate: Fate, code: int | None) -> None:
        self._outcomes.append(Outcome(message.key, message.number, fate, code, round(self._utc_s())))

    # -- the port

    def enqueue(self, message: Outgoing) -> None:
        """See Mailbox."""
        self._must_work()
        if message.key not in self._known:
            self._known.add(message.key)
            self.waiting[message.key] = message
            self.news()
        elif message.key in self._noted and all(told.key != message.key for told in self._outcomes):
            self._outcomes.append(self._noted[message.key])

    def cancel(self, key: str) -> bool:
        """See Mailbox."""
        self._must_work()
        return self.waiting.pop(key, None) is not None

    def outcomes(self) -> list[Outcome]:
        """See Mailbox."""
        self._must_work()
        return list(self._outcomes)

    def noted(self, outcomes: list[Outcome]) -> None:
        """See Mailbox."""
        self._must_work()
        for outcome in outcomes:
            self._outcomes.remove(outcome)
            self._noted[outcome.key] = outcome

    def received(self, limit: int = 50) -> list[Received]:
        """See Mailbox."""
        self._must_work()
        return self.inbox[:limit]

    def done(self, ids: list[str]) -> None:
        """See Mailbox."""
        self._must_work()
        gone = set(ids)
        self.inbox = [message for message in self.inbox if message.id not in gone]

    def health(self) -> Health:
        """See Mailbox."""
        self._must_work()
        return Health(
            self.is_running, 3.0 if self.is_running else None, self.signal, "20801", "490154203237518",
            "208011234567890", len(self.waiting), 0.0, len(self.left), self.came,
        )  # fmt: skip

    def close(self) -> None:
        """See Mailbox."""

    def _must_work(self) -> None:
        if self.trouble:
            raise MailboxError(self.trouble)
