"""The SMS link: a worker that gives its members what the modem brought, and the modem's owner what they want sent.

It knows the modem through `sms.mailbox.Mailbox` only and time through the instants it is given, so that the simulator
runs the same object through a virtual month. The order of a step is what makes each message count once: members deal
with what came in, their answers and "dealt with" become durable in one write, and only then does the mailbox forget.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from edge.core.clock import Clock
from edge.core.types import NEVER
from edge.links.messages import Say
from edge.links.problems import Problems
from edge.links.sms_guard import RAW_MOST, Tally
from edge.links.sms_people import People
from edge.links.sms_ports import Member
from edge.links.sms_queue import Queue
from edge.links.sms_watch import SmsWatch
from edge.settings.model_sms import SmsLink as SmsSettings
from sms.mailbox import Health, Mailbox, MailboxError, Received

POLL_S: Final = 5.0
RETRY_S: Final = 30.0
TRIES: Final = 3  # a message at which a part fails so often is put aside, or it would stop the link for ever
HEX_MOST: Final = 280

log = logging.getLogger(__name__)


class Speaking(Protocol):
    """The member that speaks with the gateway, as the link's status tells it."""

    signal: int | None
    """How well the modem hears, in percent; the link sets it, the gateway's operator reads it."""

    def is_up(self, now_s: float) -> bool:
        """Return whether the gateway has acknowledged lately enough."""

    def status(self) -> dict[str, Any]:
        """Return what the gateway has and what waits for it: acked, waiting, last_ack_utc_ms, pairing and more."""

    def problems(self) -> frozenset[str]:
        """Return the codes of what is wrong between box and gateway."""

    def ask_stored(self, seq: int) -> None:
        """Have the gateway acknowledge the events up to this one at once; from any thread."""

    def close(self) -> None:
        """Write down what is to be written down. Raises OSError."""


