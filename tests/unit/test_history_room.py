"""How much history keeps: by age, by size, on a full card; sums, gaps and journal outlive the records."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from edge.core.types import Event, Record
from edge.store.history_room import oldest_hour
from edge.store.history_schema import used_octets
from tests.history_rig import HOUR, T0, HistoryRig, counter, history_rig

DAY_H = 24


def days(first: int, count: int) -> list[Record]:
    """Return a counter's record each quarter of an hour."""
    return [
        counter(at * HOUR // 4, at + 1.0, 1.0, HOUR // 4)
        for at in range(first * 4 * DAY_H, (first + count) * 4 * DAY_H)
    ]


def noise(hours: range, points: int = 20) -> list[Record]:
    """Return records that no packing makes small: 30 an hour and point."""
    dice = Random(hours.start)
    return [
        Record(f"noise.{point}", hour * HOUR + at * 120_000, 120_000, dice.random())
        for hour in hours
        for at in range(30)
        for point in range(points)
    ]


def connection_of(rig: HistoryRig) -> sqlite3.Connection:
    connection = rig.history.file.connection
    assert connection is not None
    return connection


def pass_days(rig: HistoryRig, first: int, count: int) -> None:
    """Let days go by as they do: the clock moves with the records."""
    for day in range(first, first + count):
        rig.save(*days(day, 1))
        rig.clock.advance(86_400)
        rig.turn()
    rig.flush()


def test_records_go_by_age_and_their_sums_stay(tmp_path: Path) -> None:
    with history_rig(tmp_path, raw_days=3) as rig:
        pass_days(rig, 0, 10)
        held = rig.held("e.main")
        begin_ms = T0 + 10 * DAY_H * HOUR
        assert begin_ms - 4 * DAY_H * HOUR < held[0].t_ms <= begin_ms - 2 * DAY_H * HOUR
        assert sum(period.increment or 0 for period in rig.history.periods("e.main", "hour", 0, 2**59)) == 960.0
        assert sum(period.increment or 0 for period in rig.history.periods("e.main", "month", 0, 2**59)) == 960.0


def test_a_clock_that_is_years_ahead_does_not_empty_history_at_once(tmp_path: Path) -> None:
    with history_rig(tmp_path, raw_days=400) as rig:
        rig.save(*days(0, 10))
        rig.flush()
        count = len(rig.held("e.main"))
        rig.clock.advance(20 * 365 * 86_400)
        rig.save(counter(11 * DAY_H * HOUR, 1.0, 1.0))
        rig.flush()
        assert count - 96 - 1 <= len(rig.held("e.main")) - 1 < count


def test_a_storm_of_events_under_a_clock_that_is_years_ahead_empties_nothing_either(tmp_path: Path) -> None:
    with history_rig(tmp_path, raw_days=400) as rig:
        rig.save(*days(0, 10))
        rig.flush()
        count = len(rig.held("e.main"))
        rig.clock.advance(20 * 365 * 86_400)
        for number in range(9):
            rig.journal(*[Event("state", 11 * DAY_H * HOUR + number, "door", {"v": at % 2}) for at in range(1000)])
            rig.turn(300)
        assert count - 96 <= len(rig.held("e.main")) < count


def test_a_clock_that_nobody_vouches_for_drops_nothing(tmp_path: Path) -> None:
    with history_rig(tmp_path, raw_days=1) as rig:
        rig.save(*days(0, 3))
        rig.flush()
        count = len(rig.held("e.main"))
        rig.clock.trusted = "floor"
        rig.clock.advance(86_400 * 365)
        rig.save(counter(4 * DAY_H * HOUR, 1.0, 1.0))
        rig.flush()
        assert len(rig.held("e.main")) == count + 1


def test_the_size_in_use_stays_below_its_limit_and_deleted_pages_are_used_again(tmp_path: Path) -> None:
    with history_rig(tmp_path, max_mb=1) as rig:
        sizes = []
        for begin in range(0, 192, 24):
            rig.save(*noise(range(begin, begin + 24), 16))
            rig.turn()
            rig.flush()
            assert used_octets(connection_of(rig)) <= 1 << 20
            sizes.append((tmp_path / "history.db").stat().st_size)
        assert max(sizes) < 2 << 20, "deleted pages are used again"
        oldest = oldest_hour(connection_of(rig))
        assert oldest is not None
        assert oldest > T0 + 24 * HOUR, "the oldest went"
        assert len(rig.history.periods("noise.3", "hour", 0, 2**59)) == 192, "their sums did not"
        assert rig.history.degraded == ""


def test_on_a_full_card_the_oldest_records_make_room_and_that_is_said_once(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        rig.save(*noise(range(48)))
        rig.journal(Event("start", 0))
        rig.flush()
        oldest = oldest_hour(connection_of(rig))
        pages = connection_of(rig).execute("PRAGMA page_count").fetchone()[0]
        connection_of(rig).execute(f"PRAGMA max_page_count={pages}")  # SQLite's own way to be full
        for hour in range(48, 72):
            rig.save(*noise(range(hour, hour + 1)))
            rig.turn()
        rig.flush()
        assert rig.told[0] == ("history_degraded", {"why": "ENOSPC"})
        assert [kind for kind, _ in rig.told].count("history_degraded") <= 2
        newest = oldest_hour(connection_of(rig))
        assert oldest is not None
        assert newest is not None
        assert newest > oldest
        assert rig.records.cursor("history") == rig.records.next_seq() - 1
        assert rig.held("noise.0")[-1] == rig.expected("noise.0")[-1]
        assert len(rig.history.periods("noise.3", "hour", 0, 2**59)) == 72
        assert [line.kind for line in rig.history.journal(None, 10)] == ["start"]
        assert rig.history.degraded == "", "there is room for the reserve"
        assert rig.told[-1][0] == "history_ok"


def test_a_card_that_cannot_be_written_is_a_state_and_everything_comes_later(tmp_path: Path) -> None:
    with history_rig(tmp_path) as rig:
        rig.save(*days(0, 1))
        connection_of(rig).execute("PRAGMA query_only=1")  # every write is refused: SQLITE_READONLY
        rig.turn()
        assert (rig.history.degraded, rig.told) == ("EROFS", [("history_degraded", {"why": "EROFS"})])
        assert rig.held("e.main") == rig.expected("e.main"), "the log has it"
        rig.save(*days(1, 1))
        rig.turn()
        rig.flush()
        assert rig.history.degraded == ""
        assert [kind for kind, _ in rig.told] == ["history_degraded", "history_ok"]
        assert rig.held("e.main") == rig.expected("e.main")
        assert rig.records.cursor("history") == rig.records.next_seq() - 1


def test_a_folder_that_cannot_hold_a_file_is_a_state_from_the_start(tmp_path: Path) -> None:
    rig = HistoryRig(tmp_path / "missing")
    rig.save(*days(0, 1))
    rig.turn()
    assert rig.history.degraded == "ENOENT"
    assert rig.held("e.main") == rig.expected("e.main")
    (tmp_path / "missing").mkdir()
    rig.flush()
    assert rig.history.degraded == ""
    assert rig.held("e.main") == rig.expected("e.main")
    rig.close()


@pytest.fixture(params=[24])
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of so many MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all that is left of a disk; return the file that has it."""
    left = os.statvfs(folder)
    filler = folder / "filler"
    filler.write_bytes(bytes(left.f_bavail * left.f_frsize))
    return filler


def hour_by_hour(rig: HistoryRig, first: int, end: int) -> None:
    for hour in range(first, end):
        rig.save(*noise(range(hour, hour + 1)))
        rig.turn()


def test_a_disk_that_others_fill_costs_the_oldest_records_and_nothing_else(small_disk: Path) -> None:
    with history_rig(small_disk) as rig:
        rig.save(*noise(range(48)))
        rig.flush()
        filler = fill(small_disk)
        hour_by_hour(rig, 48, 80)
        assert rig.told == [("history_degraded", {"why": "ENOSPC"})]
        rig.flush()
        assert not (small_disk / "history.reserve").exists()
        assert rig.records.cursor("history") == rig.records.next_seq() - 1, "it goes on within its own pages"
        assert rig.held("noise.1")[-1] == rig.expected("noise.1")[-1]
        assert len(rig.held("noise.1")) < 80 * 30
        assert len(rig.history.periods("noise.1", "hour", 0, 2**59)) == 80
        filler.unlink()
        hour_by_hour(rig, 80, 81)
        rig.flush()
        assert rig.told[1][0] == "history_ok"
        assert (small_disk / "history.reserve").exists()
        assert connection_of(rig).execute("PRAGMA quick_check").fetchone()[0] == "ok"


@pytest.mark.parametrize("small_disk", [6], indirect=True)
def test_a_full_disk_without_a_reserve_waits_for_room_and_then_has_everything(small_disk: Path) -> None:
    with history_rig(small_disk) as rig:
        rig.save(*noise(range(24)))
        rig.flush()
        assert not (small_disk / "history.reserve").exists(), "the disk is too small for one"
        filler = fill(small_disk)
        hour_by_hour(rig, 24, 60)
        assert rig.told == [("history_degraded", {"why": "ENOSPC"})]
        held = rig.held("noise.1")
        assert held == rig.expected("noise.1")[-len(held) :], "what the file can't take is answered from the log"
        filler.unlink()
        rig.flush()
        assert rig.records.cursor("history") == rig.records.next_seq() - 1
        assert len(rig.history.periods("noise.1", "hour", 0, 2**59)) == 60
        assert rig.held("noise.1")[-1] == rig.expected("noise.1")[-1]
