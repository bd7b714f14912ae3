"""`vigie alarms`, `vigie ack`, `vigie shelve`: what is wrong, who has seen it, and what people don't have to hear.

With --json each prints the API's own answer. Exit codes: 0 done, 1 refused by the box, 2 no sense in what is asked,
3 no box.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

import msgspec

from edge.cli.cells import printable
from edge.cli.client import Client
from edge.cli.console import EXIT_BAD_INPUT, add_common, asked, complain, write_json, write_lines
from edge.cli.ordered import ordered
from edge.cli.relay import seconds
from edge.cli.words import Words, zone_of
from edge.core.alarm_text import told
from edge.core.alarm_view import AlarmView
from edge.core.text import Text
from edge.settings.alarm_lines import line

_NUMBER: Final = re.compile(r"#?[1-9]\d{0,8}", re.ASCII)


def add_alarms_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie alarms` takes."""
    parser.epilog = "Out of service, a limit is evaluated and journaled, and nobody is told, until it is taken back in."
    parser.add_argument("do", nargs="?", choices=["out", "in"], help="take a limit out of service, or back in")
    parser.add_argument("limit", nargs="?", metavar="LIMIT", help="which limit")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why: others will ask")
    add_common(parser)


def add_ack_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie ack` takes."""
    parser.add_argument("numbers", nargs="*", type=_number, metavar="N", help="the alarms' numbers (default: all)")
    add_common(parser)


def _number(word: str) -> int | None:
    """Return the number of an alarm, None for all. Raises ArgumentTypeError."""
    if word.lower() in {"all", "tout", "toutes"}:
        return None
    if not _NUMBER.fullmatch(word):
        raise argparse.ArgumentTypeError(f"{word!r} is no alarm's number; write 12, or all")
    return int(word.lstrip("#"))


def add_shelve_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie shelve` takes."""
    parser.epilog = "A shelved alarm is evaluated and journaled, and nobody is told of it; it comes back by itself."
    parser.add_argument("what", nargs="?", metavar="N|LIMIT", help="the alarm's number, or a limit (default: list all)")
    parser.add_argument("--for", dest="lasts", type=seconds, metavar="TIME", help="for how long: 30m, 2h, 1d")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why: others will ask")
    parser.add_argument("--back", action="store_true", help="take it from the shelf now")
    add_common(parser)


def alarms(args: argparse.Namespace) -> int:
    """Print the alarms and what is silenced, or take a limit out of service or back in."""
    return asked(args, _alarms)


def ack(args: argparse.Namespace) -> int:
    """Acknowledge alarms, or all that wait; exit 1 when there is none to acknowledge."""
    return asked(args, _ack)


def shelve(args: argparse.Namespace) -> int:
    """Shelve a limit for a time, take it back, or list what is shelved."""
    return asked(args, _shelve)


def _alarms(client: Client, args: argparse.Namespace) -> int:
    box = client.get("box")
    say = Words(box["site"]["lang"])
    if args.do is not None:
        if args.limit is None:
            complain(say("alarm_text.which", do=args.do))
            return EXIT_BAD_INPUT
        return ordered(client, args, "alarm.service", {"limit": args.limit, "to": args.do, "reason": args.reason}, say)
    found = client.get("alarms")
    if args.json:
        return write_json(found)
    silent = client.get("silenced")
    lines = blocks(found, silent, zone_of(box), box["utc_ms"], say) or [say("console.no_alarm")]
    rest = silences(_quiet(silent, found), zone_of(box), box["utc_ms"], say)
    write_lines([*lines, *([""] if rest else []), *rest])
    return 0


def _quiet(silent: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what is silenced and has no alarm that says so itself."""
    shown = {alarm["limit"] for alarm in found}
    return [entry for entry in silent if entry["limit"] not in shown]


def _ack(client: Client, args: argparse.Namespace) -> int:
    numbers: list[int | None] = args.numbers
    is_all = not numbers or None in numbers
    say = Words(client.get("box")["site"]["lang"])
    one = {"number": numbers[0]} if len(numbers) == 1 else {"numbers": numbers}
    return ordered(client, args, "ack", {} if is_all else one, say)


def _shelve(client: Client, args: argparse.Namespace) -> int:
    box = client.get("box")
    say = Words(box["site"]["lang"])
    if args.what is None:
        found = client.get("silenced")
        if args.json:
            return write_json(found)
        write_lines(silences(found, zone_of(box), box["utc_ms"], say) or [say("alarm_text.none")])
        return 0
    number = args.what.removeprefix("#")
    wanted: dict[str, Any] = {"number": int(number)} if number.isdecimal() else {"limit": args.what}
    if args.back:
        wanted["back"] = True
    else:
        wanted |= {"reason": args.reason, **({} if args.lasts is None else {"for_s": args.lasts})}
    return ordered(client, args, "shelve", wanted, say)


def blocks(
    found: Sequence[Mapping[str, Any]], silent: Sequence[Mapping[str, Any]], zone: tzinfo, now_ms: int, say: Words
) -> list[str]:
    """Return each alarm as its lines: what, where and how much, since when, who has seen it or what to do."""
    by_limit = {entry["limit"]: entry for entry in silent if entry["limit"]}
    lines = []
    for entry in found:
        alarm = msgspec.convert(entry, AlarmView)
        how = {**by_limit.get(alarm.limit, {}), "how": f"vigie ack {alarm.number}"}
        head, *rest = (line(say.lang, zone, text, now_ms) for text in told(alarm, how))
        lines += [f"{head}  {alarm.limit}", *(f"  {text}" for text in rest if text)]
    return [printable(text) for text in lines]


def silences(found: Sequence[Mapping[str, Any]], zone: tzinfo, now_ms: int, say: Words) -> list[str]:
    """Return a line for each limit or source that keeps alarms from people."""
    lines = []
    for entry in found:
        facts = {name: value for name, value in entry.items() if value}
        lines.append(printable(line(say.lang, zone, Text(f"alarm_text.silenced_{entry['state']}", facts), now_ms)))
    return lines
