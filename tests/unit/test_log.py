"""The segment log: numbers without holes, nothing lost that was acknowledged, damage reported and never passed on."""

from __future__ import annotations

import errno
import threading
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.ports import Chunk, Gap, Reader
from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.store import frame
from edge.store.fs import BLOCK, FormatError, Fs, RealFs, StoreError
from edge.store.fs_memory import Fault, MemoryFile, MemoryFs
from edge.store.log import Log

SEGMENT = 16 << 10  # four blocks: segments change often
STREAM = "9f3c21aa"


def open_log(fs: Fs, segments: int = 4, consumers: tuple[str, ...] = ("mqtt",)) -> Log[Record]:
    return Log(fs, "records", "records", segments * SEGMENT, SEGMENT, consumers=consumers, stream=STREAM)


def batch(first: int, count: int = 10, boot: int = 1, **registers: object) -> RecordBatch:
    """Records whose value is their seq: what is read shows by itself whether it is right."""
    entries = [Record("p", seq * 1000, 1000, float(seq)) for seq in range(first, first + count)]
    return RecordBatch(boot, entries, registers)


def fill(log: Log[Record], batches: int, count: int = 10, boot: int = 1) -> None:
    for _ in range(batches):
        log.append(batch(log.next_seq(), count, boot, index=log.next_seq() + count - 1))


def read_all(log: Reader[Record], seq: int = 1, limit: int = 7) -> tuple[list[int], list[Gap]]:
    """Return the seqs that came back, each with its own value, and the gaps."""
    seqs: list[int] = []
    gaps: list[Gap] = []
    while True:
        chunk = log.read(seq, limit)
        assert chunk.first == seq
        if chunk.gap:
            assert chunk.gap.first == seq
            gaps.append(chunk.gap)
            seq = chunk.gap.last + 1
        elif chunk.entries:
            assert [record.value for record in chunk.entries] == [float(seq + i) for i in range(len(chunk.entries))]
            seqs += range(seq, seq + len(chunk.entries))
            seq += len(chunk.entries)
        else:
            assert seq == log.next_seq()
            return seqs, gaps


@pytest.fixture
def fs() -> MemoryFs:
    return MemoryFs(keep_cuts=True)


def spoil(fs: MemoryFs, path: str, offset: int, octets: bytes = b"\xff\xfe") -> None:
    """Change octets behind the log's back, durably."""
    fs.images[fs.names[path]].write(octets, offset)
    fs.settle()


def segment_path(base: int) -> str:
    return f"records/{STREAM}-{base:016x}.seg"


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
    assert log.has_unsaved_cursors
    fill(log, 1)
    assert not log.has_unsaved_cursors
    assert not fs.exists("records/cursors")
    assert open_log(fs.after_cut("lost")).cursor("mqtt") == 15


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


# -- starting again


def test_a_start_reads_the_last_segment_only(fs: MemoryFs) -> None:
    log = open_log(fs, segments=8)
    log.append(batch(1, 10, old={"count": 7}))  # a register that moved once, many segments ago
    fill(log, 24)
    found = fs.after_cut("lost")
    for segment in log._ring.segments[:-1]:
        found.fail(Fault("open", errno.EIO, segment.path, times=99))
    again = open_log(found, segments=8)
    assert again.registers == {"old": {"count": 7}, "index": 250}
    assert again.next_seq() == 251


def test_registers_come_from_before_when_the_last_segments_first_frame_is_damaged(fs: MemoryFs) -> None:
    log = open_log(fs, segments=8)
    log.append(batch(1, 10, old={"count": 7}))
    fill(log, 9)
    last = log._ring.segments[-1]
    spoil(fs, last.path, 60)
    again = open_log(fs.after_cut("kept"), segments=8)
    assert again.registers == {"old": {"count": 7}, "index": 100}
    assert any("damaged" in note for note in again.notes)


