"""`vigie update FILE|URL`: a new version into the system that does not run, tried once, committed when it is well.

`vigie update` alone tells what runs and what became of the last update. `settle`, `confirm` and `usb` are what the
card's units call; the first two are asked at each start and load no more than they must. Exit codes: 0 done, 1 not
taken or not done (what runs goes on), 2 no such file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.cli import update_units


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie update` takes."""
    parser.add_argument("what", nargs="?", metavar="FILE|URL", help="a bundle (.raucb); nothing: tell what runs")
    parser.add_argument("device", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help="also the version that runs already")
    parser.add_argument("--reboot", action="store_true", help="try it at once; alone: try what is installed")
    parser.add_argument("--socket", help="the box's API socket (default: $VIGIE_SOCKET, or the service's)")
    parser.add_argument("--json", action="store_true", help="one JSON object for programs")


def run(args: argparse.Namespace) -> int:
    """Carry it out; return the exit code."""
    updating = update_units.updating_of(Path("/"), args.socket)
    if args.what == "settle":
        return update_units.settle(updating)
    if args.what == "confirm":
        return update_units.confirmed(updating, args.socket)
    from edge.cli.words import own_words

    if args.what == "usb":
        from edge.cli.update_usb import from_stick

        return from_stick(Path(args.device or ""), updating, own_words(), update_units.reboot)
    from edge.cli.update_told import carried_out

    return carried_out(args, updating, own_words(), update_units.reboot)
