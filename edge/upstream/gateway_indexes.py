"""The indexes of meters as reports reached them, and those that wait for the report before theirs.

A report carries an index modulo 2**16, and what it moved from the last one on: both need the one that is known before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.core.types import Record
from edge.upstream.gateway_rows import Held, Reached, Rows, Span, rescaled
from edge.upstream.gateway_shifts import Shifts
from edge.upstream.gateway_store import GatewayStore
from sms.indexes import lifted
from sms.schema import Schema
from sms.wire import COUNTER_MAX

HELD_S: Final = 3 * 86_400
"""An index waits so long for the report before it: longer than the network keeps a message."""
REACHED_S: Final = 60 * 86_400


class Indexes:
    """Of all boxes. Everything belongs inside a transaction."""

    def __init__(self, store: GatewayStore, shifts: Shifts) -> None:
        self._store = store
        self._shifts = shifts

    def keep(self, box: str, rows: Rows, counter: int, now_s: int) -> None:
        """Keep what the report of this counter reached, and what waits for another."""
        db = self._store.db
        db.executemany(
            "INSERT OR IGNORE INTO reached VALUES (?,?,?,?,?)", [(box, *reached) for reached in rows.reached]
        )
        db.executemany(
            "INSERT OR REPLACE INTO held VALUES (?,?,?,?,?,?,?,?,?)",
            [(box, *held, counter, now_s) for held in rows.held],
        )
        db.executemany("INSERT OR REPLACE INTO empty VALUES (?,?,?,?)", [(box, *empty) for empty in rows.empty])

    def reached(self, box: str, point: str, at_s: int) -> Reached | None:
        """Return the index of a point at an instant, None where no report reached it."""
        query = "SELECT point, end_s, value, exponent FROM reached WHERE box = ? AND point = ? AND end_s = ?"
        row = self._store.db.execute(query, (box, point, at_s)).fetchone()
        return None if row is None else Reached(*row)

    def lifted(
        self, box: str, schema: Schema, columns: Sequence[Sequence[int | None]], first: Span, last_s: int, *,
        is_next: bool,
    ) -> list[list[int | None]]:  # fmt: skip
        """Return the columns of a report with the high bits of their indexes put back. Raises WireError.

        `is_next`: no message before it is missing. Else only the index that the report itself goes on from, or the one
        at its first instant, can be leant on: over what is missing a meter may have moved more than 65,535.
        """
        known: dict[int, int] = {}
        later: dict[int, int] = {}
        query = "SELECT value, exponent, end_s FROM reached WHERE box = ? AND point = ? AND end_s"
        for number, channel in enumerate(schema.channels):
            if channel.what != "index":
                continue
            name = (box, channel.point)
            # the index before the report is what it moved on from; without it the one at its first instant does
            before = self._store.db.execute(
                f"{query} <= ? ORDER BY end_s DESC LIMIT 1", (*name, first.end_s)
            ).fetchone()
            after = self._store.db.execute(f"{query} >= ? ORDER BY end_s LIMIT 1", (*name, last_s)).fetchone()
            goes_on = before is not None and before[2] >= first.start_s
            if before is not None and (is_next or goes_on):
                known[number] = rescaled(before[0], before[1], channel.exponent)
            # what it goes on from leaves no doubt, however far the meter moved since: the newest of weeks comes first
            if after is not None and not goes_on:
                later[number] = rescaled(after[0], after[1], channel.exponent)
        return lifted(schema, columns, known, later)

    def released(self, box: str) -> list[Record]:
        """Return the records whose increment is known by now."""
        self._bridge(box)
        query = (
            "SELECT h.point, h.since_s, h.start_s, h.dt_s, h.value, h.exponent FROM held h JOIN reached r"
            " ON r.box = h.box AND r.point = h.point AND r.end_s = h.since_s WHERE h.box = ?"
        )
        return self._let_go(box, [Held(*row) for row in self._store.db.execute(query, (box,))])

    def _bridge(self, box: str) -> None:
        """Let an index stand on at the end of what is empty, once what it was before that is known."""
        db = self._store.db
        query = (
            "SELECT e.point, e.start_s, e.end_s, r.value, r.exponent FROM empty e JOIN reached r"
            " ON r.box = e.box AND r.point = e.point AND r.end_s = e.start_s WHERE e.box = ?"
        )
        while rows := db.execute(query, (box,)).fetchall():
            for point, start_s, end_s, value, exponent in rows:
                moved = self._shifts.between(box, point, start_s, end_s, exponent)
                values = (box, point, end_s, value + moved, exponent)
                db.execute("INSERT OR IGNORE INTO reached VALUES (?,?,?,?,?)", values)
                db.execute("DELETE FROM empty WHERE box = ? AND point = ? AND start_s = ?", (box, point, start_s))

    def waited_for(self, box: str, now_s: int, below: int | None) -> list[Record]:
        """Return the records of what waits no longer. `below`: the lowest counter that is still to come; None: none is.

        The first index ever has no increment, and none has one that would reach over values which may come later, or
        by another way: it would count them twice. Older values come after newer ones, so it waits for them a while.
        """
        query = (
            "SELECT point, since_s, start_s, dt_s, value, exponent FROM held h WHERE box = ? AND (at_s < ? OR"
            " (counter < ? AND NOT EXISTS (SELECT 1 FROM reached r WHERE r.box = h.box AND r.point = h.point"
            " AND r.end_s <= h.since_s)))"
        )
        rows = self._store.db.execute(query, (box, now_s - HELD_S, COUNTER_MAX + 1 if below is None else below))
        return self._let_go(box, [Held(*row) for row in rows])

    def _let_go(self, box: str, held: list[Held]) -> list[Record]:
        self._store.db.executemany(
            "DELETE FROM held WHERE box = ? AND point = ? AND start_s = ? AND dt_s = ?",
            [(box, one.point, one.start_s, one.dt_s) for one in held],
        )
        return [
            one.record(
                self.reached(box, one.point, one.since_s),
                self._shifts.between(box, one.point, one.since_s, one.start_s + one.dt_s, one.exponent),
            )
            for one in held
        ]

    def came_at(self, box: str, counter: int, at_s: int) -> None:
        """Let what waits of a report have waited since it came, not since it could be read."""
        self._store.db.execute("UPDATE held SET at_s = ? WHERE box = ? AND counter = ?", (at_s, box, counter))

    def prune(self, now_s: int) -> None:
        """Drop the indexes that no report leans on any more; of each point the newest stays."""
        self._store.db.execute(
            "DELETE FROM reached WHERE end_s < ? AND end_s < (SELECT max(r.end_s) FROM reached r"
            " WHERE r.box = reached.box AND r.point = reached.point)",
            (now_s - REACHED_S,),
        )
        self._store.db.execute("DELETE FROM empty WHERE end_s < ?", (now_s - REACHED_S,))
