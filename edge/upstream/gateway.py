"""The gateway: takes what boxes text, once, writes it to a log a box, and texts back what was stored.

All that one message does (window, log, schema, account) is one transaction; only then does the mailbox forget it. So a
repeat and a power cut are harmless. Who publishes or stores the logs is another worker (`gateway_broker`,
`gateway_ledger`): what it moves is the streams' cursors, and from them follow the acknowledgements.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from copy import copy
from typing import Final

from edge.upstream.gateway_acks import Acks
from edge.upstream.gateway_incoming import Incoming
from edge.upstream.gateway_log import GatewayLog
from edge.upstream.gateway_orders import Orders
from edge.upstream.gateway_pairing import Pairing
from edge.upstream.gateway_post import Post, month_of
from edge.upstream.gateway_reports import Reports
from edge.upstream.gateway_sessions import Sessions
from edge.upstream.gateway_store import Box, GatewayStore
from sms.mailbox import Mailbox, MailboxError, Received
from sms.wire import Type, WireError, header_of

POLL_S: Final = 2.0
RETRY_S: Final = 10.0
BATCH: Final = 50
DAILY_S: Final = 86_400
LOOK_S: Final = 3600  # at each box at least so often: what is held for the report before it is let go in time

log = logging.getLogger(__name__)


class Gateway:
    """A worker. `mailboxes` are the server's modems by name; `utc_s` is the server's clock."""

    name = "gateway"

    def __init__(self, store: GatewayStore, mailboxes: Mapping[str, Mailbox], utc_s: Callable[[], float]) -> None:
        self.store = store
        self.log = GatewayLog(store)
        self.sessions = Sessions(store)
        self.reports = Reports(store, self.log)
        self._acks = Acks(store, self.sessions, self.reports)
        self._pairing = Pairing(store, self.sessions)
        self._orders = Orders(store, self.sessions, self.log)
        self._incoming = Incoming(store, self.sessions, self.reports, self._acks, self._pairing, self._orders)
        self._post = Post(store, mailboxes)
        self._mailboxes = mailboxes
        self._utc_s = utc_s
        self._trouble = ""
        self._seen = -1
        self._due_utc_s = 0
        self._due: dict[str, int] = {}
        self._acked: dict[int, int] = {}
        self._pruned_s = 0
        self.wake = False
        """Something was acknowledged: acknowledgements may be due."""

    # -- the worker

    def step(self, now_s: float) -> float:
        """Take what came, tell boxes what is due, hand over what waits; return when to be called again."""
        utc_s = int(self._utc_s())
        try:
            took = sum(self._take(name, mailbox, utc_s) for name, mailbox in self._mailboxes.items())
            self._look(utc_s)
            self._post.step(utc_s)
        except (MailboxError, sqlite3.OperationalError) as exc:
            self.sessions.forget()
            self.reports.forget()
            self.wake = True
            if str(exc) != self._trouble:
                self._trouble = str(exc)
                log.error("gateway: %s", exc)
            return now_s + RETRY_S
        if self._trouble:
            self._trouble = ""
            log.info("gateway: it works again")
        return now_s + (0.0 if took >= BATCH else POLL_S)

    def filenos(self) -> list[int]:
        """Return no descriptor: mailboxes are asked every few seconds."""
        return []

    def close(self) -> None:
        """Give the mailboxes and the file back."""
        for mailbox in self._mailboxes.values():
            mailbox.close()
        self.store.close()

    # -- what came

    def _take(self, name: str, mailbox: Mailbox, utc_s: int) -> int:
        messages = mailbox.received(BATCH)
        for message in messages:
            self._dealt_with(name, message, utc_s)
        for heard_by, refusal in self._pairing.refusals:
            self._mailboxes[heard_by].enqueue(refusal)
        self._pairing.refusals.clear()
        if messages:
            mailbox.done([message.id for message in messages])
            self.wake = True
        return len(messages)

    def _dealt_with(self, name: str, message: Received, utc_s: int) -> None:
        try:
            with self.store:
                self._one(name, message, utc_s)
        except (sqlite3.OperationalError, MailboxError):
            raise
        except Exception as exc:  # one message must not stop those of all other boxes: kept raw, with its traceback
            log.exception("a message of %s could not be dealt with", message.number)
            self._pairing.refusals.clear()
            self.sessions.forget()
            self.reports.forget()
            with self.store:
                why = f"fault: {type(exc).__name__}: {exc}"
                self.store.add_raw(utc_s, name, message.number, message.octets, message.text, why)
                self.store.journal(utc_s, "", "fault", number=message.number, why=why)

    def _one(self, name: str, message: Received, utc_s: int) -> None:
        if not message.octets:
            self._strange(name, message, "a text: this number takes messages of boxes only", utc_s)
            return
        try:
            header = header_of(message.octets)
        except WireError as exc:
            self._strange(name, message, str(exc), utc_s)
            return
        if header.type is Type.HELLO and header.box == 0:
            why = self._pairing.hello(name, message, utc_s)
            self._due.clear()
            if why:
                self._strange(name, message, why, utc_s)
            return
        box = self.store.box_of(header.box)
        if box is None or box.state != "accepted":
            why = f"box number {header.box} is not known here" if box is None else f"box {box.id} is {box.state}"
            self._strange(name, message, why, utc_s)
            return
        self._incoming.take(box, name, message.number, message.octets, utc_s, stamp_s=message.stamp_utc_s)

    def _strange(self, name: str, message: Received, why: str, utc_s: int) -> None:
        """Count, journal and keep what is nobody's."""
        self.store.add_raw(utc_s, name, message.number, message.octets, message.text, why)
        self.store.count("", month_of(utc_s), "refused")
        self.store.journal(utc_s, "", "refused", number=message.number, why=why)
        log.warning("a message from %s was refused: %s", message.number, why)

    # -- what is due

    def _look(self, utc_s: int) -> None:
        """Settle, acknowledge, pair, order: when something came, was acknowledged or written by another, or is due."""
        (seen,) = self.store.db.execute("PRAGMA data_version").fetchone()
        is_others = self._seen != seen
        if not (self.wake or is_others or utc_s >= self._due_utc_s):
            return
        self.wake, self._seen = False, seen
        with self.store:
            streams = self._acks.streams()
            acked = {row: seq for row, (_, seq) in streams.items()}
            moved = {box for row, (box, seq) in streams.items() if self._acked.get(row, 0) != seq}
            boxes = self.store.boxes()
            self._due = {box.id: self._due.get(box.id, 0) for box in boxes}
            for box in boxes:
                if is_others or box.id in moved or box.id in self._incoming.heard or utc_s >= self._due[box.id]:
                    self._due[box.id] = self._looked_at(box, acked, utc_s)
            if utc_s - self._pruned_s >= DAILY_S:
                self._pruned_s = utc_s
                self.log.forget(utc_s)
                self.reports.prune(utc_s)
        self._acked = acked
        self._incoming.heard.clear()
        self._due_utc_s = min([utc_s + LOOK_S, *self._due.values()])

    def _looked_at(self, box: Box, acked: dict[int, int], utc_s: int) -> int:
        """Do what is due for one box; what is wrong with it is undone and journaled, and the others go on."""
        db = self.store.db
        db.execute("SAVEPOINT look")
        try:
            due_s = self._look_at(box, acked, utc_s)
        except (sqlite3.OperationalError, MailboxError):
            raise
        except Exception as exc:
            log.exception("%s can't be looked at", box.id)
            db.execute("ROLLBACK TO look")
            self.sessions.forget()
            self.reports.forget()
            self.store.journal(utc_s, box.id, "fault", why=f"{type(exc).__name__}: {exc}")
            due_s = utc_s + LOOK_S
        db.execute("RELEASE look")
        return due_s

    def _look_at(self, box: Box, acked: dict[int, int], utc_s: int) -> int:
        """Do what is due for one box; return when to look at it again."""
        self._pairing.look(box, utc_s)
        if box.state != "accepted":
            return utc_s + LOOK_S
        before = copy(box)
        due_s = min(self._acks.look(box, acked, utc_s), self._orders.look(box, utc_s))
        self.reports.let_go(box, utc_s, self._acks.awaited(box))
        if before != box:
            self.store.update(box)
        return min(due_s, utc_s + LOOK_S)
