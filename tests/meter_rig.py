"""A small site with a pulse meter and a door in the hands of the test, and what its state folder holds afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.core.types import Event, Record
from edge.runtime.box import Box
from edge.store.fs import Fs
from edge.store.log import Log
from hal.fake.gpio import FakeGpio
from tests.box_rig import Bench, box_here, point, write_site
from tests.support import eventually

WATER, DOOR = 17, 7
LITRE_M3 = 0.001


class Meter:
    """A water meter of 1 l a pulse, and a door that is an alarm when it opens."""

    def __init__(self, folder: Path, *, weight: float = LITRE_M3, name: str = "site.toml", **tables: Any) -> None:
        self.board = FakeGpio()
        self.config = write_site(
            folder,
            name,
            **{
                "bus": {"gpio": {"kind": "gpio"}},
                "point": [
                    point("water", "gpio", "pulse", pin=WATER, weight=weight, weight_unit="m3", debounce_ms=0),
                    point("door", "gpio", "contact", pin=DOOR, period_s=0.2, record_s=0.2, words=["closed", "open"]),
                ],
                "limit": [{"id": "door.open", "point": "door", "kind": "equal", "value": "closed"}],
                **tables,
            },
        )

    @contextmanager
    def box(self, state: Path, **options: Any) -> Iterator[Box]:
        with box_here(self.config, state, hardware=lambda _: Bench(gpio=self.board.factory), **options) as box:
            eventually(lambda: box.station.engine.points["water"].value is not None, 10, "the meter is read")
            yield box

    def pulses(self, count: int) -> None:
        """Give so many pulses, one a millisecond, the last one now."""
        begin_ns = time.monotonic_ns() - count * 1_000_000
        for number in range(count):
            self.board.contact(WATER, begin_ns + number * 1_000_000, closed=True)
            self.board.contact(WATER, begin_ns + number * 1_000_000 + 500_000, closed=False)

    def count(self, box: Box, pulses: int) -> float:
        """Give pulses and return the index once they are counted and durable."""
        before = index(box)
        self.pulses(pulses)
        wanted = round(before + pulses * LITRE_M3, 9)
        eventually(lambda: index(box) == wanted, 10, f"the index is {wanted}")
        eventually(lambda: durable_index(box.records) == wanted, 10, "it is durable")
        return wanted


def index(box: Box) -> float:
    return float(box.station.engine.points["water"].register.index)  # type: ignore[attr-defined]


def durable_index(records: Log[Record]) -> float:
    register = records.registers.get("counter/water", {"base": 0, "count": 0, "scale": 0})
    return float(round(register["base"] + register["count"] * register["scale"], 9))


def events_of(fs: Fs) -> list[Event]:
    """Return all events that a state folder holds, while no box runs on it."""
    log: Log[Event] = Log(fs, "events", "events", capacity_bytes=16 << 20, consumers=["mqtt"])
    try:
        found: list[Event] = []
        while log.first_seq() + len(found) < log.next_seq():
            found += log.read(log.first_seq() + len(found), 1000).entries
        return found
    finally:
        log.close()


def records_of(fs: Fs, name: str) -> list[Record]:
    """Return all records of a point that a state folder holds, while no box runs on it."""
    log: Log[Record] = Log(fs, "records", "records", capacity_bytes=8 << 20, consumers=["mqtt"])
    try:
        found: list[Record] = []
        while log.first_seq() + len(found) < log.next_seq():
            found += log.read(log.first_seq() + len(found), 1000).entries
        return [record for record in found if record.point == name]
    finally:
        log.close()
