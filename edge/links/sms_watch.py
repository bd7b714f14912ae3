"""The modem's watchdog: a part of the SMS link that sees when nothing moves, has the modem woken, and says what it did.

Nothing here touches the modem: units of systemd do (image/vigie-modem-*), asked through `Hands`. The steps are a look
(which begins the daemon anew, and tells what the modem says of itself), a reset of its USB port, its power. When they
are through, it says so by the other path and begins again after a pause. Where nothing seems wrong, the modem is asked
after each message whether that left at all (`sms_mode_check`).
"""

from __future__ import annotations

import logging
from typing import Final, Protocol

import msgspec

from edge.links.messages import Say
from edge.links.sms_cures import LADDERS, RESETS, Answer, Cure, Hands, seen_by
from edge.links.sms_faults import MAILBOX_S, Code, Movement, Moves, fault_of
from edge.links.sms_mode_check import ModeCheck, Unproven
from sms.mailbox import Health, Mailbox, MailboxError, Received

LOOK_S: Final = 15.0
LOOK_URGENT_S: Final = 5.0
CURE_S: Final = 60.0
"""So long a cure has, once it is done, to show: the daemon needs up to 15 s to open a modem and find a network."""
CURE_MOST_S: Final = 120.0
"""A cure that nobody said to be done counts as done: no unit may be there."""
SETTLE_S: Final = 10.0
"""From the port's coming back to where the modem answers of its SIM."""
BACK_S: Final = 900.0
"""A fault that comes so soon after the last one is the same: what was reset and did not help for good is not again."""
PAUSE_S: Final = 600.0
PAUSE_MOST_S: Final = 3600.0
WELL_S: Final = 300.0
"""So long what failed is waited for while all seems well."""
RAW_MOST: Final = 360
"""Hexadecimal digits of a raw message that the journal takes: all of the longest PDU (176 octets)."""

log = logging.getLogger(__name__)


class Trouble(msgspec.Struct):
    """A fault that holds, and how far its cures are."""

    code: Code
    since_s: float
    due_s: float
    """When the next cure is due; of one under way, when it is no longer waited for."""
    rests_s: float
    """All was tried: nothing is before then."""
    said: set[Code]
    tried: set[Cure] = set()
    """In this round."""
    rounds: int = 0
    needs_pin: bool = False
    """The modem was reset, and its SIM asks again."""
    asked: int | None = None
    """Number of the cure under way."""
    seen: Code | None = None
    """What the last look said it is, more exactly."""
    well_s: float | None = None
    """Since when all seems well, but for a message that has still not left."""
    calm_looks: int = 0
    """In a row, at which nothing was wrong and nothing waited."""


class Sends(Protocol):
    """The queue before the modem."""

    @property
    def unproven(self) -> Unproven:
        """Return what was told as sent and is not known to be."""

    def hurry(self) -> None:
        """Let what failed go at once, not only after its pause."""


