"""The journal as it is read: newest first, page by page, with its holes, from the log and from history below it."""

from __future__ import annotations

import doctest
import random
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.clock import ClockEntry, Dating
from edge.core.journal_page import JournalPage, Wanted
from edge.core.series import HistoryGap, HistoryRecord, JournalLine, Period, PeriodLength, PointInfo
from edge.core.types import Event, EventBatch
from edge.settings import event_text
from edge.settings.event_text import sentence
from edge.store.fs_memory import MemoryFs
from edge.store.journal import BLOCK_FIRST, SCAN_MAX, Journal
from edge.store.log import Log
from tests.support_reader import MemoryLog

PARIS = ZoneInfo("Europe/Paris")
T_MS = 1_795_166_000_000
STREAM = "0c77d1e2"


def dating(*entries: ClockEntry) -> Dating:
    made = Dating()
    for entry in entries or (ClockEntry(1, 0, T_MS, "ntp"),):
        made.add(entry)
    return made


def said(line: JournalLine) -> str:
    return sentence("en", PARIS, line.kind, line.point, line.values)


def log_of(count: int, kind: str = "state") -> MemoryLog[Event]:
    log: MemoryLog[Event] = MemoryLog(STREAM, frame=37)
    log.append([Event(kind, seq * 1000, f"p{seq % 3}", {"v": seq}) for seq in range(1, count + 1)])
    return log


class KeptLines:
    """A history that holds the lines of a log up to a seq, as `edge.core.series.HistoryReader`."""

    def __init__(self, log: MemoryLog[Event], end: int, gaps: Iterable[HistoryGap] = (), page: int = 11) -> None:
        self._gaps = list(gaps)
        self._page = page
        lost = {seq for gap in self._gaps for seq in range(gap.first, gap.last + 1)}
        self._lines = [
            JournalLine(STREAM, seq, 1, T_MS + event.at_ms, "ntp", event.kind, event.point, event.values)
            for seq in range(1, end)
            if seq not in lost
            for event in [log.entry(seq)]
        ]
        self.asked: list[frozenset[str]] = []

    def journal(self, before: int | None, limit: int, kinds: frozenset[str] = frozenset()) -> list[JournalLine]:
        self.asked.append(kinds)
        found = [line for line in self._lines if before is None or line.seq < before]
        found = [line for line in found if not kinds or line.kind in kinds]
        return found[::-1][: min(limit, self._page)]

    def gaps(self, from_ms: int, to_ms: int) -> list[HistoryGap]:
        return [*self._gaps, HistoryGap("ffffffff", 1, 99, "dropped")]

    def points(self) -> list[PointInfo]:
        raise AssertionError("the journal asks for no points")

    def records(self, point: str, from_ms: int, to_ms: int, limit: int) -> list[HistoryRecord]:
        raise AssertionError("nor for records")

    def periods(self, point: str, length: PeriodLength, from_ms: int, to_ms: int) -> list[Period]:
        raise AssertionError("nor for sums")


def all_pages(journal: Journal, limit: int = 50, wanted: Wanted | None = None) -> list[JournalLine]:
    """Return all lines, newest first, asked for page by page."""
    lines: list[JournalLine] = []
    before: int | None = None
    while True:
        page: JournalPage = journal.page(before, limit, wanted)
        assert len(page.lines) <= limit
        lines += page.lines
        if page.before is None:
            return lines
        assert before is None or page.before < before, "each page leads on"
        before = page.before


def shape(lines: list[JournalLine]) -> list[int | tuple[int, int, str]]:
    """Return the seqs, and for a gap its ends and why."""
    return [
        (line.values["first"], line.values["last"], line.values["why"]) if line.kind == "gap" else line.seq
        for line in lines
    ]


