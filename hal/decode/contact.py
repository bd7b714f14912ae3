"""A contact's state and the time of each of its changes, from the edges of its line.

Number 0 is open and 1 is closed, whichever level that is on the pin: with a pull-up a closed contact reads low.
"""

from __future__ import annotations

from typing import Final

from hal.decode.debounce import Debounce

WORDS: Final = ("open", "closed")


class ContactState:
    """One contact. `state` is the number of its word, after debounce."""

    __slots__ = ("_closed_level", "_debounce")

    def __init__(self, *, debounce_ns: int, closed_level: bool, level: bool) -> None:
        self._debounce = Debounce(debounce_ns, level=level)
        self._closed_level = closed_level

    @property
    def state(self) -> int:
        """0 open, 1 closed."""
        return int(self._debounce.level == self._closed_level)

    def accept(self, t_ns: int, *, level: bool) -> int | None:
        """Take one raw edge; return the time of the change that it confirms, else None. `state` is then the new one."""
        return self._debounce.accept(t_ns, level=level)

    def forget(self) -> None:
        """Take note that edges are missing here: a change not yet confirmed must not become one."""
        self._debounce.forget()

    def flush(self, now_ns: int) -> int | None:
        """Return the time of the change that silence has confirmed by now, else None."""
        return self._debounce.flush(now_ns)

    def observe(self, now_ns: int, *, level: bool) -> None:
        """Take the level of the line as it is now, so that a lost edge does not leave a wrong state for ever."""
        self._debounce.observe(now_ns, level=level)
