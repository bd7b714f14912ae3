"""Starts `sms.modem` with a deadline, and reads what it found: nothing it does holds up or ends who asks.

As a program it is what `vigie-modem-exclusive.service` runs: one line asked for, one answer left behind.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from sms.mailbox import MailboxError
from sms.smsd_making import made

DEADLINES_S: Final = {"identity": 30.0, "mode": 15.0, "signal": 20.0, "pin": 40.0, "drain": 60.0}
"""By work; a sound modem needs a third of it."""
TEXT_MOST: Final = 300
DATABASE: Final = "smsd.db"


def ask(
    what: str, device: str, *, pin: str = "", folder: Path | None = None, deadline_s: float | None = None,
    program: tuple[str, ...] = (sys.executable, "-m", "sms.modem"),
) -> dict[str, Any]:  # fmt: skip
    """Return what the modem said. Never raises: `fault` is "hangs" past the deadline, "failed" for all else."""
    command = [*program, what, "--device", device, "--json", *(("--folder", str(folder)) if folder else ())]
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as exc:
        return {"fault": "failed", "text": str(exc)[:TEXT_MOST]}
    with child:
        try:
            out, err = child.communicate(f"{pin}\n".encode(), DEADLINES_S[what] if deadline_s is None else deadline_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            return {"fault": "hangs"}
    try:
        found = json.loads(out)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return {"fault": "failed", "text": err.decode(errors="replace")[-TEXT_MOST:].strip()}
    return found


def device_of(config: Path) -> str:
    """Return the port that gammu-smsd's configuration names, /dev/modem where it names none."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(config)
        return parser.get("gammu", "device", fallback="/dev/modem").partition("#")[0].strip()
    except (configparser.Error, OSError):
        return "/dev/modem"


def request_of(line: str) -> tuple[int, str, str] | None:
    """Return number, work and PIN of a request, None for what is none.

    >>> request_of("7 pin 1234"), request_of("7 identity"), request_of("7 format"), request_of("")
    ((7, 'pin', '1234'), (7, 'identity', ''), None, None)
    """
    words = line.split()
    if not 2 <= len(words) <= 3 or not words[0].isdigit() or words[1] not in DEADLINES_S:
        return None
    return int(words[0][:15]), words[1], words[2] if len(words) == 3 else ""


def _first_line(request: Path) -> str:
    """Return what is asked. A link is not followed, a pipe not waited for. Raises OSError."""
    descriptor = os.open(request, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        return (file.read(200) or b"").partition(b"\n")[0].decode("utf-8", "replace")


def answer(request: Path, path: Path, config: Path, folder: Path) -> str:
    """Do what a request asks for and leave the answer behind, whole or not at all; return what was asked."""
    try:
        asked = request_of(_first_line(request))
    finally:
        request.unlink(missing_ok=True)
    if asked is None:
        return ""
    number, what, pin = asked
    with contextlib.suppress(MailboxError, OSError):  # the daemon is stopped: now a damaged database can be set aside
        made(folder / DATABASE)
    modem = ask(what, device_of(config), pin=pin, folder=folder)
    document = {"number": number, "fault": modem.pop("fault", ""), "modem": modem}
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(document), encoding="utf-8")
    new.chmod(0o640)
    new.replace(path)
    return what


def main(arguments: list[str]) -> int:
    """REQUEST ANSWER CONFIG FOLDER; exit status 1 when the request was none."""
    if len(arguments) != 4:
        sys.stderr.write("usage: python -m sms.modem_child REQUEST ANSWER CONFIG FOLDER\n")
        return 2
    request, path, config, folder = map(Path, arguments)
    try:
        what = answer(request, path, config, folder)
    except OSError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    sys.stdout.write(f"{what or 'not understood'}\n")
    return 0 if what else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
