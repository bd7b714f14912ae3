"""In the guest, under systemd: the installed unit on 1-Wire, I2C, pins and the board's LED, all behind its walls.

hardened.py MODULE     its 1-Wire master is plugged in later (insmod MODULE); prints a line of JSON a step
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edge.cli.client import Client
from tests.hil.inside import chips
from tests.hil.inside.chips import DEVICES, W1Sim, probe_name, wait_for_probes
from tests.hil.inside.unit import SETTINGS, SOCKET, say, systemctl, values, wait

PROBES = 4
PERIOD_S = 5
TURNS = 12
NINE_BITS = 0
"""The probe whose resolution is set."""
WALLS = Path("/run/vigie/walls.json")
DROPIN = Path("/etc/systemd/system/vigie.service.d/walls.conf")
LEDS = Path("/dev/uleds")
NAME_LENGTH = 64
CURVE_S = 30.0


class Led:
    """A LED of the board that a program plays: what the kernel makes it show is read back."""

    def __init__(self, name: str) -> None:
        self._file = os.open(LEDS, os.O_RDWR | os.O_NONBLOCK)
        os.write(self._file, struct.pack(f"{NAME_LENGTH}si", name.encode(), 1))

    def shown(self, seconds: float) -> list[int]:
        """Return each brightness that it is given in this time."""
        end_s, found = time.monotonic() + seconds, []
        while time.monotonic() < end_s:
            try:
                found.append(struct.unpack("i", os.read(self._file, 4))[0])
            except BlockingIOError:
                time.sleep(0.01)
        return found


def w1_status() -> dict[str, Any]:
    return next(bus for bus in Client(SOCKET).get("buses") if bus["bus"] == "w1")


def conversions(sim: W1Sim) -> tuple[int, int]:
    return sim.get("conversions")[0], sim.get("together")[0]


def all_good() -> bool:
    found = values()
    return bool(found) and all(value is not None for value, _ in found.values())


def turns(sim: W1Sim) -> dict[str, Any]:
    """Let some ticks pass; return conversions, and how many of them by a command to all probes."""
    before, together_before = conversions(sim)
    time.sleep(TURNS * PERIOD_S)
    after, together = conversions(sim)
    return {
        "conversions": after - before,
        "together": together - together_before,
        "condition": w1_status()["condition"],
    }


def resolution() -> str:
    return (DEVICES / probe_name(NINE_BITS) / "resolution").read_text("ascii").strip()


def said(word: str) -> list[str]:
    """Return what the service wrote into the system's journal that holds this word."""
    words = ["journalctl", "-b", "-u", "vigie", "-o", "cat", "--no-pager"]
    return [line for line in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
            if word in line]  # fmt: skip


def main() -> None:
    """Go through the steps."""
    led, _other = Led("ACT"), Led("other")
    shutil.copy("/hil/site.toml", SETTINGS)
    shutil.chown(SETTINGS, "root", "vigie")
    SETTINGS.chmod(0o640)
    DROPIN.parent.mkdir(exist_ok=True)
    walls = "/opt/vigie/tree/tests/hil/inside/walls.py"
    DROPIN.write_text(f"[Service]\nExecStartPre=/opt/vigie/bin/python {walls} {WALLS}\n", "ascii")
    systemctl("daemon-reload")
    systemctl("start", "vigie")
    wait(lambda: values().get("air", (None,))[0] is not None)
    say("start", values=values())

    subprocess.run(["insmod", sys.argv[1], f"probes={PROBES}"], check=True)
    sim = W1Sim()
    wait_for_probes(PROBES)
    wait(all_good)
    say("master plugged in later", **turns(sim), resolution=resolution(), said=said("resolution"))

    systemctl("restart", "vigie")
    wait(all_good)
    wait(lambda: resolution() == "9")
    say("started again", **turns(sim), resolution=resolution(), values=values())
    say("walls", **json.loads(WALLS.read_text("ascii")))
    say("lamp", shown=led.shown(CURVE_S), trigger=Path("/sys/class/leds/ACT/trigger").read_text("ascii").split(),
        said=said("LED"))  # fmt: skip

    sim.fault(PROBES - 1, chips.ABSENT)
    gone = f"t.{PROBES - 1}"
    wait(lambda: values()[gone][1] == "no_answer")
    say("a probe removed", **turns(sim), values=values())
    sim.fault(PROBES - 1, chips.WELL)
    back_s = wait(all_good)
    say("put back", back_s=back_s, **turns(sim))
    systemctl("stop", "vigie")
    say("stop", result=systemctl("show", "-P", "Result", "vigie"))


if __name__ == "__main__":
    main()
