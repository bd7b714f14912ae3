"""The segment log in normal life: numbers without holes, cursors, the ring, readers beside the writer."""

from __future__ import annotations

import errno
import threading
from pathlib import Path
from random import Random

import pytest

from edge.core.ports import Chunk, Gap
from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.store.fs import BLOCK, Fs, RealFs
from edge.store.fs_memory import Fault, MemoryFs
from edge.store.log import Log
from tests.unit.segments import SEGMENT, STREAM, batch, fill, open_log, read_all


@pytest.fixture
def fs() -> MemoryFs:
    return MemoryFs(keep_cuts=True)


# -- in normal life


def test_entries_are_numbered_from_1_without_holes(fs: MemoryFs) -> None:
    log = open_log(fs)
    assert (log.first_seq(), log.next_seq()) == (1, 1)
    assert log.append(batch(1, 3)) == 1
    assert log.append(batch(4, 1)) == 4
    assert log.next_seq() == 5
    assert read_all(log) == ([1, 2, 3, 4], [])


def test_nothing_yet_is_neither_entries_nor_gap(fs: MemoryFs) -> None:
    log = open_log(fs)
    assert log.read(1, 200) == Chunk(1)
    log.append(batch(1, 2))
    assert log.read(3, 200) == Chunk(3)
    assert log.read(99, 200) == Chunk(99)


def test_an_empty_batch_writes_nothing_and_registers_alone_write_a_frame(fs: MemoryFs) -> None:
    log = open_log(fs)
    before = fs.counts.octets_written
    assert log.append(RecordBatch(1, [])) == 1
    assert fs.counts.octets_written == before
    assert log.append(RecordBatch(1, [], {"counter/e": {"count": 1}})) == 1
    log.append(batch(1, 2))
    assert log.next_seq() == 3
    assert read_all(log) == ([1, 2], [])


def test_a_batch_is_one_write_and_one_flush_of_whole_blocks(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 1)
    before = (fs.counts.writes, fs.counts.flushes, fs.counts.octets_written)
    fill(log, 2)
    after = (fs.counts.writes, fs.counts.flushes, fs.counts.octets_written)
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 2, 2 * BLOCK]


def test_a_chunk_never_spans_two_starts_of_the_station(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 2, 3, boot=1)
    fill(log, 1, 3, boot=2)
    chunk = log.read(1, 200)
    assert (chunk.boot, len(chunk.entries)) == (1, 6)
    chunk = log.read(7, 200)
    assert (chunk.boot, len(chunk.entries)) == (2, 3)
    assert log.boot == 2


def test_small_frames_are_read_together_up_to_the_limit(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 3, 4)
    assert len(log.read(2, 200).entries) == 11
    assert len(log.read(2, 5).entries) == 5


def test_a_frame_is_unpacked_once_for_a_reader_that_goes_through_it(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 2, 2000)
    assert len(read_all(log, limit=200)[0]) == 4000
    assert log._reader.unpacked_frames == 2


def test_two_readers_side_by_side_do_not_unpack_each_others_frames_again(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 3, 1000)
    for at in range(0, 1000, 100):
        assert log.read(1 + at, 100).entries[0].value == 1 + at
        assert log.read(2001 + at, 100).entries[0].value == 2001 + at
    assert log._reader.unpacked_frames == 2


@pytest.mark.parametrize(("seq", "limit"), [(0, 1), (-1, 1), (1, 0)])
def test_asking_for_what_can_not_be_is_an_error(fs: MemoryFs, seq: int, limit: int) -> None:
    with pytest.raises(ValueError, match="count from 1"):
        open_log(fs).read(seq, limit)


def test_a_batch_too_large_for_a_segment_becomes_several_frames(fs: MemoryFs) -> None:
    log = open_log(fs, 16)
    dice = Random(1)
    entries = [Record("p", 0, 1000, dice.random()) for _ in range(4000)]
    assert log.append(RecordBatch(1, entries, {"index": 4000})) == 1
    again: list[Record] = []
    while chunk := log.read(len(again) + 1, 500).entries:
        again += chunk
    assert again == entries
    assert log.registers == {"index": 4000}


