"""A meter that is exchanged for one whose index is higher, or lower: what stood on it is nobody's consumption."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from edge.core.counter import Kept
from edge.core.types import PointSpec
from hal.drivers.teleinfo import Teleinfo
from hal.drivers.teleinfo_options import TeleinfoOptions
from hal.fake.meter_frames import Meter
from hal.sample import UNCERTAIN
from tests.unit.rig import Rig
from tests.unit.test_teleinfo_two_meters import Wire

LABELS = {"historique": "HCHP", "standard": "EAST"}
EACH_S = 1.5


class House:
    """A meter, its driver, and the engine behind; `swap` exchanges the meter, `restart` the service."""

    def __init__(self, mode: Literal["historique", "standard"]) -> None:
        self.mode: Literal["historique", "standard"] = mode
        self.rig = Rig(PointSpec(id="p", kind="counter", period_ms=1000, record_ms=60_000, wrap=10**9))
        self.state: str | None = None
        self.t_s = 0.0
        self.swap("041876199271", 50_000_000)
        self.restart()

    def swap(self, number: str, index_wh: int, mode: Literal["", "historique", "standard"] = "") -> None:
        self.meter = Meter(mode or self.mode, address=number, index_wh=index_wh)
        self.meter.set_power(2000.0)

    def restart(self) -> None:
        self.driver = Teleinfo("/dev/none", {"p": TeleinfoOptions(label=LABELS[self.mode])})
        if self.state:
            self.driver.restore(self.state)
        self.wire = Wire()
        port: Any = self.wire
        self.driver._line = port

    def run(self, seconds: float) -> None:
        end_s = self.t_s + seconds
        while self.t_s < end_s:
            self.t_s += EACH_S
            self.wire.waiting += self.meter.frame(self.t_s * 1000)
            samples = self.driver.read(["p"], round(self.t_s * 1e9))
            self.state = self.driver.state() or self.state
            self.rig.cycle(self.t_s, *samples, notices=self.driver.notices())
            self.rig.tick(self.t_s)

    def counted(self) -> float:
        return sum(record.increment or 0 for record in self.rig.records)


@pytest.mark.parametrize("is_off", [False, True])
@pytest.mark.parametrize("index_wh", [900_000_000, 50_000_100, 1_000])
@pytest.mark.parametrize("mode", ["historique", "standard"])
def test_an_exchanged_meter_counts_what_is_used_and_not_what_stood_on_it(
    mode: Any, index_wh: int, is_off: bool
) -> None:
    house = House(mode)
    house.run(600)
    before = house.counted()
    house.swap("041876199272", index_wh)
    if is_off:
        house.restart()
    house.run(600)
    used_wh = 2000 * 1200 / 3600
    assert 0 < before < house.counted() <= used_wh * 1.05
    (changed,) = [event for event in house.rig.events if event.kind == "meter_changed" and event.point == "p"]
    assert changed.values["index"] - changed.values["was"] == pytest.approx(index_wh - 50_000_000, rel=0.5, abs=5000)
    doubtful = [record for record in house.rig.records if record.reason == "meter_changed"]
    assert [record.quality for record in doubtful] == [UNCERTAIN]


@pytest.mark.parametrize("restarts", [(), ("in the other mode",), ("before",)])
@pytest.mark.parametrize("number", ["041876199272", "041876199271"])
def test_a_meter_that_comes_in_another_mode_and_is_switched_back_is_told_from_the_one_before(
    number: str, restarts: tuple[str, ...]
) -> None:
    """A new Linky speaks historique until Enedis switches it: by then its number alone says that it is another one."""
    house = House("standard")
    house.run(300)
    before = house.counted()
    house.swap(number, 60_000_000, "historique")
    if "before" in restarts:
        house.restart()
    house.run(120)
    if "in the other mode" in restarts:
        house.restart()
    house.swap(number, 60_000_000)
    house.run(300)
    is_same = number == "041876199271"
    told = [event for event in house.rig.events if event.kind == "meter_changed" and event.point == "p"]
    assert len(told) == (0 if is_same else 1)
    used_wh = (10_000_000 if is_same else 0) + 2000 * 600 / 3600
    assert before < house.counted() <= used_wh * 1.05


def test_a_register_that_its_driver_calls_anothers_moves_the_mark_with_it() -> None:
    kept = Kept(1.0, 1000)
    kept.advance(100)
    kept.advance(107)
    assert kept.advance(900, is_other=True) == "meter_changed"
    assert kept.saved()["pending"] == 7, "what was used before the exchange"
    assert kept.advance(950) == ""
    assert kept.advance(5, is_other=True) == "meter_changed", "and no rollover"
    assert kept.saved()["pending"] == 57
