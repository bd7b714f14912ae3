"""Limits one by one: when an alarm begins, when it ends, and the list of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.alarm import Alarm, AlarmList
from edge.core.limit import Limit, excess, is_beyond
from edge.core.types import NEVER, LimitSpec
from hal.sample import BAD, GOOD, UNCERTAIN
from tests.unit.rig import high


def played(spec: LimitSpec, *values: float | None, limit: Limit | None = None) -> list[tuple[int, bool]]:
    """Return (second, begins or ends) for one reading a second from 0 on; None is BAD `no_answer`."""
    limit = limit or Limit(spec)
    found = []
    for second, value in enumerate(values):
        quality, reason = (BAD, "no_answer") if value is None else (GOOD, "")
        change = limit.judge(value, quality, reason, second * 1000)
        if change is not None:
            found.append((second, change))
    return found


def limit_of(kind: Any, value: float = 30.0, **changes: Any) -> LimitSpec:
    return high(value, kind=kind, **changes)


def test_an_alarm_ends_below_the_deadband_only() -> None:
    assert played(high(deadband=1), 25, 30.5, 31.5, 30.5, 29.5, 29.1, 28.9) == [(1, True), (6, False)]


@pytest.mark.parametrize(
    ("kind", "deadband", "values", "changes"),
    [
        ("high", 0, [30, 30.1, 30], [(1, True), (2, False)]),
        ("low", 0, [30, 29.9, 30], [(1, True), (2, False)]),
        ("low", 2, [29.9, 31.9, 32, 30], [(0, True), (2, False)]),
        ("high", 0, [-31, 31, -31], [(1, True), (2, False)]),
        ("equal", 0, [29, 30, 31, 30], [(1, True), (2, False), (3, True)]),
        ("equal", 2, [30, 32, 28, 32.1, 29], [(0, True), (3, False)]),
        ("not_equal", 0, [30, 29, 31, 30], [(1, True), (3, False)]),
        ("not_equal", 5, [30, 29, 31, 30], [(1, True), (3, False)]),
        ("high", 0, [], []),
        ("high", 0, [None, None], []),
    ],
)
def test_each_kind_begins_and_ends(kind: str, deadband: float, values: list[Any], changes: list[Any]) -> None:
    assert played(limit_of(kind, deadband=deadband), *values) == changes


def test_crossings_shorter_than_the_delay_begin_nothing() -> None:
    assert played(high(on_delay_ms=3000), *[31, 31, 31, 29] * 20) == []


def test_an_alarm_begins_when_the_value_stayed_beyond_for_the_delay() -> None:
    assert played(high(on_delay_ms=3000), 29, 31, 31, 31, 31, 29) == [(4, True), (5, False)]


def test_a_value_within_the_deadband_only_is_not_exceeded_for_the_delay() -> None:
    assert played(high(deadband=3, on_delay_ms=3000), 29, 31, *[29] * 9) == []
    assert played(high(deadband=3, on_delay_ms=3000), 31, 31, 31, 31, *[29] * 9) == [(3, True)]


def test_an_alarm_ends_when_the_value_stayed_inside_for_the_delay() -> None:
    spec = high(off_delay_ms=2000)
    assert played(spec, 31, 29, 31, 29, 29, 29) == [(0, True), (5, False)]


def test_a_delay_runs_out_without_a_new_reading() -> None:
    limit = Limit(high(on_delay_ms=3000))
    limit.judge(31, GOOD, "", 1000)
    assert limit.due_ms == 4000
    assert limit.check(3999) is None
    assert limit.check(4000) is True
    assert limit.check(9000) is None
    assert limit.due_ms == NEVER


def test_a_value_that_is_missing_neither_begins_nor_ends_an_alarm() -> None:
    assert played(high(), 31, None, None, 31, None, 29) == [(0, True), (5, False)]
    assert played(high(), None, 29, None, 31) == [(3, True)]


def test_a_delay_does_not_run_out_while_nothing_is_known() -> None:
    limit = Limit(high(on_delay_ms=3000))
    assert played(high(), 31, None, None, None, None, limit=limit) == []
    assert limit.due_ms == NEVER
    assert limit.is_engaged
    assert limit.judge(31, GOOD, "", 5000) is True  # still beyond, and the delay is over
    limit = Limit(high(on_delay_ms=3000))
    assert played(high(), 31, None, None, None, None, 29, limit=limit) == []
    assert not limit.is_engaged


def test_a_device_that_answers_every_other_time_does_not_put_an_alarm_off() -> None:
    assert played(high(on_delay_ms=5000), *[31, None] * 5) == [(6, True)]


@pytest.mark.parametrize("reason", ["unconfirmed", "inconsistent", "suspect"])
def test_a_value_not_yet_believed_says_nothing(reason: str) -> None:
    limit = Limit(high())
    assert limit.judge(31, UNCERTAIN, reason, 0) is None
    assert limit.judge(31, UNCERTAIN, "late", 1000) is True
    assert limit.judge(29, UNCERTAIN, reason, 2000) is None
    assert limit.active


def test_a_fault_begins_with_bad_and_ends_with_any_value() -> None:
    limit = Limit(limit_of("fault", on_delay_ms=2000))
    assert played(limit.spec, 20, None, None, 20, None, None, None, None, limit=limit) == [(6, True)]
    assert limit.peak is None
    assert limit.judge(20, UNCERTAIN, "unconfirmed", 9000) is False
    assert limit.peak is None


def test_a_fault_has_no_peak_while_its_end_is_delayed() -> None:
    limit = Limit(limit_of("fault", off_delay_ms=3000))
    assert played(limit.spec, None, 20, 21, 22, 23, limit=limit) == [(0, True), (4, False)]
    assert limit.peak is None


def test_a_value_that_goes_back_beyond_during_the_off_delay_keeps_its_peak() -> None:
    limit = Limit(high(off_delay_ms=3000))
    played(limit.spec, 40, 29, 31, limit=limit)
    assert (limit.active, limit.peak) == (True, 40)


def test_a_stale_limit_asks_for_that_reason() -> None:
    limit = Limit(limit_of("stale"))
    assert limit.judge(None, BAD, "no_answer", 0) is None
    assert limit.judge(None, BAD, "stale", 1000) is True
    assert limit.judge(None, BAD, "no_answer", 2000) is False


def test_the_peak_is_the_value_farthest_beyond() -> None:
    limit = Limit(limit_of("low", 5.0, off_delay_ms=2000))
    played(limit.spec, 8, 4, 3.5, 4.9, 6, 2.5, 6, limit=limit)
    assert (limit.peak, limit.peak_ms) == (2.5, 5000)
    limit.judge(6, GOOD, "", 9000)
    limit.judge(4.5, GOOD, "", 10_000)
    assert (limit.peak, limit.peak_ms) == (4.5, 10_000)


def test_a_limit_goes_on_with_its_alarm_after_a_restart() -> None:
    alarm = Alarm(7, "l", "p", 1, 0, 31.0, peak=35.0)
    limit = Limit(high(deadband=1), alarm)
    assert limit.active
    assert limit.judge(29.5, GOOD, "", 0) is None  # the deadband still holds
    assert limit.peak == 35.0
    assert limit.judge(28.9, GOOD, "", 1000) is False


def test_excess_has_the_sign_of_beyond() -> None:
    assert excess("high", 31, 30) == excess("high_high", 31, 30) == 1
    assert excess("low", 31, 30) == excess("low_low", 31, 30) == -1
    assert excess("not_equal", 28, 30) == 2
    assert excess("equal", 28, 30) == -2
    assert is_beyond(limit_of("equal"), 30, 30)
    assert not is_beyond(limit_of("equal"), 28, 30)


readings = st.lists(st.one_of(st.none(), st.floats(20, 40)), max_size=60)


@given(
    st.sampled_from(["high", "low", "equal", "not_equal", "fault"]),
    st.floats(0, 5),
    st.integers(0, 5),
    st.integers(0, 5),
    readings,
)
def test_begin_and_end_take_turns_and_never_on_a_missing_value(
    kind: str, deadband: float, on_s: int, off_s: int, values: list[float | None]
) -> None:
    spec = limit_of(kind, deadband=deadband, on_delay_ms=on_s * 1000, off_delay_ms=off_s * 1000)
    changes = played(spec, *values)
    assert [begins for _, begins in changes] == [number % 2 == 0 for number in range(len(changes))]
    if kind != "fault":
        assert all(values[second] is not None for second, _ in changes)


def test_numbers_go_up_and_are_kept() -> None:
    alarms = AlarmList()
    first = alarms.begin(Limit(high()), 1, 0, 31.0)
    second = alarms.begin(Limit(high(id="m")), 1, 10, 32.0)
    assert (first.number, second.number) == (1, 2)
    again = AlarmList(alarms.register())
    assert again.sorted() == [second, first]
    assert again.begin(Limit(high(id="n")), 2, 0, 33.0).number == 3


def begun(alarms: AlarmList, *names: str) -> list[Alarm]:
    return [alarms.begin(Limit(high(id=name)), 1, 0, 31.0) for name in names]


def test_an_alarm_is_gone_when_it_is_over_and_acknowledged_in_any_order() -> None:
    alarms = AlarmList()
    first, second = begun(alarms, "l", "m")
    alarms.acknowledge(first, "anna", 1, 3)
    assert (first.state, first.acknowledged_by, first.acknowledged_ms) == ("acknowledged", "anna", 3)
    assert alarms.waiting() == [2]
    alarms.end(first, 1, 5)
    assert set(alarms.by_limit) == {"m"}
    alarms.end(second, 1, 6)
    assert [(alarm.number, alarm.state, alarm.end_ms) for alarm in alarms.sorted()] == [(2, "returned", 6)]
    assert alarms.numbered(2) is second
    alarms.acknowledge(second, "anna", 1, 7)
    assert alarms.by_limit == {}
    assert alarms.numbered(2) is None
    assert second.state == "normal"


def test_what_nobody_was_to_hear_nobody_has_to_acknowledge() -> None:
    alarms = AlarmList()
    (alarm,) = begun(alarms, "l")
    alarm.silence, alarm.heard = "shelved", False
    assert (alarm.state, alarms.waiting()) == ("shelved", [])
    alarms.end(alarm, 1, 5)
    assert alarms.by_limit == {}


def test_a_latched_alarm_waits_though_it_was_acknowledged() -> None:
    alarms = AlarmList()
    (alarm,) = begun(alarms, "l")
    alarms.acknowledge(alarm, "anna", 1, 3)
    alarm.beyond = False
    assert (alarm.state, alarm.active, alarms.waiting()) == ("latched", True, [1])
    alarm.chattering = True
    assert (alarm.state, alarms.waiting()) == ("acknowledged", []), "held by its chatter, not latched"


def test_a_new_alarm_takes_the_place_of_one_that_ended_unseen() -> None:
    alarms = AlarmList()
    (first,) = begun(alarms, "l")
    alarms.end(first, 1, 5)
    begun(alarms, "l")
    assert [(alarm.number, alarm.active) for alarm in alarms.sorted()] == [(2, True)]
    assert AlarmList({}).sorted() == AlarmList(None).sorted() == []
