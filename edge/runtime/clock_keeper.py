"""The clock entries of a box: when one is written, and what dates the starts that never learned the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from edge.core.clock import DATED_FROM, TRUST, Clock, ClockEntry, Dating
from edge.core.types import Event, EventBatch

CHECK_MS: Final = 10_000
STEP_MS: Final = 2000  # a larger difference from the last entry is a step, not slewing
ENTRIES: Final = 200  # starts and steps that can be dated: months offline at a start a day


class ClockKeeper:
    """Writes clock entries to the events log; each dates records only once it is durable."""

    def __init__(
        self,
        clock: Clock,
        dating: Dating,
        journal: Callable[[EventBatch, Callable[[], None] | None], None],
        set_clock: Callable[[int], None],
        estimated: Callable[[int, Dating], ClockEntry | None],
    ) -> None:
        """`set_clock` takes UTC minus monotonic (ms) for the calendar; `estimated` is a guess for a past start."""
        self.undated_wait_s = 900.0
        """How long a past start without a date waits for a source to date ours, before a guess dates both."""
        self.due_ms = 0
        """When to be called at the latest."""
        self._clock = clock
        self._dating = dating
        self._journal = journal
        self._set_clock = set_clock
        self._estimated = estimated
        self._wanted_boot: int | None = None
        self._guess_ms = 0
        self._entered = Dating()
        """What `dating` will hold once all that is on its way to the card is durable."""
        for entry in dating.entries():
            self._entered.add(entry)

    def step(self, now_ms: int) -> None:
        """Write a clock entry when this boot has none that is as good, or when the clock was stepped."""
        if now_ms < self.due_ms:
            return
        self.due_ms = now_ms - now_ms % CHECK_MS + CHECK_MS
        self._look_at_clock(now_ms)
        self._date_past(now_ms)

    def _look_at_clock(self, now_ms: int) -> None:
        source = self._clock.trust()
        if TRUST.index(source) < DATED_FROM:
            return
        known = self._entered.entry(self._clock.boot, now_ms)
        if known is not None:
            better = TRUST.index(source) > TRUST.index(known.source)
            drift_ms = abs(self._clock.utc_ms() - (known.utc_ms + now_ms - known.at_ms))
            if not better and drift_ms < STEP_MS:
                return
        self._enter(self._now_is(source))

    def _now_is(self, source: str) -> ClockEntry:
        at_ms = self._clock.monotonic_ns() // 1_000_000
        return ClockEntry(self._clock.boot, at_ms, self._clock.utc_ms(), source)

    def guess(self, boot: int, now_ms: int) -> None:
        """Date a start that no source will date any more, or ours after a long wait, by the best guess there is."""
        if self._entered.entry(boot, 0) is not None:
            return
        if boot == self._clock.boot:
            self._enter(self._now_is("floor"))
        elif self._wanted_boot is None:
            self._wanted_boot, self._guess_ms = boot, now_ms + round(self.undated_wait_s * 1000)
        else:
            self._wanted_boot = min(self._wanted_boot, boot)
        self._date_past(now_ms)

    def _date_past(self, now_ms: int) -> None:
        """Date past starts that wait for it by what followed: newest first, ours before them, by a guess if need be."""
        ours = self._clock.boot
        if self._wanted_boot is None:
            return
        if self._entered.entry(ours, 0) is None:
            if now_ms < self._guess_ms:
                self.due_ms = min(self.due_ms, self._guess_ms)
                return
            self._enter(self._now_is("floor"))
        for boot in range(ours - 1, self._wanted_boot - 1, -1):
            entry = None if self._entered.entry(boot, 0) else self._estimated(boot, self._entered)
            if entry is not None:
                self._enter(entry)
        self._wanted_boot = None

    def _enter(self, entry: ClockEntry) -> None:
        """Write a clock entry down; it dates records only once it is durable."""
        if entry.boot == self._clock.boot:
            self._set_clock(entry.utc_ms - entry.at_ms)
        self._entered.add(entry)
        values = {"utc_ms": entry.utc_ms, "source": entry.source, "boot": entry.boot}
        now_ms = self._clock.monotonic_ns() // 1_000_000
        batch = EventBatch(
            self._clock.boot,
            [Event("clock", now_ms, "", values)],
            {"clock": msgspec.to_builtins(self._entered.entries()[-ENTRIES:])},
        )
        self._journal(batch, lambda: self._dating.add(entry))
