"""Alarms that latch, that come together, that chatter, and stages of one point; over restarts too."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.output import OutputSpec
from edge.core.outputs import OutputList
from edge.core.together import AlarmRules
from edge.core.types import PointSpec
from tests.unit.rig import Rig, gauge, high, sample
from tests.unit.test_alarm_silence import alarm_kinds, order, state

LAMP = PointSpec("lamp", kind="state", words=("off", "on"), stale_ms=10**9)


def values_of(rig: Rig, kind: str) -> list[dict[str, Any]]:
    return [event.values for event in rig.events if event.kind == kind]


# -- latch


def test_a_latched_alarm_stands_until_it_is_acknowledged_after_its_return() -> None:
    outputs = OutputList([OutputSpec(LAMP, limit="l")], boot=1, now_ms=0)
    rig = Rig(gauge(), LAMP, high(30, latch=True), outputs=outputs)
    rig.each_second(1, 31, 29)
    assert (state(rig), alarm_kinds(rig), outputs.by_id["lamp"].level) == ("latched", ["begin", "latch"], True)
    order(rig, "ack")
    rig.tick(3)
    assert (state(rig), alarm_kinds(rig)[2:], outputs.by_id["lamp"].level) == ("normal", ["ack", "end"], False)
    (ack,) = values_of(rig, "alarm_ack")
    assert (ack["before"], ack["after"], ack["active"]) == ("latched", "normal", False)
    (end,) = values_of(rig, "alarm_end")
    assert (end["peak"], end["v"], end["lasted_ms"]) == (31, 29, 1000)


def test_an_acknowledgement_before_the_return_does_not_reset_a_latch() -> None:
    rig = Rig(gauge(), high(30, latch=True))
    rig.each_second(1, 31)
    order(rig, "ack", "a")
    rig.each_second(2, 29)
    assert (state(rig), rig.engine.alarms.waiting()) == ("latched", [1])
    order(rig, "ack", "b", number=1)
    assert state(rig) == "normal"


def test_a_latched_alarm_that_is_exceeded_again_is_the_same_one_and_unacknowledged() -> None:
    rig = Rig(gauge(), high(30, latch=True))
    rig.each_second(1, 35)
    order(rig, "ack")
    rig.each_second(2, 29, 33)
    assert (state(rig), alarm_kinds(rig)) == ("unacknowledged", ["begin", "ack", "latch", "latch"])
    assert [values["latched"] for values in values_of(rig, "alarm_latch")] == [True, False]
    rig.each_second(4, 29)
    order(rig, "ack", "b")
    (end,) = values_of(rig, "alarm_end")
    assert (end["begins"], end["peak"]) == (2, 35)


def test_a_latch_outlives_a_restart_and_ends_where_the_settings_take_it_away() -> None:
    rig = Rig(gauge(), high(30, latch=True))
    rig.each_second(1, 31, 29)
    again = rig.restart()
    again.each_second(1, 28)
    assert (state(again), alarm_kinds(again)) == ("latched", [])
    plain = again.restart(0, gauge(), high(30))
    assert (alarm_kinds(plain), state(plain)) == (["end"], "returned")


# -- together


def test_the_first_of_several_is_marked_in_alarm_and_events() -> None:
    rig = Rig(gauge(), gauge(id="q"), high(30), high(30, id="m", point="q"))
    rig.cycle(1, sample(1, 31))
    rig.cycle(30, sample(30, 31, point="q"))
    first, second = values_of(rig, "alarm_begin")
    assert ("first" in first, second["after"]) == (False, 1), "nobody knew yet"
    assert [alarm.first for alarm in rig.engine.alarms.sorted()] == [False, True]
    rig.cycle(40, sample(40, 29), sample(40, 29, point="q"))
    assert [values.get("first") for values in values_of(rig, "alarm_end")] == [True, None]


def test_what_begins_in_one_cycle_is_ordered_by_its_own_instants() -> None:
    door, mains = (PointSpec(name, kind="state", words=("ok", "bad")) for name in ("door", "mains"))
    rig = Rig(door, mains, high(1, id="d", point="door", kind="equal"), high(1, id="m", point="mains", kind="equal"))
    rig.cycle(1, sample(1, 0, point="door"), sample(1, 0, point="mains"))
    rig.cycle(2, sample(1.8, 1, point="door"), sample(1.3, 1, point="mains"))
    first, second = values_of(rig, "alarm_begin")
    assert (first["limit"], first["id"], first["first"]) == ("m", 1, True)
    assert (second["limit"], second["after"]) == ("d", 1)


def test_the_one_that_began_earlier_and_is_told_later_becomes_the_first() -> None:
    door, mains = (PointSpec(name, kind="state", words=("ok", "bad")) for name in ("door", "mains"))
    rig = Rig(door, mains, high(1, id="d", point="door", kind="equal"), high(1, id="m", point="mains", kind="equal"))
    rig.cycle(1, sample(1, 0, point="door"), sample(1, 0, point="mains"))
    rig.cycle(2, sample(1.8, 1, point="door"))
    rig.cycle(2, sample(1.3, 1, point="mains"))
    assert values_of(rig, "alarm_begin")[1]["first"] is True
    assert {alarm.limit: alarm.first for alarm in rig.engine.alarms.sorted()} == {"m": True, "d": False}


def test_alarms_far_apart_or_silenced_have_not_come_together() -> None:
    rig = Rig(gauge(), gauge(id="q"), high(30), high(30, id="m", point="q"))
    rig.cycle(1, sample(1, 31))
    rig.cycle(62, sample(62, 31, point="q"))
    assert all("after" not in values and "first" not in values for values in values_of(rig, "alarm_begin"))
    rig.engine.alarms.suppress("works", ["p"], 0)
    rig.cycle(63, sample(63, 29))
    rig.cycle(64, sample(64, 31))
    assert "after" not in values_of(rig, "alarm_begin")[-1]


# -- chatter


def hovering(rig: Rig, first_s: int, last_s: int) -> None:
    for t_s in range(first_s, last_s):
        rig.read(t_s, 31 if t_s % 2 else 29)


def test_a_value_that_hovers_at_a_limit_keeps_journal_and_card_bounded() -> None:
    rig = Rig(gauge(), high(30))
    writes = 0
    for t_s in range(1, 4000):
        rig.event_registers.pop("alarms", None)
        rig.read(t_s, 31 if t_s % 2 else 29)
        writes += "alarms" in rig.event_registers
    kinds = alarm_kinds(rig)
    assert (kinds.count("begin"), kinds.count("end"), kinds.count("chatter"), len(kinds)) == (5, 4, 1, 10)
    assert writes == 9, "nothing is written while it hovers"
    assert state(rig) == "unacknowledged"
    rig.event_registers.update(rig.engine.alarms.registers())
    for t_s in range(4000, 4700):
        rig.read(t_s, 29)
    assert alarm_kinds(rig)[10:] == ["chatter_end", "end"]
    end = values_of(rig, "alarm_end")[-1]
    assert (end["begins"], rig.events[-1].at_ms) == (1996, 4_600_000), "ten minutes of rest"


def test_chatter_that_ends_beyond_the_limit_leaves_an_ordinary_alarm() -> None:
    rig = Rig(gauge(), high(30))
    hovering(rig, 1, 22)  # the last reading, at 21 s, is beyond
    for t_s in range(22, 700):
        rig.read(t_s, 31)
    assert (alarm_kinds(rig)[-1], state(rig)) == ("chatter_end", "unacknowledged")
    rig.read(700, 29)
    assert (alarm_kinds(rig)[-1], state(rig)) == ("end", "returned")


def test_chatter_outlives_a_restart_and_counts_its_rest_anew() -> None:
    rig = Rig(gauge(), high(30))
    hovering(rig, 1, 21)
    again = rig.restart()
    again.read(1, 29)
    assert (state(again), alarm_kinds(again)) == ("unacknowledged", [])
    again.silence(2, 603)
    assert alarm_kinds(again) == ["chatter_end", "end"]


def test_begins_that_are_far_apart_do_not_chatter() -> None:
    rig = Rig(gauge(stale_ms=10**9), high(30), alarm_rules=AlarmRules(chatter_begins=3, chatter_ms=10_000))
    for start in range(1, 200, 10):
        rig.each_second(start, 31, 29)
    assert "chatter" not in alarm_kinds(rig)
    rig.each_second(300, 31, 29, 31, 29, 31)
    assert alarm_kinds(rig)[-1] == "chatter"


def test_a_latching_limit_that_hovers_is_bounded_too_and_latched_when_it_rests() -> None:
    rig = Rig(gauge(), high(30, latch=True))
    hovering(rig, 1, 1001)
    kinds = alarm_kinds(rig)
    assert (kinds.count("begin"), kinds.count("latch"), kinds.count("chatter"), len(kinds)) == (1, 8, 1, 10)
    for t_s in range(1001, 1700):
        rig.read(t_s, 29)
    assert (alarm_kinds(rig)[-1], state(rig)) == ("chatter_end", "latched")


# -- stages


STAGES = (high(80), high(95, id="m", kind="high_high", priority="critical"))


@pytest.mark.parametrize("kinds", [("high", "high_high", 1), ("low", "low_low", -1)])
def test_of_two_stages_one_level_is_told_and_the_lower_one_again_when_the_upper_has_ended(kinds: Any) -> None:
    near, far, sign = kinds
    rig = Rig(gauge(), high(80 * sign, kind=near), high(95 * sign, id="m", kind=far))
    rig.each_second(1, 85 * sign)
    rig.each_second(2, 96 * sign)
    assert (state(rig), state(rig, "m"), alarm_kinds(rig)) == ("suppressed", "unacknowledged", ["begin", "begin"])
    rig.each_second(3, 85 * sign)
    assert (state(rig), state(rig, "m")) == ("unacknowledged", "returned")


def test_who_acknowledged_the_upper_stage_has_seen_the_lower_one() -> None:
    rig = Rig(gauge(), *STAGES)
    rig.each_second(1, 96)
    assert order(rig, "ack", number=2).values == {"numbers": [1, 2]}
    rig.each_second(2, 85)
    assert (state(rig), state(rig, "m")) == ("acknowledged", "normal")


def test_an_upper_stage_out_of_service_suppresses_nothing() -> None:
    rig = Rig(gauge(), *STAGES)
    order(rig, "alarm.service", limit="m", to="out", reason="x")
    rig.each_second(1, 96)
    assert (state(rig), state(rig, "m")) == ("unacknowledged", "out_of_service")


# -- other settings while it runs


def test_other_settings_while_it_runs_keep_what_is_shelved_and_drop_what_has_no_limit() -> None:
    from edge.core.replacing import Site

    rig = Rig(gauge(), high(30), high(31, id="m"))
    order(rig, "shelve", limit="l", for_s=3600, reason="x")
    order(rig, "shelve", limit="m", for_s=3600, reason="x")
    rig.each_second(1, 40)
    rules = AlarmRules(shelve_most_ms=7_200_000)
    rig.engine.replace(Site([gauge()], [high(30)], alarm_rules=rules), {}, {}, 2000)
    rig.collect()
    assert (state(rig), alarm_kinds(rig)[-2:]) == ("shelved", ["unshelve", "end"])
    assert order(rig, "shelve", "b", limit="l", back=True).done
    assert order(rig, "shelve", "c", limit="l", for_s=7201, reason="x").text.key == "shelve_too_long"


def test_a_limit_that_chatters_may_leave_the_settings_while_it_runs_and_come_back() -> None:
    from edge.core.replacing import Site

    rig = Rig(gauge(stale_ms=10**9), high(30))
    hovering(rig, 1, 21)
    rig.engine.replace(Site([gauge(stale_ms=10**9)], []), {}, {}, 21_000)
    rig.collect()
    rig.silence(22, 700)
    assert alarm_kinds(rig)[-1] == "end"
    rig.engine.replace(Site([gauge(stale_ms=10**9)], [high(30)]), {}, {}, 700_000)
    rig.each_second(701, 31)
    assert (alarm_kinds(rig)[-1], state(rig)) == ("begin", "unacknowledged")
