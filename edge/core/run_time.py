"""How long machines ran and how often they started, by the point that tells whether they run.

Time in which that point had no value, or the box was off, is not run time; a machine that was at rest before it and
runs after it has started once. Of several gaps between two looks only the last is seen. What was counted is handed on
once a minute and where a machine starts or stops, in the frame of the records: a power cut takes back both alike, the
run time of a minute at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Final

import msgspec

from edge.core.engine import Engine
from edge.core.equipment import FED_MS, EquipmentSpec, hours_point, starts_point
from edge.core.part import Part
from edge.core.types import Event, Record
from hal.sample import BAD, Sample

LOOK_MS: Final = 5000  # a gauge is looked at so often; a state's edges come with their own time
BEFORE_END_MS: Final = 500  # fed so long before the minute ends, what was counted is in the records that end with it


class Run(msgspec.Struct):
    """What one machine has run; `runs` is what was last known of it."""

    run_ms: int = 0
    starts: int = 0
    runs: bool | None = None


class _Count:
    """A machine that is counted: up to when, and as what."""

    __slots__ = ("at_ms", "began", "is_on", "run", "spec", "told")

    def __init__(self, spec: EquipmentSpec, run: Run, now_ms: int) -> None:
        self.spec = spec
        self.run = run
        self.began = copy(run)
        self.told = copy(run)
        """What the counters were fed last, and what is durable."""
        self.at_ms = now_ms
        self.is_on: bool | None = None
        """Whether it runs since `at_ms`; None while nobody knows."""

    def see(self, now_ms: int, value: Any, bad_since_ms: int, was: Any = None) -> None:
        """Count up to now; from now on it is as this value says, None where there is none.

        `bad_since_ms`: where the point last lost its value; `was`: the last one before this, where that is told.
        """
        now_ms = max(now_ms, self.at_ms)
        if was is not None:
            self.run.runs = was > self.spec.runs_above
        if self.is_on and self.at_ms <= bad_since_ms <= now_ms:  # also when it has one again meanwhile
            self.run.run_ms += bad_since_ms - self.at_ms
            self.is_on = None
        if self.is_on:
            self.run.run_ms += now_ms - self.at_ms
        self.at_ms = now_ms
        self.is_on = None if value is None else value > self.spec.runs_above
        if self.is_on is None:
            return
        if self.is_on and self.run.runs is False:
            self.run.starts += 1
        self.run.runs = self.is_on

    @property
    def has_edge(self) -> bool:
        """Whether it started or stopped since its counters were fed."""
        return self.run.runs != self.told.runs or self.run.starts != self.told.starts

    def samples(self, now_ms: int) -> list[Sample]:
        """Return what it counted in this start, as its two counters take it."""
        t_ns, run, began = now_ms * 1_000_000, self.run, self.began
        self.told = copy(run)
        return [
            Sample(hours_point(self.spec.id), t_ns, run.run_ms - began.run_ms),
            Sample(starts_point(self.spec.id), t_ns, run.starts - began.starts),
        ]


class RunTime(Part):
    """Run hours and starts of all machines that say by which point they run."""

    in_records = True

    def __init__(self, specs: Sequence[EquipmentSpec], saved: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._specs = [spec for spec in specs if spec.runs]
        self._runs = msgspec.convert((saved or {}).get("run_time", {}), dict[str, Run])
        self._counts: list[_Count] = []
        self._by_point: dict[str, list[_Count]] = {}
        self._feed_ms = 0
        """When all counters are fed next."""

    def of(self, machine: str) -> Run:
        """Return what a machine has run in all; nothing where nobody counts."""
        return self._runs.get(machine, Run())

    def is_running(self, machine: str) -> bool | None:
        """Return whether it runs; None while nobody knows."""
        return next((count.is_on for count in self._counts if count.spec.id == machine), None)

    def attach(self, site: Engine) -> None:
        """Begin to count where the records remember, at a standstill until the first reading."""
        self._site = site
        for spec in self._specs:
            count = _Count(spec, self._runs.setdefault(spec.id, Run()), site.now_ms)
            self._counts.append(count)
            self._by_point.setdefault(spec.runs, []).append(count)
        if self._counts:
            self._count(site.now_ms)

    def set_clock(self, now_ms: int) -> None:
        """Feed before the end of the minutes of the calendar."""
        if self._counts:
            self._plan(now_ms)

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Follow the edges of states, each at its own instant."""
        edges = [event for event in events if event.kind == "state" and event.point in self._by_point]
        for event in edges:
            since_ms = self._site.points[event.point].bad_since_ms
            for count in self._by_point[event.point]:
                count.see(event.at_ms, event.values["v"], since_ms, event.values["was"])
        if edges:
            self._feed([count for count in self._counts if count.has_edge], self._site.now_ms)

    def step(self, now_ms: int) -> None:
        """Look at all, and feed the counters of those that started or stopped; once a minute all."""
        self._look(now_ms)
        is_due = now_ms >= self._feed_ms
        self._feed([count for count in self._counts if is_due or count.has_edge], now_ms)
        self._plan(now_ms)

    def _count(self, now_ms: int) -> None:
        """Look at all, and feed all counters."""
        self._feed_ms = now_ms
        self.step(now_ms)

    def _look(self, now_ms: int) -> None:
        for count in self._counts:
            point = self._site.points[count.spec.runs]
            count.see(now_ms, None if point.quality == BAD else point.value, point.bad_since_ms)

    def _plan(self, now_ms: int) -> None:
        """Say when to look next, and when to feed."""
        self._feed_ms = self._site.period_end_ms(now_ms + BEFORE_END_MS, FED_MS) - BEFORE_END_MS
        self.due_ms = min(now_ms - now_ms % LOOK_MS + LOOK_MS, self._feed_ms)

    def _feed(self, counts: Sequence[_Count], now_ms: int) -> None:
        """Feed the counters of these machines; their registers and ours go into the same frame."""
        samples = []
        for count in counts:
            self.is_changed = self.is_changed or count.run != count.told
            samples += count.samples(now_ms)
        if samples:
            self._site.feed(samples, now_ms)

    def close(self, now_ms: int) -> None:
        """Count up to the end."""
        if self._counts:
            self._count(now_ms)

    def saved(self) -> dict[str, Any]:
        """Return what was counted up to now: who goes on from it loses nothing."""
        if self._counts:
            self._count(self._site.now_ms)
        return self.registers()

    def registers(self) -> dict[str, Any]:
        """Return what was counted in all when the counters were fed."""
        told = {count.spec.id: count.told for count in self._counts}
        return {"run_time": msgspec.to_builtins({**self._runs, **told})}
