"""In the guest, under systemd: the units that wake a modem, asked as vigie asks them, and as nobody should.

modem.py setup                 names the modem to gammu-smsd and runs vigie-sms-setup
modem.py ask FOLDER LINE       leaves a request as vigie does, waits for its answer
modem.py hostile               leaves in its place what a program would that has taken vigie over
modem.py start | told          the installed unit with /hil/modem.toml, and what it says
modem.py cured                 waits until a modem's trouble is over
modem.py exposures             what systemd-analyze says of each unit

Each prints a line of JSON a step, with seconds of the guest's time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.cli.client import Client, NotRunningError
from edge.links.modem_hands import EXCLUSIVE, RESET
from tests.hil.inside.chips import I2cSim
from tests.hil.inside.unit import SETTINGS, SOCKET, say, systemctl, wait

PORTS = Path("/dev/serial/by-id")
RUNTIME = Path("/run/vigie")
ANSWERS = {EXCLUSIVE: Path("/run/vigie-modem/answer.json"), RESET: Path("/run/vigie-modem-reset/answer.json")}
MAILBOX = Path("/var/lib/vigie-sms")
SMSDRC = Path("/etc/gammu-smsdrc")
SHADOW = Path("/etc/shadow")
DAEMON = "gammu-smsd.service"
USER = "vigie"
UNITS = Path("/etc/systemd/system")


def shown(path: Path) -> str:
    """Return rights, owner and group of a file, as in `0660 gammu:vigie`."""
    found = path.lstat()
    return f"{stat.S_IMODE(found.st_mode):04o} {path.owner()}:{path.group()}"


def daemon() -> int:
    """Return the process of gammu-smsd, 0 while there is none."""
    return int(systemctl("show", "-P", "MainPID", DAEMON))


def of_unit(name: str, prop: str) -> str:
    return systemctl("show", "-P", prop, name)


def setup() -> None:
    """Do as docs/sms.md says for a make that the udev rule does not know."""
    wait(lambda: PORTS.is_dir() and any(PORTS.iterdir()))
    port = next(PORTS.iterdir())
    SMSDRC.write_text(SMSDRC.read_text("utf-8").replace("device = /dev/modem", f"device = {port}", 1), "utf-8")
    done = subprocess.run(["vigie-sms-setup"], capture_output=True, text=True, check=False)
    names = [MAILBOX, *sorted(MAILBOX.iterdir())] if MAILBOX.is_dir() else []
    say(
        "setup", rc=done.returncode, said=done.stdout.splitlines() + done.stderr.splitlines(), port=str(port),
        rights={str(path): shown(path) for path in names},
        enabled=[name for name in (DAEMON, *(f"vigie-{name}.path" for name in ANSWERS))
                 if of_unit(name, "UnitFileState") == "enabled"],
        daemon=of_unit(DAEMON, "ActiveState"), user=Path(f"/proc/{daemon()}").owner(),
    )  # fmt: skip


def as_vigie(script: str) -> None:
    """Run a line of Python as the service's user, which is in no other group than its own here."""
    subprocess.run([sys.executable, "-c", script], user=USER, group=USER, extra_groups=[], cwd=RUNTIME, check=True)


def ask(name: str, line: str) -> None:
    """Leave a request whole, and wait until it was done and gammu-smsd is back."""
    before, answer, number = daemon(), ANSWERS[name], int(line.split(maxsplit=1)[0])
    as_vigie(f"import os; open('.new', 'w').write({line!r} + chr(10)); os.rename('.new', {name!r})")
    answered_s = wait(lambda: answer.exists() and json.loads(answer.read_text("utf-8"))["number"] == number)
    said = json.loads(answer.read_text("utf-8"))
    back_s = answered_s + wait(lambda: daemon() not in {0, before})
    say(
        line, answer=said, answered_s=round(answered_s, 1), back_s=round(back_s, 1), was_running=before != 0,
        rights=shown(answer), left=sorted(path.name for path in answer.parent.iterdir()),
        asked=(RUNTIME / name).exists(),
    )  # fmt: skip


HOSTILE = {
    "a link to /etc/shadow": "os.symlink('/etc/shadow', NAME)",
    "a megabyte of digits": "open('.new', 'w').write('7' * 1000000 + ' usb'); os.rename('.new', NAME)",
    "random octets": "open('.new', 'wb').write(os.urandom(4096)); os.rename('.new', NAME)",
    "nothing": "open(NAME, 'w')",
    "a command": "open('.new', 'w').write('7 usb; touch /etc/owned' + chr(10)); os.rename('.new', NAME)",
    "a folder with a file": "os.mkdir('.new'); open('.new/x', 'w'); os.rename('.new', NAME)",
    "a pipe": "os.mkfifo(NAME)",
}
LOOP = "os.symlink(NAME, NAME)"


