"""The queue before the modem: order, budget, copies, kills, and a mailbox that can't be used."""

from __future__ import annotations

import math
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.links.sms import SmsLink
from edge.links.sms_account import DAYS_KEPT, Account, Budget
from edge.links.sms_entry import copy_key
from edge.links.sms_ports import URGENCY, Fate, Purpose, Wanted
from edge.links.sms_queue import COPIES, Queue
from edge.settings.model_sms import SmsLink as SmsSettings
from sms.mailbox import MailboxError, Received
from sms.memory_mailbox import MemoryMailbox
from tests.memory_kept import MemoryKept
from tests.support import ManualClock

PARIS = ZoneInfo("Europe/Paris")
NOON_MS = 1_795_172_400_000  # 2026-11-20 12:00 in Paris
PHONE = "+33600000001"


class Bench:
    """A queue on a mailbox in RAM, with a clock that moves when told."""

    def __init__(self, per_day: int = 12, per_month: int = 150) -> None:
        self.clock = ManualClock(NOON_MS)
        self.mailbox = MemoryMailbox(lambda: self.clock.utc_ms() / 1000)
        self.kept = MemoryKept()
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.fates: list[tuple[str, Fate]] = []
        self.budget = Budget(per_day, per_month)
        self.start()

    def start(self) -> None:
        """Start, or start again after a kill: what was in RAM is gone."""
        self.queue = Queue(
            self.mailbox, self.budget, clock=self.clock, zone=PARIS, kept=self.kept, say=self.say
        )  # fmt: skip

    def say(self, kind: str, **values: Any) -> None:
        self.said.append((kind, values))

    @property
    def now_s(self) -> float:
        return self.clock.monotonic_ns() / 1e9

    def offer(self, key: str, purpose: Purpose = "report", **fields: Any) -> None:
        wanted = Wanted(key, PHONE, purpose, **({"octets": key.encode()} | fields))
        self.queue.offer(wanted, lambda key, fate: self.fates.append((key, fate)))

    def step(self, after_s: float = 0.0) -> float:
        self.clock.advance(after_s)
        return self.queue.step(self.now_s)

    def leave_all(self) -> list[str]:
        """Let the network take all that waits; return the keys in that order."""
        keys = []
        while (message := self.mailbox.leave()) is not None:
            keys.append(message.key)
        return keys


def test_the_most_urgent_message_leaves_first() -> None:
    bench = Bench()
    for purpose in reversed(URGENCY):
        bench.offer(purpose, purpose)
    bench.step()
    assert bench.leave_all() == list(URGENCY)


def test_a_receipt_is_asked_for_what_is_urgent_alone() -> None:
    bench = Bench()
    for purpose in URGENCY:
        bench.offer(purpose, purpose)
    bench.step()
    asked = []
    while (message := bench.mailbox.leave()) is not None:
        asked += [message.key] * message.wants_report
    assert asked == ["alarm", "test"]


def test_reports_never_use_what_is_kept_for_alarms_and_alarms_are_bounded_too() -> None:
    bench = Bench(per_day=12)
    for number in range(20):
        bench.offer(f"report-{number}")
    bench.step()
    assert len(bench.leave_all()) == 8
    for number in range(20):
        bench.offer(f"alarm-{number}", "alarm")
    bench.step()
    assert len(bench.leave_all()) == 4
    assert bench.queue.room("alarm") == 0
    assert [kind for kind, _ in bench.said] == ["sms_budget"]
    bench.step(86_400)
    assert len(bench.leave_all()) == 12
    assert bench.queue.account.month("2026-11-20").sent == 24


def test_a_budget_of_three_a_day_leaves_one_for_an_alarm() -> None:
    bench = Bench(per_day=3, per_month=90)
    for number in range(5):
        bench.offer(f"report-{number}")
    bench.step()
    bench.offer("alarm", "alarm")
    bench.step()
    assert bench.leave_all() == ["alarm", "report-0", "report-1"]


