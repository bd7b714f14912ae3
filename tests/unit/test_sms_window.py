"""The window against a model that remembers every counter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms.window import WIDTH, Window
from sms.wire import COUNTER_MAX


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 3 * WIDTH), st.integers(0, COUNTER_MAX)), max_size=60))
def test_it_refuses_what_was_taken_or_lies_below_and_nothing_else(counters: list[int]) -> None:
    window, taken = Window(), set[int]()
    for counter in counters:
        top = max(taken, default=-1)
        expected = "old" if counter <= top - WIDTH else "repeat" if counter in taken else ""
        assert window.refuses(counter) == expected
        if not expected:
            window.take(counter)
            taken.add(counter)
        window = Window(window.saved())
        assert window.refuses(counter) in {"repeat", "old"}


def test_it_is_as_wide_as_it_says() -> None:
    window = Window()
    window.take(2000)
    assert (window.refuses(2000 - WIDTH + 1), window.refuses(2000 - WIDTH), window.refuses(2000)) == (
        "",
        "old",
        "repeat",
    )
    window.take(2000 - WIDTH)  # below: changes nothing
    window.take(2001)
    assert window.refuses(2001 - WIDTH + 1) == ""
    window.take(COUNTER_MAX)
    assert (window.top, window.refuses(COUNTER_MAX), window.refuses(2001)) == (COUNTER_MAX, "repeat", "old")


@pytest.mark.parametrize("top", [-1, 0, 5, 500])
@pytest.mark.parametrize("filled", [0, 5, 300, 600])
def test_filled_to_a_counter_all_up_to_it_is_taken_and_nothing_above(top: int, filled: int) -> None:
    window = Window()
    if top >= 0:
        window.take(top)
    window.fill(filled)
    assert all(window.refuses(counter) for counter in range(filled + 1))
    above = [counter for counter in range(filled + 1, filled + 1000) if window.refuses(counter) == "repeat"]
    assert above == ([top] if top > filled else [])


def test_what_is_asked_again_is_taken_once_more_and_only_within_the_window() -> None:
    window = Window()
    window.fill(5000)
    window.ask([4999, 4998, 5000 - WIDTH, 5000, 5001, 5, -3])
    assert [n for n in range(5001) if not window.refuses(n)] == [4998, 4999]
    window.take(4999)
    assert window.refuses(4999) == "repeat"


@pytest.mark.parametrize(
    "saved", [{"top": -2, "seen": "0"}, {"top": 4, "seen": "2"}, {"top": -1, "seen": "1"}, {"top": 4, "seen": "g"},
              {"top": 4, "seen": f"{1 << WIDTH | 1:x}"}],
)  # fmt: skip
def test_a_saved_window_that_is_none_is_refused(saved: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (int's own words for one of them)
        Window(saved)
