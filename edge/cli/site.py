"""`vigie site render`: one template and a list of sites make a card file for each box, and a sheet of labels."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from edge.cli.words import Words
from edge.runtime.identity import BOX_ID
from edge.settings.access_code import is_code, new_code
from edge.settings.card_template import CardFile, card_template, faults_of_columns, filled
from edge.settings.faults import SettingsError
from edge.settings.label import Label
from edge.settings.label_sheet import pages, sheet
from edge.settings.load import MOST_BYTES
from edge.settings.model_card import Modem
from edge.settings.model_sms import NUMBER_PATTERN
from edge.settings.packaged import product_version
from edge.settings.report import fault_lines, language, report
from edge.settings.site_rows import RowFault, SiteRows, read_rows
from edge.store.checked import replace_file
from edge.store.fs import RealFs

EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2
CARD: Final = "vigie.toml"
SHEET: Final = "labels.html"
MOST_SHOWN: Final = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie site` takes."""
    verbs = parser.add_subparsers(dest="what", required=True)
    render = verbs.add_parser("render", help="card files and labels", description="Card files and labels.")
    render.add_argument(
        "template", type=Path, metavar="TEMPLATE", help="a settings file with {column} where sites differ"
    )
    render.add_argument("sites", type=Path, metavar="SITES", help="CSV: a line of column names, then a site a line")
    render.add_argument(
        "--out", type=Path, default=Path("cards"), metavar="DIR", help="where to write (default: cards)"
    )
    render.add_argument("--check", action="store_true", help="only tell what is wrong; write nothing")
    render.add_argument("--force", action="store_true", help="replace card files that differ; their codes stay")
    render.add_argument(
        "--lang", choices=["en", "fr"], help="language of the answer (default: the template's, else $LANG)"
    )
    render.add_argument("--json", action="store_true", help="one JSON object for programs")


def run(args: argparse.Namespace) -> int:
    """Render; return 1 when something can't be written, 2 when anything in the two files is wrong."""
    say = Words(args.lang or language(os.environ, args.template))
    try:
        template_octets, list_octets = _octets(args.template), _octets(args.sites)
    except OSError as exc:
        return _fail(say("render.unread", file=exc.filename, why=exc.strerror or exc), EXIT_BAD_INPUT)
    try:
        template = card_template(template_octets, str(args.template))
    except SettingsError as exc:
        print(report(str(args.template), exc.faults, say.lang))
        return EXIT_BAD_INPUT
    sites = read_rows(list_octets)
    faults = [*sites.faults, *faults_of_columns(template, sites)]
    cards: list[CardFile] = []
    if not faults:
        faults = _of_ids(sites)
        cards, wrong = filled(template, sites)
        faults += wrong
    if faults:
        print(_told(args, faults, say))
        return EXIT_BAD_INPUT
    try:
        return _write(args, cards, say)
    except OSError as exc:
        return _fail(say("render.unwritten", file=exc.filename or args.out, why=exc.strerror or exc))