def test_of_the_last_message_of_a_day_a_person_comes_before_the_gateway() -> None:
    bench = Bench(per_day=1)
    bench.offer("event", "alarm")
    bench.offer("text", "alarm", octets=b"", text="ALARM 1")
    bench.step()
    assert bench.leave_all() == ["text"]


def test_the_end_of_the_budget_is_said_once_and_its_return_once() -> None:
    bench = Bench(per_day=4)
    for number in range(4):
        bench.offer(f"report-{number}")
    for _ in range(10):
        bench.step(60)
    assert [kind for kind, _ in bench.said] == ["sms_budget"]
    bench.step(86_400)
    assert [kind for kind, _ in bench.said] == ["sms_budget", "sms_budget_end"]


def test_the_day_of_the_budget_is_the_sites() -> None:
    bench = Bench(per_day=1)
    bench.clock.advance(11 * 3600 + 59 * 60)  # 23:59 in Paris, 22:59 UTC
    bench.offer("a", "alarm")
    bench.offer("b", "alarm")
    bench.step()
    assert bench.leave_all() == ["a"]
    bench.step(60)
    assert bench.leave_all() == ["b"]
    assert sorted(bench.queue.account.days) == ["2026-11-20", "2026-11-21"]


def test_the_budget_of_a_month_holds_where_the_days_have_room() -> None:
    bench = Bench(per_day=12, per_month=20)
    for number in range(40):
        bench.offer(f"report-{number}")
    sent = []
    for _ in range(10):
        bench.step(86_400)
        sent.append(len(bench.leave_all()))
    assert sum(sent) == 17
    assert bench.queue.room("alarm") == 3


def test_a_failed_message_is_sent_again_with_the_same_octets_under_another_key() -> None:
    bench = Bench()
    bench.offer("report-7", octets=b"\x01\x02")
    bench.step()
    bench.mailbox.refuse("report-7", 38)
    bench.step()
    assert not bench.mailbox.waiting
    bench.step(60)
    bench.leave_all()
    assert [(m.key, m.octets) for m in bench.mailbox.left] == [("report-7#2", b"\x01\x02")]
    bench.step()
    assert bench.fates == [("report-7", "handed"), ("report-7", "sent")]


def test_copies_are_counted_unless_the_network_refused_them() -> None:
    bench = Bench()
    bench.offer("a")
    bench.step()
    bench.mailbox.refuse("a", 38)
    bench.step()
    assert bench.queue.account.days["2026-11-20"].sent == 0
    bench.step(60)
    bench.mailbox.refuse("a#2", None)  # no answer: it may have left, and cost
    bench.step()
    assert bench.queue.account.days["2026-11-20"].sent == 1


def test_a_message_that_always_fails_is_given_up_after_so_many_copies() -> None:
    bench = Bench(per_day=1000, per_month=10_000)
    bench.offer("a")
    for _ in range(50):
        bench.step(21_600)
        for key in list(bench.mailbox.waiting):
            bench.mailbox.refuse(key)
    assert bench.fates == [("a", "handed"), ("a", "failed")]
    assert bench.queue.account.month("2026-11-20").sent + bench.queue.account.month("2026-12-01").sent == COPIES


def refused_for(bench: Bench, seconds: float, code: int | None) -> int:
    """Let the network refuse everything for so long; return how often."""
    end_s, count = bench.now_s + seconds, 0
    while bench.now_s < end_s:
        bench.step(5)
        for key in list(bench.mailbox.waiting):
            bench.mailbox.refuse(key, code)
            count += 1
    return count


@pytest.mark.parametrize("code", [331, 38, 500])
def test_an_alarm_waits_for_a_network_that_is_away_for_hours(code: int) -> None:
    bench = Bench()
    bench.offer("a", "alarm", text="ALARM", octets=b"", expires_s=bench.now_s + 604_800)
    bench.offer("b", "answer", text="STATUS", octets=b"", expires_s=bench.now_s + 3600)
    tries = refused_for(bench, 5 * 3600, code)
    assert tries < 30, "each stops what else the modem could do"
    bench.start()  # a power cut: the count is on the card
    refused_for(bench, 3600, code)
    assert bench.leave_all() == []
    bench.step(1800)
    assert [key.partition("#")[0] for key in bench.leave_all()] == ["a"]
    assert bench.queue.account.days["2026-11-20"].sent == 1, "the network takes no money for a no"
    assert ("b", "failed") in bench.fates, "nobody waits for an answer for so long"


