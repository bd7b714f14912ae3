"""What the link says of itself and of its consumer: at once when it begins and when it is over, and not in between."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from edge.core.clock import ClockEntry
from edge.links.connection import Message
from hal.sample import Notice
from tests.support_broker import Bench, FakeConsumer
from tests.unit.test_mqtt_link import connected

RECORDS, EVENTS = "9f3c21aa", "00e7e475"


def ack(seq: int, stream: str = RECORDS) -> Message:
    return Message("vigie/v1/b0042/down/ack", json.dumps({"stream": stream, "seq": seq}).encode())


def journaled(bench: Bench) -> Callable[[], None]:
    """Return what writes the link's own words to the events log, as the station does."""
    done = 0

    def write() -> None:
        nonlocal done
        for notice in bench.posted[done:]:
            if isinstance(notice, Notice):
                bench.happen(notice.kind, **notice.values)
        done = len(bench.posted)

    return write


# -- while the card can't be written


def test_an_alarm_leaves_while_the_card_cannot_be_written_and_is_taken_back() -> None:
    bench, _ = connected()
    bench.alarms = {"12": {"id": 12, "limit": "flow.high", "v": 92.5}}
    bench.run(10)
    topic = "vigie/v1/b0042/up/alarm/12"
    assert topic in bench.broker.retained, "no event became durable, and none will"
    bench.alarms = {"13": {"id": 13, "limit": "flow.low"}}
    bench.run(10)
    assert [leaf for leaf in bench.broker.retained if "/alarm/" in leaf] == ["vigie/v1/b0042/up/alarm/13"]
    told = len(bench.broker.published)
    bench.run(600, each_s=5)
    assert not [topic for topic, *_ in bench.broker.published[told:] if "/alarm/" in topic]


def test_a_store_that_degrades_and_recovers_is_told_within_a_turn_and_journaled_by_the_store_alone() -> None:
    bench, _ = connected()
    bench.run(60)
    bench.facts = {"store": "EIO"}
    bench.run(11)
    assert (bench.status()["store"], bench.status()["problems"]) == ("EIO", ["store_degraded"])
    assert bench.link.status()["problems"] == ["store_degraded"]
    bench.facts = {"store": "ok"}
    bench.run(11)
    assert (bench.status()["store"], bench.status()["problems"]) == ("ok", [])
    assert bench.kinds() == ["link_up"]


def test_a_store_that_was_degraded_before_the_connection_stands_in_its_first_status() -> None:
    bench = Bench()
    bench.facts = {"store": "stalled"}
    bench.settle()
    assert bench.status()["problems"] == ["store_degraded"]


def test_a_station_without_facts_has_no_degraded_store() -> None:
    bench = Bench()
    bench.facts = {}
    bench.settle()
    assert bench.status()["problems"] == []


# -- consumers that know too much or too little


@pytest.mark.parametrize("stream", [RECORDS, EVENTS])
def test_a_consumer_that_is_ahead_is_said_once_also_when_the_word_itself_is_acknowledged(stream: str) -> None:
    bench, _ = connected()
    bench.broker.listener = lambda *_: [ack(99_999, stream)]
    journal = journaled(bench)

    def work() -> None:
        bench.write(10)
        journal()

    bench.run(3600, each_s=10, do=work)
    assert bench.kinds().count("consumer_ahead") == 1
    assert bench.records.cursor("mqtt") == 0


@pytest.mark.parametrize("stream", [RECORDS, EVENTS])
def test_two_consumers_of_unequal_knowledge_are_said_once_and_do_not_feed_themselves(stream: str) -> None:
    bench, consumer = connected()
    bench.happen("start")
    bench.happen("clock")
    bench.settle()
    bench.broker.listener = lambda *message: [*consumer(*message), ack(1, stream)]
    journal = journaled(bench)

    def work() -> None:
        bench.write(10)
        journal()

    bench.run(7200, each_s=10, do=work)
    assert bench.kinds().count("consumer_behind") == 1
    assert bench.events.next_seq() < 10


