"""Measures that count over hours and days: how long something never rested, what a counter moved since midnight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edge.core.measure import SAVE_MS, Measure
from edge.core.types import NEVER, LimitSpec


class NeverZero(Measure):
    """How long a flow was never zero, or a counter had no pause of `rest_ms`: seconds, to be compared with `over_ms`.

    Only time between two readings that say something counts: BAD neither proves a leak nor the contrary, and so does a
    box that was off. A flow rests at `value` and below; an index while it stays as it is.
    """

    __slots__ = ("_last", "_last_ms", "_rest_ms", "_saved_ms", "for_ms")

    def __init__(self, spec: LimitSpec) -> None:
        super().__init__(spec)
        self.for_ms = 0
        """Known time without a rest."""
        self._rest_ms = 0
        self._last: float | None = None
        self._last_ms: int | None = None
        """When the last reading was, if it said something."""
        self._saved_ms = 0

    def take(self, of: str, value: float | None, t_ms: int) -> None:
        """Count the time since the last reading, and begin anew with a rest."""
        self.own = value
        if value is None:
            self._last_ms = None
            return
        elapsed_ms = 0 if self._last_ms is None else max(0, t_ms - self._last_ms)
        spec = self.spec
        is_moving = value != self._last and self._last is not None if spec.is_index else value > spec.value
        if is_moving:
            self._rest_ms = 0
        else:
            self._rest_ms += elapsed_ms
        self.for_ms += elapsed_ms
        if not is_moving and self._rest_ms >= spec.rest_ms:
            self.for_ms = 0
        self._last, self._last_ms = value, t_ms if self._last_ms is None else max(t_ms, self._last_ms)
        saved_ms = self._saved_ms
        if abs(self.for_ms - saved_ms) >= max(SAVE_MS, spec.over_ms // 100) or (self.for_ms == 0 and saved_ms):
            self._saved_ms, self.is_moved = self.for_ms, True

    def number(self, t_ms: int) -> float | None:
        """Return the seconds without a rest; None while no reading says anything."""
        return None if self.own is None else self.for_ms / 1000

    @property
    def bound(self) -> float | None:
        """The seconds that are too many."""
        return self.spec.over_ms / 1000

    def facts(self) -> dict[str, Any]:
        """Return the flow, and how long it never rested."""
        reading = {} if self.own is None or self.spec.is_index else {"reading": self.own}
        return {**reading, "for_ms": self.for_ms}

    def saved(self) -> dict[str, Any] | None:
        """Return the time so far."""
        return {"for_ms": self.for_ms, "rest_ms": self._rest_ms, "last": self._last}

    def restore(self, saved: Mapping[str, Any], shift_ms: int) -> None:
        """Go on counting; nothing is known of the time between."""
        last = saved["last"]
        for_ms, rest_ms, self._last = int(saved["for_ms"]), int(saved["rest_ms"]), None if last is None else float(last)
        self.for_ms, self._rest_ms = for_ms, rest_ms
        self._saved_ms = self.for_ms


class Consumption(Measure):
    """What a counter moved in the present local hour, day, week or month. It ends with the period, whatever comes."""

    __slots__ = ("_asked", "_end_ms", "bounds_of", "most", "moved")
    has_instants = True

    def __init__(self, spec: LimitSpec) -> None:
        super().__init__(spec)
        self.moved: Callable[[], float | None] = lambda: None
        """What it moved in the present period; None while that is not known."""
        self.bounds_of: Callable[[int], tuple[int, int] | None] = lambda _t_ms: None
        """Monotonic begin and end of the period that holds an instant; None while the date is not known."""
        self.most: float | None = None
        self._asked: float | None = None
        """The index of which the last answer was."""
        self._end_ms: float = NEVER

    def number(self, t_ms: int) -> float | None:
        """Return the most that the present period had so far: one alarm a period, whatever the index does."""
        bounds = self.bounds_of(t_ms)
        if bounds is None:
            self.due_ms = NEVER
            return None
        if bounds[1] != self._end_ms:
            is_turn = self._end_ms <= t_ms
            self.most, self._asked, self._end_ms, self.due_ms = None, None, bounds[1], bounds[1]
            self.is_moved = True
            if is_turn:
                self.most = 0.0  # nothing of a period that begins now; the next reading says more
                return self.most
        if self.own is None:
            return None
        if self.own != self._asked:
            moved = self.moved()
            if moved is None:
                return None
            self._asked = self.own
            self.most = moved if self.most is None else max(moved, self.most)
        return self.most

    def facts(self) -> dict[str, Any]:
        """Return the period's word."""
        return {"per": self.spec.per}

    def saved(self) -> dict[str, Any] | None:
        """Return the end of the period that was looked at: its alarm ends with it, also where the box was off then."""
        return {"end": None if self._end_ms == NEVER else self._end_ms}

    def restore(self, saved: Mapping[str, Any], shift_ms: int) -> None:
        """Know which period the last start was in."""
        if saved["end"] is not None and self._end_ms == NEVER:
            self._end_ms = self.due_ms = int(saved["end"]) + shift_ms
