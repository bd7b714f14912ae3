"""Random lives of a small site: whatever happens to it, index, records, totals and costs tell of the same consumption.

Readings that fail, long silences, clocks that are set and stepped, settings that are read again, stops and power cuts
after a commit, a meter that counts on meanwhile; alarms that come and go over nights, weekends and orders, and are
told. What moved is counted beside, by the readings that were handed over.
"""

from __future__ import annotations

import random
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.core.commands import Command
from edge.core.counter import pending
from edge.core.engine import Engine
from edge.core.kinds import Counter
from edge.core.moved_days import MovedDays
from edge.core.outputs import OutputList
from edge.core.replacing import Site
from edge.core.sums import NANO
from edge.core.totals import Totals
from edge.settings.alarm_rules import alarm_rules
from edge.settings.load import loads
from edge.settings.site_parts import site_parts
from edge.settings.specs import specs
from hal.sample import BAD, GOOD, Cycle, Sample

PARIS = ZoneInfo("Europe/Paris")
BEGINS = ("2026-03-28 20:00", "2026-10-24 20:00", "2026-12-31 20:00", "2028-02-28 20:00")
STEP_MS = 10_000
SITE = """\
[box]
id = "b0042"
[site]
name = "Gymnase Sud"
[bus.gpio]
kind = "gpio"
[bus.linky]
kind = "serial"
port = "/dev/ttyAMA0"
[[point]]
id = "water"
bus = "gpio"
driver = "pulse"
pin = 17
weight = 0.001
weight_unit = "m3"
period_s = 10
record_s = {water_s}
deadband = {water_band}
[[point]]
id = "elec"
bus = "linky"
driver = "teleinfo"
label = "BASE"
unit = "kWh"
scale = 0.001
period_s = 10
record_s = {elec_s}
deadband = {elec_band}
[[calculated]]
id = "twice"
kind = "counter"
expression = "2 * water"
unit = "m3"
period_s = 10
[[tariff]]
id = "water"
valid_from = 2026-01-01
currency = "EUR"
unit = "m3"
prices = {{ water = 4.26 }}
points = {{ water = "water" }}
[[tariff]]
id = "elec"
valid_from = 2026-01-01
currency = "EUR"
prices = {{ HP = 0.2, HC = 0.1 }}
meter = "elec"
hours = {{ HC = ["22:30-06:30"] }}
[bus.w1]
kind = "onewire"
[[point]]
id = "hall"
bus = "w1"
driver = "ds18b20"
probe = "28-3c01f0950a21"
period_s = 10
[[limit]]
id = "hall.hot"
point = "hall"
kind = "high"
value = 30
latch = {latch}
[[limit]]
id = "hall.fault"
point = "hall"
kind = "fault"
priority = "low"
[[limit]]
id = "water.day"
point = "water"
kind = "consumption"
value = 0.2
per = "day"
[alarms]
quiet = "22:00-07:00"
most_per_hour = 2
chatter_begins = 3
[link.sms]
[[recipient]]
id = "office"
number = "+33600000001"
least = "low"
days = "mon-fri"
hours = "06:00-18:00"
daily = true
[[recipient]]
id = "guard"
number = "+33600000002"
least = "low"
hours = "22:00-06:00"
after_min = 5
"""
ORDERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ack", {}),
    ("shelve", {"limit": "hall.hot", "for_s": 3600, "reason": "works"}),
    ("shelve", {"limit": "hall.hot", "back": True}),
    ("alarm.service", {"limit": "hall.hot", "to": "out", "reason": "broken"}),
    ("alarm.service", {"limit": "hall.hot", "to": "in"}),
    ("set", {"target": "hall.hot", "value": 25}),
    ("set", {"target": "hall.hot", "default": True}),
    ("tariff", {"id": "elec", "valid_from": "2029-01-01", "prices": {"HP": "0.3"}}),
)

loaded = cache(loads)


def exact(value: float) -> Decimal:
    return Decimal(repr(value))


