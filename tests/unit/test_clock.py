"""Dating: which clock entry gives an instant its UTC."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.core.clock import DATED_FROM, TRUST, ClockEntry, Dating

T0 = 1_795_166_000_000


def dating(*entries: ClockEntry) -> Dating:
    made = Dating()
    for entry in entries:
        made.add(entry)
    return made


def test_without_an_entry_nothing_is_dated() -> None:
    assert dating().utc_ms(1, 0) is None
    assert dating().entry(1, 0) is None
    assert dating(ClockEntry(1, 0, T0, "ntp")).utc_ms(2, 0) is None


def test_an_instant_before_the_first_entry_of_its_boot_is_dated_by_it() -> None:
    known = dating(ClockEntry(3, 600_000, T0, "gsm"))
    assert known.utc_ms(3, 0) == T0 - 600_000
    assert known.utc_ms(3, 600_000) == T0
    assert known.utc_ms(3, 601_500) == T0 + 1500


def test_each_instant_takes_the_newest_entry_before_it() -> None:
    known = dating(ClockEntry(1, 1000, T0, "person"), ClockEntry(1, 5000, T0 + 60_000, "ntp"))
    assert known.utc_ms(1, 4999) == T0 + 3999
    assert known.utc_ms(1, 5000) == T0 + 60_000


def test_an_entry_that_is_not_newer_changes_nothing() -> None:
    known = dating(ClockEntry(1, 5000, T0, "ntp"), ClockEntry(1, 5000, 0, "person"), ClockEntry(1, 10, 0, "person"))
    assert known.utc_ms(1, 0) == T0 - 5000
    assert known.utc_ms(1, 9000) == T0 + 4000


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=20, unique=True), st.integers(0, 12_000))
def test_a_dated_instant_keeps_its_date_whatever_comes_later(instants: list[int], at_ms: int) -> None:
    known, first = Dating(), None
    for number, entry_ms in enumerate(sorted(instants)):
        known.add(ClockEntry(1, entry_ms, T0 + 7919 * number, "ntp"))
        if entry_ms >= at_ms and first is None:
            first = known.utc_ms(1, at_ms)
        if first is not None and entry_ms > at_ms:
            assert known.utc_ms(1, at_ms) == first


def test_words_of_trust_are_in_order() -> None:
    assert TRUST == ("none", "floor", "person", "rtc", "gsm", "tic", "ntp")
    assert TRUST[DATED_FROM] == "person"
