"""The engine as a whole: calendar, clock, silence, alarms and indexes over restarts, orders."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.commands import Command, Result
from edge.core.counter import Kept, Volatile, pending
from edge.core.kinds import Counter
from edge.core.types import NEVER
from hal.sample import GOOD, Notice, Sample
from tests.unit.rig import Rig, gauge, high, sample

PARIS = ZoneInfo("Europe/Paris")
HOUR_S = 3600


def utc_s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def ack(number: int | None = None, *, id_: str = "c1", **args: Any) -> Command:
    values = args if number is None else {"number": number, **args}
    return Command(id_, "ack", values, "anne", "api", right="operate")


def order(rig: Rig, command: Command, t_s: float = 0.0) -> Result:
    """Return the result of a command, given as the station does."""
    result = rig.engine.command(command, round(t_s * 1000))
    rig.collect()
    return result


# -- calendar and clock


@pytest.mark.parametrize(
    ("midnight", "hours"),
    [("2026-03-29T00:00+01:00", 23), ("2026-10-25T00:00+02:00", 25), ("2026-06-21T00:00+02:00", 24)],
)
def test_a_day_of_a_clock_change_has_its_hourly_records_and_one_daily(midnight: str, hours: int) -> None:
    rig = Rig(
        gauge(period_ms=600_000, record_ms=HOUR_S * 1000, stale_ms=2_000_000),
        gauge(id="day", kind="counter", period_ms=600_000, record_ms=86_400_000, stale_ms=2_000_000),
        utc_offset_ms=round(utc_s(midnight) * 1000),
        zone=PARIS,
    )
    for t_s in range(0, (hours + 1) * HOUR_S, 600):
        rig.cycle(t_s, sample(t_s, t_s), sample(t_s, t_s // 600, point="day"))
    hourly = [(record.start_ms, record.dt_ms, record.count) for record in rig.records if record.point == "p"]
    assert hourly == [(hour * 3_600_000, 3_600_000, 6) for hour in range(hours)]
    (daily,) = [record for record in rig.records if record.point == "day"]
    assert (daily.dt_ms, daily.increment) == (hours * 3_600_000, hours * 6 - 1)


def test_records_begin_on_the_site_s_calendar_not_on_the_box_s_start() -> None:
    rig = Rig(gauge(record_ms=60_000), now_s=5, utc_offset_ms=17_300)
    rig.each_second(6, *[20] * 100)
    assert rig.spans()[0] == (5000, 42_700)
    assert rig.spans()[1] == (42_700, 102_700)


@pytest.mark.parametrize(
    "step_ms", [-3_600_000, -45_000, -30_000, -2000, -1, 1, 700, 2000, 29_999, 30_000, 45_000, 10**9]
)
@pytest.mark.parametrize("at_s", [30, 60, 61])
def test_a_clock_that_is_set_moves_the_periods_and_loses_nothing(step_ms: int, at_s: int) -> None:
    rig = Rig(gauge(record_ms=60_000))
    rig.each_second(1, *range(1, at_s))
    rig.tick(at_s)
    rig.engine.set_clock(step_ms)
    rig.collect()
    rig.each_second(at_s, *range(at_s, 300))
    rig.close(300)
    spans = rig.spans()
    assert spans[0][0] == 0
    assert 299_000 < spans[-1][1] <= 300_000  # what is left after the last reading is not yet due
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    assert all(0 < end - start <= 120_000 for start, end in spans)
    assert all((end + step_ms) % 60_000 == 0 for _, end in spans[2:-1])
    assert sum(record.count for record in rig.records) == 299
    assert all(record.quality == GOOD for record in rig.records)
    for record in rig.records:  # each value is the second it was read at
        assert record.value is not None
        last = record.start_ms + record.dt_ms - (0 if record.start_ms + record.dt_ms == at_s * 1000 else 1)
        assert record.start_ms <= record.value * 1000 <= last  # type: ignore[operator]


def test_the_same_time_again_changes_nothing() -> None:
    rig = Rig(gauge(), utc_offset_ms=5)
    rig.each_second(1, 20, 20, 20)
    rig.engine.set_clock(5)
    rig.collect()
    assert rig.records == []
    assert rig.engine.points["p"].end_ms == 9995


def test_a_day_that_began_without_a_clock_ends_at_local_midnight() -> None:
    rig = Rig(gauge(record_ms=86_400_000, period_ms=60_000, stale_ms=10**8), zone=PARIS)
    rig.read(0, 20)
    rig.read(5 * HOUR_S, 20)
    rig.engine.set_clock(round(utc_s("2026-06-21T20:00+02:00") * 1000))  # five hours ago it was 20:00
    rig.read(5 * HOUR_S + 60, 21)
    assert rig.spans() == [(0, 5 * HOUR_S * 1000)]
    rig.read(28 * HOUR_S, 22)
    assert rig.spans()[1:] == [(5 * HOUR_S * 1000, 28 * HOUR_S * 1000)]


# -- messages


def test_notices_and_device_memory_go_their_way() -> None:
    rig = Rig(gauge())
    rig.cycle(1, notices=[Notice("meter_changed", 900_000_000, {"was": "1"}, "p")], state={"ttyS0": '{"adco":"1"}'})
    assert [(event.kind, event.at_ms, event.point, event.values) for event in rig.events] == [
        ("meter_changed", 900, "p", {"bus": "b", "was": "1"})
    ]
    assert rig.registers == {"device/b/ttyS0": '{"adco":"1"}'}


def test_an_empty_cycle_and_an_empty_site_ask_for_nothing() -> None:
    rig = Rig()
    rig.cycle(1)
    rig.cycle(2, sample(2, 1, point="nobody"))
    rig.tick(3)
    rig.close(4)
    assert (rig.records, rig.events, rig.registers) == ([], [], {})
    assert rig.engine.next_due_ms() == NEVER
    assert Rig(gauge()).engine.next_due_ms() == 1000


def test_one_bad_value_does_not_keep_the_others_of_its_cycle_back() -> None:
    rig = Rig(gauge(), gauge(id="q"), gauge(id="t", kind="text"))
    rig.cycle(1, sample(1, "gibberish"), Sample("t", 0, None, GOOD), sample(1, 7, point="q"))
    points = rig.engine.points
    assert (points["p"].reason, points["t"].reason, points["q"].value) == ("not_a_number", "not_a_number", 7)


def test_a_driver_that_keeps_sending_texts_for_numbers_is_not_called_silent() -> None:
    rig = Rig(gauge(stale_ms=3000))
    rig.each_second(1, *["gibberish"] * 4)
    assert rig.engine.points["p"].reason == "not_a_number"


def test_a_bug_of_the_engine_is_not_blamed_on_the_driver() -> None:
    rig = Rig(gauge())
    rig.engine.points["p"].low = "planted"  # type: ignore[assignment]
    with pytest.raises(TypeError):
        rig.cycle(1, sample(1, 20))


# -- alarms


def alarm_events(rig: Rig) -> list[tuple[str, int, Any]]:
    """Return kind, second and number of the alarms' events."""
    found = [event for event in rig.events if event.kind.startswith("alarm")]
    return [(event.kind.removeprefix("alarm_"), event.at_ms // 1000, event.values["id"]) for event in found]


def test_an_alarm_says_which_where_how_much_and_since_when() -> None:
    rig = Rig(gauge(unit="Cel"), high(30, deadband=1, priority="high", diagnosis="overheating"))
    rig.each_second(1, 29, 31, 35, 29.5, 28)
    begin, end = rig.events
    facts = {"id": 1, "limit": "l", "kind": "high", "prio": "high", "u": "Cel", "at": 30, "diagnosis": "overheating"}
    assert (begin.kind, begin.point, begin.at_ms, begin.values) == ("alarm_begin", "p", 2000, {**facts, "v": 31})
    assert (end.kind, end.at_ms) == ("alarm_end", 5000)
    assert end.values == {**facts, "v": 28, "peak": 35, "lasted_ms": 3000}


def test_a_spike_between_two_readings_inside_is_an_alarm() -> None:
    rig = Rig(gauge(), high(30), high(10, kind="low", id="m"))
    rig.each_second(1, 20, 30, 10, 20, 30.001, 20, 9.999, 20)
    assert alarm_events(rig) == [("begin", 5, 1), ("end", 6, 1), ("begin", 7, 2), ("end", 8, 2)]


def test_delays_run_out_by_time_alone() -> None:
    spec = high(30, on_delay_ms=3000, off_delay_ms=2000)
    rig = Rig(gauge(stale_ms=60_000), spec)
    rig.read(1, 31)
    rig.silence(2, 6)
    rig.read(7, 29)
    rig.silence(8, 12)
    assert alarm_events(rig) == [("begin", 4, 1), ("end", 9, 1)]


def test_a_fault_begins_and_ends_also_where_the_value_is_far_from_any_limit() -> None:
    rig = Rig(gauge(stale_ms=3000), high(30), high(kind="fault", id="f", on_delay_ms=1000), high(kind="stale", id="s"))
    rig.each_second(1, 20, None, 20, None, None, None, 20, 20)
    assert alarm_events(rig) == [("begin", 5, 1), ("end", 7, 1)]
    rig.silence(9, 14)
    assert alarm_events(rig)[2:] == [("begin", 12, 2), ("begin", 13, 3)]
    begun = [event.values for event in rig.events[2:]]
    assert [(values["limit"], values["why"]) for values in begun] == [("s", "stale"), ("f", "stale")]
    rig.each_second(15, 20)
    assert sorted(alarm_events(rig)[4:]) == [("end", 15, 2), ("end", 15, 3)]
    assert all(
        "v" not in event.values and "peak" not in event.values for event in rig.events if event.kind == "alarm_begin"
    )
    assert all("at" not in event.values for event in rig.events)


def test_a_fault_with_an_off_delay_ends_when_the_value_stayed_back() -> None:
    rig = Rig(gauge(), high(kind="fault", off_delay_ms=3000))
    rig.each_second(1, None, 20, None, 20, 20, 20, 20)
    assert alarm_events(rig) == [("begin", 1, 1), ("end", 7, 1)]


def test_a_missing_value_holds_every_delay_of_a_value_limit() -> None:
    rig = Rig(gauge(stale_ms=3000), high(30, on_delay_ms=5000))
    rig.each_second(1, 31, 31, None, None, None, None, None, None)
    rig.silence(9, 20)
    assert alarm_events(rig) == []
    rig.read(21, 20)
    rig.silence(22, 23)
    assert alarm_events(rig) == []


def test_an_alarm_lives_through_a_restart_and_begins_once() -> None:
    rig = Rig(gauge(), high(30, deadband=1))
    rig.each_second(1, 31, 33)
    again = rig.restart()
    again.each_second(1, 34, 29.5, 28)
    assert alarm_events(again) == [("end", 3, 1)]
    assert again.events[0].values["peak"] == 34
    assert "lasted_ms" not in again.events[0].values  # the start lies in another boot
    assert again.restart().engine.alarms.waiting() == [1]


def test_a_clean_stop_keeps_the_peak() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31, 40, 32)
    rig.close(4)
    again = rig.restart()
    again.each_second(1, 33, 20)
    assert again.events[0].values["peak"] == 40


def test_a_fault_that_lasted_over_a_restart_ends_with_the_first_value() -> None:
    rig = Rig(gauge(), high(30), high(kind="fault", id="f"))
    rig.each_second(1, None)
    again = rig.restart()
    again.each_second(1, 20)
    assert alarm_events(again) == [("end", 1, 1)]


def test_an_alarm_whose_limit_left_the_settings_ends_and_says_why() -> None:
    rig = Rig(gauge(), high(30, priority="critical"))
    rig.each_second(1, 31)
    again = rig.restart(0, gauge())
    assert [(event.kind, event.point, event.values) for event in again.events] == [
        ("alarm_end", "p", {"id": 1, "limit": "l", "kind": "high", "prio": "critical", "why": "limit_removed"})
    ]
    assert again.engine.alarms.waiting() == [1]
    assert order(again, ack(1)).done
    assert again.restart().engine.alarms.sorted() == []


def test_an_alarm_whose_limit_went_to_another_point_ends() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31)
    again = rig.restart(0, gauge(), gauge(id="q"), high(30, point="q"))
    assert [event.kind for event in again.events] == ["alarm_end"]
    assert not again.engine.limits["l"].active
    again.cycle(1, sample(1, 20, point="q"))
    assert len(again.events) == 1


