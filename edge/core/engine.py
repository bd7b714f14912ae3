"""The engine: every message of the site in, actions out. Pure: the instant comes with the message.

cycle of a bus ─→ scaling → range and quality → counter → limits → window ─→ records, events, alarms, registers
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import partial
from typing import Any, Final, TypeVar

from edge.core import relay
from edge.core.alarm_desk import AlarmDesk
from edge.core.calendar import period_end_ms
from edge.core.clock import Dating
from edge.core.commands import Command, Result, journaled
from edge.core.kinds import Counter, is_number
from edge.core.limit import Limit
from edge.core.making import make_point
from edge.core.outputs import OutputList
from edge.core.part import Part
from edge.core.parts import Parts
from edge.core.point import Actions, Point, watch_others
from edge.core.read_back import ReadBack
from edge.core.registry import Registry
from edge.core.replacing import Site, replace
from edge.core.together import AlarmRules
from edge.core.types import NEVER, Event, LimitSpec, PointSpec
from edge.core.verbs import VERBS
from hal.sample import Cycle, Sample

SCAN_MS: Final = 1000  # silent points and open periods are looked after at most this often
P = TypeVar("P", bound=Part)


class Engine:
    """All points, alarms and outputs of one site.

    `saved` and `saved_events` are the registers of the records' and the events' log: where counters and alarms go on.
    `utc_offset_ms` (UTC minus monotonic) places periods on the calendar; the station sets it with each clock entry.
    """

    def __init__(  # noqa: PLR0913 - a site is made of all these
        self,
        points: Sequence[PointSpec],
        limits: Sequence[LimitSpec],
        *,
        boot: int,
        now_ms: int,
        utc_offset_ms: int = 0,
        zone: tzinfo = UTC,
        saved: Mapping[str, Any] | None = None,
        saved_events: Mapping[str, Any] | None = None,
        power_cut: bool = False,
        outputs: OutputList | None = None,
        parts: Sequence[Part] = (),
        is_dated: bool = True,
        alarm_rules: AlarmRules | None = None,
    ) -> None:
        saved, saved_events = saved or {}, saved_events or {}
        self.boot = boot
        self.utc_offset_ms = utc_offset_ms
        self.is_dated = is_dated
        """Whether the calendar can be trusted: a clock vouches for `utc_offset_ms`."""
        self.dating: Dating | None = None
        """The clock entries of all starts, also those on their way to the card; the station's."""
        self.zone = zone
        self.alarms = AlarmDesk(saved_events.get("alarms"), alarm_rules)
        self.commands = Registry(VERBS, saved_events.get("commands"), saved_events.get("trials"))
        self.outputs = outputs or OutputList([], boot=boot, now_ms=now_ms)
        self.commands.on("relay", self._relay, would=partial(self._relay, is_dry=True))
        self.points: dict[str, Point] = {}
        self.left: dict[str, Any] = {}
        """Registers of counters that left the site while it ran, by point: should they come back."""
        self._heard: set[str] = set()
        self.limits: dict[str, Limit] = {}
        self._actions = Actions()
        self._now_ms = now_ms
        self._next_scan_ms: float = now_ms + SCAN_MS
        by_point: dict[str, list[Limit]] = {}
        for spec in limits:
            alarm = self.alarms.by_limit.get(spec.id)
            limit = self.limits[spec.id] = Limit(spec, alarm if alarm and alarm.point == spec.point else None)
            by_point.setdefault(spec.point, []).append(limit)
        for point_spec in points:
            register = saved.get(f"counter/{point_spec.id}")
            point = make_point(point_spec, by_point.get(point_spec.id, []), self.period_end_ms, now_ms, register)
            if power_cut and point_spec.kind == "counter":
                point.mark_first("power_cut")
            self.points[point_spec.id] = point
        watch_others(self.limits.values(), self.points)
        self.parts = Parts([self.alarms, *parts])
        self.parts.attach(self)

    def period_end_ms(self, t_ms: int, length_ms: int) -> int:
        """Return the monotonic ms at which the period that holds t_ms ends, on the calendar of the site."""
        offset_ms = self.utc_offset_ms
        return period_end_ms(t_ms + offset_ms, length_ms, self.zone) - offset_ms

    # -- messages

    def handle(self, cycle: Cycle) -> None:
        """Take all samples and notices of one bus tick."""
        actions, points = self._actions, self.points
        t_ms = cycle.t_ns // 1_000_000
        self._now_ms = max(self._now_ms, t_ms)
        for sample in cycle.samples:
            point = points.get(sample.point)
            if point is None:
                continue
            try:
                point.take(sample, t_ms, actions)
            except (TypeError, ValueError, OverflowError):
                if is_number(sample.value):
                    raise
                point.seen_ms = t_ms
                point.bad("not_a_number", t_ms, actions)  # a driver gave a text or nothing for a number
        for notice in cycle.notices:
            values = {"bus": cycle.bus, **notice.values}
            actions.events.append(Event(notice.kind, notice.t_ns // 1_000_000, notice.point, values))
        if cycle.state:
            for device, state in cycle.state.items():
                actions.registers[f"device/{cycle.bus}/{device}"] = state
        self._next_scan_ms = min(self._next_scan_ms, actions.due_ms)
        if actions.alarms:
            self._take_crossings()

    def _relay(self, command: Command, args: relay.Relay, *, is_dry: bool = False) -> Result:
        return relay.carry_out(self.outputs, command, args, self._now_ms, is_dry=is_dry)

    def command(self, command: Command, now_ms: int) -> Result:
        """Carry out an order, once; what it changed stands in the actions, to be on its way before it is answered."""
        self._now_ms = now_ms
        result, order = self.commands.carry_out(command, now_ms)
        if order is not None:
            self._actions.events.append(Event("command", now_ms, "", journaled(order, result, self.commands.verbs)))
            self._actions.event_registers["commands"] = self.commands.register()
            self._tell_of_outputs()
        return result

    def tick(self, now_ms: int) -> None:
        """Look after what comes by time alone: periods that end, points that fall silent, delays that run out."""
        self._now_ms = max(self._now_ms, now_ms)
        if now_ms >= self._next_scan_ms:
            self._scan(now_ms)
        if now_ms >= self.outputs.due_ms:
            self.outputs.step(now_ms)
            self._tell_of_outputs()
        if now_ms >= self.parts.due_ms:
            self.parts.step(now_ms)

    def _scan(self, now_ms: int) -> None:
        actions = self._actions
        next_ms: float = NEVER
        for point in self.points.values():
            late_ms = now_ms - point.grace_ms
            if late_ms >= point.end_ms:
                point.turn(late_ms, actions)
            stale_ms = point.seen_ms + point.spec.stale_ms
            if now_ms > stale_ms:  # said again in each period that it lasts
                point.bad("stale", min(now_ms, point.end_ms - 1), actions)
                stale_ms = min(point.end_ms, now_ms + point.spec.stale_ms)  # it may speak, and fall silent again
            if now_ms >= point.due_ms:
                point.check_delays(now_ms, actions)
            next_ms = min(next_ms, point.end_ms + point.grace_ms, stale_ms + 1, point.due_ms)
        self._next_scan_ms = max(next_ms, now_ms - now_ms % SCAN_MS + SCAN_MS)
        if actions.alarms:
            self._take_crossings()

    def _take_crossings(self) -> None:
        crossings, self._actions.alarms = self._actions.alarms, []
        self.alarms.take(crossings)

    def close(self, now_ms: int) -> None:
        """Close all open periods at now: a clean stop loses nothing."""
        self.parts.close(now_ms)
        for point in self.points.values():
            point.close(now_ms, self._actions)

    def set_clock(self, utc_offset_ms: int) -> None:
        """Place periods on the calendar by this offset (UTC minus monotonic) from now on; a clock vouches for it."""
        was_dated, self.is_dated = self.is_dated, True
        if utc_offset_ms != self.utc_offset_ms:
            self.utc_offset_ms = utc_offset_ms
            self._next_scan_ms = self._now_ms
            for point in self.points.values():
                point.realign(self._now_ms, self._actions)
            self.outputs.set_clock(utc_offset_ms, self._now_ms)
        elif was_dated:
            return
        self.parts.set_clock(self._now_ms)

    def take_actions(self) -> Actions:
        """Return what has to be done since the last call; the parts have heard of it."""
        self.parts.hear(self._actions)
        actions, self._actions = self._actions, Actions()
        actions.event_registers.update(self.parts.registers())
        return actions

    def registers_of(self, moved: Iterable[str]) -> dict[str, Any]:
        """Return the registers of these counters and of the parts that count records, for the records taken so far."""
        found = self.parts.registers(in_records=True)
        for name in moved:
            point = self.points[name]
            if isinstance(point, Counter):
                found[f"counter/{name}"] = point.register.saved()
        return found

    def next_due_ms(self) -> float:
        """Return the monotonic ms of the next tick that has something to do."""
        return min(self._next_scan_ms, self.outputs.due_ms, self.parts.due_ms) if self.points else NEVER

    # -- other settings

    def replace(self, site: Site, saved: Mapping[str, Any], saved_events: Mapping[str, Any], now_ms: int) -> None:
        """Go on as this site: what did not change goes on as if nothing had happened (`edge.core.replacing`).

        `saved` and `saved_events` are the registers that the logs hold now.
        """
        self._now_ms = now_ms
        self.alarms.keep_peaks()
        if site.alarm_rules is not None:
            self.alarms.set_rules(site.alarm_rules)
        replace(self, site, self._actions, saved, saved_events, now_ms)
        self.listen(self._heard)
        watch_others(self.limits.values(), self.points)
        self.alarms.take_site(self)
        self._next_scan_ms = now_ms
        self._tell_of_outputs()

    def replace_parts(self, parts: Sequence[Part]) -> None:
        """Go on with these parts, each made from what one of those before it had saved."""
        self.commands.off(self.parts.verbs)
        before, self.parts = self.parts, Parts([self.alarms, *parts])
        self._heard.clear()
        self.parts.take_over(before)
        self.parts.attach(self)

    # -- parts

    @property
    def now_ms(self) -> int:
        """The monotonic ms of what is being handled."""
        return self._now_ms

    @property
    def untaken(self) -> Actions:
        """What was made since `take_actions`; its newest entries no part may have heard of yet."""
        return self._actions

    def part(self, kind: type[P]) -> P:
        """Return the part of this kind. Raises KeyError when the site has none."""
        return self.parts.of(kind)

    def listen(self, points: Iterable[str]) -> None:
        """Let the parts hear the records of these points from now on, those that the site has."""
        self._heard.update(points)
        for name in self._heard & self.points.keys():
            self.points[name].is_heard = True

    def emit(self, event: Event) -> None:
        """Put an event into the journal and on its way upstream."""
        self._actions.events.append(event)

    def feed(self, samples: list[Sample], now_ms: int) -> None:
        """Take samples of points that a part keeps: no bus is late with them, so that their periods end on time."""
        self.handle(Cycle("", now_ms * 1_000_000, samples))
        for sample in samples:
            point = self.points.get(sample.point)
            if point is not None:
                point.grace_ms = 0
                self._next_scan_ms = min(self._next_scan_ms, point.end_ms)

    def set_limit_value(self, name: str, value: float) -> None:
        """Let a limit compare with another value from now on. Raises KeyError."""
        limit = self.limits[name]
        limit.set_value(value)
        self.points[limit.spec.point].judge_anew(self._now_ms, self._actions)
        self._next_scan_ms = min(self._next_scan_ms, self._actions.due_ms)
        if self._actions.alarms:
            self._take_crossings()

    # -- outputs

    def read_back(self, found: Mapping[str, ReadBack], now_ms: int) -> None:
        """Take what was read from the pins of outputs."""
        self.handle(self.outputs.read_back(found, now_ms))
        self._tell_of_outputs()

    def rest(self, now_ms: int) -> None:
        """Take note that the outputs are in their safe states for good: the station stops."""
        self.handle(self.outputs.rest(now_ms))
        self._tell_of_outputs()

    def _tell_of_outputs(self) -> None:
        outputs = self.outputs
        self._actions.events += outputs.take_events()
        if outputs.is_changed:
            outputs.is_changed = False
            self._actions.event_registers["outputs"] = outputs.register()
