"""The writer: what is posted becomes durable in order, and a card that fails costs nothing that fits in RAM."""

from __future__ import annotations

import errno
import logging
import math
import struct
import threading
from random import Random

import pytest

from edge.core.types import Event, EventBatch, Record, RecordBatch
from edge.store import frame
from edge.store import writer as module
from edge.store.fs_image import Write
from edge.store.fs_memory import Fault, MemoryFs
from edge.store.log import Log
from edge.store.writer import CURSORS_S, Writer
from hal.sample import BAD
from tests.support import ManualClock

SEGMENT = 64 << 10
ALL = 10**9


class Bench:
    """A writer with two logs on a disk in RAM, a clock, and what it told."""

    def __init__(self, segments: int = 8) -> None:
        self.fs = MemoryFs(keep_cuts=True)
        self.clock = ManualClock()
        self.records, self.events = self.open(self.fs, segments)
        self.writer = Writer(self.records, self.events, self.clock)
        self.told: list[str] = []
        self.writer.wake = lambda: self.told.append("wake")
        self.writer.on_commit.append(lambda: self.told.append("commit"))

    @staticmethod
    def open(fs: MemoryFs, segments: int = 8) -> tuple[Log[Record], Log[Event]]:
        return (
            Log(fs, "records", "records", segments * SEGMENT, SEGMENT, consumers=["mqtt"], stream="9f3c21aa"),
            Log(fs, "events", "events", 4 * SEGMENT, SEGMENT, consumers=["mqtt"], stream="0badcafe"),
        )

    def step(self) -> float:
        return self.writer.step(self.clock.monotonic_ns() / 1e9)

    def post(self, first: int, count: int = 10) -> None:
        entries = [Record("p", seq, 1, float(seq)) for seq in range(first, first + count)]
        self.writer.post(
            RecordBatch(1, entries, {"index": first + count - 1}), lambda: self.told.append(f"done {first}")
        )

    def fail(self, error: int = errno.ENOSPC, times: int = ALL) -> Fault:
        fault = Fault("pwrite", error, "records/", times=times)
        self.fs.fail(fault)
        return fault

    def values(self) -> list[object]:
        found: list[object] = []
        while entries := self.records.read(self.records.first_seq() + len(found), 500).entries:
            found += [record.value for record in entries]
        return found

    def event_kinds(self) -> list[str]:
        return [event.kind for event in self.events.read(1, 100).entries]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_posted_batches_become_durable_in_order_then_the_links_are_told_once(bench: Bench) -> None:
    bench.post(1)
    bench.post(11)
    assert bench.told == ["wake", "wake"]
    assert bench.values() == []
    bench.step()
    assert bench.told[2:] == ["done 1", "done 11", "commit"]
    assert bench.values() == [float(seq) for seq in range(1, 21)]
    assert Bench.open(bench.fs.after_cut("lost"))[0].registers == {"index": 20}


def test_records_and_events_go_to_their_own_logs(bench: Bench) -> None:
    bench.post(1)
    bench.writer.post(EventBatch(1, [Event("start", 5)], {"running": True}))
    bench.step()
    assert bench.event_kinds() == ["start"]
    assert bench.events.registers == {"running": True}


def test_a_step_without_work_tells_nobody(bench: Bench) -> None:
    assert bench.step() == bench.clock.monotonic_ns() / 1e9 + CURSORS_S
    assert bench.told == []
    assert bench.writer.filenos() == []


