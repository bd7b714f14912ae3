"""`vigie doctor`: may the installer leave? Each line well, to look at or failed, with its remedy; then a verdict.

Exit codes: 0 ready to leave, 1 not ready, 2 an unknown code was asked about.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.cli.client import DEFAULT_CONFIG, DEFAULT_STATE, Client, NotRunningError, RefusedError, socket_path
from edge.cli.diagnosis import codes_like, known_codes, lines_of, page_of, remedy_of
from edge.cli.machine_facts import listening_ports, machine_figures, readable_secrets
from edge.cli.printed import aligned
from edge.cli.words import Words, own_words, zone_of
from edge.core.doctor import AT_REST, Facts, Finding, examine, is_ready
from edge.settings.faults import SettingsError
from edge.settings.load import load
from edge.settings.model import Settings
from edge.settings.report import fault_lines, language

FIRST_READINGS_S: Final = 20.0  # a box that has just started is given so long to have read everything once
LOOK_EACH_S: Final = 1.0
EXIT_NOT_READY: Final = 1
EXIT_BAD_INPUT: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie doctor` takes."""
    parser.add_argument("code", nargs="?", help="explain one code of its lines, such as no_answer")
    parser.add_argument(
        "--socket", metavar="PATH", help="the box's API socket (default: $VIGIE_SOCKET, or the service's)"
    )
    parser.add_argument("--config", metavar="FILE", type=Path, default=DEFAULT_CONFIG, help="the site's settings file")
    parser.add_argument("--json", action="store_true", help="findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Examine and print; or explain a code."""
    began_s = time.monotonic()
    facts, say = _facts(args)
    if args.code:
        return _explain(args.code, say)
    findings = examine(facts)
    took_s = time.monotonic() - began_s
    if args.json:
        print(msgspec.json.encode(_document(findings, took_s, say)).decode())
    else:
        box = None if facts.live is None else facts.live
        for line in lines_of(findings, box, took_s, say, zone_of(box) if box else None):
            print(line)
    return 0 if is_ready(findings) else EXIT_NOT_READY


def _facts(args: argparse.Namespace) -> tuple[Facts, Words]:
    live, why = None, ""
    asked: dict[str, Any] = {}
    if not args.code:
        client = Client(socket_path(args.socket))
        try:
            live = _settled(client)
            asked = {name: client.get(name) for name in ("buses", "time")}
        except (NotRunningError, RefusedError) as exc:
            why = getattr(exc.__cause__, "strerror", None) or str(exc)
    settings, count, first = _settings(args.config)
    lang = live["box"]["site"]["lang"] if live else settings.site.lang if settings else own_words().lang
    changed_ms = args.config.stat().st_mtime * 1000 if settings is not None else 0
    return Facts(
        live=live,
        why_no_box=why,
        buses=asked.get("buses", ()),
        unknown=[{"bus": bus["bus"], **each} for bus in asked.get("buses", ()) for each in bus.get("unknown", ())],
        time=asked.get("time", {}),
        machine=machine_figures(DEFAULT_STATE),
        settings=str(args.config) if settings is not None or count else "",
        faults=count,
        first_fault=first,
        is_newer=live is not None and changed_ms > live["box"]["started_utc_ms"] and not live["box"].get("demo"),
        readable=readable_secrets(settings) if settings else (),
        ports=listening_ports(),
    ), Words(lang)


def _settled(client: Client) -> Mapping[str, Any]:
    """Return the box's answer once it has had the time to read everything; a good one is not waited for."""
    pause = threading.Event()
    while True:
        live: Mapping[str, Any] = client.get("live")
        box = live["box"]
        runs_s = (box["utc_ms"] - box["started_utc_ms"]) / 1000
        is_awaited = any(view["quality"] == "bad" and view["reason"] not in AT_REST for view in live["values"])
        if runs_s >= FIRST_READINGS_S or not is_awaited:
            return live
        pause.wait(LOOK_EACH_S)


def _settings(file: Path) -> tuple[Settings | None, int, str]:
    """Return the settings, or how many faults their file has and the first; none of both where there is no file."""
    if not file.exists():
        return None, 0, ""
    try:
        return load(file), 0, ""
    except SettingsError as exc:
        first = fault_lines(str(file), exc.faults[0], language(os.environ, file))
        return None, len(exc.faults), " ".join(line.strip() for line in first[:2])


def _document(findings: list[Finding], took_s: float, say: Words) -> dict[str, Any]:
    return {
        "ready": is_ready(findings),
        "took_s": round(took_s, 1),
        "findings": [
            {
                "level": finding.level,
                "code": finding.code,
                "subject": finding.subject,
                "text": say(finding.text.key, **finding.text.values),
                "remedy": remedy_of(finding.remedy, say),
            }
            for finding in findings
        ],
    }


def _explain(code: str, say: Words) -> int:
    if code not in known_codes():
        near = codes_like(code)
        print(say("doctor.unknown_code", code=code, near=near) if near else say("doctor.no_code", code=code))
        return EXIT_BAD_INPUT
    for line in aligned(page_of(code, say)):
        print(line)
    return 0
