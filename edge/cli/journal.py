"""`vigie journal`: what happened on the box, who did it and by which way, newest last.

A running box is asked; where none runs, the journal is read from the card, under its lock. Exit codes: 0 done, 2 a
wrong option, 3 neither a box nor its card answers.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from edge.cli.client import DEFAULT_SOCKET, Client, NotRunningError, RefusedError, socket_path
from edge.cli.journal_lines import Sheet
from edge.cli.journal_source import Card, RunningBox, Source
from edge.cli.words import own_words
from edge.core.journal_page import PAGE, PAGE_MAX, JournalPage, Wanted
from edge.core.journal_words import KINDS
from edge.core.moments import MomentError, span
from edge.core.series import JournalLine
from edge.settings.faults import SettingsError
from edge.settings.load import load
from edge.settings.model import Site
from edge.settings.report import language
from edge.settings.specs import equipment_of
from edge.store.fs import StoreError
from edge.store.history_file import HistoryFile
from edge.store.history_stored import stored_history
from edge.store.offline import stored_logs

DEFAULT_CONFIG: Final = Path("/etc/vigie/vigie.toml")
DEFAULT_STATE: Final = Path("/var/lib/vigie")
POLL_S: Final = 2.0
AGO: Final = re.compile(r"\d+\s*[a-z]+")
SINCE_MOST: Final = 10_000
EXIT_REFUSED: Final = 1
EXIT_BAD_INPUT: Final = 2
EXIT_NO_BOX: Final = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie journal` takes."""
    parser.epilog = "A time marked ~ was not vouched for by anybody when it was written."
    parser.add_argument(
        "-n", dest="count", type=_count, metavar="N", help=f"the newest N lines (default {PAGE}; with --since all)"
    )
    parser.add_argument(
        "--since", metavar="WHEN", help="from then on: 2h, 30min, 3d, today, yesterday, 2026-11-20, 2026-11-20T16:05"
    )
    parser.add_argument(
        "--kind", action="append", default=[], metavar="KIND",
        help="only this kind, or all that begin so: alarm, link_down; may be given often",
    )  # fmt: skip
    parser.add_argument("--point", default="", metavar="POINT", help="only what is about this point")
    parser.add_argument("--equipment", default="", metavar="ID", help="only what is about this machine and its points")
    parser.add_argument("--until", metavar="WHEN", help="only what happened before then, written as for --since")
    parser.add_argument("--text", default="", metavar="WORDS", help="only lines in which these words stand")
    parser.add_argument("--follow", action="store_true", help="go on with what happens from now on, until Ctrl-C")
    parser.add_argument(
        "--every", type=_seconds, default=POLL_S, metavar="S", help="with --follow: look so often (default 2)"
    )
    parser.add_argument("--socket", help=f"the box's local API (default $VIGIE_SOCKET or {DEFAULT_SOCKET})")
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help=f"read this folder (default, where no box answers, {DEFAULT_STATE})"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="with --state: the site's settings, for its language"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the API's answer as JSON; with --follow an object a line"
    )


def _seconds(words: str) -> float:
    try:
        seconds = float(words)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{words!r}: from 0.1 to 3600 seconds are expected")
    return seconds


def _count(words: str) -> int:
    if not words.isdecimal() or not 0 < int(words) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{words!r}: a number of lines from 1 on is expected")
    return int(words)


def run(args: argparse.Namespace) -> int:
    """Print the journal; return the exit code."""
    if args.state is not None:
        return _from_card(args)
    try:
        return _print(RunningBox(Client(socket_path(args.socket))), args)
    except RefusedError as exc:
        return _failed(str(exc), EXIT_REFUSED)
    except NotRunningError as exc:
        if args.follow:
            return _failed(str(exc), EXIT_NO_BOX)
        return _from_card(args, str(exc))