def test_the_first_frame_after_a_start_holds_all_registers(fs: MemoryFs) -> None:
    log = open_log(fs)
    log.append(batch(1, 1, one=1))
    log.close()
    log = open_log(fs)
    log.append(batch(2, 1, two=2))
    log.close()
    spoil(fs, segment_path(1), 60)  # the frame that had `one`
    assert open_log(fs).registers == {"one": 1, "two": 2}


def test_a_torn_last_frame_was_never_counted_and_its_numbers_are_not_given_again(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 2)
    fs.fail(Fault("fdatasync", errno.EIO))
    with pytest.raises(StoreError):
        fill(log, 1)
    assert log.next_seq() == 21
    spoil(fs, segment_path(1), 2 * BLOCK + 100)  # its head arrived, its body did not
    again = open_log(fs.after_cut("kept"))
    assert again.next_seq() == 31
    assert read_all(again) == (list(range(1, 21)), [Gap(21, 30, "damaged")])
    fill(again, 1)
    assert read_all(again)[0][-1] == 40


def test_a_last_frame_without_a_head_leaves_no_trace(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 3)
    spoil(fs, segment_path(1), 2 * BLOCK)
    again = open_log(fs.after_cut("kept"))
    assert again.next_seq() == 21
    fill(again, 2)
    assert read_all(again) == (list(range(1, 41)), [])


def test_numbers_that_went_out_are_not_given_again_when_the_end_of_the_log_is_lost(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 3)
    log.acknowledge("mqtt", 30)
    log.close()
    for block in (1, 2):
        spoil(fs, segment_path(1), block * BLOCK, bytes(BLOCK))
    again = open_log(fs)
    assert again.next_seq() == 31
    assert again.cursor("mqtt") == 30
    assert any("11 to 30" in note for note in again.notes)
    fill(again, 1)
    assert read_all(again) == ([*range(1, 11), *range(31, 41)], [Gap(11, 30, "damaged")])


@pytest.mark.parametrize("offset", [0, 5, 12, 20, 49, 60, 3000])
def test_one_damaged_frame_costs_only_itself(fs: MemoryFs, offset: int) -> None:
    log = open_log(fs)
    fill(log, 6)
    spoil(fs, segment_path(1), BLOCK + offset, b"\xff" if offset else b"X")
    whole = ([*range(1, 11), *range(21, 61)], [Gap(11, 20, "damaged")])
    if offset != 3000:  # beyond the frame's end: padding
        assert read_all(log) == whole
        assert read_all(open_log(fs.after_cut("kept"))) == whole
    else:
        assert read_all(log) == (list(range(1, 61)), [])


def test_a_damaged_block_in_a_large_frame_is_no_frame_of_its_own(fs: MemoryFs) -> None:
    log: Log[Record] = Log(fs, "records", "records", 4 << 20, 1 << 20, stream=STREAM)
    dice = Random(1)
    for _ in range(3):
        log.append(RecordBatch(1, [Record("p", 0, 1, dice.random()) for _ in range(5000)]))
    spoil(fs, segment_path(1), 5 * BLOCK, bytes(BLOCK))
    assert log.read(1, 10).gap == Gap(1, 5000, "damaged")
    assert len(log.read(5001, 10).entries) == 10


