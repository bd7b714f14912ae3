"""The logs of a box that does not run: read in place, and not an octet of them changed."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edge.core.types import Event, EventBatch
from edge.store.fs import FormatError, RealFs, StoreError
from edge.store.fs_memory import MemoryFs
from edge.store.log import Log
from edge.store.offline import NO_STREAM, ReadOnlyFs, StoredLog, stored_logs
from tests.unit.segments import SEGMENT, fill, open_log, read_all, segment_path, spoil

CLOCK = {"boot": 1, "at_ms": 1000, "utc_ms": 1_795_166_000_000, "source": "ntp"}


def state_in(folder: Path) -> None:
    """Leave behind what a box that ran would: some records and two events."""
    fs = RealFs(folder)
    records = open_log(fs, segments=16)
    fill(records, 30)
    records.acknowledge("mqtt", 250)
    records.close()
    events: Log[Event] = Log(fs, "events", "events", 4 * SEGMENT, SEGMENT)
    events.append(EventBatch(1, [Event("start", 1000), Event("clock", 1000, "", CLOCK)], {"clock": [CLOCK]}))
    events.close()


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def test_what_a_box_kept_is_read_and_nothing_is_changed(tmp_path: Path) -> None:
    state_in(tmp_path)
    before = everything(tmp_path)
    with stored_logs(tmp_path) as logs:
        seqs, gaps = read_all(logs.records)
        assert (seqs[-1], gaps) == (300, [])
        assert logs.records.cursor("mqtt") == 250
        assert logs.records.registers == {"index": 300}
        assert [event.kind for event in logs.events.read(1, 10).entries] == ["start", "clock"]
        assert logs.dating.utc_ms(1, 3000) == 1_795_166_002_000
        with pytest.raises(StoreError, match="read only"):
            logs.records.acknowledge("mqtt", 300)
    assert everything(tmp_path) == before


def test_a_running_box_is_not_disturbed_and_is_said_to_run(tmp_path: Path) -> None:
    state_in(tmp_path)
    running = open_log(RealFs(tmp_path), segments=16)
    with pytest.raises(StoreError, match="a running box has this log open"), stored_logs(tmp_path):
        pass
    fill(running, 1)
    running.close()
    with stored_logs(tmp_path) as logs:
        assert logs.records.next_seq() == 311
        with pytest.raises(StoreError, match="another process"):
            open_log(RealFs(tmp_path))


def test_a_folder_without_a_box_is_named(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(StoreError, match="no box has kept anything here") as told, stored_logs(folder):
            pass
        assert str(folder) in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_without_the_lock_is_read(tmp_path: Path) -> None:
    state_in(tmp_path)
    (tmp_path / "records" / "lock").unlink()
    with stored_logs(tmp_path) as logs:
        assert logs.records.next_seq() == 301
    assert not (tmp_path / "records" / "lock").exists()


def test_damage_is_a_gap_and_a_note_and_the_rest_is_read() -> None:
    fs = MemoryFs()
    log = open_log(fs)
    fill(log, 3)
    log.close()
    spoil(fs, segment_path(1), 4096 + 80)
    stored: StoredLog = StoredLog(fs, "records", "records")
    seqs, gaps = read_all(stored)
    assert seqs == [*range(1, 11), *range(21, 31)]
    assert [(gap.first, gap.last, gap.why) for gap in gaps] == [(11, 20, "damaged")]
    assert [note.text for note in stored.notes] == [
        f"{segment_path(1)} is damaged (entries 11 to 20): these numbers are left out and declared"
    ]
    stored.close()


def test_a_ring_that_turned_begins_with_a_gap() -> None:
    fs = MemoryFs()
    log = open_log(fs)
    fill(log, 40)
    first = log.first_seq()
    log.close()
    assert first > 1
    stored: StoredLog = StoredLog(fs, "records", "records")
    seqs, gaps = read_all(stored)
    assert (gaps[0].first, gaps[0].last, gaps[0].why) == (1, first - 1, "dropped")
    assert seqs == list(range(first, 401))
    stored.close()


def test_a_log_in_which_nothing_was_written_is_empty() -> None:
    fs = MemoryFs()
    open_log(fs).close()
    stored: StoredLog = StoredLog(fs, "records", "records")
    assert (stored.first_seq(), stored.next_seq()) == (1, 1)
    assert read_all(stored) == ([], [])
    stored.close()
    bare = MemoryFs()
    bare.mkdir("records")
    assert StoredLog(bare, "records", "records").stream == NO_STREAM


def test_a_log_of_the_other_kind_is_refused_and_given_back() -> None:
    fs = MemoryFs()
    log = open_log(fs)
    fill(log, 1)
    log.close()
    with pytest.raises(FormatError, match="of records, not of events"):
        StoredLog(fs, "records", "events")
    open_log(fs).close()


def test_the_disk_for_reading_refuses_every_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    fs = ReadOnlyFs(tmp_path)
    file = fs.open("file", create=True)
    assert file.pread(9, 0) == b"12345"
    for change in (
        lambda: file.pwrite(b"x", 0),
        lambda: file.truncate(1),
        lambda: fs.rename("file", "other"),
        lambda: fs.unlink("file"),
        lambda: fs.mkdir("folder"),
    ):
        with pytest.raises(OSError, match=r".") as told:
            change()
        assert told.value.errno in {errno.EROFS, errno.EBADF, errno.EINVAL}
    with pytest.raises(FileNotFoundError):
        fs.open("new", create=True)
    fs.mkdir("")
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
