"""`vigie doctor`: may the installer leave? Each line well, to look at or failed, with its remedy; then a verdict.

Exit codes: 0 ready to leave, 1 not ready, 2 an unknown code was asked about.
"""

from __future__ import annotations

import argparse
import errno
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.cli.client import DEFAULT_CONFIG, DEFAULT_STATE, Client, NotRunningError, RefusedError, socket_path
from edge.cli.console import screen_width
from edge.cli.diagnosis import codes_like, known_codes, lines_of, page_lines, words_of
from edge.cli.machine_facts import listening_ports, machine_figures, missing_extras, readable_secrets
from edge.cli.site_file import settings_of
from edge.cli.words import Words, own_words, zone_of
from edge.core.doctor import Facts, Finding, examine, is_ready
from edge.settings.card_verdict import verdict_of
from edge.settings.model import Led
from edge.store.update_store import published
from hal.lamp import has_board_led

FIRST_READINGS_S: Final = 20.0  # a box that has just started is given so long to have read everything once
LOOK_EACH_S: Final = 0.5
FIRST: Final = frozenset({"not_open", "no_frame", "stale"})
"""Reasons that a device has before its first answer, too."""
DAY_MS: Final = 86_400_000
LEDS: Final = "sys/class/leds"
EXIT_NOT_READY: Final = 1
EXIT_BAD_INPUT: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie doctor` takes."""
    parser.add_argument("code", nargs="?", help="explain one code of its lines, such as no_answer")
    parser.add_argument(
        "--socket", metavar="PATH", help="the box's API socket (default: $VIGIE_SOCKET, or the service's)"
    )
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="the site's settings file (default: the one that the box runs on)"
    )
    parser.add_argument("--json", action="store_true", help="findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Examine and print; or explain a code."""
    began_s = time.monotonic()
    client = Client(socket_path(args.socket))
    if args.code:
        return _explain(args.code, _words(client))
    facts, say = _facts(args, client)
    findings = examine(facts)
    took_s = time.monotonic() - began_s
    if args.json:
        print(msgspec.json.encode(_document(findings, took_s, say)).decode())
    else:
        box = None if facts.live is None else facts.live
        for line in lines_of(findings, box, took_s, say, zone_of(box) if box else None, screen_width()):
            print(line)
    return 0 if is_ready(findings) else EXIT_NOT_READY


def _facts(args: argparse.Namespace, client: Client) -> tuple[Facts, Words]:
    live, why = None, ""
    asked: dict[str, Any] = {}
    try:
        live = _settled(client)
        asked = {name: client.get(name) for name in ("buses", "outputs", "time")}
        asked["cut"] = _cut(client, live["box"]["utc_ms"])
    except (NotRunningError, RefusedError) as exc:
        live, why = None, _why(exc)
    config = args.config or Path((live["box"].get("settings") if live else "") or DEFAULT_CONFIG)
    found = settings_of(config, live["box"]["site"]["lang"] if live else "")
    settings = found.settings
    lang = live["box"]["site"]["lang"] if live else settings.site.lang if settings else own_words().lang
    is_demo = bool(live and live["box"].get("demo"))
    is_newer = live is not None and not is_demo and found.changed_ms > live["box"]["settings_utc_ms"]
    return Facts(
        live=live,
        why_no_box=why,
        buses=asked.get("buses", ()),
        outputs=asked.get("outputs", ()),
        time=asked.get("time", {}),
        cut_ago_ms=asked.get("cut"),
        machine=machine_figures(DEFAULT_STATE),
        settings=str(config) if found.is_there else "",
        faults=found.faults,
        first_fault=found.first,
        is_newer=is_newer,
        is_unread=found.is_unread,
        extras=missing_extras(settings) if settings and not is_demo else (),
        readable=readable_secrets(settings) if settings else (),
        ports=listening_ports(),
        update=published(),
        card=_card(),
        has_lamp=has_lamp(settings.led if settings else Led()),
    ), Words(lang)


def has_lamp(led: Led, root: Path = Path("/")) -> bool:
    """Return whether something can show how the box is; True where nobody wants it, or this was made from no card."""
    if verdict_of(root) is None or not led.enabled or led.pin is not None:
        return True
    leds = root / LEDS
    return (leds / led.name).is_dir() if led.name else has_board_led(leds)


def _card() -> Mapping[str, Any] | None:
    """Return what came of the installer's file at this boot."""
    verdict = verdict_of()
    return None if verdict is None else msgspec.structs.asdict(verdict)


def _words(client: Client) -> Words:
    """Return words in the language of the box, of the person at the terminal where none answers."""
    try:
        return Words(client.get("box")["site"]["lang"])
    except (NotRunningError, RefusedError):
        return own_words()


def _settled(client: Client) -> Mapping[str, Any]:
    """Return the box's answer once it has had the time to read everything; a good one is not waited for."""
    pause = threading.Event()
    while True:
        live: Mapping[str, Any] = client.get("live")
        box = live["box"]
        runs_s = (box["utc_ms"] - box["started_utc_ms"]) / 1000
        waits = {view["point"] for view in live["values"] if view["quality"] == "bad" and view["reason"] in FIRST}
        if waits and runs_s < FIRST_READINGS_S:  # a device that has failed is not waited for
            waits &= {
                point for bus in client.get("buses") for each in bus["devices"] if not each["fault"]
                for point in each["points"]
            }  # fmt: skip
        if runs_s >= FIRST_READINGS_S or not waits:
            return live
        pause.wait(LOOK_EACH_S)


def _cut(client: Client, now_ms: int) -> float | None:
    """Return how long ago the box began again after it was cut off; None where that is more than a day, or never."""
    try:
        lines = client.get(f"journal?kinds=unclean_stop&limit=1&since={now_ms - DAY_MS}")["lines"]
    except RefusedError:  # a journal that can't be read has findings of its own
        return None
    return float(max(0, now_ms - lines[0]["t_ms"])) if lines and lines[0]["t_ms"] else None


def _why(exc: NotRunningError | RefusedError) -> str:
    """Return a word of the table no_box, or what the system says."""
    if isinstance(exc.__cause__, TimeoutError):
        return "silent"
    number = getattr(exc.__cause__, "errno", None)
    word = {errno.ENOENT: "no_socket", errno.EACCES: "no_right", errno.ECONNREFUSED: "refused"}.get(number or 0)
    return word or getattr(exc.__cause__, "strerror", None) or str(exc)


def _document(findings: list[Finding], took_s: float, say: Words) -> dict[str, Any]:
    return {
        "ready": is_ready(findings),
        "took_s": round(took_s, 1),
        "findings": [
            {
                "level": finding.level,
                "code": finding.code,
                "subject": finding.subject,
                "text": words_of(finding, say)[0],
                "remedy": words_of(finding, say)[1],
                "detail": finding.detail,
            }
            for finding in findings
        ],
    }


def _explain(code: str, say: Words) -> int:
    if code not in known_codes():
        near = codes_like(code)
        print(say("doctor.unknown_code", code=code, near=near) if near else say("doctor.no_code", code=code))
        return EXIT_BAD_INPUT
    for line in page_lines(code, say, screen_width()):
        print(line)
    return 0
