"""`vigie relay`: what outputs do and why, and switching them: on, off, pulse, and auto to take an order back.

Exit codes: 0 done, 1 refused by the box, 2 no such output or no sense in what is asked, 3 no box.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge.cli.client import Client
from edge.cli.console import EXIT_BAD_INPUT, add_common, asked, complain, write_json, write_lines
from edge.cli.ordered import answer, told
from edge.cli.printed import aligned
from edge.cli.words import Words
from edge.core.relay import ORDER_MOST_S

_LENGTH: Final = re.compile(r"(\d{1,8}(?:\.\d{1,3})?)\s*(s|m|min|h|d|j)?", re.ASCII)
_UNIT_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "j": 86_400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie relay` takes."""
    parser.add_argument("output", nargs="?", metavar="ID", help="the output (default: list all)")
    parser.add_argument(
        "to", nargs="?", choices=["on", "off", "toggle", "auto", "pulse"], help="auto takes an order back"
    )
    parser.add_argument("--for", dest="lasts", type=seconds, metavar="TIME", help="ends by itself: 30s, 5m, 2h, 1d")
    add_common(parser)


def seconds(words: str) -> float:
    """Return the seconds of a time as people write it. Raises ArgumentTypeError.

    >>> seconds("30"), seconds("1.5s"), seconds("2h")
    (30.0, 1.5, 7200.0)
    """
    found = _LENGTH.fullmatch(words.strip().lower())
    lasts_s = 0.0 if found is None else float(found[1]) * _UNIT_S[found[2] or "s"]
    if not 0.1 <= lasts_s <= ORDER_MOST_S:
        raise argparse.ArgumentTypeError(f"{words!r} is no time; write 30s, 5m, 2h or 1d (at most 366d)")
    return lasts_s


def run(args: argparse.Namespace) -> int:
    """List outputs, or give an order to one."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        say = Words(client.get("box")["site"]["lang"])
        found = client.get("outputs")
        known = {view["output"]: view for view in found}
        if args.output is not None and args.output not in known:
            listed = {"known": sorted(known)} if known else {}
            complain(say("relay_none", output=args.output, **listed))
            return EXIT_BAD_INPUT
        if args.to is not None:
            return _order(client, args, say)
        if args.lasts is not None:
            complain(say("relay_table.for_what"))
            return EXIT_BAD_INPUT
        if args.output is not None:
            found = [known[args.output]]
        if args.json:
            return write_json(found)
        write_lines(table(found, say) if found else [say("relay_table.nothing")])
        return 0

    return asked(args, ask)


def _order(client: Client, args: argparse.Namespace, say: Words) -> int:
    wanted: dict[str, Any] = {"output": args.output, "to": args.to}
    if args.lasts is not None:
        wanted["for_s"] = args.lasts
    result = answer(client, "relay", wanted)
    code = told(result, args, say)
    if result["done"]:
        view = next((view for view in client.get("outputs") if view["output"] == args.output), None)
        if view is not None and view["quality"] != "good" and view["state"] != view["driven"]:
            complain(f"{args.output}{say.colon} {say.word('reason', view['reason'])}")
    return code


def table(found: Sequence[Mapping[str, Any]], say: Words) -> list[str]:
    """Return one line an output: its real state, since when, who decides, and what holds it."""
    columns = ("output", "state", "since", "decides", "note")
    head = [say(f"relay_table.{column}") for column in columns]
    rows = [
        [
            view["output"],
            say.word("word", view["state"]) if view["state"] else "-",
            say.age(view["for_s"]),
            decides(view, say),
            "; ".join(notes(view, say)),
        ]
        for view in found
    ]
    return aligned([head, *rows])


def decides(view: Mapping[str, Any], say: Words) -> str:
    """Return who decides about an output now."""
    if view["mode"] == "order":
        facts = {"author": view["author"], "channel": view["channel"]}
        return say("relay_table.by_order", **{name: value for name, value in facts.items() if value})
    if view["mode"] != "auto":
        return say("relay_table.forced", why=view["mode"])
    if view["rule"]:
        return say("relay_table.by_rule", rule=view["rule"])
    if view["source"]:
        return say("relay_table.by_source", source=view["source"])
    return say("relay_table.by_limit", limit=view["limit"]) if view["limit"] else say("relay_table.automatic")


def notes(view: Mapping[str, Any], say: Words) -> list[str]:
    """Return what else matters: a state that is not the driven one, what holds it, when an order ends."""
    found = []
    if view["quality"] != "good":
        why = say.word("reason", view["reason"])
        found.append(say("relay_table.driven", driven=view["driven"], why=why))
    if view["held_s"] is not None:
        found.append(say("relay_table.held", wanted=view["wanted"], wait_ms=view["held_s"] * 1000 + 999))
    if view["ends_s"] is not None:
        found.append(say("relay_table.ends", left_ms=view["ends_s"] * 1000 + 999))
    if view["orders_s"] is not None:
        found.append(say("relay_table.orders", wait_ms=view["orders_s"] * 1000 + 999))
    if not view["by_command"]:
        found.append(say("relay_table.no_orders"))
    return found
