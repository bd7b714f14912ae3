"""`vigie equipment`: the machines, their states and why; `vigie maintenance`: put one into maintenance and out of it.

Exit codes: 0 done, 1 refused by the box, 2 no such machine or no sense in what is asked, 3 no box.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, get_args

from edge.cli import printed
from edge.cli.client import Client
from edge.cli.console import EXIT_BAD_INPUT, NEAREST, add_common, asked, complain, write_json, write_lines
from edge.cli.format import MISSING, number
from edge.cli.ordered import ordered
from edge.cli.printed import aligned, moment
from edge.cli.words import Words, zone_of
from edge.core.equipment import Work
from edge.core.equipment_view import summary


def add_equipment_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie equipment` takes."""
    parser.add_argument("machine", nargs="?", metavar="ID", help="one machine with its points (default: list all)")
    parser.add_argument("to", nargs="?", choices=["restore", "faulty"], help="put it into service, or call it faulty")
    parser.add_argument("--reason", default="", metavar="TEXT", help="for who reads the journal")
    add_common(parser)


def add_maintenance_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie maintenance` takes."""
    parser.epilog = "While it lasts, alarms of the machine's points stand in the journal and are told to nobody."
    parser.add_argument(
        "do", nargs="?", choices=["start", "extend", "end"], help="(default: list those in maintenance)"
    )
    parser.add_argument("machine", nargs="?", metavar="ID", help="which machine")
    parser.add_argument(
        "--until", default="", metavar="WHEN", help='its planned end: "2026-11-22 17:00", 17:00 or 3h, local time'
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="what is done")
    parser.add_argument("--kind", choices=get_args(Work), default="work", help="from a service on the next one counts")
    add_common(parser)


def equipment(args: argparse.Namespace) -> int:
    """List the machines, show one, or give an order to it."""
    return asked(args, _equipment)


def maintenance(args: argparse.Namespace) -> int:
    """List what is in maintenance, or give an order to one."""
    return asked(args, _maintenance)


def _equipment(client: Client, args: argparse.Namespace) -> int:
    box, found = client.get("box"), client.get("equipment")
    say = Words(box["site"]["lang"])
    if args.machine is not None and not _is_known(args.machine, found, say):
        return EXIT_BAD_INPUT
    if args.to is not None:
        wanted = {"equipment": args.machine, "to": args.to, "reason": args.reason}
        return ordered(client, args, "equipment", wanted, say)
    if args.machine is not None:
        found = [view for view in found if view["equipment"] == args.machine]
    if args.json:
        return write_json(found)
    if args.machine is not None:
        alarms = [alarm for alarm in client.get("alarms") if alarm["number"] in found[0]["alarms"]]
        values = [view for view in client.get("values") if view["point"] in found[0]["points"]]
        write_lines(detail(found[0], values, alarms, zone_of(box), box["utc_ms"], say))
        return 0
    write_lines([*table(found, zone_of(box), box["utc_ms"], say), counts(found, say)])
    return 0


def _maintenance(client: Client, args: argparse.Namespace) -> int:
    box, found = client.get("box"), client.get("equipment")
    say = Words(box["site"]["lang"])
    if args.do is None:
        found = [view for view in found if view["state"] == "maintenance"]
        if args.json:
            return write_json(found)
        write_lines(table(found, zone_of(box), box["utc_ms"], say) or [say("equipment_table.no_maintenance")])
        return 0
    if args.machine is None:
        complain(say("equipment_table.which", do=args.do))
        return EXIT_BAD_INPUT
    if not _is_known(args.machine, found, say):
        return EXIT_BAD_INPUT
    wanted: dict[str, Any] = {"equipment": args.machine, "do": args.do}
    if args.do != "end":
        wanted |= {"until": args.until, "reason": args.reason, "kind": args.kind}
    return ordered(client, args, "maintenance", wanted, say)


def _is_known(machine: str, found: Sequence[Mapping[str, Any]], say: Words) -> bool:
    known = [view["equipment"] for view in found]
    if machine in known:
        return True
    near = difflib.get_close_matches(machine, known, NEAREST)
    listed = {"known": near or sorted(known)} if known else {}
    complain(say("equipment_none", equipment=machine, **listed))
    return False


def table(found: Sequence[Mapping[str, Any]], zone: tzinfo, now_ms: int, say: Words) -> list[str]:
    """Return one line a machine: state, since when, why, what it has run, when its next service is due."""
    if not found:
        return []
    columns = ("machine", "state", "since", "hours", "starts", "service", "why")
    rows = [
        [
            view["equipment"],
            say.state(view["state"]),
            _age(view, now_ms, say),
            hours(view["run_h"], say),
            MISSING if view["starts"] is None else number(view["starts"], 0),
            hours(view["service_left_h"], say),
            why(view, zone, say),
        ]
        for view in found
    ]
    return aligned([[say(f"equipment_table.{column}") for column in columns], *rows], frozenset({3, 4, 5}))


def counts(found: Sequence[Mapping[str, Any]], say: Words) -> str:
    """Return how many machines there are, and how many in each state."""
    if not found:
        return say("equipment_table.nothing")
    counted = summary(view["state"] for view in found)
    parts = [
        f"{getattr(counted, state)} {say.state(state)}"
        for state in ("in_service", "faulty", "maintenance")
        if getattr(counted, state)
    ]
    return f"{say.count('equipment_table.total', counted.total)}{say.colon} {', '.join(parts)}"


def status(found: Sequence[Mapping[str, Any]], zone: tzinfo, now_ms: int, say: Words) -> list[str]:
    """Return how many machines are in each state, and a line for each that is not in service."""
    if not found:
        return []
    out = [view for view in found if view["state"] != "in_service"]
    rows = [
        [f"  {view['equipment']}", say.state(view["state"]), _age(view, now_ms, say), why(view, zone, say)]
        for view in out
    ]
    return [counts(found, say), *aligned(rows)]


def detail(
    view: Mapping[str, Any], values: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]], zone: tzinfo,
    now_ms: int, say: Words,
) -> list[str]:  # fmt: skip
    """Return all that is known of a machine, its points and its alarms."""
    title = "  ".join(part for part in (view["equipment"], say.name(view), view["kind"], view["place"]) if part)
    since = "" if view["since_utc_ms"] is None else moment(view["since_utc_ms"], zone, say)
    state = say("equipment_table.state_since", state=view["state"], **({"since": since} if since else {}))
    lines = [title, f"{state} ({_age(view, now_ms, say)})" if since else state]
    reason = why(view, zone, say)
    if reason:
        lines.append(f"  {reason}")
    if view["run_h"] is not None:
        running = {None: "unknown", True: "running", False: "resting"}[view["runs"]]
        facts = {"hours": hours(view["run_h"], say), "starts": number(view["starts"], 0)}
        lines.append(f"{say('equipment_table.ran', **facts)}, {say(f'equipment_table.{running}')}")
    left_h = view["service_left_h"]
    if left_h is not None:
        lines.append(say(f"equipment_table.{'due_in' if left_h > 0 else 'overdue'}", hours=hours(abs(left_h), say)))
    lines += printed.alarms(alarms, zone, now_ms, say)
    return [*lines, *printed.values(values, say)] if values else lines


def hours(h: float | None, say: Words) -> str:
    """Return run hours with a digit, `-` where nobody counts."""
    return MISSING if h is None else number(h, 1, say.point)


def why(view: Mapping[str, Any], zone: tzinfo, say: Words) -> str:
    """Return what led to a machine's state: which alarm, or who and until when, and the reason given."""
    if not view["cause"]:
        return ""
    facts = {name: view[name] for name in ("cause", "alarm", "limit", "author", "work", "reason") if view[name]}
    if view["work"] == "work":  # says no more than maintenance
        del facts["work"]
    if view["until_utc_ms"] is not None:
        facts["until"] = moment(view["until_utc_ms"], zone, say)
    return say("equipment_table.because", **facts)


def _age(view: Mapping[str, Any], now_ms: int, say: Words) -> str:
    since_ms = view["since_utc_ms"]
    return MISSING if since_ms is None else say.age((now_ms - since_ms) / 1000)
