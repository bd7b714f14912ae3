"""`vigie wipe`: erase everything that a box kept of its site and its people, and show that it is gone."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from edge.cli import client
from edge.cli.words import Words, own_words
from edge.runtime.card_restore import SECRETS_NAME
from edge.runtime.card_state import STATE as CARD_MEMORY
from edge.runtime.wiping import Known, known
from edge.store.erasing import Hit, Search, erase, fill, own_files
from edge.store.fs import RealFs, flush_folder
from sms.mailbox import MailboxError
from sms.smsd_erasing import erased

EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2
WIDTH: Final = 110
STEPS: Final = 10  # lines of progress while the free space is filled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie wipe` takes."""
    parser.add_argument("--state", type=Path, default=client.DEFAULT_STATE, help="default /var/lib/vigie")
    parser.add_argument("--config", type=Path, default=client.DEFAULT_CONFIG, help="default /etc/vigie/vigie.toml")
    parser.add_argument("--settings", action="store_true", help="erase the settings file too")
    parser.add_argument("--fill", action="store_true", help="write zeros into all free space of the disk, then free it")
    parser.add_argument("--device", type=Path, help="search this block device too (root): /dev/…")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="one JSON object for programs")


def run(args: argparse.Namespace) -> int:
    """Erase and look; return 1 when a box runs or something is still found, 2 when it was not confirmed."""
    say = own_words()
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
        return _fail(say("wipe.failed", why=exc))


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
    paths = own_files(args.state)
    before = Search(found.values)
    if args.state.is_dir():
        before.folder(args.state)
    octets = sum(erase(path) for path in paths)
    if args.state.is_dir():
        flush_folder(args.state)
    texts, why = _texts(found.texts)
    if args.settings:
        gone = _settings_and_secrets(args.config)
        octets += sum(erase(path) for path in gone)
        for folder in {path.parent for path in gone}:
            flush_folder(folder)
        paths += gone
    filled = fill(args.state, _progress(args, say)) if args.fill and args.state.is_dir() else 0
    left = Search(found.values)
    if args.state.is_dir():
        left.folder(args.state)
    if args.device is not None:
        _search_device(args, found, left)
    if args.json:
        print(_as_json(found, before, left, len(paths), octets, filled, texts, why))
    else:
        _tell(args, found, before, left, (len(paths), octets, filled), say)
        if texts is not None:
            print(say("wipe.texts", rows=texts, file=found.texts))
    if why:
        sys.stderr.write(say("wipe.texts_left", why=why) + "\n")
    return EXIT_FAILED if left.hits or why else 0


def _texts(database: str) -> tuple[int | None, str]:
    """Erase what gammu-smsd keeps; return how many rows, None where there is no database, and why it failed."""
    path = Path(database)
    if not database or not path.exists():
        return None, ""
    try:
        rows = erased(path)
        for aside in path.parent.glob(f"{path.name}.bad*"):  # a damaged one that was set aside
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
    """Return the settings file and what was made, or moved off a card, beside it: codes and passwords."""
    secrets = config.parent / SECRETS_NAME
    beside = sorted(secrets.iterdir()) if secrets.is_dir() and not secrets.is_symlink() else []
    found = (config, config.parent / Path(CARD_MEMORY).name, *beside)
    return [path for path in found if path.is_file() and not path.is_symlink()]


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
