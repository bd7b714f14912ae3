"""What a site has beside its points: totals, equipment, programs, setpoints, … Each is a `Part` of the engine.

A part hears what the engine yields, does what is due, carries out its orders, and says what of it must be durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from edge.core.types import NEVER, Event, Record

if TYPE_CHECKING:
    from edge.core.engine import Engine


class Part:
    """Hooks that do nothing; a part overrides those it needs. Its constructor takes specs and saved registers."""

    in_records: bool = False
    """Its registers belong to the records' log, in the frame of the records that they count; else to the events'."""

    def __init__(self) -> None:
        self.due_ms: float = NEVER
        """Monotonic ms at which `step` is called next."""
        self.is_changed = False
        """Whether `registers` has something that must be made durable."""

    def take_over(self, before: Self) -> None:
        """Go on in place of one of the same kind that is made anew within a start: what no register holds."""

    def attach(self, site: Engine) -> None:
        """Take the site that it is a part of, when all points exist; the place to say which orders it carries out."""

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Take what was made since the last time, in order; what is emitted here is heard by all parts in turn.

        Records only of points that a part `listen`s to: of its own, and of those of the others.
        """

    def step(self, now_ms: int) -> None:
        """Do what is due, and set `due_ms` anew."""

    def set_clock(self, now_ms: int) -> None:
        """Take note that the site's clock was set: what is placed on the calendar moves."""

    def close(self, now_ms: int) -> None:
        """Bring to an end what is open: the station stops."""

    def registers(self) -> dict[str, Any]:
        """Return what has changed and must be durable, by name; plain JSON values."""
        return {}

    def saved(self) -> dict[str, Any]:
        """Return all of it: another part made from this goes on as this one would."""
        return self.registers()
