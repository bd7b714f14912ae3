"""`vigie export --package`: the tables with all that a researcher must know of them, in a folder or an archive."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from edge.cli.console import complain
from edge.cli.output import Folder, folder
from edge.cli.selection import Selection
from edge.cli.words import Words
from edge.core.export_csv import Dialect, Times, long_lines
from edge.core.export_package import COLUMNS, Credits, Table, document, gap_fields, tag_fields
from edge.core.export_tally import Tally


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the package takes beside what every export takes."""
    group = parser.add_argument_group("data package")
    group.add_argument("--package", type=Path, metavar="DIR|FILE.zip", help="CSV files and datapackage.json")
    group.add_argument("--title", default="", help="of the package")
    group.add_argument("--licence", "--license", default="", metavar="NAME|URL", help="such as CC-BY-4.0")
    group.add_argument("--author", action="append", default=[], metavar="NAME", help="may stand several times")
    group.add_argument("--citation", default="", metavar="TEXT", help="how it is to be cited")


def write(args: argparse.Namespace, chosen: Selection, tally: Tally, say: Words) -> None:
    """Write records.csv, with a step steps.csv, gaps.csv, tags.csv, and datapackage.json last. Raises OutputError."""
    if not args.licence:
        complain(say("export.no_licence"))
    credit = Credits(args.title, args.licence, tuple(args.author), args.citation)
    with folder(args.package, force=args.force) as out:
        records = msgspec.structs.replace(chosen, step=None)
        tables = [_long(out, "records", records, tally)]
        trust = tally.trust()
        if chosen.step is not None:
            tables.append(_long(out, "steps", chosen, tally))
        tables += [_gaps(out, chosen), _tags(out, chosen)]
        made = document(
            chosen.source.box,
            credit,
            chosen.from_ms,
            chosen.to_ms,
            tables=tables,
            points=[(wanted.info, wanted.facts) for wanted in chosen.points],
            trust=trust,
            step="" if chosen.step is None else chosen.step.name,
        )
        text = msgspec.json.format(msgspec.json.encode(made), indent=2).decode()
        out.write("datapackage.json", [text, "\n"])


def _long(out: Folder, name: str, chosen: Selection, tally: Tally) -> Table:
    before = tally.rows
    times = Times(chosen.zone, whole_seconds=chosen.step is not None)
    written = out.write(f"{name}.csv", long_lines(chosen.tables(tally), Dialect(), times, COLUMNS[name]))
    return Table(name, COLUMNS[name], written.octets, written.sha256, tally.rows - before)


def _gaps(out: Folder, chosen: Selection) -> Table:
    gaps = chosen.source.history.gaps(chosen.from_ms, chosen.to_ms)
    written = out.write("gaps.csv", _lines(COLUMNS["gaps"], [gap_fields(gap) for gap in gaps]))
    return Table("gaps", COLUMNS["gaps"], written.octets, written.sha256, len(gaps))


def _tags(out: Folder, chosen: Selection) -> Table:
    tags = chosen.tags()
    written = out.write("tags.csv", _lines(COLUMNS["tags"], [tag_fields(tag) for tag in tags]))
    return Table("tags", COLUMNS["tags"], written.octets, written.sha256, len(tags))


def _lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    dialect = Dialect()
    yield dialect.line(columns)
    for row in rows:
        yield dialect.line([dialect.text(field) for field in row])
