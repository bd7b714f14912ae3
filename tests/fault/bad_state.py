"""A state as a kill left it, what can be wrong with a file of it, and a box turned by hand on what is left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.runtime.box import Box
from edge.settings.load import load
from edge.store import frame
from edge.store.fs import BLOCK, RealFs
from edge.store.log import Log
from hal.fake.i2c import Ads1115Chip, FakeI2c
from tests.box_rig import Bench, point, write_site
from tests.support import ManualClock

STREAMS: Final = {"records": "9f3c21aa", "events": "0badcafe"}
EACH: Final = 5  # entries a frame
LAST: Final = 6 * EACH  # the last seq of each log: three segments of two frames
BASES: Final = (1, 2 * EACH + 1, 4 * EACH + 1)
ACKNOWLEDGED: Final = 7
USED: Final = 256 << 10


def segment(log: str, number: int) -> str:
    """Return the path of the first, second or third segment of a log."""
    return f"{log}/{STREAMS[log]}-{BASES[number]:016x}.seg"


def make_state(folder: Path) -> None:
    """Leave behind what a box does that is killed: three segments in each log, reserved ones, cursors."""
    fs = RealFs(folder)
    records: Log[Record] = Log(fs, "records", "records", 24 << 20, consumers=["mqtt"], stream=STREAMS["records"])
    events: Log[Event] = Log(fs, "events", "events", 16 << 20, consumers=["mqtt"], stream=STREAMS["events"])
    for number in range(6):
        if number in {2, 4}:  # as if the segment were full
            records._segment_end = events._segment_end = 0
        seqs = range(number * EACH + 1, (number + 1) * EACH + 1)
        entries = [Record(f"p{seq}", seq * 1000, 1000, float(seq)) for seq in seqs]
        records.append(RecordBatch(1, entries, {"index": seqs[-1]}))
        told = [Event("state", seq * 1000, f"p{seq}", {"v": seq}) for seq in seqs]
        events.append(EventBatch(1, told, {"running": True, "index": seqs[-1]}))
        records.acknowledge("mqtt", ACKNOWLEDGED)
        events.acknowledge("mqtt", ACKNOWLEDGED)
    records._file.close() if records._file else None
    events._file.close() if events._file else None
    for log in (records, events):  # as a kill does: no cursor is saved, no cleaning up
        log._ring.close()
    for path in [*folder.glob("records/*-0004.new"), *folder.glob("records/*-0005.new"), *folder.glob("events/*.new")]:
        path.unlink()  # they are only much to copy, and are made again


def copied(source: str, target: str) -> None:
    """Copy a file; of a segment only what its few frames take, for the rest is zeros."""
    most = USED if source.endswith((".seg", ".new")) else 1 << 30
    with Path(source).open("rb") as file:
        Path(target).write_bytes(file.read(most))
    os.truncate(target, Path(source).stat().st_size)


def site(folder: Path, buffer_mb: int = 24) -> Path:
    """Write the settings of a box that reads one voltage each second."""
    return write_site(
        folder,
        box={"buffer_mb": buffer_mb},
        bus={"i2c1": {"kind": "i2c", "number": 1}},
        point=[point("volts", "i2c1", "ads1115", address=0x48, input="AIN0")],
        link={"mqtt": {"host": "127.0.0.1", "port": 1}},
    )


class Turned:
    """A whole box on a state folder, its workers stepped by hand on a clock that the test moves."""

    def __init__(self, config: Path, state: Path, **options: Any) -> None:
        self.moved = ManualClock()

        def clock(boot: int) -> ManualClock:
            self.moved.boot = boot
            return self.moved

        bus = FakeI2c({0x48: Ads1115Chip(1.0)})
        self.box = Box(load(config), state, hardware=lambda _: Bench(i2c1=bus), clock=clock, **options)
        self.began = {"records": self.box.records.next_seq(), "events": self.box.events.next_seq()}

    def turn(self, seconds: float) -> None:
        """Let virtual time pass."""
        for _ in range(round(seconds * 2)):
            self.moved.advance(0.5)
            now_s = self.moved.monotonic_ns() / 1e9
            for worker in (*self.box.buses, self.box.station, self.box.writer):
                worker.step(now_s)

    def end(self) -> None:
        """Stop in order, as the supervisor does."""
        for worker in (*self.box.buses, self.box.station, self.box.writer):
            worker.close()
        self.box.outputs.close()
        self.box.stores.close()
        for runner in self.box.supervisor._runners:
            runner._bell.close()


class Found(msgspec.Struct):
    """What a log gives back: the number of each old entry by its point, new seqs, gaps."""

    old: list[int]
    wrong: list[int]
    new: list[int]
    gaps: list[tuple[int, int, str]]


def read_back(log: Log[Any]) -> Found:
    """Read all of a log; an old entry is right when its point is named after its seq."""
    found = Found([], [], [], [])
    seq = 1
    while seq < log.next_seq():
        chunk = log.read(seq, 100)
        if chunk.gap is not None:
            found.gaps.append((chunk.gap.first, chunk.gap.last, chunk.gap.why))
            seq = chunk.gap.last + 1
            continue
        for place, entry in enumerate(chunk.entries, seq):
            if not entry.point.startswith("p"):
                found.new.append(place)
            elif entry.point == f"p{place}":
                found.old.append(place)
            else:
                found.wrong.append(place)
        seq += len(chunk.entries)
    return found


# -- what can be wrong with a file


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _cut(path: Path) -> None:
    os.truncate(path, min(path.stat().st_size // 2, BLOCK))  # of a segment one frame is left


def _nul(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _flip(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[min(60, len(octets) // 2)] ^= 0x10
    path.write_bytes(octets)


def _program(path: Path) -> None:
    size = path.stat().st_size
    path.write_bytes((b"SQLite format 3\0" + Random(2).randbytes(size))[:size])


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "in it").write_text("something")


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: Final[dict[str, Callable[[Path], None]]] = {
    "missing": _remove,
    "empty": lambda path: os.truncate(path, 0),
    "cut short": _cut,
    "NUL": _nul,
    "a bit flipped": _flip,
    "random text": lambda path: path.write_text("not what you think\n" * 50),
    "another program's file": _program,
    "a folder": _folder,
    "a link": _link,
    "a dangling link": _dangling,
    "a pipe": _pipe,
}


def newer(path: Path, stream: str, base: int) -> None:
    """Make the first frame of a segment one of the next version, sound in itself."""
    with path.open("r+b") as file:
        octets = bytearray(file.read(BLOCK))
        octets[4] = frame.VERSION + 1
        head_size = int.from_bytes(octets[6:8], "little")
        octets[8:12] = frame._head_crc(bytes(octets[:head_size]), frame.seed(stream, base)).to_bytes(4, "little")
        file.seek(0)
        file.write(octets)
