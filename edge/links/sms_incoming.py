"""What comes from the gateway: its word on the keys, acknowledgements, orders.

Each is taken in one write with what it did. What can't be opened is told once, with its octets, and changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from edge.links.retained import Feed
from edge.links.sms_events import EventTail
from edge.links.sms_guard import RAW_MOST, Tally
from edge.links.sms_hearing import Hearing
from edge.links.sms_orders import Orders
from edge.links.sms_reports import base_of
from edge.links.sms_sealing import Sealing
from edge.links.sms_values import Values
from hal.sample import Notice
from sms.forms import Ack, Answer, Event, Events, Order, body, form_of
from sms.hello import is_refusal
from sms.mailbox import Received
from sms.seal import SealError
from sms.session import Opened
from sms.wire import Type, WireError

JUST_NOW_MS: Final = 600_000
HEX_MOST: Final = 280

log = logging.getLogger(__name__)


class Incoming:
    """Of one gateway. `look`: what came lets something leave, and the next step is to look for it."""

    def __init__(
        self, feed: Feed, sealing: Sealing, values: Values, *, tail: EventTail, orders: Orders, hearing: Hearing,
        look: Callable[[], None],
    ) -> None:  # fmt: skip
        self._feed = feed
        self._sealing = sealing
        self._session = sealing.session
        self._values = values
        self._tail = tail
        self._orders = orders
        self._hearing = hearing
        self._look = look
        self._tally = Tally(self._say, RAW_MOST)
        self.refused = 0

    def step(self, now_s: float) -> float:
        """Tell what is counted, when that is due; return when it is next."""
        self._tally.step(now_s)
        return self._tally.due_s

    def take(self, message: Received, now_s: float) -> bool | None:
        """See Member."""
        if not message.octets:
            return False
        try:
            opened = self._session.open(message.octets)
            form = None if opened.header.type is Type.HELLO else form_of(opened.header.type, opened.body)
        except (SealError, WireError) as exc:
            self._refuse(message, exc, now_s)
            return True
        if isinstance(form, Order):
            return self._carried_out(opened, form, message, now_s)
        self._hearing.heard(message, now_s)
        if form is None:
            if is_refusal(message.octets):
                self._refused()
            else:
                self._agree(opened)
            return True
        if isinstance(form, Ack):
            self._acknowledged(form, now_s)
        else:
            log.warning("sms: a message of type %s is none for a box", opened.header.type.name)
        self._session.accept(opened.header.counter)
        self._sealing.keep()
        return True

    def _refused(self) -> None:
        """The gateway knows this box's id by another key: of a second box from the same card, or of one replaced."""
        memory = self._sealing.memory
        was_told = memory.refused_boot is not None
        memory.refused_boot = self._feed.clock.boot
        self._sealing.keep()
        if not was_told:
            log.error("sms: the gateway knows the id %s by another key", self._feed.box)
            self._say("duplicate_id", seen="gateway")

    def _agree(self, opened: Opened) -> None:
        memory = self._sealing.memory
        if memory.refused_boot is not None:
            memory.refused_boot = None
            self._say("duplicate_id_end")
        was_new = memory.since_ms is None
        lost_below = self._session.lost_below
        answer = self._session.agree(opened)
        if self._session.lost_below != lost_below:  # the gateway has no key of before, and maybe no schema
            self._values.say_again()
        utc_ms = self._feed.clock.utc_ms()
        if answer is not None:
            self._sealing.hold(answer, "machine")
        if was_new:
            memory.since_ms = utc_ms
            self._tail.read()
            self._tail.keep_newest()
            self._say("sms_paired", number=self._session.number)
        self._look()
        self._sealing.keep()

    def _acknowledged(self, ack: Ack, now_s: float) -> None:
        self._look()  # the events' cursor moves at the next step
        utc_ms = self._feed.clock.utc_ms()
        out, missing = self._sealing.out, set(ack.missing)
        out.acknowledged(ack.settled, ack.missing)
        out.put_together(missing)
        out.seal_again(missing, self._session.lost_below, self._session.resealed, utc_ms)
        out.repeat(missing, utc_ms, utc_ms - (0 if ack.is_test else JUST_NOW_MS))
        for first, last in out.newly_gone(ack.missing):
            gap = Event(0, "sms_gap", "", None, "", {"first": first, "last": last})
            self._sealing.seal(Type.ALARM, body(Events((gap,))), "machine", base_s=base_of(utc_ms))
        if ack.train is not None:
            self._values.learn(ack.train)
        self._hearing.answered(ack, now_s)

    def _carried_out(self, opened: Opened, order: Order, message: Received, now_s: float) -> bool | None:
        counter = opened.header.counter
        answer = self._orders.answer(counter, order, now_s)
        if answer is None:
            return None
        self._hearing.heard(message, now_s)
        done, text = answer
        self._sealing.seal(Type.REPLY, body(Answer(counter, done, text)), "answer")
        self._session.accept(counter)
        self._sealing.keep()
        self._orders.forget(counter)
        return True

    def _refuse(self, message: Received, exc: SealError | WireError, now_s: float) -> None:
        reason = exc.reason if isinstance(exc, SealError) else "unreadable"
        self.refused += 1
        if reason != "repeat":
            log.warning("sms: from …%s: %s", message.number[-4:], exc)
            raw = message.octets.hex()[:HEX_MOST]
            values = {"why": reason, "number": message.number[-4:], "raw": raw}
            self._tally.add(now_s, "sms_refused", message.id, **values)

    def _say(self, kind: str, **values: Any) -> None:
        self._feed.post(Notice(kind, self._feed.clock.monotonic_ns(), {"link": "sms", **values}))
