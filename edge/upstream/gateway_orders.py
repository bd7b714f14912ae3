"""Orders of the operator: sealed for one box, good until they expire; the box's answer is kept and told upstream."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Any, Final

from edge.core.types import Event
from edge.upstream.gateway_log import GatewayLog
from edge.upstream.gateway_sessions import Sessions
from edge.upstream.gateway_store import Box, Came, GatewayStore
from sms import forms
from sms.seal import SealError
from sms.wire import Header, Type, WireError

ANSWER_EVENT: Final = "sms_answer"

log = logging.getLogger(__name__)


def ask(store: GatewayStore, box: str, verb: str, args: dict[str, Any], now_s: int, valid_s: int) -> int:
    """Have an order sent by the gateway that runs; return its number. Raises ValueError for what fits no message."""
    name = secrets.token_hex(4)  # not the row's number: a restored file gives numbers again, and a box does none twice
    try:
        forms.body(forms.Order(name, verb, args, now_s + valid_s))
    except WireError as exc:
        raise ValueError(f"{exc}: use fewer or shorter arguments") from exc
    with store:
        made = store.db.execute(
            "INSERT INTO asked (box, verb, args, at_s, expires_s, name, fate) VALUES (?,?,?,?,?,?,'waits')",
            (box, verb, json.dumps(args, ensure_ascii=False), now_s, now_s + valid_s, name),
        )
        store.journal(now_s, box, "order", id=made.lastrowid, verb=verb, args=args)
    return int(made.lastrowid or 0)


class Orders:
    """Everything belongs inside a transaction."""

    def __init__(self, store: GatewayStore, sessions: Sessions, log_: GatewayLog) -> None:
        self._store = store
        self._sessions = sessions
        self._log = log_

    def look(self, box: Box, now_s: int) -> int:
        """Seal what waits for a box; return when one expires."""
        db = self._store.db
        db.execute(
            "UPDATE asked SET fate = 'expired' WHERE box = ? AND fate IN ('waits', 'sent') AND expires_s <= ?",
            (box.id, now_s),
        )
        query = "SELECT id, name, verb, args, expires_s FROM asked WHERE box = ? AND fate = 'waits' ORDER BY id"
        for id_, name, verb, args, expires_s in db.execute(query, (box.id,)).fetchall():
            order = forms.Order(name, verb, json.loads(args), expires_s)
            try:
                counter = self._sessions.send(
                    box, Type.COMMAND, forms.body(order), "order", now_s, max(expires_s - now_s, 300)
                )
            except SealError:
                break  # not paired yet: it waits until it expires
            db.execute("UPDATE asked SET fate = 'sent', counter = ? WHERE id = ?", (counter, id_))
        (due_s,) = db.execute(
            "SELECT min(expires_s) FROM asked WHERE box = ? AND fate IN ('waits', 'sent')", (box.id,)
        ).fetchone()
        return now_s + 86_400 if due_s is None else int(due_s)

    def answered(self, box: Box, header: Header, body: bytes, now_s: int) -> Came:
        """Take a box's answer. Raises WireError."""
        answer = forms.form_of(Type.REPLY, body)
        assert isinstance(answer, forms.Answer)  # noqa: S101 - of this type it is none other
        fate = "done" if answer.done else "refused"
        row = self._store.db.execute(
            "SELECT id, verb FROM asked WHERE box = ? AND counter = ? ORDER BY id DESC LIMIT 1",
            (box.id, answer.counter),
        ).fetchone()
        id_, verb = row or (0, "")
        self._store.db.execute("UPDATE asked SET fate = ?, text = ? WHERE id = ?", (fate, answer.text, id_))
        log.info("%s: order %s %s: %s: %s", box.id, id_, verb, fate, answer.text)
        event = Event(
            ANSWER_EVENT, now_s * 1000, "", {"order": id_, "verb": verb, "outcome": fate, "text": answer.text}
        )
        stream, seq = self._log.append(box.id, "ev", [event], now_s)
        return Came(header.counter, now_s, ev_stream=stream, ev_seq=seq)
