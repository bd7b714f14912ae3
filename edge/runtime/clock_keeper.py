"""The clock entries of a box: when one is written, and what dates the starts that never learned the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

import msgspec

from edge.core.calendar import instant_ms
from edge.core.clock import DATED_FROM, TRUST, Clock, ClockEntry, Dating, TimeSources, is_dated
from edge.core.commands import Command, Result
from edge.core.text import Text
from edge.core.timekeeping import TimeSet, step_of
from edge.core.types import Event, EventBatch
from hal.sample import Fix

CHECK_MS: Final = 10_000
ENTRIES: Final = 200  # starts and steps that can be dated: months offline at a start a day
SHOWN: Final = 20
PERSON_ERROR_MS: Final = {True: 2000, False: 60_000}
"""How far off a person's time may be, who said the second or only the minute."""


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
        self._sources = clock if isinstance(clock, TimeSources) else None
        self._dating = dating
        self._journal = journal
        self._set_clock = set_clock
        self._estimated = estimated
        self._wanted_boot: int | None = None
        self._guess_ms = 0
        self._steps: list[dict[str, Any]] = []
        self.entered = Dating()
        """What `dating` will hold once all that is on its way to the card is durable."""
        for entry in dating.entries():
            self.entered.add(entry)

    def step(self, now_ms: int) -> None:
        """Write a clock entry when this boot has none that is as good, or when the clock was stepped."""
        if now_ms < self.due_ms:
            return
        self.due_ms = now_ms - now_ms % CHECK_MS + CHECK_MS
        if self._sources is not None:
            self._sources.look()
        self._look_at_clock(now_ms, {})
        self._date_past(now_ms)

    def hear(self, fix: Fix, witness: str) -> None:
        """Take the time of day that a device tells; the first that is believed is entered with the next step."""
        if self._sources is None:
            return
        self._sources.offer(fix, witness)
        known = self.entered.entry(self._clock.boot, fix.t_ns // 1_000_000)
        if known is None or not is_dated(known.source):
            self.due_ms = 0

    def _look_at_clock(self, now_ms: int, more: Mapping[str, Any]) -> None:
        source = self._clock.trust()
        if TRUST.index(source) < DATED_FROM:
            return
        entry, known = self._now_is(source), self.entered.entry(self._clock.boot, now_ms)
        if known is None:
            self._enter(entry, more)
            return
        before_ms = known.utc_ms + entry.at_ms - known.at_ms
        step_ms = entry.utc_ms - before_ms
        if abs(step_ms) >= step_of(source):
            self._enter(entry, {"step_ms": step_ms, "before": before_ms, **more})
        elif more or TRUST.index(source) > TRUST.index(known.source):
            self._enter(entry, more)

    def _now_is(self, source: str) -> ClockEntry:
        at_ms = self._clock.monotonic_ns() // 1_000_000
        return ClockEntry(self._clock.boot, at_ms, self._clock.utc_ms(), source)

    # -- a person sets the time

    def set_by_person(self, command: Command, args: TimeSet, zone: tzinfo) -> Result:
        """Carry out `time.set`: local time of the site, unless it says its own offset."""

        def refused(key: str, **values: Any) -> Result:
            return Result(command.id, done=False, text=Text(key, values))

        if self._sources is None:
            return refused("time_set_fixed")
        try:
            utc_ms, has_seconds = instant_ms(args.at, zone)
        except ValueError as exc:
            return refused("time_set_unclear", at=args.at[:40], why=str(exc))
        before_ms, now_ns = self._clock.utc_ms(), self._clock.monotonic_ns()
        verdict = self._sources.offer(Fix("person", now_ns, utc_ms, PERSON_ERROR_MS[has_seconds]), "person")
        if verdict != "used":
            told = self._sources.report()
            if told["source"] == "person":
                verdict = "settings" if verdict == "worse" else verdict
            return refused(f"time_set_{verdict}", source=told["source"], floor=_local(told["floor"]["utc_ms"], zone))
        change = {"step_ms": utc_ms - before_ms, "before": before_ms}
        self._look_at_clock(now_ns // 1_000_000, {**change, "author": command.author, "channel": command.channel})
        values = {"utc_ms": utc_ms, "before": _local(before_ms, zone), "after": _local(utc_ms, zone)}
        return Result(command.id, done=True, text=Text("time_set_done", {"step_ms": utc_ms - before_ms}), values=values)

    def report(self) -> dict[str, Any]:
        """Return what is believed, by whom, the newest clock entries and the steps of this start, for people."""
        told: Mapping[str, Any] = (
            {"utc_ms": self._clock.utc_ms(), "source": self._clock.trust()}
            if self._sources is None
            else self._sources.report()
        )
        entries = [msgspec.to_builtins(entry) for entry in self.entered.entries()[-SHOWN:]]
        return {**told, "boot": self._clock.boot, "entries": entries, "steps": list(self._steps)}

    # -- guesses

    def guess(self, boot: int, now_ms: int) -> None:
        """Date a start that no source will date any more, or ours after a long wait, by the best guess there is."""
        if self.entered.entry(boot, 0) is not None:
            return
        if boot == self._clock.boot:
            self._enter(self._now_is("floor"), {})
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
        if self.entered.entry(ours, 0) is None:
            if now_ms < self._guess_ms:
                self.due_ms = min(self.due_ms, self._guess_ms)
                return
            self._enter(self._now_is("floor"), {})
        for boot in range(ours - 1, self._wanted_boot - 1, -1):
            entry = None if self.entered.entry(boot, 0) else self._estimated(boot, self.entered)
            if entry is not None:
                self._enter(entry, {})
        self._wanted_boot = None

    def _enter(self, entry: ClockEntry, more: Mapping[str, Any]) -> None:
        """Write a clock entry down; it dates records only once it is durable."""
        self.entered.add(entry)
        if entry.boot == self._clock.boot:
            self._set_clock(entry.utc_ms - entry.at_ms)
        values = {"utc_ms": entry.utc_ms, "source": entry.source, "boot": entry.boot, **more}
        if "step_ms" in values:
            values["before"] = entry.utc_ms - values["step_ms"]  # at the same instant: a thread may have waited between
            self._steps = [*self._steps[1 - SHOWN :], {"at_ms": entry.at_ms, **values}]
        now_ms = self._clock.monotonic_ns() // 1_000_000
        batch = EventBatch(
            self._clock.boot,
            [Event("clock", now_ms, "", values)],
            {"clock": msgspec.to_builtins(self.entered.entries()[-ENTRIES:])},
        )
        self._journal(batch, lambda: self._dating.add(entry))


def _local(utc_ms: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(utc_ms / 1000, zone):%Y-%m-%d %H:%M:%S}"
