"""What is to go to boxes: handed to the modem that hears them, again when it failed, until it is too old."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from edge.upstream.gateway_store import GatewayStore
from sms.mailbox import Mailbox, Outgoing

AGAIN_S: Final = (60, 300, 1800, 7200, 21_600)  # after a failure; the last one again and again
PRIORITY: Final[Mapping[str, int]] = {"order": 20, "test": 30, "welcome": 15, "roll": 15, "ack": 10}
AT_ONCE: Final = 50  # in one go: the modem takes some seconds for each

log = logging.getLogger(__name__)


def month_of(utc_s: int) -> str:
    """Return the UTC month of an instant.

    >>> month_of(1795166000)
    '2026-11'
    """
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m")


class Post:
    """Hands over and takes in what became of it. A message is handed over under a key of its own for each try."""

    def __init__(self, store: GatewayStore, mailboxes: Mapping[str, Mailbox]) -> None:
        self._store = store
        self._mailboxes = mailboxes

    def step(self, now_s: int) -> None:
        """Hand over what waits and is due, take in outcomes. Raises MailboxError."""
        for mailbox in self._mailboxes.values():
            self._take(mailbox, now_s)
        with self._store:
            self._store.db.execute(
                "UPDATE outgoing SET fate = 'expired' WHERE fate = 'waits' AND until_s <= ?", (now_s,)
            )
            self._store.db.execute("DELETE FROM outgoing WHERE until_s < ? - 604800", (now_s,))
        # what is `handing` was written down and perhaps not handed over: once more, under the same key
        query = (
            "SELECT o.key, o.box, o.octets, o.purpose, o.until_s, o.fate, o.tries, b.phone, b.mailbox FROM outgoing o"
            " JOIN box b ON b.id = o.box WHERE o.fate = 'handing' OR (o.fate = 'waits' AND o.next_s <= ?)"
            " ORDER BY o.made_s LIMIT ?"
        )
        for row in self._store.db.execute(query, (now_s, AT_ONCE)).fetchall():
            self._hand_over(*row, now_s=now_s)

    def _hand_over(
        self, key: str, box: str, octets: bytes, purpose: str, until_s: int, fate: str, tries: int, phone: str,
        name: str, *, now_s: int,
    ) -> None:  # fmt: skip
        copy = tries + (fate == "waits")
        if fate == "waits":
            with self._store:  # it counts before it can leave
                self._store.db.execute("UPDATE outgoing SET fate = 'handing', tries = ? WHERE key = ?", (copy, key))
                self._store.count(box, month_of(now_s), "out")
        mailbox = self._mailboxes.get(name) or next(iter(self._mailboxes.values()))
        valid_s, priority = max(until_s - now_s, 300), PRIORITY.get(purpose, 0)
        mailbox.enqueue(Outgoing(f"{key}#{copy}", phone, octets=octets, valid_s=valid_s, priority=priority))
        with self._store:
            self._store.db.execute("UPDATE outgoing SET fate = 'handed' WHERE key = ?", (key,))

    def _take(self, mailbox: Mailbox, now_s: int) -> None:
        outcomes = mailbox.outcomes()
        if not outcomes:
            return
        with self._store:
            for outcome in outcomes:
                key, mark, tries = outcome.key.rpartition("#")
                if not mark or not _TRY.fullmatch(tries):
                    continue  # of another program on this modem
                if outcome.fate == "failed":
                    wait_s = AGAIN_S[min(int(tries), len(AGAIN_S)) - 1]
                    self._store.db.execute(_FAILED, (now_s + wait_s, key, int(tries)))
                    log.warning("%s: a message was not taken by the network (code %s)", key, outcome.code)
                else:
                    self._store.db.execute("UPDATE outgoing SET fate = ? WHERE key = ?", (outcome.fate, key))
        mailbox.noted(outcomes)


_TRY: Final = re.compile(r"[1-9]\d{0,5}", re.ASCII)
_FAILED: Final = (
    "UPDATE outgoing SET fate = 'waits', next_s = ? WHERE key = ? AND tries = ? AND fate IN ('handed', 'sent')"
)