def test_events_have_a_log_of_their_own(fs: MemoryFs) -> None:
    log: Log[Event] = Log(fs, "events", "events", 4 * SEGMENT, SEGMENT, consumers=["mqtt"])
    events = [Event("alarm_begin", 12, "boiler.t", {"id": 1, "value": 91.5}), Event("stop", 13)]
    log.append(EventBatch(1, events))
    assert log.read(1, 200) == Chunk(1, 1, events)


@pytest.mark.parametrize("kind", ["memory", "real"])
def test_the_same_on_a_real_disk(kind: str, tmp_path: Path) -> None:
    fs: Fs = MemoryFs(keep_cuts=True) if kind == "memory" else RealFs(tmp_path)
    log = open_log(fs)
    fill(log, 9)
    log.acknowledge("mqtt", 42)
    log.close()
    log = open_log(fs)
    fill(log, 1, boot=2)
    seqs, gaps = read_all(log, log.first_seq())
    assert (seqs[-1], gaps) == (100, [])
    assert (log.cursor("mqtt"), log.boot, log.stream) == (42, 2, STREAM)
    log.close()


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    log = open_log(RealFs(tmp_path))
    fill(log, 1)
    log.close()
    assert {path.stat().st_mode & 0o77 for path in tmp_path.glob("records/**/*")} == {0}
    assert (tmp_path / "records").stat().st_mode & 0o77 == 0


# -- cursors and the ring


def test_a_cursor_moves_forward_only_and_not_past_what_is_written(fs: MemoryFs) -> None:
    log = open_log(fs, consumers=("mqtt", "sms"))
    fill(log, 1)
    assert log.cursor("mqtt") == 0
    log.acknowledge("mqtt", 5)
    log.acknowledge("mqtt", 3)
    assert (log.cursor("mqtt"), log.cursor("sms")) == (5, 0)
    log.acknowledge("mqtt", 999)
    assert log.cursor("mqtt") == 10


def test_a_consumer_nobody_declared_is_refused_and_stands_at_0(fs: MemoryFs) -> None:
    log = open_log(fs)
    assert log.cursor("nobody") == 0
    with pytest.raises(KeyError, match="nobody"):
        log.acknowledge("nobody", 1)


def test_cursors_survive_a_kill_in_the_next_frame_without_a_file_of_their_own(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 2)
    log.acknowledge("mqtt", 15)
    before = log.has_unsaved_cursors
    fill(log, 1)
    assert (before, log.has_unsaved_cursors) == (True, False)
    found = fs.after_cut("lost")
    found.unlink("records/cursors")
    assert open_log(found).cursor("mqtt") == 15


def test_a_stale_cursor_is_lower_never_higher(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 2)
    log.acknowledge("mqtt", 15)
    assert open_log(fs.after_cut("lost")).cursor("mqtt") == 0


@pytest.mark.parametrize("model", ["lost", "torn", "garbage"])
def test_a_cut_while_the_cursor_file_is_written_leaves_the_older_slot(fs: MemoryFs, model: str) -> None:
    log = open_log(fs)
    fill(log, 2)
    log.acknowledge("mqtt", 5)
    log.save_cursors()
    log.acknowledge("mqtt", 15)
    fs.fail(Fault("fdatasync", errno.EIO, "cursors"))
    with pytest.raises(OSError, match="error"):
        log.save_cursors()
    for seed in range(20):
        assert open_log(fs.after_cut(model, seed)).cursor("mqtt") in {5, 15}  # type: ignore[arg-type]


def test_a_full_ring_drops_the_oldest_and_says_which(fs: MemoryFs) -> None:
    log = open_log(fs, segments=3)
    fill(log, 20)
    first = log.first_seq()
    assert 1 < first < 200
    assert log.read(1, 200) == Chunk(1, gap=Gap(1, first - 1, "dropped"))
    assert read_all(log) == (list(range(first, 201)), [Gap(1, first - 1, "dropped")])
    assert log.dropped == first - 1


