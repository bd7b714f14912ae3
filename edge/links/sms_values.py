"""What was measured, to the gateway: the schema when it is another one, then the values that the plan says are due."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

from edge.core.series import HistoryReader
from edge.core.types import NEVER, PointSpec
from edge.links.retained import Feed
from edge.links.sms_lessons import Lessons
from edge.links.sms_plan import Plan
from edge.links.sms_ports import Outlet, Purpose
from edge.links.sms_reports import Part, Reports
from edge.links.sms_sealing import Sealing
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.settings.sms_channels import TooManyError, schema_of
from sms.forms import Train
from sms.schema import Schema, id_of, schema_bodies
from sms.wire import Type, WireError

KEEP_S: Final = 6 * 3600
"""How far MQTT may have come since it was written down last."""
HISTORY_S: Final = 300.0
"""History that can't be read is asked again after this."""

log = logging.getLogger(__name__)


class Values:
    """Of the points as they are now; other settings are another schema."""

    def __init__(
        self, settings: SmsSettings, feed: Feed, history: HistoryReader, zone: tzinfo, *, sealing: Sealing,
        outlet: Outlet,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._feed = feed
        self._history = history
        self._zone = zone
        self._sealing = sealing
        self._memory = sealing.memory
        self._outlet = outlet
        self._plan = Plan(settings.plan, settings.step_s, feed.box)
        self._lessons = Lessons(sealing.memory)
        self._reports: Reports | None = None
        self._kept_ms = sealing.memory.sent_ms or 0
        self._points_of: Sequence[PointSpec] | None = None
        self._history_s = 0.0

    def next_due_ms(self, utc_ms: int) -> int:
        """Return the UTC ms of the next instant of the plan."""
        return self._plan.next_due_s(utc_ms / 1000) * 1000

    def pause_s(self, utc_ms: int) -> float:
        """Return the seconds until values are due, infinity for a site that has none to send."""
        return NEVER if self._reports is None else max(1.0, (self.next_due_ms(utc_ms) - utc_ms) / 1000)

    def leave_to_mqtt(self, utc_ms: int) -> None:
        """Let what was measured until now go by MQTT."""
        if not self._sealing.is_dated() or (reports := self._reports_now()) is None:
            return
        self._sealing.out.is_changed |= bool(self._memory.backlog)
        reports.skip(utc_ms)
        # not at each interval, or a box that texts nothing would write all day: after a cut some goes both ways
        if abs((self._memory.sent_ms or 0) - self._kept_ms) >= KEEP_S * 1000:
            self._kept_ms = self._memory.sent_ms or 0
            self._sealing.out.is_changed = True

    def send(self, now_s: float, utc_ms: int) -> bool:
        """Seal what is due; return whether the plan's instant has been served."""
        reports = self._reports_now()
        if reports is None or not self._sealing.is_dated() or now_s < self._history_s:
            return False
        memory = self._memory
        if memory.schema != reports.schema.sum:
            for each in schema_bodies(reports.schema):
                self._sealing.seal(Type.SCHEMA, each, "report", schema=reports.schema.id)
            memory.schema, memory.full_ms = reports.schema.sum, 0
        if memory.sent_ms is None:
            reports.begin(utc_ms)
        if not reports.due(utc_ms):
            return False
        try:
            parts = reports.parts(utc_ms, self._outlet.room("backlog"))
        except (OSError, WireError) as exc:  # WireError: so far apart that not one interval fits
            log.warning("sms: values wait: %s", exc)
            self._history_s = now_s + HISTORY_S
            return False
        for part in parts:
            self._seal_part(reports.schema, part)
        self._sealing.out.is_changed = True
        return True

    def learn(self, asked: Train) -> None:
        """Make the prior that the gateway asks for."""
        reports = self._reports_now()
        if self._lessons.learn(asked, reports.schema if reports else None):
            log.info("sms: reports get shorter by prior %d", asked.prior)

    def say_again(self) -> None:
        """Say again what a gateway that came from a backup can't read: it may lack the schema, and the prior."""
        self._memory.schema = 0
        reports = self._reports_now()
        if reports is None or not self._memory.prior:
            return
        for held in list(self._memory.held):
            plain = self._lessons.plain(held.counter, reports.schema)
            for each in plain:
                head = each.header
                self._sealing.seal(
                    head.type, each.body, "backlog", schema=head.schema, base_s=head.base_s, step=head.step,
                    coder=head.coder, count=head.count,
                )  # fmt: skip
            if plain:
                self._memory.held.remove(held)
        self._lessons.forget()

    def _seal_part(self, schema: Schema, part: Part) -> None:
        encoded = part.encoded
        purpose: Purpose = "backlog" if part.type is Type.BACKLOG else "report"
        octets = self._sealing.seal(
            part.type, encoded.body, purpose, schema=schema.id, prior=encoded.prior, base_s=part.base_s, step=part.step,
            coder=encoded.coder, count=encoded.count,
        )  # fmt: skip
        if part.type is Type.REPORT:
            self._lessons.keep(octets, encoded.body)

    def _reports_now(self) -> Reports | None:
        """Return what cuts the values of the points as they are now."""
        points = self._feed.points()
        if points is not self._points_of:
            self._points_of = points
            schema = self._schema(points)
            self._reports = (
                None if schema is None
                else Reports(schema, self._history, self._plan, self._memory, self._zone, self._lessons)
            )  # fmt: skip
        return self._reports

    def _schema(self, points: Sequence[PointSpec]) -> Schema | None:
        """Return the schema of these points: the one that was sent last, or one of another id.

        Reports of both are under way at once, and an id has one octet: points in another order make another.
        """
        last = self._memory.schema
        found: Schema | None = None
        try:
            for order in (points, points[::-1]):
                made = schema_of(self._settings, self._feed.box, self._feed.site.tz, order)
                if made is None or not last or made.sum == last:
                    return made
                if found is None or found.id == id_of(last):
                    found = made
        except (TooManyError, WireError) as exc:
            log.error("sms: no values go by SMS: %s", exc)
        return found
