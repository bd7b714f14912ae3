"""A gateway on a broker: the same batches as a box's, its own streams, and an acknowledgement that goes back by SMS."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.core.batch_forms import Batch
from edge.core.batch_points import SiteFacts, points_document
from edge.core.types import PointSpec
from edge.links.connection import Message
from edge.upstream.gateway_broker import Publisher
from tests.gateway_rig import NOW_S, Server
from tests.support_broker import FakeBroker, FakeConnection, FakeConsumer


class Case:
    def __init__(self, folder: Path) -> None:
        self.server = Server(folder)
        self.server.is_consuming = False
        self.broker = FakeBroker()
        self.consumers: dict[str, FakeConsumer] = {}
        self.is_listening = True
        self.broker.listener = self._listen
        self.restart()

    def restart(self) -> None:
        self.connection = FakeConnection(self.broker)
        self.publisher = Publisher(self.server.gateway, self.connection, random.Random(1))

    def _listen(self, topic: str, payload: bytes, content_type: str) -> list[Message]:
        if not self.is_listening:
            return []
        box = topic.split("/")[2]
        return self.consumers.setdefault(box, FakeConsumer(box))(topic, payload, content_type)

    def run(self, seconds: float, each_s: float = 1.0) -> None:
        end_s = self.server.utc_s + seconds
        while self.server.utc_s < end_s:
            self.server.step(each_s)
            self.publisher.step(self.server.utc_s)

    def stored(self, box: str) -> list[tuple[str, int]]:
        return sorted(self.consumers[box].rows) if box in self.consumers else []

    def points(self, box: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.broker.retained[f"vigie/v1/{box}/up/points"])
        return found


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path)
    yield made
    made.server.close()


def test_a_report_is_published_as_the_boxes_own_would_be_and_its_acknowledgement_becomes_an_sms(case: Case) -> None:
    box = case.server.box("b0117")
    case.server.bring(box, box.report(3, full=True, is_first=True), box.events(is_test=True))
    case.run(10)
    batch, *_ = case.broker.batches()
    assert isinstance(batch, Batch)
    assert (batch.box, batch.via, batch.seq, batch.n, batch.first, batch.dt) == ("b0117", "sms", 1, 6, 1, 3600)
    first = next(entry for entry in batch.e if entry.n == "t.cellar")
    assert (first.t, first.u, first.v, first.min, first.max) == (NOW_S, "Cel", 12, 11.5, 12.5)
    assert {entry.u for entry in batch.e} == {"Wh", "Cel"}
    assert case.points("b0117")["via"] == "sms"
    assert case.points("b0117")["pts"] == batch.pts
    topics = [topic for topic, _, _ in case.broker.published]
    assert topics.index("vigie/v1/b0117/up/points") < topics.index("vigie/v1/b0117/up/m")
    assert box.acks()[-1].is_test
    assert len(case.stored("b0117")) == 7


def test_the_points_that_a_box_said_itself_stay(case: Case) -> None:
    own = points_document("b0117", SiteFacts("Gymnase Sud"), [PointSpec("elec", "counter", "Wh")], []).body
    case.broker.retained["vigie/v1/b0117/up/points"] = own
    box = case.server.box("b0117")
    case.server.bring(box, box.report(full=True, is_first=True))
    case.run(20)
    assert case.broker.retained["vigie/v1/b0117/up/points"] == own
    assert case.stored("b0117")


def test_while_the_consumer_is_away_nothing_is_acknowledged_and_then_all_of_it_once(case: Case) -> None:
    box = case.server.box("b0117")
    case.is_listening = False
    before = len(box.acks())
    case.server.bring(box, box.report(full=True, is_first=True))
    for _ in range(10):
        case.run(3600, 60)
        case.server.bring(box, box.report())
    case.server.bring(box, box.events(is_test=True))
    case.run(600, 60)
    assert len(box.acks()) == before
    case.is_listening = True
    case.connection.lose()
    case.run(4 * 3600, 60)
    assert len(case.stored("b0117")) == len(box.account) + 1
    assert box.acks()[-1].is_test
    assert box.acks()[-1].settled > 10
    kept = case.server.gateway.store.box("b0117")
    assert kept is not None
    assert kept.settled >= 10


def test_a_restart_sends_the_same_numbers_again_and_the_consumer_has_each_once(case: Case) -> None:
    box = case.server.box("b0117")
    case.is_listening = False
    case.server.bring(box, box.report(full=True, is_first=True))
    case.run(10)
    first = case.broker.batches()[0]
    case.server.reopen()
    case.restart()
    case.is_listening = True
    case.run(10)
    again = case.broker.batches()[-1]
    assert (again.stream, again.seq, again.n) == (first.stream, first.seq, first.n)
    assert [entry.v for entry in again.e] == [entry.v for entry in first.e]
    assert len(case.stored("b0117")) == len(box.account)


def test_many_boxes_share_one_connection_and_its_limit(case: Case) -> None:
    boxes = [case.server.box(f"b{place}", f"+33600000{place:03}") for place in range(12)]
    for box in boxes:
        case.server.bring(box, *(box.report(full=place == 0, is_first=place == 0) for place in range(4)))
    case.broker.limits = type(case.broker.limits)(receive_max=5)
    case.run(120)
    for box in boxes:
        assert len(case.stored(box.id)) == len(box.account)
    assert case.broker.most_in_flight <= 5
    assert case.broker.connections == 1


def test_a_slow_broker_is_never_given_more_than_it_takes_of_many_new_boxes(case: Case) -> None:
    for place in range(12):
        box = case.server.box(f"b{place}", f"+33600000{place:03}")
        case.server.bring(box, box.report(full=True, is_first=True))
    case.broker.limits = type(case.broker.limits)(receive_max=2)
    case.broker.is_mute = True
    case.run(60)
    assert case.broker.most_in_flight == 2


def test_a_foreign_acknowledgement_or_one_from_the_future_moves_nothing(case: Case) -> None:
    box = case.server.box("b0117")
    case.is_listening = False
    case.server.bring(box, box.report(full=True, is_first=True))
    case.run(10)
    stream = case.server.gateway.log.streams()[0].stream
    for topic, payload in (
        ("vigie/v1/b0117/down/ack", b'{"stream":"00000000","seq":3}'),
        ("vigie/v1/b0118/down/ack", f'{{"stream":"{stream}","seq":3}}'.encode()),
        ("vigie/v1/b0117/down/ack", f'{{"stream":"{stream}","seq":99}}'.encode()),
        ("vigie/v1/b0117/down/ack", b"nonsense"),
        ("elsewhere", b"x"),
    ):
        case.connection.happened.append(Message(topic, payload))
    case.connection.happened.append(
        Message("vigie/v1/b0117/down/ack", f'{{"stream":"{stream}","seq":3}}'.encode(), retained=True)
    )
    case.run(5)
    assert [one.acked for one in case.server.gateway.log.streams()] == [0]
