"""A load curve whose points come late, twice, in bunches or never, while the clock is set: each once, in its place."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from edge.core.types import PointSpec, Record
from hal.sample import BAD, Past, Sample
from tests.unit.rig import Rig

UTC_MS = 1_795_000_000_000
STEPS = 40
NEAR_MS = 6000


class Life:
    """One random life of a curve: `told` holds each point that was told with its period, by its number."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.dt_s = self.chance.choice([600, 1800, 3600])
        self.offset_ms = self.chance.choice([0, UTC_MS + self.chance.randrange(3_600_000)])
        record_ms = self.chance.choice([60_000, 1_800_000])
        spec = PointSpec(id="p", kind="gauge", period_ms=1000, record_ms=record_ms, past=True, stale_ms=30_000)
        self.rig = Rig(spec, utc_offset_ms=self.offset_ms)
        self.skew_s = self.chance.uniform(-3, 3)  # of the meter's clock
        self.told: set[int] = set()
        self.last = 0

    def end_s(self, number: int) -> float:
        """Return when the period of a number ends, by our clock: on the meter's calendar."""
        return number * self.dt_s + self.skew_s - self.offset_ms / 1000 % self.dt_s

    def point(self, number: int, *, is_new: bool) -> Past:
        if is_new:
            self.told.add(number)
        t_ns = round((self.end_s(number) + self.chance.uniform(-1, 1)) * 1e9)
        return Past("p", t_ns, float(number), dt_ms=self.dt_s * 1000 if is_new else 0)

    def run(self) -> list[Record]:
        chance, rig, t_s = self.chance, self.rig, 0.0
        while t_s < STEPS * self.dt_s:
            t_s += chance.choice([60, 300, 600])
            ended = self.last
            while self.end_s(ended + 1) <= t_s:
                ended += 1
            act, samples = chance.random(), list[Sample]()
            if act < 0.7 and ended > self.last:
                first = self.last + 1 if chance.random() < 0.7 else ended
                samples = [self.point(n, is_new=True) for n in range(first, ended + 1) if chance.random() < 0.9]
                self.last = ended
            elif act < 0.8 and self.last:
                samples = [self.point(self.last, is_new=chance.random() < 0.5)]
            elif act < 0.85:
                samples = [Sample("p", round(t_s * 1e9), None, BAD, "not_sent")]
            elif act < 0.86:
                rig.engine.set_clock(self.offset_ms + chance.choice([1000, -1000, 3_600_000, -3_600_000, 86_400_000]))
                rig.collect()
            rig.cycle(t_s, *samples)
            rig.tick(t_s)
        return rig.records


def check(seed: int) -> None:
    life = Life(seed)
    records = life.run()
    for earlier, later in pairwise(records):
        assert later.start_ms >= earlier.start_ms + earlier.dt_ms - 1, f"seed {seed}: {later} overlaps {earlier}"
    good = {int(record.value): record for record in records if isinstance(record.value, float)}
    assert len(good) == sum(record.value is not None for record in records), f"seed {seed}: one twice"
    assert good.keys() <= life.told
    for number, record in good.items():
        assert abs(record.start_ms + record.dt_ms - life.end_s(number) * 1000) <= NEAR_MS, f"seed {seed}: {record}"
    for number in life.told - good.keys():  # too late: its place was taken by then
        middle_ms = (life.end_s(number) - life.dt_s / 2) * 1000
        assert any(record.start_ms <= middle_ms < record.start_ms + record.dt_ms for record in records), (seed, number)
    assert len(good) > 0.8 * len(life.told)


def test_each_point_of_a_curve_is_one_record_in_its_place_whatever_happens() -> None:
    for seed in range(25):
        check(seed)


@pytest.mark.campaign("3,000 lives, 8 s")
def test_each_point_of_a_curve_is_one_record_in_its_place_however_long() -> None:
    for seed in range(1000, 4000):
        check(seed)