def test_the_newest_lines_come_first_with_their_time_and_what_is_known_of_it() -> None:
    log: MemoryLog[Event] = MemoryLog(STREAM)
    log.append([Event("start", 0, "", {"boot": 1, "version": "1.0"}), Event("stop", 60_000)], boot=1)
    log.append([Event("start", 5, "", {"boot": 2, "version": "1.0"})], boot=2)
    log.append([Event("start", 5, "", {"boot": 3, "version": "1.0"})], boot=3)
    clock = dating(ClockEntry(1, 0, T_MS, "ntp"), ClockEntry(2, 0, T_MS + 99_000, "floor"))
    page = Journal(log, clock).page()
    assert [(line.seq, line.boot, line.t_ms, line.trust) for line in page.lines] == [
        (4, 3, None, "none"), (3, 2, T_MS + 99_005, "floor"), (2, 1, T_MS + 60_000, "ntp"), (1, 1, T_MS, "ntp"),
    ]  # fmt: skip
    assert (page.stream, page.before) == (STREAM, None)


def test_an_empty_log_has_no_lines() -> None:
    assert Journal(log_of(0), dating()).page() == JournalPage(STREAM, [])


@pytest.mark.parametrize("count", [1, BLOCK_FIRST - 1, BLOCK_FIRST, BLOCK_FIRST + 1, 1000])
@pytest.mark.parametrize("limit", [1, 7, 500])
def test_pages_give_every_line_once_in_order(count: int, limit: int) -> None:
    if limit == 1 and count == 1000:
        count = 200
    assert shape(all_pages(Journal(log_of(count), dating()), limit)) == list(range(count, 0, -1))


def test_what_is_written_meanwhile_moves_no_page_below() -> None:
    log = log_of(100)
    journal = Journal(log, dating())
    first = journal.page(limit=30)
    log.append([Event("stop", 1)] * 40)
    second = journal.page(first.before, 30)
    assert shape(first.lines + second.lines) == list(range(100, 40, -1))


def test_a_gap_stands_in_its_place_whole_and_as_one_line() -> None:
    log = log_of(300)
    log.damage(100, 250)
    assert shape(all_pages(Journal(log, dating()), 500)) == [
        *range(300, 250, -1), (100, 250, "damaged"), *range(99, 0, -1),
    ]  # fmt: skip
    page = Journal(log, dating()).page(before=200, limit=2)
    assert shape(page.lines) == [(100, 199, "damaged"), 99]


def test_what_a_full_ring_dropped_is_a_gap_where_there_is_no_history() -> None:
    log = log_of(100)
    log.drop_to(61)
    assert shape(all_pages(Journal(log, dating()))) == [*range(100, 60, -1), (1, 60, "dropped")]
    assert shape(Journal(log, dating()).page(before=30).lines) == [(1, 29, "dropped")]


def test_history_goes_on_where_the_log_ends() -> None:
    log = log_of(200)
    log.drop_to(121)
    journal = Journal(log, dating(), KeptLines(log, 190))
    lines = all_pages(journal, 33)
    assert shape(lines) == list(range(200, 0, -1))
    assert {line.t_ms for line in lines} == {T_MS + seq * 1000 for seq in range(1, 201)}


def test_what_history_lost_is_a_gap_too() -> None:
    log = log_of(200)
    log.drop_to(121)
    lost = [HistoryGap(STREAM, 40, 60, "damaged"), HistoryGap(STREAM, 110, 130, "dropped")]
    journal = Journal(log, dating(), KeptLines(log, 121, lost))
    assert shape(all_pages(journal, 33)) == [
        *range(200, 120, -1), (110, 120, "dropped"), *range(109, 60, -1), (40, 60, "damaged"), *range(39, 0, -1),
    ]  # fmt: skip
    nothing = Journal(log, dating(), KeptLines(log, 1, [HistoryGap(STREAM, 1, 120, "dropped")]))
    assert shape(all_pages(nothing))[-1] == (1, 120, "dropped")


def test_filters_keep_kinds_a_point_a_text_and_always_the_gaps() -> None:
    log: MemoryLog[Event] = MemoryLog(STREAM)
    log.append([
        Event("start", 0, "", {"boot": 1, "version": "1.0"}),
        Event("alarm_begin", 1000, "boiler", {"id": 1, "kind": "high", "v": 92.5, "u": "Cel", "at": 85.0}),
        Event("state", 2000, "door", {"v": 1, "was": 0, "word": "open", "was_word": "closed"}),
        Event("alarm_end", 3000, "boiler", {"id": 1, "kind": "high", "v": 80.0, "u": "Cel", "at": 85.0}),
        Event("stop", 4000),
    ])  # fmt: skip
    log.damage(1, 1)
    journal = Journal(log, dating(), say=said)

    def found(**wanted: object) -> list[str]:
        return [line.kind for line in journal.page(wanted=Wanted(**wanted)).lines]  # type: ignore[arg-type]

    assert found(kinds=frozenset({"alarm_begin", "alarm_end"})) == ["alarm_end", "alarm_begin", "gap"]
    assert found(point="door") == ["state", "gap"]
    assert found(text="CLOSED") == ["state", "gap"]
    assert found(text="92.5 °C >") == ["alarm_begin", "gap"]
    assert found(point="boiler", text="end of") == ["alarm_end", "gap"]
    assert found(kinds=frozenset({"no_such_kind"})) == ["gap"]
    assert found() == ["stop", "alarm_end", "state", "alarm_begin", "gap"]


