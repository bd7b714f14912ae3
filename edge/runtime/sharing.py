"""Workers that share a thread: those that work for the card by the hour and may wait for each other.

A thread costs memory and switches; what is called a few times an hour needs none of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge.core.ports import Worker
from edge.core.types import NEVER


class Sharing:
    """Several workers as one. One that raises keeps no other from its turn; the last one's exception is passed on."""

    def __init__(self, name: str, workers: Sequence[Worker]) -> None:
        self.name = name
        self._workers = list(workers)
        self._due_s = [0.0] * len(self._workers)

    def wake(self, worker: Worker, ring: Callable[[], None]) -> Callable[[], None]:
        """Return what wakes this one of them; `ring` wakes the thread. Any thread may call what is returned."""
        place = self._workers.index(worker)

        def woken() -> None:
            self._due_s[place] = 0.0
            ring()

        return woken

    def step(self, now_s: float) -> float:
        """Call those that are due; return when the next one is."""
        failed: Exception | None = None
        for place, worker in enumerate(self._workers):
            if now_s < self._due_s[place]:
                continue
            self._due_s[place] = NEVER  # before the step: it may be woken meanwhile
            asked_s = now_s
            try:
                asked_s = worker.step(now_s)
            except Exception as exc:  # noqa: BLE001 - passed on below, after the others had their turn
                failed = exc
            self._due_s[place] = min(self._due_s[place], asked_s)
        if failed is not None:
            raise failed
        return min(self._due_s, default=NEVER)

    def filenos(self) -> list[int]:
        """Return what any of them waits for."""
        return [number for worker in self._workers for number in worker.filenos()]

    def close(self) -> None:
        """Close them in their order; one that fails keeps no other from it."""
        failed: Exception | None = None
        for worker in self._workers:
            try:
                worker.close()
            except Exception as exc:  # noqa: BLE001 - the same
                failed = exc
        if failed is not None:
            raise failed
