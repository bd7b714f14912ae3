"""`vigie test sms [RECIPIENT]` and `vigie test alarm`: a text, or an alarm that is none, and what became of the texts.

Exit codes: 0 handed to the modem, 1 refused or not within the time, 3 no box answers.
"""

from __future__ import annotations

import argparse
import time
from typing import Final

from edge.cli.client import Client
from edge.cli.console import EXIT_REFUSED, write_json, write_lines
from edge.cli.ordered import answer, told
from edge.cli.words import Words
from edge.settings import catalogue

LOOK_EACH_S: Final = 1.0
LEFT: Final = frozenset({"handed", "sent", "delivered"})


def try_text(client: Client, args: argparse.Namespace) -> int:
    """Send a text and say what became of it."""
    say = Words(client.get("box")["site"]["lang"])
    newest = _newest(client)
    result = answer(client, "test.sms", {"to": args.recipient} if args.recipient else {})
    if not result["done"] or args.now:
        return told(result, args, say)
    if not args.json:
        write_lines([say.result(result["text"])])
    fate = _fate(client, newest, result["values"]["to"], args.wait)
    if args.json:
        write_json({**result, "fate": fate})
    elif fate is None:
        write_lines([catalogue.render(say.lang, "try_silent", {"for_ms": args.wait * 1000})])
    else:
        write_lines([catalogue.render(say.lang, "try_fate", {"to": result["values"]["to"], "fate": fate})])
    return 0 if fate in LEFT else EXIT_REFUSED


def try_alarm(client: Client, args: argparse.Namespace) -> int:
    """Begin a test alarm, which ends by itself."""
    say = Words(client.get("box")["site"]["lang"])
    return told(answer(client, "test.alarm", {}), args, say)


def _newest(client: Client) -> int:
    lines = client.get("journal?limit=1")["lines"]
    return int(lines[0]["seq"]) if lines else 0


def _fate(client: Client, after: int, to: str, within_s: float) -> str | None:
    """Return the first that became of a test text after this entry, None when nothing has within the time."""
    end_s = time.monotonic() + within_s
    while True:
        for line in reversed(client.get("journal?kinds=page_sent&limit=50")["lines"]):
            if line["seq"] > after and (line["values"]["to"], line["values"]["what"]) == (to, "test"):
                return str(line["values"]["fate"])
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            return None
        time.sleep(min(LOOK_EACH_S, left_s))
