"""Points on a curve that the device keeps: each period is one record of its own time, told late and once."""

from __future__ import annotations

import pytest

from edge.core.engine import Engine
from edge.core.types import LimitSpec, PointSpec, Record
from hal.sample import BAD, GOOD, UNCERTAIN, Cycle, Past, Sample

HALF_MS = 1_800_000
MINUTE_MS = 60_000
OFFSET_MS = 1_795_165_200_000  # a whole half hour in UTC at the monotonic clock's 0
POINT = "tic.curve"


class Rig:
    """An engine with one such point, told what a meter tells."""

    def __init__(
        self,
        now_ms: int = 10 * HALF_MS,
        offset_ms: int = OFFSET_MS,
        limits: tuple[LimitSpec, ...] = (),
        record_ms: int = HALF_MS,
    ) -> None:
        assert OFFSET_MS % HALF_MS == 0
        spec = PointSpec(
            id=POINT,
            kind="gauge",
            unit="W",
            past=True,
            period_ms=MINUTE_MS,
            record_ms=record_ms,
            high=9000,
            stale_ms=3 * MINUTE_MS,
        )
        self.engine = Engine([spec], limits, boot=1, now_ms=now_ms, utc_offset_ms=offset_ms)
        self.now_ms = now_ms

    def tell(self, now_ms: int, *samples: Sample) -> list[Record]:
        """Hand over a cycle; return the records made by it and by the time since the last one."""
        self.now_ms = now_ms
        self.engine.tick(now_ms)
        self.engine.handle(Cycle("serial", now_ms * 1_000_000, list(samples)))
        return self.engine.take_actions().records

    def until(self, now_ms: int) -> list[Record]:
        """Let time pass in which the point is BAD with no frame."""
        records = []
        for t_ms in range(self.now_ms + MINUTE_MS, now_ms + 1, MINUTE_MS):
            records += self.tell(t_ms, Sample(POINT, t_ms * 1_000_000, None, BAD, "no_frame"))
        return records


def past(end_ms: int, watts: float, dt_ms: int = HALF_MS, **more: object) -> Past:
    return Past(POINT, end_ms * 1_000_000, watts, dt_ms=dt_ms, **more)  # type: ignore[arg-type]


def spans(records: list[Record]) -> list[tuple[int, int, object, str]]:
    return [(record.start_ms, record.dt_ms, record.value, record.reason) for record in records]


def test_a_period_that_is_told_becomes_a_record_of_its_own_time_at_once() -> None:
    rig = Rig()
    end_ms = 10 * HALF_MS
    assert spans(rig.tell(end_ms + 9000, past(end_ms, 1234))) == [(end_ms - HALF_MS, HALF_MS, 1234, "")]
    point = rig.engine.points[POINT]
    assert (point.value, point.quality) == (1234, GOOD)


def test_it_is_told_again_without_a_period_and_makes_no_second_record() -> None:
    rig = Rig()
    end_ms = 10 * HALF_MS
    rig.tell(end_ms + 9000, past(end_ms, 1234))
    for n in range(1, 29):
        assert rig.tell(end_ms + n * MINUTE_MS, past(end_ms, 1234, dt_ms=0)) == []
    assert rig.tell(end_ms + MINUTE_MS, past(end_ms, 1234)) == [], "not even when a driver errs"


def test_periods_follow_each_other_without_hole_though_the_meters_clock_trembles() -> None:
    rig = Rig()
    records = []
    for n, off_ms in enumerate((0, 900, -1400, 2000, 0)):
        end_ms = (10 + n) * HALF_MS + off_ms
        records += rig.tell(end_ms + 5000, past(end_ms, 100 + n))
    assert [record.start_ms for record in records] == [(9 + n) * HALF_MS for n in range(5)]
    assert {record.dt_ms for record in records} == {HALF_MS}


def test_two_periods_at_once_are_two_records() -> None:
    rig = Rig()
    rig.tell(10 * HALF_MS, past(10 * HALF_MS, 1))
    records = rig.tell(12 * HALF_MS, past(11 * HALF_MS, 2), past(12 * HALF_MS, 3))
    assert [(record.start_ms, record.value) for record in records] == [(10 * HALF_MS, 2), (11 * HALF_MS, 3)]


def test_a_period_that_never_comes_is_a_bad_record_once_its_successor_should_have_come() -> None:
    rig = Rig()
    rig.tell(10 * HALF_MS, past(10 * HALF_MS, 1))
    assert rig.until(12 * HALF_MS) == [], "the next one may still bring it"
    records = rig.until(13 * HALF_MS)
    assert spans(records) == [(10 * HALF_MS, HALF_MS, None, "no_frame")]
    assert records[0].quality == BAD


