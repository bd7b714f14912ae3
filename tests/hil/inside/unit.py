"""In the guest, under systemd: the installed unit is stopped, killed, and left alone with a probe that never answers.

watchdog.py QUIET_S     prints a line of JSON a step: seconds of the guest's time, process ids, restarts
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from edge.cli.client import Client, NotRunningError

PROBE = Path("/run/w1/28-000000000001")
SETTINGS = Path("/etc/vigie/vigie.toml")
SOCKET = Path("/run/vigie/api.sock")
WITHIN_S = 300.0


def systemctl(*words: str) -> str:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = ["journalctl", "-b", "-n", "60", "--no-pager"]
        status = subprocess.run(said, capture_output=True, text=True, check=False)
        raise SystemExit(f"systemctl {' '.join(words)}: {done.stderr}\n{status.stdout}")
    return done.stdout.strip()


def pid() -> int:
    return int(systemctl("show", "-P", "MainPID", "vigie"))


def values() -> dict[str, Any]:
    try:
        return {entry["point"]: (entry["value"], entry["reason"]) for entry in Client(SOCKET).get("values")}
    except NotRunningError:
        return {}


def wait(condition: Callable[[], object]) -> float:
    """Return after how many seconds this became true."""
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() - began_s > WITHIN_S:
            raise SystemExit("it did not happen")
        time.sleep(0.5)
    return time.monotonic() - began_s


def say(step: str, **what: Any) -> None:
    print(json.dumps({"step": step, **what}), flush=True)


def blocked_probe() -> None:
    """A probe whose file never gives an answer: opening a pipe for reading waits for a writer that never comes."""
    PROBE.mkdir(parents=True)
    (PROBE / "name").write_text(PROBE.name, "ascii")
    os.mkfifo(PROBE / "w1_slave", 0o644)


def gone(number: int) -> bool:
    return not Path(f"/proc/{number}").exists()


def main() -> None:
    quiet_s = float(sys.argv[1])
    shutil.copy("/hil/site.toml", SETTINGS)
    shutil.chown(SETTINGS, "root", "vigie")
    SETTINGS.chmod(0o640)
    blocked_probe()
    systemctl("start", "vigie")
    first = pid()
    wait(lambda: values().get("m0", (None,))[0] is not None and values()["probe"][1] == "bus_blocked")
    say("start", user=Path(f"/proc/{first}").owner(), values=values())
    time.sleep(quiet_s)
    say("left alone", seconds=quiet_s, same=pid() == first, values=values())
    for name, number in (("SIGSTOP", signal.SIGSTOP), ("SIGKILL", signal.SIGKILL)):
        before = pid()
        os.kill(before, number)
        ended_s = wait(partial(gone, before))
        back_s = wait(lambda: values().get("m0", (None,))[0] is not None)
        say(name, ended_s=ended_s, back_s=back_s, restarts=int(systemctl("show", "-P", "NRestarts", "vigie")))
    systemctl("stop", "vigie")
    say("stop", result=systemctl("show", "-P", "Result", "vigie"))


if __name__ == "__main__":
    main()
