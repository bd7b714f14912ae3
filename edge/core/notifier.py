"""Whom alarms reach: what is told of them, once, together, again until somebody acknowledges, and when it is over.

It looks at the alarms as they stand, not at how they came to be so: after a kill and a restart the register says what
was told, the alarms say what is, and what is missing goes. Whatever sends texts to people takes `alarm_notify` events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.core.alarm import Alarm
from edge.core.notify_gate import RANK, Gate, NotifyRules
from edge.core.part import Part
from edge.core.types import NEVER, Event, Record

if TYPE_CHECKING:
    from edge.core.engine import Engine

IDS_MOST: Final = 200


class Told(msgspec.Struct, omit_defaults=True):
    """What was told of an alarm, last at `at_ms` of start `boot`."""

    boot: int
    at_ms: int
    utc_ms: int | None = None
    priority: str = "medium"
    reminders: int = 0
    chattering: bool = False
    over: bool = False
    """Its end was told too; it stays here until somebody acknowledges it."""


class Due(msgspec.Struct):
    """What is to be told, by number."""

    begun: list[int] = []
    ended: list[int] = []
    chattering: list[int] = []
    reminded: list[int] = []

    def all(self) -> list[int]:
        """Return every number once."""
        return list(dict.fromkeys([*self.begun, *self.chattering, *self.ended, *self.reminded]))


class Notifier(Part):
    """Makes `alarm_notify` events of alarms: begin, end, reminder, chattering, or several merged."""

    def __init__(self, rules: NotifyRules | None = None, saved: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.rules = rules or NotifyRules()
        kept = (saved or {}).get("notifier") or {}
        self._told: dict[int, Told] = msgspec.convert(kept, dict[int, Told], strict=False)
        self._gate = Gate(self.rules)
        self._remind_ms: dict[int, float] = {}
        self.site: Engine

    def take_over(self, before: Notifier) -> None:
        """Let the bound on messages hold across other settings."""
        if before.rules == self.rules:
            self._gate = before._gate
        self._remind_ms = dict(before._remind_ms)

    def attach(self, site: Engine) -> None:
        """Go on with what was told before a restart."""
        self.site = site
        self._place(site.now_ms)
        self.due_ms = site.now_ms if self._told or site.alarms.by_limit else NEVER

    def _place(self, now_ms: int) -> None:
        """Say when each alarm told of in an earlier start is due again; without a date, a whole period from now."""
        for number, told in self._told.items():
            if told.boot != self.site.boot or number not in self._remind_ms:
                was_ms = now_ms if told.utc_ms is None else min(told.utc_ms - self.site.utc_offset_ms, now_ms)
                self._remind_ms[number] = self._next_ms(told, told.at_ms if told.boot == self.site.boot else was_ms)

    def _next_ms(self, told: Told, since_ms: int) -> float:
        period_ms = self.rules.remind_ms[RANK.index(told.priority)]
        return since_ms + period_ms if period_ms and told.reminders < self.rules.reminders else NEVER

    def set_clock(self, now_ms: int) -> None:
        """Place reminders of earlier starts anew."""
        for told in self._told.values():
            if told.boot == self.site.boot:
                told.utc_ms = told.at_ms + self.site.utc_offset_ms
        self.is_changed = self.is_changed or bool(self._told)
        self._place(now_ms)
        self.step(now_ms)

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Look at the alarms when something happened to one."""
        if any(event.kind.startswith("alarm_") and event.kind != "alarm_notify" for event in events):
            self.step(self.site.now_ms)

    def step(self, now_ms: int) -> None:
        """Tell what is to be told, or say when that may be."""
        alarms = {alarm.number: alarm for alarm in self.site.alarms.by_limit.values()}
        for number in [number for number, told in self._told.items() if told.over and number not in alarms]:
            self._forget(number)
        due = self._due(alarms, now_ms)
        numbers = due.all()
        if not numbers:
            asking = [number for number, alarm in alarms.items() if number in self._told and self._asks_again(alarm)]
            self.due_ms = min((self._remind_ms.get(number, NEVER) for number in asking), default=NEVER)
            return
        utc_ms = now_ms + self.site.utc_offset_ms if self.site.is_dated else None
        held_ms = {number: self._held_ms(self._priority(number, alarms), utc_ms) for number in numbers}
        free = [number for number in numbers if not held_ms[number]]
        ready_ms = min((self._ready_ms(self._priority(number, alarms), now_ms) for number in free), default=NEVER)
        if ready_ms > now_ms:
            self.due_ms = min(ready_ms, *(now_ms + ms for ms in held_ms.values() if ms), NEVER)
            return
        self._tell(due, set(free), alarms, now_ms)
        self.step(now_ms)  # what waits for quiet hours to end, and the next reminder

    def _held_ms(self, priority: str, utc_ms: int | None) -> int:
        return self._gate.holds_back(priority, utc_ms, self.site.zone)

    def _ready_ms(self, priority: str, now_ms: int) -> float:
        return self._gate.ready_ms(now_ms, is_critical=priority == RANK[-1])

    def _priority(self, number: int, alarms: Mapping[int, Alarm]) -> str:
        return alarms[number].priority if number in alarms else self._told[number].priority

    def _due(self, alarms: Mapping[int, Alarm], now_ms: int) -> Due:
        """Return what is not told yet of the alarms as they stand."""
        due = Due()
        for number, alarm in sorted(alarms.items()):
            told = self._told.get(number)
            if told is None:
                if self._is_to_be_told(alarm):
                    due.begun.append(number)
            elif alarm.chattering and not (told.chattering or alarm.silence):
                due.chattering.append(number)
            elif self._asks_again(alarm) and now_ms >= self._remind_ms.get(number, NEVER):
                due.reminded.append(number)
        due.ended = [
            number for number, told in self._told.items()
            if not told.over and (number not in alarms or not alarms[number].active)
        ]  # fmt: skip
        return due

    def _is_to_be_told(self, alarm: Alarm) -> bool:
        is_open = not alarm.silence and not alarm.acknowledged
        return is_open and alarm.heard and RANK.index(alarm.priority) >= RANK.index(self.rules.least)

    @staticmethod
    def _asks_again(alarm: Alarm) -> bool:
        return alarm.active and not alarm.silence and not alarm.acknowledged

    def _tell(self, due: Due, free: set[int], alarms: Mapping[int, Alarm], now_ms: int) -> None:
        begun = [number for number in due.begun if number in free]
        over = [number for number in begun if not alarms[number].active]
        ended = [number for number in due.ended if number in free]
        chattering = [number for number in (*begun, *due.chattering) if number in free and alarms[number].chattering]
        reminded = [number for number in due.reminded if number in free]
        numbers = list(dict.fromkeys([*begun, *chattering, *ended, *reminded]))
        priorities = [self._priority(number, alarms) for number in numbers]
        worst = max(priorities, key=RANK.index)
        values: dict[str, Any] = {"what": _what(numbers, begun, ended, reminded, over), "prio": worst}
        for name, found in (
            ("ids", begun), ("ended", [*ended, *over]), ("chattering", chattering), ("reminded", reminded),
        ):  # fmt: skip
            if found:
                values[name] = ", ".join(map(str, found[:IDS_MOST]))
        values["count"] = len(numbers)
        if len(begun) > 1:
            first = min(begun, key=lambda number: (not alarms[number].first, alarms[number].begin_ms, number))
            values["first"] = first
        utc_ms = now_ms + self.site.utc_offset_ms if self.site.is_dated else None
        for number in begun:
            self._told[number] = Told(
                self.site.boot, now_ms, utc_ms, alarms[number].priority, over=number in over,
                chattering=alarms[number].chattering,
            )  # fmt: skip
        for number in ended:
            self._told[number].over = True
        for number in chattering:
            self._told[number].chattering = True
        for number in reminded:
            told = self._told[number]
            told.boot, told.at_ms, told.utc_ms, told.reminders = self.site.boot, now_ms, utc_ms, told.reminders + 1
        if reminded:
            values["n"] = max(self._told[number].reminders for number in reminded)
            values["of"] = self.rules.reminders
        for number in (*begun, *reminded):
            self._remind_ms[number] = self._next_ms(self._told[number], now_ms)
        for number in ended:
            if number not in alarms:
                self._forget(number)
        point = alarms[numbers[0]].point if len(numbers) == 1 and numbers[0] in alarms else ""
        self.site.emit(Event("alarm_notify", now_ms, point, values))
        self._gate.take(now_ms, is_critical=worst == RANK[-1])
        self.is_changed = True

    def _forget(self, number: int) -> None:
        del self._told[number]
        self._remind_ms.pop(number, None)
        self.is_changed = True

    @property
    def standing(self) -> dict[int, bool]:
        """The alarms that were told, by number, and whether their end was told too."""
        return {number: told.over for number, told in self._told.items()}

    def spent_ms(self, number: int) -> float:
        """Return when the last reminder of an alarm has gone unanswered; NEVER while there are more, or none at all."""
        told = self._told.get(number)
        period_ms = 0 if told is None else self.rules.remind_ms[RANK.index(told.priority)]
        if told is None or not period_ms or told.reminders < self.rules.reminders:
            return NEVER
        if told.boot == self.site.boot:
            return told.at_ms + period_ms
        now_ms = self.site.now_ms
        was_ms = now_ms if told.utc_ms is None else min(told.utc_ms - self.site.utc_offset_ms, now_ms)
        return was_ms + period_ms

    def registers(self) -> dict[str, Any]:
        """Return what was told."""
        return {"notifier": {str(number): msgspec.to_builtins(told) for number, told in self._told.items()}}


def _what(
    numbers: Sequence[int], begun: Sequence[int], ended: Sequence[int], reminded: Sequence[int], over: Sequence[int]
) -> str:
    if list(reminded) == list(numbers):
        return "reminder"
    if len(numbers) > 1 or over:
        return "merged"
    return "begin" if begun else "end" if ended else "chattering"
