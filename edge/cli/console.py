"""The commands that ask a running box: status, points, values, watch, buffer, explain.

With --json each prints the API's own answer. Exit codes: 0 done, 1 refused by the box, 2 no such point, 3 no box.
"""

from __future__ import annotations

import argparse
import difflib
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from edge.cli import printed
from edge.cli.cells import folded
from edge.cli.client import DEFAULT_SOCKET, Client, NotRunningError, RefusedError, socket_path
from edge.cli.words import Words, clock_time, zone_of

EXIT_REFUSED: Final = 1
EXIT_BAD_INPUT: Final = 2
EXIT_NO_BOX: Final = 3
NEAREST: Final = 3
WIDTH_LEAST: Final = 40
WIDTH_MOST: Final = 120  # beyond, the eye loses the line

Ask = Callable[[Client, argparse.Namespace], int]


def add_common(parser: argparse.ArgumentParser, *, is_act: bool = False) -> None:
    """Declare what every command that asks a box takes; `is_act`: as one act of a command that takes it too."""
    # a default of its own would overwrite what stands before the act
    absent: dict[str, Any] = {"default": argparse.SUPPRESS} if is_act else {}
    parser.add_argument("--socket", help=f"the box's local API (default $VIGIE_SOCKET or {DEFAULT_SOCKET})", **absent)
    parser.add_argument("--json", action="store_true", help="print the API's answer as JSON", **absent)


add_status_arguments = add_points_arguments = add_buffer_arguments = add_common


def add_values_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie values` takes."""
    parser.add_argument("points", nargs="*", metavar="POINT", help="only these points (default: all)")
    add_common(parser)


def add_watch_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie watch` takes."""
    parser.add_argument("points", nargs="*", metavar="POINT", help="only these points (default: all)")
    parser.add_argument("--table", action="store_true", help="the live table instead of a line a change")
    add_common(parser)


def add_explain_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie explain` takes."""
    parser.add_argument("point", metavar="POINT")
    add_common(parser)


def asked(args: argparse.Namespace, ask: Ask) -> int:
    """Return the exit code of a command that asks the box; its failures become sentences on stderr."""
    try:
        return ask(Client(socket_path(args.socket)), args)
    except NotRunningError as exc:
        complain(str(exc))
        return EXIT_NO_BOX
    except RefusedError as exc:
        complain(str(exc))
        return EXIT_REFUSED


def complain(text: str) -> None:
    """Write a sentence on stderr, folded to the terminal's width."""
    lines = folded(f"vigie: {text}", screen_width()) if sys.stderr.isatty() else [f"vigie: {text}"]
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def write_lines(lines: Sequence[str]) -> None:
    """Write lines on stdout, folded to the terminal's width; whole where a program reads them."""
    if sys.stdout.isatty():
        lines = [part for line in lines for part in folded(line, screen_width())]
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def screen_width() -> int:
    """Return how wide what is printed may be: the terminal's width within reason, 80 where it goes elsewhere."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, WIDTH_LEAST), WIDTH_MOST)


def write_json(answer: Any) -> int:
    """Write an answer on stdout as JSON; return the exit code of a command that did."""
    sys.stdout.write(f"{msgspec.json.encode(answer).decode()}\n")
    sys.stdout.flush()
    return 0


def _words(client: Client) -> Words:
    return Words(client.get("box")["site"]["lang"])


def _wanted(views: list[dict[str, Any]], points: Sequence[str], say: Words) -> list[dict[str, Any]] | None:
    """Return the views of these points in the order asked for, all when none is named; None when one is unknown."""
    known = {view["point"]: view for view in views}
    unknown = [point for point in points if point not in known]
    for point in unknown:
        complain(no_point(point, list(known), say))
    if unknown:
        return None
    return [known[point] for point in points] if points else views


def no_point(point: str, known: Sequence[str], say: Words) -> str:
    """Return what to tell who named a point that does not exist."""
    nearest = difflib.get_close_matches(point, known, NEAREST)
    if nearest:
        return say("console.no_point_near", point=point, near=", ".join(nearest))
    return say("console.no_point", point=point)


def status(args: argparse.Namespace) -> int:
    """Print whether the box is well."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        live = client.get("live")
        if args.json:
            return write_json(live)
        write_lines(printed.status(live, client.get("equipment"), client.get("tags")))
        return 0

    return asked(args, ask)


def points(args: argparse.Namespace) -> int:
    """Print the points of the site, and the devices that are plugged in and that no point names."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        found = client.get("points")
        if args.json:
            return write_json(found)
        say = _words(client)
        write_lines([*printed.points(found, say), *printed.strangers(client.get("buses"), say)])
        return 0

    return asked(args, ask)


def values(args: argparse.Namespace) -> int:
    """Print the present values."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        say = _words(client)
        found = _wanted(client.get("values"), args.points, say)
        if found is None:
            return EXIT_BAD_INPUT
        if args.json:
            return write_json(found)
        write_lines(printed.values(found, say))
        return 0

    return asked(args, ask)


def watch(args: argparse.Namespace) -> int:
    """Print a line whenever a point changes, until Ctrl-C; or show the live table."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        if _wanted(client.get("values"), args.points, _words(client)) is None:
            return EXIT_BAD_INPUT
        if args.table:
            from edge.cli.terminal import LiveTable, PlainReport

            is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
            (LiveTable(client) if is_terminal else PlainReport(client)).loop()
            return 0
        return _follow(client, args)

    return asked(args, ask)


def _follow(client: Client, args: argparse.Namespace) -> int:
    """Ask each second and print what differs from what was printed last."""
    box = client.get("box")
    say, zone = Words(box["site"]["lang"]), zone_of(box)
    shown: dict[str, tuple[Any, str, str]] = {}
    while True:
        for view in client.get("values"):
            facts = (view["value"], view["quality"], view["reason"])
            if (args.points and view["point"] not in args.points) or shown.get(view["point"]) == facts:
                continue
            shown[view["point"]] = facts
            now_ms = round(time.time() * 1000)
            if args.json:
                write_json({"t_utc_ms": now_ms, **view})
            else:
                write_lines([printed.changed(view, clock_time(now_ms, zone, seconds=True), say)])
        sys.stdout.flush()
        time.sleep(1.0 - time.monotonic() % 1.0)


def buffer(args: argparse.Namespace) -> int:
    """Print what is kept, sent and acknowledged."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        found = client.get("buffer")
        if args.json:
            return write_json(found)
        box = client.get("box")
        say = Words(box["site"]["lang"])
        zone = zone_of(box)
        lines = [*printed.buffer_table(found, say), *printed.history_line(found, zone, say)]
        write_lines([*lines, *printed.links(found, zone, box["utc_ms"], say)])
        return 0

    return asked(args, ask)


def explain(args: argparse.Namespace) -> int:
    """Print one point from wire to record; exit 2 with the nearest names when there is none of that name."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        from edge.cli.explained import explained

        try:
            found = client.get(f"explain/{quote(args.point, safe='')}")
        except RefusedError as exc:
            if exc.status != 404:
                raise
            complain(no_point(args.point, [view["point"] for view in client.get("points")], _words(client)))
            return EXIT_BAD_INPUT
        if args.json:
            return write_json(found)
        box = client.get("box")
        write_lines(explained(found, Words(box["site"]["lang"]), zone_of(box)))
        return 0

    return asked(args, ask)
