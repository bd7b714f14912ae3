"""Starts that never learned the time: dated before the next one that did, one after the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.clock import ClockEntry, Dating
from edge.core.ports import Chunk
from edge.core.timekeeping import Floor, Timekeeper
from edge.core.types import Event, Record
from edge.runtime.undated import APART_MS, entry_of, estimated_end, last_known
from edge.store.fs import StoreError
from hal.sample import Fix
from tests.support_reader import MemoryLog

T0 = 1_795_166_000_000


def records(*boots: tuple[int, int, int], frame: int = 500) -> MemoryLog[Record]:
    """Return a log with records of a second from one instant (s) to another, per start."""
    log: MemoryLog[Record] = MemoryLog(frame=frame)
    for boot, first_s, last_s in boots:
        log.append([Record("p", 1000 * at_s, 1000, 1.0) for at_s in range(first_s, last_s)], boot)
    return log


def events(*starts: tuple[int, int]) -> MemoryLog[Event]:
    """Return a log with an event at an instant (s), per start."""
    log: MemoryLog[Event] = MemoryLog("00e7e475")
    for boot, at_s in starts:
        log.append([Event("start", 1000 * at_s)], boot)
    return log


def dated(*entries: ClockEntry) -> Dating:
    dating = Dating()
    for entry in entries:
        dating.add(entry)
    return dating


def test_while_no_later_start_is_dated_there_is_no_guess() -> None:
    log = records((1, 0, 10), (2, 0, 10))
    assert estimated_end(1, dated(), [log]) is None
    assert estimated_end(2, dated(ClockEntry(1, 0, T0, "ntp")), [log]) is None
    assert estimated_end(1, dated(), []) is None


def test_a_start_ended_just_before_the_next_one_began() -> None:
    logs = [records((1, 5, 60), (2, 3, 100)), events((1, 4), (2, 2))]
    # the next one learned the time 50 s after its first entry at 2 s
    entry = estimated_end(1, dated(ClockEntry(2, 52_000, T0 + 50_000, "ntp")), logs)
    assert entry == ClockEntry(1, 60_000, T0 - APART_MS, "floor")


def test_starts_between_take_their_own_time_and_none_overlaps() -> None:
    logs = [records((1, 0, 60), (2, 10, 40), (4, 0, 10)), events((1, 0), (2, 10), (3, 7), (4, 0))]
    dating = dated(ClockEntry(4, 0, T0, "gsm"))
    spans = {}
    for boot, begin_ms in ((3, 7000), (2, 10_000), (1, 0)):
        entry = estimated_end(boot, dating, logs)
        assert entry is not None
        spans[boot] = (entry.utc_ms - entry.at_ms + begin_ms, entry.utc_ms)
    assert spans[3] == (T0 - 1000, T0 - 1000)
    assert spans[2] == (T0 - 2000 - 30_000, T0 - 2000)
    assert spans[1] == (T0 - 33_000 - 60_000, T0 - 33_000)


def test_a_guess_stays_the_same_once_the_later_starts_are_dated_by_it() -> None:
    logs = [records((1, 0, 60), (2, 10, 40), (3, 0, 10))]
    dating = dated(ClockEntry(3, 0, T0, "ntp"))
    before = estimated_end(1, dating, logs)
    second = estimated_end(2, dating, logs)
    assert second is not None
    dating.add(second)
    assert estimated_end(1, dating, logs) == before


def test_a_start_of_which_nothing_is_held_is_dated_all_the_same() -> None:
    assert estimated_end(1, dated(ClockEntry(3, 0, T0, "ntp")), [records((3, 0, 5))]) is not None
    assert estimated_end(1, dated(ClockEntry(3, 0, T0, "ntp")), [records()]) is not None


@pytest.mark.parametrize("newest", [True, False])
def test_damage_and_dropped_entries_are_stepped_over(newest: bool) -> None:
    log = records((1, 0, 100), (2, 0, 100), (3, 0, 100))
    log.drop_to(51)
    log.damage(90, 110)
    log.damage(195, 205)
    first, last = entry_of(2, log, newest=False), entry_of(2, log, newest=True)
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert (first.start_ms, last.start_ms) == (10_000, 93_000)
    log.damage(111, 194)
    assert entry_of(2, log, newest=newest) is None


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=8),
    st.sets(st.integers(1, 240), max_size=30),
    st.integers(1, 40),
)
def test_halving_finds_what_a_look_at_every_entry_finds(counts: list[int], damaged: set[int], frame: int) -> None:
    log = records(*((boot, 0, count) for boot, count in enumerate(counts, 1)), frame=frame)
    for seq in damaged:
        log.damage(seq, seq)
    seq = 1
    for boot, count in enumerate(counts, 1):
        there = [at for at in range(seq, seq + count) if at not in damaged]
        seq += count
        for newest, at in ((True, there[-1:]), (False, there[:1])):
            assert entry_of(boot, log, newest=newest) == (log.entry(at[0]) if at else None)


# -- the last time known


def test_without_a_dated_start_nothing_is_known() -> None:
    assert last_known(4, dated(), [records((3, 0, 10))]) == (0, "none")
    assert last_known(4, dated(ClockEntry(3, 0, T0, "floor")), [records((3, 0, 10))]) == (0, "none"), "a guess is none"
    assert last_known(4, dated(ClockEntry(4, 0, T0, "ntp")), [records((3, 0, 10))]) == (0, "none"), "ours is to come"


def test_the_last_time_known_is_the_end_of_the_last_dated_start_and_what_later_ones_lasted() -> None:
    logs = [records((1, 5, 60), (2, 3, 100), (3, 0, 50)), events((1, 4), (2, 2), (3, 0))]
    known = dated(ClockEntry(1, 0, 5, "ntp"), ClockEntry(2, 2000, T0, "tic"))
    assert last_known(4, known, logs) == (T0 + 98_000 + 50_000 - 15, "tic")
    assert last_known(3, known, logs) == (T0 + 98_000 - 10, "tic")


def test_a_month_without_news_may_have_run_ahead_by_minutes() -> None:
    """And a battery clock that did not is believed at the next start, though a time server spoke last."""
    month_s = 30 * 86_400
    logs = [records((1, 0, month_s))]
    floor_ms, source = last_known(2, dated(ClockEntry(1, 0, T0, "ntp")), logs)
    assert (floor_ms, source) == (T0 + month_s * 1000 - 259_200, "ntp")
    keeper = Timekeeper(Floor(T0, floor_ms, source))
    assert keeper.offer(Fix("rtc", 5_000_000_000, T0 + month_s * 1000 - 104_000, 1000), "rtc") == "used"
    assert keeper.offer(Fix("rtc", 6_000_000_000, T0 + month_s * 1000 - 3_600_000, 1000), "rtc") == "too_early"


def test_a_later_correction_counts_also_downwards() -> None:
    logs = [records((1, 0, 60), (2, 0, 60))]
    known = dated(ClockEntry(1, 0, T0 + 10**11, "person"), ClockEntry(2, 1000, T0, "ntp"))
    assert last_known(3, known, logs) == (T0 + 59_000 - 6, "ntp")


def test_starts_of_which_nothing_is_held_add_nothing() -> None:
    assert last_known(900, dated(ClockEntry(2, 1000, T0, "ntp")), [records()]) == (T0, "ntp")


class Unreadable(MemoryLog[Record]):
    def read(self, seq: int, limit: int) -> Chunk[Record]:
        raise StoreError(5, "the card")


def test_a_card_that_can_not_be_read_leaves_the_entry_itself() -> None:
    log = Unreadable()
    log.append([Record("p", 0, 1000, 1.0)], 2)
    assert last_known(3, dated(ClockEntry(2, 1000, T0, "ntp")), [log]) == (T0, "ntp")
