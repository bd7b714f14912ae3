"""What keeps an alarm from people: suppressed, shelved, out of service; journaled all the same."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.commands import Command, Result
from edge.core.notifier import Notifier
from edge.core.part import Part
from tests.unit.rig import Rig, gauge, high, sample

HOUR = 3600


def order(rig: Rig, verb: str, id_: str = "", author: str = "anna", **args: Any) -> Result:
    result = rig.engine.command(Command(id_ or f"{verb}{args}", verb, args, author, "local"), rig.engine.now_ms)
    rig.collect()
    return result


def alarm_kinds(rig: Rig) -> list[str]:
    return [kind.removeprefix("alarm_") for kind in rig.kinds() if kind.startswith("alarm_")]


def state(rig: Rig, limit: str = "l") -> str:
    alarm = rig.engine.alarms.by_limit.get(limit)
    return "normal" if alarm is None else alarm.state


def test_an_alarm_of_a_suppressed_point_is_journaled_as_such_and_asks_for_no_acknowledgement() -> None:
    rig = Rig(gauge(), high(30))
    rig.engine.alarms.suppress("boiler", ["p", "nobody"], 0)
    rig.each_second(1, 31)
    assert (state(rig), rig.events[0].values["suppressed"]) == ("suppressed", True)
    assert rig.engine.alarms.waiting() == []
    rig.each_second(2, 29)
    assert (alarm_kinds(rig), state(rig)) == (["begin", "end"], "normal")


def test_when_suppression_ends_the_alarm_is_heard_as_far_as_it_is_still_there() -> None:
    rig = Rig(gauge(), high(30))
    rig.engine.alarms.suppress("boiler", ["p"], 0)
    rig.engine.alarms.suppress("house", ["p"], 0)
    rig.each_second(1, 31)
    rig.engine.alarms.unsuppress("boiler", 2000)
    assert state(rig) == "suppressed"
    rig.engine.alarms.unsuppress("house", 3000)
    rig.engine.alarms.unsuppress("nobody", 3000)
    rig.collect()
    assert (alarm_kinds(rig), state(rig)) == (["begin", "unsuppress"], "unacknowledged")
    assert rig.events[-1].values["by"] == "house"
    rig.each_second(4, 29)
    assert state(rig) == "returned"


def test_an_active_alarm_that_becomes_suppressed_says_by_what_once() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31)
    for t_ms in (2000, 3000):
        rig.engine.alarms.suppress("boiler", ["p"], t_ms)
    rig.collect()
    assert (alarm_kinds(rig), rig.events[-1].values["by"], state(rig)) == (
        ["begin", "suppress"],
        "boiler",
        "suppressed",
    )
    rig.engine.alarms.suppress("boiler", [], 4000)
    rig.collect()
    assert (alarm_kinds(rig)[-1], state(rig)) == ("unsuppress", "unacknowledged")


class Works(Part):
    """Suppresses "p", as maintenance does, at each start anew."""

    def attach(self, site: Any) -> None:
        site.alarms.suppress("works", ["p"], site.now_ms)


def test_a_source_that_says_it_anew_at_a_start_changes_nothing_and_one_that_has_gone_silences_nothing() -> None:
    rig = Rig(gauge(), high(30), parts=[Works()])
    rig.each_second(1, 31)
    again = rig.restart(parts=[Works()])
    again.tick(1)
    assert (alarm_kinds(again), state(again)) == ([], "suppressed")
    gone = again.restart()
    gone.tick(1)
    assert (alarm_kinds(gone), state(gone)) == (["unsuppress"], "unacknowledged")


def test_a_shelved_alarm_comes_back_by_itself_with_an_event() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31)
    result = order(rig, "shelve", number=1, for_s=120, reason="works on the roof")
    assert (result.done, result.text.key, result.values["after"]) == (True, "shelve_done", "shelved")
    assert state(rig) == "shelved"
    shelved = next(event for event in rig.events if event.kind == "alarm_shelve")
    assert shelved.values == {
        "limit": "l", "id": 1, "author": "anna", "channel": "local", "for_ms": 120_000, "reason": "works on the roof",
    }  # fmt: skip
    assert rig.engine.next_due_ms() <= 122_000
    rig.tick(120)
    assert state(rig) == "shelved"
    rig.tick(121)
    assert (state(rig), rig.events[-1].values["why"]) == ("unacknowledged", "time")


def test_a_limit_is_shelved_before_it_is_exceeded_and_taken_back() -> None:
    rig = Rig(gauge(), high(30))
    rig.read(1, 29)
    assert order(rig, "shelve", limit="l", for_s=HOUR, reason="test").done
    rig.each_second(2, 31, 29, 31)
    begins = [event.values for event in rig.events if event.kind == "alarm_begin"]
    assert [(values["id"], values["shelved"]) for values in begins] == [(1, True), (2, True)]
    assert order(rig, "shelve", limit="l", back=True).values["before"] == "shelved"
    assert state(rig) == "unacknowledged"
    assert order(rig, "shelve", "again", limit="l", back=True).text.key == "shelve_not"


@pytest.mark.parametrize(
    ("args", "key"),
    [
        ({"limit": "l", "reason": "x"}, "shelve_for_what"),
        ({"limit": "l", "for_s": 60}, "silence_why"),
        ({"limit": "l", "for_s": 60, "reason": "  "}, "silence_why"),
        ({"limit": "l", "for_s": 7 * 86_400 + 1, "reason": "x"}, "shelve_too_long"),
        ({"limit": "l", "for_s": -60, "reason": "x"}, "command_bad_args"),
        ({"limit": "l", "for_s": 1e300, "reason": "x"}, "command_bad_args"),
        ({"limit": "l", "for_s": 60, "reason": "x" * 121}, "command_bad_args"),
        ({"limit": "k", "for_s": 60, "reason": "x"}, "limit_none"),
        ({"number": 7, "for_s": 60, "reason": "x"}, "alarm_none"),
        ({"for_s": 60, "reason": "x"}, "limit_none"),
        ({}, "limit_none"),
    ],
)
def test_a_shelving_that_makes_no_sense_is_refused_and_changes_nothing(args: dict[str, Any], key: str) -> None:
    rig = Rig(gauge(), high(30))
    result = order(rig, "shelve", **args)
    assert (result.done, result.text.key) == (False, key)
    assert rig.engine.alarms.silences.register() == {}
    assert rig.kinds() == ["command"]


def test_out_of_service_outlives_restarts_until_it_is_taken_back_in() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31)
    assert order(rig, "alarm.service", limit="l", to="out", reason="probe to be replaced").done
    assert state(rig) == "out_of_service"
    again = rig.restart().restart()
    again.each_second(1, 29, 31)
    assert (state(again), again.events[-1].values["out_of_service"]) == ("out_of_service", True)
    assert order(again, "alarm.service", "a", limit="l", to="out", reason="x").text.key == "service_already_out"
    assert order(again, "alarm.service", "b", limit="l", to="in").done
    assert state(again) == "unacknowledged"
    assert order(again, "alarm.service", "c", limit="l", to="in").text.key == "service_already_in"
    assert order(again, "alarm.service", "d", limit="l", to="out").text.key == "silence_why"
    assert order(again, "alarm.service", "e", limit="nobody", to="out", reason="x").text.key == "limit_none"


def test_what_silences_a_limit_goes_with_it() -> None:
    rig = Rig(gauge(), high(30), high(40, id="m"))
    order(rig, "shelve", limit="l", for_s=HOUR, reason="x")
    order(rig, "alarm.service", limit="m", to="out", reason="x")
    bare = rig.restart(0, gauge())
    assert [(event.kind, event.values["why"]) for event in bare.events] == [
        ("alarm_unshelve", "limit_removed"), ("alarm_in_service", "limit_removed"),
    ]  # fmt: skip
    assert bare.restart().events == []


def test_a_shelving_goes_on_over_a_restart_by_the_clock() -> None:
    rig = Rig(gauge(), high(30), utc_offset_ms=1_000_000_000)
    rig.tick(1)
    order(rig, "shelve", limit="l", for_s=HOUR, reason="x")  # until 3,601,000 of this start
    again = rig.restart(0, utc_offset_ms=1_000_000_000 + 3_000_000)  # 50 minutes later
    again.tick(600)
    assert "l" in again.engine.alarms.silences.shelved
    again.tick(601)
    assert [event.values["why"] for event in again.events] == ["time"]


def test_a_shelving_of_a_box_without_a_clock_ends_with_its_restart() -> None:
    rig = Rig(gauge(), high(30), is_dated=False)
    order(rig, "shelve", limit="l", for_s=HOUR, reason="x")
    again = rig.restart(is_dated=False)
    again.tick(1)
    assert [(event.kind, event.values["why"]) for event in again.events] == [("alarm_unshelve", "restart")]


def test_a_shelving_is_dated_when_the_clock_is_and_a_clock_that_is_behind_makes_it_no_longer() -> None:
    rig = Rig(gauge(), high(30), is_dated=False)
    order(rig, "shelve", limit="l", for_s=HOUR, reason="x")
    rig.engine.set_clock(1_000_000_000)
    rig.collect()
    again = rig.restart(0, utc_offset_ms=0)  # a clock that fell back by eleven days
    again.tick(3599)
    assert again.events == []
    again.engine.set_clock(1_000_000_000 + 3_599_000)
    again.tick(3600)
    assert [event.values["why"] for event in again.events] == ["time"]


def test_the_strongest_silence_is_shown_and_the_next_one_when_it_goes() -> None:
    rig = Rig(gauge(), high(30))
    rig.each_second(1, 31)
    order(rig, "shelve", limit="l", for_s=HOUR, reason="x")
    rig.engine.alarms.suppress("boiler", ["p"], 2000)
    order(rig, "alarm.service", limit="l", to="out", reason="x")
    seen = [state(rig)]
    order(rig, "alarm.service", limit="l", to="in")
    seen.append(state(rig))
    rig.engine.alarms.unsuppress("boiler", 3000)
    seen.append(state(rig))
    order(rig, "shelve", limit="l", back=True)
    assert [*seen, state(rig)] == ["out_of_service", "suppressed", "shelved", "unacknowledged"]


def test_all_that_wait_are_those_that_people_hear_of_and_any_is_acknowledged_by_its_number() -> None:
    rig = Rig(gauge(), gauge(id="q"), high(30), high(30, id="m", kind="not_equal"))
    rig.each_second(1, 31)
    order(rig, "shelve", limit="l", for_s=HOUR, reason="x")
    assert order(rig, "ack", "a").values == {"numbers": [2]}
    assert order(rig, "ack", "b", numbers=[1, 2]).text.key == "ack_none", "2 is acknowledged"
    assert order(rig, "ack", "none", numbers=[]).text.key == "command_bad_args", "an empty list is not all of them"
    assert order(rig, "ack", "c", numbers=[1, 1]).values == {"numbers": [1]}
    order(rig, "shelve", limit="l", back=True)
    assert state(rig) == "acknowledged"


def test_silence_leaves_the_output_that_follows_the_limit_alone() -> None:
    from edge.core.output import OutputSpec
    from edge.core.outputs import OutputList
    from edge.core.types import PointSpec

    lamp = PointSpec("lamp", kind="state", words=("off", "on"), stale_ms=10**9)
    rig = Rig(gauge(), lamp, high(30), outputs=OutputList([OutputSpec(lamp, limit="l")], boot=1, now_ms=0))
    order(rig, "alarm.service", limit="l", to="out", reason="x")
    rig.each_second(1, 31)
    assert rig.engine.outputs.by_id["lamp"].level


@pytest.mark.parametrize(
    ("verb", "args", "key"),
    [
        ("shelve", {"limit": "l", "for_s": 3600, "reason": "x"}, "shelve_would"),
        ("shelve", {"limit": "l", "back": True}, "shelve_not"),
        ("shelve", {"limit": "m", "back": True}, "shelve_back_would"),
        ("shelve", {"limit": "l", "for_s": 3600}, "silence_why"),
        ("alarm.service", {"limit": "l", "to": "out", "reason": "x"}, "service_out_would"),
        ("alarm.service", {"limit": "n", "to": "in"}, "service_in_would"),
        ("alarm.service", {"limit": "l", "to": "in"}, "service_already_in"),
    ],
)
def test_what_an_order_would_change_is_said_and_nothing_is_done(verb: str, args: dict[str, Any], key: str) -> None:
    rig = Rig(gauge(), high(30), high(31, id="m"), high(32, id="n"))
    order(rig, "shelve", "a", limit="m", for_s=3600, reason="x")
    order(rig, "alarm.service", "b", limit="n", to="out", reason="x")
    rig.engine.commands.random_below = lambda below: below - 1
    before = rig.engine.alarms.silences.register()
    proposal = Command("c", verb, args, "anna", "local", proposes=True)
    text = rig.engine.command(proposal, rig.engine.now_ms).text
    assert (text.values["what"] if text.key == "command_proposed" else text).key == key
    assert rig.engine.alarms.silences.register() == before


def test_who_acknowledges_an_alarm_that_goes_on_hears_how_bad_it_is() -> None:
    rig = Rig(gauge(unit="Cel"), high(30))
    rig.each_second(1, 31, 33)
    assert order(rig, "ack", number=1).text.values == {"numbers": [1], "kind": "high", "v": 33, "at": 30.0, "u": "Cel"}
    rig.each_second(3, 29, 31, 29)
    assert order(rig, "ack", "b", number=2).text.values == {"numbers": [2]}, "over already"


def test_what_parts_suppress_goes_on_without_a_word_when_they_are_made_anew_while_the_site_runs() -> None:
    from edge.core.notifier import Notifier
    from edge.core.replacing import Site

    class Programme(Part):
        """Another source, which says it after the first."""

        def attach(self, site: Any) -> None:
            site.alarms.suppress("programme", ["q"], site.now_ms)

    parts = [Works(), Programme(), Notifier()]
    rig = Rig(gauge(), gauge(id="q"), high(30), high(30, id="m", point="q"), parts=parts)
    rig.cycle(1, sample(1, 31), sample(1, 31, point="q"))
    anew = [Works(), Programme(), Notifier()]
    points, limits = [gauge(), gauge(id="q")], [high(30), high(30, id="m", point="q")]
    rig.engine.replace(Site(points, limits, parts=lambda _saved, _events: anew), {}, {}, 2000)
    rig.collect()
    rig.tick(3)
    assert alarm_kinds(rig) == ["begin", "begin"]
    assert (state(rig), state(rig, "m")) == ("suppressed", "suppressed")
    rig.engine.replace(Site(points, limits, parts=lambda _saved, _events: [Works(), Notifier()]), {}, {}, 4000)
    rig.collect()
    rig.tick(5)
    assert alarm_kinds(rig)[2:] == ["unsuppress", "notify"]
    assert (state(rig), state(rig, "m")) == ("suppressed", "unacknowledged")


@pytest.mark.parametrize("first", ["tick", "reading", "order"])
def test_a_restart_that_ends_all_silence_lets_the_farther_of_two_stages_be_heard_alone(first: str) -> None:
    """Shelving and suppression end at one instant, whatever comes first after it: the nearer was never heard."""
    rig = Rig(
        gauge(), gauge(id="q"), high(30), high(40, id="m", kind="high_high"), high(30, id="n", point="q"),
        is_dated=False,
    )  # fmt: skip
    order(rig, "shelve", limit="m", for_s=HOUR, reason="x")
    rig.engine.alarms.suppress("programme", ["p"], 0)
    rig.read(1, 41)
    assert [state(rig, name) for name in "lm"] == ["suppressed", "suppressed"]
    again = rig.restart(is_dated=False, parts=[Notifier()])
    if first == "tick":
        again.tick(1)
    elif first == "reading":
        again.cycle(1, sample(1, 31, point="q"))
    else:
        order(again, "shelve", limit="n", for_s=HOUR, reason="x")
    told = next(event.values["ids"] for event in again.events if event.kind == "alarm_notify")
    assert told == ("2, 3" if first == "reading" else "2")
    assert [(state(again, name), again.engine.alarms.by_limit[name].heard) for name in "lm"] == [
        ("suppressed", False), ("unacknowledged", True),
    ]  # fmt: skip
    again.read(2, 29)
    assert [state(again, name) for name in "lm"] == ["normal", "returned"]
    assert 2 in again.engine.alarms.waiting()


def test_what_begins_when_its_shelving_is_over_is_heard_though_no_step_came_between() -> None:
    rig = Rig(gauge(), high(30), is_dated=False)
    order(rig, "shelve", limit="l", for_s=HOUR, reason="x")
    again = rig.restart(is_dated=False)
    again.cycle(1, sample(1, 31))
    assert alarm_kinds(again) == ["unshelve", "begin"]
    assert "shelved" not in again.events[-1].values
    assert state(again) == "unacknowledged"
