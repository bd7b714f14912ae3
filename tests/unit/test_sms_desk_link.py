"""People who text, through the real link and its queue: kills at every step, a full budget, a modem that is away."""

from __future__ import annotations

import re
from typing import Any

import pytest

from edge.links.sms import SmsLink
from edge.links.sms_account import Budget
from edge.links.sms_desk import Desk
from edge.links.sms_queue import Queue
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.store.fs_memory import MemoryFs
from edge.store.kept_file import KeptFile
from sms.memory_mailbox import MemoryMailbox
from tests.sms_desk_rig import BOSS, CARE, KeepingOutlet, Texted

LOOK_S = 5.0


class Linked(Texted):
    """A box whose desk is a member of the real link; modem and card outlive a restart."""

    def __init__(
        self, *, mailbox: MemoryMailbox | None = None, fs: MemoryFs | None = None, per_day: int = 100, **kept: Any
    ) -> None:
        self.link: SmsLink | None = None
        self.per_day = per_day
        super().__init__(**kept)
        self.modem = mailbox or MemoryMailbox(lambda: self.clock.utc_ms() / 1000)
        self.fs = fs or MemoryFs()
        queue = Queue(
            self.modem, Budget(per_day, 1000), clock=self.clock, zone=self.site.zone,
            kept=KeptFile(self.fs, "sms/queue", "vigie-sms-queue"), say=self._say,
        )  # fmt: skip
        self.desk = Desk(
            self.people, self.office, queue, self.desk._answers.site, clock=self.clock, say=self._say,
            codes=self._codes, report=self._report, facts=lambda: self.facts,
        )  # fmt: skip
        self.link = SmsLink(
            SmsSettings(), self.modem, queue, [self.desk], clock=self.clock, say=self._say, poll_s=LOOK_S,
            replies=self.office.step,
        )  # fmt: skip

    def restart(self) -> Linked:
        again = Linked(
            mailbox=self.modem, fs=self.fs, per_day=self.per_day, frames=self.frames, boot=self.clock.boot + 1,
            outlet=KeepingOutlet(),
        )  # fmt: skip
        again.clock.utc_offset_ms += self.clock.utc_ms() - again.clock.utc_ms()
        again.journal = self.journal
        return again

    def step(self, seconds: float = LOOK_S, *, writes: bool = True) -> None:
        if self.link is None:  # being made
            super().step()
            return
        self.clock.advance(seconds)
        self.link.step(self.clock.now_ns / 1e9)
        self.station.step(self.clock.now_ns / 1e9)
        if writes:
            durable, self.waiting = self.waiting, []
            for done in durable:
                done()

    def bring(self, text: str, number: str = BOSS, steps: int = 6) -> list[str]:
        """Let a text come, and return what left the modem since."""
        self.modem.bring(number, text)
        return self.leave(steps)

    def leave(self, steps: int = 6) -> list[str]:
        before = len(self.modem.left)
        for _ in range(steps):
            self.step()
            while self.modem.leave():
                pass
        return [message.text for message in self.modem.left[before:]]


def code_in(answer: str) -> str:
    found = re.search(r"(YES|OUI) [2-9A-Z]{4}", answer)
    assert found, answer
    return found[0]


def test_a_text_is_answered_through_the_modem_and_gone_from_it() -> None:
    box = Linked()
    assert box.bring("CREDIT") == ["b0042: 61 of 90 SMS sent this month, 3.66 EUR. Today 3 of 12."]
    assert not box.bring("STATUS", "+33600000099")
    assert not box.modem.inbox
    assert box.modem.left[0].number == BOSS


@pytest.mark.parametrize("writes", [True, False])
@pytest.mark.parametrize("steps", range(7))
def test_a_kill_at_any_step_does_nothing_twice_and_answers_once(steps: int, *, writes: bool) -> None:
    box = Linked()
    (proposed,) = box.bring("SET hall.wanted 21")
    box.modem.bring(BOSS, code_in(proposed))
    for _ in range(steps):
        box.step(1.0 if steps % 2 else LOOK_S, writes=writes)
    again = box.restart()
    again.leave(12)
    told = [message.text for message in again.modem.left[1:]]
    assert len(told) == 1, told
    is_done = "DONE" in told[0] and "a power cut would undo it" not in told[0]
    assert again.orders("set") == [True] * is_done
    assert again.wanted() == (21 if is_done else 19)
    assert not again.modem.inbox


def test_a_spent_budget_costs_nothing_more_and_a_right_code_still_counts() -> None:
    box = Linked(per_day=6)
    box.temperature(45.0)
    for _ in range(8):
        box.bring("STATUS")
        box.clock.advance(1200)
    assert len(box.modem.left) <= 6
    assert not box.bring("SET hall.wanted 21")
    box.bring(f"OK {box.code('gardien', 1)}", CARE)
    assert not box.engine.alarms.waiting(), "acknowledged, though nobody could be told"
    assert len(box.modem.left) <= 6
    box.clock.advance(3600)
    box.leave()
    assert not box.modem.inbox, "an answer that is not worth it any more is let go, and its text with it"
    assert box.kinds("sms_flood")


def test_while_the_modem_is_away_nothing_is_lost_and_its_return_answers() -> None:
    box = Linked()
    box.modem.bring(BOSS, "STATUS")
    box.modem.trouble = "the database is locked"
    box.leave()
    assert not box.modem.left
    box.modem.trouble = ""
    assert len(box.leave(12)) == 1
