"""Ranges of seqs behave as the sets of numbers they stand for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.core.intervals import Intervals

spans = st.tuples(st.integers(1, 40), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))
steps = st.lists(st.tuples(st.sampled_from(["add", "remove"]), spans), max_size=30)


@given(steps, spans)
def test_ranges_say_what_a_set_of_numbers_says(done: list[tuple[str, tuple[int, int]]], asked: tuple[int, int]) -> None:
    held, numbers = Intervals(), set[int]()
    for what, (first, last) in done:
        if what == "add":
            held.add(first, last)
            numbers |= set(range(first, last + 1))
        else:
            held.remove(first, last)
            numbers -= set(range(first, last + 1))
    ranges = list(held)
    assert {n for first, last in ranges for n in range(first, last + 1)} == numbers
    assert all(ranges[i][1] + 1 < ranges[i + 1][0] for i in range(len(ranges) - 1)), "disjoint, not touching, in order"
    assert len(held) == len(numbers)
    assert held.end() == max(numbers, default=0)
    first, last = asked
    assert (first in held) == (first in numbers)
    assert held.first_free(first) == next(n for n in range(first, 100) if n not in numbers)
    gone = {n for low, high in held.missing(first, last) for n in range(low, high + 1)}
    assert gone == set(range(first, last + 1)) - numbers
    assert held.next_start(first) == next((low for low, _ in ranges if low >= first), None)


def test_nothing_is_put_in_or_taken_out_by_an_empty_range() -> None:
    held = Intervals([(1, 3)])
    held.add(5, 4)
    held.remove(3, 2)
    assert list(held) == [(1, 3)]
    assert list(Intervals().missing(5, 4)) == []
    assert Intervals().first_free(1) == 1