def test_a_limit_changed_in_the_settings_judges_the_next_reading() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31)
    again = rig.restart(0, gauge(), high(50))
    again.each_second(1, 31)
    assert alarm_events(again) == [("end", 1, 1)]


def test_acknowledging_before_the_end_and_after_it() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31)
    result = order(rig, ack(1), 2)
    assert (result.done, result.text.key, result.values) == (True, "ack_done", {"numbers": [1]})
    event = rig.events[1]
    assert (event.kind, event.at_ms, event.point) == ("alarm_ack", 2000, "p")
    assert event.values == {
        "id": 1, "limit": "l", "kind": "high", "prio": "medium", "author": "anne", "channel": "api", "active": True,
        "before": "unacknowledged", "after": "acknowledged",
    }  # fmt: skip
    rig.each_second(3, 20, 31, 20)
    assert [(alarm.number, alarm.active) for alarm in rig.engine.alarms.sorted()] == [(2, False)]
    assert order(rig, ack(2, id_="c2"), 6).done
    assert rig.engine.alarms.sorted() == []
    assert rig.kinds() == [
        "alarm_begin", "alarm_ack", "command", "alarm_end", "alarm_begin", "alarm_end", "alarm_ack", "command",
    ]  # fmt: skip


def test_acknowledging_without_a_number_takes_all_that_wait() -> None:
    rig = Rig(gauge(), high(30), high(25, id="m"))
    rig.each_second(1, 31)
    assert order(rig, ack(id_="a")).values == {"numbers": [1, 2]}
    nothing = order(rig, ack(id_="b"))
    assert (nothing.done, nothing.text.key) == (False, "ack_nothing")


