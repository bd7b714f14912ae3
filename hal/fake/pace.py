"""Time that passes only when somebody waits: an hour of readings in a second."""

from __future__ import annotations


class VirtualPace:
    """A clock that stands still until it is waited by; `oversleep_s` is what each rest takes too long."""

    def __init__(self, now_s: float = 0.0, oversleep_s: float = 0.0) -> None:
        self.now_s = now_s
        self.oversleep_s = oversleep_s

    def monotonic_s(self) -> float:
        """Return the seconds that have passed."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self.now_s += max(seconds, 0.0) + self.oversleep_s
