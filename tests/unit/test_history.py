"""History answers what the logs had, wherever it lies: in the file, packed in RAM, or in the log still."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from edge.core.clock import ClockEntry
from edge.core.series import HistoryRecord
from edge.core.types import Record
from hal.sample import BAD, UNCERTAIN
from tests.history_rig import HOUR, T0, HistoryRig, counter, gauge, history_rig


def minutes(first: int, count: int) -> list[Record]:
    """Return records of t.flow and e.main, a minute each, from minute `first` on."""
    made = []
    for number in range(first, first + count):
        made += [gauge(number * 60_000, 20 + number % 7 / 16), counter(number * 60_000, 1000.0 + number, 1.0)]
    return made


def test_what_was_just_made_durable_is_answered_before_anything_is_consumed(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        rig.save(*minutes(0, 3))
        assert [record.t_ms for record in rig.held("t.flow")] == [T0, T0 + 60_000, T0 + 120_000]
        assert rig.held("t.flow")[0].value == 20
        assert rig.held("e.main") == rig.expected("e.main")


def test_the_answer_stays_the_same_from_the_log_through_the_head_into_the_file(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        rig.save(*minutes(0, 100))
        rig.save(gauge(100 * 60_000, None), gauge(101 * 60_000, 21.5, count=60, mean=21.123456789, low=20.0, high=22.0))
        expected = rig.expected("t.flow")
        assert rig.held("t.flow") == expected
        rig.turn()
        assert rig.history.head.slices or rig.history.head.end
        assert rig.held("t.flow") == expected
        rig.flush()
        assert not rig.history.head.slices
        assert rig.records.cursor("history") == rig.records.next_seq() - 1
        assert rig.held("t.flow") == expected
        assert expected[-2].value is None
        assert expected[-2].quality == BAD


def test_after_a_clean_stop_everything_is_in_the_file(tmp_path: Path) -> None:
    rig = HistoryRig(tmp_path)
    rig.save(*minutes(0, 30))
    rig.turn()
    expected = rig.held("t.flow")
    rig.close()
    with history_rig(tmp_path) as other:  # another log, another stream
        assert other.records.stream != rig.records.stream
        assert other.held("t.flow") == expected
        assert other.records.next_seq() == 1


def test_two_streams_of_one_box_follow_each_other_in_one_history(tmp_path: Path) -> None:
    rig = HistoryRig(tmp_path)
    rig.save(*minutes(0, 30))
    rig.close()
    with history_rig(tmp_path) as other:
        other.save(*minutes(30, 30))
        assert [record.t_ms for record in other.held("t.flow")] == [T0 + at * 60_000 for at in range(60)]
        other.flush()
        assert [record.t_ms for record in other.held("t.flow")] == [T0 + at * 60_000 for at in range(60)]
        (period,) = other.history.periods("e.main", "hour", T0, T0 + HOUR)
        assert (period.records, period.increment, period.covered_ms) == (60, 60.0, HOUR)


def test_an_unknown_point_is_a_key_error_and_an_empty_range_of_a_known_one_is_empty(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        with pytest.raises(KeyError, match=r"t\.flow"):
            rig.history.records("t.flow", 0, 2**59, 10)
        with pytest.raises(KeyError):
            rig.history.periods("t.flow", "day", 0, 2**59)
        rig.save(*minutes(0, 3))
        assert rig.history.records("t.flow", T0 + HOUR, T0 + 2 * HOUR, 10) == []
        assert rig.history.points()[0].point == "t.flow"
        with pytest.raises(ValueError, match="limit 0"):
            rig.history.records("t.flow", 0, 1, 0)


def test_a_day_at_1_hz_is_answered_for_little_more_than_its_objects_cost(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        for hour in range(24):
            rig.save(*(gauge((hour * 3600 + at) * 1000, at % 97 / 16, 1000) for at in range(3600)))
            rig.turn(3600)
        rig.flush()
        answers, objects = [], []
        for _ in range(3):
            began = time.process_time_ns()
            found = rig.history.records("t.flow", T0, T0 + 24 * HOUR, 100_000)
            answers.append(time.process_time_ns() - began)
            rows = list(map(msgspec.structs.astuple, found))
            began = time.process_time_ns()
            made = [HistoryRecord(*row) for row in rows]
            objects.append(time.process_time_ns() - began)
        assert found == made == rig.expected("t.flow")
        assert min(answers) < 8 * min(objects)


def test_undated_records_wait_and_are_answered_once_their_start_has_a_date(tmp_path: Path) -> None:
    with history_rig(tmp_path, dated=[]) as rig:
        rig.save(*minutes(0, 3))
        rig.flush()
        with pytest.raises(KeyError):
            rig.held("t.flow")
        assert rig.records.cursor("history") == 0
        rig.dating.add(ClockEntry(1, 180_000, T0 + 180_000, "floor"))
        rig.flush()
        assert rig.records.cursor("history") == 6
        assert {(record.quality, record.reason, record.trust) for record in rig.held("t.flow")} == {
            (UNCERTAIN, "clock_unsynced", "floor")
        }
