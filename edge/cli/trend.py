"""The last ten minutes of each point as the live table saw them, in slots of a few seconds.

While the table is young its columns are short, so that something moves from the first minute on; they widen until the
trend spans ten minutes. The box keeps no trend for us: before the table was opened there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

COLUMNS: Final = 10
SLOT_S: Final = 6
SLOTS_A_COLUMN: Final = (1, 2, 5, 10)  # 1, 2, 5 and 10 minutes over ten columns
_KEPT: Final = (COLUMNS + 1) * SLOTS_A_COLUMN[-1]


class _Slot:
    """What was seen of one point in one slot: the sum and number of usable values; none usable = bad."""

    __slots__ = ("count", "index", "total")

    def __init__(self, index: int) -> None:
        self.index = index
        self.total = 0.0
        self.count = 0


class Trends:
    """The trends of all points, fed at each look at the box."""

    def __init__(self) -> None:
        self._slots: dict[str, deque[_Slot]] = {}
        self._first = -1
        self._now = -1

    def take(self, values: Iterable[Mapping[str, Any]], now_s: float) -> None:
        """Add what all points are at monotonic `now_s`; texts have no trend."""
        self._now = int(now_s) // SLOT_S
        if self._first < 0:
            self._first = self._now
        for view in values:
            value = view["value"]
            if view["kind"] == "text" or isinstance(value, str):
                continue
            slots = self._slots.setdefault(view["point"], deque(maxlen=_KEPT))
            if not slots or slots[-1].index != self._now:
                slots.append(_Slot(self._now))
            if value is not None and view["quality"] != "bad":
                slots[-1].total += value
                slots[-1].count += 1

    @property
    def span_s(self) -> int:
        """How many seconds the columns cover at present: 60, 120, 300 or 600."""
        return self._per_column() * SLOT_S * COLUMNS

    def _per_column(self) -> int:
        seen = self._now - self._first
        return next((many for many in SLOTS_A_COLUMN if seen < many * COLUMNS), SLOTS_A_COLUMN[-1])

    def columns(self, point: str) -> list[float | None]:
        """Return the point's mean by column, oldest first, at most ten; None where it was seen without a value.

        A column in which the box was not asked has no value either. What lies before the first look is left out.
        """
        slots = self._slots.get(point)
        if not slots:
            return []
        per_column = self._per_column()
        last = self._now // per_column
        first = max(last - COLUMNS + 1, slots[0].index // per_column)
        totals = {column: [0.0, 0] for column in range(first, last + 1)}
        for slot in slots:
            column = totals.get(slot.index // per_column)
            if column is not None:
                column[0] += slot.total
                column[1] += slot.count
        return [total / count if count else None for total, count in totals.values()]
