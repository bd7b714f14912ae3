"""`vigie receive`: store what boxes send, in a SQLite file, and tell them that it is stored.

Exit codes: 0 stopped by a signal, 2 a wrong option or file.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from edge.cli.broker import add_broker_arguments, target
from edge.core.batch_forms import BOX_PATTERN, Batch, EventPack
from edge.core.ports import Worker
from edge.links.paho_connection import PahoConnection
from edge.upstream.catalogue import Catalogue
from edge.upstream.ledger import Ledger, Stored
from edge.upstream.lines import box_line, entry_lines, event_lines
from edge.upstream.receive import Receiver

EVERY_S: Final = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = "Store what boxes send in a SQLite file and acknowledge it. See docs/receive.md."
    parser.add_argument(
        "--broker", required=True, metavar="HOST[:PORT]", help="the MQTT broker, such as localhost:1883"
    )
    parser.add_argument(
        "--db", required=True, type=Path, metavar="FILE", help="the SQLite file, made when it is missing"
    )
    parser.add_argument("--box", action="append", default=[], metavar="ID", help="only this box; may be given often")
    parser.add_argument("--json", action="store_true", help="print each entry that is stored as a line of JSON")
    add_broker_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Receive until a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        where = target(args, "vigie-receive")
        _check_boxes(args.box)
        lock = locked(args.db, "vigie receive")
    except (ValueError, OSError) as exc:
        print(exc, file=sys.stderr)
        return 2
    with lock:
        try:
            ledger = Ledger(args.db)
        except Exception as exc:  # noqa: BLE001 - whatever is wrong with the file, its name and the cause are the answer
            print(f"{args.db}: can't be used as a database: {exc}", file=sys.stderr)
            return 2
        receiver = Receiver(
            PahoConnection(where), ledger, lambda: time.time_ns() // 1_000_000, boxes=tuple(args.box),
            on_stored=_print_entries if args.json else partial(_print_events, ledger.catalogue),
        )  # fmt: skip
        turn(receiver, None if args.json else Report(receiver).print)
    return 0


def _check_boxes(boxes: Sequence[str]) -> None:
    """Raise ValueError for what can't be a box's id: nothing would ever come of it."""
    for box in boxes:
        if not re.fullmatch(BOX_PATTERN, box):
            raise ValueError(f"--box {box}: a box's id is 1 to 32 of a-z, 0-9 and -")


def locked(path: Path, program: str) -> IO[str]:
    """Return a held lock beside a database. Raises ValueError when another one has it, or that can't be made."""
    try:
        lock = path.with_name(path.name + ".lock").open("w")
    except OSError as exc:
        raise ValueError(f"{path}: no database can be kept there: {exc.strerror}") from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        lock.close()
        raise ValueError(f"{path}: another {program} is using it") from exc
    return lock


def _print_entries(box: str, form: Batch | EventPack | dict[str, Any], kept: Stored) -> None:
    lines = list(entry_lines(box, form, kept))
    if lines:
        print("\n".join(lines), flush=True)


def _print_events(catalogue: Catalogue, box: str, form: Batch | EventPack | dict[str, Any], kept: Stored) -> None:
    """Print what happened on a box, as its own journal says it."""
    lang, zone = catalogue.langs.get(box) or "en", catalogue.zone_of(box)
    for line in event_lines(box, form, kept, lang, zone):
        print(line, flush=True)


def turn(worker: Worker, report: Callable[[float], None] | None, is_done: Callable[[], bool] = lambda: False) -> None:
    """Turn a worker until SIGINT or SIGTERM, or until it is done; then close it."""
    is_over = False

    def stop(*_: object) -> None:
        nonlocal is_over
        is_over = True

    # a signal's only trace is a byte in this pipe: select wakes, whatever was going on
    bell, ring = _pipe()
    was = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.set_wakeup_fd(ring.fileno())
    try:
        report_s = 0.0
        while not (is_over or is_done()):
            now_s = time.monotonic()
            due_s = worker.step(now_s)
            if report is not None:
                if now_s >= report_s:
                    report(now_s)
                    report_s = now_s + EVERY_S
                due_s = min(due_s, report_s)
            select.select([bell, *worker.filenos()], [], [], max(0.0, due_s - time.monotonic()))
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in was.items():
            signal.signal(number, handler)
        worker.close()
        bell.close()
        ring.close()


def _pipe() -> tuple[Any, Any]:
    import socket

    bell, ring = socket.socketpair()
    ring.setblocking(False)
    return bell, ring


class Report:
    """The lines for people: a box when something came of it, and what is wrong, once."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._stored: dict[tuple[str, str], int] = {
            key: source.stored for key, source in receiver.ledger.sources.items()
        }
        self._told: set[str] = set()

    def print(self, now_s: float) -> None:
        """Print a line for each box whose records grew since the last call."""
        for (box, stream), source in self._receiver.ledger.sources.items():
            if source.log == "m" and self._stored.get((box, stream)) != source.stored:
                self._stored[box, stream] = source.stored
                seen = self._receiver.seen.get(box)
                behind_s = time.time() - source.newest_ms / 1000
                site = self._receiver.ledger.catalogue.sites.get(box, "")
                print(box_line(box, site, seen.points if seen else 0, stream, source.stored, behind_s), flush=True)
        for box in self._receiver.twins.seen_ms:
            is_twin = self._receiver.twins.is_active(box, time.time_ns() // 1_000_000)
            if is_twin and f"{box} twice" not in self._told:
                print(f"box {box} is there twice: duplicate_id; give one of the two another id", flush=True)
            (self._told.add if is_twin else self._told.discard)(f"{box} twice")
        for box, seen in self._receiver.seen.items():
            since = seen.status.get("unacknowledged_since")
            if isinstance(since, int | float) and box not in self._told:
                self._told.add(box)
                minutes = round((time.time() - since) / 60)
                print(f"box {box} asked for an acknowledgement {minutes} min ago and got none: is a second", flush=True)
                print("consumer running, or does the broker's ACL keep down/ack from it or from us?", flush=True)
            elif since is None:
                self._told.discard(box)
