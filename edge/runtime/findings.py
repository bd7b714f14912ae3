"""What the stores find wrong, said once: an event, and a line in the log of the machine.

What was said is remembered among the events' registers, so that a box that starts a hundred times with the same damaged
block speaks of it once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from edge.core.clock import Clock
from edge.core.ports import Gap
from edge.core.types import Event, EventBatch
from edge.store.notes import Note

REGISTER: Final = "store_told"
REMEMBERED: Final = 200

log = logging.getLogger(__name__)


class Findings:
    """Takes notes of the stores and gaps that readers come upon, from any thread."""

    def __init__(self, clock: Clock, journal: Callable[[EventBatch], None], told: Any) -> None:
        """`told` is the register of the last start, None when there is none."""
        self._clock = clock
        self._journal = journal
        self._told: list[str] = [str(key) for key in told] if isinstance(told, list) else []
        self._lock = threading.Lock()

    def say(self, store: str, notes: Iterable[Note]) -> None:
        """Make events of what opening a store has found and that was not said before."""
        with self._lock:
            fresh = [note for note in notes if _key(store, note) not in self._told]
            if not fresh:
                return
            self._told = [*self._told, *(_key(store, note) for note in fresh)][-REMEMBERED:]
            told = list(self._told)
        for note in fresh:
            log.warning("%s", note.text)
        at_ms = self._clock.monotonic_ns() // 1_000_000
        events = [Event(note.kind, at_ms, "", {"log": store, **note.values()}) for note in fresh]
        self._journal(EventBatch(self._clock.boot, events, {REGISTER: told}))

    def damage_in(self, store: str) -> Callable[[str, Gap], None]:
        """Return what takes a gap of damaged entries that a reader of this log came upon."""
        return lambda path, gap: self.say(store, [Note(path, "damaged", "left_out", gap.first, gap.last)])


def _key(store: str, note: Note) -> str:
    # a gap is one and the same, whoever finds it, and however far into it
    return f"{store} {note.last}" if note.last else f"{store} {note.what} {note.aside or note.file}"
