"""`vigie help [VERB]`: how a command is written, and what the order behind it takes and asks for.

Exit codes: 0 done, 2 no such command.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib

from edge.cli.cells import printable
from edge.cli.console import EXIT_BAD_INPUT, complain, write_lines
from edge.core.verbs import VERBS as ORDERS

NEAREST = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie help` takes."""
    parser.add_argument("of", nargs="?", metavar="VERB", help="a command, an order, or one of its words (default: all)")


def order_of(word: str) -> list[str]:
    """Return the orders that a person means by a word: a name, the first part of one, or a word of any language."""
    folded = word.lower()
    return [
        name
        for name, verb in ORDERS.items()
        if folded == name or name.startswith(f"{folded}.") or any(folded in said for said in verb.words.values())
    ]


def unknown(word: str, *orders: str) -> str:
    """Return what to tell who wrote a word that is no command, nor one of these orders."""
    from edge.cli.main import VERBS

    near = difflib.get_close_matches(word, [*VERBS, *orders], NEAREST)
    return f"there is no command {printable(word)}" + (f"; did you mean {', '.join(near)}?" if near else "")


def run(args: argparse.Namespace) -> int:
    """Print the help of one command, or of all."""
    from edge.cli.commands_reference import help_lines
    from edge.cli.main import VERBS, main

    if args.of is None:
        with contextlib.suppress(SystemExit):
            main(["--help"])
        return 0
    orders = order_of(args.of)
    command = args.of if args.of in VERBS else next((name for name in map(_front, orders) if name in VERBS), None)
    if command is None and not orders:
        complain(unknown(args.of, *ORDERS))
        return EXIT_BAD_INPUT
    if command is not None:
        with contextlib.suppress(SystemExit):
            main([command, "--help"])
    for name in orders:
        write_lines(["", f"order {name}", *help_lines(name)])
    return 0


def _front(order: str) -> str:
    return order.partition(".")[0]
