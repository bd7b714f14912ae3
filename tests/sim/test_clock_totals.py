"""Totals on a machine whose clock is wrong: each day's sum is that of the records as they arrived upstream."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.peaks import Peaks
from edge.core.sums import nano_of
from edge.core.totals import Totals
from edge.core.types import PointSpec
from tests.sim.clock_world import DAY_S, HOUR_S, TRUE_MS, YEAR_S, Stage, World

PARIS = ZoneInfo("Europe/Paris")
QUICK = {"period_ms": 60_000, "record_ms": 600_000, "stale_ms": 180_000}
SITE: Any = [
    (PointSpec("c", "counter", "l", volatile=True, **QUICK), lambda t_s: int(t_s / 7)),  # type: ignore[arg-type]
    (PointSpec("p", "gauge", "W", **QUICK), lambda t_s: round(2000 + 1500 * math.sin(t_s / 9000), 1)),  # type: ignore[arg-type]
]
EVENING_MS = TRUE_MS + round(19.5 * HOUR_S * 1000)  # 20:30 in Paris
WRONG = {
    "right": [Stage(0)],
    "at 1970 until a server tells after five hours": [Stage(0, -56 * YEAR_S, ""), Stage(5 * HOUR_S)],
    "14 days behind, unvouched, for 40 min": [Stage(0, -14 * DAY_S, ""), Stage(2437)],
    "a day ahead from 22:47 on": [Stage(0), Stage(8237, DAY_S)],
    "an hour back at 23:30, and right again": [Stage(0), Stage(3 * HOUR_S, -HOUR_S), Stage(5 * HOUR_S)],
    "ten years ahead for two hours": [Stage(0), Stage(2 * HOUR_S, 10 * YEAR_S), Stage(4 * HOUR_S)],
    "nobody ever tells": [Stage(0, 0, "")],
}


@pytest.mark.parametrize("name", WRONG)
def test_days_hold_what_arrived_upstream_with_their_date(name: str) -> None:
    """C3: what a box says of a day is what its server adds up, whatever its clock did."""
    world = World(SITE, WRONG[name], true_ms=EVENING_MS)
    world.engine.replace_parts([Totals(), Peaks()])
    world.run(9 * HOUR_S)
    made = world.made()
    days: dict[int, int] = {}
    peaks: dict[int, float] = {}
    for row in world.rows():
        record, day = made[row.seq - 1], datetime.fromtimestamp(row.t_ms / 1000, PARIS).date().toordinal()
        if record.point == "c" and record.increment is not None:
            days[day] = days.get(day, 0) + nano_of(record.increment)
        elif record.point == "p" and record.value is not None:
            peaks[day] = max(peaks.get(day, 0.0), record.high or float(record.value))
    totals = world.engine.part(Totals)
    assert {day: one.moved for day, one in totals.days("c").items() if one.moved is not None} == days
    assert sum(days.values()) == sum(nano_of(record.increment or 0) for record in made)
    kept = world.engine.part(Peaks).kept["p"]
    assert not kept.waiting
    told = {
        datetime.fromtimestamp(ms / 1000, PARIS).date().toordinal(): peak.value
        for ms, peak in kept.peaks["day"].items()
    }
    assert told.items() <= peaks.items()
    assert max(told) in peaks
    if len(days) > 1 and "ahead" not in name:
        assert len(told) == 2
