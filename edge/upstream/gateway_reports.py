"""From an opened message to entries of the box's log: reports by their schema, events as they are.

What can't be read yet (its schema or prior was not told, no whole index is known) is kept opened and tried again when
something new is known; nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from edge.core.types import Event, Record
from edge.upstream.gateway_log import GatewayLog
from edge.upstream.gateway_priors import Priors
from edge.upstream.gateway_rows import Held, Reached, Rows, rescaled, rows_of, spans
from edge.upstream.gateway_store import Box, Came, GatewayStore
from sms import forms
from sms.codec import decode, is_full
from sms.indexes import lifted
from sms.schema import Channel, Schema, SchemaParts
from sms.wire import COUNTER_MAX, Header, Type, WireError, header_of

HELD_S: Final = 3 * 86_400
"""An index waits so long for the report before it: longer than the network keeps a message."""
REACHED_S: Final = 60 * 86_400
UNREAD_MOST: Final = 500
TEST_EVENT: Final = "sms_test"
GONE_EVENT: Final = "sms_gap"
GONE_MOST: Final = 4096
UNREAD_S: Final = 14 * 86_400


class UnreadError(WireError):
    """It can be read once something else has come: says what."""


def schema_text(schema: Schema) -> str:
    """Return a schema as the file keeps it."""
    rows = [[one.point, one.what, one.unit, one.exponent, one.ref] for one in schema.channels]
    return json.dumps([schema.box, schema.tz, schema.step_s, rows], ensure_ascii=False)


def schema_of(text: str) -> Schema:
    """Return what `schema_text` gave."""
    box, tz, step_s, rows = json.loads(text)
    return Schema(box, tz, step_s, tuple(Channel(*row) for row in rows))


class Reports:
    """The readable side of messages. Everything belongs inside a transaction."""

    def __init__(self, store: GatewayStore, log: GatewayLog) -> None:
        self._store = store
        self._log = log
        self._schemas: dict[tuple[str, int], Schema] = {}
        self.priors = Priors(store)

    def forget(self) -> None:
        """Read from the file again: a transaction was undone."""
        self._schemas.clear()
        self.priors.forget()

    # -- what comes

    def take(self, box: Box, header: Header, body: bytes, now_s: int, *, may_hold: bool) -> Came:
        """Write what a message says to the box's log. Raises UnreadError, WireError."""
        if header.type in {Type.REPORT, Type.BACKLOG, Type.DAILY}:
            return self._report(box, header, body, now_s, may_hold=may_hold)
        if header.type is Type.ALARM:
            return self._events(box, header, forms.form_of(Type.ALARM, body), now_s)
        if header.type is Type.SCHEMA:
            self._schema_part(box, body, now_s)
            return Came(header.counter, now_s)
        raise WireError(f"a message of type {header.type.name.lower()} holds no reading")

    def keep_unread(self, box: Box, header: Header, body: bytes, why: str, now_s: int) -> None:
        """Keep an opened message until it can be read; the oldest goes when there are too many."""
        db = self._store.db
        values = (box.id, header.counter, header.packed(), body, why, now_s)
        db.execute("INSERT OR REPLACE INTO unread VALUES (?,?,?,?,?,?)", values)
        over = db.execute(
            "SELECT counter, head, body FROM unread WHERE box = ? ORDER BY counter DESC LIMIT -1 OFFSET ?",
            (box.id, UNREAD_MOST),
        ).fetchall()
        for counter, head, old in over:
            self._store.add_raw(now_s, box.mailbox, box.phone, head + old, "", f"opened, never readable: {why}")
            db.execute("DELETE FROM unread WHERE box = ? AND counter = ?", (box.id, counter))

    def again(self, box: Box, now_s: int) -> list[int]:
        """Try what could not be read; return the counters of what could now."""
        done: list[int] = []
        query = "SELECT counter, head, body FROM unread WHERE box = ? ORDER BY counter"
        is_new = True
        while is_new:  # a full index may make several others readable
            is_new = False
            for counter, head, body in self._store.db.execute(query, (box.id,)).fetchall():
                try:
                    came = self.take(box, header_of(head), body, now_s, may_hold=True)
                except WireError:
                    continue
                self._store.db.execute("DELETE FROM unread WHERE box = ? AND counter = ?", (box.id, counter))
                self._store.add_came(box.id, came)
                done.append(counter)
                is_new = True
        return done

    # -- reports

    def _report(self, box: Box, header: Header, body: bytes, now_s: int, *, may_hold: bool) -> Came:
        schema = self.schema(box.id, header.schema)
        if schema is None:
            raise UnreadError(f"schema {header.schema} was not told yet")
        prior = None
        if header.prior:
            prior = self.priors.prior(box.id, header.prior)
            if prior is None:
                raise UnreadError(f"prior {header.prior} is not known")
        columns = decode(schema, header, body, prior)
        periods = spans(schema, header)
        if not is_full(body):
            columns = self._lifted(box, schema, columns, periods[0].end_s, periods[-1].end_s)

        def reached(point: str, at_s: int) -> Reached | None:
            return self._reached(box.id, point, at_s)

        rows = rows_of(schema, periods, columns, reached, may_hold=may_hold)
        box.every_s = periods[-1].end_s - periods[0].start_s
        if header.type is Type.REPORT:
            self.priors.keep(box.id, header, body)
        return self._write(box, header.counter, rows, now_s)

    def _write(self, box: Box, counter: int, rows: Rows, now_s: int) -> Came:
        db = self._store.db
        db.executemany(
            "INSERT OR IGNORE INTO reached VALUES (?,?,?,?,?)", [(box.id, *reached) for reached in rows.reached]
        )
        db.executemany(
            "INSERT OR REPLACE INTO held VALUES (?,?,?,?,?,?,?,?,?)",
            [(box.id, *held, counter, now_s) for held in rows.held],
        )
        records = rows.records + self._released(box.id)
        if not records:
            return Came(counter, now_s)
        row, seq = self._log.append(box.id, "m", records, now_s)
        return Came(counter, now_s, m_stream=row, m_seq=seq)

    def _lifted(
        self, box: Box, schema: Schema, columns: Sequence[Sequence[int | None]], first_s: int, last_s: int
    ) -> list[list[int | None]]:
        known: dict[int, int] = {}
        later: dict[int, int] = {}
        query = "SELECT value, exponent FROM reached WHERE box = ? AND point = ? AND end_s"
        for number, channel in enumerate(schema.channels):
            if channel.what != "index":
                continue
            name = (box.id, channel.point)
            # the index before the report is what it moved on from; without it the one at its first instant does
            before = self._store.db.execute(f"{query} <= ? ORDER BY end_s DESC LIMIT 1", (*name, first_s)).fetchone()
            after = self._store.db.execute(f"{query} >= ? ORDER BY end_s LIMIT 1", (*name, last_s)).fetchone()
            if before is not None:
                known[number] = rescaled(before[0], before[1], channel.exponent)
            if after is not None:
                later[number] = rescaled(after[0], after[1], channel.exponent)
        try:
            return lifted(schema, columns, known, later)
        except WireError as exc:
            raise UnreadError(str(exc)) from exc

    def _reached(self, box: str, point: str, at_s: int) -> Reached | None:
        query = "SELECT point, end_s, value, exponent FROM reached WHERE box = ? AND point = ? AND end_s = ?"
        row = self._store.db.execute(query, (box, point, at_s)).fetchone()
        return None if row is None else Reached(*row)

    # -- indexes that wait for the report before theirs

    def _released(self, box: str) -> list[Record]:
        """Return the records whose increment is known by now."""
        query = (
            "SELECT h.point, h.since_s, h.start_s, h.dt_s, h.value, h.exponent FROM held h JOIN reached r"
            " ON r.box = h.box AND r.point = h.point AND r.end_s = h.since_s WHERE h.box = ?"
        )
        return self._let_go(box, [Held(*row) for row in self._store.db.execute(query, (box,))])

    def let_go(self, box: Box, now_s: int, below: int | None) -> None:
        """Write what waits no longer. `below`: the lowest counter that is still to come; None when none is.

        The first index ever has no increment, and none has one that would reach over values which may come later, or
        by another way: it would count them twice. Older values come after newer ones, so it waits for them a while.
        """
        query = (
            "SELECT point, since_s, start_s, dt_s, value, exponent FROM held h WHERE box = ? AND (at_s < ? OR"
            " (counter < ? AND NOT EXISTS (SELECT 1 FROM reached r WHERE r.box = h.box AND r.point = h.point"
            " AND r.end_s <= h.since_s)))"
        )
        rows = self._store.db.execute(query, (box.id, now_s - HELD_S, COUNTER_MAX + 1 if below is None else below))
        records = self._let_go(box.id, [Held(*row) for row in rows])
        if records:
            self._log.append(box.id, "m", records, now_s)

    def _let_go(self, box: str, held: list[Held]) -> list[Record]:
        self._store.db.executemany(
            "DELETE FROM held WHERE box = ? AND point = ? AND start_s = ? AND dt_s = ?",
            [(box, one.point, one.start_s, one.dt_s) for one in held],
        )
        return [one.record(self._reached(box, one.point, one.since_s)) for one in held]

    def prune(self, now_s: int) -> None:
        """Drop the indexes that no report leans on any more; of each point the newest stays."""
        self._store.db.execute(
            "DELETE FROM reached WHERE end_s < ? AND end_s < (SELECT max(r.end_s) FROM reached r"
            " WHERE r.box = reached.box AND r.point = reached.point)",
            (now_s - REACHED_S,),
        )
        db = self._store.db
        query = "SELECT box, counter, head, body, why FROM unread WHERE at_s < ?"
        for box, counter, head, body, why in db.execute(query, (now_s - UNREAD_S,)).fetchall():
            self._store.add_raw(now_s, "", "", head + body, "", f"{box}: opened, never readable: {why}")
            self._store.journal(now_s, box, "unreadable", counter=counter, why=why)
            self._store.add_came(box, Came(counter, now_s))
            db.execute("DELETE FROM unread WHERE box = ? AND counter = ?", (box, counter))

    # -- events

    def _events(self, box: Box, header: Header, form: Any, now_s: int) -> Came:
        for one in form.events:
            if one.kind == GONE_EVENT:
                self._gone(box, one.words, now_s)
        events = [
            Event(
                one.kind, (header.base_s + one.offset_s) * 1000, one.point,
                {**one.words, **({} if one.value is None else {"v": one.value, "u": one.unit})},
            )
            for one in form.events
            if one.kind != GONE_EVENT
        ]  # fmt: skip
        if form.is_test:
            box.test = header.counter
            events.append(Event(TEST_EVENT, now_s * 1000, "", {"counter": header.counter}))
        if not events:
            return Came(header.counter, now_s)
        for event in events:
            self._alarm(box.id, event)
        row, seq = self._log.append(box.id, "ev", events, now_s)
        return Came(header.counter, now_s, ev_stream=row, ev_seq=seq)

    def _gone(self, box: Box, words: Any, now_s: int) -> None:
        """Take a box's word that counters were never used, or what was in them is lost: nobody waits for them."""
        first, last = words.get("first"), words.get("last")
        if type(first) is not int or type(last) is not int or not 0 <= first <= last < first + GONE_MOST:
            raise WireError(f"counters {first} to {last} that never come: two numbers, the second not lower")
        there = {one.counter for one in self._store.came(box.id)}
        for counter in range(max(first, box.settled + 1), last + 1):
            if counter not in there:
                self._store.add_came(box.id, Came(counter, now_s))
        self._store.journal(now_s, box.id, "gone", first=first, last=last)

    def _alarm(self, box: str, event: Event) -> None:
        name = str(event.values.get("id", ""))
        if event.kind == "alarm_begin":
            self._store.db.execute(
                "INSERT OR REPLACE INTO alarm VALUES (?,?,?,?)", (box, name, event.point, event.at_ms // 1000)
            )
        elif event.kind == "alarm_end":
            self._store.db.execute("DELETE FROM alarm WHERE box = ? AND id = ?", (box, name))

    # -- schemas

    def schema(self, box: str, id_: int) -> Schema | None:
        """Return a schema of a box that was told whole."""
        if (box, id_) not in self._schemas:
            row = self._store.db.execute("SELECT body FROM schema WHERE box = ? AND id = ?", (box, id_)).fetchone()
            if row is None:
                return None
            self._schemas[box, id_] = schema_of(row[0])
        return self._schemas[box, id_]

    def _schema_part(self, box: Box, body: bytes, now_s: int) -> None:
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
            self._schemas[box.id, schema.id] = schema
            db.execute("DELETE FROM schema_part WHERE box = ?", (box.id,))

    def newest_schema(self, box: str) -> Schema | None:
        """Return the schema that was told last."""
        query = "SELECT id FROM schema WHERE box = ? ORDER BY at_s DESC, id LIMIT 1"
        row = self._store.db.execute(query, (box,)).fetchone()
        return None if row is None else self.schema(box, row[0])
