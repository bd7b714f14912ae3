"""Asks the modem in which mode it is, some time after a message left: text mode, and it went nowhere."""

from __future__ import annotations

import logging
from typing import Final, Protocol

from edge.core.types import NEVER
from edge.links.sms_cures import Answer
from sms.mailbox import Health

PATIENCE_S: Final = 60.0
"""So long it waits for a moment in which nothing is being sent: who stops gammu-smsd then has a message go twice."""
ANSWER_S: Final = 60.0
AGAIN_S: Final = 600.0
"""After an answer that told nothing."""

log = logging.getLogger(__name__)


class Unproven(Protocol):
    """What was told as sent and is not known to be: `sms_unproven.Unproven`."""

    is_asked_for: bool

    def due_s(self) -> float:
        """Return the instant at which the modem is to be asked; NEVER when nothing left."""

    def keys(self) -> list[str]:
        """Return what is not known yet."""

    def proved(self, keys: list[str]) -> None:
        """Take note that these left well."""

    def again(self, now_s: float) -> int:
        """Have all that is not known sent again; return how many."""


class ModeCheck:
    """One question at a time, its number and answer are the watchdog's."""

    def __init__(self, unproven: Unproven) -> None:
        self._unproven = unproven
        unproven.is_asked_for = True
        self._keys: list[str] = []
        self._number: int | None = None
        self._until_s = 0.0
        self._not_before_s = 0.0

    @property
    def is_underway(self) -> bool:
        """Return whether the daemon is stopped for it."""
        return self._number is not None

    def due_s(self) -> float:
        """Return when to ask; NEVER when nothing left."""
        due_s = self._unproven.due_s()
        return due_s if due_s == NEVER else max(due_s, self._not_before_s)

    def is_due(self, health: Health, now_s: float) -> bool:
        """Return whether to ask now."""
        due_s = self.due_s()
        return now_s >= due_s and (not health.waiting or now_s >= due_s + PATIENCE_S)

    def stops(self) -> None:
        """Take note that the daemon is stopped now, for whatever: what left before is what an answer speaks of."""
        self._keys = self._unproven.keys()

    def asks(self, number: int, now_s: float) -> None:
        """Take note that the mode is asked for under this number."""
        self._number, self._until_s = number, now_s + ANSWER_S

    def hears(self, answer: Answer | None, now_s: float) -> bool:
        """Take in what came of the question; return whether the modem was in text mode."""
        if answer is not None and answer.number == self._number:
            self._number = None
            return self.learns(answer, now_s)
        if self._number is not None and now_s >= self._until_s:
            log.warning("nobody asked the modem for its mode")
            self._number, self._not_before_s = None, now_s + AGAIN_S
        return False

    def learns(self, answer: Answer, now_s: float) -> bool:
        """Take in the mode that any look found; return whether messages were lost to it, which go again now.

        Text mode alone is nothing: each modem begins in it, and gammu-smsd ends it when it has its first message.
        """
        is_text_mode = answer.modem.get("text_mode")
        if is_text_mode is None:
            self._not_before_s = now_s + AGAIN_S
        if is_text_mode is False:
            self._unproven.proved(self._keys)
        count = self._unproven.again(now_s) if is_text_mode else 0
        if count:
            log.warning("the modem was in text mode: %d messages go again", count)
        return count > 0
