"""Tried out by a person: a text to a recipient, and an alarm that is none, all the way that a real one goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from edge.core.alarm import Alarm
from edge.core.commands import Command, Result
from edge.core.paging import Paging
from edge.core.part import Part
from edge.core.text import Text
from edge.core.types import NEVER, Event

if TYPE_CHECKING:
    from edge.core.engine import Engine

LIMIT: Final = "test/alarm"
"""No limit of a site has this id: it holds a character that none may."""
KIND: Final = "test"


class TryText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Send one text to a recipient; what becomes of it stands in the journal (`page_sent`)."""

    to: Annotated[str, Meta(max_length=64, description="the recipient's id; the first where absent")] = ""


class TryAlarm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Begin an alarm that is marked as a test, and end it after a while: people are told of both."""

    for_s: Annotated[float, Meta(ge=5, le=3600, description="how long it lasts", extra={"unit": "s"})] = 60.0


class TryOut(Part):
    """Carries out `test.sms` and `test.alarm`. An alarm that a restart finds is ended: its limit is not in the site."""

    def attach(self, site: Engine) -> None:
        """Say which orders it carries out."""
        self.site = site
        site.commands.on("test.sms", self._text)
        site.commands.on("test.alarm", self._alarm)

    def take_over(self, before: TryOut) -> None:
        """Let the alarm that goes on have its end."""
        self.due_ms = before.due_ms

    def _text(self, command: Command, args: TryText) -> Result:
        paging = self.site.parts.find(Paging)
        known = [] if paging is None else list(paging.recipients)
        if paging is None or not known:
            return Result(command.id, done=False, text=Text("try_no_recipients"))
        to = args.to or known[0]
        if to not in known:
            return Result(command.id, done=False, text=Text("try_no_recipient", {"to": to, "known": known}))
        paging.send_test(to, command.author)
        return Result(command.id, done=True, text=Text("try_text", {"to": to}), values={"to": to})

    def _alarm(self, command: Command, args: TryAlarm) -> Result:
        desk, now_ms = self.site.alarms, self.site.now_ms
        standing = desk.by_limit.get(LIMIT)
        if standing is not None and standing.active:
            return Result(command.id, done=False, text=Text("try_alarm_runs", {"number": standing.number}))
        desk.list.last_number += 1
        alarm = Alarm(
            desk.list.last_number, LIMIT, "", self.site.boot, now_ms, None, kind=KIND, priority="high"
        )  # fmt: skip
        desk.by_limit[LIMIT] = alarm
        self._say("alarm_begin", alarm)
        for_ms = round(args.for_s * 1000)
        self.due_ms = now_ms + for_ms
        values: dict[str, Any] = {"number": alarm.number, "for_ms": for_ms}
        return Result(command.id, done=True, text=Text("try_alarm", values), values=values)

    def step(self, now_ms: int) -> None:
        """End it; nobody has to acknowledge what was none."""
        self.due_ms = NEVER
        alarm = self.site.alarms.by_limit.get(LIMIT)
        if alarm is not None and alarm.active:
            alarm.heard = False
            self.site.alarms.list.end(alarm, self.site.boot, now_ms)
            self._say("alarm_end", alarm, lasted_ms=now_ms - alarm.begin_ms)

    def _say(self, kind: str, alarm: Alarm, **values: Any) -> None:
        which = {"id": alarm.number, "limit": LIMIT, "kind": KIND, "prio": alarm.priority}
        self.site.emit(Event(kind, self.site.now_ms, "", which | values))
        self.site.alarms.is_changed = True
