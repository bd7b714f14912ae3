"""A small site in this process: a voltage, a door, a limit and a lamp, all in the hands of the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.runtime.box import Box
from hal.fake.gpio import FakeGpio
from hal.fake.i2c import Ads1115Chip, FakeI2c
from tests.box_rig import Bench, Line, box_here, point, write_site
from tests.support import eventually

PIN = 21


class Plant:
    """A box with a voltage that can be turned up, a limit of 2 V on it, and a lamp that follows."""

    def __init__(self, folder: Path, sent: Line | None = None, **box: Any) -> None:
        self.chip = Ads1115Chip(1.0)
        self.bus = FakeI2c({0x48: self.chip})
        self.board = FakeGpio()
        self.config = write_site(
            folder,
            box=box,
            bus={"i2c1": {"kind": "i2c", "number": 1}, "gpio": {"kind": "gpio"}},
            point=[
                point("volts", "i2c1", "ads1115", address=0x48, input="AIN0", period_s=0.1, record_s=0.1),
                point("door", "gpio", "contact", pin=7, period_s=0.1, record_s=0.1),
            ],
            limit=[{"id": "volts.high", "point": "volts", "kind": "high", "value": 2.0}],
            output=[{"id": "lamp", "bus": "gpio", "pin": PIN, "limit": "volts.high"}],
            **({} if sent is None else {"link": sent.link}),
        )

    @contextmanager
    def box(self, state: Path, **options: Any) -> Iterator[Box]:
        with box_here(
            self.config, state, hardware=lambda _: Bench(i2c1=self.bus, gpio=self.board.factory), **options
        ) as box:
            eventually(lambda: self.value(box) is not None, 5, "the voltage is read")
            yield box

    @staticmethod
    def value(box: Box) -> object:
        return box.station.engine.points["volts"].value

    def lamp(self) -> tuple[str, bool]:
        pin = self.board.factory.pin(PIN)
        return pin.function, pin.state
