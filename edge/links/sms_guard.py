"""What keeps texts from doing harm: wrong codes lock out, answers have a budget, floods are counted. Pure.

A sender's number can be forged; what can't is to read what is sent to it. So a code is what counts, and how often one
may be tried; an answer costs money; and the journal gets one line at the first of many and one an hour with the count.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Final

import msgspec

from edge.core.clock import Clock
from edge.core.types import NEVER
from edge.links.messages import Say
from edge.links.sms_entry import Kept

log = logging.getLogger(__name__)

HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
FREE_MOST: Final = 5
"""Wrong codes of a number before the first pause: a person mistypes."""
PAUSES_S: Final = (300.0, 900.0, 3600.0, 14_400.0, 43_200.0)
"""After each further one; the last again and again. A day without a wrong code takes one back."""
WRONG_A_DAY: Final = 40
"""Of all numbers together: then no code counts until the oldest of them is a day old."""
OWN_ANSWERS: Final = ((HOUR_S, 12), (DAY_S, 30))
ALL_ANSWERS: Final = ((HOUR_S, 24), (DAY_S, 60))
"""Answers to a number, and to all: (in so many seconds, at most). What a code has done is told twice as often."""
APART_MOST: Final = 4
RAW_MOST: Final = 24
"""Messages that can't be read and are journaled as they came, an hour: of a flood the others are counted."""


class _Tried(msgspec.Struct):
    wrong: int = 0
    locked_s: float = 0.0
    last_s: float = 0.0


class _Saved(msgspec.Struct):
    """As it is on the card: instants as seconds before `utc_ms`, locks as seconds after it."""

    utc_ms: int = 0
    numbers: dict[str, _Tried] = {}
    all: list[float] = []


