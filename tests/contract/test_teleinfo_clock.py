"""The time of day that a meter tells, over a real pseudo-terminal: of sound standard frames only, and how right."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from edge.core.timekeeping import Floor, Timekeeper
from hal.fake.meter import Meter
from hal.fake.meter_frames import EPOCH_UTC
from hal.sample import Fix
from tests.contract.test_teleinfo_port import Bench

EPOCH_MS = round(EPOCH_UTC.timestamp() * 1000)
BEGAN_MS = 100_100  # the line's first step in `Bench`: the meter's clock stands at its epoch


def fixes(bench: Bench, seconds: int) -> list[Fix]:
    """Return what the driver told in so many seconds of the line."""
    found = []
    for _ in range(seconds):
        bench.second()
        fix = bench.driver.fix()
        if fix is not None:
            found.append(fix)
    return found


def off_ms(fix: Fix) -> int:
    """Return how far off the meter's true time a fix is."""
    return fix.utc_ms - (EPOCH_MS + fix.t_ns // 1_000_000 - BEGAN_MS)


@pytest.mark.parametrize("phases", [1, 3])
def test_a_standard_meter_tells_the_time_within_its_stated_error(tmp_path: Path, phases: int) -> None:
    with closing(Bench(tmp_path, Meter("standard", phases=phases), "EAST")) as bench:
        told = fixes(bench, 300)
        apart_s = [(later.t_ns - fix.t_ns) / 1e9 for fix, later in pairwise(told)]
        assert 25 <= len(told[2:]) <= 30, "the first ones at once, then each 10 s"
        assert max(apart_s[:2]) < 5.0
        assert min(apart_s[2:]) > 9.0
        assert {fix.source for fix in told} == {"tic"}
        assert max(abs(off_ms(fix)) for fix in told) <= told[0].error_ms
        keeper = Timekeeper(Floor(EPOCH_MS - 10**9))
        for fix in told:
            keeper.offer(fix, "serial")
        offset_ms = keeper.offset_ms()
        assert keeper.source == "tic"
        assert offset_ms is not None
        assert abs(offset_ms - (EPOCH_MS - BEGAN_MS)) < 1000


def test_it_is_told_once(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Meter("standard"), "EAST")) as bench:
        assert fixes(bench, 30)
        assert bench.driver.fix() is None


@pytest.mark.parametrize("mode", ["historique", "pmepmi"])
def test_meters_that_tell_no_time_or_no_season_are_not_used(tmp_path: Path, mode: str) -> None:
    meter = Meter(mode, subscribed_kva=42 if mode == "pmepmi" else 9)  # type: ignore[arg-type]
    with closing(Bench(tmp_path, meter, "PAPP" if mode == "historique" else "PA1MN")) as bench:
        assert fixes(bench, 60) == []


def test_a_meter_that_calls_its_own_clock_degraded_is_never_used(tmp_path: Path) -> None:
    meter = Meter("standard")
    meter.is_clock_degraded = True
    with closing(Bench(tmp_path, meter, "EAST")) as bench:
        assert fixes(bench, 60) == []
        meter.is_clock_degraded = False
        assert len(fixes(bench, 60)) >= 5
        meter.is_clock_degraded = True
        fixes(bench, 2)
        assert fixes(bench, 60) == []


def test_a_frame_that_lost_a_group_or_whose_time_jumped_tells_nothing(tmp_path: Path) -> None:
    meter = Meter("standard")
    with closing(Bench(tmp_path, meter, "EAST")) as bench:
        assert fixes(bench, 30)
        meter.clock_off_s = 3600.0
        bench.second()
        bench.driver.fix()
        jumped = fixes(bench, 40)
        assert jumped
        assert all(abs(off_ms(fix) - 3_600_000) <= fix.error_ms for fix in jumped), "it goes on from there"
        bench.line.send(b"\nDATE\tH261120")  # a frame in the middle of another
        assert all(abs(off_ms(fix) - 3_600_000) <= fix.error_ms for fix in fixes(bench, 40))


def test_a_meter_at_1970_or_in_a_century_is_told_and_never_believed(tmp_path: Path) -> None:
    meter = Meter("standard")
    meter.clock_off_s = -24 * 365.25 * 86_400
    with closing(Bench(tmp_path, meter, "EAST")) as bench:
        keeper = Timekeeper(Floor(EPOCH_MS - 10**9))
        told = fixes(bench, 60)
        assert told
        assert {keeper.offer(fix, "serial") for fix in told} == {"too_early"}
        assert keeper.source == "none"


class Damaged(Meter):
    """A meter on a bad line: one group of each frame, but never DATE, arrives with a digit changed."""

    def frame(self, t_ms: float) -> bytes:
        return super().frame(t_ms).replace(b"SINSTS\t0", b"SINSTS\t9", 1)


def test_frames_with_a_damaged_group_tell_no_time_though_their_date_is_whole(tmp_path: Path) -> None:
    with closing(Bench(tmp_path, Damaged("standard"), "DATE")) as bench:
        assert fixes(bench, 60) == []
        assert bench.second()["DATE"].value is not None, "it is read all the same"
