"""Whether the gateway lives: when it was heard, when to ask it for a word, and what time it is by that word."""

from __future__ import annotations

from typing import Final

from edge.links.messages import TimeHeard
from edge.links.retained import Feed
from edge.links.sms_sealing import Sealing
from hal.sample import Fix
from sms.forms import Ack
from sms.mailbox import Received

UP_S: Final = 9 * 86_400  # an acknowledgement comes each week
LOST_S: Final = 12 * 86_400  # three questions later: a gateway that lost these keys, or its backup, answers a hello
ASK_AGAIN_S: Final = 86_400
SETTLED_S: Final = 900.0  # after a start what comes in may have lain at the service centre for days
STAMP_ERROR_MS: Final = 120_000


class Hearing:
    """Of one gateway."""

    def __init__(self, feed: Feed, sealing: Sealing) -> None:
        self._feed = feed
        self._sealing = sealing
        self._made_s = feed.clock.monotonic_ns() / 1e9
        self._asked_s: float | None = None

    def is_up(self) -> bool:
        """Return whether the gateway was heard lately enough."""
        heard_ms = self._sealing.memory.heard_ms
        if self._sealing.session.needs_hello or heard_ms is None:
            return False
        return abs(self._feed.clock.utc_ms() - heard_ms) < UP_S * 1000  # heard in a year to come: the clock was ahead

    def ask(self, now_s: float, utc_ms: int) -> None:
        """Ask for an acknowledgement at once where none comes, and for the time where nobody else tells it."""
        memory, is_dated = self._sealing.memory, self._sealing.is_dated()
        heard_ms = memory.heard_ms or memory.since_ms or 0
        # what lies unacknowledged for so long may be lost: the gateway's last word may be too
        is_overdue = bool(memory.held) and is_dated and abs(utc_ms - heard_ms) > UP_S * 1000
        needs_time = not is_dated and now_s - self._made_s > SETTLED_S
        may_ask = self._asked_s is None or now_s - self._asked_s > ASK_AGAIN_S
        if may_ask and (is_overdue or needs_time):
            self._asked_s = now_s
            if is_overdue and abs(utc_ms - heard_ms) > LOST_S * 1000:
                self._sealing.say_hello()
            else:
                self._sealing.ask_at_once()

    def heard(self, message: Received, now_s: float) -> None:
        """Take note that the gateway lives; its service centre's stamp tells the time, unless it may be an old one."""
        self._sealing.memory.heard_ms = self._feed.clock.utc_ms()
        if message.stamp_utc_s is not None and now_s - self._made_s > SETTLED_S:
            self._tell_time(message.stamp_utc_s * 1000, STAMP_ERROR_MS)

    def answered(self, ack: Ack, now_s: float) -> None:
        """Take the time from an answer that was asked for: there and back is known."""
        if ack.is_test and ack.utc_s is not None and self._asked_s is not None:
            took_ms = round((now_s - self._asked_s) * 1000)  # there and back: it was sealed somewhere in between
            self._tell_time(ack.utc_s * 1000 + took_ms // 2, took_ms // 2 + 1000)
            self._asked_s = now_s

    def _tell_time(self, utc_ms: int, error_ms: int) -> None:
        self._feed.post(TimeHeard("sms", Fix("gsm", self._feed.clock.monotonic_ns(), utc_ms, error_ms)))