@pytest.mark.parametrize("code", [None, 1, 304])
def test_an_alarm_to_a_number_that_is_none_or_that_may_have_left_is_given_up(code: int | None) -> None:
    bench = Bench()
    bench.offer("a", "alarm", text="ALARM", octets=b"", expires_s=bench.now_s + 604_800)
    assert refused_for(bench, 5 * 3600, code) == COPIES
    assert bench.fates == [("a", "handed"), ("a", "failed")]


def test_what_is_not_worth_sending_any_more_is_refused_or_taken_back() -> None:
    bench = Bench(per_day=1)
    bench.offer("a", "alarm", expires_s=bench.now_s + 3600)
    bench.offer("b", "alarm", expires_s=bench.now_s + 3600)
    bench.step()
    bench.step(3600)  # the modem is dead: the first still lies there
    assert sorted(bench.fates) == [("a", "failed"), ("a", "handed"), ("b", "refused")]
    assert not bench.mailbox.waiting
    assert bench.queue.account.days["2026-11-20"].sent == 0


def test_a_key_is_sent_once_however_often_it_is_offered() -> None:
    bench = Bench()
    for _ in range(3):
        bench.offer("a")
        bench.step()
    bench.leave_all()
    bench.step()
    bench.offer("a")
    bench.start()
    bench.offer("a")
    bench.step()
    assert [message.key for message in bench.mailbox.left] == ["a"]
    assert not bench.mailbox.waiting
    assert bench.queue.account.days["2026-11-20"].sent == 1


def test_what_waits_and_the_counts_survive_a_kill() -> None:
    bench = Bench(per_day=1)
    bench.offer("a", "alarm")
    bench.offer("b", "alarm", octets=b"\x00\xff")
    bench.step()
    bench.start()
    bench.step()
    assert bench.leave_all() == ["a"]
    bench.start()
    bench.step(86_400)
    assert bench.leave_all() == ["b"]
    assert bench.mailbox.left[-1].octets == b"\x00\xff"
    assert bench.queue.account.month("2026-11-21").sent == 2


def test_a_kill_between_writing_and_handing_over_sends_one_copy_that_counts_once() -> None:
    bench = Bench()

    class Cut(MemoryMailbox):
        def enqueue(self, message: Any) -> None:
            raise MailboxError("cut")

    bench.queue = Queue(
        Cut(lambda: 0.0), bench.budget, clock=bench.clock, zone=PARIS, kept=bench.kept, say=bench.say
    )  # fmt: skip
    bench.offer("a")
    with pytest.raises(MailboxError):
        bench.step()
    assert bench.kept.saves == 1
    bench.start()
    bench.step()
    bench.step()
    assert bench.leave_all() == ["a"]
    assert bench.queue.account.days["2026-11-20"].sent == 1


def test_a_mailbox_that_fails_within_a_start_gets_the_message_as_soon_as_it_works() -> None:
    bench = Bench()
    bench.offer("a")
    bench.mailbox.trouble = "smsd.db: disk I/O error"
    with pytest.raises(MailboxError):
        bench.step()
    bench.mailbox.trouble = ""
    bench.step()
    assert bench.leave_all() == ["a"]
    assert bench.fates == [("a", "handed")]


def test_nothing_is_handed_over_while_the_card_cannot_be_written() -> None:
    bench = Bench()
    bench.kept.refuses = True
    bench.offer("a")
    with pytest.raises(OSError, match="No space left"):
        bench.step()
    assert not bench.mailbox.waiting
    bench.kept.refuses = False
    bench.step()
    assert bench.leave_all() == ["a"]


