"""Sites at the edge of what a report holds: many counters, fast ones, values with gaps: exact, or said, never wrong."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.core.calendar import bounds_ms
from edge.core.series import Period, PeriodLength
from edge.core.types import PointSpec
from edge.links.sms_columns import integer_of
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.settings.sms_channels import TooManyError, most_channels, schema_of
from edge.sim.loop import VirtualClock
from tests.gateway_rig import RealFar
from tests.sms_link_rig import BEGIN_MS, DAY_S, HOUR_MS, PARIS, Past, Rig


class Given(Past):
    """What was measured, hour by hour from BEGIN_MS: by point the mean, or the index; None: BAD; absent: nothing."""

    def __init__(self, clock: VirtualClock, hours: dict[str, dict[int, float | None]], lasts: set[str]) -> None:
        super().__init__(clock)
        self.hours = hours
        self.lasts = lasts

    def period(self, point: str, t_ms: int, end_ms: int) -> Period | None:
        hour = (t_ms - BEGIN_MS) // HOUR_MS
        if end_ms > self._clock.utc_ms() or hour not in self.hours[point]:
            return None
        value = self.hours[point][hour]
        if value is None:
            return Period(t_ms, end_ms, records=1, bad_ms=end_ms - t_ms)
        if point in self.lasts:
            return Period(t_ms, end_ms, 1, end_ms - t_ms, last=value)
        return Period(t_ms, end_ms, 1, end_ms - t_ms, mean=value, low=value - 0.25, high=value + 1.125)

    def periods(self, point: str, length: PeriodLength, from_ms: int, to_ms: int) -> list[Period]:
        begins = range(from_ms, to_ms, HOUR_MS)
        found = (self.period(point, *bounds_ms(begin_ms, length, PARIS)) for begin_ms in begins)
        return [period for period in found if period is not None]


def rig_of(points: list[PointSpec], hours: dict[str, dict[int, float | None]], **more: int) -> Rig:
    rig = Rig(points=points, poll_s=1800.0, **more)
    rig.kill()
    rig.past = Given(rig.clock, hours, {point.id for point in points if point.kind != "gauge"})
    rig.start()
    return rig


@pytest.mark.parametrize("step", [65_535.0, 65_536.0, 100_000.0, 70_000_000.0])
def test_a_counter_that_moves_by_more_than_a_turn_an_hour_is_exact_all_day(step: float) -> None:
    rig = rig_of([PointSpec("m", "counter", "Wh")], {"m": {hour: 10.0**6 + step * hour for hour in range(31)}})
    rig.run(1.2 * DAY_S)
    got = rig.gateway.values()
    assert len(got) > 25
    assert got == {("m", "index", t_s): 10**6 + step * ((t_s * 1000 - BEGIN_MS) // HOUR_MS) for _, _, t_s in got}


def test_a_counter_put_back_and_one_first_seen_within_the_day_are_exact() -> None:
    hours = {"m": {hour: 5e8 + hour if hour < 7 else 17.0 + hour for hour in range(20)}, "n": {9: 3e9, 10: 3e9 + 1}}
    rig = rig_of([PointSpec("m", "counter", "Wh"), PointSpec("n", "counter", "Wh")], hours)  # type: ignore[arg-type]
    rig.run(14 * 3600)
    got = rig.gateway.values()
    for point, column in hours.items():
        for hour in range(13):
            assert got.get((point, "index", BEGIN_MS // 1000 + hour * 3600)) == column.get(hour)


def test_as_many_counters_as_a_report_holds_go_and_one_more_is_refused_and_stops_no_alarm() -> None:
    most = most_channels(["counter"] * 64)
    points = [PointSpec(f"c{number:02}", "counter", "l") for number in range(most + 1)]
    hours = {point.id: {hour: 4e9 + 7919.0 * hour for hour in range(30)} for point in points}
    rig = rig_of(points[:most], hours)  # type: ignore[arg-type]
    rig.run(8 * 3600)
    assert {point for point, _, _ in rig.gateway.values()} == {point.id for point in points[:most]}
    with pytest.raises(TooManyError):
        schema_of(SmsSettings(), "b0117", "Europe/Paris", points)
    rig = rig_of(points, hours)  # type: ignore[arg-type]
    rig.run(3 * 3600)
    rig.happen("alarm_begin", "c00", id=1)
    rig.run(600)
    assert [point for _, _, point in rig.gateway.events] == ["c00"]


def test_values_too_far_apart_for_one_report_stop_no_alarm() -> None:
    points = [PointSpec(f"t{number:02}", "gauge", "Cel") for number in range(60)]
    chance = random.Random(1)
    hours = {point.id: {hour: chance.uniform(-1e8, 1e8) for hour in range(30)} for point in points}
    rig = rig_of(points, hours)  # type: ignore[arg-type]
    rig.run(4 * 3600)
    rig.happen("alarm_begin", "t00", id=1)
    rig.run(3600)
    assert [point for _, _, point in rig.gateway.events] == ["t00"]


@pytest.mark.parametrize("seed", range(2))
def test_random_columns_with_gaps_reach_the_consumer_as_they_were_and_none_stays_so(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    points = [
        PointSpec("e.index", "counter", "Wh"), PointSpec("w.index", "counter", "m3"),
        PointSpec("e.power", "gauge", "W"),
        PointSpec("t.out", "gauge", "Cel"), PointSpec("pump", "state", words=("off", "on")),
    ]  # fmt: skip
    hours: dict[str, dict[int, float | None]] = {}
    for point in points:
        value, hours[point.id] = chance.choice([0.0, 999_999.0, 4e6]), {}
        for hour in range(60):
            value += chance.uniform(0, 5000) if point.kind == "counter" else 0
            level = float(chance.choice([-40, -0.05, 0, 0.04, 21.3, 3000]))
            found = value if point.kind == "counter" else float(chance.randint(0, 1)) if point.words else level
            if (luck := chance.random()) > 0.15:
                hours[point.id][hour] = found
            elif luck > 0.07:
                hours[point.id][hour] = None
    rig = rig_of(points, hours, seed=seed)
    rig.air.loss = 0.0
    far = RealFar(rig, tmp_path)
    rig.air._far = far
    rig.run(55 * 3600)
    query = "SELECT p.point, r.t_ms, r.value, r.min, r.max FROM record r JOIN point p ON p.id = r.point"
    with closing(sqlite3.connect(tmp_path / "site.db")) as db:
        rows = db.execute(query).fetchall()
    got = {(point, (t_ms - BEGIN_MS) // HOUR_MS): rest for point, t_ms, *rest in rows}
    assert len(got) == len(rows)
    reports = rig.sync._values._reports
    schema = None if reports is None else reports.schema
    assert schema is not None
    assert len(got) > 200
    for (point, hour), (value, low, high) in got.items():
        period = rig.past.period(point, BEGIN_MS + hour * HOUR_MS, BEGIN_MS + (hour + 1) * HOUR_MS)
        for channel in (channel for channel in schema.channels if channel.point == point):
            said = {"min": low, "max": high}.get(channel.what, value)
            said = value if said is None else said  # a bound that is the value is not written down again
            number = integer_of(channel, period)
            assert said == (None if number is None else pytest.approx(number * 10.0**channel.exponent, abs=1e-9))
    told = {key for key, (value, *_) in got.items() if value is not None}
    first = min(hour for _, hour in told)
    assert told == {
        (point, hour) for point, column in hours.items() for hour, value in column.items()
        if value is not None and first <= hour <= max(hour for _, hour in told)
    }  # fmt: skip
    far.server.close()
