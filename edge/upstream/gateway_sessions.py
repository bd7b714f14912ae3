"""The gateway's own key and its sealed conversations, each kept in the transaction that opened or sealed something.

A counter that was used is in the file before its message can leave, so none is used twice, whatever is cut when.
"""

from __future__ import annotations

import json
from typing import Any, Final

from edge.upstream.gateway_store import Box, GatewayStore
from sms.keys import Identity
from sms.session import Session, floor_at
from sms.wire import Type

VALID_S: Final = 172_800


def identity_of(store: GatewayStore) -> Identity:
    """Return the gateway's key, made the first time."""
    saved = store.setting("identity")
    if saved is None:
        with store:
            saved = store.setting("identity")
            if saved is None:
                saved = Identity.new().saved()
                store.keep("identity", saved)
    return Identity.of(saved)


class Sessions:
    """One session a box, as the file has it. All but `identity` belongs inside a transaction."""

    def __init__(self, store: GatewayStore) -> None:
        self.identity = identity_of(store)
        self._store = store
        self._known: dict[str, tuple[str | None, Session]] = {}

    def of(self, box: Box, now_s: int) -> Session:
        """Return the box's session."""
        kept, session = self._known.get(box.id, (None, None))
        if session is None or kept != box.session or box.session is None:

            def reserve(saved: dict[str, Any]) -> None:
                self._write(box.id, json.dumps(saved))

            saved = None if box.session is None else json.loads(box.session)
            session = Session("gateway", self.identity, box.public, box.id, saved, reserve, floor=floor_at(now_s))
        self._known[box.id] = (box.session, session)
        return session

    def keep(self, box: Box, session: Session) -> None:
        """Write down what became of a session; the counters that it gave out are in it, and no others."""
        box.session = json.dumps(session.rest())
        self._known[box.id] = (box.session, session)
        self._write(box.id, box.session)

    def forget(self) -> None:
        """Read them from the file again: a transaction was undone."""
        self._known.clear()

    def _write(self, box: str, session: str) -> None:
        self._store.db.execute("UPDATE box SET session = ? WHERE id = ?", (session, box))

    def send(self, box: Box, kind: Type, body: bytes, purpose: str, now_s: int, valid_s: int = VALID_S) -> int:
        """Seal a message and put it into what is to go; return its counter. Raises SealError."""
        session = self.of(box, now_s)
        octets = session.seal(kind, body)
        self.keep(box, session)
        self.post(box, octets, purpose, now_s, valid_s)
        return int.from_bytes(octets[3:6])

    def post(self, box: Box, octets: bytes, purpose: str, now_s: int, valid_s: int = VALID_S) -> None:
        """Put a message that is sealed into what is to go."""
        (count,) = self._store.db.execute("SELECT count(*) FROM outgoing WHERE box = ?", (box.id,)).fetchone()
        key = f"g{box.number}-{int.from_bytes(octets[3:6])}-{now_s}-{count}"
        self._store.db.execute(
            "INSERT OR IGNORE INTO outgoing VALUES (?,?,?,?,?,?,'waits',0,0)",
            (key, box.id, octets, purpose, now_s, now_s + valid_s),
        )


def is_shut(box: Box) -> bool:
    """Return whether a restored gateway still waits for this box's first word."""
    return box.session is not None and json.loads(box.session).get("restored", "") != ""
