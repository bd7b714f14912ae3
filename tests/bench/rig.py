"""A station in a process of its own, before a real Mosquitto, a counting line and our own acknowledging consumer.

The processes run from compiled bytecode, as an installed box does: `PYTHONDONTWRITEBYTECODE` is taken away and the
cache lies in the bench's folder, so that neither the first start nor a read-only checkout changes a figure.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.mqtt_broker import Broker, Forwarder
from tests.support import ROOT, eventually
from tests.thirdparty import installed

DRIVERS: Final = Path(__file__).resolve().parent / "vigie-bench-driver"
UNIT: Final = ROOT / "image" / "vigie.service"
END_WITHIN_S: Final = 10.0


def unit_environment() -> dict[str, str]:
    """Return what the systemd unit sets, so that the figures are those of an installed box."""
    lines = [line for line in UNIT.read_text("utf-8").splitlines() if line.startswith("Environment=")]
    return dict(pair.split("=", 1) for line in lines for pair in line.removeprefix("Environment=").split())


class Station:
    """One `vigie run`."""

    def __init__(self, words: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self.folder = folder
        self.first_reading = folder / "first-reading"
        self._log = folder / "station.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge.cli.main", "run", *words], cwd=ROOT,
                env={**environment, "BENCH_FIRST_READING": str(self.first_reading)},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self.process.pid

    def log(self) -> str:
        """Return what it logged."""
        return self._log.read_text("utf-8", "replace")

    def stop(self) -> dict[str, Any]:
        """End it and return its own last figures."""
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=END_WITHIN_S)
        last = output.decode().strip().rpartition("\n")[2]
        if not last.startswith("{"):
            raise RuntimeError(f"the station ended without figures:\n{self.log()}")
        figures: dict[str, Any] = msgspec.json.decode(last)
        return figures


class Rig:
    """Broker, line and consumer; stations are started before them one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "consumer.db"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            **unit_environment(),
            "PYTHONPYCACHEPREFIX": str(folder / "pycache"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(installed(folder, DRIVERS))]),
        }
        self.broker = Broker(folder / "broker").start()
        self.line = Forwarder(self.broker.port)
        with (folder / "consumer.log").open("wb") as log:
            self.consumer = subprocess.Popen(
                [sys.executable, "-m", "edge.cli.main", "receive",
                 "--broker", f"127.0.0.1:{self.broker.port}", "--db", str(self.database)],
                cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def run(self, name: str, *words: str) -> Station:
        """Start a station with a folder of its own; `words` follow `vigie run`."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        places = ["--state", str(folder / "state"), "--socket", str(folder / "api.sock")]
        return Station([*words, *places], self.environment, folder)

    def warm(self, *words: str) -> None:
        """Run a station for two seconds, so that every module it needs is compiled: that would count as its memory."""
        station = self.run("warm", *words, "--for", "2")
        station.process.communicate(timeout=60)

    def stored(self, box: str) -> int:
        """Return how many records of a box the consumer has; 0 while it has made no database yet."""
        return self._count("box = ?", box)

    def good(self, box: str) -> int:
        """Return how many of them are good."""
        return self._count("box = ? AND quality = 'good'", box)

    def _count(self, condition: str, box: str) -> int:
        if not self.database.exists():
            return 0
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            try:
                found = database.execute(f"SELECT count(*) FROM records WHERE {condition}", (box,))  # noqa: S608 - ours
                return int(found.fetchone()[0])
            except sqlite3.OperationalError:  # between making the file and making its tables
                return 0

    def close(self) -> None:
        """End everything that was started here, by its own id."""
        self.consumer.terminate()
        self.consumer.wait(END_WITHIN_S)
        self.line.close()
        self.broker.stop()


@contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """Run broker, line and consumer for the time of a block."""
    made = Rig(folder)
    try:
        yield made
    finally:
        made.close()


def wait_until(monotonic_s: float) -> None:
    """Return at this instant of the monotonic clock."""
    while (left_s := monotonic_s - time.monotonic()) > 0:
        time.sleep(left_s)


def first_reading_cpu_s(station: Station) -> float:
    """Return the CPU seconds that the station had spent when it took its first reading."""
    eventually(lambda: station.first_reading.exists() and station.first_reading.stat().st_size, 30, station.log())
    return float(station.first_reading.read_text("ascii"))
