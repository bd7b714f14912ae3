"""`vigie gateway`: the server's end of boxes that text. Without a further word it runs.

Exit codes: 0 done, 1 refused or no answer in time, 2 a wrong option or file.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Final

from edge.cli.broker import add_broker_arguments

STATE: Final = "/var/lib/vigie-gateway/gateway.db"
ACTS: Final[dict[str, str]] = {
    "boxes": "all boxes: who is silent, what each costs, who asks to join",
    "key": "this gateway's public key, for [link.sms] gateway_key of every box",
    "accept": "let a box join, once its label shows the same letters",
    "revoke": "forget a box's key: nothing of it is taken, and it may ask again",
    "roll": "have a box use new keys: one message each way, and nothing is lost",
    "order": "give a box an order by SMS, and print its answer",
    "resend": "ask a box now for the messages that did not come",
    "backup": "write all that the gateway knows to one file; it holds its key",
    "restore": "make the gateway's file of a backup",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of running, and the acts."""
    parser.description = "Take what boxes text, publish or store it, and text back what arrived. See docs/gateway.md."
    parser.add_argument("--state", type=Path, default=Path(STATE), metavar="FILE", help=f"its own file ({STATE})")
    parser.add_argument(
        "--smsd", action="append", default=[], metavar="[NAME=]FILE", help="gammu-smsd's database; once for each modem"
    )
    parser.add_argument("--in", dest="source", choices=["jsonl"], help="messages come as JSON lines on standard input")
    parser.add_argument("--out", choices=["jsonl"], help="what is to be sent goes to standard output as JSON lines")
    parser.add_argument("--db", type=Path, metavar="FILE", help="without a broker: store here, as vigie receive does")
    parser.add_argument("--broker", metavar="HOST[:PORT]", help="publish to this MQTT broker, such as localhost:1883")
    add_broker_arguments(parser)
    parser.add_argument("--price", type=float, metavar="P", help="of one message, kept for vigie gateway boxes")
    parser.add_argument("--currency", metavar="C", help="such as EUR")
    parser.add_argument("--budget", type=int, metavar="N", help="messages a box may send in a month, for the table")
    acts = parser.add_subparsers(dest="act", metavar="ACT")
    made = {name: acts.add_parser(name, help=text, description=text) for name, text in ACTS.items()}
    for act in made.values():
        act.add_argument(
            "--state", type=Path, default=argparse.SUPPRESS, metavar="FILE", help=f"the gateway's file ({STATE})"
        )
    made["boxes"].add_argument("--month", metavar="YYYY-MM", default="", help="the accounts of another month")
    made["boxes"].add_argument("--json", action="store_true", help="as JSON")
    made["accept"].add_argument("box", metavar="BOX")
    made["accept"].add_argument("--site", default="", metavar="NAME", help="what people call its place")
    made["revoke"].add_argument("box", metavar="BOX")
    made["resend"].add_argument("box", metavar="BOX")
    made["roll"].add_argument("box", metavar="BOX")
    order = made["order"]
    order.add_argument("words", nargs="+", metavar="BOX VERB [k=v…]", help="with --all without BOX: VERB [k=v…]")
    order.add_argument("--all", action="store_true", help="to every accepted box; says its price and asks first")
    order.add_argument("--yes", action="store_true", help="with --all: don't ask")
    order.add_argument("--valid-h", type=float, default=24.0, metavar="H", help="not carried out after so long (24)")
    order.add_argument("--wait-s", type=float, default=0.0, metavar="S", help="wait so long for the answers")
    made["backup"].add_argument("file", type=Path, metavar="FILE")
    made["restore"].add_argument("file", type=Path, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Run, or do what is asked."""
    from edge.upstream.gateway_store import StoreError

    module = importlib.import_module("edge.cli.gateway_run" if args.act is None else "edge.cli.gateway_acts")
    try:
        code: int = module.run(args)
    except (StoreError, ValueError) as exc:
        print(exc, file=sys.stderr)
        return 2
    return code
