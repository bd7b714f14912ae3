"""What gives the registry of orders its time: refusals are told, codes expire, what nobody keeps is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from edge.core.bad_args import Expected
from edge.core.part import Part
from edge.core.proposals import RandomBelow
from edge.core.types import Event, Record

if TYPE_CHECKING:
    from edge.core.engine import Engine

REGISTER: Final = "trials"


class Orders(Part):
    """Its register is of what is on trial; the answers stand in the registry's own."""

    def __init__(self, random_below: RandomBelow | None = None, expected: Expected | None = None) -> None:
        super().__init__()
        self._random_below = random_below
        self._expected = expected

    def attach(self, site: Engine) -> None:
        """Date the registry's answers by the site's clock."""
        self._site = site
        site.commands.random_below = self._random_below
        site.commands.expected = self._expected
        site.commands.utc_s = self._utc_s
        on_trial = site.commands.on_trial
        on_trial.changed = self._changed
        if on_trial.register():  # also that this is another start
            self._changed()

    def _utc_s(self, now_ms: int) -> int:
        return (now_ms + self._site.utc_offset_ms) // 1000 if self._site.is_dated else 0

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Take note of when the registry has something to do: each order that leaves something is an event."""
        self.due_ms = self._site.commands.due_ms

    def step(self, now_ms: int) -> None:
        """Tell what was counted, take back what was not kept."""
        for event in self._site.commands.step(now_ms):
            self._site.emit(event)
        self.due_ms = self._site.commands.due_ms

    def _changed(self) -> None:
        """Take note that what is on trial is another."""
        self.is_changed = True
        self.due_ms = self._site.commands.due_ms

    def registers(self) -> dict[str, Any]:
        """Return what must survive a restart."""
        return {REGISTER: self._site.commands.on_trial.register()}