class Life:
    """One site from its first start on, as the station runs it: registers go with the records that they count."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.settings = self.some_settings()
        at = datetime.fromisoformat(self.rng.choice(BEGINS)).replace(tzinfo=PARIS)
        self.boot, self.now_ms, self.offset_ms = 1, 1000, round(at.timestamp() * 1000)
        self.registers: dict[str, Any] = {}
        self.event_registers: dict[str, Any] = {}
        self.recorded = {name: Decimal(0) for name in ("water", "elec", "twice")}
        self.pulses = self.read_pulses = 0
        self.moved_pulses = 0
        self.index_wh = 1000
        self.first_wh: int | None = None
        self.orders = 0
        self.start(power_cut=False)

    def some_settings(self) -> Any:
        choice = self.rng.choice
        return loaded(
            SITE.format(
                water_s=choice((60, 600)), water_band=choice((0, 0.05)), elec_s=choice((60, 900)),
                elec_band=choice((0, 0.2)), latch=choice(("true", "false")),
            )
        )  # fmt: skip

    def start(self, *, power_cut: bool) -> None:
        points, limits = specs(self.settings)
        saved, saved_events = (
            msgspec.json.decode(msgspec.json.encode(kept)) for kept in (self.registers, self.event_registers)
        )
        self.engine = Engine(
            points, limits, boot=self.boot, now_ms=self.now_ms, utc_offset_ms=self.offset_ms, zone=PARIS, saved=saved,
            saved_events=saved_events, power_cut=power_cut, is_dated=self.rng.random() > 0.3,
            outputs=OutputList([], boot=self.boot, now_ms=self.now_ms),
            parts=site_parts(self.settings, saved, saved_events), alarm_rules=alarm_rules(self.settings),
        )  # fmt: skip

    def commit(self) -> None:
        actions = self.engine.take_actions()
        self.registers |= actions.registers | self.engine.registers_of(actions.moved)
        self.event_registers |= actions.event_registers
        assert [event.values for event in actions.events if event.kind == "fault"] == []
        for record in actions.records:
            if record.increment is not None:
                self.recorded[record.point] += exact(record.increment)

    def read(self, *, failing: float = 0.08) -> None:
        self.now_ms += STEP_MS
        self.engine.tick(self.now_ms)
        self.pulses += self.rng.choice((0, 0, 1, 3, 40))
        self.index_wh += self.rng.choice((0, 5, 17, 300))
        samples = []
        for name, raw in (("water", self.pulses), ("elec", self.index_wh)):
            if self.rng.random() < failing:
                samples.append(Sample(name, self.now_ms * 1_000_000, None, BAD, "no_answer"))
                continue
            samples.append(Sample(name, self.now_ms * 1_000_000, raw, GOOD))
            if name == "water":
                self.moved_pulses, self.read_pulses = self.moved_pulses + raw - self.read_pulses, raw
            elif self.first_wh is None:
                self.first_wh = raw
        hall = self.rng.choice((20, 26, 29, 31, 40, None))
        how = (None, BAD, "no_answer") if hall is None else (hall, GOOD)
        samples.append(Sample("hall", self.now_ms * 1_000_000, *how))
        self.engine.handle(Cycle("b", self.now_ms * 1_000_000, samples))

    def happen(self) -> None:
        """Let one thing happen."""
        rng, what = self.rng, self.rng.random()
        if what < 0.7:
            self.read()
            if rng.random() < 0.6:
                self.commit()
        elif what < 0.78:
            self.now_ms += rng.choice((1000, 70_000, 900_000, 7_200_000))
            self.engine.tick(self.now_ms)
        elif what < 0.81:
            verb, args = rng.choice(ORDERS)
            self.orders += 1
            self.engine.command(Command(f"c{self.orders}", verb, args, "anna", "local"), self.now_ms)
        elif what < 0.85:
            self.offset_ms += rng.choice((-3000, 3000, -3_600_000, 3_600_000, 86_400_000))
            self.engine.set_clock(self.offset_ms)
        elif what < 0.93:
            self.commit()
            self.settings = self.some_settings()
            points, limits = specs(self.settings)
            site = Site(points, limits, parts=lambda saved, events: site_parts(self.settings, saved, events))
            self.engine.replace(site, dict(self.registers), dict(self.event_registers), self.now_ms)
        else:
            self.restart()

    def restart(self) -> None:
        power_cut = self.rng.random() < 0.5
        if not power_cut:
            self.engine.close(self.now_ms)
        self.commit()
        self.boot += 1
        self.offset_ms += self.now_ms - 5000
        self.now_ms, self.pulses, self.read_pulses = 5000, 0, 0  # the pins are opened anew; the meter counted on
        self.index_wh += self.rng.choice((0, 700))
        self.start(power_cut=power_cut)

    def counter(self, name: str) -> Counter:
        point = self.engine.points[name]
        assert isinstance(point, Counter)
        return point

    def check(self) -> None:
        """Compare all that tells of what moved, to the last digit."""
        self.read(failing=0)
        for _ in range(2):
            self.now_ms += STEP_MS - 400
            self.engine.tick(self.now_ms)
        self.commit()
        true = {
            "water": Decimal(self.moved_pulses) / 1000,
            "elec": Decimal(self.index_wh - (self.first_wh or 0)) / 1000,
        }
        for name, moved in true.items():
            assert self.recorded[name] + exact(pending(self.counter(name).register)) == moved, name
            totals = self.engine.part(Totals)._movements[name]
            sums = [*totals.days.values(), *totals.months.values(), *totals.waiting]
            assert Decimal(sum(one.moved or 0 for one in sums)) / NANO == self.recorded[name], name
            costs = self.engine.part(MovedDays)._meters[name]
            days = [held.moved or Decimal(0) for day in costs.days.values() for held in day.values()]
            assert sum(days, costs.undated.moved or Decimal(0)) == self.recorded[name], name
        assert exact(self.counter("twice").register.index or 0) == 2 * true["water"]


def live(seed: int, happenings: int) -> None:
    life = Life(seed)
    for _ in range(happenings):
        life.happen()
    life.check()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_all_tell_of_the_same_consumption(seed: int) -> None:
    live(seed, 120)


@pytest.mark.campaign("three hundred lives of a small site")
def test_three_hundred_lives() -> None:
    for seed in range(1000, 1300):
        live(seed, 150)
