"""A box's sealed message: opened once, read, counted; what can't be opened asks for new keys, and waits for them."""

from __future__ import annotations

import logging
from typing import Final

from edge.upstream.gateway_acks import Acks
from edge.upstream.gateway_orders import Orders
from edge.upstream.gateway_pairing import Pairing
from edge.upstream.gateway_post import month_of
from edge.upstream.gateway_reports import Reports, UnreadError
from edge.upstream.gateway_sessions import Sessions, is_shut
from edge.upstream.gateway_store import Box, Came, GatewayStore
from sms.seal import SealError
from sms.session import Session
from sms.wire import Type, WireError, header_of

ROLL_S: Final = 86_400
"""A box is told to use new keys once in this time at most."""

log = logging.getLogger(__name__)


class Incoming:
    """Everything belongs inside a transaction."""

    def __init__(
        self, store: GatewayStore, sessions: Sessions, reports: Reports, acks: Acks, pairing: Pairing, orders: Orders
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._reports = reports
        self._acks = acks
        self._pairing = pairing
        self._orders = orders
        self.heard: set[str] = set()
        """Boxes of which something came since the last look."""

    def take(self, box: Box, name: str, number: str, octets: bytes, utc_s: int, *, stamp_s: int | None = None) -> None:
        """Take a sealed message of a box that was accepted: open it, write what it says and what it did to the keys."""
        self.heard.add(box.id)
        if box.is_restored:  # it is told first: what comes before its answer may have been played again
            self._pairing.look(box, utc_s)
        session = self._sessions.of(box, utc_s)
        try:
            opened = session.open(octets)
        except SealError as exc:
            self._not_opened(box, session, name, number, octets, exc, utc_s)
            return
        was_shut = is_shut(box)
        header = opened.header
        if header.type is Type.HELLO:
            came = Came(header.counter, utc_s)
            try:
                session.agree(opened)
            except SealError as exc:
                self._store.journal(utc_s, box.id, "unread", counter=header.counter, why=str(exc))
                session.accept(header.counter)
        else:
            session.accept(header.counter)
            read = self._read(box, header.counter, opened.header.type, octets, opened.body, utc_s)
            came = read if read is not None else Came(-1, utc_s)
        self._sessions.keep(box, session)
        if came.counter > box.settled:
            self._store.add_came(box.id, came)
        self._store.count(box.id, month_of(utc_s), "in")
        if number and number != box.phone:
            self._store.journal(utc_s, box.id, "number", before=box.phone, after=number)
        box.phone, box.mailbox = number or box.phone, name
        box.last_s = max(box.last_s or 0, min(stamp_s or utc_s, utc_s))
        if was_shut and not is_shut(box):
            self._opens_again(box, session, header.counter, utc_s)
        self._store.update(box)

    def _read(self, box: Box, counter: int, kind: Type, octets: bytes, body: bytes, utc_s: int) -> Came | None:
        """Return what a message made; None: it can't be read yet, and is kept."""
        header = header_of(octets)
        try:
            if kind is Type.REPLY:
                return self._orders.answered(box, header, body, utc_s)
            # whether one below is still to come is seen at once after this, when the gateway looks
            came = self._reports.take(box, header, body, utc_s, may_hold=counter > box.settled + 1)
        except UnreadError as exc:
            self._reports.keep_unread(box, header, body, str(exc), utc_s)
            self._store.journal(utc_s, box.id, "unread", counter=counter, why=str(exc))
            return None
        except WireError as exc:
            self._store.add_raw(utc_s, box.mailbox, box.phone, octets, "", f"{box.id}: {exc}")
            self._store.journal(utc_s, box.id, "unreadable", counter=counter, why=str(exc))
            log.error("%s: message %d can't be read: %s", box.id, counter, exc)
            return Came(counter, utc_s)
        self._reports.again(box, utc_s)
        return came

    def _not_opened(
        self, box: Box, session: Session, name: str, number: str, octets: bytes, error: SealError, utc_s: int
    ) -> None:
        month = month_of(utc_s)
        if error.reason in {"repeat", "old"}:
            self._store.count(box.id, month, "repeat")
            return
        if error.reason == "held":
            self._store.db.execute(
                "INSERT OR IGNORE INTO shut (box, mailbox, phone, octets) VALUES (?,?,?,?)",
                (box.id, name, number, octets),
            )
            self._new_keys(box, session, utc_s)
            return
        self._sessions.keep(box, session)
        self._store.count(box.id, month, "refused")
        self._store.add_raw(utc_s, name, number, octets, "", f"{box.id}: {error}")
        self._store.journal(utc_s, box.id, "refused", number=number, why=str(error))
        log.warning("%s: a message from %s was refused: %s", box.id, number, error)
        self._new_keys(box, session, utc_s)

    def _new_keys(self, box: Box, session: Session, utc_s: int) -> None:
        """Tell the box to use new keys where it must, once a day at most: forged messages must not cost one each."""
        query = "SELECT 1 FROM outgoing WHERE box = ? AND purpose = 'roll' AND made_s > ?"
        if session.needs_roll and not self._store.db.execute(query, (box.id, utc_s - ROLL_S)).fetchone():
            roll = session.roll()
            self._sessions.keep(box, session)
            self._sessions.post(box, roll, "roll", utc_s)

    def _opens_again(self, box: Box, session: Session, counter: int, utc_s: int) -> None:
        """The box has answered a restored gateway: what it sent in between is asked for, what came is opened now."""
        wanted = [one for one in self._acks.missing(box, self._store.came(box.id)) if one < counter]
        session.ask(wanted)
        self._sessions.keep(box, session)
        self._store.update(box)
        query = "SELECT mailbox, phone, octets FROM shut WHERE box = ? ORDER BY id"
        kept = self._store.db.execute(query, (box.id,)).fetchall()
        self._store.db.execute("DELETE FROM shut WHERE box = ?", (box.id,))
        for name, number, octets in kept:
            self.take(box, name, number, octets, utc_s)
