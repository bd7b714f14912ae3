"""Time as the box sees it: one injected Clock, how far it may be trusted, and how a monotonic instant becomes UTC.

Durations come from the monotonic clock only. A record keeps (boot, monotonic); the UTC that goes upstream comes from
durable `clock` entries (boot, monotonic, utc, source), so that sending it again gives the same bytes.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import Any, Final, Protocol, runtime_checkable

import msgspec

from hal.sample import Fix

# Lowest first: a better source replaces a worse one, never the other way round.
TRUST: Final = ("none", "floor", "person", "rtc", "gsm", "tic", "ntp")
DATED_FROM: Final = TRUST.index("person")  # the least trust that dates records as they are written


def is_dated(trust: str) -> bool:
    """Return whether a clock of this trust dates records as they are written."""
    return TRUST.index(trust) >= DATED_FROM


class Clock(Protocol):
    """The only source of time. `boot` counts the starts of the station; monotonic instants compare within one boot."""

    boot: int

    def monotonic_ns(self) -> int:
        """Return nanoseconds since some fixed instant; never steps, never goes back."""

    def utc_ms(self) -> int:
        """Return milliseconds since 1970-01-01T00:00Z as the box believes now; may step."""

    def trust(self) -> str:
        """Return the word of TRUST that says where `utc_ms` comes from."""


@runtime_checkable
class TimeSources(Protocol):
    """What a Clock may offer beside the time: it looks at who vouches for it, and hears what others tell."""

    def look(self) -> None:
        """Ask the machine's own witnesses again; called each 10 s."""

    def offer(self, fix: Fix, witness: str) -> str:
        """Take a time that a device or a person tells; return "used", or why it is not (`timekeeping.Verdict`)."""

    def report(self) -> Mapping[str, Any]:
        """Return source, age, error, floor and all that was heard, for people."""


class ClockEntry(msgspec.Struct, frozen=True):
    """At monotonic `at_ms` of start `boot` it was `utc_ms`, by `source` (a word of TRUST)."""

    boot: int
    at_ms: int
    utc_ms: int
    source: str


def entries_of(register: Any) -> list[ClockEntry]:
    """Return the clock entries of a register; nothing of one in a form that another version may have written.

    A word of trust that is not known here dated records where it was written: it counts as the least that does.
    """
    found = []
    for each in register if isinstance(register, list) else ():
        try:
            entry = msgspec.convert(each, ClockEntry)
        except msgspec.ValidationError:
            continue
        found.append(entry if entry.source in TRUST else msgspec.structs.replace(entry, source=TRUST[DATED_FROM]))
    return found


class Dating:
    """Turn (boot, monotonic) into UTC by the durable clock entries.

    An instant takes the newest entry at or before it, or the first of its boot when it is older than all of them:
    entries are only ever appended in monotonic order, so the answer for a written record never changes once
    its boot has an entry.
    """

    def __init__(self) -> None:
        self._entries: dict[int, list[ClockEntry]] = {}

    def add(self, entry: ClockEntry) -> None:
        """Take in an entry; ignored when it is not newer than the last one of its boot."""
        of_boot = self._entries.setdefault(entry.boot, [])
        if not of_boot or entry.at_ms > of_boot[-1].at_ms:
            of_boot.append(entry)

    def entry(self, boot: int, at_ms: int) -> ClockEntry | None:
        """Return the entry that dates this instant, or None while its boot has none."""
        of_boot = self._entries.get(boot)
        if not of_boot:
            return None
        if at_ms >= of_boot[-1].at_ms:  # nearly always
            return of_boot[-1]
        place = bisect.bisect_right(of_boot, at_ms, key=lambda entry: entry.at_ms)
        return of_boot[max(place - 1, 0)]

    def utc_ms(self, boot: int, at_ms: int) -> int | None:
        """Return the UTC of this instant in ms, or None while undated."""
        entry = self.entry(boot, at_ms)
        return None if entry is None else entry.utc_ms + at_ms - entry.at_ms

    def entries(self) -> list[ClockEntry]:
        """Return all entries, oldest boot first, each boot's in their order."""
        return [entry for boot in sorted(self._entries) for entry in self._entries[boot]]
