"""A simulated GSM modem on a pseudo-terminal, in a network with others: what gammu-smsd takes for a real one.

`step(now_s)` answers what was asked until now; `filenos` wakes it. What it says to AT commands is in `modem_dialogue`,
what can go wrong in `modem_faults`, who gets what in `modem_network`.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from pathlib import Path
from typing import Final

from hal.fake.adapters import PtyPort
from hal.fake.modem_dialogue import Dialogue
from hal.fake.modem_faults import Faults
from hal.fake.modem_network import Network
from hal.fake.modem_pdu import Content
from hal.fake.modem_radio import Radio
from hal.fake.modem_sim import Sim

BOOT_CHATTER: Final = b"\r\n^SYSSTART\r\n\r\n+CPIN: READY\r\n"


class FakeModem(PtyPort):
    """A modem behind `port`, a link that stays the same when it is unplugged and plugged in again.

    One thread may step it while another pulls its plug.
    """

    def __init__(self, network: Network, sim: Sim, port: Path, imei: str = "350000000000001") -> None:
        """Plug it in. Raises OSError where the link can't be made."""
        self._lock = threading.RLock()
        self.dialogue = Dialogue(network, sim, imei)
        network.attach(sim.number, self._take)
        super().__init__(port)

    @property
    def faults(self) -> Faults:
        """What is wrong with it."""
        return self.dialogue.faults

    @property
    def sim(self) -> Sim:
        """Its card."""
        return self.dialogue.radio.sim

    @property
    def radio(self) -> Radio:
        """Its signal, registration and operator, to be changed."""
        return self.dialogue.radio

    def filenos(self) -> list[int]:
        """Return what wakes it."""
        return [self._master] if self._master is not None else []

    def unplug(self) -> None:
        """Take the port away."""
        with self._lock:
            super().unplug()

    def replug(self) -> None:
        """Give the port back: the modem has started anew."""
        with self._lock:
            if self._master is None:
                self.dialogue.power(0.0)
            super().replug()

    def renumber(self, port: Path) -> None:
        """Go away and come back under another name."""
        self.unplug()
        self.port = port
        self.replug()

    def power_cycle(self) -> None:
        """Cut its supply for a moment: what hangs does no more."""
        self.unplug()
        self.faults.mute = ""
        self.replug()

    def reboot(self, now_s: float) -> None:
        """Let it start anew by itself, in text mode, while its port stays open: no reader is told."""
        with self._lock:
            self.dialogue.power(now_s, BOOT_CHATTER)

    def step(self, now_s: float) -> float:
        """Answer what came until now; return when something is to be said."""
        with self._lock:
            if self._master is None:
                return math.inf
            with contextlib.suppress(BlockingIOError):
                self.dialogue.hear(os.read(self._master, 4096), now_s)
            return self._speak(now_s)

    def _speak(self, now_s: float) -> float:
        later: list[tuple[float, bytes]] = []
        for due_s, octets in self.dialogue.out:
            if self._master is None or due_s > now_s:
                later.append((due_s, octets))
                continue
            with contextlib.suppress(BlockingIOError):  # nobody reads: a line keeps nothing
                os.write(self._master, octets)
        self.dialogue.out = later
        return min((due_s for due_s, _ in later), default=math.inf)

    def _take(self, sender: str, content: Content, stamp_utc_s: float) -> bool:
        return self._master is not None and self.dialogue.take(sender, content, stamp_utc_s)
