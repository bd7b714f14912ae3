"""Indexes that a person set: by how much, so that what an index jumped is never counted as consumption.

The box's event and the report of that hour come in any order. What is known before the report goes into its increments;
what comes after it has the record written again, with the same point, `t` and `dt`: the later one of a stream counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from edge.core.types import Event, Record
from edge.upstream.gateway_log import GatewayLog
from edge.upstream.gateway_rows import GONE_BACK, rescaled
from edge.upstream.gateway_store import GatewayStore
from hal.sample import GOOD

SET: Final = "meter_set"
KEPT_S: Final = 60 * 86_400

_decode = msgspec.msgpack.Decoder(Record).decode


class Shifts:
    """Of all boxes. Everything belongs inside a transaction."""

    def __init__(self, store: GatewayStore, log: GatewayLog) -> None:
        self._store = store
        self._log = log

    def between(self, box: str, point: str, from_s: int, to_s: int, exponent: int) -> int:
        """Return by how much the index of a point was set in a period, as an integer of its channel.

        As the indexes themselves are rounded down: no increment is ever less than 0 for it.
        """
        rows = self._store.db.execute(
            "SELECT was, now FROM shift WHERE box = ? AND point = ? AND at_s >= ? AND at_s < ?",
            (box, point, from_s, to_s),
        )
        return sum(_floor(now, exponent) - _floor(was, exponent) for was, now in rows)

    def take(self, box: str, event: Event) -> list[Record]:
        """Take in an event; return the record that has to be written again. One that came before changes nothing."""
        was, now = _number(event.values.get("was")), _number(event.values.get("now"))
        if event.kind != SET or was is None or now is None:
            return []
        at_s = event.at_ms // 1000
        values = (box, event.point, at_s, was, now)
        if not self._store.db.execute("INSERT OR IGNORE INTO shift VALUES (?,?,?,?,?)", values).rowcount:
            return []
        found = self._counted_in(box, event.point, at_s)
        self._move_on(box, event.point, at_s, None if found is None else found.start_ms // 1000, was, now)
        return [] if found is None else self._put_right(box, found)

    def prune(self, now_s: int) -> None:
        """Drop what no report will reach any more."""
        self._store.db.execute("DELETE FROM shift WHERE at_s < ?", (now_s - KEPT_S,))

    def _counted_in(self, box: str, point: str, at_s: int) -> Record | None:
        """Return the record, as it was last written, in whose increment a jump at an instant is counted."""
        later = (
            record
            for record in self._written(box)
            if record.point == point and record.value is not None and record.start_ms + record.dt_ms > at_s * 1000
        )
        return min(later, key=lambda record: record.start_ms, default=None)  # of one period the newest: it comes first

    def _written(self, box: str) -> Iterator[Record]:
        query = (
            "SELECT e.body FROM entry e JOIN stream s ON s.id = e.stream WHERE s.box = ? AND s.log = 'm'"
            " ORDER BY e.stream DESC, e.seq DESC"
        )
        return (_decode(body) for (body,) in self._store.db.execute(query, (box,)))

    def _move_on(self, box: str, point: str, at_s: int, upto_s: int | None, was: float, now: float) -> None:
        """An index that stood on through periods without a value stands where it was set."""
        query = "SELECT end_s, exponent FROM reached WHERE box = ? AND point = ? AND end_s > ?"
        for end_s, exponent in self._store.db.execute(query, (box, point, at_s)).fetchall():
            if upto_s is None or end_s <= upto_s:
                moved = _floor(now, exponent) - _floor(was, exponent)
                self._store.db.execute(
                    "UPDATE reached SET value = value + ? WHERE box = ? AND point = ? AND end_s = ?",
                    (moved, box, point, end_s),
                )

    def _put_right(self, box: str, record: Record) -> list[Record]:
        start_s, end_s = record.start_ms // 1000, (record.start_ms + record.dt_ms) // 1000
        query = "SELECT value, exponent FROM reached WHERE box = ? AND point = ? AND end_s = ?"
        before = self._store.db.execute(query, (box, record.point, start_s)).fetchone()
        after = self._store.db.execute(query, (box, record.point, end_s)).fetchone()
        if before is None or after is None or (record.increment is None and record.reason != GONE_BACK):
            return []  # nothing was counted
        value, exponent = after
        moved = value - rescaled(before[0], before[1], exponent) - self.between(
            box, record.point, start_s, end_s, exponent
        )  # fmt: skip
        if moved < 0:
            return []
        increment = moved / 10**-exponent if exponent < 0 else float(moved * 10**exponent)
        return [msgspec.structs.replace(record, increment=increment, quality=GOOD, reason="")]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _floor(value: float, exponent: int) -> int:
    return math.floor(Decimal(repr(value)).scaleb(-exponent))
