"""Texts to people: each page one message, once, whatever is cut; those that waited too long go as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.reply_codes import alarm_code
from edge.core.types import NEVER, Event
from edge.links.sms_page import Page, together
from edge.links.sms_people import CONSUMER, NotYetError, People
from edge.links.sms_ports import Fate, Purpose, Wanted
from edge.settings.model_sms import Recipient
from sms.mailbox import Received
from tests.support_reader import MemoryLog

SECRET = bytes(32)
WHO = [Recipient(id="caretaker", number="+33600000001"), Recipient(id="manager", number="+33600000002")]


class Outlet:
    """A queue that keeps what it was given over a kill, and hands over when it is told to."""

    def __init__(self) -> None:
        self.waiting: dict[str, Wanted] = {}
        self.handed: dict[str, Wanted] = {}
        self.told: dict[str, Callable[[str, Fate], None]] = {}

    def offer(self, wanted: Wanted, told: Callable[[str, Fate], None] | None = None) -> None:
        assert told is not None
        self.told[wanted.key] = told
        if wanted.key in self.handed:
            told(wanted.key, "handed")
        else:
            self.waiting.setdefault(wanted.key, wanted)

    def room(self, purpose: Purpose) -> int:
        return 9

    def hand(self, fate: Fate = "handed") -> None:
        while self.waiting:
            key, wanted = self.waiting.popitem()
            self.handed[key] = wanted
            if key in self.told:
                self.told[key](key, fate)


class Clock:
    boot = 1
    now_ms = 0

    def monotonic_ns(self) -> int:
        return self.now_ms * 1_000_000

    def utc_ms(self) -> int:
        return 10**12 + self.now_ms

    def trust(self) -> str:
        return "ntp"


class Box:
    """The log, the queue and the member, over starts."""

    def __init__(self) -> None:
        self.log: MemoryLog[Event] = MemoryLog()
        self.outlet = Outlet()
        self.clock = Clock()
        self.said: list[Event] = []
        self.fails: list[Exception] = []
        self.text = ""
        self.start()

    def start(self, consumers: tuple[str, ...] = (CONSUMER,)) -> None:
        self.said.clear()
        self.outlet.told.clear()
        self.people = People(
            WHO, self.log, self.outlet, self.write, clock=self.clock, dated=lambda _boot, at_ms: 10**12 + at_ms,
            say=self.say, secret=SECRET, consumers=consumers,
        )  # fmt: skip

    def write(self, recipient: Recipient, page: Page, code: str) -> str:
        if self.fails:
            raise self.fails[0]
        if self.text:
            return self.text
        return f"{recipient.id} {','.join(map(str, page.stands_for or (page.seq,)))} {code}".strip()

    def say(self, kind: str, **values: Any) -> None:
        self.said.append(Event(kind, self.clock.now_ms, "", {"link": "sms", **values}))

    def commit(self) -> None:
        if self.said:
            self.log.append(self.said, self.clock.boot)
            self.said.clear()

    def page(self, to: str = "caretaker", what: str = "begin", **values: Any) -> None:
        number = values.pop("id", self.log.next_seq())
        event = Event("page", self.clock.now_ms, f"p{number}", {"to": to, "what": what, "id": number, **values})
        self.log.append([event], self.clock.boot)

    def step(self, after_s: float = 1.0) -> float:
        self.clock.now_ms += round(after_s * 1000)
        return self.people.step(self.clock.now_ms / 1000)

    def turn(self, rounds: int = 40) -> None:
        for _ in range(rounds):
            self.step()
            self.outlet.hand()
            self.commit()

    @property
    def texts(self) -> list[str]:
        return [wanted.text for wanted in self.outlet.handed.values()]

    def fates(self) -> list[tuple[int, str]]:
        chunk = self.log.read(1, 1000)
        return [
            (event.values["page"], event.values["fate"]) for event in chunk.entries if event.kind == "page_sent"
        ]  # fmt: skip


def test_a_page_is_sent_with_its_code_and_the_cursor_moves_when_that_is_durable() -> None:
    box = Box()
    box.page(ack="12, 13")
    box.step()
    (wanted,) = box.outlet.waiting.values()
    assert (wanted.number, wanted.purpose, wanted.key) == ("+33600000001", "alarm", "p9f3c21aa.1")
    assert wanted.text == f"caretaker 1 {alarm_code(SECRET, 'caretaker', [12, 13])}"
    assert box.log.cursor(CONSUMER) == 0
    box.outlet.hand()
    box.step()
    assert box.log.cursor(CONSUMER) == 0, "handed over, and nothing durable says so"
    box.commit()
    box.step()
    assert box.log.cursor(CONSUMER) == 2
    assert box.fates() == [(1, "handed")]


def test_one_recipient_gets_one_text_at_a_time_and_another_need_not_wait() -> None:
    box = Box()
    for to in ("caretaker", "caretaker", "manager"):
        box.page(to)
    box.step()
    assert [wanted.text for wanted in box.outlet.waiting.values()] == ["caretaker 1", "manager 3"]
    box.turn()
    assert sorted(box.texts) == ["caretaker 1", "caretaker 2", "manager 3"]
    assert box.log.cursor(CONSUMER) == box.log.next_seq() - 1


def test_what_waited_for_a_modem_goes_as_one_and_the_site_knows_its_code() -> None:
    box = Box()
    box.turn(2)
    box.page(id=11, ack="11")
    box.step()
    for number in range(12, 20):
        box.page(id=number, ack=str(number))
    box.page(what="end", id=15, ack="15")
    box.step(86_400)
    box.turn()
    assert len(box.texts) == 2
    chunk = box.log.read(1, 1000)
    (merged,) = [event for event in chunk.entries if event.kind == "page_merged"]
    assert merged.values["ack"] == "12, 13, 14, 15, 16, 17, 18, 19"
    assert box.texts[1].split()[1] == "2,3,4,5,6,7,8,9,10"
    assert box.texts[1].split()[2] == alarm_code(SECRET, "caretaker", range(12, 20))
    again = Box()
    again.log, again.outlet = box.log, box.outlet
    again.start()
    again.turn()
    assert len(box.texts) == 2


def test_a_summary_that_is_too_late_and_somebody_who_has_left_get_nothing() -> None:
    box = Box()
    box.page(what="daily", about="2026-11-19")
    box.page("stranger")
    box.step(86_400)
    box.turn()
    assert box.texts == []
    assert sorted(box.fates()) == [(1, "stale"), (2, "nobody")]


def test_what_cannot_be_told_yet_is_asked_for_again_and_what_never_can_is_let_go() -> None:
    box = Box()
    box.page(what="daily", about="2026-11-19")
    box.fails = [NotYetError("history is being rebuilt")]
    assert box.step() == pytest.approx(301.0)
    box.fails = []
    box.turn()
    assert box.texts == ["caretaker 1"]
    box.page()
    box.fails = [KeyError("u")]
    box.turn()
    assert box.fates()[-1][1] == "unreadable"
    assert box.step() == NEVER


def test_what_the_budget_refuses_is_journaled_and_a_text_that_comes_in_is_not_taken() -> None:
    box = Box()
    box.page()
    box.step()
    box.outlet.hand("refused")
    box.commit()
    box.step()
    assert box.fates() == [(1, "refused")]
    assert not box.people.take(Received("1", "+33600000001", "OK 4F7K", b"", None), 1.0)


def test_a_hole_in_the_log_is_passed_over() -> None:
    box = Box()
    for _ in range(5):
        box.page()
    box.log.damage(2, 3)
    box.log.drop_to(2)
    box.turn()
    assert box.texts == ["caretaker 4", "caretaker 5"]


def test_of_a_test_all_that_comes_is_journaled() -> None:
    box = Box()
    box.page(what="test")
    box.step()
    box.outlet.hand()
    for fate in ("sent", "delivered"):
        box.outlet.told["p9f3c21aa.1"]("p9f3c21aa.1", fate)  # type: ignore[arg-type]
    box.commit()
    box.step()
    assert [fate for _page, fate in box.fates()] == ["handed", "sent", "delivered"]


def test_several_pages_say_together_what_goes_on_and_what_is_over() -> None:
    def page(seq: int, what: str, **values: Any) -> Page:
        return Page(seq, "caretaker", 1, 0, values.pop("point", ""), {"to": "caretaker", "what": what, **values})

    pages = [
        page(1, "begin", id=1, point="a", begin_ms=10, kind="high", ack="1"),
        page(2, "merged", id=2, ids="2, 3", points="b, c", begin_ms=20, begun_ms=30, ack="2, 3"),
        page(3, "end", id=2, point="b", begin_ms=20, end_ms=90),
        page(4, "reminder", id=1, point="a", begin_ms=10, ack="1"),
    ]
    found = together(pages)
    assert (found["what"], found["ids"], found["ended"], found["ack"]) == ("merged", "1, 3", "2", "1, 2, 3")
    assert (found["points"], found["count"], found["begin_ms"], found["id"]) == ("a", 2, 10, 1)
    assert together([*pages[:1], page(5, "end", id=1, point="a", end_ms=50)])["what"] == "end"


STEPS = st.lists(
    st.sampled_from(["page", "page", "end", "other", "step", "hand", "commit", "kill", "wait", "turn"]), max_size=60
)


def check_course(steps: list[str]) -> None:
    """Play a course, then let all go out; every page stands in one text, once."""
    box = Box()
    pages: list[int] = []
    for step in steps:
        if step in {"page", "end", "other"}:
            pages.append(box.log.next_seq())
            box.page("manager" if step == "other" else "caretaker", "end" if step == "end" else "begin")
        elif step == "kill":
            box.log.cursors[CONSUMER] = max(0, box.log.cursor(CONSUMER) - 3)  # the card knew less of it
            box.start()
        elif step == "wait":
            box.step(900)
        elif step == "hand":
            box.outlet.hand()
        elif step == "commit":
            box.commit()
        elif step == "turn":
            box.turn(2)
        else:
            box.step()
    box.turn(3 * len(pages) + 5)
    merged = [seq for seq in range(1, box.log.next_seq()) if box.log.entry(seq).kind == "page_merged"]
    sent = [int(seq) for text in box.texts for seq in text.split()[1].split(",") if int(seq) not in merged]
    assert sorted(sent) == pages
    assert box.log.cursor(CONSUMER) == box.log.next_seq() - 1


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_every_page_is_told_once_whatever_is_cut(steps: list[str]) -> None:
    check_course(steps)


@pytest.mark.campaign("5,000 courses with kills")
@settings(max_examples=5000, deadline=None)
@given(STEPS)
def test_every_page_is_told_once_at_length(steps: list[str]) -> None:
    check_course(steps)


def test_where_there_is_no_gateway_nothing_waits_for_one() -> None:
    box = Box()
    box.start((CONSUMER, "sms"))
    box.page()
    box.step()
    assert box.log.cursor("sms") == 0, "the page is not settled yet"
    box.turn()
    assert box.log.cursor("sms") == box.log.cursor(CONSUMER) == box.log.next_seq() - 1


def test_the_last_text_is_what_the_modem_has_without_number_and_code() -> None:
    box = Box()
    box.text = "ALARM 1 HIGH hall\nflow 92.5 C > 85 C\nsince 16:05\nReply: OK 4F7K"
    box.page()
    box.step()
    assert box.people.last is None, "it waits for the modem"
    box.turn()
    told = box.people.last
    assert told is not None
    assert (told.to, told.text) == ("caretaker", "ALARM 1 HIGH hall / flow 92.5 C > 85 C")
    box.page("manager", id=2)
    box.step()
    box.outlet.hand("refused")
    assert box.people.last is told, "what was refused was told to nobody"