def test_expiry_goes_on_while_the_box_is_off() -> None:
    bench = Bench(per_day=1)
    bench.offer("a", "alarm")
    bench.offer("b", "alarm", expires_s=bench.now_s + 3600)
    bench.step()
    bench.clock.now_ns = 1_000_000_000  # another start: monotonic begins anew, UTC went on
    bench.clock.utc_offset_ms += 7_200_000
    bench.start()
    bench.step()
    assert "b" not in {message.key for message in bench.mailbox.waiting.values()}
    assert bench.queue.waiting() == 0


def test_an_empty_queue_asks_for_nothing_and_writes_nothing() -> None:
    bench = Bench()
    assert math.isinf(bench.step()) or bench.step() > 1e9
    assert bench.kept.saves == 0


def test_the_queue_is_bounded_and_lets_the_least_urgent_go() -> None:
    bench = Bench(per_day=1)
    for number in range(600):
        bench.offer(f"report-{number}")
    bench.offer("alarm", "alarm")
    bench.step()
    assert bench.leave_all() == ["alarm"]
    assert bench.queue.waiting() <= 500


def test_keys_of_copies_fit_the_mailbox() -> None:
    long = "k" * 60
    assert len(copy_key(long, 12)) <= 60
    assert copy_key(long, 2) != copy_key(long[:-1] + "j", 2)


def test_a_clock_that_falls_back_finds_the_counts_of_the_day_again() -> None:
    account = Account(Budget(12, 150))
    account.sent("2026-11-20", "report")
    account.sent("1970-01-01", "alarm")
    assert account.room("report", "2026-11-20") == 7
    assert Account(Budget(12, 150), account.saved()).month("2026-11-20").sent == 1


