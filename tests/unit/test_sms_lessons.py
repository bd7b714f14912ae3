"""Priors at the box: made as the gateway asks, or not at all; and what needed one said again without."""

from __future__ import annotations

from edge.links.sms_lessons import MOST, Lessons
from edge.links.sms_memory import Memory
from sms.codec import Encoded, decode, encode
from sms.forms import Train
from sms.prior import train
from sms.schema import Channel, Schema
from sms.wire import EPOCH_S, Header, Type

SITE = Schema(
    "b0117", "Etc/UTC", 3600, (Channel("m", "index", "Wh", 0), Channel("t", "last", "Cel", -1))
)  # fmt: skip
Columns = list[list[int | None]]


def hours(day: int, length: int = 24) -> Columns:
    meter: list[int | None] = [(day * 24 + hour) * 40 + hour * 7 % 5 for hour in range(length)]
    return [meter, [180 + hour // 6 for hour in range(length)]]


def head(counter: int, encoded: Encoded) -> Header:
    return Header(
        Type.REPORT, 1, counter, SITE.id, encoded.prior, EPOCH_S + 86_400, 6, encoded.coder, encoded.count
    )  # fmt: skip


def kept(memory: Memory, counter: int, columns: Columns) -> Encoded:
    lessons = Lessons(memory)
    encoded = encode(SITE, columns, lessons.prior(SITE))
    lessons.keep(head(counter, encoded).packed() + b"sealed and tagged", encoded.body)
    return encoded


def taught() -> tuple[Memory, Train]:
    memory = Memory()
    for day in range(30):
        kept(memory, day, hours(day))
    prior = train(SITE, [hours(day) for day in range(2, 28)])
    return memory, Train(SITE.id, 2, 27, prior.id)


def test_the_same_prior_as_the_gateways_is_used_and_survives_a_restart() -> None:
    memory, asked = taught()
    assert Lessons(memory).prior(SITE) is None
    assert Lessons(memory).learn(asked, SITE)
    again = Lessons(memory)
    assert not again.learn(asked, SITE), "it is in use already"
    shorter = kept(memory, 30, hours(30))
    assert shorter.prior == asked.prior
    assert len(shorter.body) < len(encode(SITE, hours(30)).body)
    assert again.prior(Schema("b0117", "Etc/UTC", 3600, SITE.channels[:1])) is None


def test_another_prior_than_asked_another_schema_or_none_is_no_prior() -> None:
    memory, asked = taught()
    lessons = Lessons(memory)
    wrong = [
        Train(SITE.id, 3, 27, asked.prior),
        Train(SITE.id % 255 + 1, 2, 27, asked.prior),
        Train(SITE.id, 90, 99, 1),
    ]
    assert not any(lessons.learn(each, SITE) for each in wrong)
    assert not lessons.learn(asked, None)
    assert lessons.prior(SITE) is None
    memory.prior = b"damaged"
    assert lessons.prior(SITE) is None
    assert memory.prior == b""


def test_what_needed_a_prior_is_said_again_without_by_the_hour() -> None:
    memory, asked = taught()
    Lessons(memory).learn(asked, SITE)
    columns = hours(30, 63)
    sent = kept(memory, 30, columns)
    assert sent.prior
    lessons = Lessons(memory)
    found: Columns = [[], []]
    for each in lessons.plain(30, SITE):
        assert each.header.prior == 0
        assert each.header.base_s == EPOCH_S + 86_400 + len(found[0]) * 3600
        part = decode(SITE, each.header, each.body)
        found = [there + here for there, here in zip(found, part, strict=True)]
    assert found == [column[: sent.count] for column in columns]
    assert lessons.plain(3, SITE) == [], "it needed none"
    lessons.forget()
    assert Lessons(memory).prior(SITE) is None


def test_only_the_newest_reports_are_kept() -> None:
    memory = Memory()
    for day in range(MOST + 5):
        kept(memory, day, hours(day, 2))
    assert len(memory.lessons) == MOST
