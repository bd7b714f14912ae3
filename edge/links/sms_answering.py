"""The one answer to each text: within a budget, to the number that is listed, and known when it is in the queue."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from edge.core.clock import Clock, is_dated
from edge.links.sms_guard import AnswerBudget, Tally
from edge.links.sms_ports import Fate, Outlet, Wanted
from edge.settings import sms_fit
from edge.settings.model_sms import Recipient
from edge.settings.sms_speech import Speech
from sms.gsm7 import MESSAGE

STATION_S: Final = 30.0
"""How long the station may take; then who asked is told to ask again."""
ANSWER_S: Final = 3600.0
"""An answer that did not leave by then is not worth sending any more."""


class Text:
    """A text that is being dealt with."""

    __slots__ = ("has_place", "is_answered", "is_settled", "key", "person", "until_s")

    def __init__(self, key: str, person: Recipient, now_s: float) -> None:
        self.key = key
        self.person = person
        self.until_s = now_s + STATION_S
        self.has_place = False
        """Whether its answer is counted already."""
        self.is_answered = False
        self.is_settled = False

    @property
    def who(self) -> str:
        """What its sender is called."""
        return self.person.name or self.person.id


class Answers:
    """Gives answers, or drops texts where none may be given. `site`: its words, in the site's language."""

    def __init__(self, outlet: Outlet, site: Speech, clock: Clock, tally: Tally) -> None:
        self.site = site
        self._outlet = outlet
        self._clock = clock
        self._tally = tally
        self._budget = AnswerBudget()

    def now_s(self) -> float:
        """Return the monotonic instant."""
        return self._clock.monotonic_ns() / 1e9

    def to(self, text: Text) -> Speech:
        """Return how its sender is answered now."""
        utc_ms = self._clock.utc_ms() if is_dated(self._clock.trust()) else None
        return msgspec.structs.replace(self.site, lang=text.person.lang or self.site.lang, utc_ms=utc_ms)

    def has_room(self, text: Text) -> bool:
        """Return whether an answer may go; where none may, the text is dropped and nothing asked of the station."""
        has_room = self._outlet.room("answer") > 0 and self._budget.has_room(text.person.number, self.now_s())
        if has_room:  # counted now: the station may take a while, and others come meanwhile
            self._budget.note(text.person.number, self.now_s())
            text.has_place = True
        else:
            self.drop(text)
        return has_room

    def drop(self, text: Text) -> None:
        """Leave a text without an answer, and count it."""
        self._tally.add(self.now_s(), "sms_flood", text.person.id, author=text.person.id)
        self.leave(text)

    def leave(self, text: Text) -> None:
        """Let a text be done without an answer: what it began is told by another one."""
        text.is_answered = text.is_settled = True

    def give(self, text: Text, said: str, *, is_done: bool = False) -> None:
        """Give the one answer. What a code has done is done, answer or not: it has room of its own."""
        if text.is_answered:
            return
        now_s, number = self.now_s(), text.person.number
        if is_done and not self._budget.has_room(number, now_s, is_done=True):
            self.drop(text)
            return
        text.is_answered, text.until_s = True, now_s + ANSWER_S
        if not text.has_place:
            self._budget.note(number, now_s)
        if (until_s := self._budget.until_s(number, now_s)) > now_s:
            pause = self._pause(text, until_s - now_s)
            if len(said) + 1 + len(pause) <= MESSAGE:
                said = f"{said} {pause}"
            else:  # nothing of an answer gives way: it may end with a code
                self._outlet.offer(Wanted(f"p-{text.key}", number, "answer", pause, expires_s=now_s + ANSWER_S))
        wanted = Wanted(f"a-{text.key}", number, "answer", said, expires_s=now_s + ANSWER_S)

        def told(_key: str, _fate: Fate) -> None:
            text.is_settled = True

        self._outlet.offer(wanted, told)

    def _pause(self, text: Text, pause_s: float) -> str:
        """Return until when no answer follows."""
        to, minutes = self.to(text), math.ceil(pause_s / 60)
        if to.utc_ms is None:
            return sms_fit.gsm7_of(to.say("pause_min", minutes=minutes))
        return sms_fit.gsm7_of(to.say("pause", at=to.clock(to.utc_ms + minutes * 60_000)))
