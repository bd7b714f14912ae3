"""`vigie report`: a day or a month for a manager, as text, HTML for paper, JSON, or one SMS of at most 160 letters.

Exit codes: 0 done, 1 the box refused or has no history, 2 no such day, 3 no box answers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec

from edge.cli import bill
from edge.cli.client import Client, NotRunningError, RefusedError, socket_path
from edge.cli.console import EXIT_BAD_INPUT, EXIT_NO_BOX, EXIT_REFUSED, add_common, complain
from edge.cli.output import ExistsError, OutputError, write_lines
from edge.cli.report_html import report_page
from edge.cli.report_text import report_lines
from edge.cli.words import Words
from edge.core.report import Report
from edge.settings.report_sms import report_sms

BAD_INPUT: Final = {"no_day", "no_month", "future"}
"""Refusals of the box that are about what was asked."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie report` takes."""
    span = parser.add_mutually_exclusive_group()
    span.add_argument("--day", metavar="DAY", help="2026-11-20, today, yesterday (default)")
    span.add_argument("--month", metavar="MONTH", help="2026-11, this, last")
    parser.add_argument("--lang", choices=["en", "fr"], help="(default the site's)")
    parser.add_argument("--format", choices=["text", "html", "json", "sms"], default="text", help="(default text)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there, in place of printing")
    parser.add_argument("--force", action="store_true", help="with --output: replace the file")
    bill.add_arguments(parser, span)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Print a report, or an invoice worked out anew; return the exit code."""
    if args.bill is not None or bill.is_meant(args):
        return bill.run(args)
    try:
        client = Client(socket_path(args.socket))
        say = Words(args.lang or client.get("box")["site"]["lang"])
        query = {"day": args.day or "yesterday"} if args.month is None else {"month": args.month}
        try:
            found = msgspec.convert(client.get(f"report?{urlencode(query)}"), Report)
        except RefusedError as exc:
            return _refused(exc, args, say)
    except RefusedError as exc:
        complain(str(exc))
        return EXIT_REFUSED
    except NotRunningError as exc:
        complain(str(exc))
        return EXIT_NO_BOX
    try:
        lines = (f"{line}\n" for line in _lines(found, "json" if args.json else args.format, say))
        write_lines(lines, args.output, force=args.force)
    except ExistsError as exc:
        complain(say("export.exists", file=exc.filename))
        return EXIT_REFUSED
    except OutputError as exc:
        complain(say("export.not_written", file=exc.filename, why=str(exc.strerror)))
        return EXIT_REFUSED
    return 0


def _refused(exc: RefusedError, args: argparse.Namespace, say: Words) -> int:
    if exc.code in BAD_INPUT:
        asked = args.month or args.day or "yesterday"
        complain(say(f"report.{exc.code}", day=asked, month=asked))
        return EXIT_BAD_INPUT
    complain(say("report.no_history", why=str(exc)) if exc.code == "no_history" else str(exc))
    return EXIT_REFUSED


def _lines(found: Report, form: str, say: Words) -> Sequence[str]:
    if form == "json":
        return [msgspec.json.encode(found).decode()]
    if form == "html":
        return report_page(found, say).splitlines()
    return report_sms(found, say.lang).splitlines() if form == "sms" else report_lines(found, say)
