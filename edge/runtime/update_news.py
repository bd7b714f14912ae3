"""What became of an update, told by the station: root writes it down where everybody can read, here it becomes events.

Each is told once, also over restarts: its id becomes durable with it, as a register of the events' log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from edge.core.clock import Clock
from edge.core.journal_words import KINDS
from edge.core.types import Event, EventBatch
from edge.core.update_state import KEPT_NEWS, News

REGISTER: Final = "update_told"
LOOK_S: Final = 60.0

log = logging.getLogger(__name__)


class UpdateNews:
    """The worker that looks. `published` gives what root wrote, None where there is nothing; `told` is the register."""

    name = "update news"

    def __init__(
        self,
        published: Callable[[], Mapping[str, Any] | None],
        clock: Clock,
        journal: Callable[[EventBatch], None],
        told: Any,
    ) -> None:
        self._published = published
        self._clock = clock
        self._journal = journal
        self._told: list[str] = [str(each) for each in told] if isinstance(told, list) else []

    def step(self, now_s: float) -> float:
        """Tell what is new; return when to look again."""
        facts = self._published()
        fresh = [each for each in _news(facts) if each.id not in self._told]
        if fresh:
            self._told = [*self._told, *(each.id for each in fresh)][-2 * KEPT_NEWS :]
            at_ms = self._clock.monotonic_ns() // 1_000_000
            events = [Event(each.kind, at_ms, "", each.values) for each in fresh]
            self._journal(EventBatch(self._clock.boot, events, {REGISTER: list(self._told)}))
        return now_s + LOOK_S

    def filenos(self) -> list[int]:
        """Only time moves it."""
        return []

    def close(self) -> None:
        """Nothing is held."""


def _news(facts: Mapping[str, Any] | None) -> list[News]:
    """Return what root wrote, without what is none of the journal's kinds: another version may have written it."""
    try:
        found = msgspec.convert((facts or {}).get("news", []), list[News])
    except msgspec.ValidationError as exc:
        log.warning("what became of an update is not understood: %s", exc)
        return []
    return [each for each in found if each.kind.startswith(("update_", "system_")) and each.kind in KINDS]
