"""What stands retained on the broker for whoever comes later: points, status, online, snapshot, the active alarms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from edge.core.batch import seconds
from edge.core.batch_forms import VERSION, Topics
from edge.core.batch_points import PointsDocument, SiteFacts, points_document
from edge.core.clock import Clock, Dating
from edge.core.ports import Reader
from edge.core.types import Event, LimitSpec, PointSpec, Record
from edge.links.connection import Connection
from edge.settings.model import MqttLink as MqttSettings

ONLINE: Final = b"true"
OFFLINE: Final = b"false"
EVERY_S: Final = 3600.0  # status and snapshot, when nothing changes

_encode = msgspec.json.Encoder().encode


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """All that a link is given of its station."""

    box: str
    site: SiteFacts
    records: Reader[Record]
    events: Reader[Event]
    dating: Dating
    clock: Clock
    post: Callable[[Any], None]
    """Takes `hal.sample.Notice` and `edge.links.messages.ClockWanted`; from the link's thread."""
    points: Callable[[], Sequence[PointSpec]]
    limits: Callable[[], Sequence[LimitSpec]] = tuple
    snapshot: Callable[[], Mapping[str, Any]] = dict
    """Indexes, counters and last values: the content of `up/snapshot`."""
    alarms: Callable[[], Mapping[str, Mapping[str, Any]]] = dict
    """The active alarms by id: each goes to its `up/alarm/<id>`. Replaced as a whole when one of them changes."""
    facts: Callable[[], Mapping[str, Any]] = dict
    """What else stands in `up/status`: version, uptime, store … Any `store` but "ok" is a problem, `store_degraded`."""
    undated_wait_s: float = 900.0


def status_form(feed: Feed, settings: MqttSettings, session: str, pts: str, silent_s: float | None) -> dict[str, Any]:
    """Return `up/status` but for its problems and logs; `silent_s`: for how long nobody has acknowledged."""
    clock = feed.clock
    form: dict[str, Any] = {
        "v": VERSION, "box": feed.box, "t": seconds(clock.utc_ms()), "tq": clock.trust(), "boot": clock.boot,
        "session": session, "stream": feed.records.stream,
        "streams": {"m": feed.records.stream, "ev": feed.events.stream}, "pts": pts, "ack": settings.ack,
        **feed.facts(),
    }  # fmt: skip
    if silent_s is not None:
        form["unacknowledged_since"] = seconds(clock.utc_ms() - round(silent_s * 1000))
    return form


class Retained:
    """Publishes the documents when they change, and no more often."""

    def __init__(self, feed: Feed, connection: Connection) -> None:
        self._feed = feed
        self._connection = connection
        self._topics = Topics(feed.box)
        self._points_of: Sequence[PointSpec] | None = None
        self._document = PointsDocument(b"", "", {})
        self._alarms_of: Mapping[str, Mapping[str, Any]] | None = None
        self._alarms: dict[str, bytes] = {}
        self._max_payload = 0
        self._waiting: dict[str, bytes] = {}
        self._due_s = 0.0
        self.too_large: set[str] = set()
        """Topics whose document is larger than the broker takes."""

    @property
    def document(self) -> PointsDocument:
        """The points document in force; made anew when the station's points are."""
        points = self._feed.points()
        if points is not self._points_of:
            self._points_of = points
            self._document = points_document(self._feed.box, self._feed.site, points, self._feed.limits())
        return self._document

    def begin(self, max_payload: int, now_s: float) -> None:
        """Say all of it on a new connection."""
        self._max_payload = max_payload
        self.too_large.clear()
        self._waiting.clear()
        self._alarms_of = None
        self._alarms.clear()
        self.publish(self._topics.online, ONLINE)
        self.publish(self._topics.points, self.document.body)
        self._snapshot()
        self.alarms_if_changed()
        self._due_s = now_s + EVERY_S

    def publish(self, topic: str, body: bytes) -> None:
        """Have one document published, in the place of the one for this topic that still waits."""
        if len(body) > self._max_payload:
            self.too_large.add(topic.removeprefix(self._topics.root + "/"))
        else:
            self._waiting[topic] = body

    @property
    def has_waiting(self) -> bool:
        """Whether documents wait for the broker to take others first."""
        return bool(self._waiting)

    def send_next(self) -> tuple[str, int]:
        """Publish the document that has waited longest, retained; return its topic and message id."""
        topic = next(iter(self._waiting))
        return topic, self._connection.publish(topic, self._waiting.pop(topic), retain=True)

    def points_if_changed(self) -> None:
        """Publish the points document again when the station's points changed."""
        if self._points_of is not self._feed.points():
            self.publish(self._topics.points, self.document.body)

    def alarms_if_changed(self) -> None:
        """Publish the alarms that are new or changed, and clear those that are over.

        They don't wait for the card: while it can't be written this is the only way in which an alarm leaves.
        """
        alarms = self._feed.alarms()
        if alarms is self._alarms_of:
            return
        self._alarms_of = alarms
        active = {name: self._body(facts) for name, facts in alarms.items()}
        for name, body in active.items():
            if self._alarms.get(name) != body:
                self.publish(self._topics.alarm(name), body)
        for name in self._alarms:
            if name not in active:
                self.publish(self._topics.alarm(name), b"")
        self._alarms = active

    def is_leftover(self, topic: str) -> bool:
        """Return whether this is an alarm that the broker still holds and that ended while we were away."""
        of_alarms = self._topics.alarm("")
        return topic.startswith(of_alarms) and topic.removeprefix(of_alarms) not in self._alarms

    def is_due(self, now_s: float) -> bool:
        """Return True once an hour: status and snapshot are to be said again."""
        if now_s < self._due_s:
            return False
        self._due_s = now_s + EVERY_S
        return True

    def due_s(self) -> float:
        """Return when the hour is over."""
        return self._due_s

    def hourly(self) -> None:
        """Publish what is said each hour beside the status."""
        self._snapshot()

    def _snapshot(self) -> None:
        clock = self._feed.clock
        head = {"v": VERSION, "box": self._feed.box, "t": seconds(clock.utc_ms()), "tq": clock.trust()}
        self.publish(self._topics.snapshot, _encode({**head, **self._feed.snapshot()}))

    def _body(self, facts: Mapping[str, Any]) -> bytes:
        return _encode({"v": VERSION, "box": self._feed.box, "alarm": facts})
