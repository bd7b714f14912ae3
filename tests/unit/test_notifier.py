"""What people are told: once, together, again until somebody acknowledges, and when it is over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.notifier import Notifier
from edge.core.notify_gate import HOUR_MS, Bucket, NotifyRules
from tests.unit.rig import Rig, gauge, high, sample
from tests.unit.test_alarm_silence import order

RULES = NotifyRules(most_per_hour=12, remind_ms=(0, 400_000, 300_000, 200_000), reminders=2)


def site(count: int = 3, rules: NotifyRules = RULES, priority: Any = "medium", **options: Any) -> Rig:
    """Return points p0, p1, … with limits l0, l1, … at 30 each."""
    points = [gauge(id=f"p{number}", stale_ms=10**9) for number in range(count)]
    limits = [high(30, id=f"l{number}", point=f"p{number}", priority=priority) for number in range(count)]
    return Rig(*points, *limits, parts=[Notifier(rules)], **options)


def restarted(rig: Rig, now_s: float = 0.0, **options: Any) -> Rig:
    return rig.restart(now_s, parts=[Notifier(RULES, rig.event_registers)], **options)


def read(rig: Rig, t_s: float, *values: float) -> None:
    """Read p0, p1, … at once, and let the station's time pass up to there."""
    while rig.engine.next_due_ms() < t_s * 1000:
        rig.tick(rig.engine.next_due_ms() / 1000)
    rig.cycle(t_s, *(sample(t_s, value, point=f"p{number}") for number, value in enumerate(values)))
    rig.tick(t_s)


def pass_to(rig: Rig, t_s: float) -> None:
    read(rig, t_s)


def told(rig: Rig) -> list[tuple[float, str, dict[str, Any]]]:
    """Return (second, what, the rest) of each notification so far."""
    lists, keys = ("ids", "ended", "chattering", "reminded"), ("first", "n", "of")
    return [
        (
            event.at_ms / 1000,
            event.values["what"],
            {key: [int(word) for word in event.values[key].split(", ")] for key in lists if key in event.values}
            | {key: event.values[key] for key in keys if key in event.values},
        )
        for event in rig.events
        if event.kind == "alarm_notify"
    ]


def test_an_alarm_is_told_at_once_and_its_end_too() -> None:
    rig = site()
    read(rig, 1, 31)
    read(rig, 100, 29)
    assert told(rig) == [(1, "begin", {"ids": [1]}), (100, "end", {"ended": [1]})]
    begin = next(event for event in rig.events if event.kind == "alarm_notify")
    assert (begin.point, begin.values["prio"], begin.values["count"]) == ("p0", "medium", 1)


def test_what_follows_within_a_minute_goes_as_one_that_names_the_first() -> None:
    rig = site(8)
    read(rig, 1, 31)
    for second in range(2, 9):
        read(rig, second, *[31] * second)
    pass_to(rig, 200)
    assert told(rig) == [(1, "begin", {"ids": [1]}), (61, "merged", {"ids": [2, 3, 4, 5, 6, 7, 8], "first": 2})]


def test_a_flood_in_one_reading_is_one_message() -> None:
    rig = site(100)
    read(rig, 1, *[31] * 100)
    pass_to(rig, 100)
    ((_at, what, rest),) = told(rig)
    assert (what, len(rest["ids"]), rest["first"]) == ("merged", 100, 1)
    assert rig.kinds().count("alarm_begin") == 100


def test_an_alarm_that_is_over_before_it_could_be_told_is_told_as_over() -> None:
    rig = site()
    read(rig, 1, 31)
    read(rig, 10, 31, 31)
    read(rig, 20, 31, 29)
    pass_to(rig, 100)
    assert told(rig)[1] == (61, "merged", {"ids": [2], "ended": [2]})
    assert len(told(rig)) == 2


def test_an_alarm_acknowledged_before_it_could_be_told_is_not() -> None:
    rig = site()
    read(rig, 1, 31)
    read(rig, 10, 31, 31)
    order(rig, "ack", number=2)
    read(rig, 100, 31, 29)
    assert told(rig) == [(1, "begin", {"ids": [1]})]


def test_it_is_said_again_until_somebody_acknowledges_and_so_often_at_most() -> None:
    rig = site(priority="critical")
    read(rig, 1, 31)
    pass_to(rig, 5000)
    assert told(rig)[1:] == [
        (201, "reminder", {"reminded": [1], "n": 1, "of": 2}), (401, "reminder", {"reminded": [1], "n": 2, "of": 2}),
    ]  # fmt: skip
    other = site(priority="critical")
    read(other, 1, 31)
    pass_to(other, 202)
    order(other, "ack", number=1)
    pass_to(other, 5000)
    assert len(told(other)) == 2
    assert other.engine.next_due_ms() > 5_000_000


def test_a_priority_without_a_period_is_never_repeated_and_one_below_the_least_never_told() -> None:
    rig = site(priority="low")
    read(rig, 1, 31)
    pass_to(rig, 100_000)
    assert len(told(rig)) == 1
    quiet = site(rules=NotifyRules(least="high"))
    read(quiet, 1, 31, 31)
    read(quiet, 2, 29)
    assert told(quiet) == []


def test_a_silenced_alarm_is_not_told_until_its_silence_ends_while_it_is_active() -> None:
    rig = site()
    rig.engine.alarms.suppress("boiler", ["p0", "p1"], 0)
    read(rig, 1, 31, 31)
    read(rig, 200, 31, 29)
    assert told(rig) == []
    rig.engine.alarms.unsuppress("boiler", 200_000)
    rig.collect()
    assert told(rig) == [(200, "begin", {"ids": [1]})]


