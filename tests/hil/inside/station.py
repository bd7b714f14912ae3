"""In the guest: a station on sixteen pulsing lines, and what it said; each line is a word and its JSON.

    station.py STATE PULSES HERTZ    starts it, sends PULSES on each line, ends it by SIGTERM as the last one is out
    station.py STATE 0               starts it, waits for its first values, ends it by SIGTERM
    station.py STATE offline         prints what lies on the disk: a line a record

`sent` is where the kernel keeps the pulses sent so far: the host reads it there when it takes the power away.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edge.cli.client import Client, NotRunningError
from edge.cli.main import main
from edge.store.offline import stored_logs

SITE = Path("/hil/site.toml")
SOCKET = Path("/run/vigie/api.sock")
VIGIE = "/opt/vigie/bin/vigie"
GENERATOR = Path("/sys/module/pulse_gen/parameters")
LINES = 16
BOUNCES, BOUNCE_US = 1, 1500
START_S = 120.0


def say(word: str, what: Any) -> None:
    print(word, json.dumps(what), flush=True)


def values() -> dict[str, Any]:
    return {entry["point"]: entry["value"] for entry in Client(SOCKET).get("values")}


def first_values(station: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return the values once every point has one."""
    give_up_s = time.monotonic() + START_S
    while time.monotonic() < give_up_s and station.poll() is None:
        try:
            found = values()
        except NotRunningError:
            found = {}
        if found and None not in found.values():
            return found
        time.sleep(0.5)
    raise SystemExit("the station gave no values")


def send(pulses: int, hertz: int) -> None:
    half_us = 500_000 // hertz
    for name, value in {
        "count": pulses, "low_us": half_us, "high_us": half_us, "bounces": BOUNCES, "bounce_us": BOUNCE_US,
    }.items():  # fmt: skip
        (GENERATOR / name).write_text(",".join([str(value)] * LINES), "ascii")
    (GENERATOR / "start").write_text("1", "ascii")


def sent() -> list[int]:
    return [int(word) for word in (GENERATOR / "sent").read_text("ascii").split(",")]


def where_sent_is_kept() -> int:
    for line in Path("/proc/kallsyms").read_text("ascii").splitlines():
        words = line.split()
        if words[2:] == ["sent", "[pulse_gen]"]:
            return int(words[0], 16)
    raise SystemExit("the kernel does not tell where pulse_gen keeps `sent`")


def live(state: str, pulses: int, hertz: int) -> None:
    SOCKET.parent.mkdir(exist_ok=True)
    with Path("/run/station.log").open("wb") as log:
        station = subprocess.Popen(
            [VIGIE, "run", "--config", SITE, "--state", state, "--socket", SOCKET], stderr=log, stdout=log
        )
        try:
            say("first", first_values(station))
            say("where", where_sent_is_kept())
            if pulses:
                send(pulses, hertz)
            while pulses and int((GENERATOR / "busy").read_text("ascii")):
                time.sleep(0.001 if sent()[0] > pulses - hertz else 0.5)
                if sent()[0] % hertz == 0:
                    say("sent", sent()[0])
            station.send_signal(signal.SIGTERM)
            say("stopped", station.wait(30))
        finally:
            if station.poll() is None:
                station.kill()
                station.wait()
            print(Path("/run/station.log").read_text("utf-8"), end="", flush=True)


def offline(state: str) -> None:
    with stored_logs(Path(state)) as logs:
        say("registers", logs.records.registers)
    table = printed("export", "--state", state, "--config", SITE).splitlines()
    for row in csv.DictReader(line for line in table if not line.startswith("#")):
        say("record", row)
    say("journal", json.loads(printed("journal", "--state", state, "--config", SITE, "--json"))["lines"])


def printed(*words: object) -> str:
    """Return what a command of vigie prints; a process of its own would cost two seconds of the guest's processor."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main([str(word) for word in words])
    if code:
        raise SystemExit(f"vigie {words[0]} ended with {code}")
    return out.getvalue()


if __name__ == "__main__":
    if sys.argv[2] == "offline":
        offline(sys.argv[1])
    else:
        live(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
