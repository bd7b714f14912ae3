"""The schemas that boxes told: their channels, by which their reports are read. One comes in parts, in any order."""

from __future__ import annotations

import json

from edge.upstream.gateway_store import Box, GatewayStore
from sms.schema import Channel, Schema, SchemaParts
from sms.wire import WireError


def schema_text(schema: Schema) -> str:
    """Return a schema as the file keeps it."""
    rows = [[one.point, one.what, one.unit, one.exponent, one.ref] for one in schema.channels]
    return json.dumps([schema.box, schema.tz, schema.step_s, rows], ensure_ascii=False)


def schema_of(text: str) -> Schema:
    """Return what `schema_text` gave."""
    box, tz, step_s, rows = json.loads(text)
    return Schema(box, tz, step_s, tuple(Channel(*row) for row in rows))


class Schemas:
    """Of all boxes. Everything belongs inside a transaction."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store
        self._known: dict[tuple[str, int], Schema] = {}

    def forget(self) -> None:
        """Read from the file again: a transaction was undone."""
        self._known.clear()

    def schema(self, box: str, id_: int) -> Schema | None:
        """Return a schema of a box that was told whole."""
        if (box, id_) not in self._known:
            row = self._store.db.execute("SELECT body FROM schema WHERE box = ? AND id = ?", (box, id_)).fetchone()
            if row is None:
                return None
            self._known[box, id_] = schema_of(row[0])
        return self._known[box, id_]

    def newest(self, box: str) -> Schema | None:
        """Return the schema that was told last."""
        query = "SELECT id FROM schema WHERE box = ? ORDER BY at_s DESC, id LIMIT 1"
        row = self._store.db.execute(query, (box,)).fetchone()
        return None if row is None else self.schema(box, row[0])

    def take(self, box: Box, body: bytes, now_s: int) -> None:
        """Take one part. Raises WireError."""
        db = self._store.db
        db.execute("INSERT OR IGNORE INTO schema_part VALUES (?,?)", (box.id, body))
        parts = SchemaParts()
        bodies = [row[0] for row in db.execute("SELECT body FROM schema_part WHERE box = ?", (box.id,))]
        for one in [*(other for other in bodies if other != body), body]:
            try:
                schema = parts.add(one)
            except WireError:
                db.execute("DELETE FROM schema_part WHERE box = ? AND body = ?", (box.id, one))
                if one == body:
                    raise
                continue
            if schema is None:
                continue
            if schema.box != box.id:
                raise WireError(f"schema {schema.id} is of box {schema.box!r}")
            db.execute(
                "INSERT OR REPLACE INTO schema VALUES (?,?,?,?)", (box.id, schema.id, now_s, schema_text(schema))
            )
            self._known[box.id, schema.id] = schema
            db.execute("DELETE FROM schema_part WHERE box = ?", (box.id,))
