"""Where a start goes on: the registers of both logs, and the notebook's copy for what the logs no longer have.

The logs are the first authority: their last sound frame is the state. Only a register that is in no frame, because a
folder was lost or a segment with its first frame, comes from the copy. The copy held what was durable when it was made,
so a counter goes on from less than it had counted, never from more; its next record is UNCERTAIN `power_cut`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec

from edge.core.notes import RegisterCopy
from edge.core.types import Event

COUNTER: Final = "counter/"
NOT_COPIED: Final = frozenset({"running", "trials"})
"""Of this very run: whether it was cut, and what of its settings nobody has kept yet."""


class Kept(Protocol):
    """A log, open or at rest, as far as its registers go."""

    @property
    def stream(self) -> str:
        """Its id."""

    @property
    def boot(self) -> int:
        """The highest start in it."""

    @property
    def registers(self) -> dict[str, Any]:
        """The latest value of every register."""

    def next_seq(self) -> int:
        """Return the seq of its next entry."""


class Recalled(msgspec.Struct, frozen=True):
    """The registers that a start begins with. `copied` and `copied_events` are those that came from the copy."""

    records: dict[str, Any]
    events: dict[str, Any]
    boot: int
    copied: dict[str, Any] = {}
    copied_events: dict[str, Any] = {}

    def doubtful(self, boot: int) -> list[str]:
        """Return the counters whose first record of this start is in doubt: of the copy, of a restored backup."""
        restored = self.records.get("restored") or {}
        of_backup = restored.get("points", ()) if restored.get("boot") == boot - 1 else ()
        return sorted({*counters(self.copied), *of_backup})

    def told(self, points: Iterable[str], now_ms: int) -> list[Event]:
        """Return an event for each of these counters that goes on from the copy."""
        found = counters(self.copied)
        return [
            Event("registers_from_copy", now_ms, point, {"index": index_of(found[point])})
            for point in points
            if point in found
        ]


def recalled(records: Kept, events: Kept, copy: RegisterCopy | None) -> Recalled:
    """Return what a start goes on from; without a copy the logs alone."""
    of_records, of_events, boot = records.registers, events.registers, max(records.boot, events.boot)
    if copy is None:
        return Recalled(of_records, of_events, boot)
    lost = {key: settled(value) for key, value in copy.records.items() if key not in of_records}
    lost_events = {key: value for key, value in copy.events.items() if key not in of_events}
    return Recalled({**lost, **of_records}, {**lost_events, **of_events}, max(boot, copy.taken.boot), lost, lost_events)


def counters(registers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counters' registers by point."""
    return {key.removeprefix(COUNTER): value for key, value in registers.items() if key.startswith(COUNTER)}


def settled(register: Any) -> Any:
    """Return a register without what was not in a record when it was copied: since then it probably was."""
    return {**register, "pending": 0} if isinstance(register, dict) and "pending" in register else register


def index_of(register: Mapping[str, Any]) -> float:
    """Return the index that a counter's register stands for, in the point's unit."""
    if "count" in register:
        return float(round(register["base"] + register["count"] * register["scale"], 9))
    return float(register.get("index") or 0.0)