def test_what_every_consumer_acknowledged_goes_without_a_word(fs: MemoryFs) -> None:
    log = open_log(fs, segments=3, consumers=("mqtt", "history"))
    for _ in range(20):
        fill(log, 1)
        log.acknowledge("mqtt", log.next_seq() - 1)
        log.acknowledge("history", log.next_seq() - 1)
    assert log.dropped == 0
    assert log.first_seq() > 1


def test_one_consumer_that_lags_counts_as_dropped_for(fs: MemoryFs) -> None:
    log = open_log(fs, segments=3, consumers=("mqtt", "history"))
    for _ in range(20):
        fill(log, 1)
        log.acknowledge("mqtt", log.next_seq() - 1)
    log.acknowledge("history", 4)
    assert log.dropped == log.first_seq() - 1


def test_acknowledged_entries_stay_readable_until_their_room_is_needed(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 5)
    log.acknowledge("mqtt", 50)
    assert read_all(log) == (list(range(1, 51)), [])


def test_the_ring_writes_in_place_and_needs_no_new_room(fs: MemoryFs) -> None:
    log = open_log(fs, segments=3)
    fill(log, 12)
    files, room = set(fs.names), sum(image.size for image in fs.images.values())
    fs.space = room  # full from here on
    fill(log, 40)
    assert len(fs.names) == len(files)
    assert sum(image.size for image in fs.images.values()) == room
    assert log.next_seq() == 521


def test_frames_of_a_segments_former_life_never_pass(fs: MemoryFs) -> None:
    log = open_log(fs, segments=2)
    fill(log, 7)  # the second segment still holds three frames, then the first one is taken again
    fill(log, 2)
    assert len([name for name in fs.listdir("records") if name.endswith(".seg")]) == 2
    again = open_log(fs.after_cut("lost"), segments=2)
    assert again.next_seq() == 91
    assert read_all(again, again.first_seq())[1] == []


def test_the_ring_grows_and_shrinks_by_what_is_new(fs: MemoryFs) -> None:
    log = open_log(fs, segments=4)
    fill(log, 1)
    log.close()
    open_log(fs, segments=6).close()
    assert len([name for name in fs.listdir("records") if name.endswith(".new")]) == 5
    open_log(fs, segments=2).close()
    assert len([name for name in fs.listdir("records") if name.endswith(".new")]) == 1


# -- readers while the writer writes


def test_a_reader_waits_for_no_flush(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 1)
    seen: list[Chunk[Record]] = []

    class Watching:
        """The log's file, with a reader at work in the middle of the flush."""

        def __init__(self, file: object) -> None:
            self.file = file

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

        def fdatasync(self) -> None:
            def look() -> None:
                seen.append(log.read(1, 99))
                log.acknowledge("mqtt", 5)

            reader = threading.Thread(target=look)
            reader.start()
            reader.join(5)
            self.file.fdatasync()  # type: ignore[attr-defined]

    log._file = Watching(log._open_last())  # type: ignore[assignment]
    fill(log, 1)
    (chunk,) = seen
    assert len(chunk.entries) == 10
    assert log.next_seq() == 21
    assert log.cursor("mqtt") == 5


@pytest.mark.parametrize("segments", [2, 4])
def test_readers_see_only_right_entries_while_the_ring_turns(tmp_path: Path, segments: int) -> None:
    log = open_log(RealFs(tmp_path), segments)
    stop = threading.Event()
    faults: list[BaseException] = []
    reached: list[int] = []

    def follow() -> None:
        seq = 1
        try:
            while not (stop.is_set() and seq >= log.next_seq()):
                chunk = log.read(seq, 7)
                if chunk.gap:
                    assert chunk.gap.why == "dropped"
                    seq = chunk.gap.last + 1
                else:
                    assert [record.value for record in chunk.entries] == [
                        float(seq + place) for place in range(len(chunk.entries))
                    ]
                    seq += len(chunk.entries)
        except BaseException as exc:  # noqa: BLE001
            faults.append(exc)
        reached.append(seq)

    readers = [threading.Thread(target=follow) for _ in range(2)]
    for reader in readers:
        reader.start()
    fill(log, 100, 5)
    stop.set()
    for reader in readers:
        reader.join(30)
    log.close()
    assert faults == []
    assert reached == [501] * 2
