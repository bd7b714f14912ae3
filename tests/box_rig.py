"""A whole box for the acceptance tests: its settings file, its process, and what its consumer has in the database."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import tomlkit

from edge.cli.client import Client, NotRunningError
from edge.core.types import NEVER
from edge.runtime.box import Box
from edge.settings.load import load
from edge.settings.model_sms import SmsLink
from sms.memory_mailbox import MemoryMailbox
from tests.fault.harness import Command, receive_command
from tests.mqtt_broker import Broker, broker
from tests.support import eventually

BOX = "b0042"
DATABASE = "site.db"


def write_site(folder: Path, name: str = "site.toml", **tables: Any) -> Path:
    """Write a settings file: box, site and link are given unless `tables` holds them; return its path."""
    document = {
        "site": {"name": "Gymnase Sud", "tz": "Europe/Paris"},
        **tables,
        "box": {"id": BOX, "commit_s": 1, "buffer_mb": 8, "trust_clock": True, **tables.get("box", {})},
    }
    path = folder / name
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    return path


def point(name: str, bus: str, driver: str, **options: Any) -> dict[str, Any]:
    """Return a point that is read each second and whose every reading is a record."""
    return {"id": name, "bus": bus, "driver": driver, "period_s": 1, "record_s": 1, **options}


class Row:
    """A record as the consumer holds it."""

    __slots__ = ("dt_ms", "point", "quality", "seq", "t_ms", "unit", "value", "why")

    def __init__(self, *columns: Any) -> None:
        self.point, self.seq, self.t_ms, self.dt_ms, self.value, self.unit, self.quality, self.why = columns

    def __repr__(self) -> str:
        return f"{self.point}#{self.seq} {self.t_ms}+{self.dt_ms} {self.value} {self.unit} {self.quality} {self.why}"


class Stored:
    """What a consumer's database holds, read anew at each question."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _ask(self, query: str, *values: Any) -> list[Any]:
        if not self.path.exists():
            return []
        try:
            with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as db:
                return db.execute(query, values).fetchall()
        except sqlite3.OperationalError as exc:
            if "no such table" in str(exc):  # they are being made
                return []
            raise

    def records(self, name: str = "%") -> list[Row]:
        """Return the records of a point in the order of their seq, with those of every start."""
        query = "SELECT point, seq, t_ms, CAST(round(dt_s * 1000) AS INTEGER), value, unit, quality, why FROM records"
        return [Row(*columns) for columns in self._ask(f"{query} WHERE point LIKE ? ORDER BY seq", name)]

    def by_point(self) -> dict[str, list[Row]]:
        """Return the records of each point in the order of their seq."""
        found: dict[str, list[Row]] = {}
        for row in self.records():
            found.setdefault(row.point, []).append(row)
        return found

    def count(self) -> int:
        """Return how many records there are."""
        rows = self._ask("SELECT count(*) FROM record")
        return int(rows[0][0]) if rows else 0

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the events of these kinds in order: kind, point, t_ms and what they say."""
        rows = self._ask("SELECT kind, point, t_ms, words FROM event ORDER BY stream, seq")
        return [
            {**json.loads(words), "event": kind, "point": name, "t_ms": t_ms}
            for kind, name, t_ms, words in rows
            if kind in kinds or not kinds
        ]

    def words(self) -> dict[str, list[str]]:
        """Return the declared words of each state."""
        return {name: json.loads(words) for name, words in self._ask("SELECT point, words FROM point") if words}

    def places(self) -> set[str]:
        """Return where the points are, as they were last told."""
        return {place for (place,) in self._ask("SELECT place FROM point") if place}

    def gaps(self) -> list[Any]:
        """Return the seqs that are declared lost."""
        return self._ask("SELECT log, first, last, why FROM gaps")

    def holes(self) -> list[Any]:
        """Return streams whose seqs do not run from 1 to their highest, each once."""
        query = "SELECT stream, count(*), min(seq), max(seq) FROM {} GROUP BY stream"
        rows = [row for table in ("record", "event") for row in self._ask(query.format(table))]
        return [row for row in rows if (row[1], row[2]) != (row[3], 1)]


def is_even(rows: list[Row], period_ms: int = 1000) -> bool:
    """Return whether the records follow each other without hole or overlap, each of its full length but the ends."""
    joined = all(one.t_ms + one.dt_ms == other.t_ms for one, other in pairwise(rows))
    return joined and all(row.dt_ms == period_ms for row in rows[1:-1])


class Figures:
    """The last line of a box: what it read, made and kept."""

    def __init__(self, output: str) -> None:
        lines = [line for line in output.splitlines() if line.startswith('{"readings"')]
        self.found: dict[str, Any] = json.loads(lines[-1]) if lines else {}

    def is_everything_acknowledged(self) -> bool:
        return bool(self.found) and self.found["waiting"] == 0 and self.found["records"] == self.found["next"] - 1


class Line:
    """A broker and the reference consumer, each a process, with the consumer's database."""

    def __init__(self, folder: Path, running: Broker) -> None:
        self.folder = folder
        self.broker = running
        self.stored = Stored(folder / DATABASE)

    @property
    def link(self) -> dict[str, Any]:
        """The table [link] of a box that sends here."""
        return {"mqtt": {"host": "127.0.0.1", "port": self.broker.port}}


