"""Peaks: the highest value of a day, a month and a year of gauges, and when it was; for sizing a subscription.

From the records' own maximum, so that a peak between two readings that are kept is not lost; its time is that of the
record that holds it. The first of two equal ones counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from edge.core.calendar import HOUR_MS
from edge.core.engine import Engine
from edge.core.part import Part
from edge.core.placing import Placing
from edge.core.types import NEVER, Event, Record

REGISTER: Final = "peaks/"
POWERS: Final = frozenset({"W", "kW", "VA", "kVA", "var", "kvar", "A"})
"""Units of gauges whose peaks are kept; others have them where they have a role."""
PeakStep: TypeAlias = Literal["day", "month", "year"]
STEPS: Final[tuple[PeakStep, ...]] = ("day", "month", "year")
KEPT: Final = 2  # periods of each length: the present and the former one
WAITING_MOST: Final = 64
SETTLE_MS: Final = 60_000


class Peak(msgspec.Struct, frozen=True, array_like=True):
    """The highest value of a period, and the UTC ms at which its record begins."""

    value: float
    t_ms: int


class Undated(msgspec.Struct, frozen=True, array_like=True):
    """The highest value of an hour of a start that has no date yet."""

    boot: int
    at_ms: int
    value: float


class Kept(msgspec.Struct):
    """What is known of one gauge."""

    peaks: dict[str, dict[int, Peak]] = {}
    """Step -> beginning of the local period (UTC ms) -> peak."""
    waiting: list[Undated] = []

    def take(self, placing: Placing, value: float, utc_ms: int) -> bool:
        """Take a record's highest value; return whether it is a peak of anything."""
        is_peak = False
        for step in STEPS:
            held = self.peaks.setdefault(step, {})
            begin_ms = placing.bounds(utc_ms, step)[0]
            known = held.get(begin_ms)
            if known is not None and (value, -utc_ms) <= (known.value, -known.t_ms):
                continue
            held[begin_ms] = Peak(value, utc_ms)
            if len(held) > KEPT:  # a day that has not come yet, by a clock that was wrong, goes first
                now_ms = placing.now_utc_ms()
                del held[max(held) if now_ms is not None and max(held) > now_ms else min(held)]
            is_peak = True
        return is_peak

    def wait(self, boot: int, at_ms: int, value: float) -> bool:
        """Keep a value until its start is dated; return whether it is the highest of its hour."""
        last = self.waiting[-1] if self.waiting else None
        if last is not None and (last.boot, last.at_ms // HOUR_MS) == (boot, at_ms // HOUR_MS):
            if value <= last.value:
                return False
            self.waiting.pop()
        self.waiting.append(Undated(boot, at_ms, value))
        if len(self.waiting) > WAITING_MOST:  # of two neighbours the higher stays
            pairs = [self.waiting[at : at + 2] for at in range(0, len(self.waiting), 2)]
            self.waiting = [max(pair, key=lambda one: one.value) for pair in pairs]
        return True


class Peaks(Part):
    """The peaks of the gauges of a site."""

    in_records = True

    def __init__(self, saved: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._saved = saved or {}
        self._placing = Placing()
        self.kept: dict[str, Kept] = {}
        self._changed: set[str] = set()
        self._below: dict[str, tuple[float, int, int]] = {}
        """Point -> peak of a day, its begin and end (monotonic ms): what is not above it can be no peak."""

    def attach(self, site: Engine) -> None:
        """Take the gauges whose peaks are asked for."""
        self.site = site
        self._placing.attach(site)
        for point in site.points.values():
            if point.spec.kind == "gauge" and (point.spec.unit in POWERS or point.spec.role):
                self.kept[point.id] = self._loaded(point.id)
        site.listen(self.kept)
        self._settle(site.now_ms)

    def _loaded(self, point: str) -> Kept:
        try:
            return msgspec.convert(self._saved.get(f"{REGISTER}{point}", {}), Kept, strict=False)
        except msgspec.ValidationError as exc:
            fault = {"worker": "peaks", "text": f"{point} begins anew: {exc}"[:200]}
            self.site.emit(Event("fault", self.site.now_ms, point, fault))
            return Kept()

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Look at the highest value of each record."""
        kept = self.kept
        for record in records:
            found = kept.get(record.point)
            if found is None:
                continue
            high: Any = record.value if record.high is None else record.high
            if high is None:
                continue
            most, begin_ms, end_ms = self._below.get(record.point, (NEVER, 0, 0))
            if high > most or not begin_ms <= record.start_ms < end_ms:
                self._take(record.point, found, high, record.start_ms)

    def _take(self, point: str, found: Kept, value: float, start_ms: int) -> None:
        utc_ms = self._placing.utc_ms(self.site.boot, start_ms)
        if utc_ms is None:
            is_new = found.wait(self.site.boot, start_ms, value)
            self.due_ms = min(self.due_ms, self.site.now_ms + SETTLE_MS)
        else:
            is_new = found.take(self._placing, value, utc_ms)
            begin_ms, end_ms = self._placing.bounds(utc_ms, "day")
            known = found.peaks["day"].get(begin_ms)
            if known is not None and self._placing.is_by_newest(start_ms):
                offset_ms = utc_ms - start_ms
                self._below[point] = (known.value, begin_ms - offset_ms, end_ms - offset_ms)
        if is_new:
            self._changed.add(point)
            self.is_changed = True

    def set_clock(self, now_ms: int) -> None:
        """Give what waited its place."""
        self._placing.set_clock(now_ms)
        self._below.clear()
        self._settle(now_ms)

    def step(self, now_ms: int) -> None:
        """Look whether what waits was dated meanwhile."""
        self._settle(now_ms)

    def _settle(self, now_ms: int) -> None:
        self.due_ms = NEVER
        for point, found in self.kept.items():
            waiting, found.waiting = found.waiting, []
            for one in waiting:
                utc_ms = self._placing.utc_ms(one.boot, one.at_ms)
                if utc_ms is None:
                    found.waiting.append(one)
                else:
                    found.take(self._placing, one.value, utc_ms)
            if len(found.waiting) < len(waiting):
                self._changed.add(point)
                self.is_changed = True
            if found.waiting:
                self.due_ms = now_ms + SETTLE_MS

    # -- what is asked

    def peak(self, point: str, step: PeakStep, back: int = 0) -> Peak | None:
        """Return the peak of the present local day, month or year, or of the one before; None: nothing is known.

        Raises KeyError for a point whose peaks are not kept.
        """
        held, now_ms = self.kept[point].peaks.get(step, {}), self._placing.now_utc_ms()
        return None if now_ms is None else held.get(self._placing.bounds(now_ms, step, back)[0])

    # -- registers

    def registers(self) -> dict[str, Any]:
        """Return what changed."""
        changed, self._changed = self._changed, set()
        return {f"{REGISTER}{point}": _plain(self.kept[point]) for point in sorted(changed)}

    def saved(self) -> dict[str, Any]:
        """Return all of it."""
        return {f"{REGISTER}{point}": _plain(found) for point, found in self.kept.items()}


def _plain(found: Kept) -> dict[str, Any]:
    """Return it as JSON gives it back: the keys of a table are texts there."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
    return plain
