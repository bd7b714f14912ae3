"""`vigie update FILE|URL`: a new version into the system that does not run, tried once, committed when it is well.

`vigie update` alone tells what runs and what became of the last update. `settle`, `confirm` and `usb` are what the
card's units call. Exit codes: 0 done, 1 not taken or not done (what runs goes on), 2 no such file.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from edge.cli import client
from edge.cli.console import complain, write_json, write_lines
from edge.cli.words import Words, own_words
from edge.runtime.rauc import Rauc, UpdateError
from edge.runtime.slots import Slots
from edge.runtime.updating import RESERVE_BYTES, Updating

EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2
UNIT_WORDS: Final = ("settle", "confirm", "usb")
REBOOT: Final = ("/usr/bin/systemctl", "reboot")
TRY: Final = "--reboot-argument=0 tryboot"
OF_DOWNLOAD: Final = frozenset({"corrupt", "truncated", "not_a_bundle", "empty"})
"""What is said of a file that did not come as it was sent: it is fetched anew the next time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie update` takes."""
    parser.add_argument("what", nargs="?", metavar="FILE|URL", help="a bundle (.raucb); nothing: tell what runs")
    parser.add_argument("device", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help="also the version that runs already")
    parser.add_argument("--reboot", action="store_true", help="try it at once; alone: try what is installed")
    parser.add_argument("--socket", help="the box's API socket (default: $VIGIE_SOCKET, or the service's)")
    parser.add_argument("--json", action="store_true", help="one JSON object for programs")


def run(args: argparse.Namespace) -> int:
    """Carry it out; return the exit code."""
    return carried_out(args, updating_of(Path("/"), args.socket), own_words(), reboot)


def updating_of(root: Path, socket: str | None = None) -> Updating:
    """Return the updates of this machine."""
    from edge.cli.machine_facts import machine_figures

    return Updating(
        Slots(root), Rauc(), live=lambda: asked("live", socket), backup=lambda: _backup(socket),
        machine=lambda: machine_figures(client.DEFAULT_STATE, root),
    )  # fmt: skip


def asked(name: str, socket: str | None) -> Any:
    """Return what the running box answers, None where none does."""
    try:
        return client.Client(client.socket_path(socket)).get(name)
    except (client.NotRunningError, client.RefusedError):
        return None


def reboot(*words: str) -> None:
    """Let systemd reboot. Raises UpdateError where it does not."""
    done = subprocess.run([*REBOOT, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UpdateError("failed", done.stderr.strip())


def carried_out(args: argparse.Namespace, updating: Updating, say: Words, restart: Callable[..., None]) -> int:
    """Do what is asked; `restart` reboots the machine with what the kernel is to be told."""
    try:
        if args.what in UNIT_WORDS:
            return _for_a_unit(args, updating, say, restart)
        if args.what is None and not args.reboot:
            return _tell(args, updating, say)
        version = _install(args, updating, say) if args.what is not None else ""
        if not args.reboot:
            _say_done(args, say("update.installed", version=version), {"installed": version})
            return 0
        version = updating.prepare_try()
        _say_done(args, say("update.trying", version=version), {"trying": version})
        restart(TRY)
    except UpdateError as exc:
        return _failed(args, exc, say)
    except FileNotFoundError as exc:
        complain(say("update.no_file", file=exc.filename or args.what))
        return EXIT_BAD_INPUT
    except (OSError, ValueError) as exc:
        return _failed(args, UpdateError("failed", str(exc)), say)
    return 0


def _for_a_unit(args: argparse.Namespace, updating: Updating, say: Words, restart: Callable[..., None]) -> int:
    if args.what == "settle":
        return _settle(updating)
    if args.what == "confirm":
        return _confirm(updating, args.socket)
    from edge.cli.update_usb import from_stick

    return from_stick(Path(args.device or ""), updating, say, restart)


def reason(error: UpdateError, say: Words) -> str:
    """Return why an update was not taken, for people, with what the program behind it said."""
    text = say("update.refused", why=error.code, **({"version": error.version} if error.version else {}))
    return f"{text} ({error.detail})" if error.detail else text


def lines(facts: Mapping[str, Any], say: Words) -> list[str]:
    """Return what runs, what is on trial or waits for it, and what became of the last update."""
    told = [say("update.runs", version=facts["version"], slot=facts["slot"])]
    trial, last = facts["trial"], facts["last"]
    if facts["is_try"]:
        told.append(say("update.on_trial"))
    elif trial is not None and trial["phase"] in {"installed", "trying"}:
        told.append(say("update.waits", version=trial["version"], slot=trial["slot"]))
    elif trial is not None:
        told.append(say("update.being_written", version=trial["version"], slot=trial["slot"]))
    if last is not None:
        told.append(say(f"update.last_{last['outcome']}", version=last["version"], why=last["why"]))
    return told


def _tell(args: argparse.Namespace, updating: Updating, say: Words) -> int:
    from edge.store.update_store import published

    # who is not root reads what root left for all
    facts = updating.facts() if os.geteuid() == 0 else published(updating.slots.root)
    if facts is None:
        raise UpdateError("no_slots")
    if args.json:
        return write_json(facts)
    write_lines(lines(facts, say))
    return 0


def _install(args: argparse.Namespace, updating: Updating, say: Words) -> str:
    from edge.runtime.fetched import fetched, forget, is_url

    if not is_url(args.what):
        Path(args.what).stat()
        return str(updating.install(Path(args.what).absolute(), again=args.again).version)
    updating.may_begin()  # before a large file is fetched
    with updating.alone():
        file = fetched(
            args.what, updating.folder, reserve_bytes=RESERVE_BYTES, tell=_progress(say, is_shown=not args.json)
        )
    try:
        version = str(updating.install(file, again=args.again).version)
    except UpdateError as exc:
        if exc.code in OF_DOWNLOAD:
            forget(updating.folder)
        raise
    forget(updating.folder)
    return version


def _progress(say: Words, *, is_shown: bool) -> Callable[[int, int], None]:
    told = [-1]

    def tell(got: int, of: int) -> None:
        tenth = got * 10 // of if of else got // 50_000_000
        if is_shown and tenth != told[0]:
            told[0] = tenth
            sys.stderr.write(say("update.fetched", mb=round(got / 1e6), of=round(of / 1e6) or None) + "\n")

    return tell


def _settle(updating: Updating) -> int:
    from edge.runtime.giving_back import give_back

    state = client.DEFAULT_STATE if updating.slots.root == Path("/") else updating.slots.root / "var/lib/vigie"
    config = updating.slots.root / client.DEFAULT_CONFIG.relative_to("/")

    def back() -> None:
        try:
            give_back(state, updating.folder, config)
        except (OSError, ValueError) as exc:
            complain(f"{state}: {exc}")

    updating.settle(back)
    updating.facts()
    return 0


def _confirm(updating: Updating, socket: str | None) -> int:
    from edge.runtime.update_confirm import HOLD_S, WITHIN_S, confirm

    pause = threading.Event()
    is_committed = confirm(
        updating, lambda: asked("live", socket), now_s=time.monotonic, wait=pause.wait,
        hold_s=float(os.environ.get("VIGIE_UPDATE_HOLD_S", HOLD_S)),
        within_s=float(os.environ.get("VIGIE_UPDATE_WITHIN_S", WITHIN_S)),
    )  # fmt: skip
    return 0 if is_committed else EXIT_FAILED


def _backup(socket: str | None) -> bytes | None:
    import msgspec

    from edge.store.backup_file import Backup, encode

    answer = asked("backup", socket)
    return None if answer is None else encode(msgspec.convert(answer, Backup))


def _say_done(args: argparse.Namespace, text: str, answer: Mapping[str, Any]) -> None:
    if args.json:
        write_json(answer)
    else:
        write_lines([text])


def _failed(args: argparse.Namespace, error: UpdateError, say: Words) -> int:
    if args.json:
        write_json({"refused": error.code, "detail": error.detail, "version": error.version})
    complain(reason(error, say))
    return EXIT_FAILED
