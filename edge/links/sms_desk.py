"""People who text the box: who is listed is answered, once, on his own number; who is not gets silence.

A text is dealt with when its answer is in the queue: until then it stays in the mailbox, and after a kill it begins
anew under the same id, by which the station does nothing twice and the queue sends nothing twice. The id comes from
number, service centre's stamp and text: what the network delivers twice is one.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from edge.core.alarm_view import AlarmView
from edge.core.clock import DATED_FROM, TRUST, Clock
from edge.core.commands import Command, Result
from edge.core.entered import RefusedValueError
from edge.core.reply_codes import numbers_by_code
from edge.links.messages import Say
from edge.links.sms_guard import AnswerBudget, LockOut, Tally, masked
from edge.links.sms_ports import Fate, Office, Outlet, Wanted
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

STATION_S: Final = 30.0
"""How long the station may take; then who asked is told to ask again."""
ANSWER_S: Final = 3600.0
"""An answer that did not leave by then is not worth sending any more."""
SEEN_MOST: Final = 500

log = logging.getLogger(__name__)

Codes = Callable[[str, str, Sequence[AlarmView]], Sequence[int] | None]
"""(recipient's id, code, the alarms) -> the numbers that this code was sent for; None: it is no code of his."""


class _Text:
    """A text that is being dealt with."""

    __slots__ = ("is_answered", "is_settled", "key", "person", "until_s")

    def __init__(self, key: str, person: Recipient, until_s: float) -> None:
        self.key = key
        self.person = person
        self.until_s = until_s
        self.is_answered = False
        self.is_settled = False


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
    ) -> None:
        """`site`: its words, in the language of who has none of his own; `facts`: what the box knows of itself."""
        self._people = people
        self._office = office
        self._outlet = outlet
        self._site = site
        self._clock = clock
        self._codes = codes
        self._report = report
        self._facts = facts
        self._say = say
        self._words = words()
        self._texts: dict[str, _Text] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.lock_out = LockOut()
        self.tried = 0
        """Codes that were compared: what a guesser's odds are counted by."""
        self._budget = AnswerBudget()
        self._tally = Tally(say)

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
            text = self._texts[message.id] = _Text(key, person, now_s + STATION_S)
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
                self._answer(text, fitting([self._to(text.person).say("late", box=self._site.box)]))
                due_s = min(due_s, text.until_s)
            elif text.is_settled:
                del self._texts[id_]  # its message is no longer offered
            else:
                text.is_settled, text.until_s = True, now_s + ANSWER_S
        return due_s

    # -- what a text asks for

    def _begin(self, text: _Text, written: str, now_s: float) -> None:
        try:
            order = asked(written, self._words)
            if order.what in CODES:
                self._code(text, order, arguments(order, {})["code"], now_s)
                return
        except UnclearError as exc:
            if self._has_room(text):
                self._answer(text, sms_results.unclear(self._to(text.person), exc))
            return
        if not self._has_room(text):
            return
        if order.what == "report":
            self._answer(text, reported(self._to(text.person), order, self._report))
        elif order.what in QUESTIONS:
            self._gather(text, order, partial(self._question, text, order))
        else:
            self._gather(text, order, partial(self._order, text, order))

    def _gather(self, text: _Text, order: Asked, then: Callable[[Mapping[str, Any]], None]) -> None:
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

    def _guarded(self, text: _Text, act: Callable[[], None]) -> None:
        """Answer what can't be done, whatever it is: a text never stops the link."""
        try:
            act()
        except UnclearError as exc:
            self._answer(text, sms_results.unclear(self._to(text.person), exc))
        except RefusedValueError as exc:
            self._answer(text, sms_results.refused(self._to(text.person), exc.text))
        except Exception:  # a bug: its traceback is in the log, and who asked hears that it did not work
            log.exception("a text message could not be answered")
            text.until_s = 0.0

    def _question(self, text: _Text, order: Asked, views: Mapping[str, Any]) -> None:
        self._answer(text, answer_of(self._to(text.person), order, views, self._facts()))

    def _order(self, text: _Text, order: Asked, views: Mapping[str, Any]) -> None:
        self._command(text, order.what, args_of(order, views), self._done)

    def _command(
        self, text: _Text, verb: str, args: dict[str, Any], then: Callable[[_Text, Command, Result], None]
    ) -> None:
        person = text.person
        command = Command(f"sms-{text.key}", verb, args, person.id, "sms", person.right, proposes=True)
        text.until_s = self._now_s() + STATION_S
        self._office.order(command, partial(then, text, command))

    def _done(self, text: _Text, command: Command, result: Result) -> None:
        to = self._to(text.person)
        if "code" in result.values:
            self._answer(text, sms_results.proposed(to, command, result))
        else:
            self._answer(text, sms_results.done(to, _who(text.person), result), is_done=result.done)

    # -- codes

    def _code(self, text: _Text, order: Asked, code: str, now_s: float) -> None:
        """Let a code count, unless too many wrong ones came."""
        if now_s < self.lock_out.until_s(text.person.number, now_s):
            self._drop(text)
            return
        self.tried += 1
        if order.what == "confirm":
            self._command(text, "confirm", {"code": code}, partial(self._confirmed, code))
        else:
            self._gather(text, order, partial(self._acknowledge, text, code))

    def _confirmed(self, code: str, text: _Text, command: Command, result: Result) -> None:
        if result.text.key == "command_no_proposal":
            self._wrong(text, code)
        else:
            self._done(text, command, result)

    def _acknowledge(self, text: _Text, code: str, views: Mapping[str, Any]) -> None:
        alarms: Sequence[AlarmView] = views["alarms"]
        meant = self._codes(text.person.id, code, alarms)
        if meant is None:
            self._wrong(text, code)
            return
        waiting = [view.number for view in alarms if view.number in meant and _waits(view)]
        if not waiting:
            to = self._to(text.person)
            self._answer(text, fitting([to.say("acked", numbers=sorted(meant))]), is_done=True)
            return
        self._command(text, "ack", {"numbers": waiting}, self._acknowledged)

    def _acknowledged(self, text: _Text, _command: Command, result: Result) -> None:
        said = sms_results.acknowledged(self._to(text.person), _who(text.person), result)
        self._answer(text, said, is_done=result.done)

    def _wrong(self, text: _Text, code: str) -> None:
        locked_s = self.lock_out.wrong(text.person.number, self._now_s())
        if locked_s:
            self._say("sms_lockout", author=text.person.id, for_ms=round(locked_s * 1000))
        if self._has_room(text):
            self._answer(text, sms_results.wrong_code(self._to(text.person), code, locked_s))

    # -- answers

    def _has_room(self, text: _Text) -> bool:
        """Return whether an answer may go; where none may, nothing is asked of the station either."""
        has_room = self._outlet.room("answer") > 0 and self._budget.has_room(text.person.number, self._now_s())
        if not has_room:
            self._drop(text)
        return has_room

    def _drop(self, text: _Text) -> None:
        self._tally.add(self._now_s(), "sms_flood", text.person.id, author=text.person.id)
        text.is_answered = text.is_settled = True

    def _answer(self, text: _Text, said: str, *, is_done: bool = False) -> None:
        """Give the one answer. What a code has done is done, answer or not: it has room of its own."""
        if text.is_answered:
            return
        now_s, number = self._now_s(), text.person.number
        if is_done and not self._budget.has_room(number, now_s, is_done=True):
            self._drop(text)
            return
        text.is_answered, text.until_s = True, now_s + ANSWER_S
        self._budget.note(number, now_s)
        wanted = Wanted(f"a-{text.key}", number, "answer", said, expires_s=now_s + ANSWER_S)

        def told(_key: str, _fate: Fate) -> None:
            text.is_settled = True

        self._outlet.offer(wanted, told)

    def _to(self, person: Recipient) -> Speech:
        is_dated = TRUST.index(self._clock.trust()) >= DATED_FROM
        utc_ms = self._clock.utc_ms() if is_dated else None
        return msgspec.structs.replace(self._site, lang=person.lang or self._site.lang, utc_ms=utc_ms)

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9


def codes_by(secret: bytes) -> Codes:
    """Return what knows the codes of the texts that recipients were sent (`edge.core.reply_codes`)."""
    return lambda who, code, views: numbers_by_code(
        secret, who, code, ((view.number, _waits(view), view.told) for view in views)
    )


def _waits(view: AlarmView) -> bool:
    return not view.acknowledged or view.state == "latched"


def _who(person: Recipient) -> str:
    return person.name or person.id
