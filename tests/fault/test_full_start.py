"""A start after a kill with full logs: what it costs of the processor, and that it reads little of the card."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.store.fs import BLOCK, RealFile, RealFs
from edge.store.log import SEGMENT_BYTES, Log
from edge.store.ring import kept_free_bytes
from tests.disks import make_ext4, mounted, skip_without_disks
from tests.fault.bad_state import Turned, site

CPU_S = 1.0
POINTS = 200


class HastyFile(RealFile):
    """A file that is not waited for: what fills the disk here needs no promise."""

    def fdatasync(self) -> None:
        """Return at once."""


class HastyFs(RealFs):
    """A disk of such files."""

    def open(self, path: str, *, create: bool = False) -> RealFile:
        file = super().open(path, create=create)
        return HastyFile(file._fd)


def fill(fs: RealFs, buffer_mb: int, folder: str) -> int:
    """Fill a ring until it has turned, its last segment with as many frames as fit; return the last seq."""
    events: Log[Event] | None = None
    records: Log[Record] | None = None
    if folder == "events":
        log = events = Log(fs, "events", "events", buffer_mb << 20, consumers=["mqtt", "history"], stream="0badcafe")
        whole = EventBatch(1, [Event("state", n, "door", {"v": n % 2, "was": 1 - n % 2}) for n in range(40_000)])
        small = EventBatch(1, [Event("alarm_begin", 1, "p1", {"id": 7, "limit": "x", "v": 21.5})], {"some": {"x": 1}})
    else:
        log = records = Log(fs, "records", "records", buffer_mb << 20, consumers=["mqtt", "history"], stream="9f3c21aa")
        whole = RecordBatch(1, [Record(f"p{n % POINTS}", n, 1000, n * 1.1) for n in range(200_000)])
        entries = [Record(f"p{n}", 0, 1000, 20 + n / 16) for n in range(POINTS)]
        small = RecordBatch(1, entries, {f"counter/p{n}": {"index": 1e6 + n} for n in range(20)})
    (packed,) = log.pack(whole)
    frames = max(1, SEGMENT_BYTES // (packed.size + BLOCK))
    for _ in range(((buffer_mb << 20) // SEGMENT_BYTES + 1) * frames):
        log.append(packed)
    first = log._ring.segments[-1].base
    while log._ring.segments[-1].base == first:
        log.append(small)
    (packed,) = log.pack(small)
    for _ in range(SEGMENT_BYTES // BLOCK - 2):
        log.append(packed)
    last = log.next_seq() - 1
    log._close_file()
    log._ring.close()  # as a kill does: no cursor is saved
    del events, records
    return last


@contextmanager
def room_for(folder: Path, mib: int) -> Iterator[Path]:
    """Give a folder whose disk takes so much; a ring leaves a part of one to others, and would be smaller."""
    left = RealFs(folder).room_left("")
    if left.free_bytes - (mib << 20) > kept_free_bytes(left):
        yield folder
        return
    skip_without_disks()
    image = folder / "disk.ext4"
    make_ext4(image, 2 * mib + 512)
    try:
        with mounted(image, folder / "disk") as disk:
            yield disk.folder
    finally:
        image.unlink()


def started(folder: Path, buffer_mb: int) -> tuple[float, float]:
    """Return the seconds of CPU of a start on full logs, and of the second one after a clean end."""
    with room_for(folder, buffer_mb + max(buffer_mb // 8, 16)) as place:
        return started_in(place, buffer_mb)


def started_in(folder: Path, buffer_mb: int) -> tuple[float, float]:
    """Fill the logs below a folder, and start on them twice."""
    state = folder / "state"
    config = site(folder, buffer_mb=buffer_mb)
    events_mb = max(buffer_mb // 8, 16)
    lasts = [fill(HastyFs(state), size_mb, name) for name, size_mb in (("records", buffer_mb), ("events", events_mb))]
    took_s = []
    for _ in range(2):
        began_s = time.process_time()
        turned = Turned(config, state)
        took_s.append(time.process_time() - began_s)
        assert turned.box.records.notes == turned.box.events.notes == []
        assert turned.box.records.next_seq() - 1 >= lasts[0]
        assert turned.box.events.next_seq() - 1 >= lasts[1]
        turned.end()
    figures = f"{took_s[0]:.2f} s of CPU, after a stop {took_s[1]:.2f} s"
    print(f"\na start on full logs of {buffer_mb} + {events_mb} MB: {figures}")
    return took_s[0], took_s[1]


@pytest.mark.slow(reason="fills 64 MB of records and 16 of events first")
def test_a_start_on_full_logs_takes_less_than_a_second_of_cpu(tmp_path: Path) -> None:
    assert max(started(tmp_path, 64)) < CPU_S


@pytest.mark.campaign(reason="fills rings of 256 MB and 1 GiB")
@pytest.mark.parametrize("buffer_mb", [256, 1024])
def test_a_start_takes_no_longer_with_a_month_in_the_buffer(buffer_mb: int, tmp_path: Path) -> None:
    assert max(started(tmp_path, buffer_mb)) < CPU_S
