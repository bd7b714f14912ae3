"""The real box in its own process against a real broker and `vigie receive`: what its logs hold is what is stored.

Line cut or silent, station killed without warning, broker wiped, consumer away: at the end the consumer's database and
the logs on the card are compared entry by entry.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from edge.core.types import Event, Record
from edge.store.fs import RealFs
from edge.store.log import Log
from tests.fault.harness import Command, receive_command
from tests.mqtt_broker import Broker, Forwarder, broker, forwarder
from tests.support import ROOT, eventually

LINK = """
[link.mqtt]
host = "127.0.0.1"
port = {port}
keepalive_s = {keepalive_s}
encoding = "{encoding}"
"""


def as_fine_as_read(site: str) -> str:
    """Return the site with a record for each reading: many records in few seconds."""
    blocks = site.split("[[point]]")
    for i, block in enumerate(blocks):
        period = re.search(r"period_s = ([\d.]+)", block)
        blocks[i] = re.sub(r"record_s = [\d.]+", f"record_s = {period[1] if period else 1}", block)
    return "[[point]]".join(blocks)


class Site:
    """A box, its line, a broker, a consumer: each in its own process."""

    def __init__(self, folder: Path, stack: ExitStack, encoding: str = "json", keepalive_s: int = 5) -> None:
        self.folder = folder
        self.broker: Broker = stack.enter_context(broker(folder, persistent=True))
        self.line: Forwarder = stack.enter_context(forwarder(self.broker.port))
        config = folder / "site.toml"
        demo = (ROOT / "config" / "sites" / "demo.toml").read_text(encoding="utf-8").split("\n[link.", 1)[0]
        link = LINK.format(port=self.line.port, encoding=encoding, keepalive_s=keepalive_s)
        config.write_text(as_fine_as_read(demo) + link, encoding="utf-8")
        self.state = folder / "state"
        self.state.mkdir()
        words = (
            "run",
            "--demo",
            "--config",
            str(config),
            "--state",
            str(self.state),
            "--socket",
            str(folder / "api.sock"),
        )
        self.station = Command(folder, "station", *words)
        self.consumer = receive_command(folder, self.broker.port)
        stack.callback(self.station.kill)
        stack.callback(self.consumer.kill)

    def stored(self) -> int:
        """Return how many records the consumer has."""
        path = self.folder / "site.db"
        if not path.exists():
            return 0
        with closing(sqlite3.connect(path)) as db:
            try:
                return int(db.execute("SELECT count(*) FROM record").fetchone()[0])
            except sqlite3.OperationalError:
                return 0  # not made yet

    def wait_for(self, more: int, seconds: float) -> None:
        """Wait until so many more records are stored."""
        goal = self.stored() + more
        eventually(lambda: self.stored() >= goal or not self.station.is_running(), seconds, f"{more} more records")
        assert self.station.is_running(), self.station.output()[-2000:]

    def run_for(self, seconds: float) -> None:
        """Let everything run by itself."""
        threading.Event().wait(seconds)

    def compare(self, seconds: float = 60.0) -> tuple[int, int]:
        """End the box and wait until all that its logs hold is stored; return how many records and events that were."""
        # its last word goes out with the last commit: started once more it sends what is left
        assert self.station.end() == 0, self.station.output()[-2000:]
        written = {kind: entries(self.state, kind) for kind in ("records", "events")}
        self.station.start()
        last = max(written["records"][1])
        eventually(lambda: self.settled(written["records"][0]) >= last, seconds, "all records stored")
        events_last = max(written["events"][1])
        eventually(lambda: self.settled(written["events"][0]) >= events_last, seconds, "all events stored")
        self.station.kill()
        assert self.consumer.end() == 0
        with closing(sqlite3.connect(self.folder / "site.db")) as db:
            assert db.execute("SELECT count(*) FROM gaps").fetchone() == (0,)
            for table, kind in (("record", "records"), ("event", "events")):
                stream, rows = written[kind]
                query = (
                    f"SELECT x.seq, {'p.point' if kind == 'records' else 'x.kind'} FROM {table} x"  # noqa: S608
                    f" JOIN stream s ON s.id = x.stream {'JOIN point p ON p.id = x.point' if kind == 'records' else ''}"
                    " WHERE s.stream = ? AND x.seq <= ?"
                )
                assert dict(db.execute(query, (stream, max(rows)))) == rows
        return len(written["records"][1]), len(written["events"][1])

    def settled(self, stream: str) -> int:
        """Return up to which number the consumer has everything."""
        with closing(sqlite3.connect(self.folder / "site.db")) as db:
            row = db.execute(
                "SELECT h.last FROM held h JOIN stream s ON s.id = h.stream WHERE s.stream = ? AND h.first = 1",
                (stream,),
            ).fetchone()
        return int(row[0]) if row else 0


def entries(state: Path, kind: str) -> tuple[str, dict[int, str]]:
    """Return a log's stream, and seq -> point or kind of all it holds."""
    log: Log[Record] | Log[Event]
    if kind == "records":
        log = Log(RealFs(state), "records", "records", 2**26)
    else:
        log = Log(RealFs(state), "events", "events", 2**24)
    found: dict[int, str] = {}
    seq = log.first_seq()
    while seq < log.next_seq():
        chunk = log.read(seq, 1000)
        assert chunk.gap is None, chunk.gap
        for entry in chunk.entries:
            found[seq] = entry.kind if isinstance(entry, Event) else entry.point
            seq += 1
    stream = log.stream
    log.close()
    return stream, found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        made = Site(tmp_path, stack)
        made.consumer.start()
        made.station.start()
        made.wait_for(1, 30)
        yield made


