"""The consumer at its connection: commits, then acknowledges; one bad message harms no other."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.core.batch import Cut, Origin, encode_events, encode_records
from edge.core.types import Event, Record
from edge.links.connection import Connected, Happening, Lost, Message, PubAck, Refused, SubAck, Will
from edge.upstream.ledger import Ledger
from edge.upstream.lines import entry_lines
from edge.upstream.receive import Receiver

UTC_MS = 1_795_166_000_000
STREAM = "9f3c21aa"


class Line:
    """A connection that tells what the test puts in, and keeps what is published."""

    def __init__(self) -> None:
        self.happened: list[Happening] = [Connected()]
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.topics: list[str] = []
        self.opened = 0

    def open(self, will: Will | None) -> None:
        self.opened += 1

    def subscribe(self, topics: Sequence[str]) -> None:
        self.topics += topics

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, content_type: str = "") -> int:
        assert (qos, retain) == (1, False)
        self.published.append((topic, json.loads(payload)))
        return len(self.published)

    def poll(self) -> list[Happening]:
        happened, self.happened = self.happened, []
        return happened

    def is_writing(self) -> bool:
        return False

    def filenos(self) -> list[int]:
        return []

    def close(self) -> None:
        pass

    def take_acks(self) -> list[tuple[str, int]]:
        acks = [(body["stream"], body["seq"]) for topic, body in self.published if topic.endswith("down/ack")]
        self.published.clear()
        return acks


class Case:
    def __init__(self, path: Path, **options: Any) -> None:
        self.line = Line()
        self.stored: list[str] = []
        self.ledger = Ledger(path)
        self.receiver = Receiver(
            self.line, self.ledger, lambda: UTC_MS, dice=random.Random(1),
            on_stored=lambda box, form, kept: self.stored.extend(entry_lines(box, form, kept)), **options,
        )  # fmt: skip
        self.receiver.step(0.0)
        self.receiver.step(0.0)

    def hear(self, *messages: Message, now_s: float = 1.0) -> list[tuple[str, int]]:
        self.line.happened.extend(messages)
        self.receiver.step(now_s)
        return self.line.take_acks()

    def count(self) -> int:
        return int(self.ledger._db.execute("SELECT count(*) FROM record").fetchone()[0])


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path / "site.db")
    yield made
    made.receiver.close()


def batch(seq: int, count: int = 1, box: str = "b0042", value: Any = 1, stream: str = STREAM) -> Message:
    records = [Record("papp", 1000 * i, 1000, value) for i in range(count)]
    cut = Cut([UTC_MS + 1000 * i for i in range(count)], "ntp")
    return Message(f"vigie/v1/{box}/up/m", encode_records(Origin(box, stream, "ab"), seq, 1, records, cut))


def test_each_batch_is_acknowledged_also_a_repeat(case: Case) -> None:
    assert case.line.topics == [f"vigie/v1/+/up/{leaf}" for leaf in ("points", "status", "ev", "m")]
    assert case.hear(batch(1, 10)) == [(STREAM, 10)]
    assert case.hear(batch(1, 10)) == [(STREAM, 10)]
    assert case.hear(batch(21, 10)) == [(STREAM, 10)], "11 to 20 are missing"
    assert case.hear(batch(11, 10)) == [(STREAM, 30)]
    assert case.count() == 30


def test_what_comes_together_is_one_transaction_and_one_acknowledgement_a_stream(case: Case) -> None:
    event = encode_events(Origin("b0042", "00e7e475", "ab"), 1, 1, [Event("start", 0)], Cut([UTC_MS], "ntp"))
    heard = [batch(1), batch(2), Message("vigie/v1/b0042/up/ev", event), batch(3)]
    assert case.hear(*heard) == [(STREAM, 3), ("00e7e475", 1)]


def test_a_status_is_answered_so_that_a_waiting_box_starts_at_once(case: Case) -> None:
    case.hear(batch(1, 5))
    status = {"v": 1, "box": "b0042", "t": 1, "streams": {"m": STREAM, "ev": "00e7e475"}}
    assert case.hear(Message("vigie/v1/b0042/up/status", json.dumps(status).encode(), retained=True)) == [
        (STREAM, 5), ("00e7e475", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        Message("vigie/v1/b0042/up/m", b""),
        Message("vigie/v1/b0042/up/m", b"{"),
        Message("vigie/v1/b0042/up/m", batch(1, box="b0043").payload),
        Message("vigie/v1/b0042/up/status", b'{"v":1,"box":"b0042","streams":{"m":5}}'),
        Message("vigie/v1/b0042/up/points", b'{"v":7}'),
        Message("vigie/v1/b0042/up/m", batch(1).payload, content_type="text/csv"),
        Message("elsewhere", b"x"),
        Message("vigie/v1/b0042/up/m", batch(1).payload.replace(b'"dt":1', b'"dt":1e300')),
        Message("vigie/v1/b0042/up/m", batch(1).payload.replace(b'"v":1}', b'"v":1,"cnt":%d}' % 2**80)),
        Message("vigie/v1/b0042/up/m", batch(1).payload.replace(b"1795166000", b"1e300")),
    ],
)
def test_a_message_that_cannot_be_taken_is_not_acknowledged_and_harms_no_other(case: Case, message: Message) -> None:
    assert (STREAM, 1) not in case.hear(message)
    assert case.count() == 0
    case.hear(batch(1), message, batch(2))
    assert case.count() == 2
    assert case.hear(batch(3)) == [(STREAM, 3)]


def test_a_broker_of_a_small_receive_maximum_gets_no_more_acknowledgements_at_once(case: Case) -> None:
    case.line.happened.append(Connected(receive_max=3))
    heard = [batch(1, 5, box=f"b{number:04}") for number in range(8)]
    assert case.hear(*heard) == [(STREAM, 5)] * 3
    case.line.happened.append(PubAck(1))
    assert case.hear(batch(6, 5, box="b0007")) == [(STREAM, 5)]
    case.line.happened += [PubAck(number) for number in (1, 2, 3)]
    assert case.hear() == [(STREAM, 5)] * 3
    case.line.happened.append(PubAck(1))
    assert case.hear() == [(STREAM, 10)], "of a stream that waits, the newest word"


def test_a_database_that_cannot_be_written_acknowledges_nothing_and_is_tried_again(tmp_path: Path) -> None:
    case = Case(tmp_path / "site.db")
    case.ledger._db.execute("PRAGMA busy_timeout=0")
    other = sqlite3.connect(tmp_path / "site.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert case.hear(batch(1)) == []
    assert (case.receiver.state, case.receiver.code) == ("down", "database")
    other.execute("ROLLBACK")
    other.close()
    case.line.happened = [Connected()]
    case.receiver.step(7.0)
    case.receiver.step(7.0)
    assert case.hear(batch(1), now_s=8.0) == [(STREAM, 1)]
    case.receiver.close()


def test_a_lost_broker_is_called_again_later_and_later_and_a_full_subscription_each_time(case: Case) -> None:
    case.line.happened.append(Lost("closed", by_peer=True))
    now_s = 1.0
    for _ in range(20):
        now_s = case.receiver.step(now_s)
        case.line.happened.append(Refused("nobody_listens"))
    assert case.line.opened <= 21
    assert now_s > 120
    case.line.happened = [Connected()]
    while case.receiver.state != "up":
        now_s = case.receiver.step(now_s)
    assert len(case.line.topics) == 8


def test_an_acl_that_keeps_us_out_is_said(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    case.hear()
    case.line.happened.append(SubAck((0, 0x87)))
    case.receiver.step(2.0)
    case.line.happened.append(SubAck((0, 0x87)))
    case.receiver.step(2.0)
    assert [record.message for record in caplog.records] == ["the broker's ACL does not let us read up/#"]


def test_an_older_copy_of_a_card_that_gives_its_numbers_again_is_said_once(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    case.hear(batch(1, 10))
    case.hear(batch(1, 10), batch(1, 12))
    assert not caplog.records, "a repeat is no copy"
    records = [Record("papp", 1000 * i, 1000, 7) for i in range(10)]
    other = encode_records(
        Origin("b0042", STREAM, "ab"), 6, 1, records, Cut([UTC_MS + 90_000 + i for i in range(10)], "ntp")
    )
    assert case.hear(Message("vigie/v1/b0042/up/m", other)) == [(STREAM, 15)]
    case.hear(Message("vigie/v1/b0042/up/m", other))
    event = Event("start", 0)
    for at_ms in (UTC_MS, UTC_MS, UTC_MS + 5000):
        pack = encode_events(Origin("b0042", "00e7e475", "ab"), 1, 1, [event], Cut([at_ms], "ntp"))
        case.hear(Message("vigie/v1/b0042/up/ev", pack))
    assert [record.message.split(" sends other entries")[0] for record in caplog.records] == [
        f"b0042: stream {STREAM}", "b0042: stream 00e7e475",
    ]  # fmt: skip
    assert case.count() == 15


def test_json_lines_are_printed_once_for_each_entry_that_is_stored(case: Case) -> None:
    case.hear(batch(1, 2))
    case.hear(batch(1, 3))
    assert [json.loads(line) for line in case.stored] == [
        {"box": "b0042", "stream": STREAM, "seq": seq, "n": "papp", "t": 1795165999 + seq, "dt": 1, "v": 1,
         "quality": "good", "cnt": 1}
        for seq in (1, 2, 3)
    ]  # fmt: skip


def test_only_the_boxes_that_are_asked_for_are_subscribed(tmp_path: Path) -> None:
    case = Case(tmp_path / "site.db", boxes=("b0042", "b0043"))
    assert len(case.line.topics) == 8
    assert "vigie/v1/b0043/up/m" in case.line.topics
    case.receiver.close()