@pytest.mark.parametrize("number", [0, 2, -1, 10**12])
def test_a_number_that_nobody_has_is_said(number: int) -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31)
    result = order(rig, ack(number))
    assert (result.done, result.text.key, result.text.values) == (False, "ack_none", {"number": number})
    assert rig.engine.alarms.waiting() == [1]


def test_an_acknowledgement_is_durable_before_it_is_answered() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31)
    order(rig, ack(1))
    assert rig.restart().engine.alarms.waiting() == []


def test_an_order_is_carried_out_once_also_over_a_restart() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31)
    first = order(rig, ack(1))
    again = rig.restart()
    assert order(again, ack(1)) == first
    assert again.events == []
    again.each_second(1, 20, 31)
    assert order(again, ack()) == first  # the same id: the new alarm still waits
    assert again.engine.alarms.waiting() == [2]


# -- indexes over restarts

moves = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from(["", "", "", "commit", "commit", "cut", "stop", "bad"])), max_size=80
)


@dataclasses.dataclass
class Durable:
    """What a log holds: the records and registers of the last commit."""

    registers: dict[str, Any]
    increments: list[float]


def committed(rig: Rig, durable: Durable, taken: int) -> Durable:
    """Return what is durable after the station handed over everything."""
    increments = [record.increment for record in rig.records[taken:] if record.increment is not None]
    return Durable({**durable.registers, **rig.registers}, durable.increments + increments)


