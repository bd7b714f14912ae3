"""How fast a backlog drains: log on a disk -> link -> Mosquitto -> `vigie receive` -> SQLite -> ack -> cursor.

500,000 records of 1 s, as after 42 minutes without a line at 200 readings/s. The consumer is the shipped command in a
process of its own. Wall-clock readings/s, and the link's CPU a record with reading the log in it.
"""

from __future__ import annotations

import random
import select
import signal
import statistics
import time
from pathlib import Path

import pytest

from edge.core.batch_points import SiteFacts
from edge.core.clock import ClockEntry, Dating
from edge.core.types import PointSpec, Record, RecordBatch
from edge.links.mqtt import MqttLink
from edge.links.paho_connection import PahoConnection, target
from edge.links.retained import Feed
from edge.settings.model import MqttLink as MqttSettings
from edge.store.fs import RealFs
from edge.store.log import Log
from tests.fault.harness import receive_command
from tests.mqtt_broker import broker
from tests.support import ManualClock, eventually

READINGS = 500_000
POINTS = 200


def points() -> list[PointSpec]:
    """60 temperatures, 70 powers, 40 counters, 10 humidities, 20 states, with names of 8 characters."""
    kinds = [("temp", "gauge", "Cel")] * 60 + [("powr", "gauge", "W")] * 70 + [("indx", "counter", "Wh")] * 40
    kinds += [("humi", "gauge", "%RH")] * 10 + [("door", "state", "")] * 20
    return [PointSpec(f"{stem}.{i:03}", kind, unit, record_ms=1000) for i, (stem, kind, unit) in enumerate(kinds)]  # type: ignore[arg-type]


def second(specs: list[PointSpec], s: int, dice: random.Random) -> list[Record]:
    """One reading of each point, as slow and as noisy as such points are."""
    made = []
    for i, spec in enumerate(specs):
        value: float
        increment = None
        if spec.unit == "Cel":
            value = 20 + (s // 30 + i) % 64 / 16
        elif spec.unit == "W":
            value = 1000 + i + dice.randrange(50)
        elif spec.kind == "counter":
            value, increment = 100_000 + 37 * i + s // 4, float(s % 4 == 0)
        elif spec.kind == "state":
            value = s // 120 % 2
        else:
            value = 45 + (s // 60 + i) % 20 / 10
        made.append(Record(spec.id, 1000 * s, 1000, value, increment=increment))
    return made


def drain(folder: Path, encoding: str, *lines: str) -> tuple[float, float, float]:
    """Return readings/s, link CPU µs a record, and bytes sent a record."""
    folder.mkdir()
    specs, dice, clock, dating = points(), random.Random(1), ManualClock(), Dating()
    dating.add(ClockEntry(1, 0, clock.utc_offset_ms, "ntp"))
    records = Log(RealFs(folder), "records", "records", 2**27, consumers=("mqtt",))
    events = Log(RealFs(folder), "events", "events", 2**23, consumers=("mqtt",))
    for s in range(0, READINGS // POINTS, 10):
        records.append(RecordBatch(1, [record for t in range(s, s + 10) for record in second(specs, t, dice)]))
    with broker(folder, *lines) as running:
        consumer = receive_command(folder, running.port).start()
        try:
            eventually((folder / "site.db").exists, 10)
            eventually(lambda: "SUBSCRIBE" in running.log(), 10)
            settings = MqttSettings(host="127.0.0.1", port=running.port, encoding=encoding)  # type: ignore[arg-type]
            connection = PahoConnection(target(settings, "b0042"))
            feed = Feed(
                box="b0042", site=SiteFacts("bench"), records=records, events=events, dating=dating, clock=clock,
                post=lambda _: None, points=lambda: specs,
            )  # fmt: skip
            link = MqttLink(settings, connection, feed, random.Random(1))
            while link.status()["state"] != "up":
                link.step(time.monotonic())
            began_s, began_ns = time.monotonic(), time.process_time_ns()
            while records.cursor("mqtt") < READINGS:
                due_s = link.step(time.monotonic())
                select.select(link.filenos(), [], [], max(0.0, min(due_s - time.monotonic(), 1.0)))
            took_s, cpu_ns = time.monotonic() - began_s, time.process_time_ns() - began_ns
            sent = connection.traffic()[0]
            link.close()
        finally:
            consumer.end(signal.SIGINT)
    records.close()
    events.close()
    return READINGS / took_s, cpu_ns / 1000 / READINGS, sent / READINGS


@pytest.mark.bench
@pytest.mark.parametrize(
    ("name", "encoding", "lines"),
    [
        ("stock Mosquitto", "json", ()),
        ("TCP_NODELAY on all sides", "json", ("set_tcp_nodelay true",)),
        ("TCP_NODELAY, json+zlib", "json+zlib", ("set_tcp_nodelay true",)),
    ],
)
def test_drain(tmp_path: Path, name: str, encoding: str, lines: tuple[str, ...]) -> None:
    runs = [drain(tmp_path / f"run{i}", encoding, *lines) for i in range(3)]
    rate, cpu_us, size = (statistics.median(run[i] for run in runs) for i in range(3))
    print(f"\ndrain, {name}: {rate:,.0f} readings/s, link {cpu_us:.2f} us CPU a record, {size:.1f} B sent a record")
