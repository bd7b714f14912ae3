"""`vigie`: one command with verbs. Each verb's module is loaded only when it is called.

Exit codes: 0 done, 1 something failed, 2 bad input (each fault named with its place), 3 no box answers.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from edge.settings.packaged import product_version

EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2

_AGO: Final = re.compile(r"-\d")
_MOMENTS: Final = frozenset({"--from", "--to", "--since", "--until"})
_NEGATIVE: Final = re.compile(r"-\d+,\d+", re.ASCII)


class Verb(msgspec.Struct, frozen=True):
    """A verb of the command line: where it lives, and its line in the help."""

    module: str
    help: str
    add: str = "add_arguments"
    run: str = "run"


VERBS: Final[dict[str, Verb]] = {
    "run": Verb("edge.cli.run", "run the box (with --demo: a simulated site)"),
    "check": Verb(
        "edge.cli.settings", "check a settings file: every fault with its place", "add_check_arguments", "check"
    ),
    "schema": Verb("edge.cli.settings", "print the JSON Schema of the settings file", "add_schema_arguments", "schema"),
    "simulate": Verb("edge.cli.simulate", "run a site in virtual time and print what it sends, writes and costs"),
    "tic": Verb("edge.cli.tic", "decode a Téléinfo stream, or record one from a port"),
    "scan": Verb("edge.cli.scan", "what is wired to this machine, and what to write for it"),
    "doctor": Verb("edge.cli.doctor", "may you leave? each part well, to look at or failed, with its remedy"),
    "test": Verb("edge.cli.trial", "may you leave? tries the whole chain, to the server and back"),
    "time": Verb("edge.cli.clock", "what time the box believes it is, and by whom; `time set` to tell it"),
    "history": Verb("edge.cli.history", "what a point did: a table, CSV, JSON or SenML", run="history"),
    "export": Verb("edge.cli.export", "all points as CSV, or as a data package", run="export"),
    "receive": Verb("edge.cli.receive", "the reference consumer: store what boxes send, once, and acknowledge it"),
    "gateway": Verb("edge.cli.gateway", "the server's end of boxes that text: take, publish or store, acknowledge"),
    "sms": Verb("edge.cli.sms", "the SMS link of a box: status, pairing; what a binary message says"),
    "journal": Verb("edge.cli.journal", "what happened on the box, who did it and when"),
    "reload": Verb(
        "edge.cli.reload", "read the settings file again: only what changed restarts; --check says what would"
    ),
    "report": Verb("edge.cli.report", "a day or a month: machines, alarms, consumption, costs; for paper or one SMS"),
    "meter": Verb("edge.cli.meter", "what each meter counted, by day, month and year; readings, base index, exchange"),
    "relay": Verb("edge.cli.relay", "outputs: what they do and why; switch one on, off, for a time, or back to auto"),
    "set": Verb(
        "edge.cli.setting",
        "setpoints, switches, limits, programs: how they are set; set one, or go back to the file's value",
        "add_set_arguments",
        "set_",
    ),
    "programs": Verb(
        "edge.cli.setting", "weekly programs: what they say now, and what next", "add_programs_arguments", "programs"
    ),
    "alarms": Verb(
        "edge.cli.alarms",
        "what is wrong, since when, who has seen it; a limit out of service and back in",
        "add_alarms_arguments",
        "alarms",
    ),
    "ack": Verb("edge.cli.alarms", "acknowledge an alarm, or all", "add_ack_arguments", "ack"),
    "shelve": Verb(
        "edge.cli.alarms",
        "tell nobody of an alarm for a time, and say why; what is shelved now",
        "add_shelve_arguments",
        "shelve",
    ),
    "equipment": Verb(
        "edge.cli.equipment",
        "machines: state, since when and why; restore one, or call it faulty",
        "add_equipment_arguments",
        "equipment",
    ),
    "maintenance": Verb(
        "edge.cli.equipment",
        "put a machine into maintenance until a planned end, and out of it",
        "add_maintenance_arguments",
        "maintenance",
    ),
    "tariff": Verb("edge.cli.tariff", "what each meter costs; its prices, and new ones from a day on"),
    "tag": Verb("edge.cli.tag", "say what a stretch of time was for, now or afterwards: experiment 42"),
    "site": Verb("edge.cli.site", "many sites of one template: `site render` makes a card file and a label for each"),
    "help": Verb("edge.cli.help", "how a command is written, and what the order behind it takes and asks for"),
    "card": Verb("edge.cli.card", "the installer's file on the card: taken into the box at each start"),
    "backup": Verb("edge.cli.backup", "write all that replaces a dead box into one file"),
    "wipe": Verb("edge.cli.wipe", "erase all that the box kept, and show that it is gone"),
    "update": Verb(
        "edge.cli.update", "a new version from a file or an address; what runs, and what became of the last"
    ),
    "restore": Verb("edge.cli.restore", "make this box go on as the one of a backup"),
    **{
        name: Verb("edge.cli.console", text, f"add_{name}_arguments", name)
        for name, text in {
            "status": "is the box well? (what bare `vigie` prints)",
            "points": "the points of the site",
            "values": "present values",
            "watch": "values as they change, or the live table",
            "buffer": "what is kept, sent and acknowledged",
            "explain": "one point from wire to record",
        }.items()
    },
}


def _parser(verbs: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser; only the named verbs get their arguments, the others just their line of help."""
    parser = argparse.ArgumentParser(prog="vigie", description="The service of a small box that watches a site.")
    parser.add_argument("--version", action="version", version=f"vigie {product_version()}")
    commands = parser.add_subparsers(dest="verb", metavar="VERB")
    for name, verb in VERBS.items():
        command = commands.add_parser(name, help=verb.help, description=verb.help)
        if name in verbs:
            getattr(importlib.import_module(verb.module), verb.add)(command)
    return parser


