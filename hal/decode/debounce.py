"""When a bouncing contact has settled: an edge counts only when the level then stayed.

A reed bounces for 1 to 20 ms and an S0 output for up to 5 ms (IEC 62053-31), so several edges arrive for one movement.
The surprise: the kernel reads the line a little after each edge, so fast bounces give the same level twice in a row.
"""

from __future__ import annotations


class Debounce:
    """One input line. `level` is the last level that stayed for `stable_ns`, True for high."""

    __slots__ = ("_since_ns", "_stable_ns", "level")

    def __init__(self, stable_ns: int, *, level: bool) -> None:
        self.level = level
        self._stable_ns = stable_ns
        self._since_ns: int | None = None  # since when the line shows the other level; None: it does not

    def accept(self, t_ns: int, *, level: bool) -> int | None:
        """Take one raw edge; return the time of the edge that it confirms (`level` is then its level), else None.

        The time of an edge is that of its last bounce: the instant from which the level stayed.
        """
        settled_ns = self.flush(t_ns)
        # The same level twice means that the way back in between was too short to be seen: the level did not stay.
        self._since_ns = None if level == self.level else t_ns
        return settled_ns

    def flush(self, now_ns: int) -> int | None:
        """Return the time of the edge that is confirmed by silence since, else None."""
        since_ns = self._since_ns
        if since_ns is None or now_ns - since_ns < self._stable_ns:
            return None
        self._since_ns = None
        self.level = not self.level
        return since_ns

    def forget(self) -> None:
        """Take note that edges are missing here: silence since the last one proves nothing."""
        self._since_ns = None

    def observe(self, now_ns: int, *, level: bool) -> None:
        """Take the level seen on the line without an edge: what remains right when an edge was lost."""
        if self._since_ns is None and level != self.level:
            self._since_ns = now_ns
