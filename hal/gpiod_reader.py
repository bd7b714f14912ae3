"""One thread that hands the edges of all watched lines to their pins, and rests while there are none.

It blocks in epoll on the lines' descriptors and an eventfd. It exists only while a line is watched: the first line
starts it, the last one ends it. `gather_s` is how long it lets edges collect in the kernel, which stamps and keeps
them, before it takes them all: a site of bouncing meters then costs a few wake-ups a second instead of hundreds.

A line whose queue overflowed brings noise and not pulses: it is left to the kernel, which drops what is too much, for a
second or until its pin is asked (`deliver`). So a noisy input costs a few full queues a second, however fast it is.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from typing import Any, Final

from hal.gpiod_lines import GpioError, Line

REST_S: Final = 1.0

log = logging.getLogger(__name__)


class EdgeReader:
    """The reader of one chip's lines.

    Its lock is held while edges are taken and handed over: they arrive in order whichever thread takes them, and none
    arrives after `forget` has returned. A listener must not wait for a thread that opens or closes a pin.
    """

    def __init__(self, gather_s: float) -> None:
        self._gather_ms = round(gather_s * 1000)
        self._lock = threading.RLock()
        self._lines: dict[int, Line] = {}
        self._resting: dict[int, float] = {}  # watched but not waited for -> until when (monotonic s)
        self._thread: threading.Thread | None = None
        self._epoll: Any = None
        self._bell = -1

    def watch(self, line: Line) -> None:
        """Hand over this line's edges from now on, until `forget`."""
        with self._lock:
            if self._thread is None:
                self._start()
            if self._lines.setdefault(line.fileno(), line) is line:
                self._epoll.register(line.fileno(), select.EPOLLIN)

    def forget(self, line: Line) -> None:
        """Hand over no more of this line; allowed when it is not watched. Before its release: numbers are reused."""
        with self._lock:
            if line.is_held and self._lines.pop(line.fileno(), None) is not None:
                self._unregister(line.fileno())
                if not self._lines:
                    os.eventfd_write(self._bell, 1)

    def release(self, line: Line) -> None:
        """Forget a line and give it back: no thread is reading it while its descriptor goes."""
        with self._lock:
            self.forget(line)
            line.release()

    def deliver(self, line: Line) -> None:
        """Hand over what waits of a watched line, on this thread, now."""
        with self._lock:
            if line.is_held and self._lines.get(line.fileno()) is line:
                self._take(line)
                self._wake({line.fileno()} if line.is_held else set())

    def resting(self) -> int:
        """Return how many watched lines are left to the kernel at present, since they bring noise."""
        with self._lock:
            return len(self._resting)

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, once no line is watched any more."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)

    def _start(self) -> None:
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll = select.epoll()
        self._epoll.register(self._bell, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="gpio-edges", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        gather = select.poll()
        gather.register(self._bell, select.POLLIN)
        while True:
            ready = dict(self._epoll.poll(REST_S if self._resting else None))
            if self._gather_ms and self._bell not in ready:
                gather.poll(self._gather_ms)
            with self._lock:
                if not self._lines:
                    self._end()
                    return
                self._hush()
                for fd, mask in ready.items():
                    line = self._lines.get(fd)
                    if line is not None and fd not in self._resting:
                        if self._take(line) and self._lines.get(fd) is line:
                            self._unregister(fd)
                            self._resting[fd] = time.monotonic() + REST_S
                        if mask & (select.EPOLLHUP | select.EPOLLERR):  # would be ready again at once, for ever
                            self.forget(line)
                if self._resting:
                    now_s = time.monotonic()
                    self._wake({fd for fd, until_s in self._resting.items() if now_s >= until_s})

    def _unregister(self, fd: int) -> None:
        if self._resting.pop(fd, None) is None:
            self._epoll.unregister(fd)

    def _wake(self, fds: set[int]) -> None:
        """Wait again for these lines' edges, where they rested."""
        for fd in fds:
            if self._resting.pop(fd, None) is not None:
                self._epoll.register(fd, select.EPOLLIN)

    def _hush(self) -> None:
        try:
            os.eventfd_read(self._bell)
        except BlockingIOError:
            return

    def _end(self) -> None:
        self._epoll.close()
        os.close(self._bell)
        self._epoll, self._bell, self._thread = None, -1, None
        self._resting.clear()

    def _take(self, line: Line) -> bool:
        try:
            return line.take()
        except GpioError as exc:
            log.warning("%s; its edges are no longer read", exc)
            self.forget(line)
        except Exception:  # a listener's fault must not take the edges of the others with it
            log.exception("%s: a listener failed", line.name)
        return False
