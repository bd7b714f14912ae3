"""A site that gets other settings while it runs: what did not change goes on, what changed loses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from edge.core.calculated import Calculated, CalculatedSpec
from edge.core.commands import Command
from edge.core.limit_memory import LimitMemory
from edge.core.limit_values import LimitValues
from edge.core.output import OutputSpec
from edge.core.outputs import OutputList
from edge.core.part import Part
from edge.core.replacing import Site
from edge.core.setpoint import Made
from edge.core.thermostat import Thermostats, ThermostatSpec
from edge.core.types import LimitSpec, PointSpec, Record
from tests.unit.rig import Rig, gauge, high, sample
from tests.unit.test_parts import Echo


def other(**changes: Any) -> PointSpec:
    return gauge(**{"id": "q", **changes})


def pulses(**changes: Any) -> PointSpec:
    return gauge(**{"kind": "counter", "volatile": True, "scale": 0.5, **changes})


def replace(rig: Rig, t_s: float, *specs: PointSpec | LimitSpec, **more: Any) -> None:
    points = [spec for spec in specs if isinstance(spec, PointSpec)]
    limits = [spec for spec in specs if isinstance(spec, LimitSpec)]
    rig.engine.replace(Site(points, limits, **more), rig.registers, rig.event_registers, round(t_s * 1000))
    rig.collect()


def spans(records: Sequence[Record], point: str = "p") -> list[tuple[int, int]]:
    return [(record.start_ms, record.dt_ms) for record in records if record.point == point]


def kinds(rig: Rig) -> list[str]:
    return [event.kind for event in rig.events]


def test_an_unchanged_point_keeps_its_open_period_when_another_comes_and_goes() -> None:
    rig = Rig(gauge())
    rig.each_second(0, 1, 2, 3, 4, 5)
    replace(rig, 4.5, gauge(), other())
    assert rig.records == []
    rig.each_second(5, 6, 7)
    replace(rig, 6.5, gauge())
    rig.each_second(7, 8, 9, 10, 11)
    (record,) = [record for record in rig.records if record.point == "p"]
    assert (record.start_ms, record.dt_ms, record.count, record.mean, record.low, record.high) == (
        0,
        10_000,
        10,
        5.5,
        1,
        10,
    )


def test_words_for_people_alone_end_no_period() -> None:
    rig = Rig(gauge())
    rig.each_second(0, 1, 2)
    replace(rig, 2, gauge(name={"en": "Flow"}, place="cellar", equipment="boiler", role="consumption"))
    rig.each_second(3, *range(8))
    assert spans(rig.records) == [(0, 10_000)]
    assert rig.engine.points["p"].spec.place == "cellar"


def test_a_changed_point_ends_its_period_and_the_next_begins_there() -> None:
    rig = Rig(gauge())
    rig.each_second(0, 1, 2, 3, 4, 5)
    replace(rig, 4.5, gauge(record_ms=5000, scale=10.0))
    rig.each_second(5, 1, 1, 1, 1, 1, 1)
    found = [record for record in rig.records if record.point == "p"]
    assert [record.value for record in found if record.value is not None] == [5, 10.0]
    ends = [record.start_ms + record.dt_ms for record in found]
    assert [record.start_ms for record in found[1:]] == ends[:-1], "no hole and no double"


def test_a_point_that_goes_keeps_what_it_had_and_one_that_comes_begins_now() -> None:
    rig = Rig(gauge(), other())
    rig.cycle(0, sample(0, 1), sample(0, 7, point="q"))
    rig.cycle(1, sample(1, 1), sample(1, 8, point="q"))
    replace(rig, 1.5, gauge())
    assert spans(rig.records, "q") == [(0, 1500)]
    rig.cycle(2, sample(2, 1), sample(2, 9, point="q"))  # still in the inbox of the station
    assert "q" not in rig.engine.points
    replace(rig, 3, gauge(), other())
    rig.cycle(3, sample(3, 1), sample(3, 9, point="q"))
    for t_s in range(4, 12):
        rig.cycle(t_s, sample(t_s, 1), sample(t_s, 9, point="q"))
    assert spans(rig.records, "q") == [(0, 1500), (3000, 7000)]


@pytest.mark.parametrize("change", [{}, {"record_ms": 5000}, {"place": "x"}, {"stale_ms": 90_000}, {"deadband": 1.0}])
def test_pulses_go_on_while_their_device_stays_open(change: dict[str, Any]) -> None:
    rig = Rig(pulses())
    rig.each_second(0, 0, 10, 20)
    replace(rig, 2.5, pulses(**change))
    rig.each_second(3, 30, 40)
    assert rig.engine.points["p"].value == 20
    rig.close(5)
    assert sum(record.increment or 0 for record in rig.records) + rig.registers["counter/p"]["pending"] == 20


@pytest.mark.parametrize("change", [{}, {"record_ms": 5000}])
def test_pulses_count_from_0_again_after_their_device_was_opened_anew_and_the_index_does_not_move(
    change: dict[str, Any],
) -> None:
    rig = Rig(pulses())
    rig.each_second(0, 0, 10, 20)
    replace(rig, 2.5, pulses(**change), reopened=["p"])
    assert rig.engine.points["p"].register.index == 10  # type: ignore[attr-defined]
    rig.each_second(3, 25, 26)  # more at once than before: told from 20 they would be 5
    assert rig.engine.points["p"].value == 23


def test_a_new_pulse_weight_values_what_comes_and_not_the_past() -> None:
    rig = Rig(pulses())
    rig.each_second(0, 0, 10, 20)
    replace(rig, 2.5, pulses(scale=2.0))
    rig.each_second(3, 21)
    assert rig.engine.points["p"].value == 12


def test_an_index_that_the_meter_keeps_does_not_move_by_a_change_of_its_period() -> None:
    kept = gauge(kind="counter", wrap=1_000_000)
    rig = Rig(kept)
    rig.each_second(0, 500, 510)
    replace(rig, 2, msgspec.structs.replace(kept, record_ms=5000))
    rig.each_second(2, 515, 520)
    rig.close(4)
    assert rig.engine.points["p"].value == 520
    assert sum(record.increment or 0 for record in rig.records) == 20


def test_a_counter_that_comes_back_goes_on_where_it_left_though_no_log_holds_it() -> None:
    rig = Rig(pulses(), other())
    rig.each_second(0, 0, 10)
    replace(rig, 2, other())
    rig.registers.clear()  # the card can't be written
    replace(rig, 3, pulses(), other(), reopened=["p"])
    rig.each_second(3, 4)
    assert rig.engine.points["p"].value == 7


def test_a_counter_of_an_earlier_start_goes_on_from_the_log() -> None:
    rig = Rig(other())
    rig.registers["counter/p"] = {"base": 100.0, "count": 8, "scale": 0.5, "pending": 0.0}
    replace(rig, 1, pulses(), other(), reopened=["p"])
    rig.each_second(1, 0)
    assert rig.engine.points["p"].value == 104


def test_a_limit_that_did_not_change_keeps_its_delay_and_its_alarm() -> None:
    limit = high(on_delay_ms=5000)
    rig = Rig(gauge(), limit)
    rig.each_second(0, 40, 40, 40)
    replace(rig, 2.5, gauge(), limit, other())
    rig.each_second(3, 40, 40, 40)
    assert kinds(rig) == ["alarm_begin"]
    assert rig.events[0].at_ms == 5000
    replace(rig, 6, gauge(), limit)
    replace(rig, 7, gauge(record_ms=5000), limit)  # its point changed, it did not
    rig.each_second(8, 40, 40)
    assert kinds(rig) == ["alarm_begin"]
    rig.each_second(10, 20)
    assert kinds(rig) == ["alarm_begin", "alarm_end"]
    assert rig.events[1].values["id"] == rig.events[0].values["id"]


def test_a_limit_that_a_person_set_keeps_its_value_and_its_delay() -> None:
    limit = high(30.0, on_delay_ms=5000)
    parts = {"parts": lambda _saved, events: [LimitValues(events)]}
    rig = Rig(gauge(), limit, parts=[LimitValues({})])
    rig.engine.part(LimitValues).set("l", Made(20.0))
    rig.each_second(0, 25, 25, 25)
    replace(rig, 2.5, gauge(), other(), limit, **parts)
    assert (rig.engine.limits["l"].spec.value, rig.engine.part(LimitValues).file) == (20.0, {"l": 30.0})
    rig.each_second(3, 25, 25, 25)
    assert [(event.kind, event.at_ms) for event in rig.events] == [("alarm_begin", 5000)]
    replace(rig, 6.5, gauge(), msgspec.structs.replace(limit, value=40.0), **parts)
    rig.each_second(7, 25)
    rig.engine.part(LimitValues).set("l", None)
    rig.each_second(8, 35)
    assert kinds(rig) == ["alarm_begin", "alarm_end"]


def test_an_alarm_goes_on_under_a_limit_that_changed_and_ends_when_that_says_so() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(0, 40)
    replace(rig, 1, gauge(), high(35))
    assert kinds(rig) == ["alarm_begin"]
    rig.each_second(1, 40)
    assert kinds(rig) == ["alarm_begin"]
    replace(rig, 2, gauge(), high(45))
    rig.each_second(2, 40)
    assert kinds(rig) == ["alarm_begin", "alarm_end"]


@pytest.mark.parametrize("specs", [[gauge()], [gauge(), other(), high(point="q")], [other()]])
def test_an_alarm_whose_limit_or_point_left_ends_and_says_why(specs: list[PointSpec | LimitSpec]) -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(0, 40)
    replace(rig, 1, *specs)
    assert kinds(rig) == ["alarm_begin", "alarm_end"]
    assert rig.events[1].values["why"] == "limit_removed"
    assert rig.event_registers["alarms"]["alarms"][0]["active"] is False


def test_a_limit_on_another_point_hears_that_point_after_either_changed() -> None:
    limit = high(kind="deviation", value=5.0, other="q")
    rig = Rig(gauge(), other(), limit)
    rig.cycle(0, sample(0, 20), sample(0, 20, point="q"))
    replace(rig, 1, gauge(), other(record_ms=5000), limit)
    rig.cycle(1, sample(1, 30), sample(1, 20, point="q"))
    assert kinds(rig) == ["alarm_begin"]


def test_nothing_changed_is_nothing_done() -> None:
    rig = Rig(gauge(), pulses(id="q"), high(30))
    rig.cycle(0, sample(0, 40), sample(0, 7, point="q"))
    before = (len(rig.records), len(rig.events), dict(rig.engine.points), dict(rig.engine.limits))
    replace(rig, 1, gauge(), pulses(id="q"), high(30))
    assert (len(rig.records), len(rig.events), rig.engine.points, rig.engine.limits) == before


def test_a_site_may_lose_all_its_points() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(0, 40)
    replace(rig, 1)
    assert rig.engine.points == {}
    assert spans(rig.records) == [(0, 1000)]
    rig.tick(20)


def pump(**changes: Any) -> OutputSpec:
    point = gauge(id="pump", kind="state", words=("off", "on"), stale_ms=60_000)
    return OutputSpec(**{"point": point, "limit": "l", **changes})


def test_an_output_keeps_its_level_unless_its_pin_is_another() -> None:
    fan = pump(point=gauge(id="fan", kind="state", words=("off", "on"), stale_ms=60_000))
    outputs = OutputList([pump(), fan], boot=1, now_ms=0)
    points = [gauge(), pump().point, fan.point]
    rig = Rig(*points, high(30), outputs=outputs)
    rig.each_second(0, 40)
    assert dict(outputs.to_switch()) == {"pump": True, "fan": True}
    longer = msgspec.structs.replace(fan, min_on_ms=20_000, min_off_ms=5000)
    replace(rig, 1, *points, high(30), outputs=[pump(), longer])
    rig.tick(1)
    assert outputs.to_switch() == []
    replace(rig, 8, *points, high(30), outputs=[pump(), longer], reopened=["pump", "fan"])
    assert not any(output.level for output in outputs.by_id.values())  # as their pins were opened
    rig.tick(8)
    assert outputs.to_switch() == [("pump", True)]  # the alarm is still active; the fan has to stay off for 5 s
    rig.tick(14)
    assert outputs.to_switch() == [("fan", True)]
    rig.each_second(15, 20)
    assert outputs.to_switch() == [("pump", False)]
    replace(rig, 16, *points, high(30), outputs=[pump(limit=""), longer])
    rig.tick(16)
    assert outputs.to_switch() == []


def test_an_output_whose_times_change_goes_on_by_what_its_program_or_a_rule_asked_for() -> None:
    """A heater that must rest for a minute was switched off by the reload that said so."""
    asked, held = pump(limit="", source="week"), pump(limit="", point=msgspec.structs.replace(pump().point, id="fan"))
    outputs = OutputList([asked, held], boot=1, now_ms=0)
    points = [asked.point, held.point]
    rig = Rig(*points, outputs=outputs)
    outputs.ask("pump", 0, level=True)
    outputs.act("fan", 0, level=True)
    rig.tick(1)
    assert dict(outputs.to_switch()) == {"pump": True, "fan": True}
    slower = [msgspec.structs.replace(one, min_off_ms=60_000) for one in (asked, held)]
    replace(rig, 2, *points, outputs=slower)
    rig.tick(2)
    assert outputs.to_switch() == []
    replace(rig, 3, *points, outputs=[msgspec.structs.replace(slower[0], source=""), slower[1]])
    rig.tick(3)
    assert outputs.to_switch() == [("pump", False)]


def test_an_output_that_was_made_safe_stays_so_through_a_reload() -> None:
    spec = pump(max_on_ms=5000, link_lost_ms=9000)
    outputs = OutputList([spec], boot=1, now_ms=0)
    rig = Rig(gauge(), spec.point, high(30), outputs=outputs)
    outputs.link("mqtt", 0, is_up=True)
    rig.each_second(0, 40, 40)
    assert outputs.to_switch() == [("pump", True)]
    rig.tick(6)
    assert (outputs.by_id["pump"].forced, outputs.to_switch()) == ("max_on", [("pump", False)])
    replace(rig, 7, gauge(), spec.point, high(30), outputs=[msgspec.structs.replace(spec, max_on_ms=6000)])
    rig.tick(7)
    assert (outputs.by_id["pump"].forced, outputs.to_switch()) == ("max_on", [])
    outputs.link("mqtt", 8000, is_up=False)
    replace(rig, 10, gauge(), spec.point, high(30), outputs=[spec])
    rig.tick(16.9)
    assert kinds(rig).count("output_safe") == 1
    rig.tick(17.1)  # 9 s from where the link was lost, not from the reload
    assert [event.values["why"] for event in rig.events if event.kind == "output_safe"] == ["max_on", "link_lost"]


def test_an_output_follows_its_limit_to_another_point() -> None:
    """The alarm of the point that it watched before is over, and with it what it switched on."""
    outputs = OutputList([pump()], boot=1, now_ms=0)
    points = [gauge(), other(), pump().point]
    rig = Rig(*points, high(30), outputs=outputs)
    rig.each_second(0, 40)
    assert outputs.to_switch() == [("pump", True)]
    replace(rig, 1, *points, high(30, point="q"), outputs=[pump()])
    rig.tick(1)
    assert [event.values.get("why") for event in rig.events if event.kind == "alarm_end"] == ["limit_removed"]
    assert outputs.to_switch() == [("pump", False)]
    rig.cycle(2, sample(2, 40.0, point="q"))
    rig.tick(2)
    assert outputs.to_switch() == [("pump", True)]


def test_an_order_ends_with_its_output_and_the_journal_hears_of_it() -> None:
    spec = pump(limit="")
    outputs = OutputList([spec], boot=1, now_ms=0)
    rig = Rig(gauge(), spec.point, outputs=outputs)
    rig.engine.command(Command("1", "relay", {"output": "pump", "to": "on"}, "marie", "local", right="configure"), 500)
    rig.tick(1)
    assert outputs.to_switch() == [("pump", True)]
    replace(rig, 2, gauge())
    ended = [event for event in rig.events if event.kind == "output_order_end"]
    assert [(event.point, event.values["why"]) for event in ended] == [("pump", "reload")]
    assert rig.event_registers["outputs"] == {}
    rig.tick(3)
    assert outputs.to_switch() == []


def test_parts_go_on_from_what_those_before_had_saved() -> None:
    rig = Rig(gauge(), other(), parts=[Echo()])
    for t_s in range(0, 31, 10):
        rig.tick(t_s + 2)

    def parts(_saved: Mapping[str, Any], events: Mapping[str, Any]) -> list[Part]:
        return [Echo(dict(events))]

    count = rig.engine.part(Echo).count
    assert count > 0
    replace(rig, 33, gauge(), other(), parts=parts)
    assert rig.engine.part(Echo).count == count
    replace(rig, 34, gauge(), other())  # nothing of theirs changed: they stay
    assert rig.engine.part(Echo).count == count


def test_a_limit_of_another_point_goes_on_with_what_both_read() -> None:
    above = high(other="q", on_delay_ms=3000)
    rig = Rig(gauge(), other(), above)
    rig.cycle(1, sample(1, 40.0), sample(1, 30.0, point="q"))
    replace(rig, 2, gauge(), other(), gauge(id="new"), above)
    assert [limit.spec.id for limit, _, _ in rig.engine.points["q"].judged] == ["l"]
    rig.cycle(4, sample(4, 30.0, point="q"))
    assert [(event.kind, event.at_ms) for event in rig.events] == [("alarm_begin", 4000)]


def test_a_leak_is_timed_on_through_a_reload_and_another_limit_of_its_name_begins_anew() -> None:
    leak = high(0.0, kind="never_zero", over_ms=10_000)
    parts = {"parts": lambda saved, _events: [LimitMemory(saved)]}
    rig = Rig(gauge(), leak, parts=[LimitMemory()])
    rig.each_second(0, *[1.0] * 6)
    replace(rig, 5.5, gauge(), other(), leak, **parts)
    rig.each_second(6, *[1.0] * 3)
    longer = high(0.0, kind="never_zero", over_ms=12_000)
    replace(rig, 8.5, gauge(), longer, **parts)
    rig.each_second(9, *[1.0] * 6)
    # the new limit's first reading is the first that it knows: 8 s before it, 4 since
    assert [event.at_ms for event in rig.events if event.kind == "alarm_begin"] == [13_000]
    replace(rig, 14.5, gauge(), high(0.0, kind="rate", over_ms=2000, per="second"), **parts)
    rig.each_second(15, 1.0, 1.0, 1.0, 5.0)
    assert kinds(rig)[-1] == "alarm_begin"


def test_what_a_calculated_point_remembers_goes_on_unless_it_or_an_input_changed() -> None:
    """A flow from an index: after a reload of something else it was BAD until the index had moved twice."""

    def slope(expression: str = "rate(q)") -> CalculatedSpec:
        return CalculatedSpec(gauge(id="slope", unit="m3/h", period_ms=1000, record_ms=1000), expression)

    def parts(spec: CalculatedSpec) -> dict[str, Any]:
        return {"parts": lambda saved, _events: [Calculated([spec], saved)]}

    def seconds(begin_s: int, end_s: int) -> None:
        for t_s in range(begin_s, end_s):
            rig.cycle(t_s, sample(t_s, 2 * t_s, point="q"))
            rig.tick(t_s + 0.6)

    index, spec = pulses(id="q", unit="m3"), slope()
    rig = Rig(index, spec.point, parts=[Calculated([spec], {})])
    seconds(0, 10)
    assert rig.engine.points["slope"].value == 3600
    replace(rig, 10, index, spec.point, other(id="new"), **parts(spec))
    seconds(10, 12)
    assert [(record.value, record.reason) for record in rig.records if record.point == "slope"][-3:] == [
        (3600.0, "")
    ] * 3
    twice = slope("2 * rate(q)")
    replace(rig, 12, index, twice.point, **parts(twice))
    seconds(12, 13)
    assert rig.engine.points["slope"].reason == "too_early"
    seconds(13, 16)
    finer = msgspec.structs.replace(index, record_ms=2000)
    replace(rig, 16, finer, twice.point, **parts(twice))
    seconds(16, 17)
    assert rig.engine.points["slope"].reason == "too_early"
    seconds(17, 20)
    assert rig.engine.points["slope"].value == 7200


def test_a_thermostat_without_a_value_falls_back_once_whatever_is_read_again() -> None:
    spec = ThermostatSpec("heat", "p", "pump", 20.0, 0.5, patience_ms=3000)
    output = pump(limit="", source="heat")
    parts = {"parts": lambda _saved, events: [Thermostats([spec], events)]}
    rig = Rig(gauge(), output.point, outputs=OutputList([output], boot=1, now_ms=0), parts=[Thermostats([spec], {})])
    rig.each_second(0, *[None] * 6)
    replace(rig, 6, gauge(), other(), output.point, outputs=[output], **parts)
    rig.each_second(7, *[None] * 6)
    assert kinds(rig).count("rule_fallback") == 1
    rig.each_second(13, 18.0, 18.0)
    assert kinds(rig).count("rule_back") == 1
