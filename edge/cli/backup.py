"""`vigie backup FILE`: all that replaces a dead box, in one file; from the running box, else from its folder."""

from __future__ import annotations

import argparse
import errno
import sys
from pathlib import Path
from typing import Any

import msgspec

from edge.cli import client
from edge.cli.words import Words, own_words
from edge.runtime.backup import backup_of_folder
from edge.settings.event_text import moment
from edge.store.backup_file import Backup, encode
from edge.store.checked import replace_file
from edge.store.fs import RealFs, StoreError

EXIT_FAILED = 1
EXIT_NO_BOX = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie backup` takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="where to write it; keep it off the box")
    parser.add_argument("--force", action="store_true", help="replace FILE when it is there")
    parser.add_argument("--socket", help=f"the running box's local API (default {client.DEFAULT_SOCKET})")
    parser.add_argument("--state", type=Path, help="of a box that does not run: its folder (default /var/lib/vigie)")
    parser.add_argument("--config", type=Path, help="of a box that does not run: its settings")
    parser.add_argument("--json", action="store_true", help="one JSON object for programs")


def run(args: argparse.Namespace) -> int:
    """Write the backup; return 1 when it can't be written, 3 when there is no box."""
    say = own_words()
    if args.file.exists() and not args.file.is_file():  # a device would be one no more, for the whole machine
        return _fail(say("backup.not_written", file=args.file, why=say("store.not_a_file")))
    if args.file.exists() and not args.force:
        return _fail(say("backup.exists", file=args.file))
    try:
        backup = _of_folder(args, args.state) if args.state else _of_running(args)
    except client.RefusedError as exc:
        return _fail(str(exc))
    except StoreError as exc:
        state, socket = args.state or client.DEFAULT_STATE, client.socket_path(args.socket)
        is_busy = exc.errno == errno.EBUSY
        return _fail(
            say("backup.busy", state=state, socket=socket) if is_busy else str(exc.strerror or exc), EXIT_NO_BOX
        )
    octets = encode(backup)
    try:
        _write(args.file, octets)
    except OSError as exc:
        return _fail(say("backup.not_written", file=args.file, why=exc.strerror or exc))
    if args.json:
        print(msgspec.json.encode(_facts(backup, args.file, octets)).decode())
    else:
        _tell(backup, args.file, octets, say)
    return 0


def _of_running(args: argparse.Namespace) -> Backup:
    try:
        answer = client.Client(client.socket_path(args.socket)).get("backup")
    except client.NotRunningError:
        return _of_folder(args, client.DEFAULT_STATE)
    return msgspec.convert(answer, Backup)


def _of_folder(args: argparse.Namespace, state: Path) -> Backup:
    return backup_of_folder(state, args.config or client.DEFAULT_CONFIG)


def _write(file: Path, octets: bytes) -> None:
    """Write the file for its owner alone: what a site uses is personal data."""
    file.with_name(f"{file.name}.tmp").unlink(missing_ok=True)  # it may have been readable for others
    replace_file(RealFs(file.parent), file.name, octets)


def _facts(backup: Backup, file: Path, octets: bytes) -> dict[str, Any]:
    return {
        "file": str(file), "id": backup.id, "box": backup.box, "taken_ms": backup.taken.utc_ms, "boot": backup.boot,
        "counters": len(backup.indexes), "devices": len(backup.inventory), "octets": len(octets),
        "settings": bool(backup.settings), "blanked": backup.blanked, "notes": backup.notes,
    }  # fmt: skip


def _tell(backup: Backup, file: Path, octets: bytes, say: Words) -> None:
    print(
        say(
            "backup.done", file=file, box=backup.box or "?", counters=len(backup.indexes),
            devices=len(backup.inventory), octets=len(octets), taken=taken(backup, say),
        )
    )  # fmt: skip
    if backup.settings:
        print(say("backup.settings"))
    if backup.blanked:
        print(say("backup.blanked", names=backup.blanked))
    for note in backup.notes:
        print(note)


def taken(backup: Backup, say: Words) -> str:
    """Return when a backup was made, in this machine's own time, or that nobody knows."""
    from datetime import datetime

    utc_ms = backup.taken.utc_ms
    if utc_ms is None:
        return say("backup.undated")
    zone = datetime.now().astimezone().tzinfo
    return moment(say.lang, utc_ms, zone) if zone is not None else str(utc_ms)


def _fail(text: str, code: int = EXIT_FAILED) -> int:
    sys.stderr.write(f"vigie: {text}\n")
    return code