def _from_card(args: argparse.Namespace, no_box: str = "") -> int:
    """Print what the state folder holds; where there is none, say why no box answered."""
    state, config = args.state or DEFAULT_STATE, args.config or DEFAULT_CONFIG
    say = own_words()
    try:
        settings = load(config)
        site: Site | None = settings.site
        machines = equipment_of(settings)
    except SettingsError:  # they only tell in which words and zone, and which point is whose
        site, machines = None, {}
    try:
        with stored_logs(state) as logs:
            if no_box:
                _complain(say("journal.from_card", state=state))
            zone = UTC if site is None else ZoneInfo(site.tz)
            lang = language(os.environ, config) if site is None else site.lang
            with ExitStack() as stack:
                history = None
                if HistoryFile(state).path.exists():  # without one, all of the records would be read for nothing
                    try:
                        history = stack.enter_context(stored_history(state, logs, zone=zone, points={}))
                    except StoreError as exc:  # the log has the newest lines all the same
                        _complain(exc.strerror or str(exc))
                return _print(Card(logs, history, zone, lang, machines), args)
    except StoreError as exc:
        if no_box:
            _complain(no_box)
        return _failed(exc.strerror or str(exc), EXIT_NO_BOX)


def _print(source: Source, args: argparse.Namespace) -> int:
    wanted = _wanted(source, args)
    if isinstance(wanted, str):
        return _failed(wanted, EXIT_BAD_INPUT)
    count = args.count or (SINCE_MOST if args.since else PAGE)
    found = _newest(source, count, wanted)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    sheet = Sheet(source.say, source.zone, source.now_ms, width)
    if args.json and not args.follow:
        sys.stdout.write(f"{msgspec.json.encode(found).decode()}\n")
    else:
        _write(found.lines[::-1], sheet, is_json=args.json)
        if not found.lines and not args.follow:
            _complain(source.say("journal.nothing"))
    if args.follow:
        _follow(source, found, wanted, sheet, args.every, is_json=args.json)
    return 0


def _newest(source: Source, count: int, wanted: Wanted) -> JournalPage:
    """Return the newest lines that are wanted, as one page."""
    page = source.page(None, min(count, PAGE_MAX), wanted)
    lines, before = page.lines, page.before
    while before is not None and len(lines) < count:
        more = source.page(before, min(count - len(lines), PAGE_MAX), wanted)
        lines, before = lines + more.lines, more.before
    return msgspec.structs.replace(page, lines=lines, before=before)


def _follow(source: Source, seen: JournalPage, wanted: Wanted, sheet: Sheet, every_s: float, *, is_json: bool) -> None:
    """Print what happens from now on, until Ctrl-C. A box that was started anew goes on where it was."""
    is_lost = False
    while True:
        time.sleep(every_s)
        try:
            fresh = _newest(source, SINCE_MOST, msgspec.structs.replace(wanted, after=seen.newest))
        except (NotRunningError, RefusedError) as exc:
            if not is_lost:
                _complain(str(exc))
            is_lost = True
            continue
        is_lost = False
        if fresh.stream != seen.stream:  # another log: its numbers begin anew
            seen = msgspec.structs.replace(fresh, newest=0)
            continue
        _write(fresh.lines[::-1], sheet, is_json=is_json)
        seen = fresh


def _write(lines: Sequence[JournalLine], sheet: Sheet, *, is_json: bool) -> None:
    texts = [msgspec.json.encode(line).decode() for line in lines] if is_json else sheet.lines(lines)
    sys.stdout.write("".join(f"{text}\n" for text in texts))
    sys.stdout.flush()


def _wanted(source: Source, args: argparse.Namespace) -> Wanted | str:
    """Return what the options ask for, or a sentence on what is wrong with them."""
    kinds: set[str] = set()
    for asked in args.kind:
        alike = {kind for kind in KINDS if kind == asked or kind.startswith(f"{asked}_")}
        near = difflib.get_close_matches(asked, KINDS, 3)
        if not alike and near:
            return source.say("journal.no_kind_near", kind=asked, near=", ".join(near))
        kinds |= alike or {asked}  # a driver of another package may have its own
    try:
        since_ms, until_ms = _moment(args.since, source), _moment(args.until, source)
    except MomentError as exc:
        return source.say(exc.text.key, **exc.text.values)
    return Wanted(frozenset(kinds), args.point, since_ms, args.text, equipment=args.equipment, until_ms=until_ms)


def _moment(words: str | None, source: Source) -> int | None:
    """Return the UTC ms that an option names. Raises MomentError."""
    if not words:
        return None
    # an option's value can't begin with "-" on a command line: 2h stands for -2h
    return max(0, span(f"-{words}" if AGO.fullmatch(words) else words, source.now_ms, source.zone).start_ms)


def _complain(text: str) -> None:
    sys.stderr.write(f"vigie: {text}\n")


def _failed(text: str, code: int) -> int:
    _complain(text)
    return code
