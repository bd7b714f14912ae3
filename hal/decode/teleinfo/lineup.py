"""Which meters speak on one line. Pure.

One port can carry two meters in turn: a modem with two inputs, or two outputs wired together. Their frames are whole
and right, each with its own number, so nothing but the numbers tells them apart.
"""

from __future__ import annotations

from collections import Counter, deque
from itertools import pairwise
from typing import Final

from hal.decode.teleinfo.frames import FrameEnd

WINDOW_MS: Final = 60_000
LEAST_SHARE: Final = 0.2  # of the frames: a number that damage made comes far more seldom
LEAST_FRAMES: Final = 3
LEAST_TURNS: Final = 2  # from one to the other and back: a meter that was exchanged does not come back
SHORTEST: Final = 6  # of a piece of a group with a number; idle lines bring single bytes
_NUMBERS: Final = frozenset({"ADCO", "ADSC", "ADS"})


def number_of(end: FrameEnd) -> str:
    """Return the meter's number that stands in the frame, "" where it has none."""
    for group in end.groups:
        if group.label in _NUMBERS:
            return str(group.value)
    return ""


def is_torn(end: FrameEnd) -> bool:
    """Return whether the frame may hold groups of two meters: a mark or a group is lost, perhaps the other's number.

    The begin of one meter's frame and the rest of the other's, with the marks between them lost, look like one frame.
    """
    return not end.complete or any(
        len(rejected.raw) >= SHORTEST and rejected.why != "label" for rejected in end.rejected
    )


class Lineup:
    """The numbers heard within the last minute."""

    def __init__(self) -> None:
        self.several: tuple[str, ...] = ()
        """The numbers of the meters that take turns; none for one meter."""
        self._heard: deque[tuple[float, str]] = deque()
        self._counted: Counter[str] = Counter()

    def see(self, number: str, t_ms: float) -> tuple[str, ...]:
        """Take the number of a frame, "" for none; return `several`."""
        heard, counted = self._heard, self._counted
        if number:
            heard.append((t_ms, number))
            counted[number] += 1
        while heard and t_ms - heard[0][0] > WINDOW_MS:
            gone = heard.popleft()[1]
            counted[gone] -= 1
            if not counted[gone]:
                del counted[gone]
        if len(counted) == 1:
            self.several = ()
        elif len(heard) >= 2 * LEAST_FRAMES:
            self.several = self._taking_turns()
        return self.several

    def _taking_turns(self) -> tuple[str, ...]:
        least = max(LEAST_FRAMES, LEAST_SHARE * len(self._heard))
        often = {number for number, times in self._counted.items() if times >= least}
        row = [number for _, number in self._heard if number in often]
        turns = sum(one != other for one, other in pairwise(row))
        return tuple(sorted(often)) if turns >= LEAST_TURNS else ()
