"""What is believed of one index of a meter, frame after frame. Pure.

Damage that a 6-bit sum does not see comes in two kinds. Within the digits of one value it keeps their sum, so that the
wrong value is off by a multiple of nine. With the check character hit as well, it may be off by one: two errors in one
group, which happens on lines where many other groups are rejected. So a register that moved is believed only in frames
that are clean, and only as far as the power of the same frames explains it; one that stands still by repetition alone.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hal.decode.teleinfo.frames import FrameEnd
from hal.decode.teleinfo.groups import Group
from hal.decode.teleinfo.labels import INDEX_WRAP
from hal.decode.teleinfo.slots import FRAMES_TO_REPLACE, HOLD_MS, Line, Shown, as_shown

MS_PER_HOUR: Final = 3_600_000
SLACK_MS: Final = 2000  # the meter takes its values up to a frame before the frame's end
LEAST_ERROR: Final = 9  # what digits that changed places are off by, in the register's unit
LONGEST_FRAME_MS: Final = 2500.0  # of a meter that counts in Wh
SLACK_WH: Final = 2.0  # both ends of a difference are whole Wh


class Conditions(msgspec.Struct, gc=False):
    """What a frame says about how far its registers may have moved."""

    end: FrameEnd
    is_clean: bool
    """Nearly all of its groups were good: a group with two errors that hide each other is then very unlikely."""
    is_this_meter: bool
    """The frame's identifier is the confirmed one (or it holds none)."""
    cap_va: float
    """More than this the connection cannot carry."""
    low_va: float | None
    high_va: float | None
    """Least and most apparent power of this frame and the two before it; None where the last two don't say."""


