"""SIGKILL at every call of a box's store, each by its name, and at random: what was told is there, and life goes on.

The page cache survives a kill, so this proves that the store is whole at every instant of its process; what it takes to
survive a power cut is shown by `tests/fault/test_power_cut.py`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random

import msgspec
import pytest

from edge.store.fs import RealFs
from edge.store.fs_memory import MemoryFs
from tests.fault.crashing_fs import CrashingFs
from tests.fault.kept_box import Kept, KeptBox
from tests.fault.kept_child import whole_life
from tests.fault.kept_judge import contiguous, figures, judge_found
from tests.support import ROOT

STRIDE = 19
KILLS = 200


@contextmanager
def child(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fault.kept_child", *words],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@cache
def points() -> tuple[list[str], list[Kept]]:
    """Return the names of all points of a life, and what it tells."""
    fs, told = CrashingFs(MemoryFs()), [Kept()]
    whole_life(fs, told)
    return fs.points, told


def killed_at(process: subprocess.Popen[bytes], folder: Path, point: str) -> tuple[int, int]:
    """Let a life die at a point; return how many times it had told something, and the signal that ended it."""
    assert process.stdin is not None
    assert process.stdout is not None
    folder.mkdir()
    process.stdin.write(f"{folder} {point}\n".encode())
    process.stdin.flush()
    said = 0
    while (line := process.stdout.readline()).startswith(b"{"):
        said += 1
    return said, int(line)


def killed_at_each(names: list[str], folder: Path) -> Counter[str]:
    """Return what is wrong after lives that died at these points, each on a disk of its own."""
    _, told = points()
    wrong: Counter[str] = Counter()
    with child("lives") as process:
        for number, name in enumerate(names):
            state = folder / str(number)
            said, ended = killed_at(process, state, name)
            assert ended == signal.SIGKILL, name
            wrong += judge_found(RealFs(state), told[said], told[min(said + 1, len(told) - 1)])
    return wrong


def test_a_kill_at_named_calls_loses_nothing(tmp_path: Path) -> None:
    names, _ = points()
    wrong = killed_at_each(names[::STRIDE], tmp_path)
    assert not wrong, figures(wrong)


def test_the_points_are_every_call_of_a_life() -> None:
    names, told = points()
    assert len(set(names)) == len(names) > 250
    assert {name.split()[0] for name in names} >= {"create", "pwrite", "fdatasync", "rename", "fsync_dir", "allocate"}
    assert {name.split()[1] for name in names} == {"root", "records", "events", "notebook", "settings"}
    assert told[-1].last[0] > 2000


def test_a_life_that_reaches_no_point_ends_by_itself(tmp_path: Path) -> None:
    with child("lives") as process:
        said, ended = killed_at(process, tmp_path / "state", "no such point")
    assert (said + 1, ended) == (len(points()[1]), 0)


@pytest.mark.campaign(reason="a kill at every call of a life")
def test_a_kill_at_every_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names, _ = points()
    wrong = killed_at_each(names, tmp_path)
    with capsys.disabled():
        print(f"\nSIGKILL at {len(names)} named points: {figures(wrong)}")
    assert not wrong


# -- at random, the same store continued


def killed_at_random(folder: Path, kills: int, dice: Random) -> int:
    """Kill a box so many times, each after so many things told or a little later; return how many records it kept."""
    records = 0
    for number in range(1, kills + 1):
        with child("goes-on", str(folder)) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(dice.randrange(1, 60))]
            process.kill()
            lines += process.stdout.readlines()  # not communicate(): it passes over what readline() has read ahead
            process.wait()
        told = [msgspec.json.decode(line, type=Kept) for line in lines if line.endswith(b"\n")]
        box = KeptBox(RealFs(folder))
        found = box.kept()
        assert box.boot == number + 1
        assert (box.records.notes, box.events.notes, box.notebook.damage) == ([], [], [])
        last = told[-1]
        assert all(now >= then for now, then in zip(found.last, last.last, strict=True))
        assert all(now >= then for now, then in zip(found.acknowledged, last.cursors, strict=True))
        assert found.note >= last.note
        assert found.settings >= last.settings
        for read, highest in zip(box.read(), found.last, strict=True):
            assert contiguous(read.numbers)
            assert read.numbers[-1] == highest
            assert not read.gaps
        records = found.last[0]
        box.records.close()
        box.events.close()
    return records


def test_a_box_that_is_killed_again_and_again_keeps_what_it_told(tmp_path: Path) -> None:
    assert killed_at_random(tmp_path, 3, Random(5)) > 0


@pytest.mark.campaign(reason="200 kills of one store")
def test_a_box_that_is_killed_200_times_keeps_what_it_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = killed_at_random(tmp_path, KILLS, Random(6))
    with capsys.disabled():
        print(f"\nSIGKILL at {KILLS} random points of one store: {records} records without a hole, 0 lost")
