"""One output's decisions: limit, orders, minimum and maximum times, the link, and what is left after a restart."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge.core.output import ORDER_EACH_MS, ORDERS_AT_ONCE, Output, OutputSpec, Override, outlives
from edge.core.types import NEVER, PointSpec

POINT = PointSpec(id="pump", kind="state", words=("off", "on"), period_ms=5000)


def spec(**more: Any) -> OutputSpec:
    return OutputSpec(POINT, **more)


def order(level: bool, at_ms: int = 0, lasts_ms: int | None = None, **more: Any) -> Override:
    return Override(level, 1, at_ms, None if lasts_ms is None else at_ms + lasts_ms, **more)


def begun(at_ms: int = 0, **more: Any) -> Output:
    output = Output(spec(**more), at_ms)
    output.step(at_ms)
    return output


def at(output: Output, now_ms: int) -> bool:
    """Return the level at an instant, after all that was due before it, in its order."""
    while output.due_ms < now_ms:
        output.step(int(output.due_ms))
    output.step(now_ms)
    return output.level


def test_an_output_follows_its_limit_and_is_off_before() -> None:
    output = begun(limit="hot")
    assert (output.level, output.mode, output.due_ms) == (False, "auto", NEVER)
    output.follow(1000, active=True)
    assert at(output, 1000)
    output.follow(2000, active=False)
    assert not at(output, 2000)


def test_without_a_limit_it_rests_in_its_safe_state() -> None:
    assert not at(begun(), 10_000)
    assert at(begun(safe=True), 10_000)


def test_an_order_counts_above_the_limit_until_it_is_taken_back() -> None:
    output = begun(limit="hot")
    output.take(order(True), 0)
    assert at(output, 0)
    assert output.mode == "order"
    output.follow(1000, active=True)
    output.follow(2000, active=False)
    assert at(output, 2000), "the limit moves nothing"
    output.take(order(False), 3000)
    output.follow(4000, active=True)
    assert not at(output, 4000)
    output.take(None, 5000)
    assert at(output, 5000), "automatic: its alarm is active"


def test_an_order_with_an_end_ends_by_itself_and_says_so_once() -> None:
    output = begun(limit="hot")
    output.take(order(True, 0, 30_000, author="anna"), 0)
    assert at(output, 29_999)
    assert output.due_ms == 30_000
    (ended,) = output.step(30_000)
    assert (ended.kind, ended.why, ended.order and ended.order.author) == ("output_order_end", "time", "anna")
    assert not output.level
    assert output.step(30_001) == []


def test_a_pulse_ends_in_the_order_that_it_interrupted() -> None:
    output = begun()
    locked = order(False, author="anna")
    output.take(locked, 0)
    output.take(order(True, 1000, 5000, then=locked), 1000)
    assert at(output, 1000)
    assert not at(output, 6000)
    assert output.order == locked


def test_minimum_times_hold_a_compressor_and_say_for_how_long() -> None:
    output = begun(limit="warm", min_on_ms=60_000, min_off_ms=180_000)
    output.follow(1000, active=True)
    assert not at(output, 1000), "nobody knows how long it was off before the start"
    assert (output.wanted, output.held_ms(1000), output.due_ms) == (True, 179_000, 180_000)
    assert not at(output, 179_999)
    assert at(output, 180_000)
    output.follow(181_000, active=False)
    assert at(output, 239_999)
    assert not at(output, 240_000)
    output.take(order(True, 241_000), 241_000)
    assert not at(output, 241_000), "an order waits too"
    assert at(output, 420_000)


def test_a_wish_that_passes_within_the_minimum_time_switches_nothing() -> None:
    output = begun(limit="warm", min_off_ms=180_000)
    output.follow(1000, active=True)
    at(output, 1000)
    output.follow(2000, active=False)
    assert not at(output, 400_000)
    assert output.since_ms == 0


def test_the_longest_time_on_forces_the_safe_state_until_nothing_asks_for_it() -> None:
    output = begun(limit="level", max_on_ms=600_000)
    output.follow(0, active=True)
    assert at(output, 599_999)
    (forced,) = output.step(600_000)
    assert (forced.kind, forced.why, forced.lasted_ms) == ("output_safe", "max_on", 600_000)
    assert (output.level, output.mode) == (False, "max_on")
    assert not at(output, 5_000_000), "the alarm that lasts does not switch it on again"
    output.follow(5_000_000, active=False)
    assert not at(output, 5_000_000)
    output.follow(5_000_001, active=True)
    assert at(output, 5_000_001), "the next one does"


def test_an_order_can_not_hold_it_on_for_ever_but_a_new_one_begins_anew() -> None:
    output = begun(max_on_ms=10_000)
    output.take(order(True, 0), 0)
    assert at(output, 9_999)
    output.take(order(True, 9_999), 9_999)
    assert not at(output, 10_000), "the same on, ordered again, is no new one"
    assert output.order is None
    output.take(order(True, 20_000), 20_000)
    assert at(output, 20_000)
    assert not at(output, 30_000)


def test_a_lost_link_forces_the_safe_state_and_ends_the_order() -> None:
    output = begun(link_lost_ms=600_000)
    output.link(0, is_up=True)
    output.take(order(True, 0, author="office", channel="mqtt"), 0)
    assert at(output, 1000)
    output.link(1000, is_up=False)
    assert at(output, 600_999)
    (forced,) = output.step(601_000)
    assert (forced.why, forced.lasted_ms) == ("link_lost", 600_000)
    assert forced.order is not None
    assert forced.order.channel == "mqtt"
    assert (output.level, output.mode) == (False, "link_lost")
    output.link(700_000, is_up=True)
    assert not at(output, 700_000), "the order does not come back"
    assert output.mode == "auto"


def test_a_link_that_comes_back_in_time_changes_nothing() -> None:
    output = begun(link_lost_ms=600_000)
    output.take(order(True, 0), 0)
    output.link(500_000, is_up=True)
    assert at(output, 5_000_000)
    output.link(5_000_000, is_up=False)
    output.link(5_599_999, is_up=True)
    assert at(output, 9_000_000)


def test_a_box_that_never_had_its_link_counts_from_the_start() -> None:
    output = begun(limit="hot", link_lost_ms=1000)
    output.follow(0, active=True)
    assert at(output, 999)
    assert not at(output, 1000)


def test_who_stands_at_the_box_may_switch_while_the_link_is_lost() -> None:
    output = begun(link_lost_ms=1000)
    at(output, 1000)
    assert output.mode == "link_lost"
    output.take(order(True, 2000, channel="local"), 2000)
    assert at(output, 9000)
    output.link(10_000, is_up=True)
    output.link(11_000, is_up=False)
    assert not at(output, 12_000), "the next loss counts again"


def test_a_lock_out_stays_when_the_link_is_lost() -> None:
    output = begun(limit="hot", link_lost_ms=1000)
    output.take(order(False, 0, author="anna"), 0)
    output.follow(0, active=True)
    at(output, 5000)
    output.link(6000, is_up=True)
    assert not at(output, 6000), "or it would start under the hands of who locked it"


def test_a_stop_does_not_wait_for_the_minimum_time() -> None:
    output = begun(limit="hot", min_on_ms=60_000)
    output.follow(0, active=True)
    assert at(output, 0)
    output.rest(1)
    assert not output.level
    output.take(order(True, 2), 2)
    output.follow(3, active=True)
    assert not at(output, 3)
    assert output.due_ms == NEVER


def test_ten_orders_a_second_are_too_many_and_it_says_until_when() -> None:
    output = begun()
    taken = 0
    for now_ms in range(0, 9000, 100):
        if not output.wait_ms(now_ms):
            output.take(order(bool(taken % 2)), now_ms)
            taken += 1
    assert taken == ORDERS_AT_ONCE + 1, "three at once, one more after 5 s"
    wait_ms = output.wait_ms(9000)
    assert 0 < wait_ms <= ORDER_EACH_MS
    assert output.wait_ms(9000 + wait_ms) == 0, "who comes back then is heard"
    assert output.wait_ms(9000 + wait_ms - 1) == 1


def test_only_an_order_to_the_safe_level_outlives_a_restart() -> None:
    locked = order(False, author="anna")
    assert outlives(locked, safe=False) == locked
    assert outlives(order(True), safe=False) is None
    assert outlives(order(True), safe=True) == order(True)
    assert outlives(order(True, 0, 5000, then=locked), safe=False) == locked
    assert outlives(None, safe=False) is None


def test_an_order_to_the_other_level_does_not_come_back_behind_a_pulse_that_outlived_it() -> None:
    """An output that is on at rest was ordered off, and a pulse switched it on for a moment as the box restarted."""
    pulse = order(True, 0, 5000, then=order(False))
    assert outlives(pulse, safe=True) == order(True, 0, 5000)
    kept = order(True, 0, 5000, then=order(True, author="anna"))
    assert outlives(kept, safe=True) == kept


MINIMA = st.sampled_from([0, 700, 3000])
ACTS = st.lists(
    st.tuples(st.integers(0, 2500), st.sampled_from(["on", "off", "auto", "active", "over", "up", "down"])), max_size=30
)


@given(ACTS, MINIMA, MINIMA, st.sampled_from([0, 4000]), st.sampled_from([0, 5000]))
def test_whatever_comes_no_level_is_left_before_its_time_and_none_lasts_longer_than_it_may(
    acts: list[tuple[int, str]], min_on_ms: int, min_off_ms: int, max_on_ms: int, link_lost_ms: int
) -> None:
    output = begun(
        limit="l", min_on_ms=min_on_ms, min_off_ms=min_off_ms, max_on_ms=max_on_ms, link_lost_ms=link_lost_ms
    )
    levels = [(0, False)]
    now_ms = 0

    def let_pass(until_ms: int) -> None:
        while output.due_ms <= until_ms:
            due_ms = max(int(output.due_ms), levels[-1][0])
            output.step(due_ms)
            if output.level != levels[-1][1]:
                levels.append((due_ms, output.level))
            assert output.due_ms > due_ms, "it never asks to be called at once again"

    for after_ms, act in acts:
        let_pass(now_ms + after_ms - 1)
        now_ms += after_ms
        if act in {"on", "off"}:
            output.take(order(act == "on", now_ms), now_ms)
        elif act == "auto":
            output.take(None, now_ms)
        elif act in {"active", "over"}:
            output.follow(now_ms, active=act == "active")
        else:
            output.link(now_ms, is_up=act == "up")
        let_pass(now_ms)
    let_pass(now_ms + 60_000)
    for (begin_ms, level), (end_ms, _) in pairwise(levels):
        assert end_ms - begin_ms >= (min_on_ms if level else min_off_ms)
        assert not (level and max_on_ms) or end_ms - begin_ms <= max_on_ms
    assert not (levels[-1][1] and max_on_ms), "none stays on for ever"
