"""What the modem's owner told as sent, and what becomes of it when the modem was in text mode."""

from __future__ import annotations

import pytest

from edge.core.types import NEVER
from edge.links.sms_ports import Purpose
from edge.links.sms_unproven import ASKED_PRESSING_S, ASKED_S, KEPT, KEPT_S
from sms.mailbox import Outcome
from tests.unit.test_sms_queue import Bench


class Sending(Bench):
    """Somebody can ask the modem."""

    def start(self) -> None:
        super().start()
        self.queue.unproven.is_asked_for = True

    def sends(self, key: str, purpose: Purpose = "report", **fields: float) -> None:
        self.offer(key, purpose, **fields)
        self.step()
        assert self.leave_all() == [key]
        self.step(5)


@pytest.mark.parametrize(("purpose", "asked_s"), [("report", ASKED_S), ("alarm", ASKED_PRESSING_S)])
def test_what_left_is_asked_for_after_a_while_and_sooner_where_it_presses(purpose: Purpose, asked_s: float) -> None:
    bench = Sending()
    assert bench.queue.unproven.due_s() == NEVER
    bench.sends("a", purpose)
    assert bench.queue.unproven.due_s() == bench.now_s + asked_s
    bench.queue.unproven.proved(["a", "never sent"])
    assert bench.queue.unproven.keys() == []


def test_what_went_nowhere_goes_again_with_the_same_octets_is_counted_and_told() -> None:
    bench = Sending()
    bench.sends("a")
    bench.sends("b")
    bench.fates.clear()
    assert bench.queue.unproven.again(bench.now_s) == 2
    assert bench.queue.unproven.again(bench.now_s) == 0
    bench.step()
    assert bench.leave_all() == ["a#2", "b#2"]
    assert [message.octets for message in bench.mailbox.left] == [b"a", b"b"] * 2
    assert bench.queue.account.days[bench.queue.today()].sent == 4
    bench.step(5)
    assert bench.fates == [("a", "sent"), ("b", "sent")]
    assert bench.queue.unproven.keys() == ["a", "b"], "and are asked for again"


def test_it_survives_a_kill_and_so_does_what_goes_again() -> None:
    bench = Sending()
    bench.sends("a", "alarm")
    bench.start()
    assert bench.queue.unproven.keys() == ["a"]
    assert bench.queue.unproven.due_s() == pytest.approx(bench.now_s + ASKED_PRESSING_S, abs=6)
    bench.queue.unproven.again(bench.now_s)
    bench.step()
    bench.start()
    bench.step()
    assert bench.leave_all() == ["a#2"]


def test_a_receipt_vouches_for_what_left_before_it_alone() -> None:
    bench = Sending()
    bench.sends("a")
    bench.sends("b", "alarm")
    bench.sends("c")
    bench.mailbox._outcomes.append(Outcome("b", "+33600000001", "delivered", 0, 0))
    bench.step(5)
    assert bench.queue.unproven.keys() == ["c"]


def test_an_alarm_that_is_not_worth_it_any_more_does_not_go_again() -> None:
    bench = Sending()
    bench.sends("a", "alarm", expires_s=bench.now_s + 30)
    bench.clock.advance(60)
    bench.queue.unproven.again(bench.now_s)
    bench.step()
    assert bench.leave_all() == []
    assert bench.fates[-1] == ("a", "failed")


def test_it_is_bounded_and_nothing_is_kept_where_nobody_can_ask() -> None:
    bench = Sending(per_day=200, per_month=2000)
    for at in range(KEPT + 5):
        bench.sends(f"m{at}")
    assert len(bench.queue.unproven.keys()) == KEPT
    bench.clock.advance(KEPT_S + ASKED_S)
    bench.sends("new")
    assert bench.queue.unproven.keys() == ["new"]
    other = Bench()
    other.offer("a")
    other.step()
    other.leave_all()
    other.step(5)
    assert other.queue.unproven.keys() == []
