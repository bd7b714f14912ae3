"""`vigie time`: what time the box believes it is, by whom; `vigie time set` tells it.

Exit codes: 0 done, 1 refused by the box, 2 no time given, 3 no box.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from edge.cli import printed
from edge.cli.client import Client
from edge.cli.console import EXIT_BAD_INPUT, add_common, asked, complain, write_json, write_lines
from edge.cli.format import MISSING, number
from edge.cli.ordered import ordered
from edge.cli.words import Words, zone_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie time` takes."""
    parser.add_argument("what", nargs="?", choices=["set"], help="tell the box the time")
    parser.add_argument(
        "at", nargs="?", metavar="TIME", help='"2026-11-21 14:05", the site\'s local time unless it ends with an offset'
    )
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Print the time and where it comes from, or set it."""
    return asked(args, _show if args.what is None else _set)


def _show(client: Client, args: argparse.Namespace) -> int:
    found = client.get("time")
    if args.json:
        return write_json(found)
    box = client.get("box")
    write_lines(lines(found, zone_of(box), Words(box["site"]["lang"])))
    return 0


def _set(client: Client, args: argparse.Namespace) -> int:
    say = Words(client.get("box")["site"]["lang"])
    if not args.at:
        complain(say("time.how"))
        return EXIT_BAD_INPUT
    return ordered(client, args, "time.set", {"at": args.at}, say)


def seconds(ms: float | None, say: Words, *, signed: bool = False) -> str:
    """Return milliseconds as a person reads them: "0.4 s", "+3 h 02"; "-" when unknown."""
    if ms is None:
        return MISSING
    size_s = abs(ms) / 1000
    text = f"{number(size_s, 1, say.point)} s" if size_s < 10 else say.age(size_s)
    return text if not signed else ("-" if ms < 0 else "+") + text


def moment(utc_ms: int, zone: tzinfo, say: Words) -> str:
    """Return a local instant with its year: a clock may be years off."""
    return f"{printed.moment(utc_ms, zone, say, seconds=True)} {printed.year(utc_ms, zone)}"


def lines(found: Mapping[str, Any], zone: tzinfo, say: Words) -> list[str]:
    """Return what `vigie time` prints."""
    text = [say("time.now", time=moment(found["utc_ms"], zone, say), source=found["source"])]
    if found.get("age_s") is not None:
        error = seconds(found["error_ms"], say)
        text.append("  " + say("time.age", age=say.age(found["age_s"]), error=error))
    elif found["source"] in {"none", "floor"}:
        text += ["  " + say("time.nobody"), "  " + say("time.how")]
    if "floor" in found:
        floor = found["floor"]
        text.append("  " + say(f"time.floor_{floor['from']}", time=moment(floor["utc_ms"], zone, say)))
    if abs(found.get("machine_off_ms", 0)) >= 1000:
        text.append("  " + say("time.machine", off=seconds(found["machine_off_ms"], say, signed=True)))
    if found.get("sources"):
        head = [say(f"time.{name}") for name in ("source", "witness", "verdict", "off", "heard")]
        rows = [
            [
                say.word("clock", view["source"]),
                view["witness"],
                say.word("clock_verdict", view["verdict"]),
                seconds(view["off_ms"], say, signed=True),
                say.age(view["age_s"]),
            ]
            for view in found["sources"]
        ]
        text += ["", *printed.aligned([head, *rows])]
    if found["entries"]:
        text += ["", *printed.aligned([[say(f"time.{name}") for name in ("start", "dated", "by", "moved")],
                                       *_entries(found, zone, say)])]  # fmt: skip
    return text


def _entries(found: Mapping[str, Any], zone: tzinfo, say: Words) -> list[list[str]]:
    """Return a row a clock entry, newest first."""
    steps = {(step["boot"], step["at_ms"]): step["step_ms"] for step in found["steps"]}
    return [
        [
            str(entry["boot"]),
            moment(entry["utc_ms"], zone, say),
            say.word("clock", entry["source"]),
            seconds(steps.get((entry["boot"], entry["at_ms"])), say, signed=True),
        ]
        for entry in reversed(found["entries"])
    ]
