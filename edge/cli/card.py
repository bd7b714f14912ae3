"""`vigie card`: the installer's file from the card's first partition into the box, at each start (docs/card.md).

Exit codes: 0 done, 1 the file was refused or is absent, or nothing can be kept; the box starts in each case.
"""

from __future__ import annotations

import argparse
import logging
import os
import pwd
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from edge.runtime.boot_partition import writable
from edge.runtime.card_machine_files import name_host, secret_of, write_machine_files
from edge.runtime.card_take import SETTINGS, Taking, provisional
from edge.settings.card_bare import bare_settings, new_id
from edge.settings.card_machine import machine_files
from edge.settings.card_verdict import DATA, DATA_STATES, VERDICT, Verdict
from edge.settings.faults import SettingsError
from edge.settings.load import load, loads
from edge.settings.model import Settings
from edge.store.fs import RealFs

BOOT: Final = Path("/boot/cfg")
EXIT_NOT_TAKEN: Final = 1
GOOD: Final = frozenset({"applied", "unchanged"})

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie card` takes."""
    acts = parser.add_subparsers(dest="act", metavar="take", required=True)
    act = acts.add_parser("take", help="take the installer's file into the box; changes nothing where it has faults")
    act.add_argument("--boot", type=Path, default=BOOT, metavar="DIR", help=f"the card's first partition ({BOOT})")
    act.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="the machine's files (/)")
    act.add_argument("--json", action="store_true", help="one JSON object for programs")


def run(args: argparse.Namespace) -> int:
    """Take it, tell what came of it."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    verdict = take(args.boot, args.root, utc_s=int(time.time()))
    if args.json:
        print(msgspec.json.encode(verdict).decode())
    else:
        print(" ".join(filter(None, (verdict.state, verdict.file, verdict.first.get("en", "")))))
    return 0 if verdict.state in GOOD else EXIT_NOT_TAKEN


def take(
    boot: Path, root: Path, *, utc_s: int, open_boot: Callable[[Path], AbstractContextManager[None]] = writable
) -> Verdict:
    """Take the installer's file, write the machine's files of this start, and return the verdict. Never raises."""
    _as_group(root)
    kept = RealFs(root, for_group=True)
    verdict = provisional(utc_s)
    _tell(root, verdict)
    data = data_state(root)
    try:
        verdict = Taking(RealFs(boot), kept, utc_s=utc_s, open_boot=partial(open_boot, boot), data=data).take()
    except OSError as exc:
        log.error("nothing can be kept: %s", exc)
        verdict = msgspec.structs.replace(verdict, state="no_data", data=data if data != "ok" else "full")
    except Exception:
        log.exception("the card could not be looked at")
    _for_machine(root, _settings(root))
    _tell(root, verdict)
    return verdict


def data_state(root: Path) -> str:
    """Return what became of the data partition; ok on a machine whose start does not say."""
    try:
        found = (root / DATA).read_text("ascii").strip()
    except (OSError, ValueError):
        return "ok"
    return found if found in DATA_STATES else "damaged"


def _settings(root: Path) -> Settings:
    """Return the settings in force; where there are none that are good, those of a box without any: by cable."""
    try:
        return load(root / SETTINGS)
    except SettingsError as exc:
        log.warning("%s", exc)
        return loads(bare_settings(new_id()))


def _for_machine(root: Path, settings: Settings) -> None:
    try:
        write_machine_files(root, machine_files(settings, partial(secret_of, root)))
    except OSError as exc:
        log.error("the network can't be set: %s", exc)
    name_host(root, settings)


def _tell(root: Path, verdict: Verdict) -> None:
    """Lay the verdict where the service reads it."""
    path = root / VERDICT
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.tmp")
        beside.write_bytes(msgspec.json.encode(verdict))
        beside.chmod(0o640)
        beside.replace(path)
    except OSError as exc:
        log.error("%s", exc)


def _as_group(root: Path) -> None:
    """Make files for the service's group, where root runs this."""
    try:
        group = pwd.getpwnam("vigie").pw_gid
    except KeyError:
        return
    if os.geteuid() == 0 and root == Path("/"):
        os.setegid(group)
