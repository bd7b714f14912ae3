"""When a box is told what arrived: weekly, on a gap, at once when it asks; always after the consumer has stored it.

Each acknowledgement costs a message. A box that is asked for counters sends them, or says that they never come (it
skips up to 63 when it loses its power). Only one that does neither is asked less and less often, and what it was asked
for is given up in the end: so late that the budget of a month, which may be what holds it up, has come round.
"""

from __future__ import annotations

from typing import Final

from edge.upstream.gateway_reports import Reports
from edge.upstream.gateway_sessions import Sessions, is_shut
from edge.upstream.gateway_store import Box, Came, GatewayStore
from sms import forms
from sms.seal import SealError
from sms.wire import COUNTER_MAX, Type

WEEKLY_S: Final = 7 * 86_400
MANY: Final = 128
"""So many unacknowledged are told without waiting for the week: half of what a box may keep apart."""
GAP_S: Final = 900
"""A message may overtake another by so much: no gap before."""
GAP_AGAIN_S: Final = 86_400
QUESTIONS: Final = 6
"""Without anything of what was asked for: after 1, 2, 4, 8 and 16 days more, and given up 16 days after the last."""
PAUSE_MOST: Final = 16
MISSING_MOST: Final = 128
"""Named in one acknowledgement; the others next time."""


