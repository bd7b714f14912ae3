"""How a box joins: its hello waits for a person, a second key for the same id is refused and named."""

from __future__ import annotations

import logging
from typing import Final

from edge.upstream.gateway_post import month_of
from edge.upstream.gateway_sessions import Sessions
from edge.upstream.gateway_store import Box, GatewayStore
from sms.keys import fingerprint
from sms.mailbox import Outgoing, Received
from sms.seal import SealError
from sms.session import Hello, open_hello, refused_message

TOLD_S: Final = 72_000
"""Those who claim an id that is another's are told so once in this time, all of one id together."""
NEW_MOST: Final = 200
"""Boxes that wait to be accepted; a flood of invented ones must not fill the file."""

log = logging.getLogger(__name__)


class Pairing:
    """Everything belongs inside a transaction."""

    def __init__(self, store: GatewayStore, sessions: Sessions) -> None:
        self._store = store
        self._sessions = sessions
        self.refusals: list[tuple[str, Outgoing]] = []
        """By mailbox, what is to be handed over once the transaction is durable."""

    def hello(self, name: str, message: Received, now_s: int) -> str:
        """Take a hello; return why it is refused, "" when it is not."""
        try:
            said = open_hello(self._sessions.identity, message.octets)
        except SealError as exc:
            return str(exc)
        if not message.number:
            return f"a hello of {said.box_id} from no number: there is nobody to answer"
        box = self._store.box(said.box_id)
        if box is None:
            waiting = sum(one.state == "new" for one in self._store.boxes())
            if waiting >= NEW_MOST:
                return f"{waiting} boxes wait to be accepted already"
            box = self._store.add_box(said.box_id, said.public, message.number, name, said.version, now_s)
            self._store.journal(now_s, box.id, "hello", print=fingerprint(said.public), number=message.number)
            log.warning(
                "%s asks to join; its label must read %s: vigie gateway accept %s",
                box.id, fingerprint(said.public), box.id,
            )  # fmt: skip
        if box.public != said.public:
            return self._claimed(box, said, message.number, name, now_s)
        if box.state == "revoked":
            return f"box {box.id} was revoked"
        if box.session is not None and self._sessions.of(box, now_s).is_used(said):
            return f"a hello of {box.id} that was answered: somebody repeats it"
        if message.number != box.phone:
            self._store.journal(now_s, box.id, "number", before=box.phone, after=message.number)
        box.phone, box.mailbox, box.version, box.salt = message.number, name, said.version, said.salt
        self._store.update(box)
        return ""

    def _claimed(self, box: Box, said: Hello, number: str, name: str, now_s: int) -> str:
        (waiting,) = self._store.db.execute("SELECT count(*) FROM claim WHERE box = ?", (box.id,)).fetchone()
        if waiting < 4:
            self._store.db.execute("INSERT OR IGNORE INTO claim VALUES (?,?,?,?)", (box.id, said.public, number, now_s))
        theirs, ours = fingerprint(said.public), fingerprint(box.public)
        self._store.journal(now_s, box.id, "claim", number=number, print=theirs, holder=ours)
        told = "SELECT 1 FROM journal WHERE box = ? AND kind = 'refusal' AND at_s > ?"
        if not self._store.db.execute(told, (box.id, now_s - TOLD_S)).fetchone():
            self._store.journal(now_s, box.id, "refusal", number=number, print=theirs)
            self._store.count(box.id, month_of(now_s), "out")
            # one that a cut loses is said again: the box repeats its hello tomorrow
            octets, key = refused_message(self._sessions.identity, said), f"refused-{box.id}-{now_s}#1"
            self.refusals.append((name, Outgoing(key, number, octets=octets, valid_s=86_400, priority=15)))
        return (
            f"duplicate_id: {box.id} is {ours} here; {theirs} claims the same id"
            f" (vigie gateway revoke {box.id} lets it ask again)"
        )

    def look(self, box: Box, now_s: int) -> None:
        """Answer a hello that was accepted; tell a box that this gateway came from a backup."""
        if box.state != "accepted":
            return
        if box.salt is not None:
            session = self._sessions.of(box, now_s)
            try:
                welcome = session.welcome(Hello(box.public, box.salt, box.id, box.version), box.number)
            except SealError as exc:  # an old hello, said again by somebody
                self._store.journal(now_s, box.id, "refused", number=box.phone, why=str(exc))
            else:
                self._sessions.keep(box, session)
                self._sessions.post(box, welcome, "welcome", now_s)
                # the box goes on from here: what it lost below will not come
                box.settled = max(box.settled, session.last_seen if session.last_seen >= 0 else box.settled)
            box.salt = None
            box.told_s = box.told_s or now_s  # the welcome says already that it is heard
            self._store.update(box)
        if box.is_restored and box.session is not None:
            session = self._sessions.of(box, now_s)
            try:
                roll = session.restored()
            except SealError:
                pass  # it never had a key: nothing of before can be replayed
            else:
                self._sessions.keep(box, session)
                self._sessions.post(box, roll, "roll", now_s)
            box.is_restored = False
            self._store.update(box)