def test_a_machine_has_the_lines_of_its_points_and_its_own() -> None:
    log: MemoryLog[Event] = MemoryLog(STREAM)
    log.append([
        Event("alarm_begin", 1000, "boiler.flow", {"id": 1, "kind": "high"}),
        Event("equipment", 1000, "boiler.state", {"equipment": "boiler", "before": "in_service", "after": "faulty"}),
        Event("alarm_begin", 2000, "cold.t", {"id": 2, "kind": "high"}),
        Event("equipment", 2000, "", {"equipment": "gone"}),
    ])  # fmt: skip
    journal = Journal(log, dating(), say=said, equipment_of={"boiler.flow": "boiler", "cold.t": "cold"})

    def found(equipment: str) -> list[int]:
        return [line.seq for line in journal.page(wanted=Wanted(equipment=equipment)).lines]

    assert found("boiler") == [2, 1]
    assert found("cold") == [3]
    assert found("gone") == [4], "also of one that left the settings"
    assert found("no_such") == []


def test_until_leaves_out_what_came_then_and_what_has_no_date() -> None:
    log = log_of(10)
    until = Wanted(since_ms=T_MS + 3000, until_ms=T_MS + 6000)
    assert [line.seq for line in Journal(log, dating()).page(wanted=until).lines] == [5, 4, 3]
    assert Journal(log, Dating()).page(wanted=Wanted(until_ms=T_MS)).lines == []


def test_since_leaves_out_what_was_before_and_the_gaps_there() -> None:
    log = log_of(2000)
    log.damage(1995, 1996)
    log.drop_to(101)
    journal = Journal(log, dating())
    recent = all_pages(journal, 50, Wanted(since_ms=T_MS + 1_990_000))
    assert shape(recent) == [2000, 1999, 1998, 1997, (1995, 1996, "damaged"), 1994, 1993, 1992, 1991, 1990]
    assert all_pages(journal, 50, Wanted(since_ms=T_MS + 9_000_000)) == []
    assert shape(all_pages(journal, 500, Wanted(since_ms=0)))[-1] == (1, 100, "dropped")


def test_since_reads_past_a_clock_that_was_set_back() -> None:
    log: MemoryLog[Event] = MemoryLog(STREAM)
    log.append([Event("state", t_s * 1000) for t_s in range(10)], boot=1)
    log.append([Event("state", t_s * 1000) for t_s in range(10)], boot=2)
    clock = dating(ClockEntry(1, 0, T_MS + 86_400_000, "person"), ClockEntry(2, 0, T_MS, "ntp"))
    lines = all_pages(Journal(log, clock), 50, Wanted(since_ms=T_MS + 3_600_000))
    assert shape(lines) == list(range(10, 0, -1))


def test_lines_without_a_date_are_shown_whatever_since_says() -> None:
    log: MemoryLog[Event] = MemoryLog(STREAM)
    log.append([Event("start", 0)], boot=7)
    assert shape(all_pages(Journal(log, Dating()), 50, Wanted(since_ms=T_MS))) == [1]


def test_one_answer_looks_at_a_bounded_number_of_lines() -> None:
    log = log_of(3 * SCAN_MAX)
    page = Journal(log, dating()).page(wanted=Wanted(kinds=frozenset({"stop"})))
    assert page == JournalPage(STREAM, [], 2 * SCAN_MAX + 1, 3 * SCAN_MAX)
    assert all_pages(Journal(log, dating()), wanted=Wanted(kinds=frozenset({"stop"}))) == []


