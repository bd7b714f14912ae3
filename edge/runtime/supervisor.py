"""Threads: the only place that starts one. Each worker gets its own, and the real clock.

A worker that raises is logged with its traceback and called again with back-off; the others go on. A worker that
hangs is seen by its busy-since mark; its thread is a daemon, so that a stuck bus can't hold up the end.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from edge.core.ports import Worker

BACK_OFF_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
STEADY_S: Final = 300.0  # after so long without a failure, back-off begins anew
LONGEST_WAIT_S: Final = 3600.0
SAID_EVERY_S: Final = 3600.0  # one and the same failure: at most so often in log and journal

log = logging.getLogger(__name__)
Failed = Callable[[str, Exception], None]


class Bell:
    """Wakes one waiting thread: an eventfd, so that it can be waited for together with a socket."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._lock = threading.Lock()
        self._others: list[int] = []
        self._is_closed = False

    def ring(self) -> None:
        """Wake the waiter now, or make its next wait return at once. Any thread may ring."""
        with self._lock:
            if not self._is_closed:
                os.eventfd_write(self._fd, 1)

    def wait(self, seconds: float, others: list[int]) -> None:
        """Return when rung, when one of the other descriptors is readable, or after so many seconds."""
        if others != self._others:
            self._poll = select.poll()
            for descriptor in (self._fd, *others):
                self._poll.register(descriptor, select.POLLIN)
            self._others = list(others)
        for descriptor, _ in self._poll.poll(min(max(seconds, 0.0), LONGEST_WAIT_S) * 1000):
            if descriptor == self._fd:
                os.eventfd_read(self._fd)

    def close(self) -> None:
        """Give the descriptor back; ringing afterwards does nothing. May be called twice."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._fd)


class Runner:
    """One worker's thread."""

    def __init__(self, worker: Worker, bell: Bell, failed: Failed) -> None:
        self.worker = worker
        self.busy_since_s: float | None = None
        self.turned_s = time.monotonic()
        """When a step last ended as it should."""
        self._failed = failed
        self.failures = 0
        self._said_s: dict[tuple[str, str, int], float] = {}
        self._bell = bell
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=worker.name, daemon=True)

    def progress_s(self, busy_since_s: float) -> float:
        """Return when the worker last got on: within a step too, where it says so (`progress_s`)."""
        return max(busy_since_s, float(getattr(self.worker, "progress_s", 0.0)))

    def _is_news(self, exc: Exception, now_s: float) -> bool:
        """Return whether this failure, by its place in the code, was not said within the last hour."""
        place = exc.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = (type(exc).__name__, "" if place is None else place.tb_frame.f_code.co_filename,
                 0 if place is None else place.tb_lineno)  # fmt: skip
        if now_s - self._said_s.get(where, float("-inf")) < SAID_EVERY_S:
            return False
        self._said_s[where] = now_s
        return True

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def _run(self) -> None:
        failed_s = 0.0
        while not self._stopping.is_set():
            now_s = time.monotonic()
            self.busy_since_s = now_s
            try:
                due_s = self.worker.step(now_s)
                others = self.worker.filenos()
                self.turned_s = time.monotonic()
            except Exception as exc:  # the top of a thread: a bug in one worker must not end the box
                if now_s - failed_s > STEADY_S:
                    self.failures = 0
                failed_s = now_s
                due_s = now_s + BACK_OFF_S[min(self.failures, len(BACK_OFF_S) - 1)]
                others = []
                self.failures += 1
                if self._is_news(exc, now_s):
                    log.exception("%s failed; again in %.0f s", self.worker.name, due_s - now_s)
                    self._failed(self.worker.name, exc)
            self.busy_since_s = None
            if not self._stopping.is_set():
                try:
                    self._bell.wait(due_s - time.monotonic(), others)
                except (OSError, ValueError, OverflowError) as exc:  # no descriptor, or no instant
                    if self._is_news(exc, now_s):
                        log.exception("%s waits for what is not there", self.worker.name)
                    self._bell.wait(min(BACK_OFF_S[0], due_s - time.monotonic()), [])
        try:
            self.worker.close()
        except Exception:  # the same at the end
            log.exception("%s failed while closing", self.worker.name)

    def stop(self, deadline_s: float) -> bool:
        """Ask the worker to end and close, wait for it until the deadline (monotonic); True when it has."""
        self._stopping.set()
        self._bell.ring()
        self._thread.join(max(0.0, deadline_s - time.monotonic()))
        if self._thread.is_alive():
            log.warning("%s does not come back; left behind", self.worker.name)
            return False
        self._bell.close()
        return True


