"""Both ends and what lies between, for the outage tests.

`Rig`: one link on logs in memory and one receiver, turned by hand in this process, on a real Mosquitto behind a line
that can be cut. `Command`: the same programs as a user starts them, in processes that can be killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.links.mqtt import MqttLink
from edge.links.paho_connection import PahoConnection, Target, target
from edge.settings.model import MqttLink as MqttSettings
from edge.upstream.ledger import Ledger
from edge.upstream.receive import Receiver
from tests.mqtt_broker import Broker, Forwarder, broker, forwarder
from tests.support import ROOT
from tests.support_broker import Bench
from tests.support_worker import turn


class Rig:
    """A box's link and a consumer on a real broker. The box's line goes through `line`, the consumer's does not."""

    def __init__(self, folder: Path, running: Broker, line: Forwarder, **settings: Any) -> None:
        self.folder = folder
        self.broker = running
        self.line = line
        self.bench = Bench()
        self.settings = MqttSettings(host="127.0.0.1", port=line.port, **settings)
        self.link = self.new_link()
        self.receiver: Receiver | None = None

    def new_link(self, bench: Bench | None = None, dice: int = 1) -> MqttLink:
        connection = PahoConnection(target(self.settings, "b0042"))
        return MqttLink(self.settings, connection, (bench or self.bench).feed, random.Random(dice))

    def receive(self, name: str = "site.db") -> Receiver:
        """Start a consumer with this database."""
        where = Target(host="127.0.0.1", port=self.broker.port, client_id=f"receive-{name}", max_packet=1_000_000)
        self.receiver = Receiver(PahoConnection(where), Ledger(self.folder / name), lambda: time.time_ns() // 10**6)
        self.turn(lambda: self.receiver is not None and self.receiver.state == "up")
        return self.receiver

    def stop_receiving(self) -> None:
        if self.receiver is not None:
            self.receiver.close()
            self.receiver = None

    def turn(self, condition: Callable[[], object], seconds: float = 20.0, what: str = "") -> None:
        """Let both ends work until the condition holds."""
        ends = [self.link] if self.receiver is None else [self.link, self.receiver]
        turn(condition, *ends, seconds=seconds, what=what)

    def run_for(self, seconds: float, each: Callable[[], None] = lambda: None, each_s: float = 0.2) -> None:
        """Let both ends work for a time; call `each` at a beat, as a commit would."""
        end_s = beat_s = time.monotonic()
        end_s += seconds
        while time.monotonic() < end_s:
            each()
            beat_s += each_s
            until_s = min(beat_s, end_s)
            self.turn(lambda until_s=until_s: time.monotonic() >= until_s)  # type: ignore[misc]

    def is_settled(self) -> bool:
        """Return whether the consumer has acknowledged all that both logs hold."""
        return all(log.cursor("mqtt") == log.next_seq() - 1 for log in (self.bench.records, self.bench.events))

    def settle(self, seconds: float = 30.0) -> None:
        self.turn(self.is_settled, seconds, "everything acknowledged")

    def stored(self, name: str = "site.db") -> Stored:
        """Return what the database holds of the records."""
        return Stored(self.folder / name, self.bench.records.stream)

    def close(self) -> None:
        self.link.close()
        self.stop_receiving()


class Stored:
    """The seqs in a consumer's database, and its holes."""

    def __init__(self, path: Path, stream: str) -> None:
        with closing(sqlite3.connect(path)) as db:
            self.seqs = [
                row[0] for row in db.execute("SELECT seq FROM records WHERE stream = ? ORDER BY seq", (stream,))
            ]
            self.holes = list(
                db.execute("SELECT first, last, why FROM gaps WHERE stream = ? ORDER BY first", (stream,))
            )

    def is_everything(self, last: int, first: int = 1) -> bool:
        """Return whether first..last are there, each once, and nothing else."""
        return self.seqs == list(range(first, last + 1))


@contextmanager
def rig(folder: Path, *lines: str, persistent: bool = False, **settings: Any) -> Iterator[Rig]:
    """Run broker, line, link and logs for the time of a block."""
    with ExitStack() as stack:
        running = stack.enter_context(broker(folder, *lines, persistent=persistent))
        line = stack.enter_context(forwarder(running.port))
        made = Rig(folder, running, line, **settings)
        stack.callback(made.close)
        yield made


class Command:
    """`vigie …` in a process of its own; ended at the latest when its block ends."""

    def __init__(self, folder: Path, name: str, *words: str, **environment: str) -> None:
        self.folder = folder
        self.name = name
        self._words = words
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Command:
        with self.path.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edge.cli.main", *self._words],
                stdout=output, stderr=output, cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **self._environment},
            )  # fmt: skip
        return self

    @property
    def path(self) -> Path:
        """The file that holds all it printed."""
        return self.folder / f"{self.name}.out"

    @property
    def pid(self) -> int:
        """The number of its process; 0 before it was started."""
        return 0 if self._process is None else self._process.pid

    def output(self) -> str:
        return self.path.read_text(errors="replace") if self.path.exists() else ""

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """As a power cut for the process: no handler runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)

    def end(self, how: int = signal.SIGINT, seconds: float = 10.0) -> int:
        """Ask it to end and return its exit code; fails when it doesn't in time."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"{self.name} did not end within {seconds} s:\n{self.output()[-2000:]}")


@contextmanager
def command(folder: Path, name: str, *words: str, **environment: str) -> Iterator[Command]:
    """Run `vigie …` for the time of a block."""
    running = Command(folder, name, *words, **environment).start()
    try:
        yield running
    finally:
        running.kill()


def receive_command(folder: Path, port: int, name: str = "site.db", *more: str) -> Command:
    """Return `vigie receive` for a broker on this machine, not started yet."""
    return Command(folder, f"receive-{name}", "receive", "--broker", f"127.0.0.1:{port}", "--db", name, *more)


def json_lines(text: str) -> list[dict[str, Any]]:
    """Return the objects of lines of JSON, ignoring what is none."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
