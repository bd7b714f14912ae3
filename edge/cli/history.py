"""`vigie history POINT`: what a point did, as a table for people, or as CSV, JSON or SenML for programs.

Exit codes: 0 done, 1 the box refused, 2 bad input, 3 no box answers and no state folder is there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import msgspec

from edge.cli.asked import EXIT_BAD_INPUT, asked
from edge.cli.console import complain, no_point
from edge.cli.export import table_lines
from edge.cli.output import write_lines
from edge.cli.past import table
from edge.cli.selection import Selection, SelectionError, selection
from edge.cli.source import Source, add_source_arguments
from edge.cli.words import Words
from edge.core.calendar import DAY_MS
from edge.core.export_csv import Dialect
from edge.core.export_json import document_lines
from edge.core.export_package import iso
from edge.core.export_senml import is_name, pack_lines
from edge.core.export_tally import Tally

DEFAULT_RANGE: Final = "-24h"
LINES: Final = 60
# what a screen takes: the first that needs at most so many lines
_SCREEN_STEPS: Final = (("10m", 600_000), ("1h", 3_600_000), ("1d", 86_400_000), ("1mo", 2_678_400_000))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie history` takes."""
    parser.add_argument("point", metavar="POINT")
    parser.add_argument(
        "--from",
        dest="since",
        metavar="WHEN",
        help=f"2026-11-20, 2026-11-20T10:00, yesterday (default {DEFAULT_RANGE})",
    )
    parser.add_argument("--to", dest="until", metavar="WHEN", help="a day is meant to its end (default now)")
    parser.add_argument("--step", help="10m, 1h, 1d, 1w, 1mo, 1y, or records (default on a screen: what fits it)")
    parser.add_argument("--tag", metavar="TAG", help="only what carries this tag (name or number): vigie tag list")
    parser.add_argument("--format", choices=["csv", "json", "senml"], help="(default a table to read)")
    parser.add_argument("--json", action="store_true", help="the same as --format json")
    parser.add_argument("--base-name", metavar="NAME", help="SenML: before the point's id (default the box's id and :)")
    add_source_arguments(parser)


def history(args: argparse.Namespace) -> int:
    """Print a point's past."""
    return asked(args, lambda source, say: _history(args, source, say))


def _history(args: argparse.Namespace, source: Source, say: Words) -> int:
    form = "json" if args.json else args.format
    if set(args.point) & set("*?[,"):
        raise SelectionError([no_point(args.point, [info.point for info in source.history.points()], say)])
    since = args.since or (None if args.tag else _default_since(source, args.point))
    chosen = selection(source, [args.point], since, args.until, args.step, say, tag=args.tag)
    if form is None and args.step is None:
        chosen = selection(source, [args.point], since, args.until, _screen_step(chosen), say, tag=args.tag)
    chosen = _newest(chosen, say)
    for note in chosen.notes:
        complain(say(note.key, **note.values))
    tally = Tally()
    name = ""
    if form == "senml":
        name = (f"{source.box.id}:" if args.base_name is None else args.base_name) + chosen.points[0].point
        if not is_name(name):
            complain(say("history.no_senml_name", name=name))
            return EXIT_BAD_INPUT
    write_lines(_lines(form, chosen, tally, name, say), None, force=False)
    if form == "senml" and tally.without_value:
        reasons = ", ".join(f"{reason} {count}" for reason, count in tally.without_value.most_common())
        complain(say("history.left_out", reasons=reasons))
    return 0


def _default_since(source: Source, point: str) -> str | None:
    """Return a day back, or nothing for a point that is younger: it begins with its first record."""
    first_ms = min((info.first_ms for info in source.history.points() if info.point == point), default=0)
    return None if first_ms > source.box.now_ms - DAY_MS else DEFAULT_RANGE


def _newest(chosen: Selection, say: Words) -> Selection:
    """Return the selection with one point; of one whose unit changed the newest, and that is said."""
    if not chosen.points:
        return chosen
    newest = max(chosen.points, key=lambda wanted: (wanted.facts is not None, wanted.info.end_ms))
    for other in chosen.points:
        if other is not newest:
            until = iso(other.info.end_ms)
            complain(say("history.other_unit", point=other.point, unit=other.info.unit or other.info.kind, until=until))
    return msgspec.structs.replace(chosen, points=[newest])


def _screen_step(chosen: Selection) -> str | None:
    length_ms = chosen.to_ms - chosen.from_ms
    if length_ms <= 3_600_000:
        return None
    return next((name for name, step_ms in _SCREEN_STEPS if length_ms <= LINES * step_ms), "1y")


def _lines(form: str | None, chosen: Selection, tally: Tally, name: str, say: Words) -> Iterator[str]:
    if form == "csv":
        return table_lines(chosen, Dialect(), tally, say)
    wanted = chosen.points[0]
    rows = chain.from_iterable(rows for _, rows in chosen.tables(tally))
    if form == "senml":
        return pack_lines(rows, name, wanted.info.unit)
    if form == "json":
        return document_lines(_facts(chosen), rows, wanted.tags)
    return table(chosen, rows, say)


def _facts(chosen: Selection) -> dict[str, Any]:
    wanted, box = chosen.points[0], chosen.source.box
    known = wanted.facts
    return {
        "point": wanted.point,
        "kind": wanted.info.kind,
        "unit": wanted.info.unit,
        **({"name": known.name} if known and known.name else {}),
        **({"words": known.words} if known and known.words else {}),
        "box": box.id,
        "site": box.site,
        "tz": box.tz,
        "from": iso(chosen.from_ms),
        "to": iso(chosen.to_ms),
        "step": chosen.step.name if chosen.step else None,
    }