def test_periods_left_out_by_the_meter_are_bad_and_the_rest_has_its_place() -> None:
    rig = Rig()
    rig.tell(10 * HALF_MS, past(10 * HALF_MS, 1))
    records = rig.tell(12 * HALF_MS + 9000, past(12 * HALF_MS, 3))
    assert spans(records) == [(10 * HALF_MS, HALF_MS, None, "stale"), (11 * HALF_MS, HALF_MS, 3, "")]


def test_a_period_longer_ago_than_the_start_has_its_record_also_before_the_clock_began() -> None:
    rig = Rig(now_ms=60_000)
    records = rig.tell(61_000, past(0, 77))
    assert spans(records) == [(-HALF_MS, HALF_MS, 77, "")]


@pytest.mark.parametrize("dt_ms", [10 * MINUTE_MS, HALF_MS, 2 * HALF_MS])
def test_the_first_period_after_a_start_is_kept_though_the_settings_say_a_minute(dt_ms: int) -> None:
    """`record_s` is a minute where nobody writes it: minutes without a sample would hold the place of the period."""
    rig = Rig(record_ms=MINUTE_MS)
    assert rig.until(10 * HALF_MS + dt_ms - MINUTE_MS) == []
    end_ms = 10 * HALF_MS + dt_ms
    assert spans(rig.tell(end_ms + 9000, past(end_ms, 7, dt_ms))) == [(end_ms - dt_ms, dt_ms, 7, "")]


def test_a_curve_that_never_comes_is_a_bad_record_an_hour() -> None:
    records = Rig(record_ms=MINUTE_MS).until(58 * HALF_MS)
    assert {record.dt_ms for record in records} == {2 * HALF_MS}
    assert 20 <= len(records) <= 24


def test_ten_minutes_where_the_settings_say_half_an_hour_are_ten_minutes() -> None:
    rig = Rig()
    ten_ms = HALF_MS // 3
    records = [
        record
        for n in range(3)
        for record in rig.tell(10 * HALF_MS + n * ten_ms + 9000, past(10 * HALF_MS + n * ten_ms, n, ten_ms))
    ]
    assert spans(records) == [(10 * HALF_MS + (n - 1) * ten_ms, ten_ms, n, "") for n in range(3)]


def test_a_doubt_goes_into_the_record_and_what_can_not_be_is_bad() -> None:
    rig = Rig()
    first = rig.tell(10 * HALF_MS, past(10 * HALF_MS, 1, quality=UNCERTAIN, reason="clock_degraded"))
    assert (first[0].quality, first[0].reason) == (UNCERTAIN, "clock_degraded")
    second = rig.tell(11 * HALF_MS, past(11 * HALF_MS, 90_000))
    assert spans(second) == [(10 * HALF_MS, HALF_MS, None, "out_of_range")]
    assert spans(rig.tell(12 * HALF_MS, past(12 * HALF_MS, -1500))) == [(11 * HALF_MS, HALF_MS, -1500, "")]


def test_a_stop_makes_no_record_of_half_a_period() -> None:
    rig = Rig()
    rig.tell(10 * HALF_MS, past(10 * HALF_MS, 1))
    rig.engine.close(10 * HALF_MS + 700_000)
    assert rig.engine.take_actions().records == []


def test_a_clock_that_is_set_moves_no_period_of_the_meter() -> None:
    rig = Rig(offset_ms=0)
    rig.tell(10 * HALF_MS + 9000, past(10 * HALF_MS + 400_000, 1))
    rig.engine.set_clock(OFFSET_MS - 400_000)
    records = rig.tell(11 * HALF_MS + 409_000, past(11 * HALF_MS + 400_000, 2))
    assert [(record.start_ms, record.value) for record in records] == [(10 * HALF_MS + 400_000, 2)]
    assert records[0].dt_ms == HALF_MS


def test_a_limit_looks_at_each_point_of_the_curve() -> None:
    rig = Rig(limits=(LimitSpec(id="much", point=POINT, kind="high", value=3000.0),))
    rig.tell(10 * HALF_MS, past(10 * HALF_MS, 2000))
    assert not rig.engine.alarms.by_limit
    rig.tell(11 * HALF_MS, past(11 * HALF_MS, 4000))
    assert rig.engine.alarms.by_limit["much"].active


def test_a_driver_that_tells_no_period_gives_one_record_a_period() -> None:
    rig = Rig()
    records = []
    for minute in range(1, 91):
        t_ms = 10 * HALF_MS + minute * MINUTE_MS
        records += rig.tell(t_ms, Sample(POINT, t_ms * 1_000_000, float(minute)))
    assert spans(records) == [((9 + n) * HALF_MS, HALF_MS, value, "") for n, value in enumerate((1, 30, 60, 90))]
