"""Alarms on contacts: a cycle may hold several edges of a point, and each alarm speaks of its own."""

from __future__ import annotations

from edge.core.types import PointSpec
from tests.unit.rig import Rig, high, sample

DOOR = PointSpec("p", kind="state", words=("shut", "open"), record_ms=60_000)


def test_an_alarm_tells_the_reading_that_began_it_and_its_edge_also_when_the_same_cycle_ends_it() -> None:
    rig = Rig(DOOR, high(1, kind="equal"))
    rig.cycle(1, sample(1, 0))
    rig.cycle(2, sample(1.2, 1), sample(1.7, 0), sample(2, 0))
    begin, end = [event for event in rig.events if event.kind.startswith("alarm")]
    assert (begin.kind, begin.at_ms, begin.values["v"]) == ("alarm_begin", 1200, 1)
    assert (end.kind, end.at_ms, end.values["v"], end.values["lasted_ms"]) == ("alarm_end", 1700, 0, 500)


def test_a_delay_counts_from_the_edge() -> None:
    rig = Rig(DOOR, high(1, kind="equal", on_delay_ms=1500))
    rig.cycle(1, sample(1, 0))
    rig.cycle(2, sample(1.2, 1), sample(2, 1))
    assert rig.engine.next_due_ms() <= 3000
    rig.read(3, 1)
    (begin,) = [event for event in rig.events if event.kind.startswith("alarm")]
    assert begin.at_ms == 3000


def test_an_edge_told_after_the_tick_in_which_the_delay_ran_out_makes_no_negative_duration() -> None:
    rig = Rig(DOOR, high(1, kind="equal", on_delay_ms=1000))
    rig.cycle(1, sample(1, 0))
    rig.cycle(2, sample(2, 1))
    rig.read(3, 1)
    rig.cycle(4, sample(2.985, 0), sample(4, 0))
    begin, end = [event for event in rig.events if event.kind.startswith("alarm")]
    assert begin.at_ms == end.at_ms == 3000
    assert end.values["lasted_ms"] == 0


def test_a_fault_ends_with_the_tick_that_has_a_state_again_not_with_an_old_edge() -> None:
    rig = Rig(DOOR, high(kind="fault"))
    rig.cycle(1, sample(1, 0))
    rig.cycle(2, sample(2, None, "no_answer"))
    rig.cycle(3, sample(0.5, 1))
    begin, end = [event for event in rig.events if event.kind.startswith("alarm")]
    assert (begin.at_ms, end.at_ms, end.values["lasted_ms"]) == (2000, 3000, 1000)
