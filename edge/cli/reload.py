"""`vigie reload`: the box reads its settings file again; only what changed restarts."""

from __future__ import annotations

import argparse
import time
import uuid
from typing import Any, Final

from edge.cli.client import Client
from edge.cli.console import EXIT_BAD_INPUT, EXIT_REFUSED, add_common, asked, write_json, write_lines
from edge.cli.words import Words
from edge.core.commands import Command

WITHIN_S: Final = 60.0
LOOK_EACH_S: Final = 0.1
SIGNS: Final = {"+": "added", "-": "removed", "~": "changed"}
DONE: Final = frozenset({"done", "unchanged", "checked"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie reload` takes."""
    parser.add_argument("--check", action="store_true", help="change nothing: say what would change")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Order it, wait for what becomes of it, and print that; exit 2 when the file has faults, 1 when it is refused."""
    return asked(args, _reload)


def _reload(client: Client, args: argparse.Namespace) -> int:
    from edge.cli.terminal import user_name

    say = Words(client.get("box")["site"]["lang"])
    order = Command(uuid.uuid4().hex, "reload", {"check": args.check}, author=user_name())
    result = client.post("commands", order)
    report = _awaited(client, order.id) if result["done"] else None
    if args.json:
        write_json(result if report is None else report)
    else:
        write_lines([say.result(result["text"])] if report is None else lines(report, say))
    if report is None or report["state"] not in {*DONE, "faults"}:
        return EXIT_REFUSED
    return EXIT_BAD_INPUT if report["state"] == "faults" else 0


def _awaited(client: Client, order: str) -> Any:
    """Return what became of the order; what is known of it when it takes too long."""
    end_s = time.monotonic() + WITHIN_S
    while True:
        report = client.get("reload")
        if (report["id"] == order and report["state"] != "running") or time.monotonic() > end_s:
            return report
        time.sleep(LOOK_EACH_S)


def lines(report: Any, say: Words) -> list[str]:
    """Return what became of a reload, for people."""
    told = [*report["faults"]]
    for sign, key in SIGNS.items():
        told += [f"  {sign} {name}" for name in report[key]]
    if report["reopened"]:
        told.append("  " + say("reload.reopened", points=report["reopened"]))
    if report["state"] == "restart":
        told.append(say("reload.needs", keys=report["restart"]))
    return [
        *told,
        say(f"reload.{report['state']}", file=report["file"], count=len(report["faults"]), why=report["why"]),
    ]
