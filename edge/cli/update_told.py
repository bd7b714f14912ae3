"""An update as a person at the terminal orders it, and what that person is told."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from edge.cli.console import EXIT_BAD_INPUT, complain, write_json, write_lines
from edge.cli.update_units import EXIT_FAILED, TRY
from edge.cli.words import Words
from edge.runtime.rauc import UpdateError
from edge.runtime.updating import RESERVE_BYTES, Updating

OF_DOWNLOAD: Final = frozenset({"corrupt", "truncated", "not_a_bundle", "empty"})
"""What is said of a file that did not come as it was sent: it is fetched anew the next time."""


def carried_out(args: argparse.Namespace, updating: Updating, say: Words, restart: Callable[..., None]) -> int:
    """Do what is asked; `restart` reboots the machine with what the kernel is to be told."""
    try:
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


def reason(error: UpdateError, say: Words) -> str:
    """Return why an update was not taken, for people, with what the program behind it said."""
    text = say("update.refused", why=error.code, **({"version": error.version} if error.version else {}))
    return f"{text} ({error.detail})" if error.detail else text


def lines(facts: Mapping[str, Any], say: Words) -> list[str]:
    """Return what runs, what is on trial or waits for it, and what became of the last update."""
    told = [say("update.runs", version=facts["version"], slot=facts["slot"])]
    trial, last = facts["trial"], facts["last"]
    if facts.get("lost") is not None:
        told.append(say("update.lost", slot=facts["lost"]))
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
