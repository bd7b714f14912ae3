"""`vigie export`: everything that history holds, as CSV for programs and spreadsheets, or as a data package.

Exit codes: 0 done, 1 not written or refused, 2 bad input, 3 no box answers and no state folder is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from edge.cli import export_package
from edge.cli.asked import EXIT_BAD_INPUT, asked
from edge.cli.console import complain
from edge.cli.output import write_lines
from edge.cli.selection import Selection, selection
from edge.cli.source import Source, add_source_arguments
from edge.cli.words import Words
from edge.core.export_csv import (
    MARK,
    RECORD_COLUMNS,
    STEP_COLUMNS,
    Dialect,
    Times,
    head,
    long_lines,
    wide_lines,
    wide_meaning,
)
from edge.core.export_head import sentences, tag_sentences
from edge.core.export_rows import Wanted
from edge.core.export_tally import Tally
from edge.core.text import Text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie export` takes."""
    parser.add_argument("--from", dest="since", metavar="WHEN", help="2026-11-20, 2026-11-20T10:00, -24h, yesterday")
    parser.add_argument("--to", dest="until", metavar="WHEN", help="a day is meant to its end (default now)")
    parser.add_argument("--points", action="append", metavar="P,P…", help="these points; boiler.* for several")
    parser.add_argument("--tag", metavar="TAG", help="only what carries this tag (name or number): vigie tag list")
    parser.add_argument("--step", metavar="STEP", help="10m, 1h, 1d, 1w, 1mo, 1y instead of the records themselves")
    parser.add_argument("--wide", action="store_true", help="a column a point, a line a step")
    parser.add_argument("--sep", choices=[",", ";", "tab"], default=",", help="; for a French spreadsheet")
    parser.add_argument("--decimal", choices=[".", ","], help="(default , with --sep ';', else .)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="(default standard output)")
    parser.add_argument("--force", action="store_true", help="replace what is there")
    add_source_arguments(parser)
    export_package.add_arguments(parser)


def export(args: argparse.Namespace) -> int:
    """Write the table or the package."""
    return asked(args, lambda source, say: _export(args, source, say))


def _export(args: argparse.Namespace, source: Source, say: Words) -> int:
    wrong = _contradiction(args)
    if wrong:
        complain(say(wrong))
        return EXIT_BAD_INPUT
    chosen = selection(source, args.points or [], args.since, args.until, args.step, say, tag=args.tag)
    for note in chosen.notes:
        complain(say(note.key, **note.values))
    tally = Tally()
    if args.package is not None:
        export_package.write(args, chosen, tally, say)
        target = str(args.package)
    else:
        write_lines(table_lines(chosen, dialect_of(args), tally, say, wide=args.wide), args.output, force=args.force)
        target = str(args.output or "")
    if target or not sys.stdout.isatty():
        missing = sum(tally.without_value.values())
        complain(say("export.done", rows=tally.rows, points=len(chosen.points), missing=missing, file=target or "-"))
    return 0


def _contradiction(args: argparse.Namespace) -> str:
    """Return the key of what can't be asked for together, or nothing."""
    if args.wide and not args.step:
        return "export.wide_needs_step"
    if args.sep == "," and args.decimal == ",":
        return "export.two_commas"
    if args.package is not None and (args.output is not None or args.wide or args.sep != "," or args.decimal):
        return "export.package_alone"
    return ""


def dialect_of(args: argparse.Namespace) -> Dialect:
    """Return how the file is written; the semicolon brings the decimal comma."""
    separator: Literal[",", ";", "\t"] = "\t" if args.sep == "tab" else args.sep
    return Dialect(separator, args.decimal or ("," if separator == ";" else "."))


def table_lines(chosen: Selection, dialect: Dialect, tally: Tally, say: Words, *, wide: bool = False) -> Iterator[str]:
    """Yield the whole CSV, its head first."""
    source = chosen.source
    gaps = source.history.gaps(chosen.from_ms, chosen.to_ms) if chosen.from_ms < chosen.to_ms else []
    texts = sentences(source.box, chosen.from_ms, chosen.to_ms, gaps, step=chosen.step.name if chosen.step else "")
    texts += tag_sentences(chosen.tags())
    times = Times(chosen.zone, whole_seconds=chosen.step is not None)
    if wide:
        texts += [_meaning(chosen, place, say) for place in range(len(chosen.points))]
    yield MARK if dialect.is_for_spreadsheets else ""
    yield from head(say(text.key, **text.values) for text in texts)
    if wide:
        named = [(_column(wanted), wanted.info.kind) for wanted in chosen.points]
        yield from wide_lines(
            named, [rows for _, rows in chosen.tables(tally, is_wide=True)], dialect, times, chosen.tags()
        )
        return
    columns = RECORD_COLUMNS if chosen.step is None else STEP_COLUMNS
    yield from long_lines(chosen.tables(tally), dialect, times, columns)


def _meaning(chosen: Selection, place: int, say: Words) -> Text:
    wanted = chosen.points[place]
    facts = wanted.facts
    name = say.name({"name": facts.name}) if facts else ""
    return wide_meaning(_column(wanted), wanted.info.kind, wanted.info.unit, name, facts.words if facts else ())


def _column(wanted: Wanted) -> str:
    """Return the name of a point's column; one that had several units has one for each."""
    return f"{wanted.point} ({wanted.info.unit or wanted.info.kind})" if wanted.is_part else wanted.point
