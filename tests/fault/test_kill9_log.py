"""SIGKILL in the middle of appending: the process is gone, what it said was durable is there.

The page cache survives a kill, so this proves that the log is whole at every instant of its process, not that it
survives a power cut: `tests/unit/test_log_power_cut.py` does.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from edge.core.types import Record
from edge.store.fs import RealFs
from edge.store.log import Log
from tests.support import ROOT

SEGMENT = 64 << 10
CHILD = """
import sys
from edge.core.types import Record, RecordBatch
from edge.store.fs import RealFs
from edge.store.log import Log

log = Log(RealFs(sys.argv[1]), "records", "records", 4 * 65536, 65536, consumers=["mqtt"])
boot = log.boot + 1
number = 0
while True:
    first, number = log.next_seq(), number + 1
    count = 1 + 397 * number % 900
    entries = [Record(f"p{seq % 7}", seq, 1000, seq * 1.1) for seq in range(first, first + count)]
    log.append(RecordBatch(boot, entries, {"index": first + count - 1}))
    log.acknowledge("mqtt", log.next_seq() - 10)
    print(log.next_seq() - 1, flush=True)
"""


@contextmanager
def appending(folder: Path) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def kill_and_look(folder: Path, batches: int) -> tuple[int, Log[Record]]:
    """Let a process append so many batches and more, kill it; return what it had said was durable, and the log."""
    with appending(folder) as child:
        assert child.stdout is not None
        said = 0
        for _ in range(batches):
            line = child.stdout.readline()
            assert line, child.stderr and child.stderr.read()
            said = int(line)
        child.kill()
        lines = [line for line in child.communicate()[0].split("\n")[:-1] if line]
        said = max([said, *map(int, lines)])
    return said, Log(RealFs(folder), "records", "records", 4 * SEGMENT, SEGMENT, consumers=["mqtt"])


def check(log: Log[Record], said: int) -> None:
    assert log.next_seq() > said
    assert log.registers["index"] >= said
    assert log.cursor("mqtt") < log.next_seq()
    seq = log.first_seq()
    while seq < log.next_seq():
        chunk = log.read(seq, 500)
        if chunk.gap:  # a frame that was being written: never said to be durable
            assert chunk.gap.first > said
            seq = chunk.gap.last + 1
            continue
        assert [entry.value for entry in chunk.entries] == [(seq + place) * 1.1 for place in range(len(chunk.entries))]
        seq += len(chunk.entries)
    log.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_was_said_is_lost_by_a_kill(tmp_path: Path, seed: int) -> None:
    dice = Random(seed)
    for number in range(1, 4):
        said, log = kill_and_look(tmp_path, dice.randrange(1, 60))
        assert log.boot == number
        check(log, said)


@pytest.mark.campaign(reason="200 kills")
def test_nothing_that_was_said_is_lost_by_200_kills(tmp_path: Path) -> None:
    dice = Random(3)
    for _ in range(200):
        said, log = kill_and_look(tmp_path, dice.randrange(1, 120))
        check(log, said)
