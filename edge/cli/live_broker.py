"""A broker of the demonstration's own, and processes begun and ended by it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

READY_WITHIN_S: Final = 20.0
END_WITHIN_S: Final = 5.0


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """A Mosquitto on loopback that can be stopped and started again: the demonstration's link."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = free_port()
        self._program = program
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
            "max_queued_messages 0\nlog_dest none\n",
            encoding="ascii",
        )
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._running = subprocess.Popen(
            [self._program, "-c", str(self._config)], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(self._listens, READY_WITHIN_S, "the broker")

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.3).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End it: connections break, new ones are refused."""
        end(self._running)
        self._running = None

    @property
    def is_down(self) -> bool:
        """Whether it is stopped."""
        return self._running is None

    def toggle(self) -> str:
        """Cut the link, or mend it; return what to tell the person, a key of [demo]."""
        if self._running is None:
            self.start()
            return "link_mended"
        self.stop()
        return "link_cut"


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return when the condition holds; raises TimeoutError naming what was waited for."""
    end_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f"{what} did not come up within {seconds:.0f} s")
        time.sleep(0.05)


def end(process: subprocess.Popen[Any] | None) -> None:
    """End a process that we started, by its id, kindly first."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
