"""`vigie run`: the service of the box; with --demo a simulated site; with --live a broker, a consumer and a table."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from edge.cli.defaults import DEFAULT_SOCKET


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `vigie run`."""
    parser.add_argument("--config", type=Path, help="the site's settings (default /etc/vigie/vigie.toml)")
    parser.add_argument("--state", type=Path, help="where records are kept (default /var/lib/vigie)")
    parser.add_argument("--socket", help=f"the local API (default {DEFAULT_SOCKET})")
    parser.add_argument("--demo", action="store_true", help="simulated devices: no hardware, no root")
    parser.add_argument("--live", action="store_true", help="with --demo: a broker, a consumer and the live table too")
    parser.add_argument("--mosquitto", default="mosquitto", metavar="PROGRAM", help="with --live: the broker to start")
    parser.add_argument("--for", dest="seconds", type=_seconds, metavar="S", help="end by itself after so many seconds")
    parser.add_argument("--verbose", action="store_true", help="log more")


def _seconds(words: str) -> float:
    try:
        seconds = float(words)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{words!r}: a number of seconds above 0 is expected, such as 40")
    return seconds


def run(args: argparse.Namespace) -> int:
    """Run until told to stop; return the exit code."""
    if args.live and not args.demo:
        raise SystemExit("vigie run: --live shows the demonstration: write `vigie run --demo --live`")
    module = importlib.import_module("edge.cli.live" if args.live else "edge.cli.serve")
    code: int = module.run(args)
    return code
