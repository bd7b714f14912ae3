"""From an opened message to entries of the box's log: reports by their schema, events as they are.

What can't be read yet (its schema or prior was not told, no whole index is known) is kept opened and tried again when
something new is known; nothing is guessed.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge.core.types import Event, Record
from edge.upstream.gateway_indexes import Indexes
from edge.upstream.gateway_log import GatewayLog
from edge.upstream.gateway_priors import Priors
from edge.upstream.gateway_rows import Reached, Rows, Span, rows_of, spans
from edge.upstream.gateway_schemas import Schemas
from edge.upstream.gateway_shifts import Shifts
from edge.upstream.gateway_store import Box, Came, GatewayStore
from sms import forms
from sms.codec import decode, is_full
from sms.wire import Header, Type, WireError, header_of

UNREAD_MOST: Final = 500
SITE_MOST: Final = 60
TEST_EVENT: Final = "sms_test"
GONE_EVENT: Final = "sms_gap"
GONE_MOST: Final = 4096
UNREAD_S: Final = 55 * 86_400
"""Longer than it takes until the message that it waits for is given up (`gateway_acks`)."""


class UnreadError(WireError):
    """It can be read once something else has come: says what."""


def _event(header: Header, told: forms.Event) -> Event:
    """Return an event as the log keeps it. Raises WireError for one that no consumer could take."""
    values = {**told.words, **({} if told.value is None else {"v": told.value, "u": told.unit})}
    found = Event(told.kind, (header.base_s + told.offset_s) * 1000, told.point, values)
    if not found.kind or found.at_ms < 0:
        raise WireError(f"an event {found.kind[:40]!r} of {found.at_ms // 1000} s: a kind, and no time before 1970")
    try:
        msgspec.msgpack.encode(found)
    except OverflowError as exc:
        raise WireError(f"an event {found.kind[:40]!r} with a number beyond 64 bits") from exc
    return found


class Reports:
    """The readable side of messages. Everything belongs inside a transaction."""

    def __init__(self, store: GatewayStore, log: GatewayLog) -> None:
        self._store = store
        self._log = log
        self._shifts = Shifts(store, log)
        self._indexes = Indexes(store, self._shifts)
        self.schemas = Schemas(store)
        self.priors = Priors(store)

    def forget(self) -> None:
        """Read from the file again: a transaction was undone."""
        self.schemas.forget()
        self.priors.forget()

    # -- what comes

    def take(self, box: Box, header: Header, body: bytes, now_s: int, *, may_hold: bool) -> Came:
        """Write what a message says to the box's log. Raises UnreadError, WireError."""
        if header.type in {Type.REPORT, Type.BACKLOG, Type.DAILY}:
            return self._report(box, header, body, now_s, may_hold=may_hold)
        if header.type is Type.ALARM:
            return self._events(box, header, forms.form_of(Type.ALARM, body), now_s)
        if header.type is Type.SCHEMA:
            self.schemas.take(box, body, now_s)
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
        query = "SELECT counter, head, body, at_s FROM unread WHERE box = ? ORDER BY counter"
        is_new = True
        while is_new:  # a full index may make several others readable
            is_new = False
            for counter, head, body, at_s in self._store.db.execute(query, (box.id,)).fetchall():
                try:
                    came = self.take(box, header_of(head), body, now_s, may_hold=True)
                except WireError:
                    continue
                self._indexes.came_at(box.id, counter, at_s)
                self._store.db.execute("DELETE FROM unread WHERE box = ? AND counter = ?", (box.id, counter))
                self._store.add_came(box.id, came)
                done.append(counter)
                is_new = True
        return done

    # -- reports

    def _report(self, box: Box, header: Header, body: bytes, now_s: int, *, may_hold: bool) -> Came:
        schema = self.schemas.schema(box.id, header.schema)
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
            try:
                columns = self._indexes.lifted(
                    box.id,
                    schema,
                    columns,
                    periods[0],
                    periods[-1].end_s,
                    is_next=not self._misses(box, header.counter),
                )
            except WireError as exc:
                raise UnreadError(str(exc)) from exc

        def reached(point: str, at_s: int) -> Reached | None:
            return self._indexes.reached(box.id, point, at_s)

        def shifted(point: str, span: Span, exponent: int) -> int:
            return self._shifts.between(box.id, point, span.start_s, span.end_s, exponent)

        rows = rows_of(schema, periods, columns, reached, may_hold=may_hold, shifted=shifted)
        box.every_s = periods[-1].end_s - periods[0].start_s
        if header.type is Type.REPORT:
            self.priors.keep(box.id, header, body)
        return self._write(box, header.counter, rows, now_s)

    def _misses(self, box: Box, counter: int) -> bool:
        """Return whether a message before this one is still to come: it may be what this one goes on from."""
        there = {one.counter for one in self._store.came(box.id)}
        return any(before not in there for before in range(box.settled + 1, counter))

    def _write(self, box: Box, counter: int, rows: Rows, now_s: int) -> Came:
        self._indexes.keep(box.id, rows, counter, now_s)
        records = rows.records + self._indexes.released(box.id)
        if not records:
            return Came(counter, now_s)
        row, seq = self._log.append(box.id, "m", records, now_s)
        return Came(counter, now_s, m_stream=row, m_seq=seq)

    def let_go(self, box: Box, now_s: int, below: int | None) -> None:
        """Write the indexes that wait no longer. `below`: the lowest counter that is still to come; None: none is."""
        records = self._indexes.waited_for(box.id, now_s, below)
        if records:
            self._log.append(box.id, "m", records, now_s)

    def prune(self, now_s: int) -> None:
        """Drop what no report leans on any more, and give up what was never readable."""
        self._indexes.prune(now_s)
        self._shifts.prune(now_s)
        db = self._store.db
        query = "SELECT box, counter, head, body, why FROM unread WHERE at_s < ?"
        for box, counter, head, body, why in db.execute(query, (now_s - UNREAD_S,)).fetchall():
            self._store.add_raw(now_s, "", "", head + body, "", f"{box}: opened, never readable: {why}")
            self._store.journal(now_s, box, "unreadable", counter=counter, why=why)
            self._store.add_came(box, Came(counter, now_s))
            db.execute("DELETE FROM unread WHERE box = ? AND counter = ?", (box, counter))

    # -- events

    def _events(self, box: Box, header: Header, form: Any, now_s: int) -> Came:
        events = [_event(header, one) for one in form.events if one.kind not in {GONE_EVENT, forms.FACTS}]
        for one in form.events:
            if one.kind == GONE_EVENT:
                self._gone(box, one.words, now_s)
            elif one.kind == forms.FACTS:
                self._facts(box, one)
        if form.is_test:
            box.test = header.counter
            events.append(Event(TEST_EVENT, now_s * 1000, "", {"counter": header.counter}))
        if not events:
            return Came(header.counter, now_s)
        corrected: list[Record] = []
        for event in events:
            self._alarm(box.id, event)
            corrected += self._shifts.take(box.id, event)
        row, seq = self._log.append(box.id, "ev", events, now_s)
        if not corrected:
            return Came(header.counter, now_s, ev_stream=row, ev_seq=seq)
        m_row, m_seq = self._log.append(box.id, "m", corrected, now_s)
        return Came(header.counter, now_s, m_stream=m_row, m_seq=m_seq, ev_stream=row, ev_seq=seq)

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

    @staticmethod
    def _facts(box: Box, fact: forms.Event) -> None:
        """Take what the operator's table shows of a box; a name that he gave himself stays."""
        site = fact.words.get("site")
        box.site = box.site or (site[:SITE_MOST] if isinstance(site, str) else "")
        if fact.value is not None and 0 <= fact.value <= 100:
            box.signal = round(fact.value)

    def _alarm(self, box: str, event: Event) -> None:
        name = str(event.values.get("id", ""))
        if event.kind == "alarm_begin":
            self._store.db.execute(
                "INSERT OR REPLACE INTO alarm VALUES (?,?,?,?)", (box, name, event.point, event.at_ms // 1000)
            )
        elif event.kind == "alarm_end":
            self._store.db.execute("DELETE FROM alarm WHERE box = ? AND id = ?", (box, name))
