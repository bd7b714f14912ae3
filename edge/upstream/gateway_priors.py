"""Priors: from what both sides have, each makes the same one, and reports get shorter.

Once enough reports of a schema are stored by the consumer, the next acknowledgement names them and the id that the
prior must come to. A box that comes to another one (it lost some of them) goes on without.
"""

from __future__ import annotations

from typing import Final

from edge.upstream.gateway_store import GatewayStore
from sms.codec import decode
from sms.forms import Train
from sms.prior import Prior, prior_of, train
from sms.schema import Schema
from sms.wire import Header, WireError, header_of

LEAST: Final = 24
"""Reports: with fewer a prior hurts more often than it helps."""
MOST: Final = 60
AGAIN_S: Final = 90 * 86_400
"""Another season is another prior."""


class Priors:
    """Of all boxes. Everything belongs inside a transaction."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store
        self._known: dict[tuple[str, int], Prior] = {}

    def forget(self) -> None:
        """Read from the file again: a transaction was undone."""
        self._known.clear()

    def prior(self, box: str, id_: int) -> Prior | None:
        """Return a prior that was made here, None for another id."""
        if (box, id_) not in self._known:
            row = self._store.db.execute("SELECT body FROM prior WHERE box = ? AND id = ?", (box, id_)).fetchone()
            if row is None:
                return None
            self._known[box, id_] = prior_of(row[0])
        return self._known[box, id_]

    def keep(self, box: str, header: Header, body: bytes) -> None:
        """Keep a report that could be read; of each box the newest."""
        db = self._store.db
        values = (box, header.counter, header.schema, header.packed(), body)
        db.execute("INSERT OR REPLACE INTO report VALUES (?,?,?,?,?)", values)
        db.execute(
            "DELETE FROM report WHERE box = ? AND counter <= (SELECT counter FROM report WHERE box = ?"
            " ORDER BY counter DESC LIMIT 1 OFFSET ?)",
            (box, box, MOST),
        )

    def proposal(self, box: str, schema: Schema | None, settled: int, now_s: int) -> Train | None:
        """Return what the box is asked to make a prior of; None while there is too little, or one is in use."""
        if schema is None:
            return None
        db = self._store.db
        query = "SELECT id, at_s, first, last FROM prior WHERE box = ? AND schema = ? ORDER BY at_s DESC LIMIT 1"
        made = db.execute(query, (box, schema.id)).fetchone()
        if made is not None and now_s - made[1] < AGAIN_S:
            return Train(schema.id, made[2], made[3], made[0])
        rows = db.execute(
            "SELECT counter, head, body FROM report WHERE box = ? AND schema = ? AND counter <= ? ORDER BY counter",
            (box, schema.id, settled),
        ).fetchall()
        if len(rows) < LEAST:
            return None
        try:
            reports = [self._columns(box, schema, header_of(head), body) for _, head, body in rows]
            prior = train(schema, reports)
        except WireError:
            return None
        if (other := self.prior(box, prior.id)) is not None and other != prior:
            return None  # one id, two priors: the next report makes another one
        first, last = rows[0][0], rows[-1][0]
        values = (box, prior.id, schema.id, first, last, now_s, prior.packed())
        db.execute("INSERT OR REPLACE INTO prior VALUES (?,?,?,?,?,?,?)", values)
        self._known[box, prior.id] = prior
        return Train(schema.id, first, last, prior.id)

    def _columns(self, box: str, schema: Schema, header: Header, body: bytes) -> list[list[int | None]]:
        return decode(schema, header, body, self.prior(box, header.prior) if header.prior else None)