class LockOut:
    """Counts wrong codes. `kept`: a file, written for each code that is tried, of which 40 a day are wrong at most.

    So who can cut a box's power guesses no more codes than who can't.
    """

    def __init__(self, kept: Kept | None = None, clock: Clock | None = None) -> None:
        self._by_number: dict[str, _Tried] = {}
        self._all: deque[float] = deque()
        self._kept, self._clock = kept, clock
        if kept is not None and clock is not None:
            self._load(kept, clock)

    def _load(self, kept: Kept, clock: Clock) -> None:
        try:
            saved = msgspec.convert(kept.load() or {}, _Saved)
        except (msgspec.ValidationError, OSError) as exc:
            log.error("sms: what was tried of codes is forgotten: %s", exc)
            return
        now_s = clock.monotonic_ns() / 1e9
        # a clock that is behind lets locks last, it never ends one
        away_s = max(0.0, (clock.utc_ms() - saved.utc_ms) / 1000)
        for number, tried in saved.numbers.items():
            left_s = tried.locked_s - away_s
            locked_s = now_s + left_s if left_s > 0 else 0.0  # one without a lock is free at this very instant
            self._by_number[number] = _Tried(tried.wrong, locked_s, now_s - tried.last_s - away_s)
        self._all.extend(now_s - ago_s - away_s for ago_s in saved.all)

    def _save(self, now_s: float) -> None:
        if self._kept is None or self._clock is None:
            return
        numbers = {
            number: _Tried(tried.wrong, max(0.0, tried.locked_s - now_s), now_s - tried.last_s)
            for number, tried in self._by_number.items()
            if tried.wrong
        }
        saved = _Saved(self._clock.utc_ms(), numbers, [now_s - at_s for at_s in self._all])
        try:
            self._kept.save(msgspec.to_builtins(saved))
        except OSError as exc:  # it counts all the same, until the next start
            log.warning("sms: a tried code can't be written down: %s", exc)

    def until_s(self, number: str, now_s: float) -> float:
        """Return until when (monotonic) no code of this number counts; an instant that is past: one does."""
        while self._all and self._all[0] <= now_s - DAY_S:
            self._all.popleft()
        everybody_s = self._all[0] + DAY_S if len(self._all) >= WRONG_A_DAY else 0.0
        tried = self._by_number.get(number)
        return max(everybody_s, tried.locked_s if tried else 0.0)

    def may_try(self, number: str, now_s: float) -> bool:
        """Return whether a code counts now. It counts as a wrong one until `right` is said: many may come at once."""
        if now_s < self.until_s(number, now_s):
            return False
        tried = self._by_number.setdefault(number, _Tried(last_s=now_s))
        tried.wrong = max(0, tried.wrong - int((now_s - tried.last_s) // DAY_S)) + 1
        tried.last_s = now_s
        self._all.append(now_s)
        if tried.wrong >= FREE_MOST:
            tried.locked_s = now_s + PAUSES_S[min(tried.wrong - FREE_MOST, len(PAUSES_S) - 1)]
        self._save(now_s)
        return True

    def right(self, number: str, now_s: float) -> None:
        """Take note that the last one tried was no wrong one."""
        tried = self._by_number[number]
        tried.wrong, tried.locked_s = tried.wrong - 1, 0.0
        if self._all:
            self._all.pop()
        self._save(now_s)


class AnswerBudget:
    """How many answers were given lately, to a number and to all."""

    def __init__(self) -> None:
        self._given: dict[str, deque[float]] = {}
        self._all: deque[float] = deque(maxlen=2 * ALL_ANSWERS[-1][1])

    def has_room(self, number: str, now_s: float, *, is_done: bool = False) -> bool:
        """Return whether one more answer may go; `is_done`: it tells what a code has done."""
        times = 2 if is_done else 1
        own = self._given.get(number, deque())
        return _fits(own, OWN_ANSWERS, now_s, times) and _fits(self._all, ALL_ANSWERS, now_s, times)

    def until_s(self, number: str, now_s: float) -> float:
        """Return until when (monotonic) no answer goes to a number; an instant that is past: one may."""
        own = self._given.get(number, deque())
        return max(_full_until_s(own, OWN_ANSWERS, now_s), _full_until_s(self._all, ALL_ANSWERS, now_s))

    def note(self, number: str, now_s: float) -> None:
        """Take note of an answer."""
        self._given.setdefault(number, deque(maxlen=2 * OWN_ANSWERS[-1][1])).append(now_s)
        self._all.append(now_s)


def _fits(given: deque[float], most: tuple[tuple[float, int], ...], now_s: float, times: int) -> bool:
    return all(sum(at_s > now_s - within_s for at_s in given) < times * count for within_s, count in most)


def _full_until_s(given: deque[float], most: tuple[tuple[float, int], ...], now_s: float) -> float:
    until_s = 0.0
    for within_s, count in most:
        lately = sorted(at_s for at_s in given if at_s > now_s - within_s)
        if len(lately) >= count:
            until_s = max(until_s, lately[-count] + within_s)
    return until_s


class _Told(msgspec.Struct):
    until_s: float
    values: dict[str, Any]
    count: int = 0


class Tally:
    """Says something at the first time, then once an hour how often; `due_s` is when `step` has something to say."""

    def __init__(self, say: Say, apart: int = APART_MOST) -> None:
        """`apart`: of so many an hour each is told by itself."""
        self.due_s: float = NEVER
        self._say = say
        self._apart = apart
        self._told: dict[tuple[str, str], _Told] = {}

    def add(self, now_s: float, kind: str, who: str, **values: Any) -> None:
        """Say it, or count it; of more than a few senders an hour the further ones are counted together."""
        if (kind, who) not in self._told and sum(known[0] == kind for known in self._told) >= self._apart:
            who, values = "", {}
        told = self._told.get((kind, who))
        if told is not None:
            told.count += 1
            return
        self._told[kind, who] = _Told(now_s + HOUR_S, values, 0 if who else 1)
        self.due_s = min(self.due_s, now_s + HOUR_S)
        if who:
            self._say(kind, **values)

    def step(self, now_s: float) -> None:
        """Say the counts that are due; who was silent for an hour is forgotten."""
        for key, told in list(self._told.items()):
            if now_s < told.until_s:
                continue
            if told.count:
                self._say(key[0], **told.values, count=told.count)
                told.count, told.until_s = 0, now_s + HOUR_S
            else:
                del self._told[key]
        self.due_s = min((told.until_s for told in self._told.values()), default=NEVER)


def masked(number: str) -> str:
    """Return a number of which a person knows his own and nobody learns a stranger's.

    >>> masked("+33600000012"), masked("VENDOR"), masked("")
    ('+336****0012', 'VENDOR', '')
    """
    if len(number) < 9:
        return number[:11]
    return f"{number[:4]}****{number[-4:]}"[:16]
