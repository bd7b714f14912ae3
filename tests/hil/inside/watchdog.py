"""The service as systemd starts it, with a watchdog, while every device it reads is dead, then while it stands still.

Prints the longest silence between two WATCHDOG=1 of each phase. Runs in the guest.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.hil.inside import chips
from tests.hil.inside.chips import I2cSim, W1Sim, probe_name, wait_for_probes
from tests.hil.inside.field import HEAD, point, tell

PROBES = 4
WATCHDOG_S = 60  # of vigie.service
PHASE_S = 300.0
STOPPED_S = 150.0

SITE = (
    '[bus.w1]\nkind = "onewire"\n[bus.i2c]\nkind = "i2c"\nnumber = {number}\n'
    + "".join(point(f"w1.{n}", "w1", "ds18b20", 5.0, probe=probe_name(n)) for n in range(PROBES))
    + point("ads.v", "i2c", "ads1115", input="AIN0")
    + point("sht.t", "i2c", "sht3x", channel="temperature")
)


class Listener:
    """What systemd would hear."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)

    def wait_for(self, word: str, within_s: float) -> bool:
        """Return whether this word came in time."""
        end_s = time.monotonic() + within_s
        while (left_s := end_s - time.monotonic()) > 0:
            self._socket.settimeout(left_s)
            try:
                if self._socket.recv(100).decode() == word:
                    return True
            except TimeoutError:
                break
        return False

    def longest_silence(self, seconds: float) -> float:
        """Return the longest time without WATCHDOG=1 in the next so many seconds."""
        end_s = time.monotonic() + seconds
        last_s, longest_s = time.monotonic(), 0.0
        while time.monotonic() < end_s:
            self.wait_for("WATCHDOG=1", end_s - time.monotonic())
            now_s = time.monotonic()
            longest_s = max(longest_s, now_s - last_s)
            last_s = now_s
        return longest_s


def main() -> int:
    """Go through the phases."""
    w1, i2c = W1Sim(), I2cSim()
    wait_for_probes(PROBES)
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        listener = Listener(folder)
        config = folder / "site.toml"
        config.write_text(HEAD + SITE.format(number=i2c.get("number")[0]), "utf-8")
        environment = {**os.environ, "NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000)}
        words = ["vigie", "run", "--config", config, "--state", folder / "state", "--socket", folder / "api.sock"]
        service = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
        try:
            if not listener.wait_for("READY=1", 600):
                raise SystemExit("the service did not start")
            tell(phase="all well", longest_s=round(listener.longest_silence(PHASE_S), 3))
            w1.set(fault=",".join([str(chips.ABSENT)] * PROBES))
            i2c.set(fault_addr=0, fault_errno=errno.EREMOTEIO)
            tell(phase="every device dead", longest_s=round(listener.longest_silence(PHASE_S), 3))
            w1.line(chips.HELD_LOW)
            i2c.set(fault_errno=errno.ETIMEDOUT, fault_ms=round(PHASE_S * 1000))
            tell(phase="I2C hangs, 1-Wire shorted", longest_s=round(listener.longest_silence(PHASE_S), 3))
            i2c.heal()
            w1.line(chips.FREE)
            w1.set(fault=",".join(["0"] * 64))
            service.send_signal(signal.SIGSTOP)
            listener.longest_silence(1.0)  # what was on its way
            tell(phase="the process stands still", longest_s=round(listener.longest_silence(STOPPED_S), 3))
            service.send_signal(signal.SIGCONT)
            tell(phase="after that", longest_s=round(listener.longest_silence(PHASE_S), 3))
            tell(phase="end", code=service.poll())
        finally:
            service.terminate()
            service.wait(30)
    return 0


if __name__ == "__main__":
    sys.exit(main())
