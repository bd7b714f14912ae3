"""May the installer leave? How a trial of the whole chain is asked for and what comes of it; `trials` does it."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

BOX: Final = "box"
"""What an event calls the box itself where it names what fails."""


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Try the whole chain out; the outcome is told within five minutes."""


class Failing(msgspec.Struct, frozen=True):
    """What keeps a trial from passing: a point, or "" for the box itself, and the reason by its code."""

    point: str
    reason: str


class Running(msgspec.Struct, frozen=True):
    """Who asked for the trial that runs, and since when."""

    author: str
    channel: str
    begin_ms: int


class Meter(msgspec.Struct, frozen=True):
    """What an electricity meter shows: its point and the index, in `u`: Wh."""

    point: str
    v: float
    u: str


class Verdict(msgspec.Struct, frozen=True):
    """What came of a trial. `stored_s`: how long the server took, None when it never answered."""

    passed: bool
    points: int
    failing: list[Failing]
    stored_s: float | None
    link: str
    author: str
    channel: str
    at_ms: int
    meter: Meter | None = None
    """The electricity meter's first index, so that whoever reads the outcome can compare it with the meter."""

    told_sound: int | None = None
    """How many points are in order, where `failing` does not name all that are not."""

    @property
    def sound(self) -> int:
        """How many points are in order."""
        if self.told_sound is not None:
            return self.told_sound
        return self.points - len({failing.point for failing in self.failing if failing.point})


class TrialView(msgspec.Struct, frozen=True):
    """A trial as it stands, for whoever looks."""

    state: Literal["none", "running", "passed", "failed"]
    points: int
    sound: int
    failing: list[Failing]
    stored_s: float | None
    link: str
    since_s: float | None
    """How long it has been running, or since it ended; None before the first."""
