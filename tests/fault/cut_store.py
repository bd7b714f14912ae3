"""The whole store of a box as a writer whose power is cut: both logs through the Writer, their cursors, the notebook.

`python -m tests.fault.cut_store FOLDER LIFE` writes for ever, a claim (JSON) on stdout after each step of the writer;
`found` opens what a cut left and says what is there. A record's value names the life that wrote it, so that a number
given twice is seen.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from edge.core.notes import MadeSetting, Moment
from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.store.fs import RealFs
from edge.store.log import Log
from edge.store.notebook import Notebook
from edge.store.writer import Writer
from tests.fault.cut_writers import say

SEGMENT: Final = 128 << 10
CAPACITY: Final = 4 * SEGMENT  # the ring turns within a life
LIFE: Final = 10**9
CONSUMER: Final = "mqtt"
NOTE: Final = "counted"


class Claim(msgspec.Struct, frozen=True):
    """What must survive a power cut from now on: the highest seqs, registers, saved cursors, the notebook's number."""

    records: int
    events: int
    cursor: int
    note: int


class Kept(msgspec.Struct):
    """What a log holds: (life, number) of each seq, gaps, the register that counts, the cursor."""

    entries: dict[int, tuple[int, int]]
    gaps: list[tuple[int, int]]
    first: int
    next: int
    index: int
    cursor: int


class Found(msgspec.Struct):
    """What a cut left of the whole store; it took new entries after that."""

    records: Kept
    events: Kept
    note: int
    damage: list[str]
    """What the notebook said of its file."""


def open_logs(fs: RealFs) -> tuple[Log[Record], Log[Event]]:
    records = Log(fs, "records", "records", CAPACITY, SEGMENT, consumers=[CONSUMER])
    events = Log(fs, "events", "events", CAPACITY, SEGMENT, consumers=[CONSUMER])
    return records, events


def write(folder: Path, life: int) -> None:
    """Write and claim until the power is cut."""
    fs, dice = RealFs(folder), Random(life)
    records, events = open_logs(fs)
    notebook = Notebook(fs)
    writer, boot, step = Writer(records, events), records.boot + 1, 0
    note = noted(notebook)
    while True:
        step += 1
        if dice.random() < 0.9:
            writer.post(record_batch(records, boot, life, dice))
        if dice.random() < 0.3:
            first, count = events.next_seq(), dice.randrange(1, 6)
            made = [Event("tried", seq, "", {"life": life, "seq": seq}) for seq in range(first, first + count)]
            writer.post(EventBatch(boot, made, {"index": first + count - 1}))
        writer.step(float(step))
        assert not writer.degraded
        for log in (records, events):
            log.acknowledge(CONSUMER, log.next_seq() - dice.randrange(1, 50))
        if step % 10 == 0:
            note += 1
            notebook.put_setting(MadeSetting(NOTE, note, Moment(boot, step), author="x" * dice.randrange(6000)))
            notebook.save()
        if step % 25 == 0:
            records.save_cursors()
        say(msgspec.json.encode(Claim(records.next_seq() - 1, events.next_seq() - 1, saved(records), note)).decode())


def record_batch(log: Log[Record], boot: int, life: int, dice: Random) -> RecordBatch:
    """Return a batch of one block or a few."""
    first = log.next_seq()
    count = dice.choice((1, 20, 60, 200, 900))
    made = [Record(f"p{seq % 7}", seq, 1000, float(life * LIFE + seq)) for seq in range(first, first + count)]
    return RecordBatch(boot, made, {"index": first + count - 1, f"device/{first % 9}": {"life": life}})


def saved(log: Log[Any]) -> int:
    """Return the cursor as the newest frame or the cursor file has it."""
    return log._saved_cursors[CONSUMER]


def found(folder: Path) -> Found:
    """Open everything, read all of it, and append once more. Raises what the store raises."""
    fs = RealFs(folder)
    records, events = open_logs(fs)
    notebook = Notebook(fs)
    try:
        of_records, of_events = kept(records, life_of_record), kept(events, life_of_event)
        note = noted(notebook)
        again = records.append(RecordBatch(records.boot + 1, [Record("p", 1, 1000, 1.0)]))
        assert (again, records.read(again, 1).entries[0].value) == (of_records.next, 1.0)
        notebook.put_setting(MadeSetting(NOTE, note + 1, Moment(records.boot + 1, 1)))
        notebook.save()
    finally:
        records.close()
        events.close()
    assert not notebook.refused, notebook.refused
    return Found(of_records, of_events, note, notebook.damage)


def noted(notebook: Notebook) -> int:
    """Return the number that the notebook holds, 0 when none."""
    made = notebook.settings().get(NOTE)
    return made.value if made else 0


def life_of_record(record: Record) -> tuple[int, int]:
    assert isinstance(record.value, float)
    return divmod(int(record.value), LIFE)


def life_of_event(event: Event) -> tuple[int, int]:
    return event.values["life"], event.values["seq"]


def kept(log: Log[Any], life_of: Any) -> Kept:
    """Read a whole log."""
    entries: dict[int, tuple[int, int]] = {}
    gaps = []
    seq = log.first_seq()
    while seq < log.next_seq():
        chunk = log.read(seq, 500)
        if chunk.gap is not None:
            gaps.append((chunk.gap.first, chunk.gap.last))
            seq = chunk.gap.last + 1
            continue
        entries.update((seq + place, life_of(entry)) for place, entry in enumerate(chunk.entries))
        seq += len(chunk.entries)
    index = log.registers.get("index", 0)
    return Kept(entries, gaps, log.first_seq(), log.next_seq(), index, log.cursor(CONSUMER))


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