def _octets(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


def _of_ids(sites: SiteRows) -> list[RowFault]:
    """Return what is wrong with the boxes' ids and numbers: missing, badly written, or there twice."""
    faults = []
    for column, is_good in (("id", BOX_ID.fullmatch), ("number", re.compile(NUMBER_PATTERN).fullmatch)):
        if column not in sites.columns:
            faults += [RowFault(0, ("id",), "render.no_id")] if column == "id" else []
            continue
        first: dict[str, int] = {}
        for row in sites.rows:
            cell = row.cells[column]
            if not cell and column == "number":
                continue  # a box without a modem
            if not is_good(cell):
                faults.append(RowFault(row.line, (column,), f"render.bad_{column}", shown=cell))
            elif cell in first:
                faults.append(RowFault(row.line, (column,), "render.twice", {"line": first[cell]}, cell))
            first.setdefault(cell, row.line)
    return faults


def _told(args: argparse.Namespace, faults: Sequence[RowFault], say: Words) -> str:
    lines = []
    for fault in sorted(faults, key=lambda fault: fault.line)[:MOST_SHOWN]:
        lines += _lines(args, fault, say)
    if len(faults) > MOST_SHOWN:
        lines.append(say("render.more", count=len(faults) - MOST_SHOWN))
    key = "check.one_fault" if len(faults) == 1 else "check.faults"
    lines.append(say(key, count=len(faults)))
    return "\n".join(lines)


def _lines(args: argparse.Namespace, fault: RowFault, say: Words) -> list[str]:
    place = f"{args.sites}:{fault.line}" if fault.line else str(args.sites)
    columns = f"  {say('render.in_column', names=', '.join(fault.columns))}" if fault.columns else ""
    if "fault" in fault.values:
        told = fault_lines(str(args.template), fault.values["fault"], say.lang)
        return [
            f"{place}{columns}" if columns else say("render.every_row", place=place),
            *[f"   {line}" for line in told],
        ]
    shown = f' = "{fault.shown[:60]}"' if fault.shown else ""
    return [f"{place}{columns}{shown}", f"   {say(fault.key, **fault.values)}"]


def _write(args: argparse.Namespace, cards: Sequence[CardFile], say: Words) -> int:
    """Write the cards and then the sheet; a card that is there keeps its code, as its label may be printed already."""
    texts, labels, differing = {}, [], []
    for card in cards:
        file = args.out / card.settings.box.id / CARD
        there = file.read_text(encoding="utf-8", errors="replace") if file.exists() else None
        code = _code_in(there) or new_code()
        texts[file] = completed(card, code)
        labels.append((_label(card, code), card.settings.site.lang))
        if there is not None and there != texts[file]:
            differing.append(str(file))
    if differing and not args.force:
        return _fail(say("render.differs", files=differing[:5], count=len(differing)))
    repeated = [code for code, times in Counter(label.code for label, _ in labels).items() if times > 1]
    if repeated:  # a card file was copied by hand
        return _fail(say("render.same_code", boxes=[one.box for one, _ in labels if one.code in repeated]))
    if not args.check:
        args.out.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file, text in texts.items():
            file.parent.mkdir(exist_ok=True, mode=0o700)
            replace_file(RealFs(file.parent), file.name, text.encode())  # mode 0600: it holds the code
        replace_file(RealFs(args.out), SHEET, sheet(labels, say("render.title")).encode())
    if args.json:
        found = {"boxes": [card.settings.box.id for card in cards], "out": str(args.out), "pages": pages(len(cards))}
        print(msgspec.json.encode(found | {"written": not args.check}).decode())
    else:
        values = {"count": len(cards), "out": args.out, "sheet": args.out / SHEET, "pages": pages(len(cards))}
        print(say("render.checked" if args.check else "render.done", **values))
    return 0


def _code_in(text: str | None) -> str:
    import tomllib

    try:
        code = tomllib.loads(text or "").get("access", {}).get("code", "")
    except (tomllib.TOMLDecodeError, AttributeError):
        return ""
    return code if isinstance(code, str) and is_code(code) else ""


def completed(card: CardFile, code: str) -> str:
    """Return a card file with the code of this box's Wi-Fi and page, and the number of its SIM."""
    import tomlkit

    document = tomlkit.parse(card.text)
    number = "" if card.settings.one(Modem).number else card.row.cells.get("number", "")
    for table, key, value in (("access", "code", code), ("modem", "number", number)):
        if value:
            if table not in document:
                document.add(table, tomlkit.table())
            document[table][key] = value
    return tomlkit.dumps(document)


def _label(card: CardFile, code: str) -> Label:
    cells = card.row.cells
    return Label(
        card.settings.box.id, card.settings.site.name, cells.get("place", ""),
        cells.get("number", "") or card.settings.one(Modem).number, code,
        version=product_version(), help=cells.get("help", ""),
    )  # fmt: skip


def _fail(text: str, code: int = EXIT_FAILED) -> int:
    sys.stderr.write(f"vigie: {text}\n")
    return code
