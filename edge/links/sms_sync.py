"""The box's side of the conversation with its gateway: pairing, schema, values by plan, alarms at once, orders.

What is sealed is written down with the counters it used, then offered to the queue, and kept until the gateway says
that it is stored. What comes in is taken in one write with what it did. With an MQTT link that carries, nothing but
the pairing goes this way; when that has been silent for `after_s`, values do, and when it is back they stop: what lies
in between comes by MQTT.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from edge.core.clock import DATED_FROM, TRUST, Clock
from edge.core.series import HistoryReader
from edge.core.types import PointSpec
from edge.links.messages import TimeHeard
from edge.links.retained import Feed
from edge.links.sms_entry import Kept
from edge.links.sms_events import EventTail
from edge.links.sms_lessons import Lessons
from edge.links.sms_memory import Outbound
from edge.links.sms_orders import Orders
from edge.links.sms_plan import Plan
from edge.links.sms_ports import Office, Outlet, Purpose
from edge.links.sms_reports import Part, Reports, base_of
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.settings.sms_channels import TooManyError, schema_of
from hal.sample import Fix, Notice
from sms.forms import Ack, Answer, Event, Events, Order, body, fitted, form_of
from sms.keys import Identity, public_of
from sms.mailbox import Received
from sms.schema import Schema, schema_bodies
from sms.seal import SealError
from sms.session import Opened, Session
from sms.wire import Type, WireError

UP_S: Final = 9 * 86_400  # an acknowledgement comes each week
LOST_S: Final = 12 * 86_400  # three questions later: a gateway that lost these keys, or its backup, answers a hello
ASK_AGAIN_S: Final = 86_400
SETTLED_S: Final = 900.0  # after a start what comes in may have lain at the service centre for days
STAMP_ERROR_MS: Final = 120_000
JUST_NOW_MS: Final = 600_000
LOOK_S: Final = 600.0  # at least so often; commits wake the link
LOOK_BESIDE_S: Final = 60.0  # beside MQTT, whose silence begins at any time
HURRY_AGAIN_S: Final = 90.0  # a trial waits for five minutes
NO_MORE_S: Final = 3600.0
HISTORY_S: Final = 300.0
HEX_MOST: Final = 280

SURE_S: Final = 60.0  # MQTT that has been silent for less may only be connecting anew

Way: TypeAlias = Literal["mqtt", "unsure", "alarms", "all"]
"""What goes by SMS: nothing, as MQTT carries; nothing yet; alarms only; all."""

log = logging.getLogger(__name__)


class Pairing(NamedTuple):
    """Who the box is, and what it remembers of its gateway."""

    identity: Identity
    kept: Kept
    is_older: bool = False
    """What `kept` holds is not the newest state: the session begins anew."""


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
        self._clock: Clock = feed.clock
        self._history = history
        self._zone = zone
        self._version = version
        self._mqtt_silent_s = mqtt_silent_s
        self._out = Outbound(pairing.kept, settings.gateway_key, settings.gateway, outlet)
        self._lessons = Lessons(self._out.memory)
        self._outlet = outlet
        self._identity = pairing.identity
        self._session = self._begun(pairing, public_of(settings.gateway_key))
        self._plan = Plan(settings.plan, settings.step_s, feed.box)
        self._tail = EventTail(feed.events, feed.dating, feed.clock)
        self._tail.begin(self._out.memory.events)
        self._orders = Orders(office, feed.clock, feed.site.lang)
        self._reports: Reports | None = None
        self._points_of: Sequence[PointSpec] | None = None
        self._made_s = feed.clock.monotonic_ns() / 1e9
        self._asked_s: float | None = None
        self._look_s = 0.0
        self._history_s = 0.0
        self._wanted_seq = self._hurried_seq = 0
        self._hurried_s = 0.0
        self._cursor = 0
        self.refused = 0

    def _begun(self, pairing: Pairing, peer: bytes) -> Session:
        """Return the session as it was kept; where that can't be read another one, which says hello again."""
        memory, box, reserve = self._out.memory, self._feed.box, self._out.reserve
        try:
            return Session("box", pairing.identity, peer, box, memory.session, reserve, is_older=pairing.is_older)
        except ValueError as exc:
            log.error("sms: the pairing begins anew: %s", exc)
            memory.session = None
            return Session("box", pairing.identity, peer, box, None, reserve)

    # -- Member

    def step(self, now_s: float) -> float:
        """See Member."""
        if self._session.needs_hello:
            self._say_hello()
            return now_s + 3600.0
        self._tail.read()
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
        if self._reports is not None:
            self._look_s = min(self._look_s, now_s + max(1.0, (self._reports.next_due_ms(utc_ms) - utc_ms) / 1000))
        return self._look_s

    def take(self, message: Received, now_s: float) -> bool | None:
        """See Member."""
        if not message.octets:
            return False
        try:
            opened = self._session.open(message.octets)
            form = None if opened.header.type is Type.HELLO else form_of(opened.header.type, opened.body)
        except (SealError, WireError) as exc:
            self._refuse(message, exc)
            return True
        if isinstance(form, Order):
            return self._carried_out(opened, form, message, now_s)
        self._heard(message, now_s)
        if form is None:
            self._agree(opened)
            return True
        if isinstance(form, Ack):
            self._acknowledged(form, now_s)
        else:
            log.warning("sms: a message of type %s is none for a box", opened.header.type.name)
        self._session.accept(opened.header.counter)
        self._keep_session()
        return True

    # -- pairing

    def _say_hello(self) -> None:
        """Offer the hello once a local day, the same one, until it is answered."""
        octets = self._session.hello(self._version)
        day = self._clock.utc_ms() // 86_400_000
        self._out.offer_now(f"hello-{octets[-8:].hex()}-{day}", octets)

    def _agree(self, opened: Opened) -> None:
        was_new = self._out.memory.since_ms is None
        lost_below = self._session.lost_below
        answer = self._session.agree(opened)
        if self._session.lost_below != lost_below:  # the gateway has no key of before, and maybe no schema
            self._out.memory.schema = 0
            self._say_without_prior()
        utc_ms = self._clock.utc_ms()
        if answer is not None:
            self._hold(answer, "machine")
        if was_new:
            self._out.memory.since_ms = utc_ms
            self._tail.read()
            self._tail.keep_newest()
            self._say("sms_paired", number=self._session.number)
        self._look_s = 0.0
        self._keep_session()

    # -- what goes out

    def _make(self, way: Way, now_s: float, utc_ms: int, *, is_hurried: bool) -> None:
        """Seal what is due."""
        wanted_seq = self._wanted_seq
        if is_hurried:
            self._send_events("test", is_test=True)
        if way == "mqtt":
            self._leave_to_mqtt(utc_ms)
        if way in {"alarms", "all"} and self._tail.is_urgent():
            self._send_events("alarm")
        if way == "all":
            self._send_values(now_s, utc_ms)
        self._ask(now_s, utc_ms)
        if is_hurried:
            self._hurried_seq, self._hurried_s = wanted_seq, now_s

    def _way(self, silent_s: float | None) -> Way:
        if silent_s is None or silent_s >= self._settings.after_s:
            return "all"
        return "mqtt" if silent_s <= 0 else "alarms" if silent_s >= SURE_S else "unsure"

    def _leave_to_mqtt(self, utc_ms: int) -> None:
        """Let what happened and was measured go by MQTT."""
        self._tail.taken(len(self._tail.waiting))
        if self._is_dated() and self._reports_now() is not None and self._reports is not None:
            before = self._out.memory.sent_ms
            self._reports.skip(utc_ms)
            self._out.is_changed = self._out.is_changed or self._out.memory.sent_ms != before

    def _send_values(self, now_s: float, utc_ms: int) -> None:
        """Send the schema when it is another one, and what the plan says is due."""
        reports = self._reports_now()
        if reports is None or not self._is_dated() or now_s < self._history_s:
            return
        memory = self._out.memory
        if memory.schema != reports.schema.sum:
            for each in schema_bodies(reports.schema):
                self._seal(Type.SCHEMA, each, "machine", schema=reports.schema.id)
            memory.schema, memory.full_ms = reports.schema.sum, 0
        if memory.sent_ms is None:
            reports.begin(utc_ms)
        if not reports.due(utc_ms):
            return
        try:
            parts = reports.parts(utc_ms, self._outlet.room("backlog"))
        except OSError as exc:
            log.warning("sms: values wait: %s", exc)
            self._history_s = now_s + HISTORY_S
            return
        for part in parts:
            self._seal_part(reports.schema, part)
        if self._tail.waiting:
            self._send_events("report")
        self._out.is_changed = True

    def _say_without_prior(self) -> None:
        """Say again what a gateway that came from a backup can't read: it may lack the prior."""
        reports = self._reports_now()
        if reports is None or not self._out.memory.prior:
            return
        for held in list(self._out.memory.held):
            plain = self._lessons.plain(held.counter, reports.schema)
            for each in plain:
                head = each.header
                self._seal(
                    head.type, each.body, "backlog", schema=head.schema, base_s=head.base_s, step=head.step,
                    coder=head.coder, count=head.count,
                )  # fmt: skip
            if plain:
                self._out.memory.held.remove(held)
        self._lessons.forget()

    def _seal_part(self, schema: Schema, part: Part) -> None:
        encoded = part.encoded
        purpose: Purpose = "backlog" if part.type is Type.BACKLOG else "report"
        octets = self._seal(
            part.type, encoded.body, purpose, schema=schema.id, prior=encoded.prior, base_s=part.base_s, step=part.step,
            coder=encoded.coder, count=encoded.count,
        )  # fmt: skip
        if part.type is Type.REPORT:
            self._lessons.keep(octets, encoded.body)

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
            octets = self._session.seal(Type.ALARM, body(form), base_s=base_s)
            self._hold(octets, purpose, after)
            self._tail.taken(count)

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

    def ask_stored(self, seq: int) -> None:
        """See Speaking."""
        self._wanted_seq = seq

    def _ask(self, now_s: float, utc_ms: int) -> None:
        """Ask for an acknowledgement at once where none comes, and for the time where nobody else tells it."""
        memory = self._out.memory
        heard_ms = memory.heard_ms or memory.since_ms or 0
        # what lies unacknowledged for so long may be lost: the gateway's last word may be too
        is_overdue = bool(memory.held) and self._is_dated() and utc_ms - heard_ms > UP_S * 1000
        needs_time = not self._is_dated() and now_s - self._made_s > SETTLED_S
        may_ask = self._asked_s is None or now_s - self._asked_s > ASK_AGAIN_S
        if may_ask and (is_overdue or needs_time):
            self._asked_s = now_s
            if is_overdue and utc_ms - heard_ms > LOST_S * 1000:
                self._say_hello()
            else:
                self.ask_at_once()

    def ask_at_once(self, purpose: Purpose = "machine") -> None:
        """Have the gateway acknowledge at once, by a message of its own."""
        self._seal(Type.ALARM, body(Events((), is_test=True)), purpose, base_s=base_of(self._clock.utc_ms()))

    def _seal(self, type_: Type, octets: bytes, purpose: Purpose, **head: Any) -> bytes:
        sealed = self._session.seal(type_, octets, **head)
        self._hold(sealed, purpose)
        return sealed

    def _hold(self, octets: bytes, purpose: Purpose, after_seq: int | None = None) -> None:
        self._out.hold(int.from_bytes(octets[3:6]), octets, purpose, self._clock.utc_ms(), after_seq)

    # -- what comes in

    def _heard(self, message: Received, now_s: float) -> None:
        """Take note that the gateway lives; its service centre's stamp tells the time, unless it may be an old one."""
        self._out.memory.heard_ms = self._clock.utc_ms()
        if message.stamp_utc_s is not None and now_s - self._made_s > SETTLED_S:
            self._tell_time(message.stamp_utc_s * 1000, STAMP_ERROR_MS)

    def _acknowledged(self, ack: Ack, now_s: float) -> None:
        self._look_s = 0.0  # the events' cursor moves at the next step
        utc_ms = self._clock.utc_ms()
        self._out.acknowledged(ack.settled, ack.missing)
        self._out.seal_again(set(ack.missing), self._session.lost_below, self._session.resealed, utc_ms)
        self._out.repeat(set(ack.missing), utc_ms, utc_ms - (0 if ack.is_test else JUST_NOW_MS))
        for first, last in self._out.newly_gone(ack.missing):
            gap = Event(0, "sms_gap", "", None, "", {"first": first, "last": last})
            self._seal(Type.ALARM, body(Events((gap,))), "machine", base_s=base_of(utc_ms))
        reports = self._reports_now()
        if ack.train is not None and self._lessons.learn(ack.train, reports.schema if reports else None):
            log.info("sms: reports get shorter by prior %d", ack.train.prior)
        if ack.is_test and ack.utc_s is not None and self._asked_s is not None:
            took_ms = round((now_s - self._asked_s) * 1000)  # there and back: it was sealed somewhere in between
            self._tell_time(ack.utc_s * 1000 + took_ms // 2, took_ms // 2 + 1000)
            self._asked_s = now_s

    def _carried_out(self, opened: Opened, order: Order, message: Received, now_s: float) -> bool | None:
        counter = opened.header.counter
        answer = self._orders.answer(counter, order, now_s)
        if answer is None:
            return None
        self._heard(message, now_s)
        done, text = answer
        self._seal(Type.REPLY, body(Answer(counter, done, text)), "answer")
        self._session.accept(counter)
        self._keep_session()
        self._orders.forget(counter)
        return True

    def _keep_session(self) -> None:
        self._out.memory.session = self._session.saved()
        self._out.save()

    def _refuse(self, message: Received, exc: SealError | WireError) -> None:
        reason = exc.reason if isinstance(exc, SealError) else "unreadable"
        self.refused += 1
        if reason != "repeat":
            log.warning("sms: from …%s: %s", message.number[-4:], exc)
            raw = message.octets.hex()[:HEX_MOST]
            self._say("sms_refused", why=reason, number=message.number[-4:], raw=raw)

    def _tell_time(self, utc_ms: int, error_ms: int) -> None:
        self._feed.post(TimeHeard("sms", Fix("gsm", self._clock.monotonic_ns(), utc_ms, error_ms)))

    def held(self) -> list[bytes]:
        """Return what is sealed and not acknowledged."""
        return [held.octets for held in self._out.memory.held]

    def close(self) -> None:
        """Give back the counters that were reserved and not used. Raises OSError."""
        self._out.memory.session = self._session.rest()
        self._out.save()

    # -- how it is

    def is_up(self, now_s: float) -> bool:
        """See Speaking."""
        heard_ms = self._out.memory.heard_ms
        if self._session.needs_hello or heard_ms is None:
            return False
        return self._clock.utc_ms() - heard_ms < UP_S * 1000

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
            "next_utc_ms": self._plan.next_due_s(self._clock.utc_ms() / 1000) * 1000,
            "carries": self._way(self._mqtt_silent_s()) == "all",
            "refused": self.refused,
        }  # fmt: skip

    # -- inside

    def _is_dated(self) -> bool:
        return TRUST.index(self._clock.trust()) >= DATED_FROM

    def _reports_now(self) -> Reports | None:
        """Return what cuts the values of the points as they are now."""
        points = self._feed.points()
        if points is not self._points_of:
            self._points_of = points
            schema = self._schema(points)
            self._reports = (
                None if schema is None
                else Reports(schema, self._history, self._plan, self._out.memory, self._zone, self._lessons)
            )  # fmt: skip
        return self._reports

    def _schema(self, points: Sequence[PointSpec]) -> Schema | None:
        try:
            return schema_of(self._settings, self._feed.box, self._feed.site.tz, points)
        except (TooManyError, WireError) as exc:
            log.error("sms: no values go by SMS: %s", exc)
            return None

    def _say(self, kind: str, **values: Any) -> None:
        self._feed.post(Notice(kind, self._clock.monotonic_ns(), {"link": "sms", **values}))
