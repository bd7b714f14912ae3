"""One simulated modem that answers while a test waits for it."""

from __future__ import annotations

import select
import threading
import time
from pathlib import Path

from hal.fake.modem import FakeModem
from hal.fake.modem_network import Network
from hal.fake.modem_sim import Sim
from sms.modem import found_by


class Bench:
    """One modem whose other end is served by a thread."""

    def __init__(self, folder: Path, port: Path | None = None) -> None:
        self.folder = folder
        self.network = Network()
        self.sim = Sim("+33600000001")
        self.modem = FakeModem(self.network, self.sim, port or folder / "modem")
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._turn, daemon=True)
        self._thread.start()

    def _turn(self) -> None:
        while not self._ends.is_set():
            due_s = min(time.monotonic() + 0.05, self.modem.step(time.monotonic()))
            select.select(self.modem.filenos(), [], [], max(0.0, due_s - time.monotonic()))

    def does(self, what: str, secret: str = "") -> dict[str, object]:
        return found_by(what, str(self.modem.port), secret, self.folder)

    def close(self) -> None:
        self._ends.set()
        self._thread.join(5)
        self.modem.close()
