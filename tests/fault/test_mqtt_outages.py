"""Outages between a box and its consumer, on a real Mosquitto: nothing lost, nothing twice, holes only where declared.

Short versions; `test_mqtt_outages_full.py` has them at their full length.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from edge.core.types import Record
from hal.sample import BAD
from tests.fault.harness import rig
from tests.support_broker import Bench
from tests.support_worker import turn


def test_what_is_committed_is_stored_and_acknowledged_at_once(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.receive()
        made.turn(lambda: made.link.status()["state"] == "up")
        begin = time.monotonic()
        made.bench.write(2000)
        made.bench.happen("start", version="1.0")
        made.settle(5)
        print(f"acknowledged after {time.monotonic() - begin:.2f} s")
        assert made.stored().is_everything(2000)


@pytest.mark.parametrize("encoding", ["json", "json+zlib"])
def test_a_line_that_is_refused_for_a_while_costs_nothing(tmp_path: Path, encoding: str) -> None:
    with rig(tmp_path, encoding=encoding) as made:
        made.receive()
        made.run_for(1, lambda: made.bench.write(200))
        made.line.down()
        made.run_for(1.5, lambda: made.bench.write(200))
        made.line.up()
        made.run_for(1, lambda: made.bench.write(200))
        made.settle()
        assert made.stored().is_everything(made.bench.records.next_seq() - 1)
        assert made.stored().holes == []


def test_a_line_that_falls_silent_without_a_word_costs_nothing(tmp_path: Path) -> None:
    with rig(tmp_path, keepalive_s=1) as made:
        made.receive()
        made.run_for(0.5, lambda: made.bench.write(200))
        made.line.hole()
        made.run_for(0.5, lambda: made.bench.write(200))
        made.turn(lambda: made.link.status()["state"] != "up", 15, "the keepalive notices")
        made.line.up()
        made.settle()
        assert made.stored().is_everything(made.bench.records.next_seq() - 1)


def test_a_station_killed_in_the_middle_of_an_outage_sends_what_its_log_holds(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.receive()
        made.run_for(0.5, lambda: made.bench.write(300))
        made.line.down()
        made.run_for(0.5, lambda: made.bench.write(300))
        made.link._connection.close()  # as the kernel does when the process is killed: no goodbye
        made.bench.clock.boot = 2
        made.link = made.new_link(dice=2)
        made.run_for(0.5, lambda: made.bench.write(300, boot=1))
        made.line.up()
        made.settle()
        assert made.stored().is_everything(made.bench.records.next_seq() - 1)


def test_a_broker_wiped_after_its_pubacks_costs_nothing(tmp_path: Path) -> None:
    with rig(tmp_path, persistent=True) as made:
        made.turn(lambda: made.link.status()["state"] == "up")
        made.bench.write(5000)
        made.turn(
            lambda: made.link._traffic.records.window.top() == 5000 and not made.link._traffic.records.window.flights
        )
        made.broker.wipe()
        made.broker.start()
        made.receive()
        made.settle()
        assert made.stored().is_everything(5000)


def test_a_broker_restarted_under_both_ends_costs_nothing(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.receive()
        made.run_for(0.5, lambda: made.bench.write(300))
        made.broker.stop()
        made.run_for(0.5, lambda: made.bench.write(300))
        made.broker.start()
        made.settle()
        assert made.stored().is_everything(made.bench.records.next_seq() - 1)


def test_a_consumer_that_was_away_is_served_as_soon_as_it_is_back(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.receive()
        made.bench.write(500)
        made.settle()
        made.stop_receiving()
        made.run_for(2, lambda: made.bench.write(200))
        assert made.bench.records.cursor("mqtt") == 500
        made.receive()
        begin = time.monotonic()
        made.settle()
        assert time.monotonic() - begin < 8
        assert made.stored().is_everything(made.bench.records.next_seq() - 1)


def test_a_consumer_with_an_empty_database_gets_what_is_held_and_records_what_is_not(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.receive()
        made.bench.write(3000)
        made.settle()
        made.stop_receiving()
        made.bench.records.drop_to(1001)
        made.receive("fresh.db")
        made.bench.write(10)
        made.turn(lambda: len(made.stored("fresh.db").seqs) == 2010)
        made.settle()
        assert made.stored("fresh.db").is_everything(3010, first=1001)
        assert made.stored("fresh.db").holes == [(1, 1000, "before the first held")]


def test_a_dropped_range_and_a_damaged_frame_are_the_only_holes(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.bench.write(4000)
        made.bench.records.drop_to(501)
        made.bench.records.damage(2001, 2100)
        made.bench.records.damage(3990, 4000)
        made.receive()
        made.settle()
        stored = made.stored()
        # the batch that declares the first may have found no listener yet: then its successor's `first` says it
        assert stored.holes[0] in {(1, 500, "dropped"), (1, 500, "before the first held")}
        assert stored.holes[1:] == [(2001, 2100, "damaged"), (3990, 4000, "damaged")]
        assert stored.seqs == [*range(501, 2001), *range(2101, 3990)]


def test_on_a_slow_line_the_newest_records_do_not_wait_for_the_backlog_and_the_ping_is_heard(tmp_path: Path) -> None:
    with rig(tmp_path, keepalive_s=1) as made:
        made.line.down()
        made.line.bytes_per_s = 80_000
        made.line.up()
        made.receive()
        made.bench.write(4500)  # 4 s of this line
        made.turn(lambda: 4400 in made.stored().seqs, 3, "the newest batch is there")
        assert len(made.stored().seqs) < 3500
        made.settle()
        assert made.stored().is_everything(4500)
        assert "link_down" not in made.bench.kinds()


@pytest.mark.campaign(reason="each round of a queue that overflows waits 5 s for the consumer")
def test_a_queue_of_five_messages_loses_nothing(tmp_path: Path) -> None:
    with rig(tmp_path, "max_queued_messages 5", "max_inflight_messages 2") as made:
        made.receive()
        made.bench.write(20_000)
        made.settle(120)
        assert made.stored().is_everything(20_000)


@pytest.mark.parametrize("limit", ["max_packet_size 3000", "message_size_limit 3000"])
def test_a_broker_with_a_small_limit_gets_small_batches_and_one_entry_beyond_it_is_declared(
    tmp_path: Path, limit: str
) -> None:
    with rig(tmp_path, limit) as made:
        made.receive()
        made.bench.write(1000)
        made.bench.records.entry(500).value = "x" * 4000
        made.settle()
        stored = made.stored()
        assert stored.holes == [(500, 500, "too_large")]
        assert stored.seqs == [*range(1, 500), *range(501, 1001)]
        assert "entry_parked" in made.bench.kinds()


@pytest.mark.slow(reason="both throw each other off until their pauses grow apart")
def test_two_stations_with_one_id_both_deliver_everything_and_say_so(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        twin = Bench(session=2)
        twin.records.stream, twin.events.stream = "77777777", "88888888"
        other = made.new_link(twin, dice=2)
        receiver = made.receive()
        try:
            made.bench.write(2000)
            twin.write(2000)
            end_s = time.monotonic() + 60

            def is_done() -> bool:
                # the clocks of both go on: a status is newer than the other's
                for bench in (made.bench, twin):
                    bench.clock.advance(0.001)
                delivered = all(bench.records.cursor("mqtt") == 2000 for bench in (made.bench, twin))
                said = {"duplicate_id"} & {*made.bench.kinds(), *twin.kinds()}
                return (delivered and bool(said)) or time.monotonic() > end_s

            turn(is_done, made.link, other, receiver, seconds=70)
        finally:
            other.close()
        assert "duplicate_id" in {*made.bench.kinds(), *twin.kinds()}
        assert made.stored().is_everything(2000)
        with closing(sqlite3.connect(tmp_path / "site.db")) as db:
            query = "SELECT count(*), count(DISTINCT seq) FROM records WHERE stream = '77777777'"
            assert db.execute(query).fetchone() == (2000, 2000)


def test_a_consumer_sees_two_stations_with_one_id_by_their_streams_that_take_turns(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        receiver = made.receive()
        twin = Bench(session=2)
        twin.records.stream, twin.events.stream = "77777777", "88888888"
        for round_ in (1, 2):
            for bench in (made.bench, twin):
                assert not receiver.twins.is_active("b0042", time.time_ns() // 1_000_000)
                made.link.close()
                made.link = made.new_link(bench)
                bench.write(10)
                turn(lambda: bench.records.cursor("mqtt") == 10 * round_, made.link, receiver, seconds=20)  # noqa: B023
        assert receiver.twins.is_active("b0042", time.time_ns() // 1_000_000)
        assert made.stored().is_everything(20)


def test_bad_records_arrive_as_bad_and_never_as_zero(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.receive()
        made.bench.records.append(
            [
                Record("t.cellar", 0, 1000, 20.5),
                Record("t.cellar", 1000, 1000, None, BAD, "no_answer", 0),
                Record("t.cellar", 2000, 1000, 21.0),
            ]
        )
        made.settle()
        with closing(sqlite3.connect(tmp_path / "site.db")) as db:
            found = db.execute("SELECT value, unit, quality, why FROM records ORDER BY seq").fetchall()
        assert found == [(20.5, "Cel", "good", None), (None, "Cel", "bad", "no_answer"), (21.0, "Cel", "good", None)]
