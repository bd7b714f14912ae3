"""`vigie tag`: say what a stretch of time was for ("experiment 42"), now or afterwards; `--tag` exports it.

Exit codes: 0 done, 1 refused by the box, 2 no sense in what is asked, 3 no box.
"""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from edge.cli.client import Client
from edge.cli.console import EXIT_BAD_INPUT, add_common, asked, complain, write_json, write_lines
from edge.cli.format import MISSING
from edge.cli.ordered import ordered
from edge.cli.printed import aligned, moment
from edge.cli.words import Words, zone_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie tag` takes."""
    parser.add_argument("do", nargs="?", choices=["start", "stop", "correct", "list"], default="list")
    parser.add_argument(
        "tag", nargs="?", default="", metavar="NAME", help="its name; to stop or correct, or its number"
    )
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--equipment", default="", metavar="ID", help="of this machine's points (default: of all)")
    scope.add_argument("--points", default="", metavar="P,P…", help="of these points; lab.* for several")
    scope.add_argument("--all", action="store_true", help="to correct: of all points")
    parser.add_argument("--name", default="", help="to correct: its new name")
    when = 'such as "2026-11-17 09:00", "last tuesday 9:00", -2h'
    parser.add_argument("--from", dest="since", default="", metavar="WHEN", help=f"it began then, {when}")
    parser.add_argument(
        "--to", dest="until", default="", metavar="WHEN", help="it ended then; a day is meant to its end"
    )
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """List the tags, or give an order about one."""
    return asked(args, _run)


def _run(client: Client, args: argparse.Namespace) -> int:
    box = client.get("box")
    say = Words(box["site"]["lang"])
    if args.do == "list":
        found = [tag for tag in client.get("tags") if args.tag in {"", tag["name"], str(tag["id"])}]
        if args.json:
            return write_json(found)
        write_lines(table(found, zone_of(box), say) or [say("tag_table.nothing")])
        return 0
    if not args.tag and args.do != "stop":
        complain(say("tag_table.which", do=args.do))
        return EXIT_BAD_INPUT
    return ordered(client, args, "tag", _wanted(client, args), say)


def _points(client: Client, words: str) -> list[str]:
    """Return the points of these names and patterns (lab.*); what matches none stays, and the box says so."""
    names = [word.strip() for word in words.split(",") if word.strip()]
    if not any(set(name) & set("*?[") for name in names):
        return names
    known = [view["point"] for view in client.get("points")]
    return list(dict.fromkeys(point for name in names for point in fnmatch.filter(known, name) or [name]))


def _wanted(client: Client, args: argparse.Namespace) -> dict[str, Any]:
    """Return the args of the order: what was given, and nothing else."""
    points = _points(client, args.points)
    wanted = {
        "tag": args.tag, "name": args.name, "equipment": args.equipment, "points": points, "everything": args.all,
        "begin": args.since, "end": args.until,
    }  # fmt: skip
    if args.do == "start":
        del wanted["everything"]  # it is of all points unless it says less
    return {"do": args.do, **{key: value for key, value in wanted.items() if value}}


def table(found: Sequence[Mapping[str, Any]], zone: tzinfo, say: Words) -> list[str]:
    """Return one line a tag: number, name, of what, from when to when, who opened it."""
    if not found:
        return []
    columns = ("number", "name", "scope", "begin", "end", "author")
    rows = [
        [
            str(tag["id"]),
            tag["name"],
            tag["equipment"] or ", ".join(tag["points"]) or say("tag_table.all"),
            MISSING if tag["begin_ms"] is None else moment(tag["begin_ms"], zone, say),
            _end(tag, zone, say),
            tag["author"],
        ]
        for tag in found
    ]
    return aligned([[say(f"tag_table.{column}") for column in columns], *rows], frozenset({0}))


def status(found: Sequence[Mapping[str, Any]], now_ms: int, say: Words) -> list[str]:
    """Return a line with the open tags and since when each is, so that none is forgotten."""
    opened = [tag for tag in found if tag["is_open"]]
    if not opened:
        return []
    ages = [MISSING if tag["begin_ms"] is None else say.age((now_ms - tag["begin_ms"]) / 1000) for tag in opened]
    listed = [f"{tag['name']} ({age})" for tag, age in zip(opened, ages, strict=True)]
    return [say("tag_table.now", tags=listed)]


def _end(tag: Mapping[str, Any], zone: tzinfo, say: Words) -> str:
    if tag["is_open"]:
        return say("tag_table.open")
    return MISSING if tag["end_ms"] is None else moment(tag["end_ms"], zone, say)