def test_every_bit_of_a_frame_is_covered(fs: MemoryFs) -> None:
    log = open_log(fs)
    log.append(batch(1, 2, index=2))
    head = frame.scan_head(fs.images[fs.names[segment_path(1)]].read(BLOCK, 0), frame.seed(STREAM, 1))
    assert head is not None
    octets = fs.images[fs.names[segment_path(1)]].read(head.size, 0)
    for bit in range(head.size * 8):
        spoiled = bytearray(octets)
        spoiled[bit // 8] ^= 1 << bit % 8
        spoil(fs, segment_path(1), 0, bytes(spoiled))
        assert log.read(1, 10).gap is not None, f"bit {bit}"


def test_a_newer_versions_frame_is_not_overwritten(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 1)
    log.close()
    octets = bytearray(fs.images[fs.names[segment_path(1)]].read(BLOCK, 0))
    octets[4] = 2
    head_size = int.from_bytes(octets[6:8], "little")
    octets[8:12] = frame._head_crc(bytes(octets[:head_size]), frame.seed(STREAM, 1)).to_bytes(4, "little")
    spoil(fs, segment_path(1), 0, bytes(octets))
    with pytest.raises(FormatError, match="newer"):
        open_log(fs)
    with pytest.raises(FormatError, match="newer"):
        open_log(fs)  # and it let go of the log


def test_a_log_of_another_kind_is_refused(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 1)
    log.close()
    with pytest.raises(FormatError, match="records"):
        Log(fs, "records", "events", 4 * SEGMENT, SEGMENT)


def test_two_processes_can_not_have_the_same_log(fs: MemoryFs, tmp_path: Path) -> None:
    for disk in (fs, RealFs(tmp_path)):
        log = open_log(disk)
        with pytest.raises(StoreError, match="another process"):
            open_log(disk)
        log.close()
        open_log(disk).close()


def test_segments_of_two_logs_in_one_folder_are_refused(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 1)
    log.close()
    fs.rename(segment_path(1), "records/00000000-0000000000000001.seg")
    with pytest.raises(StoreError, match="2 logs"):
        open_log(fs)


def test_a_log_made_without_a_name_gets_one_and_keeps_it(fs: MemoryFs) -> None:
    log: Log[Record] = Log(fs, "records", "records", 4 * SEGMENT, SEGMENT)
    assert len(log.stream) == 8
    int(log.stream, 16)
    log.close()
    assert open_log(fs).stream == log.stream != STREAM


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3 * BLOCK), st.integers(0, 4))
def test_any_octets_in_a_segment_are_damage_and_no_crash(octets: bytes, at_block: int) -> None:
    fs = MemoryFs(keep_cuts=True)
    log = open_log(fs)
    fill(log, 3)
    spoil(fs, segment_path(1), at_block * BLOCK, octets)
    again = open_log(fs.after_cut("kept"))
    seqs, gaps = read_all(again)
    assert len(seqs) + sum(gap.last - gap.first + 1 for gap in gaps) == again.next_seq() - 1


# -- a disk that fails


def test_a_full_disk_at_the_first_start_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no room") as failed:
        open_log(MemoryFs(SEGMENT))
    assert failed.value.errno == errno.ENOSPC


def test_a_disk_with_little_room_gives_a_smaller_ring() -> None:
    fs = MemoryFs(3 * SEGMENT + 2 * BLOCK)
    log = open_log(fs, segments=8)
    fill(log, 40)
    assert log.next_seq() == 401
    assert len(log._ring.segments) == 3


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_failed_write_changes_nothing_and_may_be_tried_again(fs: MemoryFs, call: str, error: int) -> None:
    log = open_log(fs)
    fill(log, 1)
    (packed,) = log.pack(batch(11, 10, index=20))
    fs.fail(Fault(call, error, ".seg"))
    with pytest.raises(StoreError) as failed:
        log.append(packed)
    assert failed.value.errno == error
    assert (log.next_seq(), log.registers) == (11, {"index": 10})
    assert log.read(11, 1) == Chunk(11)
    assert log.append(packed) == 11
    assert read_all(log) == (list(range(1, 21)), [])
    assert read_all(open_log(fs.after_cut("lost"))) == (list(range(1, 21)), [])


def test_a_short_write_counts_as_no_write(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 1)
    fs.fail(Fault("pwrite", 0, short=512))
    with pytest.raises(StoreError, match="512 of 4096"):
        fill(log, 1)
    assert log.next_seq() == 11
    fill(log, 1)
    assert read_all(open_log(fs.after_cut("lost")))[0] == list(range(1, 21))


