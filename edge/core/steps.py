"""The steps of a table as people write them: 10m, 1h, 1d, 1w, 1mo, 1y, on the calendar of edge.core.calendar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Final, Literal

import msgspec

from edge.core import calendar
from edge.core.calendar import DAY_MS
from edge.core.text import Text

_WRITTEN: Final = re.compile(r"([1-9]\d{0,4})\s*(s|min|m|h|d|j|w|mo|y)", re.ASCII)
_UNIT_MS: Final = {"s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": DAY_MS, "j": DAY_MS}
_CALENDAR: Final[dict[str, Literal["week", "month", "year"]]] = {"w": "week", "mo": "month", "y": "year"}
EXAMPLES: Final = "10m, 1h, 1d, 1w, 1mo, 1y"


class StepError(ValueError):
    """What was written is no step; `text` says what is expected."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.key)
        self.text = text


class Step(msgspec.Struct, frozen=True):
    """A length that divides a local day, in ms, or a week, month or year of the calendar."""

    name: str
    length: calendar.Step

    @property
    def length_ms(self) -> int:
        """The length in ms; 0 for a week, month or year."""
        return self.length if isinstance(self.length, int) else 0

    def bounds(self, utc_ms: int, zone: tzinfo) -> tuple[int, int]:
        """Return the start and the end (UTC ms, exclusive) of the step that holds this instant."""
        return calendar.bounds_ms(utc_ms, self.length, zone)

    def grid(self, from_ms: int, to_ms: int, zone: tzinfo) -> Iterator[tuple[int, int]]:
        """Yield the bounds of every step that [from_ms, to_ms[ touches."""
        at_ms = from_ms
        while at_ms < to_ms:
            start_ms, end_ms = self.bounds(at_ms, zone)
            yield start_ms, end_ms
            at_ms = end_ms


def step(words: str) -> Step:
    """Return the step of these words. Raises StepError.

    >>> step("10m"), step("1mo")
    (Step(name='10m', length=600000), Step(name='1mo', length='month'))
    """
    found = _WRITTEN.fullmatch(words.strip().lower())
    if found is None:
        raise StepError(Text("when.unknown_step", {"words": words, "examples": EXAMPLES}))
    count, unit = int(found[1]), found[2]
    if unit in _CALENDAR:
        if count != 1:
            raise StepError(Text("when.unknown_step", {"words": words, "examples": EXAMPLES}))
        return Step(words, _CALENDAR[unit])
    length_ms = count * _UNIT_MS[unit]
    if length_ms > DAY_MS or DAY_MS % length_ms:
        raise StepError(Text("when.uneven_step", {"words": words, "examples": EXAMPLES}))
    return Step(words, length_ms)
