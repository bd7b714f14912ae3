"""What a box keeps, all of it on one disk, living a life that numbers everything: two logs, notebook, a settings file.

Each record and each event holds its own number, and the registers of its batch say the last one: what is found after a
fault shows by itself whether it is right. After each action that returned, `tell` hears what is durable from then on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from edge.core.notes import MadeSetting, Moment
from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.store.checked import replace_file
from edge.store.fs import Fs, read_file
from edge.store.log import Log
from edge.store.notebook import Notebook
from edge.store.writer import Writer
from tests.support import ManualClock

SEGMENT: Final = 16 << 10  # four blocks: the rings turn soon
SETTINGS: Final = "settings.json"
KEY: Final = "site.name"


class Kept(msgspec.Struct, frozen=True):
    """What is durable at one instant, by its number; of two, the first is of the records, the second of the events."""

    boot: int = 0
    next_seqs: tuple[int, int] = (1, 1)
    last: tuple[int, int] = (0, 0)
    registers: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    cursors: tuple[int, int] = (0, 0)
    """Durable acknowledgements."""
    acknowledged: tuple[int, int] = (0, 0)
    """Those that were given: what is found is between the two."""
    note: int = 0
    settings: int = 0


class Read(msgspec.Struct, frozen=True):
    """What reading one log gave: each number that is there, with its seq, and the seqs that are not."""

    numbers: list[int]
    seqs: list[int]
    gaps: list[int]


class KeptBox:
    """Opens what a box keeps; raises OSError where that can't be. `start` begins its life."""

    def __init__(
        self, fs: Fs, tell: Callable[[Kept], None] = lambda _kept: None, *, segments: tuple[int, int] = (3, 2)
    ) -> None:
        self.fs = fs
        self._tell = tell
        self.records: Log[Record] = Log(
            fs, "records", "records", segments[0] * SEGMENT, SEGMENT, consumers=["mqtt"], stream="9f3c21aa"
        )
        try:
            self.events: Log[Event] = Log(
                fs, "events", "events", segments[1] * SEGMENT, SEGMENT, consumers=["mqtt"], stream="0badcafe"
            )
            self.notebook = Notebook(fs)
            self._settings = self._wanted_settings = settings_number(fs)
        except OSError:
            self.records.close()
            raise
        self.boot = max(self.records.boot, self.events.boot) + 1
        self.clock = ManualClock(boot=self.boot)
        self.writer = Writer(self.records, self.events, self.clock)
        self.record_number = int(self.records.registers.get("index", 0))
        self.event_number = int(self.events.registers.get("number", 0))
        self._note = note_number(self.notebook)
        self._cursors = (self.records.cursor("mqtt"), self.events.cursor("mqtt"))
        self._steps = 0

    def kept(self) -> Kept:
        """Return what is durable now."""
        logs: tuple[Log[Any], Log[Any]] = (self.records, self.events)
        acknowledged = (self.records.cursor("mqtt"), self.events.cursor("mqtt"))
        records, events = (
            old if log.has_unsaved_cursors else new
            for log, old, new in zip(logs, self._cursors, acknowledged, strict=True)
        )
        self._cursors = (records, events)
        registers = (self.records.registers, self.events.registers)
        last = (int(registers[0].get("index", 0)), int(registers[1].get("number", 0)))
        next_seqs = (self.records.next_seq(), self.events.next_seq())
        return Kept(
            max(self.records.boot, self.events.boot), next_seqs, last, registers, self._cursors, acknowledged,
            self._note, self._settings,
        )  # fmt: skip

    def read(self) -> tuple[Read, Read]:
        """Return what both logs hold."""
        return (
            read(self.records, lambda entry: round(float(entry.value) - 0.123456789)),
            read(self.events, lambda entry: int(entry.values.get("number", 0))),
        )

    # -- a life

    def start(self) -> None:
        """Say that it runs."""
        self.post_event("start", running=True)

    def live(self, steps: int) -> None:
        """Go on for so many periods of 10 s, with everything that a box does now and then."""
        for _ in range(steps):
            self._steps += 1
            self.clock.advance(10)
            self.post_records(700 if self._steps % 4 == 0 else 5)  # two blocks, or one
            self.acknowledge()
            if self._steps % 3 == 1:
                self.post_event("alarm_begin", alarms=self._steps)
            if self._steps % 5 == 2:
                self.notebook.put_setting(MadeSetting(KEY, [note_number(self.notebook) + 1], Moment(self.boot, 1)))
                self._wanted_settings += 1
            self.save()
            if self._steps % 6 == 5:  # a minute without a frame: the cursors get their file
                self.clock.advance(60)
                self._write()

    def stop(self) -> None:
        """End as a service does that is told to."""
        self.post_event("stop", running=False)
        self.save()
        self.writer.close()
        self.acknowledge()
        self.records.close()
        self.events.close()
        self._tell(self.kept())

    def post_records(self, count: int) -> None:
        """Make a batch durable, with the registers of two counters."""
        numbers = range(self.record_number + 1, self.record_number + count + 1)
        self.record_number = numbers[-1]
        entries = [Record("p", number, 1000, number + 0.123456789) for number in numbers]
        registers = {"index": numbers[-1], f"counter/{numbers[-1] % 5}": numbers[-1]}
        self.writer.post(RecordBatch(self.boot, entries, registers))
        self._write()

    def post_event(self, kind: str, **registers: object) -> None:
        """Make an event durable at once."""
        self.event_number += 1
        event = Event(kind, self.clock.monotonic_ns() // 1_000_000, "", {"number": self.event_number})
        self.writer.post(EventBatch(self.boot, [event], {**registers, "number": self.event_number}))
        self._write()

    def _write(self) -> None:
        self.writer.step(self.clock.monotonic_ns() / 1e9)
        self._tell(self.kept())

    def acknowledge(self) -> None:
        """Say for the consumer how far it has both logs."""
        self.records.acknowledge("mqtt", self.records.next_seq() - 4)
        self.events.acknowledge("mqtt", self.events.next_seq() - 1)

    def save(self) -> None:
        """Write notebook and settings file where they changed; what fails waits for the next time."""
        try:
            if self.notebook.is_changed:
                self.notebook.save()
                self._note = note_number(self.notebook)
                self._tell(self.kept())
            if self._wanted_settings != self._settings:
                text = json.dumps({"n": self._wanted_settings, "body": "x" * 200 * self._wanted_settings})
                replace_file(self.fs, SETTINGS, text.encode())
                self._settings = self._wanted_settings
                self._tell(self.kept())
        except OSError:
            return


def note_number(notebook: Notebook) -> int:
    """Return the number that the notebook holds."""
    made = notebook.settings().get(KEY)
    return 0 if made is None else int(made.value[0])


def settings_number(fs: Fs) -> int:
    """Return the number that the settings file holds; raises ValueError for a file that is none."""
    return int(json.loads(read_file(fs, SETTINGS))["n"]) if fs.exists(SETTINGS) else 0


def read(log: Log[Any], number: Callable[[Any], int]) -> Read:
    """Return all that a log holds, entry by entry."""
    found = Read([], [], [])
    seq = log.first_seq()
    while seq < log.next_seq():
        chunk = log.read(seq, 500)
        if chunk.gap is not None:
            found.gaps.extend(range(seq, chunk.gap.last + 1))
            seq = chunk.gap.last + 1
            continue
        found.numbers.extend(number(entry) for entry in chunk.entries)
        found.seqs.extend(range(seq, seq + len(chunk.entries)))
        seq += len(chunk.entries)
    return found