@pytest.mark.slow(reason="processes that start, are killed and start again take their seconds")
def test_line_refused_station_killed_line_silent_broker_wiped_consumer_away(site: Site) -> None:
    site.line.down()
    site.run_for(1.5)
    site.station.kill()
    site.station.start()
    site.run_for(2)
    site.line.up()
    site.wait_for(1, 30)
    site.line.hole()
    site.run_for(3)
    site.line.up()
    site.broker.wipe()
    site.broker.start()
    site.wait_for(1, 60)
    assert site.consumer.end() == 0
    site.run_for(2)
    site.consumer.start()
    site.wait_for(1, 40)
    records, events = site.compare()
    assert records > 100
    assert events >= 2


def full(name: str) -> pytest.MarkDecorator:
    return pytest.mark.campaign(reason=f"at full length: {name}")


@full("refused 120 s, killed in the middle")
def test_refused_for_120_s_with_a_kill_in_the_middle(site: Site) -> None:
    site.run_for(10)
    site.line.down()
    site.run_for(60)
    site.station.kill()
    site.run_for(2)
    site.station.start()
    site.run_for(58)
    site.line.up()
    site.wait_for(2000, 120)
    site.compare()


@full("silent 100 s")
def test_silent_for_100_s(site: Site) -> None:
    site.run_for(10)
    site.line.hole()
    site.run_for(100)
    site.line.up()
    site.wait_for(1000, 120)
    site.compare()


@full("consumer away 60 s")
def test_consumer_away_for_60_s_then_with_an_empty_database(site: Site) -> None:
    site.run_for(10)
    site.consumer.end()
    site.run_for(60)
    site.consumer.start()
    site.wait_for(500, 60)
    site.consumer.end()
    for path in site.folder.glob("site.db*"):
        path.unlink()
    site.consumer.start()
    site.wait_for(1000, 60)
    site.compare()


@full("broker wiped each 10 s for a minute")
def test_a_broker_that_is_wiped_again_and_again(site: Site) -> None:
    for _ in range(6):
        site.run_for(10)
        site.broker.wipe()
        site.broker.start()
    site.wait_for(100, 60)
    site.compare()


@full("zipped, killed five times")
def test_zipped_and_killed_five_times(tmp_path: Path) -> None:
    with ExitStack() as stack:
        site = Site(tmp_path, stack, encoding="json+zlib", keepalive_s=30)
        site.consumer.start()
        for _ in range(5):
            site.station.start()
            site.run_for(8)
            site.station.kill()
        site.station.start()
        site.wait_for(50, 60)
        site.compare()


@pytest.mark.slow(reason="two processes start and one is looked at while it runs")
def test_json_lines_of_receive_name_each_entry_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        site = Site(tmp_path, stack)
        site.consumer = receive_command(tmp_path, site.broker.port, "site.db", "--json")
        stack.callback(site.consumer.kill)
        site.consumer.start()
        site.station.start()
        site.wait_for(30, 30)
        assert site.station.end() == 0
        assert site.consumer.end() == 0
        rows = [json.loads(line) for line in site.consumer.output().splitlines() if line.startswith("{")]
        names = [(row["stream"], row["seq"]) for row in rows]
        assert len(names) == len(set(names))
        assert {"start", "alarm_begin", "clock"} & {row.get("k") for row in rows}
        assert all(row["quality"] in {"good", "uncertain", "bad"} for row in rows if "k" not in row)
