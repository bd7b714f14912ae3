"""`vigie test`: may you leave? Tries the whole chain out, to the server and back, and waits for the outcome.

Exit codes: 0 passed, 1 failed, 3 no box answers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any, Final

from edge.cli.client import Client
from edge.cli.console import EXIT_REFUSED, add_common, asked, write_json, write_lines
from edge.cli.ordered import answer, told
from edge.cli.relay import seconds
from edge.cli.try_out import try_alarm, try_text
from edge.cli.words import Words
from edge.settings import catalogue
from edge.settings.trial_text import failing_line, remedy

WITHIN_S: Final = 330.0
LOOK_EACH_S: Final = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie test` takes."""
    parser.epilog = "`test sms` sends one text, `test alarm` begins an alarm that is none and ends it after a minute."
    parser.add_argument("what", nargs="?", choices=["sms", "alarm"], help="only this (default: the whole chain)")
    parser.add_argument("recipient", nargs="?", metavar="RECIPIENT", help="of `test sms` (default: the first)")
    parser.add_argument(
        "--wait", type=seconds, default=60.0, metavar="TIME", help="of `test sms`: how long (default: 1m)"
    )
    parser.add_argument("--now", action="store_true", help="order it and don't wait; `vigie journal` has the outcome")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Order it, and print what comes of it."""
    return asked(args, {"sms": try_text, "alarm": try_alarm}.get(args.what, _test))


def _test(client: Client, args: argparse.Namespace) -> int:
    say = Words(client.get("box")["site"]["lang"])
    result = answer(client, "test", {})
    if args.now or not result["done"]:
        return told(result, args, say)
    if not args.json:
        write_lines([say.result(result["text"])])
    end_s = time.monotonic() + WITHIN_S
    view = client.get("trial")
    while view["state"] == "running" and time.monotonic() < end_s:
        time.sleep(LOOK_EACH_S)
        view = client.get("trial")
    if args.json:
        write_json(view)
    else:
        write_lines(lines(view, say.lang))
    return 0 if view["state"] == "passed" else EXIT_REFUSED


def lines(view: Mapping[str, Any], lang: str) -> list[str]:
    """Return the outcome for people: what is in order, what is not and what to do."""

    def told(key: str, **values: Any) -> str:
        return catalogue.render(lang, f"trial_file.{key}", values)

    found = [told("points", sound=view["sound"], points=view["points"])]
    for one in view["failing"]:
        point, reason = one["point"], one["reason"]
        found.append(failing_line(point, reason, lang) if point else told("clock"))
        what = remedy("", reason, lang) if point else catalogue.render(lang, "doctor_remedy.clock_unset", {})
        found.append(told("remedy", what=what))
    if view["stored_s"] is None:
        found += [told("not_stored"), told("not_stored_remedy")]
    else:
        found.append(told("stored", stored_s=round(view["stored_s"], 1), link=view["link"]))
    return [*found, told("passed" if view["state"] == "passed" else "failed")]