class Acks:
    """What was settled and what is missing, box by box. Everything belongs inside a transaction."""

    def __init__(self, store: GatewayStore, sessions: Sessions, reports: Reports) -> None:
        self._store = store
        self._sessions = sessions
        self._reports = reports

    def streams(self) -> dict[int, tuple[str, int]]:
        """Return each stream's box, and how far the consumer has acknowledged it."""
        rows = self._store.db.execute("SELECT id, box, acked FROM stream")
        return {row: (box, acked) for row, box, acked in rows}

    def missing(self, box: Box, came: list[Came]) -> list[int]:
        """Return the counters that should have come: below the highest, ascending."""
        there = {one.counter for one in came}
        unread = self._store.db.execute("SELECT counter FROM unread WHERE box = ?", (box.id,))
        there |= {row[0] for row in unread}
        return [counter for counter in range(box.settled + 1, max(there, default=box.settled)) if counter not in there]

    def awaited(self, box: Box) -> int | None:
        """Return the lowest counter whose entries are not written yet; None when nothing is awaited."""
        missing = self.missing(box, self._store.came(box.id))
        (unread,) = self._store.db.execute("SELECT min(counter) FROM unread WHERE box = ?", (box.id,)).fetchone()
        return min(missing if unread is None else [*missing, unread], default=None)

    def look(self, box: Box, acked: dict[int, int], now_s: int) -> int:
        """Settle what the consumer has, tell the box what is due; return when to look again."""
        came = self._store.came(box.id)
        if came:  # counter 0 is the word by which a box says that it has the key; what follows it counts
            box.settled = max(box.settled, 0)
        missing = self.missing(box, came)
        due_s = now_s + WEEKLY_S
        if not missing:
            box.gap_s, box.nacks = None, 0
        elif box.gap_s is None:
            box.gap_s = now_s
        asked = self._asked(box, came)
        pause_s = GAP_AGAIN_S * min(2 ** max(box.nacks - 1, 0), PAUSE_MOST)
        if missing and box.nacks >= QUESTIONS and now_s - box.nacked_s >= pause_s:
            missing = self._give_up(box, missing, now_s)
            self._reports.again(box, now_s)  # what waited for it waits no longer
            came = self._store.came(box.id)
        self._settle(box, came, acked)
        is_stored = {one.counter for one in came if _is_stored(one, acked)}
        # a box lets go of all up to the last that is named missing: nothing there may be known here alone
        (unread,) = self._store.db.execute("SELECT min(counter) FROM unread WHERE box = ?", (box.id,)).fetchone()
        kept_here = [one.counter for one in came if one.counter > box.settled and one.counter not in is_stored]
        limit = min(kept_here if unread is None else [*kept_here, unread], default=COUNTER_MAX + 1)
        missing = [counter for counter in missing if counter < limit]
        if is_shut(box) or box.state != "accepted":
            return due_s
        if box.test is not None and (box.test in is_stored or box.test <= box.settled):
            self._tell(box, missing, now_s, is_test=True)
            box.test = None
        elif missing and box.gap_s is not None:
            has_new = not asked.issuperset(missing[:MISSING_MOST])
            again_s = GAP_AGAIN_S if has_new else pause_s
            ask_s = box.gap_s + GAP_S if not box.nacks else box.nacked_s + again_s
            if now_s >= ask_s:
                # others are asked for meanwhile: that is no further question for these
                is_next = not box.nacks or now_s - box.nacked_s >= pause_s
                self._tell(box, missing, now_s, is_nack=True, is_next=is_next)
                ask_s = now_s + GAP_AGAIN_S
            due_s = min(due_s, ask_s)
        if box.settled > max(box.told, 0):  # that it has the key alone is no news to a box
            if now_s - box.told_s >= WEEKLY_S or box.settled - box.told >= MANY:
                self._tell(box, missing, now_s)
            else:
                due_s = min(due_s, box.told_s + WEEKLY_S)
        return due_s

    def _settle(self, box: Box, came: list[Came], acked: dict[int, int]) -> None:
        for one in came:
            if one.counter > box.settled + 1 or not _is_stored(one, acked):
                break
            box.settled = max(box.settled, one.counter)
        for table in ("came", "nacked"):
            self._store.db.execute(f"DELETE FROM {table} WHERE box = ? AND counter <= ?", (box.id, box.settled))  # noqa: S608

    def _asked(self, box: Box, came: list[Came]) -> set[int]:
        """Return what was asked for and is still missing; once something of it came the rest is on its way."""
        asked = {row[0] for row in self._store.db.execute("SELECT counter FROM nacked WHERE box = ?", (box.id,))}
        here = asked & {one.counter for one in came}
        if here:
            remove, again = (
                "DELETE FROM nacked WHERE box = ? AND counter = ?",
                "UPDATE nacked SET times = 1 WHERE box = ?",
            )
            self._store.db.executemany(remove, [(box.id, counter) for counter in here])
            self._store.db.execute(again, (box.id,))
            box.nacks = min(box.nacks, 1)
        return asked - here

    def _give_up(self, box: Box, missing: list[int], now_s: int) -> list[int]:
        """Wait no longer for what was asked for often enough; return the others: they were lost since."""
        query = "SELECT counter FROM nacked WHERE box = ? AND times >= ?"
        often = {row[0] for row in self._store.db.execute(query, (box.id, QUESTIONS))}
        gone = [counter for counter in missing if counter in often]
        if gone:
            self._store.journal(now_s, box.id, "given_up", first=gone[0], last=gone[-1], count=len(gone))
        for counter in gone:
            self._store.add_came(box.id, Came(counter, now_s))
        left = [counter for counter in missing if counter not in often]
        if not left:
            box.gap_s, box.nacks = None, 0
        return left

    def _tell(
        self, box: Box, missing: list[int], now_s: int, *, is_test: bool = False, is_nack: bool = False,
        is_next: bool = False,
    ) -> None:  # fmt: skip
        train = None
        if not missing and not is_test:
            train = self._reports.priors.proposal(box.id, self._reports.schemas.newest(box.id), box.settled, now_s)
        form = forms.Ack(box.settled, tuple(missing[:MISSING_MOST]), now_s, is_test, train)
        try:
            if missing:  # what a restored gateway asks for counts as taken until it is let in again
                session = self._sessions.of(box, now_s)
                session.ask(form.missing)
            self._sessions.send(box, Type.ACK, forms.body(form), "test" if is_test else "ack", now_s)
        except SealError:
            return  # not paired: what is due goes when it is
        box.told, box.told_s = box.settled, now_s
        if is_nack:
            box.nacks, box.nacked_s = box.nacks + is_next, now_s
            self._store.db.executemany(
                "INSERT INTO nacked VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + ?",
                [(box.id, counter, int(is_next)) for counter in form.missing],
            )


def _is_stored(one: Came, acked: dict[int, int]) -> bool:
    is_m = one.m_stream is None or acked.get(one.m_stream, 0) >= one.m_seq
    return is_m and (one.ev_stream is None or acked.get(one.ev_stream, 0) >= one.ev_seq)
