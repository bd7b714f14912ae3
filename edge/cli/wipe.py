"""`vigie wipe`: erase everything that a box kept of its site and its people, and show that it is gone."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from edge.cli import client
from edge.cli.words import Words, own_words
from edge.runtime.card_restore import SECRETS_NAME
from edge.runtime.card_state import STATE as CARD_MEMORY
from edge.runtime.updating import BACKUP, WANTED
from edge.runtime.wiping import Known, known
from edge.settings.model_sms import SmsLink
from edge.store.erasing import Hit, Search, erase, fill, own_files
from edge.store.fs import RealFs, flush_folder
from sms.mailbox import MailboxError
from sms.modem import LATCH, STUCK
from sms.smsd_erasing import erased

EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2
WIDTH: Final = 110
DATA: Final = Path("/data")
UPDATES: Final = "update"
BESIDE: Final = (("", ""), ("", ".bak"), ("", ".tmp"), (".", ".new"))
STEPS: Final = 10  # lines of progress while the free space is filled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie wipe` takes."""
    parser.add_argument("--state", type=Path, default=client.DEFAULT_STATE, help="default /var/lib/vigie")
    parser.add_argument("--config", type=Path, default=client.DEFAULT_CONFIG, help="default /etc/vigie/vigie.toml")
    parser.add_argument("--data", type=Path, help="a card's data partition (default /data, with the default --state)")
    parser.add_argument("--settings", action="store_true", help="erase the settings file too")
    parser.add_argument("--fill", action="store_true", help="write zeros into all free space of the disk, then free it")
    parser.add_argument("--device", type=Path, help="search this block device too (root): /dev/…")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="one JSON object for programs")


def run(args: argparse.Namespace) -> int:
    """Erase and look; return 1 when a box runs or something is still found, 2 when it was not confirmed."""
    say = own_words()
    if args.data is None and args.state == client.DEFAULT_STATE:
        args.data = DATA
    if args.state != client.DEFAULT_STATE and not args.state.is_dir():  # a slip of the pen would be "nothing found"
        return _fail(say("wipe.no_folder", state=args.state), EXIT_BAD_INPUT)
    try:
        with _unused(args.state) as is_free:
            if not is_free:
                return _fail(say("wipe.runs", state=args.state))
        found = known(args.state, args.config)
        if not args.yes and not _is_confirmed(found, args, say):
            return _fail(say("wipe.not_confirmed"), EXIT_BAD_INPUT)
        with _unused(args.state) as is_free:
            return _wipe(args, found, say) if is_free else _fail(say("wipe.runs", state=args.state))
    except OSError as exc:
        why = f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror or str(exc)
        return _fail(say("wipe.failed", why=why))


@contextmanager
def _unused(state: Path) -> Iterator[bool]:
    """Hold the locks of both logs; give False when a station has them."""
    with ExitStack() as stack:
        fs, is_free = RealFs(state), True
        for kind in ("records", "events"):
            if fs.exists(f"{kind}/lock"):
                lock = fs.open(f"{kind}/lock")
                stack.callback(lock.close)
                is_free = is_free and lock.lock()
        yield is_free


