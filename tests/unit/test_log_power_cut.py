"""Power cuts over the log: every prefix of its calls, what was not flushed lost, kept, torn or noise.

The whole campaign comes with the store's own proofs; this is the short one that runs with every change.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge.core.types import Record, RecordBatch
from edge.store.fs_memory import MODELS, MemoryFs, Model, prefixes
from edge.store.log import Log

SEGMENT = 16 << 10
SEEDS = 5


class Told(msgspec.Struct, frozen=True):
    """What the log had told its caller when it had made so many calls to the disk."""

    calls: int
    next_seq: int
    registers: dict[str, Any]
    cursor: int


def open_log(fs: MemoryFs) -> Log[Record]:
    return Log(fs, "records", "records", 3 * SEGMENT, SEGMENT, consumers=["mqtt"], stream="9f3c21aa")


def batch(first: int, count: int, number: int) -> RecordBatch:
    entries = [Record("p", seq, 1000, float(seq) + 0.123456789) for seq in range(first, first + count)]
    return RecordBatch(1, entries, {"index": number, f"counter/{number % 5}": number})


def history() -> tuple[MemoryFs, list[Told]]:
    """Return a disk that recorded a log's life, from its making through a turn of the ring, and what it told."""
    fs = MemoryFs(keep_cuts=True)
    fs.calls = []
    log = open_log(fs)
    told = [Told(len(fs.calls), 1, {}, 0)]
    for number in range(24):
        log.append(batch(log.next_seq(), 700 if number % 4 == 3 else 5, number))  # one block, or two
        told.append(Told(len(fs.calls), log.next_seq(), log.registers, log._saved_cursors["mqtt"]))
        log.acknowledge("mqtt", log.next_seq() - 3)
        if number % 6 == 5:
            log.save_cursors()
            told.append(Told(len(fs.calls), log.next_seq(), log.registers, log.cursor("mqtt")))
    return fs, told


def read_all(log: Log[Record]) -> tuple[list[int], list[int]]:
    """Return the seqs that are readable, each with its own value, and those that are declared damaged."""
    seqs: list[int] = []
    damaged: list[int] = []
    seq = log.first_seq()
    while seq < log.next_seq():
        chunk = log.read(seq, 100)
        if chunk.gap:
            assert chunk.gap.why == "damaged"
            damaged += range(seq, chunk.gap.last + 1)
            seq = chunk.gap.last + 1
            continue
        assert [entry.value for entry in chunk.entries] == [
            float(seq + place) + 0.123456789 for place in range(len(chunk.entries))
        ]
        seqs += range(seq, seq + len(chunk.entries))
        seq += len(chunk.entries)
    return seqs, damaged


@pytest.mark.parametrize("model", MODELS)
def test_a_cut_at_any_call_loses_nothing_that_was_told(model: Model) -> None:
    fs, told = history()
    assert fs.calls is not None
    start = MemoryFs(keep_cuts=True)
    start.mkdir("records")
    states = torn = 0
    for place, disk in enumerate(prefixes(fs.calls, start)):
        last = max((one for one in told if one.calls <= place), key=lambda one: one.calls, default=Told(0, 1, {}, 0))
        following = next((one for one in told if one.calls > place), last)
        for seed in range(1 if model in {"lost", "kept"} else SEEDS):
            log = open_log(disk.after_cut(model, seed))
            seqs, damaged = read_all(log)
            assert last.next_seq <= log.next_seq() <= following.next_seq
            assert all(seq >= last.next_seq for seq in damaged)
            assert seqs[: last.next_seq - log.first_seq()] == list(range(log.first_seq(), last.next_seq))
            assert log.registers in (last.registers, following.registers)
            assert last.cursor <= log.cursor("mqtt") <= log.next_seq() - 1
            first = log.append(batch(log.next_seq(), 5, 99))
            assert read_all(log)[0][-5:] == list(range(first, first + 5))
            states += 1
            torn += bool(damaged)
    assert states > 90
    assert torn == 0 or model in {"subset", "torn", "garbage"}


def test_a_second_cut_right_after_a_start_loses_nothing_either() -> None:
    """What a start found in the page cache is flushed before it counts."""
    fs, told = history()
    for seed in range(10):
        found = fs.after_cut("subset", seed)
        log = open_log(found)
        again = open_log(found.after_cut("lost"))
        assert again.next_seq() == log.next_seq() >= told[-1].next_seq
        assert again.registers == log.registers
        assert read_all(again) == read_all(log)


def test_entries_written_but_not_flushed_when_the_process_died_are_flushed_before_they_are_read() -> None:
    fs, _ = history()
    log = open_log_of_a_dead_process(fs)
    seqs = read_all(log)
    assert read_all(open_log(fs.after_cut("lost"))) == seqs


def open_log_of_a_dead_process(fs: MemoryFs) -> Log[Record]:
    """The octets of the next frame are in the page cache, its flush never came; the lock went with the process."""
    log = open_log_again(fs)
    file = log._open_last()
    octets, _ = log._frame(log.pack(batch(log.next_seq(), 5, 77))[0], {"index": 77})
    file.pwrite(octets, log._reader.view.tail)
    return open_log_again(fs)


def open_log_again(fs: MemoryFs) -> Log[Record]:
    fs.locked.clear()
    return open_log(fs)
