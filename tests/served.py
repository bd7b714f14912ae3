"""A simulated device that answers while the test waits for it, stepped on a thread that its questions wake."""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from collections.abc import Callable
from typing import Protocol, Self


class Answers(Protocol):
    """A fake that is asked through descriptors."""

    def filenos(self) -> list[int]: ...
    def step(self, now_s: float) -> float: ...
    def unplug(self) -> None: ...
    def replug(self) -> None: ...
    def close(self) -> None: ...


class Served:
    """Steps a fake until closed. Changes run on its thread: a socket closed elsewhere lives on there."""

    def __init__(self, fake: Answers) -> None:
        self.fake = fake
        self._bell, self._ring = os.pipe()
        self._changes: queue.SimpleQueue[tuple[Callable[[], None], threading.Event]] = queue.SimpleQueue()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="served", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        next_s = 0.0
        while not self._is_over:
            left_s = max(0.0, next_s - time.monotonic())
            ready = select.select([self._bell, *self.fake.filenos()], [], [], left_s)[0]
            if self._bell in ready:
                os.read(self._bell, 1)
                change, done = self._changes.get()
                change()
                done.set()
            next_s = self.fake.step(time.monotonic())

    def _do(self, change: Callable[[], None]) -> None:
        done = threading.Event()
        self._changes.put((change, done))
        os.write(self._ring, b"x")
        assert done.wait(5)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def unplug(self) -> None:
        self._do(self.fake.unplug)

    def replug(self) -> None:
        self._do(self.fake.replug)

    def close(self) -> None:
        if self._is_over:
            return
        self._do(self._end)
        self._thread.join(5)
        os.close(self._bell)
        os.close(self._ring)
        self.fake.close()

    def _end(self) -> None:
        self._is_over = True