class SmsWatch:
    """See Member. `hands` is None where nobody can reset the modem: then it is said alone."""

    def __init__(
        self, mailbox: Mailbox, *, say: Say, hands: Hands | None, now_s: float, sends: Sends | None = None
    ) -> None:
        self._mailbox = mailbox
        self._say = say
        self._hands = hands
        self._sends = sends
        self._check = None if hands is None or sends is None else ModeCheck(sends.unproven)
        self._movement = Movement(now_s)
        self._look_s = now_s
        self._answered_s = now_s
        self._number = round(now_s)  # an answer to the service before this one is none of ours
        self._trouble: Trouble | None = None
        self._tried: set[Cure] = set()
        self._tried_until_s = 0.0

    @property
    def code(self) -> str:
        """What is wrong with the modem now; empty when nothing is."""
        return "" if self._trouble is None else self._trouble.code

    def take(self, message: Received, now_s: float) -> bool:
        """No message is for this part."""
        return False

    def step(self, now_s: float) -> float:
        """Look when it is time, and do what is due; return when to look again."""
        if now_s < self._look_s:
            return self._look_s
        health: Health | None
        moves = Moves()
        try:
            health = self._mailbox.health()
            moves = self._movement.moves(health, now_s)
            found = fault_of(health, moves)
            self._answered_s = now_s
        except MailboxError as exc:
            log.debug("%s", exc)  # the link says it
            health = None
            lasts = self._trouble is not None or now_s - self._answered_s > MAILBOX_S
            found = "mailbox" if lasts else None
        if self._hands is not None:
            self._hear(self._hands.answer(), now_s)
        self._judge(found, health, moves, now_s)
        if self._hands is not None and not (self._check and self._check.is_underway):
            if self._trouble is not None:
                self._cure(self._trouble, self._hands, now_s)
            elif self._check is not None and health is not None and self._check.is_due(health, now_s):
                self._asks("mode", self._hands)
                self._check.asks(self._number, now_s)
        is_urgent = health is not None and health.urgent_waiting_s > 0
        is_busy = is_urgent or self._trouble is not None or (self._check is not None and self._check.is_underway)
        self._look_s = now_s + (LOOK_URGENT_S if is_busy else LOOK_S)
        return self._look_s

    def _judge(self, found: Code | None, health: Health | None, moves: Moves, now_s: float) -> None:
        trouble = self._trouble
        if found is None:
            if trouble is not None and trouble.asked is None and self._is_over(trouble, health, moves, now_s):
                self._say("modem_ok", code=trouble.code, lasted_s=round(now_s - trouble.since_s))
                self._tried, self._tried_until_s = trouble.tried & RESETS, now_s + BACK_S
                self._trouble = None
            return
        if trouble is not None:
            trouble.well_s, trouble.calm_looks = None, 0
        else:
            tried = self._tried if now_s < self._tried_until_s and self._tried != RESETS else set()
            trouble = self._trouble = Trouble(found, now_s, now_s, now_s, set(), set(tried))
        if trouble.seen is None and trouble.asked is None and now_s >= trouble.rests_s:
            self._is_called(trouble, found, now_s)

    def _is_over(self, trouble: Trouble, health: Health | None, moves: Moves, now_s: float) -> bool:
        """Return whether what was to leave has left: a modem may seem well until it is handed the next message.

        Else that goes at once, and the next cure is due when it does not leave: the cures don't begin anew.
        """
        if health is None:
            return True
        if moves.unsent_s < now_s - trouble.since_s or not (health.waiting or health.failed_in_a_row):
            trouble.calm_looks += 1  # what failed only just now shows at the next look
            trouble.due_s = max(trouble.due_s, now_s + LOOK_S)
            return trouble.calm_looks > 1
        trouble.calm_looks = 0
        if trouble.well_s is None:
            trouble.well_s = now_s
            if self._sends is not None:
                self._sends.hurry()
        if not health.waiting:
            trouble.due_s = max(trouble.due_s, now_s + CURE_S)
            return now_s >= trouble.well_s + WELL_S
        trouble.due_s = max(trouble.due_s, now_s + CURE_S - min(moves.still_s, now_s - trouble.well_s))
        return False

    def _is_called(self, trouble: Trouble, code: Code, now_s: float) -> None:
        """The same trouble by a better name: what cures that is due at once, what was tried is not tried again."""
        if trouble.code != code:
            trouble.code, trouble.due_s = code, now_s
        if code not in trouble.said:
            trouble.said.add(code)
            self._say("modem_fault", code=code)

    # -- cures

    def _cure(self, trouble: Trouble, hands: Hands, now_s: float) -> None:
        if trouble.asked is not None or now_s < max(trouble.due_s, trouble.rests_s):
            return
        ladder: tuple[Cure, ...] = ("pin",) if trouble.needs_pin else LADDERS.get(trouble.code, ())
        cure = next((cure for cure in ladder if trouble.needs_pin or cure not in trouble.tried), None)
        if cure is None:
            self._rest(trouble, now_s)
            return
        trouble.tried.add(cure)
        trouble.needs_pin = cure in RESETS and hands.has_pin()
        if trouble.rounds == 0:  # the later ones are the same again, without end
            self._say("modem_cure", code=trouble.code, cure=cure)
        trouble.due_s = now_s + CURE_MOST_S
        trouble.asked = self._number if self._asks(cure, hands) else None

    def _asks(self, cure: Cure, hands: Hands) -> bool:
        self._number += 1
        if self._check is not None:
            self._check.stops()
        try:
            hands.ask(cure, self._number)
        except OSError as exc:
            log.error("the modem's %s can't be asked for: %s", cure, exc)
            return False
        return True

    def _rest(self, trouble: Trouble, now_s: float) -> None:
        """Nothing helped: say so once, and look at it anew after a pause: somebody may have been there."""
        trouble.rounds += 1
        pause_s = min(PAUSE_S * 2 ** (trouble.rounds - 1), PAUSE_MOST_S)
        trouble.tried, trouble.seen, trouble.rests_s = set(), None, now_s + pause_s
        if trouble.rounds == 1:
            self._say("modem_given_up", code=trouble.code, again_s=round(pause_s))

    def _hear(self, answer: Answer | None, now_s: float) -> None:
        """Take in what came of what was asked for."""
        trouble = self._trouble
        if self._check is not None and self._check.hears(answer, now_s):
            self._say("modem_fault", code="text_mode")
            self._say("modem_ok", code="text_mode", lasted_s=0)
        if trouble is not None and trouble.asked is not None:
            if answer is not None and answer.number == trouble.asked:
                self._came(trouble, answer, now_s)
            elif now_s >= trouble.due_s:
                trouble.asked = None

    def _came(self, trouble: Trouble, answer: Answer, now_s: float) -> None:
        """Take in what came of a cure; what it found names the trouble better."""
        for raw in answer.modem.get("drained", []):
            self._say("sms_unread", why="stuck", number="", raw=str(raw)[:RAW_MOST])
        trouble.asked, trouble.due_s = None, now_s + (SETTLE_S if trouble.needs_pin else CURE_S)
        if self._check is not None and self._check.learns(answer, now_s):
            due_s, trouble.seen = trouble.due_s, "text_mode"
            self._is_called(trouble, "text_mode", now_s)
            trouble.due_s = due_s  # what found it has ended it
            trouble.tried.add("look")
            return
        better = seen_by(answer, trouble.code)
        if better is not None:
            trouble.seen = better
            self._is_called(trouble, better, now_s)
