"""Reports get shorter: a prior made from reports that the gateway has, once it says from which.

Both sides make it alone; when the ids differ (one lost some) the box goes on without. What was sent stays readable: it
is kept here as it was before the seal, and goes again without a prior to a gateway that lost its own.
"""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from edge.links.sms_memory import Memory
from sms.codec import decode, encode, is_full
from sms.forms import Train
from sms.prior import Prior, prior_of, train
from sms.schema import Schema
from sms.wire import HEAD, STEPS, Header, WireError, header_of

MOST: Final = 96
"""Reports that are kept: more than a gateway asks for, as some leave before its word comes."""

log = logging.getLogger(__name__)


class Plain(NamedTuple):
    """A report without a prior, not sealed yet."""

    body: bytes
    header: Header


class Lessons:
    """Of one gateway; everything is in its memory, and durable when that is."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._prior: Prior | None = None

    def prior(self, schema: Schema) -> Prior | None:
        """Return the one that reports of this schema may use."""
        if self._prior is None and self._memory.prior:
            try:
                self._prior = prior_of(self._memory.prior)
            except WireError as exc:
                log.warning("sms: reports go without a prior: %s", exc)
                self._memory.prior = b""
        found = self._prior
        return found if found is not None and found.schema == schema.id else None

    def keep(self, sealed: bytes, body: bytes) -> None:
        """Keep a report as it was before the seal."""
        self._memory.lessons.append(sealed[:HEAD] + body)
        del self._memory.lessons[:-MOST]

    def learn(self, asked: Train, schema: Schema | None) -> bool:
        """Make the prior that the gateway asks for; return whether it is a new one. Another id than asked is none."""
        if schema is None or asked.schema != schema.id or ((known := self.prior(schema)) and known.id == asked.prior):
            return False
        try:
            made = train(schema, [
                self._columns(octets, schema)
                for octets in self._memory.lessons
                if asked.first <= header_of(octets).counter <= asked.last and header_of(octets).schema == schema.id
            ])  # fmt: skip
        except WireError as exc:
            log.info("sms: no prior is made: %s", exc)
            return False
        if made.id != asked.prior:
            log.info("sms: the gateway has other reports: prior %d, not %d", made.id, asked.prior)
            return False
        self._prior, self._memory.prior = made, made.packed()
        return True

    def plain(self, counter: int, schema: Schema) -> list[Plain]:
        """Return a report that needed a prior as one or two that need none; none when it can't be said again."""
        for octets in self._memory.lessons:
            header = header_of(octets)
            if header.counter == counter and header.prior and header.schema == schema.id:
                try:
                    return _without(header, self._columns(octets, schema), schema, full=is_full(octets[HEAD:]))
                except WireError as exc:
                    log.warning("sms: report %d can't be said again: %s", counter, exc)
        return []

    def forget(self) -> None:
        """Use no prior any more: the gateway may not have it."""
        self._prior, self._memory.prior = None, b""

    def _columns(self, octets: bytes, schema: Schema) -> list[list[int | None]]:
        return decode(schema, header_of(octets), octets[HEAD:], self.prior(schema))


def _without(header: Header, columns: list[list[int | None]], schema: Schema, *, full: bool) -> list[Plain]:
    found: list[Plain] = []
    at = 0
    while at < header.count:
        encoded = encode(schema, [column[at:] for column in columns], full=full)
        base_s = header.base_s + at * STEPS[header.step]
        said = Header(
            header.type, 0, 0, schema.id, base_s=base_s, step=header.step, coder=encoded.coder, count=encoded.count
        )
        found.append(Plain(encoded.body, said))
        at += encoded.count
    return found
