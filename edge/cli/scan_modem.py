"""Modems among the serial ports: known by their name, asked who they are where nobody uses them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from edge.cli.scanned import MODEM, Row
from edge.cli.words import Words
from edge.core.doctor_modem import bars_of, dbm_of
from edge.settings.model import Settings
from hal.scan import Seen
from sms import modem_child

MAKERS: Final = re.compile(r"(?i)simcom|simtech|quectel|huawei|zte_|u-blox|sierra|telit|fibocom|modem|gsm|_lte")
"""In a name below /dev/serial/by-id. Any other port is listened to, and never written to."""
DAEMON: Final = "gammu-smsd"

Ask = Callable[[str], dict[str, Any]]


def identity(port: str) -> dict[str, Any]:
    """Return what a modem says of itself, through a child process with a deadline."""
    return modem_child.ask("identity", port)


def is_modem(port: str, dev: Path, settings: Settings | None) -> bool:
    """Return whether a port is a modem's: that of the settings, that which udev named so, or by its maker."""
    sms = settings.links.sms if settings else None
    paths = [dev / "modem", *([Path(sms.device)] if sms else [])]
    named = {path.resolve() for path in paths if path.exists()}
    return Path(port).resolve() in named if named else MAKERS.search(Path(port).name) is not None


def daemon_runs(proc: Path) -> bool:
    """Return whether gammu-smsd runs here: the modem is its own then."""
    for comm in proc.glob("[0-9]*/comm"):
        try:
            if comm.read_text() == f"{DAEMON}\n":
                return True
        except OSError:
            continue
    return False


def row_of(
    port: str, say: Words, settings: Settings | None, link: Mapping[str, Any], *, is_taken: bool, ask: Ask = identity
) -> Row:
    """Return a modem's row; `link`: what a running box says of its SMS link. One that is in use is not asked."""
    points = ["[link.sms]"] if settings and settings.links.sms else []
    if is_taken:
        known = {"operator": link.get("operator"), "signal_percent": link.get("signal")}
        told = [say("scan.modem_taken"), _signal(known, say)]
        return Row(Seen(port, MODEM, (_joined(told),)), points, kind="serial")
    found = ask(port)
    fault = {"no_device": "modem_gone", "no_answer": "modem_deaf", "hangs": "modem_deaf"}.get(found.get("fault", ""))
    if fault:
        return Row(Seen(port, MODEM, (say(f"modem.{fault}"),)), points, kind="serial")
    if found.get("fault"):
        return Row(Seen(port, ""), points, found.get("text") or found["fault"], "driver_error", "serial")
    who = " ".join(str(found[key]) for key in ("manufacturer", "model") if found.get(key))
    told = [who, say("scan.modem_sim", sim=found.get("sim", "absent")), _signal(found, say)]
    return Row(Seen(port, MODEM, (_joined(told),)), points, kind="serial")


def _signal(found: Mapping[str, Any], say: Words) -> str:
    if not found.get("operator"):
        return ""
    percent = found.get("signal_percent")
    dbm = found.get("signal_dbm") or (None if percent is None else dbm_of(percent))
    heard = {} if dbm is None else {"bars": bars_of(dbm), "dbm": dbm}
    return say("scan.modem_signal", operator=found["operator"], **heard)


def _joined(parts: list[str]) -> str:
    return ", ".join(part for part in parts if part)
