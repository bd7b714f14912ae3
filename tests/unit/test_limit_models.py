"""Every measure equals a slow and obvious computation over all readings so far, whatever they are."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.core.limit import Limit
from edge.core.limit_memory import LimitMemory
from edge.core.measure import SPAN_MS, Rate
from edge.core.measure_expression import Condition
from edge.core.measure_time import NeverZero
from edge.core.part import Part
from edge.core.types import Input, LimitSpec
from hal.sample import BAD, GOOD
from tests.metered_site import MeteredSite, counter, utc_ms
from tests.sim import limit_models
from tests.unit.rig import Rig, gauge, high

PARIS = ZoneInfo("Europe/Paris")
values = st.one_of(st.none(), st.floats(-5, 5), st.integers(0, 2).map(float))
steps = st.lists(st.tuples(st.sampled_from([1, 500, 1000, 2000, 7000, 60_000]), values), min_size=1, max_size=60)


def readings_of(parts: list[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    found, t_ms = [], 0
    for step_ms, value in parts:
        t_ms += step_ms
        found.append((t_ms, value))
    return found


@given(steps, st.sampled_from([1000, 5000, 30_000]), st.sampled_from(["second", "minute", "hour", "day"]))
@example([(1000, 1.0), (1000, None), (7000, 2.0)], 5000, "hour")
def test_a_rate_is_that_of_the_model(parts: list[tuple[int, float | None]], over_ms: int, per: Any) -> None:
    measure = Rate(high(0.0, kind="rate", over_ms=over_ms, per=per, direction="up"))
    readings = readings_of(parts)
    for count, (t_ms, value) in enumerate(readings, 1):
        measure.take("", value, t_ms)
        assert measure.number(t_ms) == limit_models.rate(readings[:count], over_ms, SPAN_MS[per])


@given(steps, st.sampled_from([0, 1000, 5000]), st.booleans())
def test_never_zero_is_that_of_the_model(parts: list[tuple[int, float | None]], rest_ms: int, is_index: bool) -> None:
    if is_index and not rest_ms:
        rest_ms = 1  # refused by the settings
    measure = NeverZero(high(0.0, kind="never_zero", over_ms=60_000, rest_ms=rest_ms, is_index=is_index))
    readings = readings_of(parts)
    for count, (t_ms, value) in enumerate(readings, 1):
        measure.take("", value, t_ms)
        assert measure.number(t_ms) == limit_models.never_zero(readings[:count], rest_ms, is_index=is_index)


@given(st.lists(st.tuples(st.sampled_from(["door", "t"]), st.one_of(st.none(), st.integers(0, 10))), max_size=40))
def test_a_condition_is_what_the_last_readings_say(parts: list[tuple[str, int | None]]) -> None:
    inputs = {"door": Input(), "t": Input("Cel")}
    text = "door == 1 and (t > 8 or not t >= 2)"
    measure = Condition(LimitSpec("l", "t", "expression", expression=text, inputs=inputs))
    last: dict[str, int | None] = {}
    for t_ms, (name, value) in enumerate(parts):
        last[name] = value
        measure.take("" if name == "t" else name, value, t_ms)
        door, cold = last.get("door"), last.get("t")
        expected = None if door is None or cold is None else float(door == 1 and (cold > 8 or cold < 2))
        assert measure.number(t_ms) == expected


NEAR = [near for bound in (10.0, 20.0, 30.0) for near in (bound, math.nextafter(bound, 0), math.nextafter(bound, 99))]
plain = st.builds(
    LimitSpec,
    id=st.just("l"),
    point=st.just("p"),
    kind=st.sampled_from(["low_low", "low", "high", "high_high", "high", "low", "fault"]),
    value=st.sampled_from([10.0, 20.0, 30.0]),
    deadband=st.sampled_from([0.0, 5.0, 15.0]),
    on_delay_ms=st.sampled_from([0, 0, 2000]),
    off_delay_ms=st.sampled_from([0, 0, 2000]),
    or_equal=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(plain, min_size=1, max_size=3),
    st.lists(st.sampled_from([*NEAR, None, 5.0, 15.0, 25.0, 35.0]), min_size=12, max_size=40),
)
def test_the_quiet_band_of_a_point_lets_no_reading_pass_that_a_limit_would_judge(
    specs: list[LimitSpec], values: list[float | None]
) -> None:
    specs = [msgspec.structs.replace(spec, id=f"l{place}") for place, spec in enumerate(specs)]
    rig = Rig(gauge(), *specs)
    rig.each_second(0, *values)
    found = sorted(
        (event.at_ms, event.values["limit"], event.kind == "alarm_begin")
        for event in rig.events
        if event.kind in {"alarm_begin", "alarm_end"}
    )
    expected = []
    for spec in specs:
        limit = Limit(spec)
        for second, value in enumerate(values):
            quality, reason = (BAD, "no_answer") if value is None else (GOOD, "")
            change = limit.judge(value, quality, reason, second * 1000)
            if change is not None:
                expected.append((second * 1000, spec.id, change))
    chatters = {event.values["limit"] for event in rig.events if event.kind == "alarm_chatter"}
    assert [each for each in found if each[1] not in chatters] == [
        each for each in sorted(expected) if each[1] not in chatters
    ]


class Site(MeteredSite):
    def parts(self) -> list[Part]:
        return [*super().parts(), LimitMemory(self.registers)]


@settings(max_examples=25, deadline=None)
@given(
    day=st.sampled_from(["2026-03-28", "2026-10-24", "2026-11-20"]),
    litres=st.lists(st.integers(0, 60), min_size=72, max_size=72),
    kills=st.sets(st.integers(1, 71), max_size=3),
)
def test_the_days_with_an_alarm_are_those_that_used_too_much(day: str, litres: list[int], kills: set[int]) -> None:
    """Three local days, the middle one of 23, 25 or 24 hours, an hourly reading, restarts between hours."""
    limit = LimitSpec("day", "water.cold", "consumption", value=0.6, per="day")
    hourly = counter(volatile=False, period_ms=3_600_000, record_ms=3_600_000, stale_ms=20_000_000)
    start_ms = utc_ms(f"{day} 00:00", PARIS)
    site = Site([hourly], PARIS, start_ms, limits=[limit])
    total, used = 0, {}
    for hour, more in enumerate(litres):
        at_ms = start_ms + hour * 3_600_000
        site.read(at_ms, ("water.cold", total))
        if hour in kills:
            site.commit()
            site.kill(at_ms + 1000)
        local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(PARIS).date()
        total += more
        used[local] = used.get(local, 0) + more
        site.read(at_ms + 3_540_000, ("water.cold", total))  # of the hour, before it is over
    begun = [event.values["v"] for event in site.events if event.kind == "alarm_begin"]
    assert len(begun) == sum(amount > 600 for amount in used.values())
    assert all(value > 0.6 for value in begun)


@pytest.mark.parametrize(
    ("per", "begin", "hours", "ends"),
    [
        ("hour", "2026-10-25 01:30", 4, ["02:00", "02:00", "03:00", "04:00"]),
        ("week", "2026-10-24 12:00", 48, ["00:00"]),
        ("month", "2026-10-31 12:00", 24, ["00:00"]),
    ],
)
def test_each_period_has_its_alarm_and_its_end(per: Any, begin: str, hours: int, ends: list[str]) -> None:
    """The hour that comes twice is two hours, a week ends on Sunday, a month when it does."""
    limit = LimitSpec("l", "water.cold", "consumption", value=0.02, per=per)
    start_ms = utc_ms(begin, PARIS)
    site = Site([counter()], PARIS, start_ms, limits=[limit])
    for minute in range(hours * 60):
        site.read(start_ms + minute * 60_000, ("water.cold", minute))
    found = [
        datetime.fromtimestamp((start_ms + event.at_ms) / 1000, UTC).astimezone(PARIS)
        for event in site.events
        if event.kind == "alarm_end"
    ]
    assert [f"{end:%H:%M}" for end in found] == ends
    begun = [event for event in site.events if event.kind == "alarm_begin"]
    assert len(begun) == len(ends) + 1  # the last period is not over


@pytest.mark.parametrize("cut_ms", [60_000, 3_600_000])
@pytest.mark.parametrize("is_dated", [True, False])
def test_a_rates_window_goes_on_after_a_restart(cut_ms: int, is_dated: bool) -> None:
    """A window of two hours: what was read before the power cut counts, once the new start has a date."""
    falls = LimitSpec("falls", "water.cold", "rate", value=0.1, over_ms=7_200_000, per="hour")
    start_ms = utc_ms("2026-11-20 00:00", PARIS)
    site = Site([counter()], PARIS, start_ms, limits=[falls])
    for minute in range(120):
        site.read(start_ms + minute * 60_000, ("water.cold", minute))  # 60 l an hour
    site.commit()
    again_ms = start_ms + 119 * 60_000 + cut_ms
    site.kill(again_ms, is_dated=is_dated)
    for minute in range(2):
        site.read(again_ms + minute * 60_000, ("water.cold", 200 + minute * 60))
    if not is_dated:
        assert site.events == []
        site.date(again_ms + 120_000)
    site.read(again_ms + 180_000, ("water.cold", 400))
    assert [event.kind for event in site.events if event.kind == "alarm_begin"] == ["alarm_begin"]


def test_a_window_that_nobody_dated_is_forgotten() -> None:
    falls = LimitSpec("falls", "water.cold", "rate", value=0.1, over_ms=7_200_000, per="hour")
    start_ms = utc_ms("2026-11-20 00:00", PARIS)
    site = Site([counter()], PARIS, start_ms, limits=[falls], is_dated=False)
    for minute in range(130):
        site.read(start_ms + minute * 60_000, ("water.cold", minute))
    site.commit()
    site.kill(start_ms + 130 * 60_000)
    site.read(start_ms + 131 * 60_000, ("water.cold", 5000))
    assert [event.kind for event in site.events if event.kind == "alarm_begin"] == []


def test_another_limit_of_the_same_name_begins_anew() -> None:
    leak = LimitSpec("x", "water.cold", "never_zero", over_ms=3_600_000, rest_ms=600_000, is_index=True)
    start_ms = utc_ms("2026-11-20 00:00", PARIS)
    site = Site([counter()], PARIS, start_ms, limits=[leak])
    for minute in range(50):
        site.read(start_ms + minute * 60_000, ("water.cold", minute))
    site.stop(start_ms + 50 * 60_000)
    assert site.registers["limit/x"]["for_ms"] == 49 * 60_000
    site.more["limits"] = [LimitSpec("x", "water.cold", "consumption", value=1.0, per="day")]
    site.start(start_ms + 51 * 60_000)
    site.read(start_ms + 52 * 60_000, ("water.cold", 0))
    assert site.engine.limits["x"].number is not None


def test_what_limits_remember_is_written_now_and_then() -> None:
    """A day of flow costs a register each hundredth of its time; one of taps costs none."""
    leak = LimitSpec("x", "water.cold", "never_zero", over_ms=86_400_000, rest_ms=600_000, is_index=True)
    start_ms = utc_ms("2026-11-20 00:00", PARIS)
    for each, most in ((1, 100), (15, 0)):
        site = Site([counter()], PARIS, start_ms, limits=[leak])
        written, before = 0, None
        for minute in range(24 * 60):
            site.read(start_ms + minute * 60_000, ("water.cold", minute // each))
            now = site.registers.get("limit/x")
            written += now != before
            before = now
        assert written <= most


def test_a_day_ends_an_alarm_of_the_day_before_while_the_box_was_off() -> None:
    limit = LimitSpec("day", "water.cold", "consumption", value=0.1, per="day")
    start_ms = utc_ms("2026-11-20 20:00", PARIS)
    site = Site([counter()], PARIS, start_ms, limits=[limit])
    for minute in range(10):
        site.read(start_ms + minute * 60_000, ("water.cold", minute * 30))
    site.stop(start_ms + 600_000)
    morning_ms = start_ms + round(timedelta(hours=12).total_seconds() * 1000)
    site.start(morning_ms)
    site.read(morning_ms + 1000, ("water.cold", None))
    assert [event.kind for event in site.events if event.kind.startswith("alarm")] == ["alarm_begin", "alarm_end"]


@pytest.mark.parametrize(
    "broken",
    [None, 5, "x", [], {}, {"boot": 1}, {"for_ms": "much"}, {"for_ms": None, "rest_ms": 0, "last": 0}],
    ids=str,
)
def test_a_register_that_is_no_register_begins_anew_and_is_said(broken: Any) -> None:
    leak = LimitSpec("x", "water.cold", "never_zero", over_ms=600_000, rest_ms=300_000, is_index=True)
    start_ms = utc_ms("2026-11-20 00:00", PARIS)
    site = Site([counter()], PARIS, start_ms, limits=[leak])
    site.commit()
    kept = {"boot": 1, "offset": start_ms, "kind": "never_zero", "for_ms": 1, "rest_ms": 0, "last": None}
    is_part = isinstance(broken, dict) and "for_ms" in broken
    site.registers["limit/x"] = {**kept, **broken} if is_part else broken
    site.kill(start_ms + 60_000)
    for minute in range(12):
        site.read(start_ms + (2 + minute) * 60_000, ("water.cold", minute))
    (fault,) = [event for event in site.events if event.kind == "fault"]
    assert "x begins anew" in fault.values["text"]
    assert [event.kind for event in site.events if event.kind.startswith("alarm")] == ["alarm_begin"]