def _is_over(thread: threading.Thread, within_s: float) -> bool:
    thread.join(within_s)
    return not thread.is_alive()


class Supervisor:
    """All workers of a box, in the order in which they must end."""

    def __init__(self, failed: Failed = lambda _worker, _exc: None) -> None:
        """`failed` hears, on the worker's thread, of each step that raised."""
        self._failed = failed
        self._runners: list[Runner] = []
        """Replaced as a whole where workers come or go while others look through it."""
        self._is_started = self._is_ending = False
        self._changing = threading.Lock()
        """Held where a worker comes: none may once the end has begun, or its thread would never be ended."""
        self._once: dict[str, threading.Thread] = {}
        self._all_run = threading.Event()

    def add(self, worker: Worker, bell: Bell, *, first: bool = False) -> Callable[[], None]:
        """Take a worker in, to be stopped after those added before, or `first` of all; return what wakes it.

        Once the others run, it runs at once; where all are ending already, never.
        """
        runner = Runner(worker, bell, self._failed)
        with self._changing:
            if self._is_ending:
                bell.close()
                return bell.ring
            self._runners = [runner, *self._runners] if first else [*self._runners, runner]
            if self._is_started:
                runner.start()
        return bell.ring

    def once(self, name: str, task: Callable[[], None]) -> bool:
        """Run a task on a thread of its own, which ends with it; return False while one of that name runs.

        It begins once all workers run: it may end some.
        """
        running = self._once.get(name)
        if not self._is_started or (running is not None and running.is_alive()):
            return False

        def run() -> None:
            self._all_run.wait()
            task()

        self._once[name] = threading.Thread(target=run, name=name, daemon=True)
        self._once[name].start()
        return True

    def retire(self, worker: Worker, within_s: float) -> bool:
        """End one worker while the others go on; return False when it was left behind."""
        (runner,) = (runner for runner in self._runners if runner.worker is worker)
        self._runners = [each for each in self._runners if each is not runner]
        return runner.stop(time.monotonic() + within_s)

    def exchange(self, worker: Worker, other: Worker, bell: Bell, within_s: float) -> Callable[[], None]:
        """End one worker and let another take its place in the order of the end; return what wakes that."""
        (old,) = (runner for runner in self._runners if runner.worker is worker)
        old.stop(time.monotonic() + within_s)
        runner = Runner(other, bell, self._failed)
        with self._changing:
            if self._is_ending:
                bell.close()
                return bell.ring
            self._runners = [runner if each is old else each for each in self._runners]
            runner.start()
        return bell.ring

    def start(self) -> None:
        """Start every worker; the last to stop starts first, so that nobody posts to a worker that is not there."""
        self._is_started = True
        for runner in reversed(self._runners):
            runner.start()
        self._all_run.set()

    def blocked(self, now_s: float, longer_than_s: float) -> list[str]:
        """Return the names of workers that have been inside one step for longer than this."""
        return [
            runner.worker.name
            for runner in self._runners
            if runner.busy_since_s is not None and now_s - runner.progress_s(runner.busy_since_s) > longer_than_s
        ]

    def turned(self, name: str, now_s: float, within_s: float) -> bool:
        """Return whether a worker has ended a step within the last so many seconds."""
        return any(runner.worker.name == name and now_s - runner.turned_s < within_s for runner in self._runners)

    def stop(
        self,
        within_s: float,
        before: Mapping[str, Callable[[], None]] | None = None,
        patience_s: Mapping[str, float] | None = None,
    ) -> list[str]:
        """Stop all in order, within so many seconds in all; return the names of those left behind.

        `before` holds what is to be waited for before a worker of that name is told to end; `patience_s` for how long a
        worker is waited for beyond its share of the time, where without it something were lost.
        """
        end_s = time.monotonic() + within_s
        with self._changing:
            self._is_started, self._is_ending = False, True
        left = [name for name, thread in self._once.items() if not _is_over(thread, within_s / 4)]
        for place, runner in enumerate(self._runners):
            if before and runner.worker.name in before:
                try:
                    before[runner.worker.name]()
                except Exception:  # what it waits for matters less than that all others end
                    log.exception("%s is not waited for", runner.worker.name)
            share_s = max((end_s - time.monotonic()) / (len(self._runners) - place), 0.05)
            asked_s = time.monotonic()
            if not runner.stop(asked_s + share_s + (patience_s or {}).get(runner.worker.name, 0.0)):
                left.append(runner.worker.name)
            end_s += max(time.monotonic() - asked_s - share_s, 0.0)  # the others keep their time
        return left