@contextmanager
def line(folder: Path) -> Iterator[Line]:
    """Run broker and consumer for the time of a block."""
    with ExitStack() as stack:
        running = stack.enter_context(broker(folder, "set_tcp_nodelay true"))
        consumer = receive_command(folder, running.port, DATABASE).start()
        stack.callback(consumer.kill)
        yield Line(folder, running)


class Service(Command):
    """`vigie run` as a user starts it."""

    def __init__(self, folder: Path, *words: str, name: str = "run", **environment: str) -> None:
        self.socket = folder / f"{name}.sock"
        super().__init__(folder, name, "run", "--socket", str(self.socket), *words, **environment)

    def answers(self) -> bool:
        """Return whether the local API answers."""
        try:
            Client(self.socket).get("box")
        except (NotRunningError, OSError):
            return False
        return True

    def ready(self) -> Service:
        """Wait until it answers."""
        eventually(lambda: self.answers() or not self.is_running(), 15, "the box answers")
        assert self.is_running(), self.output()
        return self

    def finish(self, how: int = signal.SIGTERM) -> Figures:
        """End it, which must go cleanly; return its figures."""
        code = self.end(how, 4)
        output = self.output()
        assert code == 0, output
        assert "Traceback" not in output, output
        return Figures(output)


@contextmanager
def service(folder: Path, *words: str, name: str = "run", **environment: str) -> Iterator[Service]:
    """Run `vigie run` for the time of a block, once it answers."""
    made = Service(folder, *words, name=name, **environment)
    made.start()
    try:
        yield made.ready()
    finally:
        made.kill()


@contextmanager
def box_here(config: Path, state: Path, **options: Any) -> Iterator[Box]:
    """Run a box in this process, so that its simulated devices, its disk and its clock can be reached."""
    box = Box(load(config), state, config=config, **options)
    box.start()
    try:
        yield box
    finally:
        box.stop()


class Bench:
    """Simulated devices for a box: what hangs on each bus, by its name. Nothing moves them but the test."""

    name = "bench"

    def __init__(self, **handles: Any) -> None:
        self.handles = handles

    def step(self, now_s: float) -> float:
        return NEVER

    def open_mailbox(self, _sms: SmsLink) -> MemoryMailbox:
        return MemoryMailbox(time.time)

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        """End what hangs, as taking the box off its supply would."""
        for handle in self.handles.values():
            if hasattr(handle, "close"):
                handle.close()


SCRIPTED = '''
from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from hal.sample import Channel, Sample


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    script: str


class Scripted:
    """Does at each read what a file says: a number is the value, bug is a bug in the driver, hang never returns."""

    bus_kind = "own"
    Options = Options

    @staticmethod
    def device(options):
        return options.script

    @staticmethod
    def channel(options):
        return Channel("gauge", "Cel")

    def __init__(self, bus, points):
        self.points = points

    def open(self):
        pass

    def read(self, due, now_ns):
        script = Path(next(iter(self.points.values())).script).read_text()
        if script == "hang":
            threading.Event().wait()
        return [Sample(point, now_ns, float(script)) for point in due]

    def close(self):
        pass
'''


def scripted_driver(folder: Path) -> Path:
    """Install a package with the driver `scripted` below a folder; return what must be importable."""
    site = folder / "site"
    facts = site / "vigie_scripted-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "vigie_scripted.py").write_text(SCRIPTED, encoding="utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: vigie-scripted\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("[vigie.drivers]\nscripted = vigie_scripted:Scripted\n", encoding="utf-8")
    return site
