"""A trial passes on the acknowledgement of its own begin: not of an older one, not of another event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge.core.trial import Verdict
from edge.core.trials import Trials
from edge.core.types import NEVER, Event
from edge.runtime.station import Question
from edge.runtime.trial_watch import TrialWatch
from tests.support_reader import MemoryLog
from tests.unit.rig import Rig


class Hurried:
    """A link that can be asked to hurry."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def ask_stored(self, seq: int) -> None:
        self.asked.append(seq)


class Case:
    """A watch, the site whose trials it follows, and what it was told to write."""

    def __init__(self) -> None:
        self.events: MemoryLog[Event] = MemoryLog()
        self.events.append([Event("start", 0)])
        self.sms = Hurried()
        self.told: list[Verdict] = []
        self.trials = Trials()
        self.rig = Rig(parts=[self.trials])
        self.watch = TrialWatch(self.events, {"mqtt": object(), "sms": self.sms}, self._answer, self.told.append)
        self.watch.follow(self.rig.engine)
        self.woken = 0
        self.watch.wake = self._wake

    def _wake(self) -> None:
        self.woken += 1

    def _answer(self, question: Question) -> None:
        reply: Callable[[Any], None] = question.reply
        reply(question.ask(self.rig.engine))

    def begin(self, *others: Event) -> None:
        self.trials._begin("caretaker", "sms", 0)
        self.rig.collect()
        self.events.append([*others, self.rig.events[-1]])


def test_it_sleeps_while_nothing_is_tried() -> None:
    case = Case()
    assert case.watch.step(5.0) == NEVER
    assert case.sms.asked == []


def test_the_acknowledgement_of_the_begin_itself_ends_the_wait_and_the_link_that_can_is_asked_to_hurry() -> None:
    case = Case()
    case.begin(Event("alarm_begin", 0, "", {"id": 1}))
    assert case.woken == 1
    assert case.watch.step(1.0) == 2.0
    case.events.cursors["mqtt"] = 2  # the alarm before it
    case.watch.step(2.0)
    assert case.trials.running is not None
    assert set(case.sms.asked) == {3}
    case.events.cursors["sms"] = 3
    case.watch.step(3.5)
    verdict = case.trials.verdict
    assert verdict is not None
    assert (verdict.passed, verdict.link, verdict.stored_s) == (True, "sms", 3.5)
    assert case.watch.step(4.0) == NEVER
    assert case.told == [verdict]


def test_until_the_begin_is_on_the_card_nobody_can_have_it() -> None:
    case = Case()
    case.trials._begin("caretaker", "sms", 0)
    case.rig.collect()
    case.events.cursors["mqtt"] = 900
    case.watch.step(1.0)
    assert case.trials.running is not None
    case.events.append([case.rig.events[-1]])
    case.watch.step(2.0)
    assert case.trials.verdict is not None


def test_a_damaged_stretch_before_it_is_stepped_over_and_a_server_that_never_answers_is_not_waited_for_for_ever() -> (
    None
):
    case = Case()
    case.events.damage(2, 3)
    case.begin(Event("x", 0), Event("y", 0))
    case.watch.step(1.0)
    assert case.sms.asked == [4]
    assert case.watch.step(400.0) == NEVER
    assert case.trials.running is not None  # the station's own clock ends it