def test_who_has_seen_some_is_given_what_came_after() -> None:
    log = log_of(300)
    log.damage(240, 260)
    log.drop_to(101)
    journal = Journal(log, dating())
    assert shape(all_pages(journal, 30, Wanted(after=255))) == [*range(300, 260, -1), (256, 260, "damaged")]
    assert shape(all_pages(journal, 30, Wanted(after=90)))[-2:] == [101, (91, 100, "dropped")]
    assert journal.page(wanted=Wanted(after=300)) == JournalPage(STREAM, [], None, 300)
    assert journal.page(wanted=Wanted(after=999)).lines == []
    kept = Journal(log, dating(), KeptLines(log, 101))
    assert shape(all_pages(kept, 30, Wanted(after=90)))[-3:] == [93, 92, 91]
    lost = Journal(log, dating(), KeptLines(log, 101, [HistoryGap(STREAM, 50, 95, "damaged")]))
    assert shape(all_pages(lost, 30, Wanted(after=90)))[-2:] == [96, (91, 95, "damaged")]


def test_history_is_asked_for_the_kinds_that_are_wanted() -> None:
    log = log_of(50)
    log.drop_to(51)
    history = KeptLines(log, 51)
    kinds = frozenset({"state"})
    assert len(Journal(log, dating(), history).page(wanted=Wanted(kinds)).lines) == 50
    assert set(history.asked) == {kinds}


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(0, 300), first=st.integers(1, 300), limit=st.integers(1, 120),
    holes=st.lists(st.tuples(st.integers(1, 300), st.integers(0, 40)), max_size=4), has_history=st.booleans(),
)  # fmt: skip
def test_every_number_is_in_exactly_one_line_or_gap(
    count: int, first: int, limit: int, holes: list[tuple[int, int]], has_history: bool
) -> None:
    log = log_of(count)
    first = min(first, count + 1)
    log.drop_to(first)
    for at, length in holes:
        log.damage(at, min(at + length, count))
    lines = all_pages(Journal(log, dating(), KeptLines(log, first) if has_history else None), limit)
    numbers: list[int] = []
    for seen in shape(lines):
        numbers += range(seen[1], seen[0] - 1, -1) if isinstance(seen, tuple) else [seen]
    assert numbers == list(range(count, 0, -1))


def real_log(segments: int = 4) -> tuple[MemoryFs, Log[Event]]:
    fs = MemoryFs()
    return fs, Log(fs, "events", "events", segments * (64 << 10), 64 << 10)


def test_the_log_itself_is_read_the_same_while_its_ring_turns() -> None:
    _fs, log = real_log(2)
    journal = Journal(log, dating())
    written = 0
    for _ in range(60):
        entries = [Event("state", written + n, "door", {"v": n % 2, "was": 1 - n % 2}) for n in range(200)]
        log.append(EventBatch(1, entries))
        written += 200
        page = journal.page(limit=500)
        assert shape(page.lines)[0] == written
    first = log.first_seq()
    assert first > 1
    assert shape(all_pages(journal, 500)) == [*range(written, first - 1, -1), (1, first - 1, "dropped")]


def test_a_million_events_in_a_burst_stay_below_the_cap_newest_kept_in_order() -> None:
    fs = MemoryFs()
    cap = 4 << 20
    log: Log[Event] = Log(fs, "events", "events", cap, 1 << 20)
    dice = random.Random(1)  # what can be packed well would never fill the ring
    batch = [Event("fault", n, "", {"worker": "bus:w1", "text": dice.randbytes(4).hex()}) for n in range(10_000)]
    for _ in range(100):
        log.append(EventBatch(1, batch))
    held = sum(fs.images[number].size for path, number in fs.names.items() if path.startswith("events/"))
    assert held <= cap + (64 << 10), "the ring, its cursors and its lock"
    assert log.next_seq() == 1_000_001
    assert 1 < log.first_seq() < 990_000
    journal = Journal(log, dating())
    assert shape(journal.page(limit=3).lines) == [1_000_000, 999_999, 999_998]
    bottom = journal.page(before=log.first_seq() + 2, limit=5)
    assert shape(bottom.lines)[:2] == [log.first_seq() + 1, log.first_seq()]


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(event_text).failed == 0
