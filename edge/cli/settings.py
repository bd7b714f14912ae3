"""`vigie check` and `vigie schema`: is this file right, and what may stand in it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from edge.settings.faults import Fault

DEFAULT_FILE = "/etc/vigie/vigie.toml"
EXIT_FAULTS = 2


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie check` takes."""
    parser.add_argument("file", nargs="?", default=DEFAULT_FILE, metavar="FILE", help=f"default: {DEFAULT_FILE}")
    parser.add_argument("--lang", choices=["en", "fr"], help="language of the answer (default: the site's, else $LANG)")
    parser.add_argument("--json", action="store_true", help="one JSON object for programs")
    parser.add_argument("--strict", action="store_true", help="exit 2 on a warning too")
    parser.add_argument("--expanded", action="store_true", help="print the file with its templates written out")


def check(args: argparse.Namespace) -> int:
    """Print every fault of the file with its place and cure, or one line when it is good; exit 2 on faults.

    A good file may still have warnings: they are printed, and count as faults only with --strict.
    """
    from edge.settings.faults import SettingsError
    from edge.settings.load import checked
    from edge.settings.report import language, report, summary, warned

    lang = args.lang or language(os.environ, args.file)
    try:
        settings, warnings = checked(args.file)
    except SettingsError as exc:
        print(_as_json(args.file, exc.faults, [], lang) if args.json else report(args.file, exc.faults, lang))
        _tell_template(args.file, lang)
        return EXIT_FAULTS
    if args.expanded:
        from edge.settings.expansion import expanded_text

        sys.stdout.write(expanded_text(Path(args.file).read_text("utf-8")))
        return 0
    if args.json:
        print(_as_json(args.file, [], warnings, lang))
    else:
        print("\n".join([*warned(args.file, warnings, lang), summary(args.file, settings, lang)]))
    return EXIT_FAULTS if warnings and args.strict else 0


def _tell_template(file: str, lang: str) -> None:
    """Say so where a refused file is a template of several cards: its columns are no faults."""
    from edge.settings.card_template import is_card_template
    from edge.settings.catalogue import render
    from edge.settings.load import MOST_BYTES

    try:
        with Path(file).open("rb") as opened:
            text = opened.read(MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return
    if is_card_template(text):
        print(render(lang, "render.is_template", {"file": file}), file=sys.stderr)


def add_schema_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie schema` takes: nothing."""


def schema(_args: argparse.Namespace) -> int:
    """Print the JSON Schema of a site's file, with the options of every driver that is installed."""
    from edge.settings.schema import file_schema

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(file_schema()), indent=2).decode() + "\n")
    return 0


def _as_json(file: str, faults: Sequence[Fault], warnings: Sequence[Fault], lang: str) -> str:
    rows, told = ([_row(fault, lang) for fault in found] for found in (faults, warnings))
    return msgspec.json.encode({"file": file, "good": not rows, "faults": rows, "warnings": told}).decode()


def _row(fault: Fault, lang: str) -> dict[str, Any]:
    from edge.settings.report import message

    return {
        "line": fault.line,
        "column": fault.column,
        "path": fault.path,
        "code": fault.key,
        "shown": fault.shown,
        "text": message(fault, lang),
        **({} if fault.use is None else {"use": msgspec.to_builtins(fault.use)}),
    }