class SmsLink:
    """One modem. `step` is called when something is due or a log has committed.

    `replies` gives the members what the station answered; `speaking` is the member that knows what the gateway has;
    `damaged`: files of its own that this start found damaged.
    """

    name = "sms"

    def __init__(
        self,
        settings: SmsSettings,
        mailbox: Mailbox,
        queue: Queue,
        members: Sequence[Member] = (),
        *,
        clock: Clock,
        say: Say,
        poll_s: float = POLL_S,
        replies: Callable[[], object] = lambda: None,
        speaking: Speaking | None = None,
        damaged: Sequence[str] = (),
    ) -> None:
        self._settings = settings
        self._mailbox = mailbox
        self.queue = queue
        self._members = list(members)
        self._clock = clock
        self._say = say
        self.speaking = speaking
        self._damaged = sorted(damaged)
        self._problems = Problems(self.name, say)
        self._tries: dict[str, int] = {}
        self._health: Health | None = None
        self._done: list[str] = []
        self._period_s = poll_s
        self._replies = replies
        self._poll_s = 0.0
        self._is_up: bool | None = None
        self._since_s = clock.monotonic_ns() / 1e9
        self._state = "opening"
        self._unread = Tally(say, RAW_MOST)

    # -- the worker

    def step(self, now_s: float) -> float:
        """Deal with what came in, let every member do what is due, send what may go; return when to be called again."""
        if self._state == "closed":
            return NEVER
        try:
            due_s = self._worked(now_s)
        except (MailboxError, OSError) as exc:
            code = "mailbox" if isinstance(exc, MailboxError) else "store_degraded"
            if self._problems.changed({code} | self._spoken_problems()):
                log.warning("sms: %s", exc)
            return now_s + RETRY_S
        self._problems.changed(self._spoken_problems())
        self._tell_state(now_s)
        return due_s

    def _spoken_problems(self) -> frozenset[str]:
        return frozenset() if self.speaking is None else self.speaking.problems()

    def _worked(self, now_s: float) -> float:
        self._replies()
        looks = now_s >= self._poll_s
        if looks:
            self._poll_s = now_s + self._period_s
            trouble = self._look(now_s)
        else:
            trouble = None
        # also without a mailbox: who watches the modem must see that
        due_s = min((member.step(now_s) for member in self._members), default=NEVER)
        if trouble is not None:
            raise trouble
        self._unread.step(now_s)
        due_s = min(due_s, self.queue.step(now_s, looks=looks), self._poll_s)
        if self._done:
            self._forget()
        return due_s

    def _look(self, now_s: float) -> MailboxError | None:
        """Take in what the mailbox has; return why it can't be used."""
        try:
            if self._done and self.queue.is_durable:  # of a step before, which did not come so far
                self._forget()
            self._health = self._mailbox.health()
            if self.speaking is not None:
                self.speaking.signal = self._health.signal
            self._done = [message.id for message in self._mailbox.received() if self._dealt_with(message, now_s)]
        except MailboxError as exc:
            return exc
        return None

    def _forget(self) -> None:
        self._mailbox.done(self._done)
        self.queue.forgot(self._done)
        self._done = []

    def _dealt_with(self, message: Received, now_s: float) -> bool:
        """Give a message to the member whose it is; True: it is dealt with, and be it that it is nobody's."""
        if not self.queue.is_new(message.id):
            return True
        self._tries[message.id] = tries = self._tries.get(message.id, 0) + 1
        answers = () if tries > TRIES else (member.take(message, now_s) for member in self._members)
        try:
            answer = next((answer for answer in answers if answer is not False), False)
        except OSError:  # the card takes nothing: no fault of the message, which waits
            self._tries[message.id] -= 1
            raise
        del self._tries[message.id]
        if answer is None:
            return False
        if not answer:
            why = "fault" if tries > TRIES else "nobody"
            values = {"why": why, "number": message.number[-4:], "raw": message.octets.hex()[:HEX_MOST]}
            self._unread.add(now_s, "sms_unread", message.id, **values)
        self.queue.took(message.id)
        return True

    def filenos(self) -> list[int]:
        """Return no descriptor: the modem's owner is asked every few seconds."""
        return []

    def close(self) -> None:
        """Give the mailbox back; what waits is on the card."""
        self._state = "closed"
        if self.speaking is not None:
            with contextlib.suppress(OSError):  # then counters are left out, and none is used twice
                self.speaking.close()
        self._mailbox.close()

    def ask_stored(self, seq: int) -> None:
        """Have the gateway acknowledge the events up to this one at once; from any thread."""
        if self.speaking is not None:
            self.speaking.ask_stored(seq)

    # -- how it is

    def _tell_state(self, now_s: float) -> None:
        is_up = self.speaking.is_up(now_s) if self.speaking is not None else self._is_running()
        if is_up == self._is_up:
            return
        down_s = round(now_s - self._since_s)
        if is_up:
            self._say("link_up", down_s=0 if self._is_up is None else down_s)
        elif self._is_up is not None:
            self._say("link_down", code="unacknowledged" if self._is_running() else "modem")
        self._is_up, self._since_s = is_up, now_s
        self._state = "up" if is_up else "down"

    def _is_running(self) -> bool:
        return self._health is not None and self._health.is_running

    def status(self) -> dict[str, Any]:
        """Return the link's state for the API, as the MQTT link's is, with budget, price and signal."""
        day = self.queue.today()
        account = self.queue.account
        today, month = account.days.get(day), account.month(day)
        health = self._health
        spoken = {} if self.speaking is None else self.speaking.status()
        told = [member.last for member in self._members if isinstance(member, People)]
        ago_ms = self._clock.monotonic_ns() // 1_000_000 - round(self._since_s * 1000)
        return {
            "link": self.name,
            "state": self._state,
            "code": "" if self._state == "up" else self._code(is_paired=spoken.get("paired", True)),
            "since_utc_ms": self._clock.utc_ms() - ago_ms,
            "problems": sorted(self._problems.codes),
            "last_ack_utc_ms": None,
            "waiting": {"messages": self.queue.waiting()},
            "acked": {},
            "budget": {
                "today": 0 if today is None else today.sent, "per_day": account.budget.per_day,
                "month": month.sent, "per_month": account.budget.per_month, "came": month.came,
                "price": self._settings.price, "currency": self._settings.currency,
                "cost": round((month.sent + month.came) * self._settings.price, 2),
            },
            "signal": None if health is None else health.signal,
            "signal_text": "" if health is None or health.signal is None else f"GSM {-(-health.signal // 20)}/5",
            "operator": "" if health is None else health.operator,
            "last_text": next((msgspec.to_builtins(found) for found in told if found is not None), None),
            "modem": next((member.code for member in self._members if isinstance(member, SmsWatch)), ""),
            "damaged": self._damaged,
            **spoken,
        }  # fmt: skip

    def _code(self, *, is_paired: bool) -> str:
        if self._problems.codes:
            return min(self._problems.codes)
        if self._state == "opening":
            return ""
        if self._is_running() and not is_paired:
            return "unpaired"
        return "unacknowledged" if self._is_running() else "modem"
