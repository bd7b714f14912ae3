"""`vigie set` and `vigie programs`: what can be set and how it stands, setting it, and what programs do next.

Exit codes: 0 done, 1 refused by the box, 2 nothing of that name or no sense in what is asked, 3 no box.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from edge.cli.client import Client
from edge.cli.console import EXIT_BAD_INPUT, add_common, asked, complain, write_json, write_lines
from edge.cli.ordered import ordered
from edge.cli.printed import aligned, moment
from edge.cli.words import Words, zone_of
from edge.core import units
from edge.settings import catalogue

NEAREST: Final = 3
NOT_KNOWN: Final = "-"


def add_set_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie set` takes."""
    parser.add_argument("target", nargs="?", metavar="ID", help="a setpoint, limit or program (default: list all)")
    parser.add_argument("value", nargs="?", metavar="VALUE", help="a number such as 82.5 or 82,5; a word; on or off")
    parser.add_argument("--default", action="store_true", help="the value of the settings file again")
    add_common(parser)


def add_programs_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie programs` takes."""
    add_common(parser)


def set_(args: argparse.Namespace) -> int:
    """List what can be set, or set one."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        box = client.get("box")
        say = Words(box["site"]["lang"])
        found = client.get("setpoints")
        known = {view["id"]: view for view in found}
        if args.target is not None and args.target not in known:
            near = difflib.get_close_matches(args.target, known, NEAREST) or sorted(known)
            complain(say("set_none", target=args.target, **({"known": near} if near else {})))
            return EXIT_BAD_INPUT
        if args.value is not None or args.default:
            return _order(client, args, say)
        if args.target is not None:
            found = [known[args.target]]
        if args.json:
            return write_json(found)
        write_lines(table(found, say, zone_of(box)) if found else [say("set_table.nothing")])
        return 0

    return asked(args, ask)


def _order(client: Client, args: argparse.Namespace, say: Words) -> int:
    wanted: dict[str, Any] = {"target": args.target}
    if args.value is not None:
        wanted["value"] = args.value
    if args.default:
        wanted["default"] = True
    return ordered(client, args, "set", wanted, say)


def table(found: Sequence[Mapping[str, Any]], say: Words, zone: tzinfo) -> list[str]:
    """Return one line for each: what it is, its value, what is taken, and who set it."""
    head = [say(f"set_table.{column}") for column in ("id", "value", "takes", "note")]
    rows = [
        [view["id"], shown(view["value"], view["unit"], say), takes(view, say), note(view, say, zone)] for view in found
    ]
    return aligned([head, *rows])


def shown(value: float | str | None, unit: str, say: Words, factor: float = 1.0) -> str:
    """Return a value as people read it: a word in their language, or a number with its unit.

    `factor`: from the unit to the one of screens, for a number whose unit stands elsewhere.
    """
    if value is None:
        return NOT_KNOWN
    if not unit and not isinstance(value, str):
        return catalogue.written(say.lang, float(value) * factor)
    return say.state(value) if isinstance(value, str) else catalogue.quantity(say.lang, value, unit)


def takes(view: Mapping[str, Any], say: Words) -> str:
    """Return what may be set."""
    if view["words"]:
        return " / ".join(say.state(word) for word in view["words"])
    unit, has = view["unit"], [name for name in ("low", "high") if view[name] is not None]
    bounds = {name: shown(view[name], unit if name == has[-1] else "", say, units.shown(unit).factor) for name in has}
    key = "set_table.between" if len(has) == 2 else f"set_table.{has[0] if has else 'any'}"
    step = say("set_table.step", step=shown(view["step"], "", say, units.shown(unit).factor)) if view["step"] else ""
    return say(key, **bounds) + step


def note(view: Mapping[str, Any], say: Words, zone: tzinfo) -> str:
    """Return what it belongs to, what the file says where that is another, and who set it when."""
    parts = []
    if view["kind"] == "limit":
        parts.append(say("set_table.limit", kind=say.word("alarm", view["limit_kind"]), point=view["point"]))
    elif view["kind"] == "program":
        parts.append(say("set_table.program", target=view["point"]))
    elif say.name(view):
        parts.append(say.name(view))
    if view["kind"] != "setpoint" and view["value"] != view["file"]:
        parts.append(say("set_table.file", value=shown(view["file"], view["unit"], say)))
    if view["is_changed"] and (view["author"] or view["channel"]):
        since = {} if view["since_utc_ms"] is None else {"since": moment(view["since_utc_ms"], zone, say)}
        facts = {name: view[name] for name in ("author", "channel") if view[name]}
        parts.append(say("set_table.who", **facts, **since))
    if not view["by_command"]:
        parts.append(say("set_table.closed"))
    return "; ".join(parts)


def programs(args: argparse.Namespace) -> int:
    """List the programs: what they say now, and what next."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        box = client.get("box")
        say = Words(box["site"]["lang"])
        found = client.get("programs")
        if args.json:
            return write_json(found)
        write_lines(program_table(found, say, zone_of(box)) if found else [say("program_table.nothing")])
        return 0

    return asked(args, ask)


def program_table(found: Sequence[Mapping[str, Any]], say: Words, zone: tzinfo) -> list[str]:
    """Return one line a program: whether it is on, what it says now, what next and when."""
    head = [say(f"program_table.{column}") for column in ("program", "state", "target", "now", "next")]
    rows = []
    for view in found:
        state = say.state("on" if view["enabled"] else "off")
        if view["is_changed"]:
            state = say("program_table.by_order", state=state, **({"author": view["author"]} if view["author"] else {}))
        if not view["enabled"]:
            now = after = NOT_KNOWN
        elif view["now"] is None:
            now, after = NOT_KNOWN, say("program_table.waits")
        else:
            now = shown(view["now"], view["unit"], say)
            after = say("program_table.never")
            if view["next_utc_ms"] is not None:
                at = moment(view["next_utc_ms"], zone, say)
                after = say("program_table.at", value=shown(view["next"], view["unit"], say), at=at)
        rows.append([view["program"], state, view["target"], now, after])
    return aligned([head, *rows])
