"""People who text the box: who is listed is answered, once, on his own number; who is not gets silence.

A text is dealt with when its answer is in the queue: until then it stays in the mailbox, and after a kill it begins
anew under the same id, by which the station does nothing twice and the queue sends nothing twice. The id comes from
number, service centre's stamp and text: what the network delivers twice is one.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from edge.core.alarm_view import AlarmView
from edge.core.clock import Clock
from edge.core.commands import Command, Result
from edge.core.entered import RefusedValueError
from edge.core.reply_codes import numbers_by_code
from edge.links.messages import Say
from edge.links.sms_answering import ANSWER_S, STATION_S, Answers, Text
from edge.links.sms_entry import Kept
from edge.links.sms_guard import LockOut, Tally, masked
from edge.links.sms_ports import Office, Outlet
from edge.links.sms_senders import key_of, listed
from edge.links.sms_words import CODES, NEEDS, QUESTIONS, Reports, args_of, reported, words
from edge.links.sms_words import answer as answer_of
from edge.settings import sms_results
from edge.settings.model_sms import Recipient
from edge.settings.sms_answers import BoxFacts
from edge.settings.sms_speech import Speech, fitting
from sms.arguments import arguments
from sms.commands import Asked, UnclearError, asked
from sms.mailbox import Received

SEEN_MOST: Final = 500
FOLLOWS: Final = "trial_begun"
"""A result whose outcome is texted to who asked when it is there."""

log = logging.getLogger(__name__)

Codes = Callable[[str, str, Sequence[AlarmView]], Sequence[int] | None]
"""(recipient's id, code, the alarms) -> the numbers that this code was sent for; None: it is no code of his."""


class Desk:
    """A member of the SMS link."""

    def __init__(
        self,
        people: Sequence[Recipient],
        office: Office,
        outlet: Outlet,
        site: Speech,
        *,
        clock: Clock,
        say: Say,
        codes: Codes,
        report: Reports,
        facts: Callable[[], BoxFacts] = BoxFacts,
        tries: Kept | None = None,
    ) -> None:
        """`site`: its words, in the language of who has none of his own; `facts`: what the box knows of itself.

        `tries`: the file in which wrong codes are counted.
        """
        self._people = people
        self._office = office
        self._codes = codes
        self._report = report
        self._facts = facts
        self._say = say
        self._clock = clock
        self._words = words()
        self._texts: dict[str, Text] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.lock_out = LockOut(tries, clock)
        self._locked_s: dict[str, float] = {}
        self.tried = 0
        """Codes that were compared: what a guesser's odds are counted by."""
        self._tally = Tally(say)
        self._answers = Answers(outlet, site, clock, self._tally)

    # -- the member

    def take(self, message: Received, now_s: float) -> bool | None:
        """Take a text; True: dealt with, None: it waits for the station or the queue, False: it is none."""
        if message.octets:
            return False
        text = self._texts.get(message.id)
        if text is None:
            person = listed(message.number, self._people)
            if person is None:
                number = masked(message.number)
                self._tally.add(now_s, "sms_stranger", number, number=number)
                return True
            key = key_of(message)
            if key in self._seen:
                return True
            self._seen[key] = None
            while len(self._seen) > SEEN_MOST:
                self._seen.popitem(last=False)
            text = self._texts[message.id] = Text(key, person, now_s)
            self._guarded(text, partial(self._begin, text, message.text, now_s))
        if not text.is_settled:
            return None
        del self._texts[message.id]
        return True

    def step(self, now_s: float) -> float:
        """Say what is counted, and give up what nobody answers; return when there is something to do."""
        self._tally.step(now_s)
        due_s = self._tally.due_s
        for id_, text in list(self._texts.items()):
            if now_s < text.until_s:
                due_s = min(due_s, text.until_s)
            elif not text.is_answered:
                self._answers.give(text, fitting([self._answers.to(text).say("late", box=self._answers.site.box)]))
                due_s = min(due_s, text.until_s)
            elif text.is_settled:
                del self._texts[id_]  # its message is no longer offered
            else:
                text.is_settled, text.until_s = True, now_s + ANSWER_S
        return due_s

    # -- what a text asks for

    def _begin(self, text: Text, written: str, now_s: float) -> None:
        try:
            order = asked(written, self._words)
            if order.what in CODES:
                self._code(text, order, arguments(order, {})["code"], now_s)
                return
        except UnclearError as exc:
            if self._answers.has_room(text):
                self._answers.give(text, sms_results.unclear(self._answers.to(text), exc))
            return
        if not self._answers.has_room(text):
            return
        if order.what == "report":
            self._answers.give(text, reported(self._answers.to(text), order, self._report))
        elif order.what in QUESTIONS:
            self._gather(text, order, partial(self._question, text, order))
        else:
            self._gather(text, order, partial(self._order, text, order))

    def _gather(self, text: Text, order: Asked, then: Callable[[Mapping[str, Any]], None]) -> None:
        """Ask the station for all views that are needed, and go on when they are there."""
        needs, found = NEEDS.get(order.what, ()), dict[str, Any]()

        def take(name: str, view: Any) -> None:
            found[name] = view
            if len(found) == len(needs) and not text.is_answered:
                self._guarded(text, partial(then, found))

        if not needs:
            then(found)
        for name in needs:
            self._office.ask(name, partial(take, name))

    def _guarded(self, text: Text, act: Callable[[], None]) -> None:
        """Answer what can't be done, whatever it is: a text never stops the link."""
        try:
            act()
        except UnclearError as exc:
            self._answers.give(text, sms_results.unclear(self._answers.to(text), exc))
        except RefusedValueError as exc:
            self._answers.give(text, sms_results.refused(self._answers.to(text), exc.text))
        except Exception:  # a bug: its traceback is in the log, and who asked hears that it did not work
            log.exception("a text message could not be answered")
            text.until_s = 0.0

    def _question(self, text: Text, order: Asked, views: Mapping[str, Any]) -> None:
        self._answers.give(text, answer_of(self._answers.to(text), order, views, self._facts()))

    def _order(self, text: Text, order: Asked, views: Mapping[str, Any]) -> None:
        self._command(text, order.what, args_of(order, views), self._done)

    def _command(
        self, text: Text, verb: str, args: dict[str, Any], then: Callable[[Text, Command, Result], None]
    ) -> None:
        person = text.person
        command = Command(f"sms-{text.key}", verb, args, person.id, "sms", person.right, proposes=True)
        text.until_s = self._answers.now_s() + STATION_S

        def take(result: Result) -> None:
            self._guarded(text, partial(then, text, command, result))

        self._office.order(command, take)

    def _done(self, text: Text, command: Command, result: Result) -> None:
        to = self._answers.to(text)
        if result.text.key == FOLLOWS:
            self._answers.leave(text)
        elif "code" in result.values:
            self._answers.give(text, sms_results.proposed(to, command, result))
        else:
            self._answers.give(text, sms_results.done(to, text.who, result), is_done=result.done)

    # -- codes

    def _code(self, text: Text, order: Asked, code: str, now_s: float) -> None:
        """Let a code count, unless too many wrong ones came."""
        if not self.lock_out.may_try(text.person.number, now_s):
            self._answers.drop(text)
            return
        self.tried += 1
        if order.what == "confirm":
            self._command(text, "confirm", {"code": code}, partial(self._confirmed, code))
        else:
            self._gather(text, order, partial(self._acknowledge, text, code))

    def _confirmed(self, code: str, text: Text, command: Command, result: Result) -> None:
        if result.text.key == "command_no_proposal":
            self._wrong(text, code)
        else:
            self.lock_out.right(text.person.number, self._clock.monotonic_ns() / 1e9)
            self._done(text, command, result)

    def _acknowledge(self, text: Text, code: str, views: Mapping[str, Any]) -> None:
        alarms: Sequence[AlarmView] = views["alarms"]
        meant = self._codes(text.person.id, code, alarms)
        if meant is None:
            self._wrong(text, code)
            return
        self.lock_out.right(text.person.number, self._clock.monotonic_ns() / 1e9)
        waiting = [view.number for view in alarms if view.number in meant and _waits(view)]
        if not waiting:
            to = self._answers.to(text)
            self._answers.give(text, fitting([to.say("acked", numbers=sorted(meant))]), is_done=True)
            return
        self._command(text, "ack", {"numbers": waiting}, self._acknowledged)

    def _acknowledged(self, text: Text, _command: Command, result: Result) -> None:
        said = sms_results.acknowledged(self._answers.to(text), text.who, result)
        self._answers.give(text, said, is_done=result.done)

    def _wrong(self, text: Text, code: str) -> None:
        """Say that a code is none; of those of one lock-out one says so, and so does the journal."""
        now_s, person = self._answers.now_s(), text.person
        until_s = self.lock_out.until_s(person.number, now_s)
        pause_s = 0.0
        if until_s > now_s and self._locked_s.get(person.id) != until_s:
            self._locked_s[person.id] = until_s
            pause_s = math.ceil((until_s - now_s) / 60) * 60
            self._say("sms_lockout", author=person.id, for_ms=pause_s * 1000)
        if self._answers.has_room(text):
            self._answers.give(text, sms_results.wrong_code(self._answers.to(text), code, pause_s))


def codes_by(secret: bytes) -> Codes:
    """Return what knows the codes of the texts that recipients were sent (`edge.core.reply_codes`)."""
    return lambda who, code, views: numbers_by_code(
        secret, who, code, ((view.number, _waits(view), view.told) for view in views)
    )


def _waits(view: AlarmView) -> bool:
    return not view.acknowledged or view.state == "latched"
