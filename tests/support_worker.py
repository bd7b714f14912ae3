"""Turn workers by hand in real time: what the supervisor does, without its threads."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

import pytest

from edge.core.ports import Worker


def turn(condition: Callable[[], object], *workers: Worker, seconds: float = 10.0, what: str = "") -> None:
    """Step the workers as they ask for it until the condition holds; fail when it has not after so many seconds."""
    end = time.monotonic() + seconds
    due = dict.fromkeys(workers, 0.0)
    while not condition():
        now = time.monotonic()
        if now > end:
            pytest.fail(f"not within {seconds} s: {what or condition}")
        filenos = {fileno: worker for worker in workers for fileno in worker.filenos()}
        wait_s = max(0.0, min([*due.values(), now + 0.05]) - now)
        ready = {filenos[fileno] for fileno in select.select(list(filenos), [], [], wait_s)[0]}
        now = time.monotonic()
        for worker in workers:
            if worker in ready or due[worker] <= now:
                due[worker] = worker.step(now)
