"""What earlier starts tell of the time: when those ended that never learned it, and how late it is at least."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from edge.core.clock import DATED_FROM, TRUST, ClockEntry, Dating
from edge.core.ports import Reader
from edge.core.timekeeping import drift_ms
from edge.core.types import Event, Record

APART_MS: Final = 1000  # between two starts, at least
STARTS_ADDED: Final = 20  # whose length is added to the last time known: it is a floor, so a few may be left out

logger = logging.getLogger(__name__)


def estimated_end(boot: int, dating: Dating, logs: Sequence[Reader[Any]]) -> ClockEntry | None:
    """Return a clock entry for a past start, None while no later one is dated.

    Its last entry is taken to lie just before the next start, so that nothing is dated later than it can have been and
    no two starts overlap.
    """
    following = next((entry for entry in dating.entries() if entry.boot > boot), None)
    if following is None:
        return None
    begin_ms, _ = _span_ms(following.boot, logs)
    utc_ms = following.utc_ms - max(following.at_ms - begin_ms, 0)
    for between in range(following.boot - 1, boot, -1):
        begin_ms, end_ms = _span_ms(between, logs)
        utc_ms -= end_ms - begin_ms + APART_MS
    return ClockEntry(boot, _span_ms(boot, logs)[1], utc_ms - APART_MS, "floor")


def last_known(boot: int, dating: Dating, logs: Sequence[Reader[Any]]) -> tuple[int, str]:
    """Return the UTC ms that it was at least when start `boot` began, and by whose word: of the newest dated start.

    Nothing is written for it: that start's last entry in the logs tells until when it ran, and what the starts after it
    held lasted too, by a crystal that may have been fast: a month without news may have run ahead by minutes, and a
    battery clock that did not must not be refused for that. 0 and none when no start was dated by somebody.
    """
    known = [entry for entry in dating.entries() if TRUST.index(entry.source) >= DATED_FROM and entry.boot < boot]
    if not known:
        return 0, "none"
    newest = known[-1]
    lasted_ms = 0
    try:
        lasted_ms += max(_span_ms(newest.boot, logs)[1] - newest.at_ms, 0)
        for later in range(newest.boot + 1, min(boot, newest.boot + 1 + STARTS_ADDED)):
            begin_ms, end_ms = _span_ms(later, logs)
            lasted_ms += max(end_ms - begin_ms, 0)
    except OSError as exc:  # it is a floor all the same
        logger.warning("until when start %d or a later one ran is not known: %s", newest.boot, exc)
    return newest.utc_ms + lasted_ms - round(drift_ms(lasted_ms)), newest.source


def _span_ms(boot: int, logs: Sequence[Reader[Any]]) -> tuple[int, int]:
    """Return the first and the last instant of a start of which something is held, monotonic; 0 and 0 if nothing."""
    oldest = [entry for log in logs if (entry := entry_of(boot, log, newest=False)) is not None]
    newest = [entry for log in logs if (entry := entry_of(boot, log, newest=True)) is not None]
    begins = (entry.at_ms if isinstance(entry, Event) else entry.start_ms for entry in oldest)
    ends = (entry.at_ms if isinstance(entry, Event) else entry.start_ms + entry.dt_ms for entry in newest)
    return min(begins, default=0), max(ends, default=0)


def last_seen(boot: int, dating: Dating, logs: Sequence[Reader[Any]]) -> dict[str, Any]:
    """Return when a past start was last seen at work: UTC ms and the word of its clock; nothing while it is undated."""
    try:
        end_ms = _span_ms(boot, logs)[1]
    except OSError as exc:  # a card that can't be read there: the start must not wait for it
        logger.warning("when start %d was last at work is not known: %s", boot, exc)
        return {}
    entry = dating.entry(boot, end_ms)
    return {} if entry is None else {"seen_ms": entry.utc_ms + end_ms - entry.at_ms, "seen_trust": entry.source}


def entry_of(boot: int, log: Reader[Any], *, newest: bool) -> Record | Event | None:
    """Return the newest or the oldest entry of a start that is still held: starts only rise, so halving finds it."""
    found: Record | Event | None = None
    low, high = log.first_seq(), log.next_seq()
    while low < high:
        middle = at = (low + high) // 2
        chunk = log.read(at, 1)
        while chunk.gap is not None and chunk.gap.last + 1 < high:
            at = chunk.gap.last + 1
            chunk = log.read(at, 1)
        if chunk.entries and chunk.boot == boot:
            found = chunk.entries[0]
        if not chunk.entries or chunk.boot > boot or (chunk.boot == boot and not newest):
            high = middle
        else:
            low = at + 1
    return found
