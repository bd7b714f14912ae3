"""In the guest, under systemd: a meter behind a USB adapter that goes and comes back.

tic.py          starts the installed unit with /hil/tic.toml; ends when the file /hil/tic.end is there
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from edge.cli.client import Client, NotRunningError

SETTINGS = Path("/etc/vigie/vigie.toml")
SOCKET = Path("/run/vigie/api.sock")
PORTS = Path("/dev/serial/by-id")
WITHIN_S = 60.0


def say(word: str, what: Any) -> None:
    print(word, json.dumps(what), round(time.monotonic(), 1), flush=True)


def port() -> str:
    """Return the adapter's name, once udev has given it one."""
    give_up_s = time.monotonic() + WITHIN_S
    while time.monotonic() < give_up_s:
        if PORTS.is_dir() and (found := sorted(PORTS.iterdir())):
            return str(found[0])
        time.sleep(0.2)
    raise SystemExit("udev names no serial port")


def main() -> None:
    text = Path("/hil/tic.toml").read_text("utf-8").replace("@PORT@", port())
    SETTINGS.write_text(text, "utf-8")
    shutil.chown(SETTINGS, "root", "vigie")
    subprocess.run(["systemctl", "start", "vigie"], check=True)
    client = Client(SOCKET)
    before: dict[str, Any] = {}
    ports_before: list[str] = []
    told = 0
    while not Path("/hil/tic.end").exists():
        try:
            now = {entry["point"]: entry for entry in client.get("values")}
        except NotRunningError:
            now = {}
        ports = sorted(map(str, PORTS.iterdir())) if PORTS.is_dir() else []
        if ports != ports_before:
            say("ports", ports)
            ports_before = ports
        for name, entry in now.items():
            was = before.get(name, {"quality": "", "value": None})
            if (entry["quality"], entry["value"]) != (was["quality"], was["value"]):
                say("value", [name, entry["quality"], entry["value"], entry["reason"]])
        before = now
        for kind in [line["kind"] for line in reversed(client.get("journal")["lines"])][told:] if now else []:
            say("kind", kind)
            told += 1
        time.sleep(0.5)
    say("errors", client.get("buses")[0]["devices"][0]["bad"])
    subprocess.run(["systemctl", "stop", "vigie"], check=True)


if __name__ == "__main__":
    main()
