"""The simulator's twin of a gateway: opens, drops repeats, keeps values and events, acknowledges weekly or on a gap."""

from __future__ import annotations

import msgspec

from edge.upstream.gateway_rows import spans
from sms.codec import decode, is_full
from sms.forms import FACTS, MISSING_MAX, Ack, Events, body, form_of
from sms.hello import is_in_the_clear
from sms.indexes import lifted
from sms.keys import Identity
from sms.schema import Schema, SchemaParts
from sms.seal import SealError
from sms.session import Session, open_hello
from sms.wire import Header, Type, header_of

WEEK_S = 7 * 86_400
GAP_S = 1800
AGAIN_S = 86_400
REPORTS = frozenset({Type.REPORT, Type.BACKLOG, Type.DAILY})


class Report(msgspec.Struct, frozen=True):
    """One message of values."""

    header: Header
    body: bytes


class SimGateway:
    """One box's gateway. It accepts the first box that says hello."""

    def __init__(self) -> None:
        self.own = Identity.new()
        self.session: Session | None = None
        self.schemas: dict[int, Schema] = {}
        self.reports: list[Report] = []
        self.events: list[tuple[int, str, str]] = []
        """UTC s, kind and point."""
        self.answers: list[bytes] = []
        self.counts: dict[str, int] = {}
        self.repeats = self.refused = self.acks = self.nacks = 0
        self.is_dead = False
        self._parts = SchemaParts()
        self._seen: set[int] = set()
        self._gone: set[int] = set()
        self._acked_s = 0
        self._gap_s: int | None = None
        self._nacked_s = 0

    @property
    def missing(self) -> tuple[int, ...]:
        """Return the counters below the highest that never came, and were not told gone."""
        top = max(self._seen, default=-1)
        return tuple(number for number in range(top) if number not in self._seen and number not in self._gone)

    @property
    def settled(self) -> int:
        """Return up to which counter everything is here."""
        return self.missing[0] - 1 if self.missing else max(self._seen, default=0)

    def take(self, octets: bytes, utc_s: int) -> list[bytes]:
        """See Far."""
        if self.is_dead:
            return []
        if is_in_the_clear(header_of(octets)):
            return self._welcomed(octets, utc_s)
        if self.session is None:
            self.refused += 1
            return []
        try:
            opened = self.session.open(octets)
        except SealError as exc:
            self.repeats += exc.reason == "repeat"
            self.refused += exc.reason != "repeat"
            return []
        self.counts[opened.header.type.name] = self.counts.get(opened.header.type.name, 0) + 1
        self._seen |= {
            0,
            opened.header.counter,
        }  # 0 only says that the box has the key, which whatever follows it shows
        if opened.header.type is Type.HELLO:
            self.session.agree(opened)
            return []
        self.session.accept(opened.header.counter)
        if opened.header.type is Type.SCHEMA:
            schema = self._parts.add(opened.body)
            if schema is not None:
                self.schemas[schema.id] = schema
        elif opened.header.type in REPORTS:
            self.reports.append(Report(opened.header, opened.body))
        elif opened.header.type is Type.ALARM:
            return self._events(opened.header, opened.body, utc_s)
        elif opened.header.type is Type.REPLY:
            self.answers.append(opened.body)
        return []

    def _welcomed(self, octets: bytes, utc_s: int) -> list[bytes]:
        hello = open_hello(self.own, octets)
        if self.session is None:
            self.session = Session("gateway", self.own, hello.public, hello.box_id, None, lambda _saved: None)
            self._acked_s = utc_s
        try:
            return [self.session.welcome(hello, 1)]
        except SealError:
            return []

    def _events(self, header: Header, octets: bytes, utc_s: int) -> list[bytes]:
        form = form_of(Type.ALARM, octets)
        if not isinstance(form, Events):
            return []
        for event in form.events:
            if event.kind == FACTS:
                continue
            if event.kind == "sms_gap":
                self._gone.update(range(event.words["first"], event.words["last"] + 1))
            self.events.append((header.base_s + event.offset_s, event.kind, event.point))
        return [self.ack(utc_s, is_test=True)] if form.is_test else []

    def step(self, utc_s: int) -> list[bytes]:
        """See Far."""
        if self.is_dead or self.session is None or not self._seen:
            return []
        missing = self.missing
        self._gap_s = None if not missing else self._gap_s or utc_s
        has_gap = self._gap_s is not None and utc_s - self._gap_s >= GAP_S and utc_s - self._nacked_s >= AGAIN_S
        if has_gap or utc_s - self._acked_s >= WEEK_S:
            return [self.ack(utc_s)]
        return []

    def ack(self, utc_s: int, *, is_test: bool = False) -> bytes:
        """Return an acknowledgement of what is here."""
        if self.session is None:
            raise ValueError("no box has said hello yet")
        self._acked_s = utc_s
        missing = self.missing
        if missing:
            self.nacks += 1
            self._nacked_s = utc_s
        else:
            self.acks += 1
        return self.session.seal(Type.ACK, body(Ack(self.settled, missing[:MISSING_MAX], utc_s, is_test)))

    def values(self) -> dict[tuple[str, str, int], int]:
        """Return all values by point, what and begin (UTC s), whatever the order in which the messages came."""
        found: dict[tuple[str, str, int], int] = {}
        known: dict[int, dict[int, int]] = {}
        for report in sorted(self.reports, key=lambda report: (report.header.base_s, report.header.counter)):
            schema = self.schemas[report.header.schema]
            columns = decode(schema, report.header, report.body)
            of_schema = known.setdefault(schema.id, {})
            whole = columns if is_full(report.body) else lifted(schema, columns, of_schema)
            starts = [span.start_s for span in spans(schema, report.header)]
            for number, (channel, column) in enumerate(zip(schema.channels, whole, strict=True)):
                for start_s, value in zip(starts, column, strict=True):
                    if value is not None:
                        found[channel.point, channel.what, start_s] = value
                        of_schema[number] = value
        return found