def test_a_shelved_alarm_is_not_repeated_and_its_end_is_told_since_its_begin_was() -> None:
    rig = site(priority="critical")
    read(rig, 1, 31)
    order(rig, "shelve", number=1, for_s=86_400, reason="works")
    pass_to(rig, 1000)
    assert len(told(rig)) == 1
    read(rig, 1001, 29)
    assert told(rig)[1:] == [(1001, "end", {"ended": [1]})]


def test_nothing_is_told_twice_after_a_kill_and_reminders_go_on() -> None:
    rig = site(priority="critical", utc_offset_ms=10**12)
    read(rig, 1, 31)
    read(rig, 2, 31, 31)  # waits for the minute to pass, and the power goes
    again = restarted(rig, utc_offset_ms=10**12 + 100_000)  # a hundred seconds later
    pass_to(again, 500)
    assert told(again)[0] == (0, "begin", {"ids": [2]})
    assert [entry[1:] for entry in told(again)[1:3]] == [
        ("reminder", {"reminded": [1], "n": 1, "of": 2}), ("reminder", {"reminded": [2], "n": 1, "of": 2}),
    ]  # fmt: skip
    assert told(again)[1][0] == 101
    third = restarted(again)
    assert told(third) == []


def test_a_box_without_a_clock_waits_a_whole_period_after_a_restart() -> None:
    rig = site(priority="critical", is_dated=False)
    read(rig, 1, 31)
    again = restarted(rig, is_dated=False)
    pass_to(again, 199)
    assert told(again) == []
    pass_to(again, 201)
    assert told(again) == [(200, "reminder", {"reminded": [1], "n": 1, "of": 2})]


def test_the_end_of_an_alarm_that_was_told_is_told_after_a_restart_that_removed_its_limit() -> None:
    rig = site(1)
    read(rig, 1, 31)
    bare = rig.restart(0, gauge(id="p0"), parts=[Notifier(RULES, rig.event_registers)])
    bare.tick(1)
    assert [entry[1:] for entry in told(bare)] == [("end", {"ended": [1]})]
    assert "1" in bare.event_registers["notifier"], "it waits for its acknowledgement"
    order(bare, "ack")
    assert bare.event_registers["notifier"] == {}


def test_hours_of_quiet_hold_back_all_but_the_critical() -> None:
    quiet = NotifyRules(quiet=(0, 60))  # of a day that begins with this start
    rig = site(rules=quiet)
    read(rig, 1, 31)
    read(rig, 1000, 31, 31)
    assert told(rig) == []
    pass_to(rig, 3700)
    assert told(rig) == [(3600, "merged", {"ids": [1, 2], "first": 1})]
    loud = site(rules=quiet, priority="critical")
    read(loud, 1, 31)
    assert len(told(loud)) == 1
    lost = site(rules=quiet, is_dated=False)
    read(lost, 1, 31)
    assert len(told(lost)) == 1, "without a clock better heard than lost"


def test_a_critical_alarm_does_not_wait_for_the_bucket_that_others_emptied() -> None:
    rules = NotifyRules(most_per_hour=1)
    points = [gauge(id=name, stale_ms=10**9) for name in ("p0", "p1", "p2")]
    limits = [
        high(30, id="a", point="p0"), high(30, id="b", point="p1"), high(30, id="c", point="p2", priority="critical")
    ]  # fmt: skip
    rig = Rig(*points, *limits, parts=[Notifier(rules)])
    read(rig, 1, 31)
    read(rig, 100, 31, 31)
    assert len(told(rig)) == 1
    read(rig, 200, 31, 31, 31)
    assert told(rig)[1:] == [(200, "merged", {"ids": [2, 3], "first": 2})], "and takes what waits along"


def test_an_alarm_that_chatters_is_told_once_more_and_its_end_when_it_is_quiet() -> None:
    rig = site(1)
    for second in range(0, 1200, 2):
        read(rig, 1 + second, 31)
        read(rig, 2 + second, 29)
    pass_to(rig, 3000)
    first, second, *reminders, last = told(rig)
    assert [first[1], *(what for _at, what, _rest in reminders), last[1]] == ["begin", "reminder", "reminder", "end"]
    assert second == (61, "merged", {"ids": [5], "ended": [1], "chattering": [5]})
    assert last[0] == pytest.approx(1200 + 600, abs=2)
    kinds = [kind for kind in rig.kinds() if kind.startswith("alarm_") and kind != "alarm_notify"]
    assert len(kinds) == 5 + 4 + 1 + 2, "five begins, four ends, chatter and its end, one end"


@given(st.lists(st.integers(0, 600_000), max_size=200), st.integers(1, 20))
def test_a_bucket_never_gives_more_than_twice_its_size_in_an_hour(steps: list[int], most: int) -> None:
    bucket, now_ms, sent = Bucket(most), 0, []
    for step_ms in steps:
        now_ms += step_ms
        if bucket.ready_ms(now_ms) <= now_ms:
            bucket.take()
            sent.append(now_ms)
    for at_ms in sent:
        assert sum(at_ms <= other < at_ms + HOUR_MS for other in sent) <= 2 * most


def test_a_damaged_register_of_nothing_and_an_empty_site_ask_for_nothing() -> None:
    rig = Rig(gauge(), parts=[Notifier(RULES, {"notifier": None}), Notifier(RULES, {})])
    rig.tick(5)
    assert rig.events == []