class Register:
    """An index: the value of a frame becomes good when the next frame agrees with it, so it is shown one frame late.

    good     the last confirmed value, and the frame's end (None after a restart: any time may have passed)
    pending  the value of the last frame, when it fits `good`; `earlier` the one before it
    rival    a value that does not fit; the third frame running that follows from it replaces `good`
    """

    __slots__ = (
        "earlier",
        "earlier_ms",
        "end",
        "good",
        "good_ms",
        "line",
        "new",
        "pending",
        "pending_clean",
        "pending_ms",
        "rival",
        "rival_ms",
        "rivals",
        "to_replace",
        "unit_wh",
    )

    def __init__(self, line: Line, unit_wh: int = 1, to_replace: int = FRAMES_TO_REPLACE) -> None:
        """`unit_wh`: 1 or 1000, the register's step."""
        self.line = line
        self.unit_wh = unit_wh
        self.to_replace = to_replace
        self.good: Group | None = None
        self.good_ms: float | None = None
        self.pending: Group | None = None
        self.pending_ms = 0.0
        self.pending_clean = False
        self.earlier: Group | None = None
        self.earlier_ms = 0.0
        self.rival: Group | None = None
        self.rival_ms = 0.0
        self.rivals = 0
        self.new: Group | None = None
        self.end: FrameEnd | None = None

    def see(self, group: Group, end: FrameEnd) -> None:
        """Take the label's group of a frame; it is judged when the whole frame is known."""
        self.new = group
        self.end = end

    def judge(self, new: Group, conditions: Conditions) -> Group | None:
        """Judge what the frame brought; return the group that was replaced when a rival was believed."""
        t_ms = conditions.end.t_ms
        if new is self.pending and new is self.good and self.rival is None and conditions.is_this_meter:
            # It stands still, as most registers do most of the time.
            self.earlier = new
            self.good_ms = self.earlier_ms = self.pending_ms
            self.pending_ms = t_ms
            self.pending_clean = conditions.is_clean
            return None
        if not conditions.is_this_meter:
            self.rival = new
            self.rival_ms = t_ms
            self.rivals = 0
            return None
        if self.good is not None and not self._fits(self.good, self.good_ms, new, conditions):
            return self._contradicted(new, conditions)
        if self.rival is not None:
            self.rival = None
            self.line.refute()
        pending = self.pending
        if pending is not None and self._agrees(pending, new, conditions):
            self.good = pending
            self.good_ms = self.pending_ms
        self.earlier = pending
        self.earlier_ms = self.pending_ms
        self.pending = new
        self.pending_ms = t_ms
        self.pending_clean = conditions.is_clean
        return None

    def forget(self) -> None:
        """Start again with the latest value as the first of another meter."""
        self.pending = self.rival or self.pending
        self.pending_ms = self.rival_ms if self.rival else self.pending_ms
        self.pending_clean = False
        self.good = self.rival = self.earlier = None
        self.good_ms = None

    def shown(self) -> Shown | None:
        """Return the confirmed value, or the latest as unconfirmed when that is missing or long ago."""
        good, pending = self.good, self.pending
        if good is not None and self.good_ms is not None:
            is_recent = self.end is None or self.end.t_ms - self.good_ms <= HOLD_MS
            if is_recent or pending is None or pending is good:
                return as_shown(good, self.good_ms, "")
        return None if pending is None else Shown(pending, self.pending_ms, "unconfirmed")

    def confirms(self, group: Group, t_ms: float) -> bool:
        """Say whether that group of the frame that ended then has been confirmed by the one after it."""
        good, good_ms = self.good, self.good_ms
        return good is not None and good.raw == group.raw and good_ms is not None and good_ms >= t_ms

    def _contradicted(self, new: Group, conditions: Conditions) -> Group | None:
        t_ms = conditions.end.t_ms
        rival = self.rival
        follows = rival is not None and self._fits(rival, self.rival_ms, new, conditions)
        self.rivals = self.rivals + 1 if follows else 1
        self.rival = new
        self.rival_ms = t_ms
        if self.rivals < self.to_replace + self.line.refuted:
            return None
        replaced = self.good
        self.forget()
        self.pending_clean = conditions.is_clean
        return replaced

    def _increase(self, first: Group, second: Group) -> int:
        return (int(second.value) - int(first.value)) % INDEX_WRAP

    def _fits(self, before: Group, before_ms: float | None, new: Group, conditions: Conditions) -> bool:
        """Say whether the register can have come from one value to the other in the time that passed."""
        increase = self._increase(before, new)
        if before_ms is None:
            return increase < INDEX_WRAP // 2
        elapsed_ms = conditions.end.t_ms - before_ms + SLACK_MS
        return increase * self.unit_wh <= conditions.cap_va * elapsed_ms / MS_PER_HOUR + max(SLACK_WH, self.unit_wh)

    def _agrees(self, pending: Group, new: Group, conditions: Conditions) -> bool:
        """Say whether the new frame confirms the pending value.

        A wrong pending value makes the step to it too long and the next one too short, or the other way round.
        """
        earlier = self.earlier
        is_clean = self.pending_clean and conditions.is_clean
        step = self._increase(pending, new) * self.unit_wh
        step_ms = conditions.end.t_ms - self.pending_ms
        if earlier is None or self.pending_ms <= self.earlier_ms or step_ms <= 0:
            return is_clean and step <= max(SLACK_WH, self.unit_wh)
        before = self._increase(earlier, pending) * self.unit_wh
        if not step and not before:
            return True  # the third frame running that says the same
        if not step and self.good is not None and self.good.value == new.value:
            return True
        return is_clean and self._is_smooth(before, self.pending_ms - self.earlier_ms, step, step_ms, conditions)

    def _is_smooth(self, before: float, before_ms: float, step: float, step_ms: float, conditions: Conditions) -> bool:
        """Say whether both steps (Wh) are within the power of their frames, and as alike as its change lets them be."""
        slack = max(SLACK_WH, self.unit_wh)
        most_va = conditions.cap_va if conditions.high_va is None else 1.2 * conditions.high_va
        if step > most_va * step_ms / MS_PER_HOUR + slack or before > most_va * before_ms / MS_PER_HOUR + slack:
            return False
        expected = before * step_ms / before_ms
        change_va = (conditions.high_va or 0.0) - (conditions.low_va or 0.0)
        explained = 1.2 * change_va * step_ms / MS_PER_HOUR + 0.25 * max(expected, step) + 1.25 * slack
        # Two digits that changed places are off by 9 at least, which shows twice: never allow that much in one frame.
        most = LEAST_ERROR * self.unit_wh * max(1.0, step_ms / LONGEST_FRAME_MS)
        return abs(expected - step) < min(explained, most)
