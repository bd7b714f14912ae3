"""The box's side of the conversation with its gateway: pairing, schema, values by plan, alarms at once, orders.

What is sealed is written down with the counters it used, then offered to the queue, and kept until the gateway says
that it is stored. What comes in is taken in one write with what it did. With an MQTT link that carries, nothing but
the pairing goes this way; when that has been silent for `after_s`, values do, and when it is back they stop: what lies
in between comes by MQTT.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from datetime import tzinfo
from typing import Any, Final, Literal, TypeAlias

from edge.core.series import HistoryReader
from edge.links.retained import Feed
from edge.links.sms_events import EventTail
from edge.links.sms_greeting import Greeting
from edge.links.sms_hearing import Hearing
from edge.links.sms_incoming import Incoming
from edge.links.sms_memory import Outbound
from edge.links.sms_orders import Orders
from edge.links.sms_ports import Office, Outlet, Purpose
from edge.links.sms_reports import base_of
from edge.links.sms_sealing import Pairing, Sealing, session_of
from edge.links.sms_values import Values
from edge.settings.model_sms import SmsLink as SmsSettings
from sms.forms import FACTS, Event, Events, body, fitted
from sms.keys import public_of
from sms.mailbox import Received
from sms.wire import Type, WireError

LOOK_S: Final = 600.0  # at least so often; commits wake the link
LOOK_BESIDE_S: Final = 60.0  # beside MQTT, whose silence begins at any time
HURRY_AGAIN_S: Final = 90.0  # a trial waits for five minutes
NO_MORE_S: Final = 3600.0
SURE_S: Final = 60.0  # MQTT that has been silent for less may only be connecting anew

Way: TypeAlias = Literal["mqtt", "unsure", "alarms", "all"]
"""What goes by SMS: nothing, as MQTT carries; nothing yet; alarms only; all."""

log = logging.getLogger(__name__)


class Sync:
    """One gateway. See `sms_ports.Member` and `sms.Speaking`."""

    def __init__(
        self,
        settings: SmsSettings,
        feed: Feed,
        history: HistoryReader,
        *,
        pairing: Pairing,
        outlet: Outlet,
        office: Office,
        zone: tzinfo,
        version: str = "",
        mqtt_silent_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        """`mqtt_silent_s`: for how long MQTT has not carried, 0: it does, None: there is none.

        Raises ValueError for a gateway's key that is none, or a saved session that is none.
        """
        self._settings = settings
        self._feed = feed
        self._clock = feed.clock
        self._mqtt_silent_s = mqtt_silent_s
        self._identity = pairing.identity
        self._out = Outbound(pairing.kept, settings.gateway_key, settings.gateway, outlet)
        self._session = session_of(pairing, public_of(settings.gateway_key), feed.box, self._out)
        self._sealing = Sealing(self._out, self._session, feed.clock, version)
        self._greeting = Greeting(self._sealing)
        self._values = Values(settings, feed, history, zone, sealing=self._sealing, outlet=outlet)
        self._tail = EventTail(feed.events, feed.dating, feed.clock)
        self._tail.begin(self._out.memory.events)
        self._hearing = Hearing(feed, self._sealing)
        self._incoming = Incoming(
            feed, self._sealing, self._values, tail=self._tail, orders=Orders(office, feed.clock, feed.site.lang),
            hearing=self._hearing, look=self._look,
        )  # fmt: skip
        self.signal: int | None = None
        self._look_s = 0.0
        self._wanted_seq = self._hurried_seq = 0
        self._hurried_s = 0.0
        self._cursor = 0

    # -- Member

    def step(self, now_s: float) -> float:
        """See Member."""
        return min(self._incoming.step(now_s), self._step(now_s))

    def _step(self, now_s: float) -> float:
        if self._session.needs_hello:
            self._greeting.step(now_s, self._wanted_seq)
            return now_s + 3600.0
        self._tail.read()
        if self._tail.index_moved_s:
            self._out.memory.index_moved_s, self._tail.index_moved_s = self._tail.index_moved_s, 0
        is_hurried = self._wanted_seq > self._hurried_seq
        has_news = self._tail.is_urgent() or self._out.is_changed or self._out.is_new
        if now_s < self._look_s and not (has_news or is_hurried):
            return self._look_s
        utc_ms = self._clock.utc_ms()
        silent_s = self._mqtt_silent_s()
        way = self._way(silent_s)
        self._look_s = now_s + (LOOK_S if silent_s is None else LOOK_BESIDE_S)
        before, waiting = copy.copy(self._out.memory), list(self._tail.waiting)
        before.held, before.lessons = list(before.held), list(before.lessons)
        try:
            self._make(way, now_s, utc_ms, is_hurried=is_hurried and self._tail.seq >= self._wanted_seq)
        except BaseException:  # half of it must not be taken for all: the next step makes it anew
            self._out.undone(before)
            self._tail.waiting = waiting
            self._look_s = 0.0
            raise
        if self._cursor < self._hurried_seq and now_s - self._hurried_s >= HURRY_AGAIN_S:
            self._hurried_s = now_s + NO_MORE_S  # once: the message or its answer may have been lost
            self._out.repeat({held.counter for held in self._out.memory.held if held.purpose == "test"}, utc_ms, utc_ms)
        if not self._tail.waiting:  # else a restart reads these again
            self._out.memory.events = (self._tail.stream, self._tail.seq)
        self._out.flush()
        self._move_cursor()
        if self._cursor < self._hurried_seq:
            self._look_s = min(self._look_s, max(now_s + 1.0, self._hurried_s + HURRY_AGAIN_S))
        self._look_s = min(self._look_s, now_s + self._values.pause_s(utc_ms))
        return self._look_s

    def take(self, message: Received, now_s: float) -> bool | None:
        """See Member."""
        return self._incoming.take(message, now_s)

    # -- Speaking

    def ask_stored(self, seq: int) -> None:
        """See Speaking."""
        self._wanted_seq = seq

    def is_up(self, now_s: float) -> bool:
        """See Speaking."""
        return self._hearing.is_up()

    def status(self) -> dict[str, Any]:
        """See Speaking."""
        memory = self._out.memory
        waiting: dict[str, int] = {}
        for held in memory.held:
            waiting[held.purpose] = waiting.get(held.purpose, 0) + 1
        return {
            "last_ack_utc_ms": memory.heard_ms,
            "waiting": {"messages": len(memory.held)},
            "acked": {"messages": max(memory.settled, 0)},
            "unacknowledged": waiting,
            "paired": not self._session.needs_hello,
            "number": self._session.number,
            "fingerprint": self._identity.fingerprint,
            "sent_utc_ms": memory.sent_ms,
            "next_utc_ms": self._values.next_due_ms(self._clock.utc_ms()),
            "carries": self._way(self._mqtt_silent_s()) == "all",
            "refused": self._incoming.refused,
        }

    def problems(self) -> frozenset[str]:
        """See Speaking."""
        return frozenset({"duplicate_id"} if self._out.memory.refused_boot is not None else ())

    def keep(self) -> None:
        """Make the session durable as it is. Raises OSError."""
        self._sealing.keep()

    def close(self) -> None:
        """Give back the counters that were reserved and not used. Raises OSError."""
        self._sealing.close()

    def held(self) -> list[bytes]:
        """Return what is sealed and not acknowledged."""
        return [held.octets for held in self._out.memory.held]

    # -- what goes out

    def _look(self) -> None:
        self._look_s = 0.0

    def _way(self, silent_s: float | None) -> Way:
        if silent_s is None or silent_s >= self._settings.after_s:
            return "all"
        return "mqtt" if silent_s <= 0 else "alarms" if silent_s >= SURE_S else "unsure"

    def _make(self, way: Way, now_s: float, utc_ms: int, *, is_hurried: bool) -> None:
        """Seal what is due."""
        wanted_seq = self._wanted_seq
        if is_hurried:
            self._send_events("test", is_test=True)
        if way == "mqtt":  # what happened and was measured goes by MQTT
            self._tail.taken(len(self._tail.waiting))
            self._values.leave_to_mqtt(utc_ms)
        if way in {"alarms", "all"} and self._tail.is_urgent():
            self._send_events("alarm")
        if way == "all" and self._values.send(now_s, utc_ms) and self._tail.waiting:
            self._send_events("report")
        self._hearing.ask(now_s, utc_ms)
        if is_hurried:
            self._hurried_seq, self._hurried_s = wanted_seq, now_s

    def _send_events(self, purpose: Purpose, *, is_test: bool = False) -> None:
        base_s = base_of(self._clock.utc_ms())
        told = self._tail.due(base_s)
        after = self._out.memory.events[1] if self._out.memory.events else 0
        while told or is_test:
            try:
                form = fitted(told)
            except WireError as exc:  # it must not keep back the others
                log.error("sms: an event can't be told: %s", exc)
                told = told[1:]
                self._tail.taken(1)
                continue
            count = len(form.events)
            told = told[count:]
            if is_test and not told:
                form, is_test = Events(form.events, is_test=True), False
            form = self._with_facts(form)
            self._sealing.seal(Type.ALARM, body(form), purpose, after_seq=after, base_s=base_s)
            self._tail.taken(count)

    def _with_facts(self, form: Events) -> Events:
        """Return a message with what the gateway's operator wants to know of the box, where there is room left."""
        signal = None if self.signal is None else float(self.signal)
        fact = Event(0, FACTS, "", signal, "" if signal is None else "%", {"site": self._feed.site.name})
        found = fitted([*form.events, fact], is_test=form.is_test)
        return found if len(found.events) > len(form.events) and "cut" not in found.events[-1].words else form

    def _move_cursor(self) -> None:
        """Let the events' log forget what the gateway has, or never needs."""
        if self._out.memory.events is None:
            return
        seq = min(
            (held.after_seq for held in self._out.memory.held if held.after_seq is not None),
            default=self._out.memory.events[1],
        )
        if seq > self._cursor:
            self._feed.events.acknowledge("sms", seq)
            self._cursor = seq
