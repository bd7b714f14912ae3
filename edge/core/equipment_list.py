"""The machines of a site: they follow the alarms of their points, the orders of people, and planned ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from edge.core import equipment_orders
from edge.core.alarm import Alarm
from edge.core.engine import Engine
from edge.core.equipment import (
    FED_MS,
    HOUR_MS,
    STATES,
    TRANSITIONS,
    Cause,
    EquipmentSpec,
    Happening,
    Machine,
    Plan,
    state_point,
)
from edge.core.part import Part
from edge.core.run_time import RunTime
from edge.core.types import NEVER, Event, Record
from hal.sample import Sample

_BEGINS: Final = frozenset({"alarm_begin", "alarm_in_service"})
_ENDS: Final = frozenset({"alarm_end", "alarm_out_of_service"})


class EquipmentList(Part):
    """The machines by id. Their states are durable with the events that tell of them."""

    def __init__(self, specs: Sequence[EquipmentSpec], saved: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.specs = {spec.id: spec for spec in specs}
        recalled = msgspec.convert((saved or {}).get("equipment", {}), dict[str, Machine])
        self.machines: dict[str, Machine] = {name: recalled.pop(name, Machine()) for name in self.specs}
        self._left = list(recalled)
        self._of_limit: dict[str, list[str]] = {}
        for spec in specs:
            for limit in spec.limits:
                self._of_limit.setdefault(limit, []).append(spec.id)
        self.active: dict[str, dict[str, int]] = {name: {} for name in self.specs}
        """By machine the active alarms that make it faulty: limit -> number."""

    def attach(self, site: Engine) -> None:
        """Go on where the log remembers, whatever began, ended or was due while the box was off."""
        self.site = site
        self._offset_ms = site.utc_offset_ms
        site.commands.on("equipment", partial(equipment_orders.order, self))
        site.commands.on("maintenance", partial(equipment_orders.maintain, self))
        for alarm in site.alarms.by_limit.values():
            for name in self._of_limit.get(alarm.limit, ()) if _counts(alarm) else ():
                self.active[name][alarm.limit] = alarm.number
        for name in self._left:
            site.alarms.unsuppress(_source(name), site.now_ms)
        self.is_changed = bool(self._left)
        for name, machine in self.machines.items():
            self._hush(name)
            if not machine.boot:  # it is known from now on
                machine.boot, machine.since_ms = site.boot, site.now_ms
                self.is_changed = True
            if self.active[name]:
                self.happen(name, "alarm", site.now_ms, self._first_alarm(name))
            elif machine.cause is not None and machine.cause.word == "alarm":
                self._clear(name, site.now_ms)
        self._feed(list(self.machines), site.now_ms)
        self.step(site.now_ms)

    # -- what happens

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Follow the alarms."""
        for event in events:
            if event.kind in _BEGINS or event.kind in _ENDS:
                limit = event.values["limit"]
                for name in self._of_limit.get(limit, ()):
                    self._follow(name, limit, event)

    def _follow(self, name: str, limit: str, event: Event) -> None:
        """An alarm of a machine begins or ends, or its limit goes out of service and comes back."""
        active, number = self.active[name], event.values.get("id")
        if event.kind in _BEGINS and number is not None and not event.values.get("out_of_service"):
            if event.kind == "alarm_begin" or _is_active(self.site.alarms.by_limit.get(limit)):
                active[limit] = number
                self.happen(name, "alarm", event.at_ms, Cause("alarm", number, limit))
        elif event.kind in _ENDS and active.pop(limit, None) is not None and not active:
            self._clear(name, event.at_ms)

    def _first_alarm(self, name: str) -> Cause:
        limit, number = next(iter(self.active[name].items()))
        return Cause("alarm", number, limit)

    def _clear(self, name: str, at_ms: int) -> None:
        """The last alarm of a machine has ended."""
        cause = self.machines[name].cause
        is_enough = self.specs[name].when_clear and cause is not None and cause.word == "alarm"
        self.happen(name, "clear_restores" if is_enough else "clear", at_ms, Cause("clear"))

    def happen(self, name: str, what: Happening, at_ms: int, cause: Cause, plan: Plan | None = None) -> bool:
        """Go where this leads and tell it; return False when it is refused."""
        was = self.machines[name]
        after = TRANSITIONS[what][was.state]
        if after is None:
            return False
        if after != was.state or what == "fault":
            since = (self.site.boot, at_ms) if after != was.state else (was.boot, was.since_ms)
            self.machines[name] = Machine(after, *since, cause, plan, was.serviced_ms, was.is_due)
            facts = {"before": was.state, "after": after, "cause": cause.word, **_told(cause)}
            if plan is not None:
                facts |= {"work": plan.work, "until_ms": plan.until_utc_ms}
            self._tell("equipment", name, at_ms, facts)
            self._feed([name], at_ms)
            self._hush(name)
            self.due_ms = self.site.now_ms
        return True

    def _hush(self, name: str) -> None:
        """Keep the alarms of a machine in maintenance from people, and let them hear those of the others."""
        alarms, now_ms = self.site.alarms, self.site.now_ms
        if self.machines[name].state == "maintenance":
            alarms.suppress(_source(name), self.specs[name].points, now_ms)
        elif _source(name) in alarms.silences.suppressed:
            alarms.unsuppress(_source(name), now_ms)

    def _tell(self, kind: str, name: str, at_ms: int, facts: Mapping[str, Any]) -> None:
        self.site.emit(Event(kind, at_ms, state_point(name), {"equipment": name, **facts}))
        self.is_changed = True

    def _feed(self, names: Sequence[str], at_ms: int) -> None:
        t_ns = at_ms * 1_000_000
        samples = [Sample(state_point(name), t_ns, STATES.index(self.machines[name].state)) for name in names]
        self.site.feed(samples, max(at_ms, self.site.now_ms))

    # -- time

    def step(self, now_ms: int) -> None:
        """End what is planned to end, remind of what is about to, say which service is due."""
        now_utc_ms = now_ms + self.site.utc_offset_ms
        next_utc_ms: float = NEVER
        for name, machine in self.machines.items():
            plan = machine.plan
            if plan is not None and now_utc_ms >= plan.until_utc_ms:
                self.end(name, now_ms, Cause("time"))
            elif plan is not None:
                if plan.remind_utc_ms is not None and now_utc_ms >= plan.remind_utc_ms:
                    plan.remind_utc_ms = None
                    self._remind(name, machine, plan, plan.until_utc_ms - now_utc_ms)
                next_utc_ms = min(next_utc_ms, plan.remind_utc_ms or NEVER, plan.until_utc_ms)
            self._look_at_service(name, now_ms)
        due_ms = now_ms - now_ms % FED_MS + FED_MS
        if now_ms >= self.due_ms:
            self._feed(list(self.machines), now_ms)
        self.due_ms = min(due_ms, next_utc_ms - self.site.utc_offset_ms) if self.machines else NEVER

    def _remind(self, name: str, machine: Machine, plan: Plan, left_ms: int) -> None:
        facts = {"until_ms": plan.until_utc_ms, "left_ms": left_ms}
        who = {} if machine.cause is None else _told(machine.cause)
        self._tell("maintenance_reminder", name, self.site.now_ms, facts | who)

    def replan(self, name: str, plan: Plan, cause: Cause) -> None:
        """Move the planned end of a maintenance."""
        machine = self.machines[name]
        facts: dict[str, Any] = {"until_ms": plan.until_utc_ms, **_told(cause)}
        if machine.plan is not None:
            facts["was_ms"] = machine.plan.until_utc_ms
        machine.plan, self.due_ms = plan, self.site.now_ms
        self._tell("maintenance_extended", name, self.site.now_ms, facts)

    def end(self, name: str, now_ms: int, cause: Cause) -> bool:
        """End a maintenance: the machine is in service again, or faulty where an alarm of its points is active."""
        machine = self.machines[name]
        if machine.plan is not None and machine.plan.work == "service":
            machine.serviced_ms, machine.is_due = self._run_ms(name), False
        if not self.active[name]:
            return self.happen(name, "end", now_ms, cause)
        alarm = self._first_alarm(name)
        cause = msgspec.structs.replace(alarm, author=cause.author, channel=cause.channel)
        return self.happen(name, "end_in_alarm", now_ms, cause)

    def _run_ms(self, name: str) -> int:
        return self.site.part(RunTime).of(name).run_ms

    def _look_at_service(self, name: str, now_ms: int) -> None:
        spec, machine = self.specs[name], self.machines[name]
        if not spec.service_ms or machine.is_due:
            return
        ran_ms = self._run_ms(name) - machine.serviced_ms
        if ran_ms >= spec.service_ms:
            machine.is_due = True
            self._tell("service_due", name, now_ms, {"ran_h": ran_ms // HOUR_MS, "every_h": spec.service_ms / HOUR_MS})

    def service_left_ms(self, name: str) -> int | None:
        """Return the run time to the next service, negative when it is overdue; None where none is ever due."""
        every_ms = self.specs[name].service_ms
        return every_ms - self._run_ms(name) + self.machines[name].serviced_ms if every_ms else None

    def set_clock(self, now_ms: int) -> None:
        """Place planned ends anew; one that was said while no clock could be trusted keeps its length."""
        moved_ms = self.site.utc_offset_ms - self._offset_ms
        self._offset_ms = self.site.utc_offset_ms
        for machine in self.machines.values():
            plan = machine.plan
            if plan is not None and plan.undated_boot == self.site.boot:
                plan.until_utc_ms += moved_ms
                plan.remind_utc_ms = None if plan.remind_utc_ms is None else plan.remind_utc_ms + moved_ms
                plan.undated_boot = 0
                self.is_changed = True
        self.due_ms = now_ms

    # -- what is durable

    def registers(self) -> dict[str, Any]:
        """Return the state of every machine."""
        return {"equipment": msgspec.to_builtins(self.machines)}


def _source(name: str) -> str:
    return f"maintenance:{name}"


def _is_active(alarm: Alarm | None) -> bool:
    return alarm is not None and alarm.active


def _counts(alarm: Alarm) -> bool:
    """Return whether an alarm speaks of its machine: one whose limit is out of service does not."""
    return alarm.active and alarm.silence != "out_of_service"


def _told(cause: Cause) -> dict[str, Any]:
    """Return what an event says of a cause, beside its word."""
    return {key: value for key, value in msgspec.structs.asdict(cause).items() if key != "word" and value}
