"""The worker that fills history from the logs, each entry exactly once.

It is a consumer of both logs. What it makes of their entries and how far it got stand in one transaction; the logs' own
cursors follow. Every five minutes it takes what came and packs it in RAM; when the records of an hour are complete, one
transaction writes them. After an unclean stop the log still has what was not written. A card that is full or can't be
written is a state, said once: meanwhile the log keeps everything.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Callable
from typing import Final

from edge.core.clock import Clock, is_dated
from edge.store.fs import FormatError
from edge.store.history import CONSUMER, HEAD_OCTETS, History
from edge.store.history_blocks import BlockPacker
from edge.store.history_opening import Opening, Tell
from edge.store.history_room import drop_above, drop_aged, make_room
from edge.store.history_schema import cause_of, is_card, is_damage, transaction
from edge.store.history_slices import Slice
from edge.store.history_write import Writing

TICK_S: Final = 300.0
OLDEST_S: Final = 3900.0  # what was taken so long ago is written though its hour goes on
AGE_S: Final = 3000.0  # between two looks at what is too old: one a full hour, however often events are written
EVENTS: Final = 1000  # so many that are not in the file yet are written at once
WORK: Final = 4000  # records prepared for the file in one step
MERGE_POINTS: Final = 20  # packed anew in one step
PAUSES: Final = 1.0  # of what a step took, while there is more to do: half the processor at the most
CLOSING_NS: Final = 700_000_000  # what is not ready by then is taken from the log at the next start
BACK_OFF_S: Final = (5.0, 60.0, 300.0)

log = logging.getLogger(__name__)


class Historian:
    """Fills a history. `tell` hears kind and words of an event: history_degraded, history_ok, history_rebuilt."""

    name = "historian"

    def __init__(
        self,
        history: History,
        clock: Clock,
        *,
        raw_days: int,
        max_mb: int,
        tell: Tell = lambda _kind, _words: None,
        want_clock: Callable[[int], None] = lambda _boot: None,
        spread_s: float = 60.0,
    ) -> None:
        """`want_clock` hears which past start has no date though this one has: nothing but a guess will give it one.

        `spread_s`: how long after each five minutes it wakes, so that the boxes of a site don't do it together.
        """
        self.history = history
        self._clock = clock
        self._raw_days = raw_days
        self._max_octets = max_mb << 20
        self._tell = tell
        self._want_clock = want_clock
        self._spread_s = spread_s
        self._writing: Writing | None = None
        self._file = Opening(history, tell)
        self._why = ""
        """What is wrong with the file that was just set aside."""
        self._packer = BlockPacker()
        self._taken_s: float | None = None  # since when the head holds something
        self._events_s = 0.0
        self._age_s = float("-inf")
        self._next_s = 0.0
        self._failures = 0
        self._failed_s: float | None = None

    # -- the worker

    def filenos(self) -> list[int]:
        """Nothing wakes it but time."""
        return []

    def step(self, now_s: float) -> float:
        """Do a slice of what is to be done; return when to be called again."""
        began_ns = self._clock.monotonic_ns()
        try:
            if now_s < self._next_s or self.history.refused or not self._work(now_s):
                return max(self._next_s, now_s)
        except FormatError as exc:
            self.history.refused = str(exc)
            self._degrade("newer", exc, now_s)
            self._next_s = float("inf")
        except sqlite3.Error as exc:
            self._failed(exc, now_s)
        except OSError as exc:
            self._fail("EIO" if exc.errno is None else _word(exc.errno), exc, now_s)
        if self._next_s > now_s:
            return self._next_s
        return now_s + PAUSES * (self._clock.monotonic_ns() - began_ns) / 1e9

    def _work(self, now_s: float) -> bool:
        """Do one thing; return False when there is nothing left to do before the next tick."""
        history = self.history
        if history.file.connection is None:
            self._open()
            return True
        if history.is_suspect:
            history.is_suspect = False
            if not history.file.is_sound():
                self._set_aside("found by an answer")
                return True
        if self._writing is not None:
            if self._writing.work(WORK):
                self._commit(self._writing, now_s)
            return True
        due = self._due(now_s)
        if due is not None:
            if due:
                history.head.freeze(due[-1].last)
            self._writing = Writing(history.file.connection, history.known, self._packer, history.zone, due)
            return True
        if self._file.go_on():
            return True
        if history.head.merge(MERGE_POINTS):
            return True
        if history.head.consume():
            self._taken_s = now_s if self._taken_s is None else self._taken_s
            return True
        undated = history.head.undated_boot
        if undated is not None and undated < self._clock.boot and history.head.dating.entry(self._clock.boot, 0):
            self._want_clock(undated)
        self._next_s = (now_s // TICK_S + 1) * TICK_S + self._spread_s
        return False

    def _due(self, now_s: float) -> tuple[Slice, ...] | None:
        """Return what is to be written now, None for nothing: an hour that is over, or more than RAM should hold."""
        slices = self.history.head.slices
        hours = [part.hour for part in slices if part.parts]
        if hours and hours[-1] > hours[0]:
            end = next(at for at, part in enumerate(slices) if part.parts and part.hour > hours[0])
            return slices[:end]
        if self._taken_s is None and slices:  # an answer took them
            self._taken_s = now_s
        is_old = self._taken_s is not None and now_s - self._taken_s >= OLDEST_S
        if slices and (is_old or self.history.head.octets > HEAD_OCTETS):
            return slices
        events = self.history.events_log.next_seq() - 1 - self.history.events_log.cursor(CONSUMER)
        if events >= EVENTS or (events and now_s - self._events_s >= OLDEST_S):
            return ()
        return None

    # -- the transaction

    def _commit(self, writing: Writing, now_s: float) -> None:
        history, connection = self.history, self.history.file.connection
        if connection is None:
            return
        with transaction(connection):
            writing.store(history.records_log.stream)
            events = history.events.store(connection)
            uptime_s = self._clock.monotonic_ns() / 1e9
            if uptime_s >= self._age_s and is_dated(self._clock.trust()):
                drop_aged(connection, self._clock.utc_ms(), self._raw_days)
                self._age_s = uptime_s + AGE_S
            drop_above(connection, self._max_octets)
        self._writing = None
        self._events_s = now_s
        history.damaged_blocks += writing.blocks.damaged
        if writing.slices:
            history.head.drop(writing.slices[-1].last)
            history.records_log.acknowledge(CONSUMER, writing.slices[-1].last)
        history.events_log.acknowledge(CONSUMER, events)
        self._taken_s = now_s if history.head.slices else None
        self._succeeded(now_s)

    # -- opening

    def keep(self, *, raw_days: int, max_mb: int) -> None:
        """Keep records so long, and so many of them, from now on."""
        self._raw_days, self._max_octets = raw_days, max_mb << 20

    def open(self) -> None:
        """Open the file now, so that what is found can be told at the start. Never raises: `step` tries again."""
        self.step(0.0)

    def _open(self) -> None:
        """Open or make the file, and begin where it ends."""
        if self._file.open(self._why):
            self._why = ""
            self._writing = None
            self._taken_s = None

    # -- failing

    def _failed(self, exc: sqlite3.Error, now_s: float) -> None:
        """Take an error of SQLite for what it is: damage, a full card, a card that can't be used, or a bug."""
        connection = self.history.file.connection
        if connection is not None and is_damage(exc) and not self.history.file.is_sound():
            self._set_aside(str(exc))
            return
        if not is_card(exc):
            raise exc  # a bug: the supervisor tells it and calls again
        self._fail(_word(cause_of(exc)), exc, now_s)
        if self.history.degraded == "ENOSPC" and connection is not None:
            self._make_room(connection)
        else:
            self._give_up_file()

    def _set_aside(self, why: str) -> None:
        """Put the damaged file aside; the next step makes a new one."""
        self._give_up_file()
        self.history.file.set_aside()
        self._why = why

    def _give_up_file(self) -> None:
        """Close the file, to be opened anew; what is packed in RAM stays until its cursor is read again."""
        self._writing = None
        self._file.close()

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """On a full card: give up the reserve and the oldest records, and try again soon."""
        octets = self._writing.octets if self._writing is not None else 0
        self._writing = None
        self.history.known.load(connection)
        is_first = self.history.file.free_reserve()
        try:
            hours = make_room(connection, octets)
        except sqlite3.Error as exc:
            log.warning("history finds no room: %s", exc)
            return
        if hours:
            log.warning("history: the records of the %d oldest hours were dropped, the card is full", hours)
        if is_first or hours:
            self._next_s = 0.0

    def _fail(self, why: str, exc: Exception, now_s: float) -> None:
        self._degrade(why, exc, now_s)
        self._next_s = now_s + BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1

    def _degrade(self, why: str, exc: Exception, now_s: float) -> None:
        if not self.history.degraded:
            self._failed_s = now_s
            log.error("history can't be written: %s; the log keeps everything", exc)
            self._tell("history_degraded", {"why": why})
        self.history.degraded = why

    def _succeeded(self, now_s: float) -> None:
        self._failures = 0
        self.history.file.keep_reserve()
        if self.history.degraded and self.history.file.has_reserve:
            lasted_s = round(now_s - (self._failed_s or now_s))
            log.warning("history can be written again after %d s", lasted_s)
            self._tell("history_ok", {"lasted_s": lasted_s})
            self.history.degraded = ""

    def close(self) -> None:
        """Write what there is, unless that takes too long or fails: the log has it all."""
        end_ns = self._clock.monotonic_ns() + CLOSING_NS
        try:
            self._write_all(end_ns)
        except (sqlite3.Error, OSError) as exc:
            log.warning("history is not written at the end: %s", exc)
        self._give_up_file()

    def _write_all(self, end_ns: int) -> None:
        history = self.history
        if history.file.connection is None:
            return
        while self._clock.monotonic_ns() < end_ns and history.head.consume():
            pass
        writing = Writing(history.file.connection, history.known, self._packer, history.zone, history.head.slices)
        while not writing.work(WORK):
            if self._clock.monotonic_ns() >= end_ns:
                return
        self._commit(writing, 0.0)


def _word(number: int) -> str:
    """Return the system's word for an error."""
    return errno.errorcode.get(number, "unknown")
