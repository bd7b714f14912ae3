"""The load curve of a standard meter: each of its points told once, at its own time.

CCASN is the mean power of the ten, thirty or sixty minutes that ended at its horodate (in all captures DATE is less
than one such step later), CCASN-1 that of the step before. A meter may be 10 s late with them, and goes on sending the
last ones for days when its curve was switched off: a point older than a step and ten minutes is of a curve that is off.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hal.decode.teleinfo import fields
from hal.decode.teleinfo.frames import FrameEnd
from hal.decode.teleinfo.plausible import Judge
from hal.decode.teleinfo.slots import Shown

LONGEST_STEP_S: Final = 3600
LATE_S: Final = 600
EARLY_S: Final = 2


class Told(msgspec.Struct, frozen=True, gc=False):
    """One point of the curve: the mean over the `dt_ms` before `end_ns` (monotonic)."""

    end_ns: int
    dt_ms: int
    watts: int
    doubt: str
    utc_s: int


class Curve:
    """The points of one label."""

    def __init__(self, label: str) -> None:
        self.told_s = 0
        """The end (UTC) of the last point that was found; 0 before the first."""
        self.handed_s = 0
        """The end of the last one that was handed over: what must survive a restart."""
        self.is_on = True
        """Whether the meter still makes points."""
        self.last: Told | None = None
        self._labels = (label,) if label.endswith("-1") else (f"{label}-1", label)
        self._other = label.removesuffix("-1") if label.endswith("-1") else f"{label}-1"
        self._label = label
        self._step_s = 0
        self._new: list[Told] = []

    def see(self, end: FrameEnd, judge: Judge) -> None:
        """Take what a frame says, once its clock and the point are confirmed."""
        date_s = judge.date_s(end)
        shown = judge.shown(self._label)
        utc_s = _ends_s(shown)
        if date_s is None or utc_s is None:
            return
        if (
            self.told_s > date_s + EARLY_S
        ):  # the meter's clock was ahead and has been set back, or the memory is damaged
            self.told_s, self.last = 0, None
        other_s = _ends_s(judge.shown(self._other))
        if other_s is not None and 0 < abs(utc_s - other_s) <= LONGEST_STEP_S:
            self._step_s = abs(utc_s - other_s)
        self.is_on = bool(self._step_s) and date_s - utc_s <= self._reach_s()
        if not self.is_on or (self.told_s == utc_s and self.last is not None):
            return
        for label in self._labels:
            self._tell(judge.shown(label), date_s, end.t_ms)

    def take(self) -> list[Told]:
        """Return and forget the points that are new, in their order."""
        new, self._new = self._new, []
        self.handed_s = self.told_s
        return new

    def forget(self) -> None:
        """Begin anew with another meter."""
        self.told_s, self.last, self._step_s = 0, None, 0
        self._new.clear()

    def _reach_s(self) -> int:
        """Return how old the newest point of this label may be: CCASN-1 is a step older than CCASN."""
        return self._step_s * (1 if len(self._labels) == 2 else 2) + LATE_S

    def _tell(self, shown: Shown | None, date_s: int, t_ms: float) -> None:
        utc_s = _ends_s(shown)
        if shown is None or utc_s is None:
            return
        age_s = date_s - utc_s
        is_newest = shown.group.label == self._label
        if utc_s < self.told_s or not -EARLY_S <= age_s <= self._reach_s() + self._step_s:
            return
        point = Told(
            round((t_ms - age_s * 1000) * 1e6), self._step_s * 1000, int(shown.group.value), shown.doubt, utc_s
        )
        if utc_s > self.told_s and (self.told_s or is_newest):  # at the very first only the newest
            self._new.append(point)
            self.told_s = utc_s
        if is_newest:
            self.last = point


def _ends_s(shown: Shown | None) -> int | None:
    """Return the horodate of a confirmed point as UTC seconds; None for one that nobody can date."""
    if shown is None or shown.doubt not in ("", "clock_degraded") or not shown.group.horodate:
        return None
    try:
        return fields.horodate(shown.group.horodate).utc_s
    except ValueError:
        return None
