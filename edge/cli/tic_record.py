"""`vigie tic record PORT`: what a port says, kept byte by byte in a file that `vigie tic decode` reads.

Mode and speed are found first; what came at another speed is not kept. Exit codes: 0 a meter was heard, 1 none was,
2 the port can't be used or the file can't be written. With --json the last line is what was heard.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from edge.cli.client import DEFAULT_CONFIG, Client, NotRunningError, RefusedError, socket_path
from edge.cli.console import complain
from edge.cli.diagnosis import words_of
from edge.cli.words import Words, own_words
from edge.core.doctor_devices import place_lost
from edge.settings.faults import SettingsError
from edge.settings.load import load
from hal.decode.teleinfo.anonymous import Anonymiser
from hal.driver import DriverError
from hal.tic_listen import Heard, listen

_FOR: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)?")
_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
LEAST_S, MOST_S = 1.0, 86_400.0


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what `vigie tic record` takes."""
    command.add_argument("port", help="a serial port, such as /dev/serial/by-id/…")
    command.add_argument(
        "-o", "--output", metavar="FILE", help="where to, - for the standard output (default tic-….bin)"
    )
    command.add_argument("--for", dest="seconds", metavar="TIME", type=seconds_of, default=60.0, help="30s, 5m (60s)")
    command.add_argument("--mode", choices=("auto", "historique", "standard"), default="auto")
    command.add_argument("--anonymous", action="store_true", help="put other numbers in the place of the meter's own")
    command.add_argument("--json", action="store_true", help="what was heard as one JSON object")
    command.add_argument("--config", metavar="FILE", type=Path, default=DEFAULT_CONFIG, help=argparse.SUPPRESS)
    command.add_argument("--socket", metavar="PATH", help=argparse.SUPPRESS)


def seconds_of(text: str) -> float:
    """Return the seconds of 90, 90s, 5m or 1h; raises argparse's error for anything else.

    >>> seconds_of("1.5m")
    90.0
    """
    match = _FOR.fullmatch(text)
    seconds = float(match[1]) * _SECONDS[match[2] or ""] if match else 0.0
    if not LEAST_S <= seconds <= MOST_S:
        raise argparse.ArgumentTypeError(f"{text!r}: a time is expected, such as 30s or 5m, up to 24h")
    return seconds


def run(args: argparse.Namespace) -> int:
    """Record, and say what was heard; return the exit code."""
    say = own_words()
    reader = _who_reads(args.port, args.config, args.socket)
    if reader:
        complain(say("tic.held_by_box", port=args.port, points=reader))
        return 2
    name = args.output or time.strftime("tic-%Y%m%d-%H%M%S.bin")
    try:
        with _opened(name) as out:
            heard = record(args, out, lambda found: sys.stderr.write(_line(found, say) + "\n"))
    except DriverError as exc:
        _take_away(name)
        text, cure = words_of(place_lost(args.port, "serial", exc.reason, str(exc)), say)
        complain(f"{text}{say.semicolon} {cure}" if cure else text)
        return 2
    except OSError as exc:
        sys.stderr.write(f"vigie tic record: {name}: {exc.strerror or exc}\n")
        return 2
    if args.json:
        (sys.stderr if name == "-" else sys.stdout).write(msgspec.json.encode(heard).decode() + "\n")
    else:
        for line in lines_of(heard, args, name, say):
            sys.stderr.write(line + "\n")
    return 0 if heard.mode else 1


def record(
    args: argparse.Namespace,
    out: BinaryIO,
    found: Callable[[Heard], object],
    now_s: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Heard:
    """Write what comes to the file; Ctrl-C ends it like its time does. Raises OSError."""
    anonymiser = Anonymiser() if args.anonymous else None

    def keep(seen: bytes) -> None:
        out.write(anonymiser.feed(seen) if anonymiser else seen)

    heard = listen(args.port, args.seconds, args.mode, keep=keep, found=found, now_s=now_s, wait=wait)
    if anonymiser:
        out.write(anonymiser.finish())
    return heard


def _opened(name: str) -> BinaryIO:
    if name == "-":
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    return Path(name).open("xb")  # never over a recording that is there


def _take_away(name: str) -> None:
    """Take a file away again that nothing was written to."""
    if name != "-" and Path(name).stat().st_size == 0:
        Path(name).unlink()


def _who_reads(port: str, config: Path, socket: str | None) -> str:
    """Return the points by which a running box reads this port, "" where none does."""
    try:
        Client(socket_path(socket)).get("box")
    except (NotRunningError, RefusedError):
        return ""
    try:
        settings = load(config)
    except SettingsError:
        return ""
    real = Path(port).resolve()
    return ", ".join(
        entry.point.id
        for entry in settings.points
        if Path(str(getattr(settings.buses[entry.point.bus][1], "port", "/"))).resolve() == real
    )


def _line(heard: Heard, say: Words) -> str:
    if heard.labels:
        return say("tic.not_read", mode=heard.mode, baud=heard.baud, labels=heard.labels)
    return say("tic.found", mode=heard.mode, baud=heard.baud)


def lines_of(heard: Heard, args: argparse.Namespace, name: str, say: Words) -> list[str]:
    """Return what is told at the end: what was heard, how well, and what lies in the file."""
    if not heard.mode:
        return [say("tic.nothing" if not heard.octets else "tic.no_groups", octets=heard.octets, baud=heard.baud)]
    bad = sum(heard.rejected.values())
    why = ", ".join(f"{count} {reason}" for reason, count in heard.rejected.items())
    rate = round(heard.groups / args.seconds, 1)
    lines = [say("tic.heard", octets=heard.octets, groups=heard.groups, rate=rate, frames=heard.frames, bad=bad)]
    if bad:
        lines[0] += f" ({why})"
    if heard.meters > 1:
        lines.append(say("tic.several", meters=heard.meters))
    lines.append(say("tic.written_anonymous" if args.anonymous else "tic.written", file=name))
    return lines
