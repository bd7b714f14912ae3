"""The link against a scripted broker in virtual time: what goes when, what moves the cursor, what goes again."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.batch_parse import parse_document
from edge.core.clock import ClockEntry
from edge.links.connection import Connected, Message
from edge.links.messages import ClockWanted
from edge.links.mqtt import MqttLink
from hal.sample import Notice
from tests.support_broker import Bench, FakeConsumer


def connected(**settings: object) -> tuple[Bench, FakeConsumer]:
    bench, consumer = Bench(**settings), FakeConsumer()  # type: ignore[arg-type]
    bench.broker.listener = consumer
    bench.settle()
    return bench, consumer


def test_a_commit_goes_out_at_once_and_only_the_consumers_word_moves_the_cursor() -> None:
    bench, consumer = connected()
    bench.broker.listener = None
    bench.write(450)
    bench.settle()
    assert [(batch.seq, batch.n) for batch in bench.broker.batches()] == [(1, 200), (201, 200), (401, 50)]
    assert bench.records.cursor("mqtt") == 0, "a PUBACK is no receipt"
    bench.broker.listener = consumer
    bench.write(10)
    bench.run(6)
    assert bench.records.cursor("mqtt") == 460
    assert consumer.seqs("9f3c21aa") == list(range(1, 461))


def test_events_go_before_records() -> None:
    bench = Bench()
    bench.write(500)
    bench.happen("start")
    bench.settle()
    topics = [topic.rsplit("/", 1)[1] for topic, *_ in bench.broker.published]
    assert topics.index("ev") < topics.index("m")


def test_what_stands_retained_lets_a_stranger_understand_the_batches() -> None:
    bench, _ = connected()
    bench.write(1)
    bench.settle()
    retained = {topic.rsplit("/", 1)[1]: body for topic, body in bench.broker.retained.items()}
    points = json.loads(retained["points"])
    assert [point["n"] for point in points["p"]] == ["t.cellar", "tic.papp"]
    assert bench.broker.batches()[0].pts == points["pts"]
    assert retained["online"] == b"true"
    assert json.loads(retained["status"])["stream"] == "9f3c21aa"
    assert json.loads(retained["snapshot"])["box"] == "b0042"
    bench.link.close()
    assert bench.broker.retained["vigie/v1/b0042/up/online"] == b"false"


def test_changed_points_are_told_before_the_batches_that_need_them() -> None:
    bench, _ = connected()
    bench.points = bench.points[:1]
    bench.write(2)
    bench.settle()
    assert json.loads(bench.broker.retained["vigie/v1/b0042/up/points"])["pts"] == bench.broker.batches()[-1].pts


def test_an_ack_of_a_foreign_stream_a_retained_one_and_a_damaged_one_move_nothing() -> None:
    bench, _ = connected()
    bench.broker.listener = None
    bench.write(10)
    bench.settle()
    topic = "vigie/v1/b0042/down/ack"
    bench.connection.happened += [
        Message(topic, b'{"stream":"deadbeef","seq":10}'),
        Message(topic, b'{"stream":"9f3c21aa","seq":10}', retained=True),
        Message(topic, b'{"stream":"9f3c21aa","seq":1'),
        Message(topic, b""),
        Message(topic, b'{"stream":"9f3c21aa","seq":11}'),
    ]
    bench.settle()
    assert bench.records.cursor("mqtt") == 0
    assert bench.kinds() == ["link_up", "consumer_ahead"]


def test_the_window_keeps_to_sixty_four_batches_and_to_the_brokers_receive_maximum() -> None:
    for receive_max, most in ((65_535, 64), (10, 10), (1, 1)):
        bench = Bench()
        bench.broker.limits = Connected(receive_max=receive_max)
        bench.write(30_000)
        bench.broker.listener = FakeConsumer()
        bench.settle(2000)
        bench.run(3)
        assert bench.broker.most_in_flight <= most, "the retained documents of the start count too"
        assert bench.records.cursor("mqtt") == 30_000


def test_while_draining_the_newest_batch_goes_each_second_and_nothing_goes_twice() -> None:
    bench, consumer = connected()
    bench.connection.lose()
    bench.settle()
    bench.write(100_000)
    bench.broker.limits = Connected(receive_max=4)
    bench.broker.published.clear()
    bench.run(3)
    assert bench.broker.batches()[0].seq == 99_801
    assert bench.broker.batches()[1].seq == 1
    bench.settle(2000)
    assert bench.records.cursor("mqtt") == 100_000
    assert set(consumer.rows.values()) == {1}


def test_what_was_in_flight_goes_again_after_a_reconnect_and_is_stored_once() -> None:
    bench, consumer = connected()
    bench.broker.is_mute = True
    bench.write(1000)
    bench.settle()
    bench.broker.is_mute = False
    bench.connection.lose()
    bench.run(3)
    assert bench.records.cursor("mqtt") == 1000
    assert consumer.seqs("9f3c21aa") == list(range(1, 1001))


def test_a_dropped_range_and_a_damaged_frame_are_declared_and_acknowledged() -> None:
    bench, consumer = Bench(), FakeConsumer()
    bench.broker.listener = consumer
    bench.write(2000)
    bench.records.drop_to(301)
    bench.records.damage(1001, 1500)
    bench.settle()
    assert bench.records.cursor("mqtt") == 2000
    assert consumer.gaps == [("9f3c21aa", 1, 300, "first"), ("9f3c21aa", 1001, 1500, "damaged")]
    gaps = [gap for batch in bench.broker.batches() for gap in batch.gap]
    assert gaps == [(1, 300, "dropped"), (1001, 1500, "damaged")]
    assert consumer.seqs("9f3c21aa") == [*range(301, 1001), *range(1501, 2001)]


def test_a_gap_with_nothing_behind_it_is_declared_by_an_empty_batch() -> None:
    bench, consumer = Bench(), FakeConsumer()
    bench.broker.listener = consumer
    bench.write(100)
    bench.records.damage(91, 100)
    bench.settle()
    assert [(batch.seq, batch.n, batch.gap) for batch in bench.broker.batches()] == [
        (1, 90, []),
        (101, 0, [(91, 100, "damaged")]),
    ]
    assert bench.records.cursor("mqtt") == 100


# -- a consumer that misses, forgets or vanishes


def test_a_batch_that_the_consumer_missed_is_sent_again_within_seconds() -> None:
    bench, consumer = connected()
    consumer.drops = lambda batch: batch.seq == 201 and len(consumer.rows) < 400
    bench.write(600)
    bench.settle()
    assert bench.records.cursor("mqtt") == 200
    bench.run(7)
    assert bench.records.cursor("mqtt") == 600


def test_a_broker_wiped_after_its_pubacks_loses_nothing() -> None:
    bench, consumer = connected()
    bench.broker.listener = None  # confirmed by the broker, delivered to nobody
    bench.write(5000)
    bench.settle()
    bench.connection.lose("closed", by_peer=True)
    bench.broker.retained.clear()
    bench.broker.listener = consumer
    bench.run(3)
    assert consumer.seqs("9f3c21aa") == list(range(1, 5001))
    assert "vigie/v1/b0042/up/points" in bench.broker.retained


def test_a_consumer_that_was_away_gets_everything_when_its_first_word_comes() -> None:
    bench, consumer = connected()
    bench.broker.listener = None
    bench.run(60, each_s=10, do=lambda: bench.write(100))
    bench.broker.listener = consumer
    bench.run(20, each_s=5, do=lambda: bench.write(50))
    assert bench.records.cursor("mqtt") == 800
    assert consumer.seqs("9f3c21aa") == list(range(1, 801))


def test_a_consumer_with_an_empty_database_gets_what_is_still_held_and_knows_what_is_gone() -> None:
    bench, _ = connected()
    bench.write(3000)
    bench.settle()
    assert bench.records.cursor("mqtt") == 3000
    bench.records.drop_to(1001)
    fresh = FakeConsumer()
    bench.broker.listener = fresh
    bench.write(10)
    bench.run(8)
    assert fresh.seqs("9f3c21aa") == list(range(1001, 3011))
    assert fresh.gaps == [("9f3c21aa", 1, 1000, "first")]
    assert "consumer_behind" in bench.kinds()
    assert bench.records.cursor("mqtt") == 3010


def test_two_consumers_of_unequal_knowledge_do_not_make_the_box_send_without_end() -> None:
    bench, one = connected()
    bench.write(2000)
    bench.settle()
    two = FakeConsumer()
    two.drops = lambda batch: batch.seq < 2001  # it never gets on
    bench.broker.listener = lambda *message: one(*message) + two(*message)
    bench.broker.published.clear()
    bench.run(600, each_s=10, do=lambda: bench.write(10))
    sent = sum(batch.n for batch in bench.broker.batches())
    assert sent < 600 + 8 * 2600
    assert one.seqs("9f3c21aa") == list(range(1, 2601))


def test_without_any_acknowledgement_a_day_costs_a_tenth_more_than_once_at_most() -> None:
    silent, answered = Bench(), Bench()
    answered.broker.listener = FakeConsumer()
    for bench in (silent, answered):
        bench.write(1000)
        bench.run(86_400, each_s=60, do=lambda bench=bench: bench.write(4, dt_ms=60_000))  # type: ignore[misc]
    assert answered.records.cursor("mqtt") == 1000 + 4 * 1440
    assert silent.broker.bytes_sent() <= 1.1 * answered.broker.bytes_sent()
    assert sum(batch.n for batch in silent.broker.batches()) <= 1.1 * (1000 + 4 * 1440)
    repeats = [batch for batch in silent.broker.batches() if batch.seq == 1]
    assert 2 <= len(repeats) <= 96, "the oldest is repeated, at most each 15 minutes"


def test_ten_minutes_of_pubacks_without_an_ack_are_said_and_taken_back() -> None:
    bench, consumer = connected()
    bench.broker.listener = None
    bench.run(590, each_s=10, do=lambda: bench.write(1))
    assert "link_problem" not in bench.kinds()
    bench.run(30, each_s=10, do=lambda: bench.write(1))
    status = parse_document(bench.broker.retained["vigie/v1/b0042/up/status"])
    assert status["problems"] == ["unacknowledged"]
    assert status["t"] - status["unacknowledged_since"] == pytest.approx(600, abs=15)
    bench.broker.listener = consumer
    bench.run(20, each_s=10, do=lambda: bench.write(1))
    assert parse_document(bench.broker.retained["vigie/v1/b0042/up/status"])["problems"] == []
    assert bench.kinds() == ["link_up", "link_problem", "link_problem_end"]


def test_with_ack_puback_the_brokers_receipt_moves_the_cursor_in_order() -> None:
    bench = Bench(ack="puback")
    bench.write(50_000)
    bench.settle(2000)
    bench.run(2)
    assert bench.records.cursor("mqtt") == 50_000
    assert sum(batch.n for batch in bench.broker.batches()) == 50_000


# -- what a broker refuses


def test_batches_are_cut_to_the_packet_size_that_the_broker_states() -> None:
    for encoding in ("json", "json+zlib"):
        bench, consumer = Bench(encoding=encoding), FakeConsumer()
        bench.broker.limits = Connected(max_packet=1000)
        bench.broker.listener = consumer
        bench.write(500)
        bench.settle(500)
        assert bench.records.cursor("mqtt") == 500
        assert all(len(topic) + len(body) + 8 <= 1000 for topic, body, _ in bench.broker.published)
        assert set(consumer.rows.values()) == {1}


def test_a_limit_that_the_broker_does_not_state_is_found_and_one_entry_beyond_it_is_parked() -> None:
    bench, consumer = Bench(), FakeConsumer()
    bench.broker.listener = consumer
    bench.broker.judge = lambda topic, body: 0x95 if topic.endswith("up/m") and len(body) > 600 else 0
    bench.write(300)
    bench.records.entry(150).point = "x" * 900
    bench.settle(500)
    assert bench.records.cursor("mqtt") == 300
    assert consumer.seqs("9f3c21aa") == [*range(1, 150), *range(151, 301)]
    assert consumer.gaps == [("9f3c21aa", 150, 150, "too_large")]
    parked = [message for message in bench.posted if isinstance(message, Notice) and message.kind == "entry_parked"]
    assert [notice.values["seq"] for notice in parked] == [150]


def test_one_entry_that_makes_the_broker_hang_up_is_parked_and_all_others_arrive() -> None:
    bench, consumer = Bench(), FakeConsumer()
    bench.broker.listener = consumer
    bench.write(1000)
    bench.records.entry(333).point = "poison"
    bench.broker.hangs_up_on = lambda _, body: b"poison" in body
    bench.run(3600, each_s=5)
    assert bench.records.cursor("mqtt") == 1000
    assert consumer.seqs("9f3c21aa") == [*range(1, 333), *range(334, 1001)]
    assert consumer.gaps == [("9f3c21aa", 333, 333, "parked")]
    assert "entry_parked" in bench.kinds()


def test_a_link_that_only_falls_silent_parks_nothing() -> None:
    bench, consumer = connected()
    bench.write(1000)
    for _ in range(12):
        bench.broker.is_mute = True
        bench.run(70, each_s=10)
        bench.connection.lose("keepalive", by_peer=False)
        bench.settle()
    bench.broker.is_mute = False
    bench.run(70)
    assert consumer.seqs("9f3c21aa") == list(range(1, 1001))
    assert consumer.gaps == []


def test_a_broker_whose_acl_refuses_us_keeps_our_data_and_is_asked_seldom() -> None:
    bench, consumer = connected()
    bench.broker.judge = lambda topic, _: 0x87 if topic.endswith("up/m") else 0
    bench.write(1000)
    bench.run(600, each_s=5)
    tries = len(bench.broker.batches())
    assert tries <= 5 * 15, "five batches, tried again after 60 s, 120 s, 240 s …"
    assert [m.values["code"] for m in bench.posted if isinstance(m, Notice) and m.kind == "link_problem"] == ["acl"]
    bench.broker.judge = lambda *_: 0
    bench.run(1000, each_s=10)
    assert consumer.seqs("9f3c21aa") == list(range(1, 1001))
    assert "link_problem_end" in bench.kinds()


@pytest.mark.parametrize(("code", "most"), [("nobody_listens", 200), ("wrong_password", 16)])
def test_a_refusal_is_said_once_and_tried_again_later_and_later(code: str, most: int) -> None:
    bench = Bench()
    bench.broker.refusal = code
    tries = 0
    bench.link.step(bench.now_s)
    for _ in range(7200):
        bench.clock.advance(1)
        before = len(bench.connection.happened)
        bench.link.step(bench.now_s)
        tries += len(bench.connection.happened) > before
    assert 5 < tries <= most
    assert bench.kinds() == ["link_refused"]
    assert bench.link.status()["code"] == code
    bench.broker.refusal = ""
    bench.run(1000, each_s=5)
    assert bench.kinds() == ["link_refused", "link_up"]


# -- time


def test_undated_records_wait_for_a_clock_and_then_go_dated() -> None:
    bench, consumer = connected()
    bench.clock.boot = 2
    bench.write(10)
    bench.run(60)
    assert bench.broker.batches() == []
    assert bench.link.status()["problems"] == ["undated"]
    bench.dating.add(ClockEntry(2, 30_000, 1_795_166_000_000, "tic"))
    bench.run(10)
    assert {batch.tq for batch in bench.broker.batches()} == {"tic"}
    assert consumer.seqs("9f3c21aa") == list(range(1, 11))
    assert not [m for m in bench.posted if isinstance(m, ClockWanted)]


def test_when_no_source_comes_in_time_an_estimate_is_asked_for_and_said_to_be_one() -> None:
    bench, _ = connected(undated_wait_s=900)
    bench.clock.boot = 2
    bench.write(10)
    bench.run(890, each_s=10)
    assert not [m for m in bench.posted if isinstance(m, ClockWanted)]
    bench.run(30, each_s=10)
    assert [m.boot for m in bench.posted if isinstance(m, ClockWanted)] == [2]
    bench.dating.add(ClockEntry(2, 0, 1_700_000_000_000, "floor"))
    bench.run(10)
    batch = bench.broker.batches()[0]
    assert {entry.why for entry in batch.e} == {"clock_unsynced"}
    assert batch.tq == "floor"


def test_a_past_start_without_a_clock_is_not_waited_for() -> None:
    bench, _ = connected()
    bench.clock.boot = 3
    bench.write(10, boot=2)
    bench.settle()
    assert [m.boot for m in bench.posted if isinstance(m, ClockWanted)] == [2]


def test_a_batch_ends_where_the_start_or_the_trust_changes() -> None:
    bench, _ = connected()
    bench.write(5)
    bench.clock.advance(10)
    bench.dating.add(ClockEntry(1, bench.clock.monotonic_ns() // 1_000_000 - 1500, bench.clock.utc_ms(), "gsm"))
    bench.write(5)
    bench.dating.add(ClockEntry(2, 0, bench.clock.utc_ms(), "gsm"))
    bench.write(5, boot=2)
    bench.settle()
    assert [(batch.seq, batch.n, batch.tq) for batch in bench.broker.batches()] == [
        (1, 5, "ntp"), (6, 5, "gsm"), (11, 5, "gsm"),
    ]  # fmt: skip


# -- alarms and doubles


def test_an_alarm_stands_retained_while_it_is_active_also_when_it_ended_while_we_were_away() -> None:
    bench, _ = connected()
    bench.alarms = {"12": {"id": 12, "limit": "flow.high", "v": 92.5}}
    bench.happen("alarm_begin")
    bench.settle()
    topic = "vigie/v1/b0042/up/alarm/12"
    alarm = {"id": 12, "limit": "flow.high", "v": 92.5}
    assert json.loads(bench.broker.retained[topic]) == {"v": 1, "box": "b0042", "alarm": alarm}
    bench.connection.lose()
    bench.settle()
    bench.alarms = {}
    bench.run(5)
    assert topic not in bench.broker.retained


def test_five_throw_offs_within_a_minute_are_a_duplicate_id_and_slow_us_down() -> None:
    bench, _ = connected()
    for _ in range(5):
        bench.connection.lose("taken_over", by_peer=True)
        bench.run(40)
    assert bench.kinds().count("duplicate_id") == 1
    connections = bench.broker.connections
    bench.run(60)
    assert bench.broker.connections == connections
    bench.run(2400, each_s=10)
    assert "duplicate_id_end" in bench.kinds()


def test_a_client_of_another_kind_with_our_id_is_noticed_by_its_throwing_us_off() -> None:
    bench, _ = connected()
    for _ in range(5):
        bench.connection.lose("closed", by_peer=True)
        bench.run(40)
    assert bench.kinds().count("duplicate_id") == 1


def test_a_broker_that_is_started_anew_again_and_again_is_no_double() -> None:
    bench, consumer = connected()
    for _ in range(12):
        bench.write(100)
        bench.run(12)
        bench.broker.retained.clear()
        bench.connection.lose("closed", by_peer=True)
    bench.run(60)
    assert "duplicate_id" not in bench.kinds()
    assert consumer.seqs("9f3c21aa") == list(range(1, 1201))


def test_a_strangers_status_where_ours_stood_is_a_duplicate_id_and_our_own_past_is_not() -> None:
    topic = "vigie/v1/b0042/up/status"
    mine = {"v": 1, "t": 1_795_166_100, "boot": 1, "session": "00000000", "stream": "9f3c21aa"}
    for change, is_stranger in (
        ({"stream": "ffffffff"}, True),
        ({"stream": "ffffffff", "t": 1_600_000_000}, False),
        ({"boot": 1}, True),
        ({"boot": 0}, False),
        ({"boot": None}, False),
    ):
        bench, _ = connected()
        bench.connection.lose()
        bench.settle()
        bench.broker.retained[topic] = json.dumps({**mine, **change}).encode()
        bench.run(3)
        assert ("duplicate_id" in bench.kinds()) is is_stranger, change


def test_the_status_of_the_past_or_rubbish_at_the_first_connection_is_no_duplicate() -> None:
    for left in (b'{"v":1,"t":9999999999,"boot":9,"session":"x","stream":"ffffffff"}', b"{", b"[]", b""):
        bench = Bench()
        bench.broker.retained["vigie/v1/b0042/up/status"] = left
        bench.settle()
        assert "duplicate_id" not in bench.kinds()


def test_an_idle_link_asks_for_little_time() -> None:
    bench, _ = connected()
    bench.write(10)
    bench.settle()
    calls = 0
    due_s = bench.now_s
    end_s = bench.now_s + 3600
    while due_s < end_s:
        bench.clock.advance(due_s - bench.now_s)
        due_s = bench.link.step(bench.now_s)
        calls += 1
    assert calls <= 370, "each 10 s for the keepalive, no more"


faults = st.lists(
    st.sampled_from(["cut", "hang_up", "mute", "away", "drop", "forget", "write", "wait", "ring", "restart"]),
    min_size=1, max_size=25,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(faults, st.integers(0, 2**16), st.sampled_from([4, 65_535]))
def test_whatever_happens_everything_held_arrives_and_every_hole_is_declared(
    steps: list[str], seed: int, receive_max: int
) -> None:
    dice = random.Random(seed)
    bench, consumer = connected()
    bench.broker.limits = Connected(receive_max=receive_max)
    for step in steps:
        bench.broker.listener, bench.broker.is_mute = consumer, False
        consumer.drops = lambda _: False
        if step in {"cut", "hang_up"} and bench.connection.is_open:
            bench.connection.lose("closed" if step == "hang_up" else "keepalive", by_peer=step == "hang_up")
        elif step == "mute":
            bench.broker.is_mute = True
        elif step == "away":
            bench.broker.listener = None
        elif step == "drop":
            consumer.drops = lambda _: dice.random() < 0.5
        elif step == "forget":
            consumer = FakeConsumer()
        elif step == "ring":
            bench.records.drop_to(dice.randint(bench.records.first_seq(), bench.records.next_seq()))
        elif step == "restart":
            bench.connection.close()
            bench.link = MqttLink(bench.settings, bench.connection, bench.feed, random.Random(seed))
        bench.write(dice.choice([0, 1, 150, 900]))
        bench.run(dice.choice([1, 12, 70]), each_s=2)
    bench.broker.listener, bench.broker.is_mute = consumer, False
    consumer.drops = lambda _: False
    if bench.connection.is_open:
        bench.connection.lose()
    bench.run(2000, each_s=5, do=lambda: bench.write(1))
    top = bench.records.next_seq() - 1
    held = consumer.held[bench.records.stream]
    assert bench.records.cursor("mqtt") == top
    assert held.first_free(1) == top + 1
    gone = {seq for stream, first, last, _ in consumer.gaps if stream == "9f3c21aa" for seq in range(first, last + 1)}
    assert set(consumer.seqs("9f3c21aa")) | gone == set(range(1, top + 1))
    assert set(range(bench.records.first_seq(), top + 1)) <= set(consumer.seqs("9f3c21aa"))
