"""Where limits' crossings become alarms: numbered, journaled, held while they latch or chatter, silenced or heard.

The states and what moves an alarm between them: docs/alarms.md. Evaluation never depends on a link. What silences an
alarm changes neither its evaluation, nor its journal, nor an output that follows its limit: only who is told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edge.core import alarm_orders
from edge.core.alarm import Alarm, AlarmList
from edge.core.alarm_facts import by_time, facts_of, which
from edge.core.alarm_stages import Stages
from edge.core.limit import excess
from edge.core.part import Part
from edge.core.point import Crossing
from edge.core.silence import Silences
from edge.core.together import AlarmRules, Chatter, Moment
from edge.core.types import Event

if TYPE_CHECKING:
    from edge.core.engine import Engine


class AlarmDesk(Part):
    """The alarms of one site. `by_limit` holds those that are active or wait for an acknowledgement."""

    def __init__(self, saved: Mapping[str, Any] | None = None, rules: AlarmRules | None = None) -> None:
        super().__init__()
        saved = dict(saved or {})
        self.list = AlarmList(saved or None)
        self.by_limit = self.list.by_limit
        self.silences = Silences(saved)
        self.set_rules(rules or AlarmRules())
        self._stages = Stages()
        self._is_open = False
        """Whether the site runs: before, parts say what they suppress, and some have not yet."""
        self.site: Engine

    def set_rules(self, rules: AlarmRules) -> None:
        """Treat alarms by these rules from now on; chatter and moments are counted anew."""
        self.rules = rules
        self._moment, self._chatter = Moment(rules.together_ms), Chatter(rules)

    def attach(self, site: Engine) -> None:
        """Carry out orders, and hear anew from the parts what they suppress."""
        self._is_open = False
        self.silences.suppressed.clear()
        alarm_orders.register(site.commands, self)
        self.take_site(site)

    def take_site(self, site: Engine) -> None:
        """Go on with the alarms that there are: after a restart, or when the site has other limits."""
        self.site = site
        self._stages = Stages(site.points.values())
        now_ms = site.now_ms
        for limit in [name for name in (*self.silences.shelved, *self.silences.out) if name not in site.limits]:
            self._forget_silence(limit, now_ms)
        self.silences.resume(site.boot, now_ms, site.utc_offset_ms)
        for alarm in list(self.by_limit.values()):
            self._resume(alarm, now_ms)
        if self.by_limit or self.silences.shelved:
            self.due_ms = now_ms

    def _forget_silence(self, limit: str, now_ms: int) -> None:
        if self.silences.unshelve(limit) is not None:
            self._say("alarm_unshelve", now_ms, "", {"limit": limit, "why": "limit_removed"})
        if self.silences.out.pop(limit, None) is not None:
            self._say("alarm_in_service", now_ms, "", {"limit": limit, "why": "limit_removed"})

    def _resume(self, alarm: Alarm, now_ms: int) -> None:
        limit = self.site.limits.get(alarm.limit)
        if not alarm.active:
            return
        if limit is None or limit.spec.point != alarm.point:  # nothing could ever end it
            self.list.end(alarm, self.site.boot, now_ms)
            self._chatter.forget(alarm.limit)
            self.site.outputs.follow(alarm.limit, now_ms, active=False)
            self._say("alarm_end", now_ms, alarm.point, {**which(alarm), "why": "limit_removed"})
        elif alarm.is_latched and not limit.spec.latch:
            self._finish(alarm, self._now(alarm, now_ms))
        else:
            self.site.outputs.follow(alarm.limit, now_ms, active=True)
            if alarm.chattering:
                self._chatter.resume(alarm.limit, now_ms)

    def sorted(self) -> list[Alarm]:
        """Return those that people hear of, active ones first, newest first; then the silenced ones."""
        return self.list.sorted()

    def waiting(self) -> list[int]:
        """Return the numbers that wait for an acknowledgement, oldest first."""
        return self.list.waiting()

    # -- what limits say

    def take(self, crossings: Sequence[Crossing]) -> None:
        """Take the alarms that begin or end, each by its own instant: a cycle may tell of them in any order."""
        self._let_go(self.site.now_ms)
        begun: list[tuple[Alarm, dict[str, Any]]] = []
        for crossing in by_time(crossings):
            if crossing.begins:
                self._begin(crossing, begun)
            else:
                self._end(crossing)
        for alarm, values in begun:
            if alarm.first:
                values["first"] = True
        self._settle(self.site.now_ms)

    def _begin(self, crossing: Crossing, begun: list[tuple[Alarm, dict[str, Any]]]) -> None:
        limit, t_ms = crossing.limit, crossing.t_ms
        name = limit.spec.id
        alarm = self.by_limit.get(name)
        if alarm is not None and alarm.active:
            alarm.begins += 1
            alarm.beyond = True
            self._follow_peak(alarm)
            if alarm.chattering:
                self._chatter.hold(name, t_ms)
                return
            alarm.acknowledged = False
            values = which(alarm) | {"latched": False}
            self._say("alarm_latch", t_ms, alarm.point, values)
        else:
            alarm = self.list.begin(limit, self.site.boot, t_ms, crossing.value)
            alarm.silence, alarm.by = self._silence_of(alarm)
            values = facts_of(alarm.number, crossing)
            if alarm.silence:
                alarm.heard = False
                values[alarm.silence] = True
            elif (first := self._moment.join(alarm)) is not None:
                values["after"] = first.number
            begun.append((alarm, values))
            self.site.outputs.follow(name, self.site.now_ms, active=True)
            self._say("alarm_begin", t_ms, alarm.point, values)
        if self._chatter.is_too_often(name, t_ms):
            alarm.chattering = True
            self._chatter.hold(name, t_ms)
            values = which(alarm) | {"begins": self.rules.chatter_begins, "within_ms": self.rules.chatter_ms}
            self._say("alarm_chatter", t_ms, alarm.point, values)

    def _end(self, crossing: Crossing) -> None:
        name, t_ms = crossing.limit.spec.id, crossing.t_ms
        alarm = self.by_limit.get(name)
        if alarm is None or not alarm.active:
            return
        self._follow_peak(alarm)
        alarm.beyond = False
        if alarm.chattering:
            self._chatter.hold(name, t_ms)
            return
        if crossing.limit.spec.latch:
            self._say("alarm_latch", t_ms, alarm.point, which(alarm) | {"latched": True})
        else:
            self._finish(alarm, crossing)

    def _finish(self, alarm: Alarm, crossing: Crossing) -> None:
        """End an alarm for good."""
        t_ms = crossing.t_ms
        self._follow_peak(alarm)
        self.list.end(alarm, self.site.boot, t_ms)
        self._chatter.forget(alarm.limit)
        self.site.outputs.follow(alarm.limit, self.site.now_ms, active=False)
        values = facts_of(alarm.number, crossing)
        if alarm.peak is not None:
            values["peak"] = alarm.peak
        if alarm.boot == self.site.boot:  # an edge may be told after the tick in which a delay ran out
            t_ms = max(t_ms, alarm.begin_ms)
            values["lasted_ms"] = t_ms - alarm.begin_ms
        if alarm.begins > 1:
            values["begins"] = alarm.begins
        if alarm.first:
            values["first"] = True
        self._say("alarm_end", t_ms, alarm.point, values)

    def _now(self, alarm: Alarm, now_ms: int) -> Crossing:
        """Return what ends an alarm that no reading ends."""
        limit, point = self.site.limits[alarm.limit], self.site.points[alarm.point]
        value = None if isinstance(point.value, str) else point.value
        return Crossing(limit, False, point, now_ms, limit.compared(value), "")

    def keep_peaks(self) -> None:
        """Note in the active alarms how far their values went."""
        for alarm in self.by_limit.values():
            if alarm.active:
                self._follow_peak(alarm)

    def _follow_peak(self, alarm: Alarm) -> None:
        limit = self.site.limits.get(alarm.limit)
        if limit is None or limit.peak is None:
            return
        kind, bound = limit.spec.kind, limit.bound
        if alarm.begins > 1 and alarm.peak is not None and bound is not None:  # its limit began anew within it
            is_farther = excess(kind, limit.peak, bound) > excess(kind, alarm.peak, bound)
        else:
            is_farther = True
        if is_farther and (limit.peak, limit.peak_ms) != (alarm.peak, alarm.peak_ms):
            alarm.peak_boot = self.site.boot
            alarm.peak, alarm.peak_ms = limit.peak, limit.peak_ms

    # -- what time says

    def step(self, now_ms: int) -> None:
        """End what is shelved for no longer, and the chatter of limits that have come to rest."""
        self._settle(now_ms)
        for limit in self._chatter.rested(now_ms):
            self._calm(self.by_limit[limit], now_ms)
        self._settle(now_ms)

    def _calm(self, alarm: Alarm, now_ms: int) -> None:
        """Take note that an alarm chatters no longer; it goes on, latches or ends as it stands."""
        self._chatter.forget(alarm.limit)
        alarm.chattering = False
        self._say("alarm_chatter_end", now_ms, alarm.point, which(alarm) | {"begins": alarm.begins})
        limit = self.site.limits[alarm.limit]
        if not alarm.beyond and not limit.spec.latch:
            self._finish(alarm, self._now(alarm, now_ms))

    def set_clock(self, now_ms: int) -> None:
        """Place the ends of shelvings anew."""
        if self.silences.shelved:
            self.silences.date(self.site.boot, now_ms, self.site.utc_offset_ms)
            self.is_changed = True
            self._plan()

    def close(self, now_ms: int) -> None:
        """Keep the peaks of what is active."""
        self.is_changed = self.is_changed or any(alarm.active for alarm in self.by_limit.values())

    # -- what silences

    def suppress(self, source: str, points: Collection[str], now_ms: int) -> None:
        """Journal the alarms of these points and tell nobody, until `source` takes it back.

        A source that lasts longer than a start says it anew in its `attach`.
        """
        self.silences.suppress(source, points)
        if self._is_open:
            self._settle(now_ms)

    def unsuppress(self, source: str, now_ms: int) -> None:
        """Take back what a source suppressed: alarms that are still active are told of now."""
        self.silences.unsuppress(source)
        if self._is_open:
            self._settle(now_ms)

    def unshelve(self, limit: str, now_ms: int, values: Mapping[str, Any]) -> None:
        """Take a limit from the shelf; `values` say why or who."""
        self._unshelve(limit, now_ms, values)
        self._settle(now_ms)

    def _unshelve(self, limit: str, now_ms: int, values: Mapping[str, Any]) -> None:
        self.silences.unshelve(limit)
        self._say("alarm_unshelve", now_ms, self.site.limits[limit].spec.point, {"limit": limit, **values})

    def _let_go(self, now_ms: int) -> None:
        """Take from the shelf what is there no longer: all of it before anybody hears of any."""
        for limit in self.silences.expired(now_ms):
            shelving = self.silences.shelved[limit]
            is_old = shelving.boot != self.site.boot and shelving.until_utc_ms is None
            self._unshelve(limit, now_ms, {"why": "restart" if is_old else "time"})

    def _settle(self, now_ms: int) -> None:
        """Say of each alarm anew what silences it."""
        self._is_open = True
        self._let_go(now_ms)
        for alarm in self.by_limit.values():
            silence, by = self._silence_of(alarm)
            if (silence, by) == (alarm.silence, alarm.by):
                continue
            was_by, alarm.silence, alarm.by = alarm.by, silence, by
            self.is_changed = True
            if not alarm.active:
                continue
            alarm.heard = alarm.heard or not silence
            if bool(by) != bool(was_by):
                values = which(alarm) | {"by": by or was_by}
                if by:
                    self._say("alarm_suppress", now_ms, alarm.point, values)
                else:
                    self._say("alarm_unsuppress", now_ms, alarm.point, values)
        self._plan()

    def _silence_of(self, alarm: Alarm) -> tuple[str, str]:
        silence, by = self.silences.of(alarm.limit, alarm.point)
        return ("suppressed", "") if not silence and self.stage_over(alarm) is not None else (silence, by)

    def stage_over(self, alarm: Alarm) -> int | None:
        """Return the number of the next stage's alarm where that stands for this one."""
        return self._stages.over(alarm, self.by_limit, self.silences)

    # -- what is acknowledged

    def seen_with(self, alarm: Alarm) -> list[Alarm]:
        """Return an alarm with those of nearer stages that hold their peace for it."""
        return self._stages.seen_with(alarm, self.by_limit)

    def acknowledge(self, alarm: Alarm, author: str, channel: str, now_ms: int) -> None:
        """Take note that somebody has seen an alarm; a latched one ends by it."""
        before, was_latched = alarm.condition, alarm.is_latched
        self.list.acknowledge(alarm, author, self.site.boot, now_ms)
        values = which(alarm) | {
            "author": author, "channel": channel, "active": alarm.active and not was_latched, "before": before,
            "after": "normal" if was_latched else alarm.condition,
        }  # fmt: skip
        limit = self.site.limits.get(alarm.limit)
        if limit is not None and limit.spec.diagnosis:
            values["diagnosis"] = limit.spec.diagnosis
        self._say("alarm_ack", now_ms, alarm.point, values)
        if was_latched:
            self._finish(alarm, self._now(alarm, now_ms))
        self._settle(now_ms)

    # -- what is told and kept

    def _say(self, kind: str, t_ms: int, point: str, values: dict[str, Any]) -> None:
        self.site.emit(Event(kind, t_ms, point, values))
        self.is_changed = True

    def tell(self, kind: str, limit: str, now_ms: int, values: Mapping[str, Any]) -> None:
        """Journal an act upon a limit, with the number of its alarm where it has one, and settle what follows."""
        alarm = self.by_limit.get(limit)
        number = {"id": alarm.number} if alarm is not None else {}
        self._say(kind, now_ms, self.site.limits[limit].spec.point, {"limit": limit, **number, **values})
        self._settle(now_ms)

    def _plan(self) -> None:
        self.due_ms = min(self.silences.due_ms, self._chatter.due_ms)

    def registers(self) -> dict[str, Any]:
        """Return the alarms, their last number and what silences limits."""
        self.keep_peaks()
        return {"alarms": self.list.register() | self.silences.register()}

    def saved(self) -> dict[str, Any]:
        """Return the same: it is all of it."""
        return self.registers()
