"""The time by which a driver waits for its device: the machine's own, or one that a simulated bus makes pass.

A bus says which one is its own by its attribute `pace`; a bus without one lives in the machine's time.
"""

from __future__ import annotations

import time
from typing import Any, Final, Protocol


class Pace(Protocol):
    """A clock that can be waited by."""

    def monotonic_s(self) -> float:
        """Return the seconds since some instant in the past; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed."""


class MachinePace:
    """The machine's monotonic clock."""

    def monotonic_s(self) -> float:
        """Return CLOCK_MONOTONIC in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let the thread rest."""
        time.sleep(seconds)


MACHINE: Final = MachinePace()


def pace_of(bus: Any) -> Pace:
    """Return the time by which this bus lives."""
    found: Pace = getattr(bus, "pace", MACHINE)
    return found
