"""The whole store of a box as a writer whose power is cut: both logs by the Writer, cursors, notebook, history.

`python -m tests.fault.cut_store LIFE FOLDER` writes for ever, a claim (JSON) on stdout after each step of the writer;
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
from tests.fault import cut_history
from tests.fault.cut_writers import say

SEGMENT: Final = 64 << 10
CAPACITY: Final = 4 * SEGMENT  # the ring turns within a life
LIFE: Final = 10**9
CONSUMER: Final = "mqtt"
CONSUMERS: Final = (CONSUMER, "history")
STEP_S: Final = 300  # that pass from one batch to the next
NOTE: Final = "counted"


class Claim(msgspec.Struct, frozen=True):
    """What must survive a power cut from now on: the highest seqs, registers, saved cursors, the notebook's number."""

    records: int
    events: int
    cursor: int
    note: int
    history: int
    """The seq up to which history has the records."""


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
    history: int
    faults: list[str]
    """In what history differs from the log."""


def open_logs(fs: RealFs) -> tuple[Log[Record], Log[Event]]:
    records = Log(fs, "records", "records", CAPACITY, SEGMENT, consumers=CONSUMERS)
    events = Log(fs, "events", "events", CAPACITY, SEGMENT, consumers=CONSUMERS)
    return records, events


def write(folder: Path, life: int) -> None:
    """Write and claim until the power is cut."""
    fs, dice = RealFs(folder), Random(life)
    records, events = open_logs(fs)
    notebook = Notebook(fs)
    writer, boot, step = Writer(records, events), records.boot + 1, 0
    note = noted(notebook)
    keeping = cut_history.Keeping(folder, records, events)
    while True:
        step += 1
        if dice.random() < 0.9:
            writer.post(record_batch(records, boot, life, step, dice))
        if dice.random() < 0.3:
            first, count = events.next_seq(), dice.randrange(1, 6)
            made = [Event("tried", seq, "", {"life": life, "seq": seq}) for seq in range(first, first + count)]
            writer.post(EventBatch(boot, made, {"index": first + count - 1}))
        writer.step(float(step * STEP_S))
        keeping.work(float(step * STEP_S))
        assert not writer.degraded
        for log in (records, events):
            log.acknowledge(CONSUMER, log.next_seq() - dice.randrange(1, 50))
        if step % 10 == 0:
            note += 1
            notebook.put_setting(MadeSetting(NOTE, note, Moment(boot, step), author="x" * dice.randrange(6000)))
            notebook.save()
        if step % 25 == 0:
            records.save_cursors()
        of_history = records.cursor("history")
        claim = Claim(records.next_seq() - 1, events.next_seq() - 1, saved(records), note, of_history)
        say(msgspec.json.encode(claim).decode())


def record_batch(log: Log[Record], boot: int, life: int, step: int, dice: Random) -> RecordBatch:
    """Return a batch of a sector, a block or a few: noise in it can't be packed."""
    first = log.next_seq()
    count = dice.choice((1, 20, 60, 200, 900))
    begin_ms, names = step * STEP_S * 1000, cut_history.POINTS
    made = [
        Record(names[seq % len(names)], begin_ms + 60 * (seq - first), 60, float(life * LIFE + seq), mean=dice.random())
        for seq in range(first, first + count)
    ]
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
        keeping = cut_history.Keeping(folder, records, events)
        keeping.work(0.0)
        of_history, faults = records.cursor("history"), cut_history.faults(keeping, records)
        keeping.close()
        again = records.append(RecordBatch(records.boot + 1, [Record("p", 1, 1000, 1.0)]))
        assert (again, records.read(again, 1).entries[0].value) == (of_records.next, 1.0)
        notebook.put_setting(MadeSetting(NOTE, note + 1, Moment(records.boot + 1, 1)))
        notebook.save()
    finally:
        records.close()
        events.close()
    assert not notebook.refused, notebook.refused
    return Found(of_records, of_events, note, notebook.damage, of_history, faults)


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
    write(Path(sys.argv[2]), int(sys.argv[1]))