@pytest.mark.parametrize("call", ["open", "truncate", "pwrite", "fdatasync", "rename", "fsync_dir"])
def test_any_call_that_fails_once_loses_nothing(call: str) -> None:
    """The n-th call of each sort fails, for every n: what was appended is there, numbered as before."""
    place = 0
    while True:
        fs = MemoryFs(keep_cuts=True)
        log = open_log(fs, segments=3)
        fault = Fault(call, errno.EIO, after=place)
        fs.fail(fault)
        for number in range(14):
            (packed,) = log.pack(batch(1 + number * 10, 10, index=number))
            try:
                log.append(packed)
            except StoreError:
                log.append(packed)
        if fault.times:
            return  # there was no n-th call
        for found in (log, open_log(fs.after_cut("lost"), segments=3)):
            assert read_all(found, log.first_seq()) == (list(range(log.first_seq(), 141)), [])
            assert found.registers == {"index": 13}
        place += 1


def test_a_block_that_can_not_be_written_is_left_aside(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 1)
    fs.fail(Fault("pwrite", errno.EIO, segment_path(1), times=99))
    for _ in range(3):
        with pytest.raises(StoreError):
            fill(log, 1)
    fill(log, 2)
    assert read_all(log) == (list(range(1, 31)), [])
    assert read_all(open_log(fs.after_cut("lost"))) == (list(range(1, 31)), [])


def test_a_segment_that_can_not_be_written_at_all_is_set_aside(fs: MemoryFs) -> None:
    log = open_log(fs)
    fs.fail(Fault("pwrite", errno.EIO, segment_path(1), times=3))
    for _ in range(3):
        with pytest.raises(StoreError):
            fill(log, 1)
    fill(log, 2)
    assert any(name.endswith(".bad") for name in fs.listdir("records"))
    assert read_all(open_log(fs.after_cut("lost"))) == (list(range(1, 21)), [])


def test_a_block_that_can_not_be_read_is_a_gap_when_the_next_one_can(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 3)
    fs.fail(Fault("pread", errno.EIO, ".seg"))
    assert log.read(1, 10) == Chunk(1, gap=Gap(1, 10, "damaged"))
    assert len(log.read(11, 10).entries) == 10


def test_a_card_that_can_not_be_read_at_all_is_an_error_and_no_gap(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 3)
    fs.fail(Fault("pread", errno.EIO, ".seg", times=99))
    with pytest.raises(StoreError, match="reading the log"):
        log.read(1, 10)


@pytest.mark.parametrize("place", range(5))
def test_a_start_goes_past_blocks_that_can_not_be_read(fs: MemoryFs, place: int) -> None:
    log = open_log(fs)
    fill(log, 3)
    log.close()
    whole = MemoryFile.pread

    class Spoilt(MemoryFs):
        """One block can't be read, however large the step."""

        def open(self, path: str, *, create: bool = False) -> MemoryFile:
            file = super().open(path, create=create)

            def pread(size: int, offset: int) -> bytes:
                if path.endswith(".seg") and offset <= place * BLOCK < offset + size:
                    raise OSError(errno.EIO, "Input/output error", path)
                return whole(file, size, offset)

            file.pread = pread  # type: ignore[method-assign]
            return file

    spoilt = Spoilt()
    spoilt.folders, spoilt.names, spoilt.images = fs.folders, fs.names, fs.images
    again = open_log(spoilt)
    assert again.next_seq() == 31
    assert read_all(again)[1] == ([Gap(place * 10 + 1, place * 10 + 10, "damaged")] if place < 3 else [])


# -- readers while the writer writes


def test_a_reader_waits_for_no_flush(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 1)
    seen: list[object] = []

    class Watching:
        """The log's file, with a reader at work in the middle of the flush."""

        def __init__(self, file: object) -> None:
            self.file = file

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

        def fdatasync(self) -> None:
            reader = threading.Thread(target=lambda: seen.append((log.read(1, 99), log.acknowledge("mqtt", 5))))
            reader.start()
            reader.join(5)
            self.file.fdatasync()  # type: ignore[attr-defined]

    log._file = Watching(log._open_last())  # type: ignore[assignment]
    fill(log, 1)
    ((chunk, _),) = seen  # type: ignore[misc]
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
