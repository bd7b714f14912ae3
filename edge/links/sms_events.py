"""From the events log to messages: alarms at once, and with them what else is worth a place in the same message."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from edge.core.clock import Clock, Dating
from edge.core.ports import Reader
from edge.core.types import Event
from sms.forms import Event as Told

AT_ONCE: Final = frozenset({"alarm_begin", "alarm_end"})
INDEX_MOVED: Final = frozenset({"meter_set", "meter_exchange"})
"""The report that has it in it has whole indexes: its 16 bits say nothing of one that jumped."""
FELLOWS: Final = frozenset(
    {
        "test_begin",
        "alarm_ack",
        "alarm_latch",
        "alarm_chatter",
        "alarm_shelve",
        "start",
        "unclean_stop",
        "stop",
        "meter_changed",
    }
    | {"device_lost", "device_back", "store_degraded", "store_ok", "sms_budget", "card_refused", "card_no_data"}
    | INDEX_MOVED
)
"""Wait for company: for an alarm, or for the values of the plan."""
LEFT_OUT: Final = frozenset({"v", "u", "text"})
LEFT_OUT_OF: Final = dict.fromkeys(INDEX_MOVED, LEFT_OUT | {"index", "drift", "pulses", "percent"})
"""So that what the gateway reckons with has room in any case: `was` and `now`, `old` and `new`."""
PAGE: Final = 500
WAIT_MOST: Final = 24


class Waiting(msgspec.Struct, frozen=True):
    """An event that is to go, with its UTC in s."""

    utc_s: int
    event: Event
    doubtful: bool = False


class EventTail:
    """Reads the log on from a seq; what it found waits here until it is in a message."""

    def __init__(self, reader: Reader[Event], dating: Dating, clock: Clock) -> None:
        self._reader = reader
        self._dating = dating
        self._clock = clock
        self.waiting: list[Waiting] = []
        self.seq = 0
        self.index_moved_s = 0
        """UTC of the newest event after which an index stands elsewhere."""

    @property
    def stream(self) -> str:
        """Return the id of the log."""
        return self._reader.stream

    def begin(self, kept: tuple[str, int] | None) -> None:
        """Go on after the kept seq; of another log, or the first time, with what comes from now on."""
        if kept is not None and kept[0] == self._reader.stream:
            self.seq = kept[1]
        else:
            self.seq = self._reader.next_seq() - 1

    def read(self) -> None:
        """Take in what is new."""
        while self.seq + 1 < self._reader.next_seq():
            chunk = self._reader.read(self.seq + 1, PAGE)
            if chunk.gap is not None:
                self.seq = chunk.gap.last
                continue
            if not chunk.entries:
                return
            for event in chunk.entries:
                if event.kind in AT_ONCE or event.kind in FELLOWS:
                    utc_ms = self._dating.utc_ms(chunk.boot, event.at_ms)
                    utc_s = (self._clock.utc_ms() if utc_ms is None else utc_ms) // 1000
                    self.waiting.append(Waiting(utc_s, event, doubtful=utc_ms is None))
                    if event.kind in INDEX_MOVED:
                        self.index_moved_s = utc_s
            self.seq = chunk.first + len(chunk.entries) - 1
        fellows = [found for found in self.waiting if found.event.kind in FELLOWS]
        for old in fellows[:-WAIT_MOST]:
            self.waiting.remove(old)

    def keep_newest(self) -> None:
        """Let go of what is old: the gateway has just come to know this box."""
        del self.waiting[:-WAIT_MOST]

    def is_urgent(self) -> bool:
        """Return whether an alarm begins or ends."""
        return any(found.event.kind in AT_ONCE for found in self.waiting)

    def due(self, base_s: int) -> list[Told]:
        """Return what waits as it stands in a message, alarms first."""
        self.waiting.sort(key=lambda found: found.event.kind not in AT_ONCE)
        return [told(found, base_s) for found in self.waiting]

    def taken(self, count: int) -> None:
        """Let the first so many wait no longer."""
        self.waiting = self.waiting[count:]


def told(found: Waiting, base_s: int) -> Told:
    """Return an event as a message holds it: value and unit apart, the rest as its words."""
    values: Mapping[str, Any] = found.event.values
    value = values.get("v")
    number = _number(value)
    left_out = LEFT_OUT_OF.get(found.event.kind, LEFT_OUT)
    words = {name: said for name, said in values.items() if name not in left_out and said not in (None, "")}
    if number is None and isinstance(value, str):
        words["v"] = value
    if found.doubtful:
        words["why"] = "clock_unsynced"
    return Told(
        found.utc_s - base_s, found.event.kind, found.event.point, number, str(values.get("u", "")) or "", words
    )  # fmt: skip


def _number(value: object) -> float | None:
    """Return a value that a message can hold, None where there is none: one that is no number would stop it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
