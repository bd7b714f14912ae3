"""A simulated modem with a real gammu-smsd, the SMS link's queue and its watchdog; a thread is the system's units."""

from __future__ import annotations

import configparser
import threading
import time
from datetime import UTC
from pathlib import Path
from typing import Any

from edge.links.modem_hands import ANSWER, EXCLUSIVE, RESET, FileHands
from edge.links.sms import SmsLink
from edge.links.sms_account import Budget
from edge.links.sms_ports import Purpose, Wanted
from edge.links.sms_queue import Queue
from edge.links.sms_watch import SmsWatch
from edge.settings.model_sms import SmsLink as SmsSettings
from hal.fake.modem_sim import Sim
from sms import modem_child
from sms.smsd import Smsd
from tests.memory_kept import MemoryKept
from tests.sms_rig import Air, Post

ROOT = Path(__file__).resolve().parents[2]


def shipped() -> dict[str, str]:
    """Return the settings with which gammu-smsd runs on a box, but for its files."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "config" / "gammu-smsdrc")
    own = {"service", "driver", "dbdir", "database", "logfile"}
    return {key: value for key, value in parser["smsd"].items() if key not in own}


class RealClock:
    """A Clock of the machine's own time."""

    boot = 1

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def utc_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def trust(self) -> str:
        return "ntp"


class Units:
    """The system's path units: each request takes the daemon away, does its work on the modem, and starts it again.

    What the modem is asked is asked by the real child process; unplugging and power are the simulated modem's own.
    """

    def __init__(self, post: Post) -> None:
        self.post = post
        self.requests = post.folder / "run"
        self.answers = post.folder / "answers"
        for folder in (self.requests, self.answers):
            folder.mkdir()
        self.cures: list[str] = []
        self._thread: threading.Thread | None = None

    def step(self) -> None:
        """Begin what is asked for; one at a time."""
        if self._thread is not None and self._thread.is_alive():
            return
        for name in (EXCLUSIVE, RESET):
            request = self.requests / name
            if request.exists():
                self.cures.append(request.read_text(encoding="ascii").split()[1])
                self._thread = threading.Thread(target=self._carry_out, args=(request, name), name="units")
                self._thread.start()
                return

    def join(self) -> None:
        """Wait for what is under way."""
        if self._thread is not None:
            self._thread.join()

    def _carry_out(self, request: Path, name: str) -> None:
        self.post.stop()
        if name == EXCLUSIVE:
            modem_child.answer(request, self.answers / ANSWER, self.post.config, self.post.folder)
        else:
            self._reset(request)
        self.post.start()

    def _reset(self, request: Path) -> None:
        modem = self.post.modem
        assert modem is not None
        number, how = request.read_text(encoding="ascii").split()
        request.unlink()
        fault = ""
        if not modem.filenos():
            fault = "no_device"
        elif how == "power":
            modem.power_cycle()
        else:
            modem.unplug()
            modem.replug()
        new = self.answers / "new"
        new.write_text(f'{{"number":{number},"fault":"{fault}","modem":{{}}}}', encoding="ascii")
        new.replace(self.answers / ANSWER)


class WatchedModem:
    """`step` runs the link; `said` is what it told the journal, with how long it had run."""

    def __init__(self, air: Air, sim: Sim, *, pin: str = "") -> None:
        self.air = air
        self.number = sim.number
        self.post = air.smsd(sim.number, sim, **shipped())
        assert self.post.modem is not None
        self.modem = self.post.modem
        self.units = Units(self.post)
        hands = FileHands(self.units.requests, [self.units.answers], lambda: pin)
        self.mailbox = Smsd(self.post.database, log=self.post.logfile)
        self.said: list[tuple[float, str, dict[str, Any]]] = []
        self.said_before = False
        clock = RealClock()
        self.queue = Queue(self.mailbox, Budget(200, 2000), clock=clock, zone=UTC, kept=MemoryKept(), say=self._say)
        self.watch = SmsWatch(self.mailbox, say=self._say, hands=hands, now_s=time.monotonic(), sends=self.queue)
        self.link = SmsLink(SmsSettings(), self.mailbox, self.queue, [self.watch], clock=clock, say=self._say)
        self._due_s = 0.0

    def _say(self, kind: str, **values: Any) -> None:
        self.said.append((time.monotonic(), kind, values))

    def step(self) -> None:
        """Run the link where it is due."""
        self.units.step()
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = self.link.step(now_s)

    def wants(self, key: str, number: str, purpose: Purpose) -> None:
        """Offer a text to the queue."""
        self.queue.offer(Wanted(key, number, purpose, text=key))
        self._due_s = 0.0

    def told(self, kind: str, since_s: float, **wanted: str) -> tuple[float, str] | None:
        """Return when the first event of this kind and with these values was told after an instant, and its code."""
        for at_s, each, values in self.said:
            if each == kind and at_s >= since_s and wanted.items() <= values.items():
                return at_s, values.get("code", "")
        return None

    def close(self) -> None:
        self.units.join()
        self.link.close()