@given(moves, st.sampled_from([1000, 5000]), st.sampled_from([1.0, 0.1, 0.25]), st.booleans())
def test_increments_of_all_durable_records_add_up_to_the_index(
    steps: Any, record_ms: int, weight: float, volatile: bool
) -> None:
    """Whenever the power goes: nothing durable is counted twice, and what was not durable is not counted at all."""
    spec = gauge(kind="counter", volatile=volatile, scale=weight, record_ms=record_ms)
    start = Volatile(weight) if volatile else Kept(weight, 0, {"raw": 0})
    durable = Durable({"counter/p": start.saved()}, [])
    rig, taken = Rig(spec, saved=durable.registers), 0
    t_s, raw = 0, 0
    for pulses, what in steps:
        t_s += 1
        raw += pulses
        rig.read(t_s, None if what == "bad" else raw, "crc" if what == "bad" else "")
        if what == "stop":
            rig.close(t_s)
        if what in {"commit", "stop"}:
            durable, taken = committed(rig, durable, taken), len(rig.records)
        if what in {"cut", "stop"}:
            rig = Rig(spec, now_s=t_s, boot=rig.engine.boot + 1, saved=durable.registers, power_cut=what == "cut")
            taken, raw = 0, 0 if volatile else raw
    rig.close(t_s + 1)
    durable = committed(rig, durable, taken)
    point = Rig(spec, saved=durable.registers).engine.points["p"]
    assert isinstance(point, Counter)
    assert sum(durable.increments) + pending(point.register) == pytest.approx(point.register.index, abs=1e-6)
