"""`vigie gateway` at work: one thread that turns the gateway, and who takes its logs."""

from __future__ import annotations

import argparse
import logging
import os
import re
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge.cli.broker import target
from edge.cli.receive import locked, turn
from edge.core.ports import Worker
from edge.links.paho_connection import PahoConnection
from edge.upstream.gateway import Gateway
from edge.upstream.gateway_broker import Publisher
from edge.upstream.gateway_jsonl import JsonLines
from edge.upstream.gateway_ledger import LedgerConsumer
from edge.upstream.gateway_store import GatewayStore, StoreError
from edge.upstream.ledger import Ledger
from sms.mailbox import Mailbox
from sms.smsd import Smsd

CHUNK: Final = 65_536
STDIN: Final = 0


class Service:
    """The gateway and its consumer on one thread; `lines` reads standard input."""

    name = "gateway"

    def __init__(self, gateway: Gateway, consumer: Worker, lines: JsonLines | None, source: int = STDIN) -> None:
        self._gateway = gateway
        self._consumer = consumer
        self._lines = lines
        self._source = source
        self._is_open = lines is not None
        self._consume_s = 0.0

    def step(self, now_s: float) -> float:
        """Read, take, store or publish, acknowledge."""
        is_read = self._read()
        due_s = self._gateway.step(now_s)
        self._consume_s = self._consumer.step(now_s)
        if self._gateway.wake:
            due_s = self._gateway.step(now_s)
        return now_s if is_read else min(due_s, self._consume_s)

    def _read(self) -> bool:
        if self._lines is None or not self._is_open or self._lines.is_full():
            return False
        if not select.select([self._source], [], [], 0)[0]:
            return False
        octets = os.read(self._source, CHUNK)
        self._is_open = octets != b""
        self._lines.feed(octets or b"\n")
        return True

    def filenos(self) -> list[int]:
        """Return what wakes it."""
        is_reading = self._is_open and self._lines is not None and not self._lines.is_full()
        return [*self._consumer.filenos(), *([self._source] if is_reading else [])]

    def is_over(self) -> bool:
        """Return whether the lines have ended and all of them are dealt with."""
        return self._lines is not None and not self._is_open and not self._lines.received(1)

    def close(self) -> None:
        """Close all files."""
        self._consumer.close()
        self._gateway.close()


def run(args: argparse.Namespace) -> int:
    """Run until a signal, or until the JSON lines have ended. Raises ValueError, StoreError."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if not args.smsd and args.source is None:
        raise ValueError("where do messages come from? --smsd FILE (gammu-smsd's database), or --in jsonl")
    if (args.db is None) == (args.broker is None):
        raise ValueError("where do records go? either --broker HOST (publish) or --db FILE (store)")
    with locked(args.state, "vigie gateway"):
        store = GatewayStore(args.state)
        mailboxes: dict[str, Mailbox] = {}
        try:
            _keep(store, args)
            lines = _mailboxes(args, mailboxes)
            gateway = Gateway(store, mailboxes, time.time)
            consumer = _consumer(args, gateway)
        except BaseException:
            for mailbox in mailboxes.values():
                mailbox.close()
            store.close()
            raise
        service = Service(gateway, consumer, lines)
        turn(service, None, service.is_over)
    return 0


def _keep(store: GatewayStore, args: argparse.Namespace) -> None:
    if args.price is not None and not 0 <= args.price <= 10:
        raise ValueError(f"--price {args.price:g}: of one message, 0 to 10")
    if args.budget is not None and args.budget < 1:
        raise ValueError(f"--budget {args.budget}: messages a box may send in a month, 1 or more")
    if args.currency is not None and not re.fullmatch(r"[A-Z]{3}", args.currency):
        raise ValueError(f"--currency {args.currency}: three capital letters, such as EUR")
    with store:
        for name in ("price", "currency", "budget"):
            if getattr(args, name) is not None:
                store.keep(name, getattr(args, name))


def _mailboxes(args: argparse.Namespace, found: dict[str, Mailbox]) -> JsonLines | None:
    """Open each modem's database; return what takes JSON lines, where they come. Raises ValueError, StoreError."""
    for place, given in enumerate(args.smsd):
        name, equals, path = given.partition("=")
        if not equals:
            name, path = f"modem{place + 1}" if place else "modem", given
        if name in found:
            raise ValueError(f"--smsd {given}: two modems are called {name}")
        if not Path(path).exists():
            raise StoreError(f"{path}: no such database; is gammu-smsd set up (docs/gateway.md)?")
        found[name] = Smsd(path)
    lines: JsonLines | None = None
    if args.source == "jsonl":
        write: Callable[[str], None] = _print if args.out == "jsonl" else _drop
        lines = found["jsonl"] = JsonLines(write)
    return lines


def _print(line: str) -> None:
    try:
        print(line, flush=True)
    except BrokenPipeError as exc:  # elsewhere no failure; here boxes would wait for answers
        raise StoreError("nobody reads standard output any more: start it again with who sends the messages") from exc


def _drop(line: str) -> None:
    if '"send"' in line:
        logging.getLogger(__name__).info("not sent, as --out jsonl is not given: %s", line)


def _consumer(args: argparse.Namespace, gateway: Gateway) -> Worker:
    if args.db is not None:
        try:
            return LedgerConsumer(gateway, Ledger(args.db), time.time)
        except Exception as exc:  # whatever is wrong with the file, its name and the cause are the answer
            raise StoreError(f"{args.db}: can't be used as a database: {exc}") from exc
    return Publisher(gateway, PahoConnection(target(args, "vigie-gateway")))