class Poison:
    """A member that fails at one message and takes the rest."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def step(self, now_s: float) -> float:
        return now_s + 3600

    def take(self, message: Received, now_s: float) -> bool:
        if message.text == "poison":
            raise ValueError("a bug")
        self.taken.append(message.text)
        return message.text != "foreign"


def link_of(bench: Bench, member: Poison) -> SmsLink:
    return SmsLink(SmsSettings(), bench.mailbox, bench.queue, [member], clock=bench.clock, say=bench.say)


def test_what_came_in_is_dealt_with_once_also_across_a_kill_before_it_is_forgotten() -> None:
    bench = Bench()
    member = Poison()
    bench.mailbox.bring(PHONE, "STATUS")

    class Cut(MemoryMailbox):
        def done(self, ids: list[str]) -> None:
            raise MailboxError("cut")

    cut = Cut(lambda: 0.0)
    cut.inbox = bench.mailbox.inbox
    link = SmsLink(SmsSettings(), cut, bench.queue, [member], clock=bench.clock, say=bench.say)
    link.step(bench.now_s)
    bench.start()
    link = link_of(bench, member)
    link.step(bench.now_s)
    assert member.taken == ["STATUS"]
    assert not bench.mailbox.inbox
    assert bench.queue.account.days["2026-11-20"].came == 1


def test_a_message_at_which_a_part_fails_is_put_aside_and_told_after_three_tries() -> None:
    bench = Bench()
    member = Poison()
    link = link_of(bench, member)
    bench.mailbox.bring(PHONE, "poison")
    bench.mailbox.bring(PHONE, "after it")
    for _ in range(3):
        with pytest.raises(ValueError, match="a bug"):
            link.step(bench.now_s)
        bench.clock.advance(5)
    link.step(bench.now_s)
    assert member.taken == ["after it"]
    assert ("sms_unread", {"why": "fault", "number": "0001", "raw": ""}) in bench.said


def test_foreign_octets_are_told_raw_and_a_lost_mailbox_is_a_problem_said_once() -> None:
    bench = Bench()
    link = link_of(bench, Poison())
    bench.mailbox.bring(PHONE, "foreign", b"\xde\xad")
    link.step(bench.now_s)
    assert ("sms_unread", {"why": "nobody", "number": "0001", "raw": "dead"}) in bench.said
    bench.mailbox.trouble = "smsd.db is gone: is gammu-smsd installed?"
    for _ in range(3):
        bench.clock.advance(30)
        link.step(bench.now_s)
    bench.mailbox.trouble = ""
    bench.clock.advance(30)
    link.step(bench.now_s)
    kinds = [kind for kind, _ in bench.said]
    assert kinds.count("link_problem") == kinds.count("link_problem_end") == 1
    assert link.status()["budget"]["came"] == 1


def test_a_message_of_which_nothing_is_heard_any_more_is_given_up_and_blocks_nobody() -> None:
    bench = Bench(per_day=1000, per_month=10_000)
    for number in range(25):
        bench.offer(f"report-{number}")
    bench.step()
    bench.mailbox.waiting.clear()  # the database was made anew
    bench.step(3600)
    assert len(bench.mailbox.waiting) == 0
    bench.step(172_800 + 86_400)
    bench.step(60)
    assert len(bench.leave_all()) == 5
    assert sum(fate == "failed" for _, fate in bench.fates) == 20


@pytest.mark.parametrize("tables", [{"entries": 7}, {"entries": [{"key": 1}]}, {"days": []}, {"lately": "x"}])
def test_a_file_that_holds_something_else_begins_anew(tables: dict[str, Any]) -> None:
    bench = Bench()
    bench.kept.tables = tables
    bench.start()
    bench.offer("a")
    bench.step()
    assert bench.leave_all() == ["a"]


def test_what_came_in_is_forgotten_only_when_its_answer_is_on_the_card() -> None:
    bench = Bench()
    link = link_of(bench, Poison())
    bench.mailbox.bring(PHONE, "STATUS")
    bench.kept.refuses = True
    for _ in range(3):
        link.step(bench.now_s)
        bench.clock.advance(30)
    assert bench.mailbox.inbox, "it comes again after a kill"
    bench.kept.refuses = False
    link.step(bench.now_s)
    assert not bench.mailbox.inbox
    assert bench.queue.account.days["2026-11-20"].came == 1


def test_what_the_modems_owner_settled_long_ago_is_not_waited_for_again() -> None:
    bench = Bench(per_day=1000, per_month=10_000)
    for number in range(20):
        bench.offer(f"report-{number}")
    bench.step()
    bench.leave_all()
    bench.step()
    bench.clock.advance(9 * 86_400)  # longer than keys are remembered here, shorter than there
    bench.start()
    for number in range(20):
        bench.offer(f"report-{number}")
    bench.step()
    bench.step(10)
    bench.offer("another")
    bench.step(10)
    assert bench.leave_all() == ["another"]


def test_messages_of_a_database_that_was_lost_go_into_the_new_one() -> None:
    bench = Bench()
    bench.offer("alarm-1", "alarm")
    bench.offer("report-1")
    bench.step()
    bench.mailbox = MemoryMailbox(lambda: bench.clock.utc_ms() / 1000)
    bench.queue._mailbox = bench.mailbox  # the same path, made anew
    bench.step(60)
    bench.step(600)
    assert bench.leave_all() == ["alarm-1", "report-1"]
    assert bench.queue.account.days["2026-11-20"].sent == 2, "it counts once"


def test_messages_of_a_day_before_all_that_are_known_are_counted() -> None:
    account = Account(Budget(5, 100))
    for day in range(DAYS_KEPT + 10):
        account.sent(date.fromordinal(date(2026, 6, 1).toordinal() + day).isoformat(), "alarm")
    for _ in range(5):  # the clock fell back to the day of the image
        assert account.room("alarm", "1970-01-01") > 0
        account.sent("1970-01-01", "alarm")
    assert account.room("alarm", "1970-01-01") == 0
    assert len(account.days) <= DAYS_KEPT


def test_what_failed_goes_at_once_when_it_is_told_to_hurry_and_what_never_left_as_before() -> None:
    bench = Bench()
    bench.offer("a")
    bench.step()
    bench.mailbox.refuse("a")
    bench.step()
    bench.step(1)
    assert bench.leave_all() == []
    bench.queue.hurry()
    bench.step(1)
    assert bench.leave_all() == ["a#2"]
    bench.queue.hurry()
    bench.step(1)
    assert bench.leave_all() == []
