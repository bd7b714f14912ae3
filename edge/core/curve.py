"""A point on a curve that its device keeps: each sample brings a period that is over, and becomes its record.

A meter's load curve is told late: the mean of the half hour that ended, seconds or minutes after its end, and after the
box was off also the one before. So its periods are not those of the other points: they begin and end where the device
says, a record is made at once when the sample comes, and one that never comes is a BAD record when the one after it
should have come as well. The first record may begin before the box did.
"""

from __future__ import annotations

from typing import Any, Final

from edge.core.counter import ROUND
from edge.core.kinds import Gauge
from edge.core.limit import Limit
from edge.core.point import Actions, Periods
from edge.core.types import PointSpec, Record
from hal.sample import BAD, Past, Sample

NEAR_MS: Final = 5000  # how far a device's clock and ours may differ at the end of a period
LATE_MS: Final = 120_000
LONGEST_MS: Final = 3_600_000
"""A device keeps no longer periods: before its first sample nothing says that one is missing."""


class Curve(Gauge):
    """A gauge whose records are told by the device, each once."""

    __slots__ = ("_dt_ms", "_is_begun")

    def __init__(self, spec: PointSpec, limits: list[Limit], end_of: Periods, now_ms: int) -> None:
        super().__init__(spec, limits, end_of, now_ms)
        self._dt_ms = max(spec.record_ms, LONGEST_MS)  # until the device tells its own
        self._is_begun = False  # before the first sample nothing is known of where periods lie
        self._expect()

    def take(self, sample: Sample, t_ms: int, actions: Actions) -> None:
        """Make a record of a period that is new; else take note of the present value."""
        self.seen_ms = t_ms
        if sample.quality == BAD:
            self.bad(sample.reason, t_ms, actions)
            return
        told = sample if isinstance(sample, Past) else self._as_told(sample)
        raw: Any = told.value
        value = round(raw * self._scale + self._offset, ROUND) if self._is_scaled else raw
        made = Record(self.id, 0, 0, value, told.quality, told.reason)
        if self.low <= value <= self.high:
            self.value, self.quality, self.reason = value, told.quality, told.reason
        else:
            self._refuse(value, t_ms, actions)
            made.value, made.quality, made.reason = None, BAD, self.reason
        if told.dt_ms:
            self._record(made, told.t_ns // 1_000_000, told.dt_ms, actions)
        if made.value is not None and not self.quiet_low <= value <= self.quiet_high:
            self.judge(value, told.quality, told.reason, t_ms, actions)

    def turn(self, t_ms: int, actions: Actions) -> None:
        """Keep a BAD record of each period whose sample did not come, and whose successor's should have."""
        while t_ms >= self.end_ms:
            reason = self.reason if self.quality == BAD else "stale"
            self._save(Record(self.id, self.start_ms, self._dt_ms, None, BAD, reason, 0), actions)
            self.start_ms += self._dt_ms
            self._is_begun = True
            self._expect()

    def close(self, now_ms: int, actions: Actions) -> None:
        """Leave the open period open: the device tells it after the next start."""

    def realign(self, now_ms: int, actions: Actions) -> None:
        """Stay: the device's periods do not move with the box's clock."""

    def _as_told(self, sample: Sample) -> Past:
        """Return a sample without a period as that of the calendar period before it, told once."""
        length_ms = self.spec.record_ms
        end_ms = self._end_of(sample.t_ns // 1_000_000, length_ms) - length_ms
        dt_ms = 0 if self._is_begun and end_ms <= self.start_ms else length_ms
        return Past(sample.point, end_ms * 1_000_000, sample.value, sample.quality, sample.reason, dt_ms=dt_ms)

    def _record(self, made: Record, end_ms: int, dt_ms: int, actions: Actions) -> None:
        """Place the record on the calendar and behind the last one, with a BAD one for what is missing between."""
        whole_ms = self._end_of(end_ms - dt_ms // 2, dt_ms)
        if abs(whole_ms - end_ms) <= NEAR_MS:
            end_ms = whole_ms
        start_ms = end_ms - dt_ms
        if self._is_begun:
            gap_ms = start_ms - self.start_ms
            if gap_ms <= -dt_ms // 2:
                return  # of a time that has its record
            if gap_ms <= NEAR_MS:
                start_ms = self.start_ms
            else:
                self._save(Record(self.id, self.start_ms, gap_ms, None, BAD, "stale", 0), actions)
        made.start_ms, made.dt_ms = start_ms, end_ms - start_ms
        self._save(made, actions)
        self._is_begun, self._dt_ms, self.start_ms = True, dt_ms, end_ms
        self._expect()

    def _expect(self) -> None:
        """Say until when the next sample may come: the one after it may bring it along."""
        self.end_ms = self.start_ms + 2 * self._dt_ms + LATE_MS
