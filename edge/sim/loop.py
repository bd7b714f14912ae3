"""Virtual time: one loop calls every worker's `step` at the instants it asked for; the clock jumps between them.

The workers are the very objects the box runs. There is no thread and no sleep, and at equal instants the order in which
workers were added decides, so that a run is the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from edge.core.ports import Worker
from edge.core.types import NEVER

START_S: Final = 100.0  # monotonic: a box that was switched on a moment ago


class VirtualClock:
    """A Clock that the loop moves. It is right from the start, as one set by NTP is."""

    def __init__(self, utc_ms: int, boot: int) -> None:
        self.boot = boot
        self.now_ns = round(START_S * 1e9)
        self._offset_ms = utc_ms - self.now_ns // 1_000_000

    def monotonic_ns(self) -> int:
        """Return virtual nanoseconds."""
        return self.now_ns

    def utc_ms(self) -> int:
        """Return virtual UTC in ms."""
        return self._offset_ms + self.now_ns // 1_000_000

    def trust(self) -> str:
        """Return "ntp": nothing is simulated of the clock itself."""
        return "ntp"


class Loop:
    """All workers of a simulation by the instant at which each is due."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._workers: list[Worker] = []
        self._due_s: list[float] = []
        self._queue: list[tuple[float, int]] = []
        self._retired: set[int] = set()
        self.steps = 0

    def add(self, worker: Worker) -> Callable[[], None]:
        """Take a worker in, due now; return what wakes it."""
        place = len(self._workers)
        self._workers.append(worker)
        self._due_s.append(NEVER)
        wake = self._waker(place)
        wake()
        return wake

    def _waker(self, place: int) -> Callable[[], None]:
        def wake() -> None:
            now_s = self._clock.now_ns / 1e9
            if self._due_s[place] > now_s and place not in self._retired:
                self._schedule(place, now_s)

        return wake

    def _schedule(self, place: int, due_s: float) -> None:
        self._due_s[place] = due_s
        if due_s < NEVER:
            heappush(self._queue, (due_s, place))

    def run_until(self, end_s: float) -> None:
        """Step workers until nothing is due before `end_s` (monotonic), and stand there."""
        queue, due, workers = self._queue, self._due_s, self._workers
        while queue and queue[0][0] < end_s:
            due_s, place = heappop(queue)
            if due[place] != due_s:
                continue  # it was woken, or asked for another instant, since
            due[place] = NEVER
            now_ns = max(self._clock.now_ns, round(due_s * 1e9))
            self._clock.now_ns = now_ns
            self.steps += 1
            asked_s = workers[place].step(now_ns / 1e9)
            if asked_s < due[place]:
                self._schedule(place, max(asked_s, now_ns / 1e9 + 1e-6))
        self._clock.now_ns = max(self._clock.now_ns, round(end_s * 1e9))

    def retire(self, *workers: Worker) -> None:
        """Close these workers, in this order; they are not stepped any more."""
        for worker in workers:
            worker.close()
            place = self._workers.index(worker)
            self._due_s[place] = NEVER
            self._retired.add(place)
