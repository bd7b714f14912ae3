"""What limits must not forget at a restart: how long a flow never rested, a rate's window, the period of a consumption.

Written with the records, now and then: a power cut loses five minutes of it, or of a leak's time a hundredth.
Instants are kept by the monotonic clock of their start and moved by the offsets to UTC, once both starts have a date.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from edge.core.calendar import bounds_ms
from edge.core.engine import Engine
from edge.core.limit import Limit
from edge.core.measure_time import Consumption
from edge.core.part import Part
from edge.core.totals import Totals, TotalStep
from edge.core.types import Event

PREFIX: Final = "limit/"


class LimitMemory(Part):
    """The part that keeps what limits measure over time, and tells consumptions their calendar."""

    in_records = True

    def __init__(self, saved: Mapping[str, Any] | None = None) -> None:
        """Go on from the registers of the records' log."""
        self._kept: list[Limit] = []
        super().__init__()
        self._saved = {name: each for name, each in (saved or {}).items() if name.startswith(PREFIX)}
        self._waiting: list[Limit] = []
        """Those whose instants can't be moved to this start yet: it has no date."""

    def attach(self, site: Engine) -> None:
        """Give each measure what it had before the restart."""
        self.site = site
        self._kept = [limit for limit in site.limits.values() if limit.measure and limit.measure.saved() is not None]
        for limit in self._kept:
            if isinstance(limit.measure, Consumption):
                self._place(limit.measure)
            if PREFIX + limit.spec.id in self._saved and not self._restore(limit):
                self._waiting.append(limit)

    def set_clock(self, now_ms: int) -> None:
        """Restore what waited for a date."""
        self._waiting = [limit for limit in self._waiting if not self._restore(limit)]

    @property
    def is_changed(self) -> bool:
        """Whether a measure has moved far enough."""
        return any(limit.measure and limit.measure.is_moved for limit in self._kept)

    @is_changed.setter
    def is_changed(self, changed: bool) -> None:
        for limit in self._kept if not changed else ():
            if limit.measure:
                limit.measure.is_moved = False

    def close(self, now_ms: int) -> None:
        """Have all of it written with the last records."""
        for limit in self._kept:
            if limit.measure:
                limit.measure.is_moved = True

    def registers(self) -> dict[str, Any]:
        """Return the measures that have moved."""
        return self._registers([limit for limit in self._kept if limit.measure and limit.measure.is_moved])

    def saved(self) -> dict[str, Any]:
        """Return all measures as they stand."""
        return self._registers(self._kept)

    def _registers(self, limits: list[Limit]) -> dict[str, Any]:
        site = self.site
        start = {"boot": site.boot, "offset": site.utc_offset_ms if site.is_dated else None}
        return {
            PREFIX + limit.spec.id: {**start, "kind": limit.spec.kind, **(limit.measure.saved() or {})}
            for limit in limits
            if limit.measure
        }

    def _restore(self, limit: Limit) -> bool:
        """Give the measure its state, if its instants can be moved to this start; return whether that is done."""
        try:
            return self._restored(limit, self._saved[PREFIX + limit.spec.id])
        except (KeyError, TypeError, ValueError) as exc:  # written by another version, or not by us
            fault = {"worker": "limits", "text": f"{limit.spec.id} begins anew: {type(exc).__name__} {exc}"[:200]}
            self.site.emit(Event("fault", self.site.now_ms, limit.spec.point, fault))
            return True

    def _restored(self, limit: Limit, saved: Mapping[str, Any]) -> bool:
        site, measure = self.site, limit.measure
        if measure is None or saved["kind"] != limit.spec.kind:  # the settings have another limit of this name now
            return True
        is_same_start = saved["boot"] == site.boot
        if not is_same_start and measure.has_instants:
            if saved["offset"] is None:  # nobody will ever know when that was
                return True
            if not site.is_dated:
                return False
        measure.restore(saved, 0 if is_same_start else (saved["offset"] or 0) - site.utc_offset_ms)
        return True

    def _place(self, measure: Consumption) -> None:
        site, per = self.site, measure.spec.per
        if per not in {"hour", "day", "week", "month"}:
            return
        step: TotalStep = per

        def bounds_of(t_ms: int) -> tuple[int, int] | None:
            if not site.is_dated:
                return None
            offset_ms = site.utc_offset_ms
            begin_ms, end_ms = bounds_ms(t_ms + offset_ms, step, site.zone)
            return begin_ms - offset_ms, end_ms - offset_ms

        measure.bounds_of = bounds_of
        try:
            totals = site.part(Totals)
        except KeyError:  # a site made by hand without
            return
        measure.moved = lambda: totals.moved(measure.spec.point, step)