def _joined(words: Sequence[str]) -> list[str]:
    """Return the words with `--from -24h` as one: argparse would take -24h for an option.

    >>> _joined(["history", "t.cellar", "--from", "-24h", "--to", "now"])
    ['history', 't.cellar', '--from=-24h', '--to', 'now']
    """
    joined: list[str] = []
    for word in words:
        if _NEGATIVE.fullmatch(word):  # nor may -2,5 be one
            joined.append(word.replace(",", "."))
            continue
        if joined and joined[-1] in _MOMENTS and _AGO.match(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit code."""
    words = _joined(sys.argv[1:] if arguments is None else arguments)
    if not words:
        words = ["status"]
    _have_streams()
    if words[0] not in VERBS and not words[0].startswith("-"):
        return _unknown(words[0])
    _speak()
    args: Any = _parser([word for word in words if word in VERBS]).parse_args(words)
    if args.verb is None:
        args = _parser(["status"]).parse_args(["status"])
    verb = VERBS[args.verb]
    try:
        code: int = getattr(importlib.import_module(verb.module), verb.run)(args)
        sys.stdout.flush()  # here, where a reader that has gone is no failure: at its end Python would make 120 of it
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `vigie values | head`
        _say_no_more()
        return 0
    except UnicodeEncodeError as exc:
        if not any(map(_is_no_text, words)):
            raise
        return _complain(f"a word of this command line is no text ({exc.object!r}): write it in UTF-8", EXIT_BAD_INPUT)
    except OSError as exc:
        if exc.filename and not _is_service(args):  # whose traceback belongs into its log
            return _complain(_unreachable(exc), EXIT_FAILED)
        if _can_speak():
            raise  # a fault of ours
        _say_no_more()
        return _complain(f"what is printed can't be written: {exc.strerror or exc}", EXIT_FAILED)
    return code


def _have_streams() -> None:
    """Fill what was closed before the start (`>&-`), the lowest first: a file of ours must not become the output."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - until the end


def _speak() -> None:
    """Print in UTF-8 wherever it goes but to a terminal of another kind, which gets ? for what it can't show."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="replace")


def _is_service(args: Any) -> bool:
    return args.verb in {"run", "receive"} or (args.verb == "gateway" and args.act is None)


def _unreachable(exc: OSError) -> str:
    """Return what to tell who may not use a file, or for whom a disk does not."""
    from edge.cli.words import own_words

    key = "console.file_no_right" if isinstance(exc, PermissionError) else "console.file_failed"
    return own_words()(key, file=os.fsdecode(exc.filename), why=exc.strerror or str(exc))


def _can_speak() -> bool:
    """Return whether standard output takes anything: a full disk fails again, also at a line end."""
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")
    except io.UnsupportedOperation:  # it is no file
        return True
    except (OSError, ValueError):
        return False
    return True


def _say_no_more() -> None:
    """Let what is still to be flushed go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())


def _is_no_text(word: str) -> bool:
    """Return whether a word holds octets that are no letters: Python carries them as lone surrogates."""
    return any("\udc80" <= letter <= "\udcff" for letter in word)


def _unknown(word: str) -> int:
    from edge.cli.help import unknown

    return _complain(f"{unknown(word)}; `vigie --help` lists all", EXIT_BAD_INPUT)


def _complain(text: str, code: int) -> int:
    from edge.cli.console import complain

    complain(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
