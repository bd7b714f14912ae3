"""The parts of one site together: attached once, told of what was made, stepped when one is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from edge.core.part import Part
from edge.core.point import Actions
from edge.core.types import NEVER, Event

if TYPE_CHECKING:
    from edge.core.engine import Engine

P = TypeVar("P", bound=Part)
ROUNDS_MOST: Final = 16  # in which parts may answer each other's events: more is a quarrel without end


class Parts:
    """All parts, in the order in which they hear."""

    __slots__ = ("_all", "_hearing", "verbs")

    def __init__(self, parts: Sequence[Part]) -> None:
        self._all = list(parts)
        self._hearing = [part for part in parts if type(part).hear is not Part.hear]
        self.verbs: set[str] = set()
        """The orders that they carry out."""

    @property
    def due_ms(self) -> float:
        """When the first of them has something to do."""
        return min([part.due_ms for part in self._all], default=NEVER)  # a list: asked at each tick

    def take_over(self, before: Parts) -> None:
        """Let each go on in place of the one of its kind."""
        old = {type(part): part for part in before._all}
        for part in self._all:
            if type(part) in old and old[type(part)] is not part:
                part.take_over(old[type(part)])

    def attach(self, site: Engine) -> None:
        """Give each its site."""
        before = site.commands.carried
        for part in self._all:
            part.attach(site)
        self.verbs = site.commands.carried - before

    def of(self, kind: type[P]) -> P:
        """Return the part of this kind. Raises KeyError when there is none."""
        found = self.find(kind)
        if found is None:
            raise KeyError(kind.__name__)
        return found

    def find(self, kind: type[P]) -> P | None:
        """Return the part of this kind, None when the site has none."""
        return next((part for part in self._all if isinstance(part, kind)), None)

    def hear(self, actions: Actions) -> None:
        """Let all hear what was made, also what they make meanwhile."""
        if not self._hearing:
            return
        records, events = actions.heard, actions.events
        records_told = events_told = rounds = 0
        while len(records) > records_told or len(events) > events_told:
            rounds += 1
            if rounds > ROUNDS_MOST:  # a bug, seen upstream; the site's readings go on
                text = f"parts do not come to rest: {', '.join(event.kind for event in events[events_told:])[:200]}"
                events.append(Event("fault", events[-1].at_ms, "", {"worker": "engine", "text": text}))
                break
            new_records, new_events = records[records_told:], events[events_told:]
            records_told, events_told = len(records), len(events)
            for part in self._hearing:
                part.hear(new_records, new_events)

    def step(self, now_ms: int) -> None:
        """Step those that are due."""
        for part in self._all:
            if now_ms >= part.due_ms:
                part.step(now_ms)

    def set_clock(self, now_ms: int) -> None:
        """Tell all that the clock was set."""
        for part in self._all:
            part.set_clock(now_ms)

    def close(self, now_ms: int) -> None:
        """Bring all to an end."""
        for part in self._all:
            part.close(now_ms)

    def registers(self, *, in_records: bool = False) -> dict[str, Any]:
        """Return what changed of those whose registers stand in that log."""
        found: dict[str, Any] = {}
        for part in self._all:
            if part.is_changed and part.in_records is in_records:
                found.update(part.registers())
                part.is_changed = False
        return found

    def saved(self, *, in_records: bool) -> dict[str, Any]:
        """Return all registers of those that stand in that log."""
        return {
            name: value for part in self._all if part.in_records is in_records for name, value in part.saved().items()
        }
