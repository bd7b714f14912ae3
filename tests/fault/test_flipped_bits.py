"""One bit of what was durable flips: it costs the frame it is in and no other, and it is said. In the padding, nothing.

Each bit of frames at every kind of place (the first of a segment, which holds all registers, one in the middle, the
last before the next segment, the last of the log), of the cursor file and of the notebook.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from edge.core.notes import MadeSetting, Moment
from edge.core.ports import Gap
from edge.core.types import Record
from edge.store import frame
from edge.store.fs import BLOCK, read_file
from edge.store.fs_memory import MemoryFs
from edge.store.log import Log
from edge.store.notebook import PATH, Notebook
from tests.unit.segments import STREAM, batch, fill, open_log, read_all

START_EVERY = 4  # bits of a frame, in the tests that run with each change: a start takes longer than reading
PADDING_STRIDE = 331  # bits of the padding, in the test that runs with each change
FRAMES = 10
COUNT = 3


class Place(msgspec.Struct, frozen=True):
    """A frame: its segment's base, its block there, and the seqs in it."""

    name: str
    base: int
    block: int

    @property
    def path(self) -> str:
        return f"records/{STREAM}-{self.base:016x}.seg"

    @property
    def seqs(self) -> range:
        first = self.base + self.block * COUNT
        return range(first, first + COUNT)


PLACES = [
    Place("first of a segment", 13, 0),
    Place("in the middle of a segment", 13, 2),
    Place("last of a segment", 13, 3),
    Place("first of the last segment", 25, 0),
    Place("last of the log", 25, 1),
]


def stopped_log() -> MemoryFs:
    """Return a disk with a log of three segments, four frames a segment, stopped."""
    fs = MemoryFs(keep_cuts=True)
    log = open_log(fs)
    fill(log, FRAMES, COUNT)
    log.acknowledge("mqtt", 20)
    log.close()
    fs.settle()
    return fs


def flip(fs: MemoryFs, path: str, bit: int) -> None:
    """Turn one bit over, behind everybody's back."""
    image = fs.images[fs.names[path]]
    image.write(bytes([image.read(1, bit // 8)[0] ^ 1 << bit % 8]), bit // 8)


def head_of(fs: MemoryFs, place: Place) -> frame.Head:
    block = fs.images[fs.names[place.path]].read(BLOCK, place.block * BLOCK)
    head = frame.scan_head(block, frame.seed(STREAM, place.base))
    assert head is not None
    assert head.first == place.seqs[0]
    return head


def frame_bits(fs: MemoryFs, place: Place) -> range:
    """Return the bits of head, registers and entries."""
    return range(place.block * BLOCK * 8, (place.block * BLOCK + head_of(fs, place).size) * 8)


def padding_bits(fs: MemoryFs, place: Place) -> range:
    return range(frame_bits(fs, place).stop, (place.block + 1) * BLOCK * 8)


def check_lost(log: Log[Record], place: Place, what: str) -> None:
    """The frame of `place` and nothing else is missing, and that is said."""
    missing = place.seqs
    everything = list(range(1, FRAMES * COUNT + 1))
    assert read_all(log, limit=50) == (
        [seq for seq in everything if seq not in missing],
        [Gap(missing[0], missing[-1], "damaged")],
    ), what
    assert log.next_seq() == everything[-1] + 1, what


def check_bits(place: Place, bits: Iterable[int], *, is_padding: bool, start_every: int = 1) -> int:
    """Flip each bit under a running log, and every so many before a start; return how many."""
    fs = stopped_log()
    running = open_log(fs)
    count = 0
    for bit in bits:
        flip(fs, place.path, bit)
        logs = [running]
        if count % start_every == 0:
            fs.locked.clear()
            started = open_log(fs)
            logs.append(started)
            is_last = place is PLACES[-1]
            assert started.registers == {"index": FRAMES * COUNT - (COUNT if is_last and not is_padding else 0)}
            assert started.cursor("mqtt") == 20
        for log in logs:
            if is_padding:
                assert read_all(log, limit=50) == (list(range(1, FRAMES * COUNT + 1)), []), f"bit {bit}"
            else:
                check_lost(log, place, f"bit {bit}")
        flip(fs, place.path, bit)
        count += 1
    return count


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_bit_of_a_frame_costs_that_frame_and_is_said(place: Place) -> None:
    bits = frame_bits(stopped_log(), place)
    assert check_bits(place, bits, is_padding=False, start_every=START_EVERY) > 800


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_bit_of_the_padding_costs_nothing(place: Place) -> None:
    bits = padding_bits(stopped_log(), place)
    check_bits(place, bits[::PADDING_STRIDE], is_padding=True)


@pytest.mark.campaign(reason="each bit of the padding too")
def test_each_bit_of_each_block(capsys: pytest.CaptureFixture[str]) -> None:
    counts = [0, 0]
    for place in PLACES:
        fs = stopped_log()
        counts[0] += check_bits(place, frame_bits(fs, place), is_padding=False)
        counts[1] += check_bits(place, padding_bits(fs, place), is_padding=True)
    with capsys.disabled():
        print(f"\n{counts[0]} bits of frames: each cost its frame; {counts[1]} bits of padding: none cost anything")


def test_a_bit_of_a_first_frame_costs_no_register_that_moved_elsewhere() -> None:
    fs = MemoryFs(keep_cuts=True)
    log = open_log(fs)
    log.append(batch(1, COUNT, old=7))  # moved once, before the last segment
    fill(log, 5, COUNT)
    for bit in frame_bits(fs, Place("", 13, 0)):
        flip(fs, Place("", 13, 0).path, bit)
        assert open_log(fs.after_cut("kept")).registers["old"] == 7, f"bit {bit}"
        flip(fs, Place("", 13, 0).path, bit)


def test_a_bit_of_the_cursor_file_costs_a_repeat_at_most() -> None:
    fs = MemoryFs(keep_cuts=True)
    log = open_log(fs)
    fill(log, 2, COUNT)
    for seq in (3, 5):
        log.acknowledge("mqtt", seq)
        log.save_cursors()
    fs.settle()
    octets = read_file(fs, "records/cursors")
    assert len(octets) == 2 * BLOCK
    written = [bit for slot in (0, 1) for bit in range(slot * BLOCK * 8, (slot * BLOCK + 100) * 8)]
    found = []
    for bit in [*written, *range(0, len(octets) * 8, PADDING_STRIDE)]:
        flip(fs, "records/cursors", bit)
        fs.locked.clear()
        again = open_log(fs)
        found.append(again.cursor("mqtt"))
        assert again.next_seq() == 2 * COUNT + 1
        assert again.registers == {"index": 2 * COUNT}
        flip(fs, "records/cursors", bit)
    assert set(found) == {3, 5}
    assert found.count(3) > 400  # the newer slot's


def test_a_bit_of_the_notebook_costs_its_last_change_and_is_said() -> None:
    fs = MemoryFs(keep_cuts=True)
    notebook = Notebook(fs)
    for number in (1, 2):
        notebook.put_setting(MadeSetting("site.name", number, Moment(1, 5)))
        notebook.save()
    fs.settle()
    size = len(read_file(fs, PATH))
    for bit in range(size * 8):
        found = fs.after_cut("lost")
        flip(found, PATH, bit)
        again = Notebook(found)
        assert again.settings()["site.name"].value == 1, f"bit {bit}"
        assert len(again.damage) == 2, f"bit {bit}"
        assert not again.refused
