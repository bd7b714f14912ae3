"""Debounce, count and rate of pulses: S0 figures of IEC 62053-31, reed figures of water meters."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.decode.contact import AT_ONCE, EACH_NS, STAYS_NS, ContactState
from hal.decode.debounce import Debounce
from hal.decode.pulse import PulseCounter

MS = 1_000_000
S = 1_000_000_000
LOW, HIGH = False, True


def counter(debounce_ms: int = 20, *, level: bool = HIGH, zero_after_s: int = 600) -> PulseCounter:
    """Return the counter of a meter with a pull-up: its contact reads low when closed."""
    made = PulseCounter(debounce_ns=debounce_ms * MS, active=LOW, level=level, zero_after_ns=zero_after_s * S)
    made.flush(0)
    return made


def pulse(meter: PulseCounter, at_ns: int, width_ns: int, bounces: int = 0) -> None:
    """Close and open the contact, with bounces of 1 ms after each movement."""
    for start, level in ((at_ns, LOW), (at_ns + width_ns, HIGH)):
        meter.accept(start, level=level)
        for n in range(bounces):
            meter.accept(start + (2 * n + 1) * MS, level=not level)
            meter.accept(start + (2 * n + 2) * MS, level=level)


def test_a_pulse_counts_once_and_only_when_it_stayed_closed_long_enough() -> None:
    meter = counter()
    meter.accept(1 * S, level=LOW)
    meter.flush(1 * S + 19 * MS)
    assert meter.count == 0
    meter.flush(1 * S + 20 * MS)
    assert meter.count == 1
    meter.accept(1 * S + 30 * MS, level=HIGH)
    meter.flush(2 * S)
    assert meter.count == 1


def test_nothing_counts_without_an_edge() -> None:
    meter = counter()
    meter.flush(3600 * S)
    assert meter.count == 0


def test_the_fastest_s0_meter_is_counted_exactly() -> None:
    meter = counter()
    for n in range(1000):  # 30 ms closed, 30 ms open: 16.7 a second
        pulse(meter, n * 60 * MS, 30 * MS)
    meter.flush(1000 * 60 * MS)
    assert meter.count == 1000


@given(st.lists(st.integers(0, 9), min_size=1, max_size=50))
def test_bounces_never_add_a_pulse(bounces: list[int]) -> None:
    meter = counter()
    for n, several in enumerate(bounces):
        pulse(meter, n * S, 100 * MS, several)
    meter.flush(len(bounces) * S)
    assert meter.count == len(bounces)


def test_a_glitch_shorter_than_the_debounce_is_no_pulse() -> None:
    meter = counter()
    pulse(meter, 1 * S, 19 * MS)
    meter.flush(2 * S)
    assert meter.count == 0


def test_an_opening_shorter_than_the_debounce_does_not_split_a_pulse() -> None:
    meter = counter()
    meter.accept(1 * S, level=LOW)
    meter.accept(1 * S + 200 * MS, level=HIGH)
    meter.accept(1 * S + 205 * MS, level=LOW)
    meter.accept(1 * S + 400 * MS, level=HIGH)
    meter.flush(2 * S)
    assert meter.count == 1


def test_a_meter_that_rests_closed_does_not_count_until_it_opens_and_closes_again() -> None:
    meter = counter(level=LOW)
    meter.flush(3600 * S)
    assert meter.count == 0
    meter.accept(3601 * S, level=HIGH)
    meter.flush(3602 * S)
    assert meter.count == 0
    meter.accept(3603 * S, level=LOW)
    meter.flush(7200 * S)
    assert meter.count == 1


def test_the_same_level_twice_restarts_the_wait() -> None:
    meter = counter()
    meter.accept(1 * S, level=LOW)
    meter.accept(1 * S + 15 * MS, level=LOW)  # the way back in between was too short to be seen
    meter.flush(1 * S + 30 * MS)
    assert meter.count == 0
    meter.flush(1 * S + 35 * MS)
    assert meter.count == 1


def test_a_lost_opening_edge_costs_one_pulse_at_most() -> None:
    meter = counter()
    meter.accept(1 * S, level=LOW)
    meter.flush(2 * S)
    meter.observe(3 * S, level=HIGH)  # the edge to high never came; the line says so
    meter.flush(4 * S)
    meter.accept(5 * S, level=LOW)
    meter.flush(6 * S)
    assert meter.count == 2


def test_silence_that_is_only_missing_edges_is_no_pulse() -> None:
    meter = counter()
    meter.accept(1 * S, level=LOW)
    meter.forget()
    meter.accept(2 * S, level=HIGH)
    meter.flush(3 * S)
    assert meter.count == 0
    meter.accept(4 * S, level=LOW)
    meter.flush(5 * S)
    assert meter.count == 1


def test_an_edge_stamped_before_the_one_before_does_no_harm() -> None:
    meter = counter()
    meter.accept(2 * S, level=LOW)
    meter.accept(1 * S, level=HIGH)
    meter.accept(3 * S, level=LOW)
    meter.flush(4 * S)
    assert meter.count == 1


def test_flow_is_unknown_before_two_pulses_and_never_zero() -> None:
    meter = counter()
    assert meter.per_second(10 * S) is None
    pulse(meter, 10 * S, 100 * MS)
    meter.flush(15 * S)
    assert meter.per_second(15 * S) is None


def test_flow_is_that_of_the_interval_between_the_last_two_pulses() -> None:
    meter = counter()
    for at_s in (10, 16, 22):
        pulse(meter, at_s * S, 100 * MS)
    meter.flush(23 * S)
    per_second = meter.per_second(23 * S)
    assert per_second is not None
    assert per_second * 60 == pytest.approx(10.0)  # 1 litre each 6 s is 10 l/min


def test_flow_falls_while_no_pulse_comes_and_is_zero_after_the_stated_time() -> None:
    meter = counter(zero_after_s=600)
    for at_s in (0, 6):
        pulse(meter, at_s * S, 100 * MS)
    meter.flush(7 * S)
    assert meter.per_second(12 * S) == pytest.approx(1 / 6)
    assert meter.per_second(66 * S) == pytest.approx(1 / 60)
    assert meter.per_second(605 * S) == pytest.approx(1 / 599)
    assert meter.per_second(606 * S) == 0.0


def test_flow_of_a_meter_that_stands_since_the_start_is_zero_after_the_stated_time() -> None:
    meter = counter(zero_after_s=600)
    assert meter.per_second(599 * S) is None
    assert meter.per_second(600 * S) == 0.0


def test_the_first_pulse_after_a_long_rest_gives_no_burst() -> None:
    meter = counter(zero_after_s=600)
    for at_s in (0, 1, 10_001):
        pulse(meter, at_s * S, 100 * MS)
    meter.flush(10_002 * S)
    assert meter.per_second(10_002 * S) == pytest.approx(1 / 10_000)


@given(
    st.lists(st.tuples(st.integers(0, 10**12), st.booleans()), max_size=100),
    st.integers(0, 10**9),
)
def test_any_edges_count_no_more_than_their_spacing_allows(raw: list[tuple[int, bool]], debounce_ns: int) -> None:
    edges = sorted(raw)
    meter = PulseCounter(debounce_ns=debounce_ns, active=LOW, level=HIGH, zero_after_ns=600 * S)
    for t_ns, level in edges:
        meter.accept(t_ns, level=level)
    meter.flush(2 * 10**12)
    assert 0 <= meter.count <= (len(edges) + 1) // 2
    rate = meter.per_second(2 * 10**12)
    assert rate is None or rate >= 0


@given(st.lists(st.tuples(st.integers(0, 10**9), st.booleans()), max_size=60))
def test_accepted_edges_alternate_and_lie_a_debounce_apart(raw: list[tuple[int, bool]]) -> None:
    line = Debounce(20 * MS, level=HIGH)
    accepted = []
    for t_ns, level in [*sorted(raw), (2 * S, LOW)]:
        settled = line.accept(t_ns, level=level)
        if settled is not None:
            accepted.append((settled, line.level))
    assert all(later - earlier >= 20 * MS for (earlier, _), (later, _) in pairwise(accepted))
    assert all(one != other for (_, one), (_, other) in pairwise(accepted))


def test_a_contact_reports_the_time_at_which_it_came_to_rest() -> None:
    door = ContactState(debounce_ns=20 * MS, closed_level=LOW, level=HIGH)
    assert door.state == 0
    assert door.accept(1 * S, level=LOW) is None
    assert door.accept(1 * S + 2 * MS, level=HIGH) is None
    assert door.accept(1 * S + 3 * MS, level=LOW) is None
    assert door.flush(2 * S) == 1 * S + 3 * MS
    assert door.state == 1
    assert door.flush(3 * S) is None


def test_a_contact_open_for_50_ms_between_two_looks_is_seen() -> None:
    door = ContactState(debounce_ns=20 * MS, closed_level=LOW, level=LOW)
    door.accept(1 * S, level=HIGH)
    assert door.accept(1 * S + 50 * MS, level=LOW) == 1 * S
    assert door.state == 0
    assert door.flush(2 * S) == 1 * S + 50 * MS
    assert door.state == 1


def changes_of(door: ContactState, edges: list[tuple[int, bool]], until_ns: int) -> list[tuple[int, int]]:
    """Return time and state of each change that is told, the contact looked at each second as its driver does."""
    told: list[tuple[int, int]] = []

    def tell(changed_ns: int | None) -> None:
        if changed_ns is not None:
            told.append((changed_ns, door.state))

    for look_ns in range(S, until_ns + S, S):
        while edges and edges[0][0] < look_ns:
            t_ns, level = edges.pop(0)
            tell(door.accept(t_ns, level=level))
        tell(door.flush(look_ns))
    return told


def test_a_contact_that_chatters_ten_times_a_second_for_an_hour_is_no_flood_and_comes_right_again() -> None:
    door = ContactState(debounce_ns=20 * MS, closed_level=LOW, level=HIGH)
    edges = [(S + n * 100 * MS, bool(n % 2)) for n in range(36_000)]
    told = changes_of(door, [*edges, (3700 * S, LOW)], 3600 * S)
    assert len(told) <= AT_ONCE + 3
    assert door.is_chattering
    assert changes_of(door, [(3700 * S, LOW)], 3710 * S) == [(3700 * S, 1)]
    changes_of(door, [], 4000 * S)
    assert not door.is_chattering


def test_a_door_that_many_people_use_does_not_chatter() -> None:
    door = ContactState(debounce_ns=20 * MS, closed_level=LOW, level=HIGH)
    edges = [(S + n * 3 * S, bool(n % 2)) for n in range(1200)]
    assert [at_ns for at_ns, _ in changes_of(door, list(edges), 3610 * S)] == [at_ns for at_ns, _ in edges]


@given(st.lists(st.integers(25, 9000), max_size=400))
def test_however_a_contact_moves_what_is_told_is_bounded_alternates_and_ends_right(apart_ms: list[int]) -> None:
    edges, t_ns, level = [], S, HIGH
    for ms in apart_ms:
        t_ns, level = t_ns + ms * MS, not level
        edges.append((t_ns, level))
    door = ContactState(debounce_ns=20 * MS, closed_level=LOW, level=HIGH)
    told = changes_of(door, list(edges), t_ns + 20 * S)
    assert [state for _, state in told] == [(n + 1) % 2 for n in range(len(told))]
    assert len(told) <= AT_ONCE + (t_ns - S) / EACH_NS + (t_ns - S) / STAYS_NS + 1
    assert door.state == int(level == LOW)
    if len(edges) < AT_ONCE:
        assert [at_ns for at_ns, _ in told] == [at_ns for at_ns, _ in edges]
