"""A running box whose settings file is changed and read again, and what it kept meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from edge.core.commands import Command, Result
from edge.core.reload import ReloadReport
from edge.core.types import Event, Record
from edge.runtime.box import Box
from edge.runtime.station import Order
from edge.store.offline import stored_logs
from hal.fake.i2c import Ads1115Chip, FakeI2c
from tests.box_rig import Bench, box_here, point, write_site
from tests.support import eventually

FINISHED = frozenset({"done", "unchanged", "checked", "faults", "restart", "failed", "no_file"})


class Numbers:
    """Ids of orders."""

    last = 0


def reload(box: Box, **args: Any) -> ReloadReport:
    """Order a reload as the local API does; return what became of it."""
    Numbers.last += 1
    name = f"r{Numbers.last}"
    results: list[Result] = []
    box.station.post(Order(Command(name, "reload", args, "marie", "local", "configure"), results.append))
    eventually(lambda: results, 5, "the order is answered")
    assert results[0].done, results
    eventually(lambda: box.reloading.report.id == name and box.reloading.report.state in FINISHED, 20, "it is over")
    return box.reloading.report


def change(config: Path, old: str, new: str) -> None:
    text = config.read_text()
    assert text.count(old) == 1, (old, text)
    config.write_text(text.replace(old, new))


def events(box: Box) -> list[Event]:
    log = box.events
    return [event for event in log.read(log.first_seq(), 10_000).entries if isinstance(event, Event)]


def told(box: Box, kind: str) -> list[dict[str, Any]]:
    return [event.values for event in events(box) if event.kind == kind]


def stored(state: Path, name: str) -> list[Record]:
    with stored_logs(state) as logs:
        found: list[Record] = []
        first = logs.records.first_seq()
        while entries := logs.records.read(first, 5000).entries:
            found += [entry for entry in entries if isinstance(entry, Record)]
            first += len(entries)
    return [record for record in found if record.point == name]


def assert_without_a_hole(records: list[Record]) -> None:
    """Each record begins where the one before ended."""
    assert len(records) > 2
    assert all(one.start_ms + one.dt_ms == other.start_ms for one, other in pairwise(records))


CHIPS = (0x48, 0x49, 0x4A, 0x4B)
BUSES = 13
INPUTS = 4


@contextmanager
def big_box(folder: Path) -> Iterator[tuple[Box, Path]]:
    """A box of 208 voltages on 13 buses, read and recorded each second, with a limit on every fourth."""
    handles = {
        f"i2c{n}": FakeI2c({address: Ads1115Chip(*(0.1 * n for _ in range(INPUTS))) for address in CHIPS})
        for n in range(1, BUSES + 1)
    }
    config = write_site(
        folder,
        bus={name: {"kind": "i2c", "number": number} for number, name in enumerate(handles, 1)},
        point=[
            point(f"{bus}.{address:x}.{n}", bus, "ads1115", address=address, input=f"AIN{n}")
            for bus in handles
            for address in CHIPS
            for n in range(INPUTS)
        ],
        limit=[
            {"id": f"{bus}.{address:x}.high", "point": f"{bus}.{address:x}.0", "kind": "high", "value": 0.05}
            for bus in handles
            for address in CHIPS
        ],
    )
    with box_here(config, folder / "state", hardware=lambda _: Bench(**handles)) as box:
        eventually(lambda: all(point.value is not None for point in box.station.engine.points.values()), 10)
        yield box, config


def await_readings(box: Box, count: int) -> None:
    readings = box.station.readings
    eventually(lambda: box.station.readings >= readings + count, 15)
