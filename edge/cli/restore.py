"""`vigie restore FILE`: make this box go on as the one of a backup, while no station runs here."""

from __future__ import annotations

import argparse
import errno
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.cli import client
from edge.cli.words import Words, own_words
from edge.runtime.card_restore import missing_secrets
from edge.runtime.identity import Chosen, chosen, is_choice, trusts_clock
from edge.runtime.restore import Plan
from edge.runtime.restoring import backup_in, restored_into
from edge.store.backup_file import Backup
from edge.store.fs import FormatError, StoreError
from edge.store.ring import LockedError

EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2
MOST_SHOWN: Final = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie restore` takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="what `vigie backup` wrote")
    parser.add_argument("--state", type=Path, default=client.DEFAULT_STATE, help="default /var/lib/vigie")
    parser.add_argument("--config", type=Path, default=client.DEFAULT_CONFIG, help="default /etc/vigie/vigie.toml")
    parser.add_argument("--settings", action="store_true", help="replace the settings file by the backup's")
    parser.add_argument("--box-id", default="", metavar="ID", help="keep, backup, or another id of this box")
    parser.add_argument("--force", action="store_true", help="also what is restored already, or over one cut short")
    parser.add_argument("--json", action="store_true", help="one JSON object for programs")


def run(args: argparse.Namespace) -> int:
    """Restore; return 1 when that can't be done now, 2 when the file is none."""
    say = own_words()
    if args.box_id and not is_choice(args.box_id):
        return _fail(say("backup.no_name"), EXIT_BAD_INPUT)
    try:
        backup = backup_in(args.file)
    except (ValueError, FormatError) as exc:
        return _fail(say("backup.no_backup", file=args.file, why=exc), EXIT_BAD_INPUT)
    except OSError as exc:
        return _fail(say("backup.not_read", file=args.file, why=exc.strerror), EXIT_BAD_INPUT)
    try:
        return _restore(args, backup, say)
    except StoreError as exc:
        is_busy = isinstance(exc, LockedError) or exc.errno == errno.EBUSY
        return _fail(say("backup.runs", state=args.state) if is_busy else say("backup.refused", why=exc))
    except (OSError, ValueError) as exc:
        return _fail(say("backup.refused", why=exc))


def _restore(args: argparse.Namespace, backup: Backup, say: Words) -> int:
    here = args.config.read_text(encoding="utf-8") if args.config.exists() else None
    settings = chosen(backup, here, replace=args.settings, box_id=args.box_id)
    trust_clock = trusts_clock(here or backup.settings)
    plan = restored_into(args.state, args.config, backup, settings, trust_clock=trust_clock, again=args.force)
    if args.json:
        print(msgspec.json.encode(_facts(backup, plan, settings)).decode())
        return 0
    if plan is None:
        print(say("backup.twice", box=backup.box))
        return 0
    _tell(args, plan, settings, say)
    return 0


def _facts(backup: Backup, plan: Plan | None, settings: Chosen) -> dict[str, Any]:
    counters = [] if plan is None else [msgspec.structs.asdict(one) for one in plan.counters]
    return {
        "id": backup.id, "box": backup.box, "restored": plan is not None,
        "counters": [{name: one[name] for name in ("point", "how", "backup", "here", "index")} for one in counters],
        "settings": settings.outcome, "differing": [msgspec.structs.asdict(one) for one in settings.differing],
        "blanked": backup.blanked,
    }  # fmt: skip


def _tell(args: argparse.Namespace, plan: Plan, settings: Chosen, say: Words) -> None:
    backup = plan.backup
    print(say("backup.restored", box=backup.box, counters=len(plan.counters), boot=plan.boot + 1))
    for one in plan.counters:
        values = {"point": one.point, "backup": one.backup, "index": one.index, "how": one.how}
        print(say("backup.counter", **values, **({} if one.here is None else {"here": one.here})))
    print(say(f"backup.settings_{settings.outcome}", file=args.config))
    for change in settings.differing[:MOST_SHOWN]:
        before, after = (("-" if side is None else side) for side in (change.before, change.after))
        print(say("backup.difference", name=change.key, before=before, after=after))
    if len(settings.differing) > MOST_SHOWN:
        print(say("backup.more", count=len(settings.differing) - MOST_SHOWN))
    if settings.outcome == "written":
        if names := [*backup.blanked, *missing_secrets(args.config)]:
            print(say("backup.blanked", names=names))
        print(say("backup.check", file=args.config))


def _fail(text: str, code: int = EXIT_FAILED) -> int:
    sys.stderr.write(f"vigie: {text}\n")
    return code
