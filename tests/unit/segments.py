"""A log of small segments on a disk in RAM whose records' values are their numbers: what tests of the log share."""

from __future__ import annotations

from edge.core.ports import Gap, Reader
from edge.core.types import Record, RecordBatch
from edge.store.fs import Fs
from edge.store.fs_memory import MemoryFs
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


def spoil(fs: MemoryFs, path: str, offset: int, octets: bytes = b"\xff\xfe") -> None:
    """Change octets behind the log's back, durably."""
    fs.images[fs.names[path]].write(octets, offset)
    fs.settle()


def segment_path(base: int) -> str:
    return f"records/{STREAM}-{base:016x}.seg"
