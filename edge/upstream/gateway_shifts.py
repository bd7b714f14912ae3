"""Indexes that a person set, and meters that were exchanged: what an index jumped is never counted as consumption.

The box's event and the report of that hour come in any order. What is known before the report goes into its increments;
what comes after it has the record written again, with the same point, `t` and `dt`: the later one of a stream counts.
A meter that keeps its own register jumps when the box reads another one (`meter_changed`), from where to where is known
once a person tells with what the old one ended and the new one began (`meter_exchange`), before that or after.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from edge.core.types import Event, Record
from edge.upstream.gateway_log import GatewayLog
from edge.upstream.gateway_rows import GONE_BACK, rescaled
from edge.upstream.gateway_store import GatewayStore
from hal.sample import GOOD

SET: Final = "meter_set"
EXCHANGED: Final = "meter_exchange"
CHANGED: Final = "meter_changed"
KEPT_S: Final = 60 * 86_400

_decode = msgspec.msgpack.Decoder(Record).decode
_decode_event = msgspec.msgpack.Decoder(Event).decode


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
        """Take in an event, before it is written; return the record that has to be written again.

        One that came before changes nothing.
        """
        jump = self._jump(box, event)
        if jump is None:
            return []
        at_s, was, now = jump
        values = (box, event.point, at_s, was, now)
        if not self._store.db.execute("INSERT OR IGNORE INTO shift VALUES (?,?,?,?,?)", values).rowcount:
            return []
        found = self._counted_in(box, event.point, at_s)
        query = "SELECT min(start_s) FROM held WHERE box = ? AND point = ? AND start_s + dt_s > ?"
        (held_s,) = self._store.db.execute(query, (box, event.point, at_s)).fetchone()
        upto_s = None if found is None else found.start_ms // 1000
        if held_s is not None and (upto_s is None or held_s < upto_s):  # the jump is reckoned with when that is let go
            found, upto_s = None, held_s
        self._move_on(box, event.point, at_s, upto_s, was, now)
        return [] if found is None else self._put_right(box, found)

    def _jump(self, box: str, event: Event) -> tuple[int, float, float] | None:
        """Return when an index jumped, from where to where; None where it did not, or that is not known yet."""
        if event.kind in {SET, EXCHANGED}:
            was, now = _numbers(event, "was", "now")
            if was is not None and now is not None:
                return event.at_ms // 1000, was, now
        if event.kind == EXCHANGED:
            changed = self._nearest(box, event, CHANGED, lambda other: _is_of(event, other))
            return None if changed is None else _exchange(event, changed)
        if event.kind == CHANGED:
            told = self._nearest(box, event, EXCHANGED, lambda other: _is_of(other, event))
            return None if told is None else _exchange(told, event)
        return None

    def _nearest(self, box: str, event: Event, kind: str, is_wanted: Callable[[Event], bool]) -> Event | None:
        """Return the event of another kind and the same point that lies nearest to one in time."""
        query = "SELECT e.body FROM entry e JOIN stream s ON s.id = e.stream WHERE s.box = ? AND s.log = 'ev'"
        found = (_decode_event(body) for (body,) in self._store.db.execute(query, (box,)))
        wanted = (one for one in found if (one.kind, one.point) == (kind, event.point) and is_wanted(one))
        return min(wanted, key=lambda one: abs(one.at_ms - event.at_ms), default=None)

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


def _is_of(told: Event, changed: Event) -> bool:
    """Return whether these ends can be of this change: the rule by which the box takes them, or refuses them."""
    old, new = _numbers(told, "old", "new")
    last, first = _numbers(changed, "was", "index")
    is_whole = old is not None and new is not None and last is not None and first is not None
    return is_whole and "was" not in told.values and old >= last and new <= first  # type: ignore[operator]


def _exchange(told: Event, changed: Event) -> tuple[int, float, float]:
    return changed.at_ms // 1000, told.values["old"], told.values["new"]


def _numbers(event: Event, *names: str) -> list[float | None]:
    return [_number(event.values.get(name)) for name in names]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _floor(value: float, exponent: int) -> int:
    return math.floor(Decimal(repr(value)).scaleb(-exponent))
