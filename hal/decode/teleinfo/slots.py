"""What is believed of one label of one meter, frame after frame. Pure state machines, one a role."""

from __future__ import annotations

from typing import Final

import msgspec

from hal.decode.teleinfo.frames import FrameEnd
from hal.decode.teleinfo.groups import Group

HOLD_MS: Final = 30_000  # a confirmed value stands this long before an unconfirmed one is shown instead of it
FRAMES_TO_CONFIRM: Final = 2
FRAMES_TO_REPLACE: Final = 3


class Line:
    """How much the checksum can be trusted here: counts values that passed it and were refuted by the next frames.

    Where that happens, the same damage may hit twice running (`45` has one swap), so more frames must say the same.
    """

    __slots__ = ("calm", "refuted")

    MOST: Final = 6
    CALM_FRAMES: Final = 100  # without a refutation, for one frame less

    def __init__(self) -> None:
        self.refuted = 0
        self.calm = 0

    def refute(self) -> None:
        """Count a value that was refuted."""
        self.refuted = min(self.refuted + 1, self.MOST)
        self.calm = 0

    def frame(self) -> None:
        """Count a frame."""
        self.calm += 1
        if self.calm >= self.CALM_FRAMES:
            self.calm = 0
            self.refuted -= 1


class Shown(msgspec.Struct, frozen=True, gc=False):
    """What a slot has to show: the group, when its frame ended, and why it may not be trusted ("" when it may)."""

    group: Group
    t_ms: float
    doubt: str


def as_shown(group: Group, t_ms: float, doubt: str) -> Shown:
    """Return the group as shown: a value dated by a degraded clock is in doubt at least for that."""
    return Shown(group, t_ms, doubt or ("clock_degraded" if group.degraded else ""))


class Steady:
    """A word or setting: confirmed when two frames running say the same; an identifier's change needs three."""

    __slots__ = ("end", "good", "good_ms", "latest", "latest_ms", "line", "times", "to_change")

    def __init__(self, line: Line, to_change: int = FRAMES_TO_CONFIRM) -> None:
        self.line = line
        self.to_change = to_change
        self.good: Group | None = None
        self.good_ms = 0.0
        self.latest: Group | None = None  # what contradicts `good`
        self.latest_ms = 0.0
        self.times = 0
        self.end: FrameEnd | None = None

    def see(self, group: Group, end: FrameEnd) -> None:
        """Take the label's group of a frame."""
        self.end = end
        good = self.good
        if group is good or (good is not None and group.raw == good.raw):
            self.good = group
            if self.latest is None:
                self.good_ms = end.t_ms
            else:
                self._contested()
            return
        latest = self.latest
        self.times = self.times + 1 if latest is not None and latest.raw == group.raw else 1
        self.latest = group
        self.latest_ms = end.t_ms
        if self.times >= (FRAMES_TO_CONFIRM if good is None else self.to_change) + self.line.refuted:
            self.good = group
            self.good_ms = end.t_ms
            self.latest = None

    def _contested(self) -> None:
        """Take the old value after frames that said another: damage can also make the old one of a true new one."""
        self.times -= 1
        if self.times <= 0:
            self.latest = None
            self.line.refute()

    def shown(self) -> Shown | None:
        """Return what stands: the confirmed value, until it has been contradicted for long."""
        latest = self.latest
        if self.good is not None and (latest is None or self.latest_ms - self.good_ms <= HOLD_MS):
            return as_shown(self.good, self.good_ms, "")
        return None if latest is None else Shown(latest, self.latest_ms, "unconfirmed")

    def confirms(self, group: Group, t_ms: float) -> bool:
        """Say whether that group, of the frame that ended then or of the one before the last, is confirmed by now."""
        return self.good is not None and self.good.raw == group.raw and self.good_ms >= t_ms


class Instant:
    """A momentary value: as it came, in doubt when it does not agree with the others of its frame."""

    __slots__ = ("doubt", "end", "group")

    group: Group  # set by the first `see`, which follows at once

    def __init__(self) -> None:
        self.end: FrameEnd | None = None
        self.doubt = ""

    def see(self, group: Group, end: FrameEnd) -> None:
        """Take the label's group of a frame."""
        self.group = group
        self.end = end
        self.doubt = ""

    def shown(self) -> Shown | None:
        """Return the latest value."""
        return None if self.end is None else Shown(self.group, self.end.t_ms, self.doubt)

    def confirms(self, group: Group, t_ms: float) -> bool:
        """Say whether that group of the frame that ended then stands undoubted."""
        return self.group is group and self.end is not None and self.end.t_ms == t_ms and not self.doubt


class Clock:
    """The meter's time: good when it advanced as ours did since the last confirmed one or since the last frame."""

    __slots__ = ("doubt", "end", "good", "group", "last", "seconds")

    TOLERANCE_S: Final = 3.0  # a swap of digits moves it by nine at least

    def __init__(self) -> None:
        self.group: Group | None = None
        self.end: FrameEnd | None = None
        self.good: tuple[float, float] | None = None  # (meter's seconds, our ms)
        self.last: tuple[float, float] | None = None
        self.doubt = "unconfirmed"
        self.seconds: int | None = None

    def see(self, group: Group, end: FrameEnd) -> None:
        """Take the frame's time; `tell` judges it."""
        self.group = group
        self.end = end

    def tell(self, seconds: int | None) -> None:
        """Judge the time of this frame as seconds since 1970; None: the calendar has no such day."""
        self.doubt = "unconfirmed"
        self.seconds = seconds
        if seconds is None or self.end is None:
            return
        now = (float(seconds), self.end.t_ms)
        if self._follows(self.good, now) or self._follows(self.last, now):
            self.doubt = ""
            self.good = now
        self.last = now

    def _follows(self, before: tuple[float, float] | None, now: tuple[float, float]) -> bool:
        if before is None:
            return False
        return abs(now[0] - before[0] - (now[1] - before[1]) / 1000) <= self.TOLERANCE_S

    def shown(self) -> Shown | None:
        """Return the latest time."""
        if self.group is None or self.end is None:
            return None
        return as_shown(self.group, self.end.t_ms, self.doubt)

    def confirms(self, group: Group, t_ms: float) -> bool:
        """Say whether that group of the frame that ended then stands undoubted."""
        return self.group is group and self.end is not None and self.end.t_ms == t_ms and not self.doubt