def test_a_card_that_fails_is_a_state_and_nothing_is_lost(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.post(1)
    bench.step()
    fault = bench.fail()
    for number in range(1, 20):
        bench.post(1 + number * 10)
        bench.clock.advance(10)
        bench.step()
    assert bench.writer.degraded == "ENOSPC"
    assert len(bench.values()) == 10
    assert bench.writer.held_octets > 0
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1  # once, not at each try
    fault.times = 0
    bench.clock.advance(60)
    bench.step()
    assert bench.writer.degraded == ""
    assert bench.values() == [float(seq) for seq in range(1, 201)]
    assert bench.writer.held_octets == 0
    assert bench.event_kinds() == ["store_degraded", "store_ok"]
    assert bench.events.read(2, 1).entries[0].values == {"lasted_s": 240, "lost": 0}


def test_events_go_on_while_only_the_records_can_not_be_written(bench: Bench) -> None:
    bench.fail()
    bench.post(1)
    bench.writer.post(EventBatch(1, [Event("alarm_begin", 5)]))
    bench.step()
    assert bench.event_kinds()[0] == "alarm_begin"
    assert bench.values() == []


def test_it_tries_again_with_back_off_and_not_at_each_batch(bench: Bench) -> None:
    fault = bench.fail()
    bench.post(1)
    waits = []
    for _ in range(7):
        due_s = bench.step()
        waits.append(due_s - bench.clock.monotonic_ns() / 1e9)
        tries = ALL - fault.times
        bench.post(99)
        bench.step()
        assert tries == ALL - fault.times
        bench.clock.advance(waits[-1])
    assert [round(wait) for wait in waits] == [1, 2, 5, 15, 60, 60, 60]


def test_ram_is_bounded_and_the_oldest_records_go_but_never_registers(bench: Bench) -> None:
    fault = bench.fail()
    dice = Random(1)
    batches = 0
    while not bench.writer.lost_entries:
        entries = [Record("p", batches, 1, dice.random()) for _ in range(3000)]
        bench.writer.post(RecordBatch(1, entries, {f"counter/{batches}": batches}))
        bench.clock.advance(10)
        bench.step()
        batches += 1
    assert bench.writer.held_octets <= module.RAM_OCTETS
    assert batches > 500
    bench.writer.post(EventBatch(1, [Event("alarm_begin", 5)]))
    fault.times = 0
    bench.clock.advance(60)
    bench.step()
    assert bench.records.registers == {f"counter/{number}": number for number in range(batches)}
    assert bench.events.read(1, 100).entries[-1].values["lost"] == bench.writer.lost_entries == 3000
    assert bench.records.next_seq() == (batches - 1) * 3000 + 1


def test_a_card_that_stalls_fills_the_queue_up_to_its_bound_and_keeps_registers_and_events(bench: Bench) -> None:
    bench.writer.post(EventBatch(1, [Event("alarm_begin", 5)]))
    for number in range(80):
        entries = [Record("p", number, 1, number) for _ in range(1000)]
        bench.writer.post(RecordBatch(1, entries, {f"counter/{number}": number}))
    bench.step()
    bench.step()
    assert bench.records.next_seq() - 1 <= module.QUEUE_ENTRIES
    assert bench.writer.lost_entries == 80_000 - (bench.records.next_seq() - 1)
    assert bench.records.registers == {f"counter/{number}": number for number in range(80)}
    assert bench.event_kinds() == ["alarm_begin", "store_degraded", "store_ok"]
    assert bench.events.read(3, 1).entries[0].values["lost"] == bench.writer.lost_entries
    assert bench.writer.degraded == ""


def test_it_answers_while_idle_and_while_the_card_fails_but_not_while_the_card_hangs(bench: Bench) -> None:
    def now_s() -> float:
        return bench.clock.monotonic_ns() / 1e9

    bench.clock.advance(1000)
    assert bench.writer.answered_s == now_s()  # nothing was posted: nothing is late
    bench.fail()
    bench.post(1)
    posted_s = now_s()
    bench.clock.advance(30)
    assert bench.writer.answered_s == posted_s
    bench.step()
    bench.clock.advance(100)
    assert bench.writer.answered_s == now_s()  # failed is an answer
    entered, leave = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        leave.wait(5)

    bench.fs.faults.clear()
    bench.post(11)
    posted_s = now_s()
    bench.writer.on_commit.append(hang)
    thread = threading.Thread(target=bench.step)
    thread.start()
    assert entered.wait(5)
    bench.clock.advance(70)
    assert now_s() - bench.writer.answered_s == pytest.approx(70)
    assert bench.writer.answered_s == posted_s
    leave.set()
    thread.join(5)
    assert bench.writer.answered_s == now_s()


def test_a_batch_with_a_nan_keeps_everything_else(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    entries = [
        Record("a", 0, 1000, 1.5),
        Record("b", 0, 1000, math.nan),
        Record("c", 0, 1000, 2.5, mean=math.inf, low=1.0),
        Record("d", 0, 1000, b"?"),  # type: ignore[arg-type]
    ]
    bench.writer.post(RecordBatch(1, entries, {"good": 1, "bad": math.nan, "worse": object()}))
    bench.writer.post(EventBatch(1, [Event("fault", 1, "x", {"v": math.nan}), Event("stop", 2)]))
    bench.step()
    assert bench.records.read(1, 10).entries == [
        Record("a", 0, 1000, 1.5),
        Record("b", 0, 1000, None, BAD, "not_a_number", 0),
        Record("c", 0, 1000, 2.5, low=1.0),
        Record("d", 0, 1000, None, BAD, "not_a_number", 0),
    ]
    assert bench.records.registers == {"good": 1}
    assert bench.events.read(1, 10).entries == [Event("fault", 1, "x", {"unreadable": "{'v': nan}"}), Event("stop", 2)]
    assert "can't be kept as it is" in caplog.text


def test_a_bug_in_one_frame_writes_no_other_one_twice(bench: Bench) -> None:
    bench.post(1)
    bench.step()
    bench.post(11)
    bench.writer.post(EventBatch(2**40, [Event("start", 0)], {}))  # a start that no head can hold
    for _ in range(3):
        with pytest.raises(struct.error):
            bench.step()
    assert bench.values() == list(range(1, 21))


def test_cursors_are_saved_when_no_frame_came_for_a_minute_and_only_then(bench: Bench) -> None:
    bench.post(1)
    bench.step()
    bench.records.acknowledge("mqtt", 5)
    bench.clock.advance(59)
    bench.step()
    assert Bench.open(bench.fs.after_cut("lost"))[0].cursor("mqtt") == 0
    bench.clock.advance(1)
    bench.step()
    assert Bench.open(bench.fs.after_cut("lost"))[0].cursor("mqtt") == 5
    written = bench.fs.counts.octets_written
    bench.clock.advance(600)
    bench.step()
    assert bench.fs.counts.octets_written == written
    for number in range(1, 12):  # frames carry them
        bench.post(1 + number * 10)
        bench.step()
        bench.records.acknowledge("mqtt", number * 10)
        bench.clock.advance(10)
    assert bench.fs.counts.octets_written - written == (11 + 1) * 4096, "and how far numbers went, each ten minutes"


def test_cursors_that_can_not_be_saved_stop_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.post(1)
    bench.step()
    bench.records.acknowledge("mqtt", 5)
    bench.fs.fail(Fault("pwrite", errno.EROFS, "cursors", times=2))
    bench.clock.advance(60)
    bench.step()
    bench.records.close()
    assert caplog.text.count("not saved") == 2


def test_closing_writes_what_is_left_and_says_what_could_not_be(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.post(1)
    bench.writer.close()
    assert len(bench.values()) == 10
    bench.fail()
    bench.post(11)
    bench.writer.close()
    assert "10 entries are lost" in caplog.text or "11 entries are lost" in caplog.text


def test_batches_that_waited_together_cost_one_write_and_one_flush(bench: Bench) -> None:
    bench.post(1)
    bench.step()
    before = (bench.fs.counts.writes, bench.fs.counts.flushes)
    bench.told.clear()
    for number in range(1, 6):
        bench.post(1 + number * 10)
    bench.step()
    assert (bench.fs.counts.writes - before[0], bench.fs.counts.flushes - before[1]) == (1, 1)
    assert bench.told[5:] == [*(f"done {1 + number * 10}" for number in range(1, 6)), "commit"]
    assert bench.values() == [float(seq) for seq in range(1, 61)]
    assert bench.records.registers == {"index": 60}


def test_what_waited_is_joined_with_its_own_sort_and_start_only(bench: Bench) -> None:
    """What is posted between two batches of the other log stays between them: a clock entry before what it dates."""
    bench.fs.calls = []
    bench.post(1)
    bench.post(11)
    bench.writer.post(EventBatch(1, [Event("clock", 5)]))
    bench.post(21)
    bench.writer.post(RecordBatch(2, [Record("p", 0, 1, 1.0)]))
    bench.writer.post(EventBatch(2, [Event("start", 5)]))
    bench.writer.post(EventBatch(2, [Event("stop", 6)], {"running": False}))
    bench.step()
    calls = bench.fs.calls or []
    seeds = [frame.seed("9f3c21aa", 1), frame.seed("0badcafe", 1)]
    heads = [frame.scan_head(call.octets, seed) for call in calls if isinstance(call, Write) for seed in seeds]
    assert [(head.kind, head.count, head.boot) for head in heads if head is not None] == [
        ("records", 20, 1), ("events", 1, 1), ("records", 10, 1), ("records", 1, 2), ("events", 2, 2),
    ]  # fmt: skip


def test_it_works_without_a_clock_by_the_instants_of_its_steps() -> None:
    fs = MemoryFs()
    records, events = Bench.open(fs)
    writer = Writer(records, events)
    writer.post(RecordBatch(1, [Record("p", 0, 1, 1.0)]))
    writer.step(123.0)
    assert (writer.answered_s, records.next_seq()) == (123.0, 2)