def test_a_consumer_that_loses_its_store_a_second_time_is_said_again() -> None:
    bench, consumer = connected()
    for _ in range(2):
        bench.run(900, each_s=10, do=lambda: bench.write(10))
        bench.broker.listener = consumer = FakeConsumer()
    bench.run(900, each_s=10, do=lambda: bench.write(10))
    assert bench.kinds().count("consumer_behind") == 2
    assert consumer.held[RECORDS].first_free(1) == bench.records.next_seq()


# -- undated entries


def test_the_first_seconds_without_a_clock_are_no_problem_and_more_are() -> None:
    bench, _ = connected()
    bench.clock.boot = 2
    bench.run(9, do=lambda: bench.write(10))
    assert bench.status()["problems"] == []
    bench.dating.add(ClockEntry(2, bench.clock.now_ns // 1_000_000, 1_795_166_000_000, "ntp"))
    bench.run(30, do=lambda: bench.write(10))
    bench.clock.boot = 3
    bench.run(30, do=lambda: bench.write(10))
    assert bench.status()["problems"] == ["undated"]
    bench.dating.add(ClockEntry(3, bench.clock.now_ns // 1_000_000, 1_795_166_100_000, "ntp"))
    bench.run(10)
    assert bench.status()["problems"] == []
    assert bench.kinds() == ["link_up", "link_problem", "link_problem_end"]


# -- since when


def test_the_state_says_since_when_and_a_try_in_between_ends_no_outage() -> None:
    bench = Bench()
    made_ms = bench.clock.utc_ms()
    bench.broker.refusal = "unreachable"
    bench.run(300)
    assert bench.link.status()["since_utc_ms"] == made_ms
    bench.broker.refusal = ""
    bench.run(61)
    up_ms = bench.link.status()["since_utc_ms"]
    assert made_ms + 300_000 <= up_ms <= bench.clock.utc_ms()
    bench.run(60)
    assert bench.link.status()["since_utc_ms"] == up_ms
    bench.connection.lose()
    bench.broker.refusal = "unreachable"
    bench.settle()
    down_ms = bench.clock.utc_ms()
    bench.run(300)
    assert bench.link.status()["since_utc_ms"] == down_ms


def test_a_clock_that_is_set_later_does_not_make_the_state_decades_old() -> None:
    bench, _ = connected()
    bench.write(1)
    bench.settle()
    bench.clock.utc_offset_ms += 3 * 10**11
    bench.run(20)
    status = bench.link.status()
    assert bench.clock.utc_ms() - status["since_utc_ms"] == 20_000
    assert bench.clock.utc_ms() - status["last_ack_utc_ms"] == 20_000


@pytest.mark.parametrize("mode", ["consumer", "puback"])
def test_the_last_acknowledgement_has_an_instant_from_the_first_on(mode: str) -> None:
    bench, consumer = connected(ack=mode)
    assert bench.link.status()["last_ack_utc_ms"] is None
    bench.broker.listener = None if mode == "puback" else consumer
    bench.write(10)
    bench.settle()
    told_ms = bench.clock.utc_ms()
    bench.run(60)
    assert bench.link.status()["last_ack_utc_ms"] == told_ms


def test_a_puback_is_no_acknowledgement_of_a_consumer_and_neither_is_a_foreign_or_impossible_one() -> None:
    bench, _ = connected()
    bench.broker.listener = lambda *_: [ack(99_999), ack(5, "deadbeef"), Message("vigie/v1/b0042/down/ack", b"{")]
    bench.write(10)
    bench.run(5)
    assert bench.link.status()["last_ack_utc_ms"] is None


def test_message_ids_of_the_connection_before_are_forgotten() -> None:
    bench = Bench()
    bench.alarms = {str(number): {"id": number} for number in range(20)}
    bench.broker.is_mute = True
    bench.settle()
    bench.broker.is_mute = False
    bench.alarms = {}
    bench.connection.lose()
    bench.run(5)
    assert bench.link.status()["state"] == "up"
    assert bench.link._status_mids == {}
