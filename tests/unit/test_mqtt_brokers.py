"""The link at brokers that are ill: they hang up on everything, take little at once, or the card can't be read."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from edge.core.intervals import Intervals
from edge.links.connection import Connected, Message, SubAck
from edge.store.fs import StoreError
from hal.sample import Notice
from tests.support_broker import Bench, FakeConsumer

Judge = Callable[[str, bytes], bool]


def batches_of(topic: str, _: bytes) -> bool:
    return topic.endswith("up/m")


@pytest.mark.parametrize("reason", [0, 0x80, 0x83])
def test_a_broker_that_takes_no_batch_for_half_a_day_costs_no_entry(reason: int) -> None:
    bench, consumer = Bench(), FakeConsumer()
    bench.broker.listener = consumer
    if reason:  # it says so in its PUBACK
        bench.broker.judge = lambda topic, body: reason * batches_of(topic, body)
    else:  # it, or what stands before it, hangs up
        bench.broker.hangs_up_on = batches_of
    bench.write(400)
    bench.run(43_200, each_s=60)
    bench.broker.hangs_up_on, bench.broker.judge = (lambda *_: False), (lambda *_: 0)
    bench.run(1000, each_s=20)
    assert "entry_parked" not in bench.kinds()
    assert (consumer.seqs("9f3c21aa"), consumer.gaps) == (list(range(1, 401)), [])
    assert bench.records.cursor("mqtt") == 400


@pytest.mark.parametrize("poison", [{333, 334}, {1}, {1, 2, 3}, {600}, {599, 600}, {200, 201, 400}])
def test_entries_that_make_the_broker_hang_up_are_parked_wherever_they_stand(poison: set[int]) -> None:
    bench, consumer = Bench(), FakeConsumer()
    bench.broker.listener = consumer
    bench.write(600)
    for seq in poison:
        bench.records.entry(seq).point = "poison"
    bench.broker.hangs_up_on = lambda _, body: b"poison" in body
    bench.run(2 * 3600, each_s=10)
    bench.write(1)  # only something after the last one shows that the broker is well
    bench.run(3600, each_s=10)
    assert set(consumer.seqs("9f3c21aa")) == set(range(1, 602)) - poison
    assert {seq for _, first, last, _ in consumer.gaps for seq in range(first, last + 1)} == poison
    assert bench.records.cursor("mqtt") == 601


def test_a_broker_of_a_small_receive_maximum_gets_all_alarms_and_never_more_at_once() -> None:
    bench, consumer = Bench(), FakeConsumer()
    bench.broker.listener = consumer
    bench.broker.limits = Connected(receive_max=10)
    bench.alarms = {str(number): {"id": number} for number in range(40)}
    bench.write(3000)
    bench.run(5)
    assert bench.broker.most_in_flight <= 10
    assert sum("/up/alarm/" in topic for topic in bench.broker.retained) == 40
    assert bench.records.cursor("mqtt") == 3000
    bench.broker.published.clear()
    bench.alarms = {}
    bench.run(5)
    assert not any("/up/alarm/" in topic for topic in bench.broker.retained)
    assert bench.broker.most_in_flight <= 10


def test_of_a_document_that_waits_only_the_newest_goes() -> None:
    bench = Bench()
    bench.broker.limits = Connected(receive_max=5)
    bench.settle()
    bench.broker.is_mute = True
    for number in range(20):
        bench.alarms = {"7": {"id": 7, "v": number}}
        bench.run(1)
    told = [body for topic, body, _ in bench.broker.published if topic.endswith("alarm/7")]
    assert len(told) == 5, "as many as the broker takes unconfirmed"
    bench.connection.lose()
    bench.broker.is_mute = False
    bench.run(5)
    assert b'"v":19' in bench.broker.retained["vigie/v1/b0042/up/alarm/7"]


def test_a_card_that_cannot_be_read_holds_up_its_log_alone_and_is_said_until_it_can() -> None:
    bench, consumer = Bench(), FakeConsumer()
    bench.broker.listener = consumer
    bench.settle()
    bench.records.broken = StoreError(errno.EIO, "Input/output error")
    bench.write(10)
    bench.happen("start")
    bench.alarms = {"7": {"id": 7}}
    bench.run(60, each_s=5)
    assert "vigie/v1/b0042/up/alarm/7" in bench.broker.retained
    assert consumer.seqs("00e7e475") == [1]
    assert bench.status()["problems"] == ["store_unreadable"]
    assert [m.values["code"] for m in bench.posted if isinstance(m, Notice) and m.kind == "link_problem"] == [
        "store_unreadable"
    ]
    bench.records.broken = None
    bench.run(30, each_s=5)
    assert consumer.seqs("9f3c21aa") == list(range(1, 11))
    assert bench.status()["problems"] == []


@pytest.mark.parametrize("is_stated", [True, False])
def test_a_broker_that_takes_only_tiny_messages_costs_no_entry_and_is_said(is_stated: bool) -> None:
    bench, consumer = Bench(), FakeConsumer()
    bench.broker.listener = consumer
    if is_stated:
        bench.broker.limits = Connected(max_packet=60)
    else:
        bench.broker.judge = lambda topic, body: 0x95 * (batches_of(topic, body) and len(body) > 40)
    bench.write(1000)
    bench.run(3600, each_s=10)
    assert "small_messages" in bench.link.status()["problems"]
    assert len(bench.broker.batches()) < 1000, "it is asked again seldom"
    bench.broker.judge, bench.broker.limits = (lambda *_: 0), Connected()
    if is_stated:
        bench.connection.lose()  # what it states holds for a connection
    bench.run(1000, each_s=20)
    assert (consumer.seqs("9f3c21aa"), consumer.gaps) == (list(range(1, 1001)), [])
    assert bench.link.status()["problems"] == []


def test_an_older_copy_of_a_card_is_said_for_as_long_as_the_consumer_takes_its_entries_for_repeats() -> None:
    bench, consumer = Bench(), FakeConsumer()
    bench.broker.listener = consumer
    consumer.held["9f3c21aa"] = Intervals([(1, 5000)])
    bench.write(100)
    bench.run(1200, each_s=10)
    assert bench.link.status()["problems"] == ["consumer_ahead"], "and nothing of nobody who acknowledges"
    assert bench.records.cursor("mqtt") == 0
    bench.write(5000)
    bench.run(30)
    assert bench.link.status()["problems"] == []
    assert bench.kinds() == ["link_up", "consumer_ahead"]


def test_what_nobody_asked_for_is_left_alone() -> None:
    bench = Bench()
    bench.settle()
    bench.broker.published.clear()
    for topic in ("", "x", "elsewhere/up/alarm/7", "vigie/v1/b0043/up/alarm/7", "vigie/v1/b0042/up/points"):
        bench.connection.happened.append(Message(topic, b"{}", retained=True))
    bench.settle()
    assert bench.broker.published == []


@pytest.mark.parametrize("reason", [0x80, 0x83, 0x87, 0x8F, 0x97])
def test_whatever_keeps_the_acknowledgements_from_us_is_said(reason: int) -> None:
    bench = Bench()
    bench.settle()
    bench.connection.happened.append(SubAck((reason, 0, 0)))
    bench.settle()
    assert bench.link.status()["problems"] == ["acl_ack"]
