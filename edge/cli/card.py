"""`vigie card`: the installer's file from the card's first partition into the box, at each start (docs/card.md).

Exit codes: 0 done, 1 the file was refused or is absent, or nothing can be kept; the box starts in each case.
"""

from __future__ import annotations

import argparse
import logging
import os
import pwd
import time
from pathlib import Path
from typing import Final

import msgspec

from edge.cli.defaults import DEFAULT_SOCKET
from edge.cli.words import own_words
from edge.runtime.slots import Slots

BOOT: Final = Path("/boot/cfg")
ROOT: Final = Path("/")
EXIT_NOT_TAKEN: Final = 1
GOOD: Final = frozenset({"applied", "unchanged"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie card` takes."""
    acts = parser.add_subparsers(dest="act", metavar="take|settle|console", required=True)
    for name, text in (
        ("take", "take the installer's file into the box; one with faults changes nothing"),
        ("settle", "do what is to be done once, and write vigie-status.txt on the card"),
    ):
        act = acts.add_parser(name, help=text)
        act.add_argument("--boot", type=Path, default=BOOT, metavar="DIR", help=f"the card's first partition ({BOOT})")
        act.add_argument("--root", type=Path, default=ROOT, metavar="DIR", help=f"the machine's files ({ROOT})")
        act.add_argument("--socket", default=DEFAULT_SOCKET, help=argparse.SUPPRESS)
        act.add_argument("--json", action="store_true", help="one JSON object for programs")
    acts.add_parser("console", help="doctor on this screen, again at each Enter; for a box without settings")


def run(args: argparse.Namespace) -> int:
    """Do one of them."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if args.act == "console":
        from edge.cli.card_console import console

        return console()
    if not _is_card(args.boot, args.root):
        from edge.cli.console import complain  # a card's start does without the client's network

        complain(own_words()("card.no_card", folder=args.boot))
        return EXIT_NOT_TAKEN
    _as_group(args.root)
    if args.act == "settle":
        from edge.cli.card_settle import settle

        return settle(args.boot, args.root, Path(args.socket))
    from edge.runtime.card_start import start_from_card

    verdict = start_from_card(args.boot, args.root, utc_s=int(time.time()))
    if args.json:
        print(msgspec.json.encode(verdict).decode())
    else:
        print(" ".join(filter(None, (verdict.state, verdict.file, verdict.first.get("en", "")))))
    return 0 if verdict.state in GOOD else EXIT_NOT_TAKEN


def _is_card(boot: Path, root: Path) -> bool:
    """Return whether this machine was started from a card: on another one network and settings are somebody else's.

    A card whose first partition can't be read has the folder for it all the same.
    """
    return boot.is_dir() or Slots(root).booted().slot is not None


def _as_group(root: Path) -> None:
    """Make files for the service's group, where root runs this for the machine itself."""
    if os.geteuid() != 0 or root != ROOT:
        return
    try:
        os.setegid(pwd.getpwnam("vigie").pw_gid)
    except KeyError:
        return
