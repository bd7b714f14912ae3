"""A building of 200 points for virtual time, the account of what it made, and the real consumer's database."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import Any

import msgspec

from edge.core.batch_forms import Ack, Topics, box_and_leaf
from edge.core.batch_parse import parse_records
from edge.core.ports import Reader
from edge.core.types import NEVER, Record
from edge.links.connection import Message
from edge.settings.load import load
from edge.settings.model import Settings
from edge.sim.loop import VirtualClock
from edge.sim.upstream import Outage, SimUpstream
from edge.upstream.ledger import Ledger

INPUTS = 184  # sixteen on each of twelve I2C buses
METERS = 16


def big_site(folder: Path, *, buffer_mb: int) -> Settings:
    """Return the settings of a site with 200 points and a record of each a minute."""
    text = [
        f'[box]\nid = "big"\ntrust_clock = true\nbuffer_mb = {buffer_mb}\n',
        '[site]\nname = "Big"\ntz = "Europe/Paris"\n',
        '[link.mqtt]\nhost = "127.0.0.1"\n',
        '[bus.gpio]\nkind = "gpio"\n',
        *(f'[bus.i2c{bus}]\nkind = "i2c"\nnumber = {bus}\n' for bus in range(-(-INPUTS // 16))),
    ]
    for number in range(INPUTS):
        bus, chip, input_ = number // 16, number % 16 // 4, number % 4
        wired = f'driver = "ads1115"\naddress = {0x48 + chip}\ninput = "AIN{input_}"\nunit = "V"\nscale = 1'
        text.append(_point(f"u.{number:03}", f"i2c{bus}", wired))
    for number in range(METERS):
        wired = f'driver = "pulse"\npin = {4 + number}\nweight = 0.001\nweight_unit = "m3"'
        text.append(_point(f"m.{number:03}", "gpio", wired))
    path = folder / "big.toml"
    path.write_text("\n".join(text), encoding="utf-8")
    return load(path)


def _point(name: str, bus: str, wired: str) -> str:
    return f'[[point]]\nid = "{name}"\nbus = "{bus}"\n{wired}\nperiod_s = 30\nrecord_s = 60\n'


class Account:
    """A worker that reads a log each virtual hour, before it can be overwritten, and notes each record by its seq."""

    name = "account"

    def __init__(self, reader: Reader[Record]) -> None:
        self._reader = reader
        self._next = 1
        self._numbers: dict[str, int] = {}
        self.points = array("H")
        self.starts_ms = array("q")
        self.values = array("d")

    @property
    def names(self) -> list[str]:
        """The points, by their number."""
        return list(self._numbers)

    def step(self, now_s: float) -> float:
        """Note what came."""
        while self._next < self._reader.next_seq():
            chunk = self._reader.read(self._next, 1000)
            assert chunk.gap is None, "the account must read each record while it is there"
            for record in chunk.entries:
                self.points.append(self._numbers.setdefault(record.point, len(self._numbers)))
                self.starts_ms.append(record.start_ms)
                self.values.append(float("nan") if record.value is None else float(record.value))
            self._next += len(chunk.entries)
        return now_s + 3600.0

    def filenos(self) -> list[int]:
        """It waits for nothing."""
        return []

    def close(self) -> None:
        """Note the last ones."""
        self.step(NEVER)


class LedgerUpstream(SimUpstream):
    """The simulated broker with the database of `vigie receive` behind it: acknowledged is what that has committed."""

    def __init__(self, clock: VirtualClock, outages: list[Outage], ledger: Ledger) -> None:
        super().__init__(clock, outages)
        self.ledger = ledger

    def take(self, topic: str, payload: bytes, content_type: str) -> Message | None:
        place = box_and_leaf(topic)
        if place is None or place[1] != "up/m":
            return super().take(topic, payload, content_type)
        box, batch = place[0], parse_records(payload, content_type)
        super().take(topic, payload, content_type)
        with self.ledger:
            self.ledger.records(box, batch, self._clock.utc_ms())
        ack = Ack(batch.stream, self.ledger.settled(box, batch.stream))
        return Message(Topics(box).ack, msgspec.json.encode(ack))


def differences(database: Path, account: Account, offset_ms: int, report: Callable[[str], Any]) -> tuple[int, int, int]:
    """Return how many records the database holds, how many of them differ from the account, and how many it lacks.

    Each row is looked at by its seq: point, start and value. `report` is told the first differences.
    """
    db = sqlite3.connect(database)
    names = account.names
    points = {row: names.index(point) for row, point in db.execute("SELECT id, point FROM point")}
    held = wrong = 0
    rows = db.execute("SELECT seq, point, t_ms, value FROM record ORDER BY seq")
    for seq, point, t_ms, value in rows:
        place = seq - 1
        held += 1
        noted = account.values[place]
        is_same = isnan(noted) if value is None else noted == value
        if points[point] != account.points[place] or t_ms != account.starts_ms[place] + offset_ms or not is_same:
            wrong += 1
            if wrong < 5:
                report(f"seq {seq}: {point} {t_ms} {value}")
    gone = sum(last - first + 1 for first, last in db.execute("SELECT first, last FROM gap"))
    db.close()
    return held, wrong, len(account.values) - held - gone
