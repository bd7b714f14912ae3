"""Dating a start of the box that never learned the time: at the latest, when the next start that did began."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from edge.core.clock import ClockEntry, Dating
from edge.core.ports import Reader
from edge.core.types import Event, Record

BEFORE_NEXT_MS: Final = 1000


def estimated_end(boot: int, dating: Dating, logs: Iterable[Reader[Any]]) -> ClockEntry | None:
    """Return a clock entry for a past start, None while no later one is dated.

    Its last entry is taken to lie just before that later start, so that nothing is dated later than it can have been.
    """
    following = next((entry for entry in dating.entries() if entry.boot > boot), None)
    if following is None:
        return None
    last_ms = max((_ends_ms(last) for last in (last_entry(log, boot) for log in logs) if last is not None), default=0)
    return ClockEntry(boot, last_ms, following.utc_ms - BEFORE_NEXT_MS, "floor")


def last_entry(log: Reader[Any], boot: int) -> Record | Event | None:
    """Return the newest entry of a start that is still held: starts follow each other, so halving finds it."""
    low, high = log.first_seq(), log.next_seq()  # what lies before `low` is of this start or older, from `high` newer
    newest: Record | Event | None = None
    while low < high:
        middle = at = (low + high) // 2
        chunk = log.read(at, 1)
        while chunk.gap is not None and chunk.gap.last + 1 < high:
            at = chunk.gap.last + 1
            chunk = log.read(at, 1)
        if not chunk.entries or chunk.boot > boot:
            high = middle
            continue
        low = at + 1
        if chunk.boot == boot:
            newest = chunk.entries[0]
    return newest


def _ends_ms(entry: Record | Event) -> int:
    return entry.at_ms if isinstance(entry, Event) else entry.start_ms + entry.dt_ms
