"""SIGKILL of the historian, wherever it is: after any number of starts history holds each record of the log once.

The page cache survives a kill: that a transaction survives a power cut is SQLite's part (WAL, FULL, psow=0).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from edge.core.aggregate import periods
from edge.core.clock import ClockEntry
from edge.store.fs import RealFs
from tests.history_rig import PARIS, T0, HistoryRig
from tests.support import ROOT

POINTS = 12
CHILD = """
import sys
from pathlib import Path
from edge.core.clock import ClockEntry
from edge.core.types import Event, Record
from edge.store.fs import RealFs
from tests.history_rig import T0, HistoryRig

folder = Path(sys.argv[1])
rig = HistoryRig(folder, RealFs(folder), dated=[ClockEntry(1, 0, T0, "ntp")], capacity=16 << 20)
number = rig.records.next_seq() // 12
while True:
    minutes = range(number, number + 40)
    rig.save(*(Record(f"p{at}", m * 60_000, 60_000, at + m / 8, increment=1.0) for m in minutes for at in range(12)))
    number += 40
    rig.journal(Event("state", number * 60_000, "p0", {"v": number}))
    rig.turn(300)
    print(rig.records.cursor("history"), flush=True)
"""


def kill(folder: Path, turns: int, dice: Random) -> int:
    """Let a box fill its history for so many turns and part of one more; return how far it had said that it got."""
    words = [sys.executable, "-c", CHILD, str(folder)]
    child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = 0
    try:
        assert child.stdout is not None
        for _ in range(turns):
            line = child.stdout.readline()
            assert line, child.stderr and child.stderr.read()
            said = int(line)
        for _ in range(dice.randrange(200_000)):  # somewhere in the next turn
            pass
    finally:
        child.kill()
        rest = child.communicate()[0]
    return max([said, *(int(line) for line in rest.split("\n")[:-1] if line)])


def check(folder: Path, said: int) -> None:
    rig = HistoryRig(folder, RealFs(folder), dated=[ClockEntry(1, 0, T0, "ntp")], capacity=16 << 20)
    try:
        assert rig.told == []
        assert rig.records.cursor("history") >= said
        for _ in range(2):  # as it was found, and when all is written
            for point in ("p0", f"p{POINTS - 1}"):
                expected = rig.expected(point)
                assert len(expected) >= said // POINTS
                assert rig.held(point) == expected
                made = rig.history.periods(point, "hour", 0, 2**59)
                assert made == list(periods(expected, "counter", "hour", PARIS))
            assert [line.seq for line in rig.history.journal(None, 9999)] == list(
                range(rig.events.next_seq() - 1, 0, -1)
            )
            rig.flush()
        assert rig.history.gaps(0, 2**59) == []
    finally:
        rig.give_back()


@pytest.mark.parametrize("seed", [1, 2])
def test_no_record_is_missing_or_there_twice_after_kills(tmp_path: Path, seed: int) -> None:
    dice, said = Random(seed), 0
    for _ in range(3):
        said = max(said, kill(tmp_path, dice.randrange(1, 5), dice))
        check(tmp_path, said)


@pytest.mark.campaign(reason="100 kills")
def test_no_record_is_missing_or_there_twice_after_100_kills(tmp_path: Path) -> None:
    dice, said = Random(3), 0
    for _ in range(100):
        said = max(said, kill(tmp_path, dice.randrange(1, 4), dice))
        check(tmp_path, said)
