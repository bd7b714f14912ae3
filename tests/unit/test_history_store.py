"""What history makes of odd times and ends: clocks that step, days of 23 h, changed points, gaps, stops in between."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.core.aggregate import periods
from edge.core.clock import ClockEntry
from edge.core.series import HistoryRecord
from edge.core.types import Event, Record
from edge.store.history_schema import APPLICATION_ID
from edge.store.log import Log
from tests.history_rig import HOUR, PARIS, POINTS, T0, HistoryRig, counter, gauge, history_rig

DAY = 24 * HOUR


def rows(folder: Path, query: str, *values: Any) -> list[Any]:
    """Ask the file itself, as anybody with SQLite may."""
    with closing(sqlite3.connect(f"file:{folder}/history.db?mode=ro", uri=True)) as db:
        return db.execute(query, values).fetchall()


def hourly(count: int, first: int = 0) -> list[Record]:
    """Return four records an hour of t.flow and e.main."""
    made = []
    for number in range(4 * first, 4 * (first + count)):
        made += [gauge(number * 900_000, float(number), 900_000), counter(number * 900_000, number + 1.0, 1.0, 900_000)]
    return made


# -- exactly once


def test_after_a_crash_it_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    rig = HistoryRig(tmp_path)
    rig.save(*hourly(5))
    rig.turn()  # hours that are over are in the file, the last one in RAM only
    assert rig.history.head.slices
    expected = {point: rig.expected(point) for point in ("t.flow", "e.main")}
    rig.give_back()
    with_more = rig.again(dated=[])
    with_more.work()
    assert {point: with_more.held(point) for point in expected} == expected
    with_more.flush()
    assert {point: with_more.held(point) for point in expected} == expected
    (day,) = with_more.history.periods("e.main", "day", T0 - DAY, T0 + DAY)
    assert (day.records, day.increment) == (20, 20.0)
    with_more.close()


def test_a_transaction_that_fails_at_its_end_is_as_if_it_never_was(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        rig.save(*hourly(3))
        connection = rig.history.file.connection
        assert connection is not None
        connection.execute("CREATE TEMP TRIGGER stop BEFORE INSERT ON cursor BEGIN SELECT RAISE(ABORT, 'no'); END")
        with pytest.raises(sqlite3.IntegrityError):
            rig.turn()
        assert rows(tmp_path, "SELECT (SELECT count(*) FROM block) + (SELECT count(*) FROM aggregate)") == [(0,)]
        assert rig.records.cursor("history") == 0
        assert rig.held("t.flow") == rig.expected("t.flow")
        connection.execute("DROP TRIGGER stop")
        rig.flush()
        assert rig.held("t.flow") == rig.expected("t.flow")
        assert rows(tmp_path, "SELECT sum(n) FROM block") == [(24,)]


def test_the_log_forgets_nothing_that_history_has_not_yet(tmp_path: Path) -> None:
    dice = Random(1)
    with history_rig(tmp_path, capacity=128 << 10, segment=64 << 10) as rig:
        for number in range(40):
            rig.save(*(Record(f"p{at % 10}", number * 1000, 1000, dice.random()) for at in range(400)))
            rig.records.acknowledge("mqtt", rig.records.next_seq() - 1)
            rig.turn()
        rig.flush()
        assert rig.records.first_seq() > 1, "the ring turned"
        assert rig.records.dropped == 0
        assert rig.history.gaps(-(2**59), 2**59) == []
        assert len(rig.held("p7")) == 1600


def test_a_log_cut_short_does_not_hold_up_history(tmp_path: Path) -> None:
    rig = HistoryRig(tmp_path)
    rig.save(*hourly(2))
    rig.close()
    with closing(sqlite3.connect(tmp_path / "history.db")) as db, db:
        db.execute("UPDATE cursor SET seq = 1000")
    with_more = rig.again()
    assert "it goes on from there" in with_more.history.notes[0]
    with_more.save(gauge(0, 5.0))
    with_more.flush()
    assert with_more.held("t.flow")[-1].value == 5.0
    with_more.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["t.flow", "e.main"]), st.integers(0, 6 * HOUR), st.sampled_from([1000, 60_000, HOUR, DAY])
        ),
        max_size=40,
    ),
    st.sets(st.integers(0, 40)),
    st.sets(st.integers(0, 40)),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_when_and_wherever_it_stops_the_answers_are_those_of_the_log(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, int, int]], turns: set[int], crashes: set[int]
) -> None:
    rig = HistoryRig(tmp_path_factory.mktemp("history"), capacity=256 << 10, segment=64 << 10)
    for number, (point, start_ms, dt_ms) in enumerate(entries):
        begin_ms = start_ms - start_ms % 100 + number  # of two at one instant, either may count as the last
        rig.save(Record(point, begin_ms, dt_ms, float(number), increment=1.0 if point == "e.main" else None))
        if number in turns:
            rig.turn(4000 if number % 2 else 300)
        if number in crashes:
            rig.give_back()
            rig = rig.again(dated=[], boot=rig.boot)
    for _ in range(2):
        for point in {point for point, _, _ in entries}:
            expected = rig.expected(point)
            assert rig.held(point) == expected
            for length in ("hour", "day", "month"):
                made = rig.history.periods(point, length, 0, 2**59)
                assert made == list(periods(expected, POINTS[point][0], length, PARIS)), length
        rig.flush()
    rig.close()


# -- time


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_the_day_the_clocks_change_has_its_own_number_of_hours(tmp_path: Path, day: str, hours: int) -> None:
    begin = round(datetime.fromisoformat(day).replace(tzinfo=PARIS).timestamp() * 1000)
    with history_rig(tmp_path, dated=[ClockEntry(1, 0, begin, "ntp")]) as rig:
        rig.save(*hourly(hours))
        rig.flush()
        by_hour = rig.history.periods("e.main", "hour", begin, begin + DAY + HOUR)
        (whole,) = rig.history.periods("e.main", "day", begin, begin + DAY)
        (month,) = rig.history.periods("e.main", "month", begin - 40 * DAY, begin + DAY)
        assert [period.increment for period in by_hour] == [4.0] * hours
        assert whole.end_ms - whole.t_ms == whole.covered_ms == hours * HOUR
        assert whole.increment == month.increment == 4.0 * hours
        assert whole.last == 4.0 * hours


def test_a_clock_set_back_gives_the_same_hour_twice_and_loses_nothing(tmp_path: Path) -> None:
    dated = [ClockEntry(1, 0, T0, "rtc"), ClockEntry(1, 3 * HOUR, T0 + HOUR, "ntp")]
    with history_rig(tmp_path, dated=dated) as rig:
        rig.save(*hourly(6))
        rig.turn()
        rig.flush()
        assert rig.held("t.flow") == rig.expected("t.flow")
        assert len(rig.history.records("t.flow", T0 + HOUR, T0 + 3 * HOUR, 100)) == 16
        twice = rig.history.periods("e.main", "hour", T0 + HOUR, T0 + 3 * HOUR)
        assert [(period.records, period.increment, period.covered_ms) for period in twice] == [(8, 8.0, HOUR)] * 2


def test_pages_end_between_two_instants_and_miss_nothing(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        rig.save(*(gauge(at // 3 * 1000, float(at), 1000) for at in range(30)))
        for limit in range(1, 35):
            found: list[HistoryRecord] = []
            from_ms = 0
            while page := rig.history.records("t.flow", from_ms, 2**59, limit):
                assert len(page) <= max(limit, 3)
                found += page
                from_ms = page[-1].t_ms + 1
            assert found == rig.expected("t.flow")


def test_a_start_dated_only_by_a_later_one_is_taken_then_and_its_events_get_their_time(tmp_path: Path) -> None:
    rig = HistoryRig(tmp_path, dated=[])
    rig.save(gauge(0, 1.0))
    rig.journal(Event("start", 0))
    rig.flush()
    (line,) = rig.history.journal(None, 10)
    assert (line.kind, line.t_ms, line.trust) == ("start", None, "")
    rig.close()
    later = rig.again(dated=[ClockEntry(2, 0, T0, "ntp")])
    later.save(gauge(0, 2.0))
    later.flush()
    assert later.wanted[-1:] == [1], "nothing but a guess will date it"
    assert later.records.cursor("history") == 0
    later.dating.add(ClockEntry(1, 60_000, T0 - 1000, "floor"))
    later.journal(Event("start", 0))
    later.flush()
    assert [(record.value, record.quality) for record in later.held("t.flow")] == [(1.0, 1), (2.0, 0)]
    assert [line.t_ms for line in later.history.journal(None, 10)] == [T0, T0 - 61_000]
    assert rows(tmp_path, "SELECT count(*) FROM journal WHERE t_ms IS NULL") == [(0,)]
    later.close()


# -- points


def test_a_changed_unit_is_another_point_under_the_same_name(tmp_path: Path) -> None:
    rig = HistoryRig(tmp_path)
    rig.save(*hourly(2))
    rig.give_back()  # a crash: what was not consumed is still of the old unit
    changed = rig.again(points={**POINTS, "e.main": ("counter", "kWh")}, dated=[ClockEntry(2, 0, T0 + 2 * HOUR, "ntp")])
    changed.save(counter(0, 0.001, 0.001, 900_000))
    changed.flush()
    found = [(info.point, info.unit) for info in changed.history.points() if info.point == "e.main"]
    assert found == [("e.main", "Wh"), ("e.main", "kWh")]
    by_unit = changed.history.periods("e.main", "day", T0 - DAY, T0 + DAY)
    assert [period.increment for period in by_unit] == [8.0, 0.001]
    assert [record.increment for record in changed.held("e.main")] == [1.0] * 8 + [0.001]
    changed.close()


def test_a_point_that_left_the_settings_keeps_its_past_and_what_is_unknown_is_guessed(tmp_path: Path) -> None:
    rig = HistoryRig(tmp_path)
    rig.save(*hourly(1))
    rig.close()
    other = rig.again(points={})
    other.save(
        Record("x.text", 0, 1000, "HP"), Record("x.count", 0, 1000, 5, increment=1), Record("x.number", 0, 1000, 1.5),
        Record("x.state", 0, 1000, 1, duration_ms=1000),
    )  # fmt: skip
    other.flush()
    assert {info.point: (info.kind, info.unit) for info in other.history.points()} == {
        "t.flow": ("gauge", "Cel"), "e.main": ("counter", "Wh"), "x.text": ("text", ""), "x.count": ("counter", ""),
        "x.number": ("gauge", ""), "x.state": ("state", ""),
    }  # fmt: skip
    other.close()


# -- gaps and journal


def test_what_the_ring_dropped_is_a_gap_with_its_times(tmp_path: Path) -> None:
    dice = Random(1)
    with history_rig(tmp_path, capacity=128 << 10, segment=64 << 10, dated=[]) as rig:
        for number in range(40):
            rig.save(*(Record(f"p{at % 10}", number * 60_000, 60_000, dice.random()) for at in range(400)))
        first = rig.records.first_seq()
        assert first > 1
        rig.dating.add(ClockEntry(1, 0, T0, "ntp"))
        rig.flush()
        (gap,) = rig.history.gaps(0, 2**59)
        assert (gap.first, gap.last, gap.why, gap.from_ms) == (1, first - 1, "dropped", None)
        assert gap.to_ms is not None
        assert gap.to_ms == rig.held("p0")[0].t_ms
        assert rig.history.gaps(gap.to_ms, 2**59) == []
        assert gap.stream == rig.records.stream


def test_the_journal_keeps_the_newest_rows_and_pages_by_seq(tmp_path: Path) -> None:
    with history_rig(tmp_path, journal_rows=50) as rig:
        for number in range(30):
            rig.journal(*(Event("state", number * 1000 + at, "door", {"v": at}) for at in range(4)))
        rig.flush()
        assert rows(tmp_path, "SELECT count(*), min(seq), max(seq) FROM journal") == [(50, 71, 120)]
        rig.journal(Event("stop", 40_000))
        lines = rig.history.journal(None, 1000)
        assert [line.seq for line in lines] == list(range(121, 70, -1))
        assert (lines[0].kind, lines[0].t_ms, lines[1].values) == ("stop", T0 + 40_000, {"v": 3})
        assert [line.seq for line in rig.history.journal(100, 3)] == [99, 98, 97]
        assert [line.kind for line in rig.history.journal(None, 5, frozenset({"stop"}))] == ["stop"]
        assert rig.history.journal(71, 5) == []


# -- the file


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        rig.save(*hourly(1))
        connection = rig.history.file.connection
        assert connection is not None
        pragmas = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version", "journal_mode", "synchronous", "wal_autocheckpoint")
        }
    assert pragmas == {
        "application_id": APPLICATION_ID, "user_version": 1, "journal_mode": "wal", "synchronous": 2,
        "wal_autocheckpoint": 250,
    }  # fmt: skip
    assert (tmp_path / "history.db").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "history.reserve").stat().st_size == 2 << 20


@pytest.mark.parametrize("is_over", [True, False])
def test_an_answer_that_outlives_the_file_leaves_no_connection_open(tmp_path: Path, *, is_over: bool) -> None:
    rig = HistoryRig(tmp_path)
    rig.save(*hourly(1))
    rig.turn()
    if is_over:  # a question of the page, when the box has ended already
        rig.close()
    with rig.history.file.reader() as connection:
        if not is_over:
            rig.close()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        connection.execute("SELECT 1")


def test_a_newer_file_is_refused_by_name_and_not_touched(tmp_path: Path) -> None:
    rig = HistoryRig(tmp_path)
    rig.save(*hourly(1))
    rig.close()
    with closing(sqlite3.connect(tmp_path / "history.db")) as db:
        db.execute("PRAGMA user_version = 2")
    before = (tmp_path / "history.db").read_bytes()
    other = rig.again()
    other.turn()
    assert (other.history.degraded, [kind for kind, _ in other.told]) == ("newer", ["history_degraded"])
    with pytest.raises(OSError, match="version 2, known is 1"):
        other.history.points()
    other.close()
    assert (tmp_path / "history.db").read_bytes() == before


def test_an_answer_never_sees_half_a_transaction(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        rig.save(*hourly(2))
        rig.turn()
        expected = rig.expected("t.flow")
        writing: Log[Record] = rig.records
        original = writing.acknowledge

        def looked(consumer: str, seq: int) -> None:  # between the commit and the log's cursor
            assert rig.held("t.flow") == expected
            original(consumer, seq)

        writing.acknowledge = looked  # type: ignore[method-assign]
        rig.flush()
        assert rig.held("t.flow") == expected
