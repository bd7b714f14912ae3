"""What history gives back: records with their UTC, sums of local calendar periods, gaps and journal lines.

The store that keeps them is `edge.store.history`; the API, the exports and the reports ask it through `HistoryReader`.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

from hal.sample import GOOD, Kind, Quality, Value

PeriodLength = Literal["hour", "day", "month"]


class PointInfo(msgspec.Struct, frozen=True):
    """A point that history holds something of, also one that left the settings. Times are UTC ms, end exclusive."""

    point: str
    kind: Kind
    unit: str
    first_ms: int
    end_ms: int


class HistoryRecord(msgspec.Struct, gc=False):
    """A record as stored, its period [t_ms, t_ms + dt_ms[ in UTC. `value` None = BAD. Fields as in `types.Record`.

    `trust` is the word of `clock.TRUST` that dated it; below `person` a GOOD record became UNCERTAIN `clock_unsynced`.
    """

    t_ms: int
    dt_ms: int
    value: Value | None
    quality: Quality = GOOD
    reason: str = ""
    count: int = 1
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    increment: float | None = None
    duration_ms: int | None = None
    changes: int | None = None
    trust: str = ""


class Period(msgspec.Struct, frozen=True):
    """All records of one point that begin in [t_ms, end_ms[ (UTC ms; local hour, day or month), summed up.

    covered_ms + bad_ms + what is missing = end_ms - t_ms: a period without values has covered_ms 0 and no figures.
    """

    t_ms: int
    end_ms: int
    records: int = 0
    covered_ms: int = 0
    """Milliseconds with a value, uncertain ones included."""
    uncertain_ms: int = 0
    bad_ms: int = 0
    mean: float | None = None
    """Weighted by time."""
    low: float | None = None
    low_ms: int | None = None
    """Start of the record that holds it."""
    high: float | None = None
    high_ms: int | None = None
    first: Value | None = None
    last: Value | None = None
    """For a counter: the index at the end."""
    increment: float | None = None
    on_ms: int | None = None
    """A state: how long it was not 0."""
    changes: int | None = None


class HistoryGap(msgspec.Struct, frozen=True):
    """Entries `first`..`last` of a log that nobody has any more, between these two instants as far as is known."""

    stream: str
    first: int
    last: int
    why: str
    from_ms: int | None = None
    to_ms: int | None = None


class JournalLine(msgspec.Struct, frozen=True):
    """One event. `t_ms` is UTC, None while its start of the station is undated; order is that of (stream, seq)."""

    stream: str
    seq: int
    boot: int
    t_ms: int | None
    trust: str
    kind: str
    point: str = ""
    values: dict[str, Any] = {}


class HistoryReader(Protocol):
    """What history answers, from any thread. Ranges are [from_ms, to_ms[ in UTC ms, by the start of each record.

    What is durable in the log but not yet in history's own file is in the answers too.
    """

    def points(self) -> list[PointInfo]:
        """Return all points that something is held of, in the order of their ids."""

    def records(self, point: str, from_ms: int, to_ms: int, limit: int) -> list[HistoryRecord]:
        """Return at most `limit` records in order of time; go on from the last one's t_ms + 1. KeyError: no such point.

        A page always ends between two different t_ms, so that going on misses none.
        """

    def periods(self, point: str, length: PeriodLength, from_ms: int, to_ms: int) -> list[Period]:
        """Return the local calendar periods that begin in the range and hold anything, the running one included."""

    def gaps(self, from_ms: int, to_ms: int) -> list[HistoryGap]:
        """Return what the logs lost and may lie in the range."""

    def journal(self, before: int | None, limit: int, kinds: frozenset[str] = frozenset()) -> list[JournalLine]:
        """Return at most `limit` events of the events log in use, newest first, with a seq below `before`."""