def _is_confirmed(found: Known, args: argparse.Namespace, say: Words) -> bool:
    word = found.box or "wipe"
    what = say("wipe.and_settings", state=args.state, file=args.config) if args.settings else str(args.state)
    sys.stderr.write(say("wipe.ask", what=what, box=word) + " ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == word


def _wipe(args: argparse.Namespace, found: Known, say: Words) -> int:
    aside = _made_for_updates(args.data)
    before = _looked(found, args.state, *aside)
    paths = [*own_files(args.state), *aside]
    octets = _erased(paths)
    database = found.texts or (SmsLink().database if args.state == client.DEFAULT_STATE else "")
    texts, why = _texts(database)
    is_all = args.settings and not why  # the settings name the database: without them the next wipe would not find it
    if is_all:
        gone = [*_settings_and_secrets(args.config), *_keys(args.data, database)]
        octets += _erased(gone)
        paths += gone
    filled = fill(args.state, _progress(args, say)) if args.fill and args.state.is_dir() else 0
    left = _looked(found, args.state, *([] if args.data is None else [args.data / UPDATES]))
    if args.device is not None:
        _search_device(args, found, left)
    if args.json:
        print(_as_json(found, before, left, len(paths), octets, filled, texts, why))
    else:
        _tell(args, found, before, left, (len(paths), octets, filled), say)
        if texts is not None:
            print(say("wipe.texts", rows=texts, file=database))
    if why:
        sys.stderr.write(say("wipe.texts_left", why=why) + "\n")
    if args.settings and not is_all:
        sys.stderr.write(say("wipe.settings_left", file=args.config) + "\n")
    return EXIT_FAILED if left.hits or why else 0


def _looked(found: Known, *places: Path) -> Search:
    """Return what stands in these files and folders, those that are there."""
    search = Search(found.values)
    for place in places:
        if place.is_dir():
            search.folder(place)
        elif place.is_file():
            search.file(place)
    return search


def _erased(paths: Iterable[Path]) -> int:
    """Erase them, durably; return how many octets were overwritten."""
    octets, folders = 0, set()
    for path in paths:
        octets += erase(path)
        folders.add(path.parent)
    for folder in folders:
        if folder.is_dir():
            flush_folder(folder)
    return octets


def _texts(database: str) -> tuple[int | None, str]:
    """Erase what gammu-smsd keeps; return how many rows, None where there is no database, and why it failed."""
    path = Path(database)
    if not database or not path.exists():
        return None, ""
    try:
        rows = erased(path)
        # a damaged one that was set aside, and messages that were taken off a SIM as they were
        for aside in (*path.parent.glob(f"{path.name}.bad*"), *path.parent.glob(STUCK)):
            erase(aside)
    except (MailboxError, OSError) as exc:
        return None, str(exc)
    return rows, ""


def _search_device(args: argparse.Namespace, found: Known, left: Search) -> None:
    """Look through the device; values that the settings hold are not looked for where those were kept."""
    os.sync()
    on_device = Search(value for value in found.values if args.settings or value not in found.of_settings)
    on_device.file(args.device)
    left.take(on_device)


def _progress(args: argparse.Namespace, say: Words) -> Callable[[int, int], None]:
    told = [0]

    def tell(done: int, total: int) -> None:
        step = done * STEPS // max(total, 1)
        if step > told[0] and not args.json:
            told[0] = step
            sys.stderr.write(say("wipe.filling", percent=min(100, step * 100 // STEPS)) + "\n")

    return tell


def _settings_and_secrets(config: Path) -> list[Path]:
    """Return the settings file and what was made, or moved off a card, beside it: codes and passwords.

    With what lies beside each: the state before, and what a power cut left half written.
    """
    secrets = config.parent / SECRETS_NAME
    found = sorted(secrets.iterdir()) if secrets.is_dir() and not secrets.is_symlink() else []
    for name in (config.name, Path(CARD_MEMORY).name):
        found += [config.parent / f"{begin}{name}{end}" for begin, end in BESIDE]
    return _files(found)


def _made_for_updates(data: Path | None) -> list[Path]:
    """Return the backup that was made before an update: the same as `vigie backup` writes."""
    return (
        []
        if data is None
        else _files([data / UPDATES / f"{name}{end}" for name in (BACKUP, WANTED) for _, end in BESIDE])
    )


def _keys(data: Path | None, database: str) -> list[Path]:
    """Return the key that this box is known by over the network, and what tells which PIN was tried."""
    host = [] if data is None else sorted((data / "ssh").glob("*"))
    return _files([*host, *([Path(database).parent / LATCH] if database else [])])


def _files(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def _as_json(
    found: Known, before: Search, left: Search, files: int, octets: int, filled: int, texts: int | None, why: str
) -> str:  # fmt: skip
    facts = {
        "box": found.box, "files": files, "octets": octets, "filled": filled, "looked_for": found.values,
        "texts": texts, "texts_left": why, "searched": left.octets, "before": _rows(before.hits),
        "found": _rows(left.hits),
    }  # fmt: skip
    return msgspec.json.encode(facts).decode()


def _rows(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: -hit.count)


def _tell(
    args: argparse.Namespace, found: Known, before: Search, left: Search, done: tuple[int, int, int], say: Words
) -> None:
    files, octets, filled = done
    print(say("wipe.erased", files=files, octets=octets))
    if args.fill:
        print(say("wipe.filled", octets=filled))
        if os.geteuid() != 0:
            print(say("wipe.reserved"))
    looked = len(found.values)
    print(say("wipe.before", values=looked, count=sum(hit.count for hit in before.hits)))
    print(say("wipe.searched", values=looked, octets=left.octets, place=args.device or args.state))
    for line in textwrap.wrap(", ".join(found.values), WIDTH, break_on_hyphens=False):
        print(f"   {line}")
    if args.device is not None and not args.settings:
        print(say("wipe.kept", file=args.config))
    for hit in _rows(left.hits):
        print(say("wipe.found", what=hit.what, count=hit.count, place=hit.first))
    print(say("wipe.left" if left.hits else "wipe.clean"))
    if left.hits and not args.fill:
        print(say("wipe.try_fill"))


def _fail(text: str, code: int = EXIT_FAILED) -> int:
    sys.stderr.write(f"vigie: {text}\n")
    return code
