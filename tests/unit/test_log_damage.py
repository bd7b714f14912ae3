"""The segment log after a kill, with damage and on a failing disk: reported, and never passed on."""

from __future__ import annotations

import errno
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.ports import Chunk, Gap
from edge.core.types import Record, RecordBatch
from edge.store import frame
from edge.store.fs import BLOCK, FormatError, RealFs, Room, StoreError
from edge.store.fs_memory import Fault, MemoryFile, MemoryFs
from edge.store.log import Log
from edge.store.ring import kept_free_bytes
from tests.unit.segments import SEGMENT, STREAM, batch, fill, open_log, read_all, segment_path, spoil


@pytest.fixture
def fs() -> MemoryFs:
    return MemoryFs(keep_cuts=True)


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
    assert [note.what for note in again.notes] == ["damaged"]


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
    assert [(note.what, note.first, note.last) for note in again.notes] == [("lost", 11, 30)]
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


def test_a_segment_of_another_log_is_set_aside_and_refused_only_where_nobody_can_tell_whose_it_is(fs: MemoryFs) -> None:
    log = open_log(fs)
    fill(log, 3)
    log.close()
    stranger = "records/00000000-0000000000000001.seg"
    fs.open(stranger, create=True)
    again = open_log(fs)
    assert read_all(again) == (list(range(1, 31)), [])
    assert [(note.file, note.what, note.aside) for note in again.notes] == [
        (stranger, "foreign", stranger.replace(".seg", ".bad"))
    ]
    again.close()
    fs.rename(stranger.replace(".seg", ".bad"), stranger)
    fs.unlink("records/cursors")
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


def test_a_full_disk_at_the_first_start_is_a_state_and_the_log_begins_when_there_is_room() -> None:
    fs = MemoryFs(SEGMENT)
    log = open_log(fs)
    for _ in range(2):
        with pytest.raises(StoreError, match="no room") as failed:
            fill(log, 1)
        assert failed.value.errno == errno.ENOSPC
    assert log.next_seq() == 1
    fs.space = 8 * SEGMENT
    fill(log, 3)
    assert read_all(open_log(_left(fs))) == (list(range(1, 31)), [])


def _left(fs: MemoryFs) -> MemoryFs:
    """The disk after a kill: everything is there, and no lock is held."""
    fs.locked.clear()
    return fs


def test_a_disk_with_little_room_gives_a_smaller_ring_that_says_so_and_grows_at_a_later_start() -> None:
    fs = MemoryFs(7 * SEGMENT)
    log = open_log(fs, segments=8)
    fill(log, 40)
    assert log.next_seq() == 401
    assert len(log._ring.segments) == 3, "half of a tiny disk is left to others"
    assert [(note.kind, note.what) for note in log.notes] == [("store_small", "small")]
    log.close()
    fs.space = 100 * SEGMENT
    log = open_log(fs, segments=8)
    assert log._ring.size == 8
    assert log.notes == []


@pytest.mark.parametrize(
    ("total_mb", "left_mb"), [(32_000, 2048), (16_000, 1600), (1000, 100), (300, 64), (100, 50), (0, 0)]
)
def test_the_ring_leaves_room_for_what_else_is_kept(total_mb: int, left_mb: int) -> None:
    assert kept_free_bytes(Room(0, total_mb << 20)) == left_mb << 20
    fs = MemoryFs(total_mb << 20)
    if total_mb:
        log: Log[Record] = Log(fs, "records", "records", 64 << 30, 4 << 20)
        assert 0 <= fs.room_left("records").free_bytes - (left_mb << 20) < 4 << 20
        assert log._ring.size >= 2


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


@pytest.mark.parametrize("call", ["open", "fsync_dir"])
def test_a_new_segment_that_can_not_be_used_for_long_is_used_when_the_card_is_well(fs: MemoryFs, call: str) -> None:
    log = open_log(fs, segments=6)
    fault = Fault(call, errno.EIO, "records", times=99)
    fs.fail(fault)
    for _ in range(12):
        with pytest.raises(StoreError):
            log.append(batch(1))
    fault.times = 0
    log.append(batch(1))
    assert read_all(open_log(fs.after_cut("lost"), segments=6)) == (list(range(1, 11)), [])


@pytest.mark.parametrize("call", ["open", "allocate", "fdatasync"])
@pytest.mark.parametrize("place", range(6))
def test_a_card_that_fails_once_at_the_first_start_has_the_whole_ring_all_the_same(
    fs: MemoryFs, call: str, place: int
) -> None:
    fs.fail(Fault(call, errno.EIO, ".new", after=place))
    open_log(fs, segments=6)
    assert sum(name.endswith(".new") for name in fs.listdir("records")) == 6


def test_a_ring_that_was_made_on_an_ill_card_grows_when_the_card_is_well(fs: MemoryFs) -> None:
    fault = Fault("fdatasync", errno.EIO, ".new", times=99, after=2)
    fs.fail(fault)
    log = open_log(fs, segments=6)
    assert sum(name.endswith(".new") for name in fs.listdir("records")) == 2
    fault.times = 0
    fill(log, 24)
    assert read_all(log) == (list(range(1, 241)), [])
    assert len(log._ring.segments) == 6
    fill(log, 8)
    assert len(log._ring.segments) == 6
    assert read_all(open_log(fs.after_cut("lost"), segments=6), log.first_seq())[0][-1] == 320
