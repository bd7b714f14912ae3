"""`make run`: a broker, a simulated box, the reference consumer and the live table, each a process of its own.

Everything lies in one temporary folder and listens on loopback only. Without Mosquitto the box runs alone and says how
many records it keeps.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
import tomlkit

from edge.cli.client import Client, NotRunningError
from edge.cli.live_broker import END_WITHIN_S, READY_WITHIN_S, Broker, end, wait_for
from edge.cli.terminal import LiveTable, PlainReport
from edge.cli.words import Words
from edge.settings.faults import SettingsError
from edge.settings.load import load
from edge.settings.packaged import find
from edge.settings.report import language, report

DRAIN_WITHIN_S: Final = 10.0


class Demonstration:
    """The processes of `make run`."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "api.sock"
        self.database = folder / "site.db"
        self.devices = folder / "box" / "devices"
        self._config = args.config or find("sites", "demo.toml")
        self.say = Words(language(os.environ, self._config))
        program = shutil.which(args.mosquitto, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        self.broker = Broker(program, folder) if program else None
        self._station: subprocess.Popen[bytes] | None = None
        self._consumer: subprocess.Popen[bytes] | None = None
        self._unplugged: Path | None = None
        self.figures: dict[str, Any] = {}

    def start(self) -> None:
        """Start broker, consumer and box, and wait until the box answers."""
        site = self._site_file()
        if self.broker is not None:
            self.broker.start()
            self._consumer = self._vigie(
                "receive", "--broker", f"127.0.0.1:{self.broker.port}", "--db", str(self.database)
            )
        self._station = self._vigie(
            "run", "--demo", "--config", str(site), "--state", str(self.folder / "box"), "--socket", str(self.socket)
        )
        wait_for(self._answers, READY_WITHIN_S, "the box")

    def _site_file(self) -> Path:
        """Write the site's settings with our broker's port, or with no link when there is no broker."""
        document = tomlkit.parse(self._config.read_text(encoding="utf-8-sig"))
        box: Any = document["box"]
        box["trust_clock"] = True
        links: Any = document.setdefault("link", tomlkit.table())
        links.pop("mqtt", None)
        if self.broker is not None:
            links["mqtt"] = {"host": "127.0.0.1", "port": self.broker.port}
        site = self.folder / "site.toml"
        site.write_text(tomlkit.dumps(document), encoding="utf-8")
        return site

    def _vigie(self, *words: str) -> subprocess.Popen[bytes]:
        """Start one of our own commands, its own session: Ctrl-C reaches only us, and we end the others in order."""
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "edge.cli.main", *words],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if words[0] == "run" else log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _answers(self) -> bool:
        if self._station is not None and self._station.poll() is not None:
            raise RuntimeError(f"the box ended at once:\n{self.log('run')}")
        try:
            Client(self.socket).get("box")
        except (NotRunningError, OSError):
            return False
        return True

    def log(self, name: str) -> str:
        """Return the end of one process's log."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-3000:]

    # -- what the keys do

    def cut_link(self) -> str:
        """Stop the broker, or start it again."""
        return self.say(f"demo.{self.broker.toggle() if self.broker is not None else 'no_broker'}")

    def unplug_probe(self) -> str:
        """Take a 1-Wire probe away, or put it back."""
        if self._unplugged is not None:
            away, self._unplugged = self._unplugged, None
            away.rename(self._probe_folder() / away.name.removeprefix("."))
            return self.say("demo.plugged")
        probes = sorted(path for path in self._probe_folder().iterdir() if not path.name.startswith("."))
        if not probes:
            return self.say("demo.no_probe")
        self._unplugged = probes[-1].rename(probes[-1].with_name(f".{probes[-1].name}"))
        return self.say("demo.unplugged", probe=probes[-1].name)

    def _probe_folder(self) -> Path:
        return next((path for path in sorted(self.devices.iterdir()) if path.is_dir()), self.devices)

    # -- the end

    def stop(self) -> None:
        """End the box, let the consumer store what is on its way, end the rest."""
        station, self._station = self._station, None
        if station is not None:
            station.send_signal(signal.SIGTERM)
            try:
                output, _ = station.communicate(timeout=END_WITHIN_S)
            except subprocess.TimeoutExpired:
                station.kill()
                output, _ = station.communicate()
            last = output.decode().strip().rpartition("\n")[2]
            self.figures = msgspec.json.decode(last) if last.startswith("{") else {}
        if self.broker is not None and not self.broker.is_down:
            self._await_stored()
        end(self._consumer)
        if self.broker is not None:
            self.broker.stop()

    def _await_stored(self) -> None:
        """Wait for the last batch to be stored: the box has said its last word, the consumer may still write."""
        end_s = time.monotonic() + DRAIN_WITHIN_S
        while self.stored() < self.figures.get("records", 0) and time.monotonic() < end_s:
            time.sleep(0.05)

    def stored(self) -> int:
        """Return how many records the consumer's database holds."""
        try:
            with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
                return int(database.execute("SELECT count(*) FROM records").fetchone()[0])
        except sqlite3.Error:
            return 0

    def verdict(self) -> tuple[str, int]:
        """Return the last line and the exit code: 0 only when read, stored and acknowledged agree."""
        read = self.figures.get("records", 0)
        if self.broker is None:
            alone = self.say("demo.verdict_alone", kept=self.figures.get("kept", 0))
            return alone, 0 if self.figures.get("kept") else 1
        stored, acknowledged = self.stored(), self.figures.get("acknowledged", {}).get("mqtt", 0)
        kept = self.figures.get("next", 1) - 1 - max(stored, acknowledged)  # while the link was cut
        still = {"kept": kept} if kept else {}
        line = self.say(
            "demo.verdict", read=read, stored=stored, acknowledged=acknowledged, lost=read - stored - kept, **still
        )
        return line, 0 if read and read == stored == acknowledged else 1


def run(args: argparse.Namespace) -> int:
    """Run the demonstration; return 0 only when everything read was stored and acknowledged, 2 for faulty settings."""
    if args.config is not None:
        try:
            load(args.config)
        except SettingsError as exc:
            sys.stderr.write(f"{report(str(args.config), exc.faults, language(os.environ, args.config))}\n")
            return 2
    for number in (signal.SIGTERM, signal.SIGHUP):  # the window was closed
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="vigie-demo-") as folder:
        demonstration = Demonstration(args, Path(folder))
        if demonstration.broker is None:
            sys.stderr.write(f"{demonstration.say('demo.no_mosquitto')}\n")
        try:
            demonstration.start()
            _show(args, demonstration)
        except KeyboardInterrupt:
            pass
        except (RuntimeError, OSError) as exc:
            sys.stderr.write(f"vigie: {exc}\n{demonstration.log('run')}")
            return 1
        finally:
            for number in (
                signal.SIGINT,
                signal.SIGTERM,
                signal.SIGHUP,
            ):  # a second one would leave what is not ended yet
                signal.signal(number, signal.SIG_IGN)
            demonstration.stop()
        line, code = demonstration.verdict()
    sys.stdout.write(f"{line}\n")
    return code


def _show(args: argparse.Namespace, demonstration: Demonstration) -> None:
    """Show the table on a terminal, lines elsewhere, until the person or the time ends it."""
    client = Client(demonstration.socket)
    until_s = time.monotonic() + args.seconds if args.seconds else float("inf")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        PlainReport(client, sys.stdout).loop(until_s)
        return
    actions = {
        "c": (demonstration.say("demo.cut"), demonstration.cut_link),
        "p": (demonstration.say("demo.unplug"), demonstration.unplug_probe),
    }
    LiveTable(client, actions).loop(until_s)
