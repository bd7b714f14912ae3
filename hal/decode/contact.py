"""A contact's state and the time of each of its changes, from the edges of its line.

Number 0 is open and 1 is closed, whichever level that is on the pin: with a pull-up a closed contact reads low.
"""

from __future__ import annotations

from typing import Final

from hal.decode.debounce import Debounce

WORDS: Final = ("open", "closed")
AT_ONCE: Final = 100  # changes that may follow each other as they like …
EACH_NS: Final = 3_000_000_000  # … and how often one more may after that: 28,800 a day
STAYS_NS: Final = 5_000_000_000


class Chatter:
    """Whether a contact changes more often, for long, than anything that it could stand for."""

    __slots__ = ("_left", "_t_ns", "is_on")

    def __init__(self) -> None:
        self.is_on = False
        self._left = float(AT_ONCE)
        self._t_ns: int | None = None

    def note(self, now_ns: int, *, changes: int) -> None:
        """Let time pass, and count what changed."""
        if self._t_ns is not None:
            self._left = min(self._left + max(0, now_ns - self._t_ns) / EACH_NS, AT_ONCE)
        self._t_ns = now_ns
        self._left = max(self._left - changes, 0.0)
        if self._left < 1:
            self.is_on = True
        elif self._left > AT_ONCE / 2:
            self.is_on = False


class ContactState:
    """One contact. `state` is the number of its word, after debounce.

    While it chatters (a float on a wave, a relay with a failing coil) a change counts only once it stayed for 5 s: each
    would be an event, and with a limit two more.
    """

    __slots__ = ("_chatter", "_closed_level", "_debounce", "_level", "_since_ns")

    def __init__(self, *, debounce_ns: int, closed_level: bool, level: bool) -> None:
        self._debounce = Debounce(debounce_ns, level=level)
        self._closed_level = closed_level
        self._chatter = Chatter()
        self._level = level
        self._since_ns = 0  # when the debounced level last changed

    @property
    def state(self) -> int:
        """0 open, 1 closed."""
        return int(self._level == self._closed_level)

    @property
    def is_chattering(self) -> bool:
        """Whether it changes so often that its state says little."""
        return self._chatter.is_on

    def accept(self, t_ns: int, *, level: bool) -> int | None:
        """Take one raw edge; return the time of the change that it confirms, else None. `state` is then the new one."""
        settled_ns = self._debounce.accept(t_ns, level=level)
        return None if settled_ns is None else self._told(settled_ns, t_ns)

    def forget(self) -> None:
        """Take note that edges are missing here: a change not yet confirmed must not become one."""
        self._debounce.forget()

    def flush(self, now_ns: int) -> int | None:
        """Return the time of the change that silence has confirmed by now, else None."""
        return self._told(self._debounce.flush(now_ns), now_ns)

    def _told(self, settled_ns: int | None, now_ns: int) -> int | None:
        """Return the time of the change that is to be told by now, None where there is none."""
        if settled_ns is not None:
            self._since_ns = settled_ns
        self._chatter.note(now_ns, changes=settled_ns is not None)
        if self._debounce.level == self._level or (self._chatter.is_on and now_ns - self._since_ns < STAYS_NS):
            return None
        self._level = self._debounce.level
        return self._since_ns

    def observe(self, now_ns: int, *, level: bool) -> None:
        """Take the level of the line as it is now, so that a lost edge does not leave a wrong state for ever."""
        self._debounce.observe(now_ns, level=level)