def leave(name: str, script: str) -> None:
    as_vigie(f"import os\nNAME = {name!r}\n{script}\n")


def hostile() -> None:
    """Leave each, and see that it goes, once, and that gammu-smsd comes back."""
    before = (hashlib.sha256(SHADOW.read_bytes()).hexdigest(), shown(SHADOW))
    for name, answer in ANSWERS.items():
        unit = f"vigie-{name}.service"
        runs = begun(unit)
        answer.unlink(missing_ok=True)
        for what, script in HOSTILE.items():
            invocation = of_unit(unit, "InvocationID")
            leave(name, script)
            took_s = wait(lambda invocation=invocation, unit=unit: of_unit(unit, "InvocationID") != invocation)
            took_s += wait(lambda unit=unit: of_unit(unit, "ActiveState") in {"failed", "inactive"})
            say(what, asked=name, took_s=round(took_s, 1), left=os.path.lexists(RUNTIME / name))
        wait(lambda: daemon() != 0)
        time.sleep(5)
        say(
            "all", asked=name, begun=begun(unit) - runs, answered=answer.exists(),
            daemon=of_unit(DAEMON, "ActiveState"), path=of_unit(f"vigie-{name}.path", "ActiveState"),
        )  # fmt: skip
        leave(name, LOOP)
    time.sleep(2)
    states = [of_unit(f"vigie-{name}.path", "ActiveState") for name in ANSWERS]
    systemctl("restart", "vigie")
    say(
        "links to themselves", path=states,
        path_later=[of_unit(f"vigie-{name}.path", "ActiveState") for name in ANSWERS],
        shadow=(hashlib.sha256(SHADOW.read_bytes()).hexdigest(), shown(SHADOW)) == before,
        owned=Path("/etc/owned").exists(),
    )  # fmt: skip


def begun(unit: str) -> int:
    """Return how often a unit was begun since the machine's start."""
    said = ["journalctl", "-b", "-u", unit, "-o", "cat", "--no-pager"]
    found = subprocess.run(said, capture_output=True, text=True, check=True).stdout
    return len(re.findall(r"^Starting ", found, re.MULTILINE))


def values() -> dict[str, Any]:
    try:
        return {entry["point"]: (entry["value"], entry["quality"]) for entry in Client(SOCKET).get("values")}
    except NotRunningError:
        return {}


def start() -> None:
    """Start the installed unit on the modem that gammu-smsd has."""
    text = Path("/hil/modem.toml").read_text("utf-8").replace("@PORT@", str(next(PORTS.iterdir())))
    SETTINGS.write_text(text, "utf-8")
    shutil.chown(SETTINGS, "root", USER)
    SETTINGS.chmod(0o640)
    systemctl("start", "vigie")
    after_s = wait(lambda: values().get("air", (None, ""))[1] == "good")
    say("start", after_s=round(after_s, 1), values=values())


def told() -> None:
    """Print what the station knows and has noted, oldest first."""
    client = Client(SOCKET)
    say(
        "told", values=values(), restarts=int(of_unit("vigie", "NRestarts")), uptime_s=time.monotonic(),
        transfers=I2cSim().get("transfers")[0],
        buses={bus["bus"]: {"wire": bus["wire"], "errors": bus["errors"], "late_ms": bus["late_ms"]}
               for bus in client.get("buses")},
        link=client.get("status")["links"]["sms"],
        rights={str(path): shown(path) for path in sorted(MAILBOX.iterdir())},
        journal=[[line["t_ms"], line["kind"], line["values"]] for line in reversed(client.get("journal")["lines"])],
    )  # fmt: skip


def cured() -> None:
    """Wait for the end of a modem's trouble, and for the message that waited."""
    client = Client(SOCKET)

    def over() -> bool:
        lines = client.get("journal")["lines"]
        return any(line["kind"] == "modem_ok" for line in lines)

    say("cured", after_s=wait(over))
    time.sleep(30)


def exposures() -> None:
    """Print what systemd makes of each service of ours that is installed."""
    found = {}
    for name in [*sorted(path.name.replace("@.", "@sda.") for path in UNITS.glob("vigie*.service")), DAEMON]:
        words = ["systemd-analyze", "security", "--no-pager", name]
        said = subprocess.run(words, capture_output=True, text=True, check=False)
        found[name] = float(said.stdout.rpartition(f"level for {name}: ")[2].split()[0])
    say("exposures", **found)


def main() -> None:
    does: dict[str, Callable[..., None]] = {
        "setup": setup, "ask": ask, "hostile": hostile, "start": start, "told": told, "cured": cured,
        "exposures": exposures,
    }  # fmt: skip
    does[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
