"""Frames packed by columns reach history without their records being made one by one; what it answers is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.core.clock import ClockEntry
from edge.core.types import Record
from edge.store.fs import StoreError
from edge.store.packing import ROWS, RecordPacker, unpack_points
from hal.sample import BAD, UNCERTAIN
from tests.history_rig import HOUR, T0, HistoryRig, history_rig

NAMES = ("t.flow", "e.main", "door", "mode")
SECONDS = 100  # a frame, 400 records: far more than go as rows


def second(at: int) -> list[Record]:
    """Return the records of one second; each 70th reading of the probe is missing."""
    start_ms = at * 1000
    flow = Record("t.flow", start_ms, 1000, None, BAD, "no_answer", 0)
    if at % 70:
        flow = Record("t.flow", start_ms, 1000, at % 50 * 0.0625, UNCERTAIN if at % 90 == 1 else 0)
    return [
        flow,
        Record("e.main", start_ms, 1000, round(at * 0.001, 9), increment=0.001),
        Record("door", start_ms, 1000, at % 2, duration_ms=1000, changes=1),
        Record("mode", start_ms, 1000, "HP" if at % 100 < 50 else "HC"),
    ]


def fill(rig: HistoryRig, first: int, seconds: int, frame: int = SECONDS) -> None:
    for begin in range(first, first + seconds, frame):
        rig.save(*(record for at in range(begin, begin + frame) for record in second(at)))


def unpacked(rig: HistoryRig) -> int:
    """Return how many frames were made single records of."""
    return rig.records._reader.unpacked_frames


def assert_all_is_held(rig: HistoryRig) -> None:
    for name in NAMES:
        assert rig.held(name) == rig.expected(name), name


def test_whole_frames_are_taken_without_their_records(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        fill(rig, 0, 1000)
        rig.flush()
        assert unpacked(rig) == 0
        assert_all_is_held(rig)


def test_a_frame_in_which_an_hour_begins_is_taken_one_by_one_and_only_that_one(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        fill(rig, 3550, 500)
        rig.flush()
        assert unpacked(rig) == 2  # once for each of its hours
        assert_all_is_held(rig)
        assert [period.t_ms for period in rig.history.periods("e.main", "hour", T0, T0 + 9 * HOUR)] == [T0, T0 + HOUR]


def test_a_frame_in_which_a_better_clock_begins_keeps_both_words(tmp_path: Path) -> None:
    entries = [ClockEntry(1, 0, T0, "tic"), ClockEntry(1, 150_000, T0 + 150_250, "ntp")]
    with history_rig(tmp_path, dated=entries) as rig:
        fill(rig, 0, 300)
        rig.flush()
        held = rig.held("mode")
        assert [record.trust for record in held] == ["tic"] * 150 + ["ntp"] * 150
        assert held[150].t_ms == T0 + 150_250
        assert_all_is_held(rig)


def test_guessed_stamps_make_good_records_doubtful_and_leave_others_as_they_are(tmp_path: Path) -> None:
    with history_rig(tmp_path, dated=[ClockEntry(1, 0, T0, "floor")]) as rig:
        fill(rig, 0, 200)
        rig.flush()
        assert unpacked(rig) == 0
        found = {(record.quality, record.reason) for record in rig.held("t.flow")}
        assert found == {(UNCERTAIN, "clock_unsynced"), (UNCERTAIN, ""), (BAD, "no_answer")}
        assert_all_is_held(rig)


def test_an_undated_frame_waits_and_is_taken_when_its_start_has_a_date(tmp_path: Path) -> None:
    with history_rig(tmp_path, dated=[]) as rig:
        fill(rig, 0, 100)
        rig.turn()
        assert not rig.history.head.slices
        assert rig.history.head.undated_boot == 1
        rig.dating.add(ClockEntry(1, 0, T0, "ntp"))
        rig.flush()
        assert len(rig.held("door")) == 100
        assert_all_is_held(rig)


def test_history_that_begins_within_a_frame_goes_on_by_whole_frames(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        fill(rig, 0, 300)
        rig.history.head.reset(37)
        assert rig.history.head.take()
        assert unpacked(rig) == 1
        (made,) = rig.history.head.slices
        assert (made.first, made.last) == (38, 1200)
        assert sum(part.n for part in made.parts.values()) == 1200 - 37


def test_small_frames_and_points_in_no_order_come_back(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        fill(rig, 0, 40, frame=4)
        mixed = [record for at in range(40, 140) for record in second(at)]
        rig.save(*sorted(mixed, key=lambda record: (record.start_ms % 7000, record.point)))
        fill(rig, 140, 1, frame=1)
        rig.flush()
        assert_all_is_held(rig)


def test_a_start_ends_a_slice(tmp_path: Path) -> None:
    entries = [ClockEntry(1, 0, T0, "ntp"), ClockEntry(2, 0, T0 + HOUR, "ntp")]
    with history_rig(tmp_path, dated=entries) as rig:
        head = rig.history.head
        fill(rig, 0, 200)
        rig.save(*(record for at in range(SECONDS) for record in second(at)), boot=2)
        while head.take():
            pass
        assert [(made.boot, made.first, made.last) for made in head.slices] == [(1, 1, 800), (2, 801, 1200)]


def test_nothing_is_kept_half_when_the_card_can_not_be_read(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        fill(rig, 0, 300)
        whole = rig.records.whole
        asked = []

        def failing(seq: int) -> object:
            asked.append(seq)
            if len(asked) == 2:
                raise StoreError(5, "the card does not answer")
            return whole(seq)

        rig.history.head._log.whole = failing  # type: ignore[method-assign,assignment]
        with pytest.raises(StoreError):
            rig.history.head.take()
        assert rig.history.head.take()
        assert [(made.first, made.last) for made in rig.history.head.slices] == [(1, 1200)]


def test_a_frame_is_given_whole_from_any_seq_within_and_none_where_there_is_none(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        assert rig.records.whole(1) is None
        fill(rig, 0, 200)
        for seq in (1, 400):
            found = rig.records.whole(seq)
            assert found is not None
            assert (found.first, found.last, found.boot) == (1, 400, 1)
        assert rig.records.whole(0) is None
        assert rig.records.whole(801) is None


@pytest.mark.parametrize("count", [0, 1, ROWS, ROWS + 1])
def test_few_records_go_as_rows_and_have_no_columns(count: int) -> None:
    records = [Record("t.flow", at, 1, 1.0) for at in range(count)]
    packed = RecordPacker().pack(records)
    if not count:
        return
    assert [(name, n) for name, n, _ in unpack_points(packed)] == ([("t.flow", count)] if count > ROWS else [])
