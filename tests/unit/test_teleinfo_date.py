"""When a meter's DATE is told as a time: the first ones at once, for a box without any other clock."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.drivers.teleinfo_meter import DATE_EACH_MS, DATES_AT_FIRST, MeterView
from hal.drivers.teleinfo_options import TeleinfoOptions
from hal.fake.meter_frames import Meter
from hal.sample import Fix

BYTE_MS = 10_000 / 9600


def fixes(frames: int, each_ms: float, meter: Meter) -> list[tuple[int, Fix]]:
    """Return (number of the frame, time told) of so many frames of a meter."""
    view, decoder = MeterView({"p": TeleinfoOptions(label="EASF01")}), Decoder()
    found = []
    for number in range(1, frames + 1):
        t_ms = number * each_ms
        for event in decoder.feed(meter.frame(t_ms), t_ms):
            if isinstance(event, FrameEnd):
                view.frame(event)
                if (fix := view.fix(event, BYTE_MS)) is not None:
                    found.append((number, fix))
    return found


@pytest.mark.parametrize("each_ms", [1000.0, 2000.0])
def test_the_first_dates_are_told_frame_by_frame_and_later_ones_each_ten_seconds(each_ms: float) -> None:
    found = fixes(60, each_ms, Meter("standard"))
    numbers = [number for number, _ in found]
    assert numbers[:DATES_AT_FIRST] == [2, 3, 4], "a date is believed when the frame before it agrees"
    later = numbers[DATES_AT_FIRST - 1 :]
    assert len(later) == pytest.approx(60 * each_ms / DATE_EACH_MS, abs=2)
    assert all((b - a) * each_ms >= DATE_EACH_MS for a, b in pairwise(later))
    off = {fix.utc_ms - fix.t_ns // 1_000_000 for _, fix in found}
    assert max(off) - min(off) < 2000


def test_a_meter_that_says_no_season_tells_no_time() -> None:
    assert fixes(20, 2000.0, Meter("historique")) == []
