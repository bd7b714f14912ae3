"""A simulated device that answers while the test waits for it, stepped on a thread that its questions wake."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Protocol, Self


class Answers(Protocol):
    """A fake that is asked through descriptors."""

    def filenos(self) -> list[int]: ...
    def step(self, now_s: float) -> float: ...
    def close(self) -> None: ...


class Served:
    """Steps a fake until closed; `change` takes hold of it between two steps."""

    def __init__(self, fake: Answers) -> None:
        self.fake = fake
        self.lock = threading.Lock()
        self._bell, self._ring = os.pipe()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="served", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        next_s = 0.0
        while not self._is_over:
            with self.lock:
                filenos = self.fake.filenos()
            ready = select.select([self._bell, *filenos], [], [], max(0.0, next_s - time.monotonic()))[0]
            if self._bell in ready:
                os.read(self._bell, 64)
            with self.lock:
                next_s = self.fake.step(time.monotonic())

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def unplug(self) -> None:
        with self.lock:
            self.fake.unplug()  # type: ignore[attr-defined]
        os.write(self._ring, b"x")

    def replug(self) -> None:
        with self.lock:
            self.fake.replug()  # type: ignore[attr-defined]
        os.write(self._ring, b"x")

    def close(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        os.write(self._ring, b"x")
        self._thread.join(5)
        os.close(self._bell)
        os.close(self._ring)
        self.fake.close()
