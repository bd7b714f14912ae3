"""The load curve of a standard meter: each point handed over once at its own time, also across a restart."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from hal.decode.teleinfo.groups import tabbed_group
from hal.drivers.teleinfo import LineMemory
from hal.drivers.teleinfo_options import TeleinfoOptions
from hal.fake.meter_frames import EPOCH_UTC, Meter
from hal.sample import BAD, Past, Sample
from tests.unit.test_teleinfo_pmepmi import Site

EPOCH_S = round(EPOCH_UTC.timestamp())  # on the half hour
HALF_S = 1800


class CurveSite(Site):
    """A standard meter and a point on its load curve."""

    def __init__(self, label: str = "CCASN") -> None:
        super().__init__(curve=TeleinfoOptions(label=label))
        self.meter = Meter("standard")
        self.told: list[Past] = []

    def now(self) -> dict[str, Sample]:
        """Return the last sample, and keep those that tell a period."""
        found = self.view.samples("curve", round(self.t_ms * 1e6))
        self.told += [sample for sample in found if isinstance(sample, Past) and sample.dt_ms]
        return {"curve": found[-1]}

    def run(self, until_s: float) -> Sample:
        """Hear a frame each 10 s; return the last sample."""
        while self.t_ms < until_s * 1000:
            last = self.hear(self.meter.frame(self.t_ms + 10_000), 10_000)["curve"]
        return last

    def ends_s(self) -> list[float]:
        """Return when the periods that were told ended, by our clock."""
        return [sample.t_ns / 1e9 for sample in self.told]


def test_each_point_is_told_once_at_its_own_time() -> None:
    site = CurveSite()
    site.meter.set_power(5000.0)
    last = site.run(4 * HALF_S + 60)
    assert site.ends_s() == pytest.approx([HALF_S, 2 * HALF_S, 3 * HALF_S, 4 * HALF_S], abs=2)
    assert {sample.dt_ms for sample in site.told} == {HALF_S * 1000}
    assert [sample.value for sample in site.told] == pytest.approx([4800] * 4, abs=30)
    assert isinstance(last, Past)
    assert (last.dt_ms, last.value) == (0, site.told[-1].value), "present, and no period any more"


def test_without_two_points_the_length_of_a_step_is_not_known() -> None:
    site = CurveSite()
    last = site.run(HALF_S - 60)
    assert (last.value, last.quality) == (None, BAD)
    assert site.told == []


def test_after_a_restart_only_what_was_not_told_is_told() -> None:
    first = CurveSite()
    first.run(2 * HALF_S + 60)
    told = first.view.told()
    assert told == {"curve": EPOCH_S + 2 * HALF_S}
    memory = msgspec.json.decode(msgspec.json.encode(LineMemory(told=told)), type=LineMemory)
    for off_s, expected in ((100, []), (HALF_S, [3]), (2 * HALF_S, [3, 4]), (5 * HALF_S, [6, 7])):
        again = CurveSite()
        again.view.restore(memory, memory.told)
        while again.t_ms < first.t_ms + off_s * 1000:  # the meter goes on while nobody listens
            again.t_ms += 10_000
            again.meter.frame(again.t_ms)
        again.run(again.t_ms / 1000 + 60)
        assert again.ends_s() == pytest.approx([n * HALF_S for n in expected], abs=2), off_s


def test_what_was_not_handed_over_is_not_called_told() -> None:
    site = CurveSite()
    while site.t_ms < (HALF_S + 60) * 1000:
        site.listen(site.meter.frame(site.t_ms + 10_000), 10_000)
    assert site.view.told() == {}
    site.now()
    assert site.view.told() == {"curve": EPOCH_S + HALF_S}


class Stopped(Meter):
    """A meter whose load curve was switched off two days ago: it goes on sending the last points."""

    def raw_groups(self, t_ms: float) -> list[bytes]:
        old = [tabbed_group("CCASN", "00100", "H261118113000"), tabbed_group("CCASN-1", "00090", "H261118110000")]
        return [raw for raw in super().raw_groups(t_ms) if not raw.startswith(b"CCA")] + old


def test_a_curve_that_was_switched_off_is_not_sent_and_makes_no_record() -> None:
    site = CurveSite()
    site.meter = Stopped("standard")
    last = site.run(600)
    assert site.told == []
    assert (last.value, last.reason) == (None, "not_sent")


def test_a_meter_without_a_curve_is_not_sent() -> None:
    last = CurveSite("CCAIN").run(600)
    assert (last.value, last.reason) == (None, "not_sent")


def test_the_point_before_is_told_by_its_own_label_too() -> None:
    site = CurveSite("CCASN-1")
    site.run(3 * HALF_S + 60)
    assert site.ends_s() == pytest.approx([0, HALF_S, 2 * HALF_S], abs=2)


@pytest.mark.parametrize("told_s", [EPOCH_S + 30 * 86_400, 10**17])
def test_a_meter_whose_clock_was_ahead_and_is_set_right_goes_on_telling_its_curve(told_s: int) -> None:
    site = CurveSite()
    site.view.restore(LineMemory(told={"curve": told_s}), {"curve": told_s})
    site.run(3 * HALF_S + 60)
    assert site.ends_s() == pytest.approx([HALF_S, 2 * HALF_S, 3 * HALF_S], abs=2)


def test_a_clock_that_is_set_back_while_it_is_heard_costs_no_more_than_that_time() -> None:
    site = CurveSite()
    site.meter.clock_off_s = 10 * 86_400.0
    site.run(2 * HALF_S + 60)
    before = len(site.told)
    site.meter.clock_off_s = 0.0
    site.run(5 * HALF_S + 60)
    assert len(site.told) - before >= 2
    assert site.ends_s()[-1] == pytest.approx(5 * HALF_S, abs=2)


def test_a_degraded_clock_leaves_the_distance_right_and_says_so() -> None:
    site = CurveSite()
    site.meter.is_clock_degraded = True
    site.meter.clock_off_s = 777.0
    site.run(3 * HALF_S)
    assert {sample.reason for sample in site.told} <= {"clock_degraded", ""}
    assert len(site.told) >= 2
    gaps = [later - earlier for earlier, later in pairwise(site.ends_s())]
    assert gaps == pytest.approx([HALF_S] * len(gaps), abs=2)
