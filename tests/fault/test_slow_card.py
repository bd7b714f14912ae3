"""Each flush takes 0.3 to 5 s: sampling keeps its period, the queue holds what comes meanwhile, nothing is lost."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path
from random import Random

import pytest

from edge.core.types import Record, RecordBatch
from edge.runtime.supervisor import Bell, Supervisor
from edge.sim.loop import Loop, VirtualClock
from edge.store.fs import RealFs
from edge.store.fs_memory import Fault, MemoryFs
from edge.store.writer import STEP_S, Writer
from tests.fault.slow_card import POINTS, BusyWriter, MachineClock, SlowFs, SlowSite
from tests.support import ManualClock, eventually
from tests.unit.test_log_writer import Bench

UTC_MS = 1_795_166_000_000
FASTEST_S, SLOWEST_S = 0.3, 5.0
HOUR_S = 3600


def virtual_hour(*, slowest_s: float, writes_itself: bool = False) -> tuple[SlowSite, BusyWriter]:
    """Return a site after an hour of readings each second and a commit each second, and its writer."""
    clock = VirtualClock(UTC_MS, boot=1)
    dice = Random(1)
    slow = BusyWriter(clock, lambda: dice.uniform(min(FASTEST_S, slowest_s), slowest_s))
    site = SlowSite(
        SlowFs(MemoryFs(), slow.flush), clock, period_ms=1000, commit_s=1, writes_itself=writes_itself
    )  # fmt: skip
    slow.writer = site.writer
    loop = Loop(clock)
    loop.add(site.bus)
    site.station.wake_by(loop.add(site.station))
    site.writer.wake = loop.add(slow)
    begun_s = clock.now_ns / 1e9
    loop.run_until(begun_s + HOUR_S)
    loop.retire(site.bus, site.station)
    loop.run_until(begun_s + HOUR_S + 60)
    loop.retire(slow)
    return site, slow


def test_a_slow_card_takes_nothing_from_the_readings(capsys: pytest.CaptureFixture[str]) -> None:
    fast, _ = virtual_hour(slowest_s=0.0)
    slow, writer = virtual_hour(slowest_s=SLOWEST_S)
    with capsys.disabled():
        print(
            f"\nan hour, each flush {FASTEST_S} to {SLOWEST_S} s: {len(slow.arrivals)} cycles ({len(fast.arrivals)} on"
            f" a fast card), longest lag {slow.longest_lag_s:.3f} s, {writer.flushes} flushes, at most"
            f" {writer.longest_s:.1f} s at a stretch, {slow.records.next_seq() - 1} records,"
            f" {slow.writer.lost_entries} lost"
        )
    assert min(len(slow.arrivals), len(fast.arrivals)) >= HOUR_S - 1
    assert slow.longest_lag_s == fast.longest_lag_s < 0.001
    for site in (slow, fast):
        assert site.records.next_seq() - 1 == site.station.records_made >= (HOUR_S - 1) * POINTS
    assert (slow.writer.lost_entries, slow.writer.degraded) == (0, "")
    assert SLOWEST_S < writer.longest_s < 60  # longer, and the watchdog would end the service


def test_a_station_that_waited_for_the_card_would_be_seen() -> None:
    site, _ = virtual_hour(slowest_s=SLOWEST_S, writes_itself=True)
    assert site.longest_lag_s > FASTEST_S
    assert len(site.arrivals) < HOUR_S / 2


def test_a_card_that_stands_still_for_60_s_at_1000_records_a_second_loses_nothing() -> None:
    bench = Bench()
    for second in range(60):
        bench.post(1 + second * 1000, 1000)
        bench.clock.advance(1)
    bench.step()
    assert bench.records.next_seq() == 60_001
    assert (bench.writer.lost_entries, bench.event_kinds()) == (0, [])


def test_a_record_beyond_what_the_queue_holds_is_counted_and_said() -> None:
    bench = Bench()
    for second in range(61):
        bench.post(1 + second * 1000, 1000)
    bench.step()
    assert bench.writer.lost_entries == 1000
    assert bench.event_kinds()[0] == "store_degraded"
    assert bench.values()[0] == 1001.0


def test_a_backlog_on_a_slow_card_is_written_with_pauses_for_what_comes_meanwhile() -> None:
    """And each frame is an answer: the watchdog goes on being fed."""
    clock, flush_s = ManualClock(), [0.0]
    fs = MemoryFs()
    records, events = Bench.open(SlowFs(fs, lambda: clock.advance(flush_s[0])))
    writer = Writer(records, events, clock)

    def post(number: int) -> None:
        writer.post(RecordBatch(1, [Record("p", 0, 1000, float(number))], {"index": number}))

    fault = Fault("pwrite", errno.ENOSPC, times=10**9)
    fs.fail(fault)
    for number in range(8):
        post(number)
        writer.step(clock.monotonic_ns() / 1e9)
        clock.advance(60)
    fault.times, flush_s[0] = 0, 4.0
    written = []
    for number in range(8, 40):
        post(number)
        begun_s = clock.monotonic_ns() / 1e9
        due_s = writer.step(begun_s)
        written.append(records.next_seq() - 1)
        assert clock.monotonic_ns() / 1e9 - begun_s <= STEP_S + 5 * 4.0  # a last frame, and both cursor files
        assert clock.monotonic_ns() / 1e9 - writer.answered_s <= 4.0
        if not writer.degraded:
            break
        assert due_s <= clock.monotonic_ns() / 1e9
    assert len(written) > 2
    assert [entry.value for entry in records.read(1, 100).entries] == list(range(records.next_seq() - 1))
    assert [event.kind for event in events.read(1, 9).entries] == ["store_degraded", "store_ok"]


@pytest.mark.slow("flushes of 2 s on a real disk, while a bus reads ten times a second")
def test_threads_keep_their_period_on_a_real_disk_whose_flushes_wait(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pause = threading.Event()
    flush_s = [0.0]
    waits: list[float] = []

    def wait() -> None:
        if flush_s[0]:
            begun_s = time.monotonic()
            pause.wait(flush_s[0])
            waits.append(time.monotonic() - begun_s)

    site = SlowSite(SlowFs(RealFs(tmp_path), wait), MachineClock(), period_ms=100, commit_s=1)
    flush_s[0] = 2.0
    supervisor = Supervisor()
    supervisor.add(site.bus, Bell())
    site.station.wake_by(supervisor.add(site.station, Bell()))
    site.writer.wake = supervisor.add(site.writer, Bell())
    supervisor.start()
    eventually(lambda: len(waits) >= 3, 30)
    flush_s[0] = 0.0
    assert supervisor.stop(15) == []
    site.records.close()
    site.events.close()
    with capsys.disabled():
        print(
            f"\n{len(waits)} flushes of {min(waits):.1f} s and more: {len(site.arrivals)} cycles of 0.1 s,"
            f" longest gap {site.longest_gap_s:.3f} s, longest lag {site.longest_lag_s:.3f} s"
        )
    assert min(waits) >= 2.0
    assert site.longest_gap_s < 1.5  # a bus that waited for the card would have gaps of 2 s
    assert len(site.arrivals) > 10 * 3 * 2 * 0.7
    assert site.records.next_seq() - 1 == site.station.records_made
    assert site.writer.lost_entries == 0
