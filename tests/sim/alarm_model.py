"""What the alarms of a site should be, told slowly: one sentence of ISA-18.2 / IEC 62682 or of docs/alarms.md a line.

Nothing here comes from the engine. Time is UTC in whole seconds; a limit is a `Rule`, what it is beyond is a line of
BEYOND; what a power cut leaves is the copy of `kept` that was made when the last event was written.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec

from tests.sim import limit_models

SILENT_AFTER_S = 5
Told = tuple[str, int, str, dict[str, Any]]
"""(kind without alarm_, second, limit, what it says)"""


class Rule(msgspec.Struct, frozen=True):
    """A limit as a person would write it."""

    name: str
    point: str
    kind: str
    value: float = 0.0
    deadband: float = 0.0
    on_s: int = 0
    off_s: int = 0
    latch: bool = False
    other: str = ""
    over_s: int = 0


BEYOND: dict[str, Callable[[Rule, float], bool]] = {
    "high": lambda rule, value: value > rule.value,
    "high_high": lambda rule, value: value > rule.value,
    "low": lambda rule, value: value < rule.value,
    "low_low": lambda rule, value: value < rule.value,
    "equal": lambda rule, value: value == rule.value,
    "not_equal": lambda rule, value: value != rule.value,
}
BACK: dict[str, Callable[[Rule, float], bool]] = {
    "high": lambda rule, value: value < rule.value - rule.deadband or value == rule.value - rule.deadband,
    "high_high": lambda rule, value: value <= rule.value - rule.deadband,
    "low": lambda rule, value: value >= rule.value + rule.deadband,
    "low_low": lambda rule, value: value >= rule.value + rule.deadband,
    "equal": lambda rule, value: abs(value - rule.value) > rule.deadband,
    "not_equal": lambda rule, value: value == rule.value,
}
"""When a value that was beyond counts as back."""
NEXT_STAGE = {"high": "high_high", "low": "low_low", "above": "high_high"}
MEASURED = {"rate", "never_zero", "deviation", "above", "condition"}
"""Kinds that look at more than one reading; "above" is high with another point as its limit."""
NOT_BELIEVED = {"unconfirmed", "inconsistent", "suspect"}


class AlarmModel:
    """All alarms of a site. `told` is what the journal hears, in the order in which it hears it."""

    def __init__(
        self, rules: list[Rule], *, together_s: int, chatter_begins: int, chatter_s: int, is_dated: bool
    ) -> None:
        self.rules = {rule.name: rule for rule in rules}
        self.together_s, self.chatter_begins, self.chatter_s = together_s, chatter_begins, chatter_s
        self.is_dated = is_dated
        self.told: list[Told] = []
        self.start = 1
        self.alarms: dict[str, dict[str, Any]] = {}
        self.shelved: dict[str, dict[str, Any]] = {}
        self.out: set[str] = set()
        self.last_number = 0
        self.kept = self._durable()
        self._begin_anew(0)

    # -- what outlives a power cut

    def _durable(self) -> dict[str, Any]:
        alarms = {
            name: {key: each for key, each in alarm.items() if key != "quiet"} for name, alarm in self.alarms.items()
        }
        return copy.deepcopy({"alarms": alarms, "shelved": self.shelved, "out": self.out, "last": self.last_number})

    def restart(self, kept: dict[str, Any], now: int) -> None:
        """Go on at `now` from what was kept."""
        kept = copy.deepcopy(kept)
        self.alarms, self.shelved, self.out = kept["alarms"], kept["shelved"], kept["out"]
        self.last_number, self.start = kept["last"], self.start + 1
        self.kept = self._durable()
        self._begin_anew(now)

    def _begin_anew(self, now: int) -> None:
        self.suppressed: dict[str, set[str]] = {}
        self.seen = {rule.point: now for rule in self.rules.values()}
        self.calls = {name: self._is_beyond_now(name) for name in self.rules}
        self.beyond = dict(self.calls)
        self.called_at = dict.fromkeys(self.rules, 0)
        self.delay_runs = dict.fromkeys(self.rules, False)
        self.heard: dict[str, list[tuple[int, float | None]]] = {name: [] for name in self.rules}
        self.beside: dict[str, float | None] = dict.fromkeys(self.rules)
        self.leaked_s = {name: rule.over_s if self.calls[name] else 0 for name, rule in self.rules.items()}
        self.begins: dict[str, list[int]] = {name: [] for name in self.rules}
        self.moment: dict[str, Any] | None = None
        self.heard_together: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for alarm in self.alarms.values():
            if alarm["chattering"]:
                alarm["quiet"] = now + self.chatter_s
        for shelving in self.shelved.values():
            if shelving["start"] != self.start:
                if shelving["is_dated"]:
                    shelving["ends"] = min(shelving["until"], now + shelving["for"])
                else:
                    shelving["ends"] = now

    def _is_beyond_now(self, name: str) -> bool:
        alarm = self.alarms.get(name)
        return bool(alarm and alarm["active"] and alarm["beyond"])

    def _tell(self, kind: str, now: int, name: str, **says: Any) -> None:
        self.told.append((kind, now, name, says))
        self.is_written = True

    # -- what happens

    def read(self, point: str, value: float | None, reason: str, now: int) -> None:
        """Take a reading: GOOD without a reason, UNCERTAIN with one, BAD without a value."""
        self.is_written = False
        self.seen[point] = now
        self.is_crossed = False
        self._judge_point(point, value, reason, now)
        if self.is_crossed:  # else the time, which comes with each reading, says what is heard
            self._settle(now)
        self._write()

    def time(self, now: int) -> None:
        """Let it be `now`: called each second."""
        self.is_written = False
        self._let_go(now)
        for point in sorted(self.seen):
            if now - self.seen[point] > SILENT_AFTER_S:
                self._judge_point(point, None, "stale", now)
            for rule in self._of(point):
                if self.delay_runs[rule.name]:
                    self._delay(rule, now)
        self._settle(now)
        for name, alarm in list(self.alarms.items()):
            if alarm["chattering"] and now >= alarm["quiet"]:
                alarm["chattering"] = False
                self.begins[name] = []
                self._tell("chatter_end", now, name, id=alarm["id"], begins=alarm["begins"])
                if not alarm["beyond"] and not self.rules[name].latch:
                    self._over(name, now)
        self._settle(now)
        self._write()

    def _of(self, point: str) -> list[Rule]:
        return [rule for rule in self.rules.values() if rule.point == point]

    def _write(self) -> None:
        if self.is_written:
            self.kept = self._durable()

    # -- is the limit exceeded?

    def _judge_point(self, point: str, value: float | None, reason: str, now: int) -> None:
        for rule in [*self._of(point), *(rule for rule in self.rules.values() if rule.other == point)]:
            if rule.kind in MEASURED:
                believed = None if reason in NOT_BELIEVED else value
                says = self._measures(rule, believed, now, is_own=rule.point == point)
            else:
                says = self._calls(rule, value, reason)
            if says is None:  # nothing is known: a delay can't run out meanwhile
                self.delay_runs[rule.name] = False
                continue
            if says != self.calls[rule.name]:
                self.calls[rule.name], self.called_at[rule.name] = says, now
            self.delay_runs[rule.name] = says != self.beyond[rule.name]
            self._delay(rule, now)

    def _calls(self, rule: Rule, value: float | None, reason: str) -> bool | None:
        """Return whether a reading calls for the alarm, or for its end (False), or says nothing (None)."""
        if rule.kind == "fault":
            return value is None or reason == "mismatch"
        if rule.kind == "stale":
            return value is None and reason == "stale"
        if value is None or reason in NOT_BELIEVED:
            return None
        if self.calls[rule.name] and self.beyond[rule.name]:
            return not BACK[rule.kind](rule, value)
        return BEYOND[rule.kind](rule, value)

    def _measures(self, rule: Rule, value: float | None, now: int, *, is_own: bool) -> bool | None:
        """Return the same for a kind that looks at more than one reading; all of them are kept."""
        heard = self.heard[rule.name]
        if is_own:
            heard.append((now * 1000, value))
        else:
            self.beside[rule.name] = value
        own, beside = heard[-1][1] if heard else None, self.beside[rule.name]
        if own is None or (rule.other and beside is None):
            return None
        if rule.kind == "condition":
            return own > 20 and (beside or 0) > 20
        if rule.kind == "never_zero":
            return self._flowed_s(rule) >= rule.over_s
        number, bound = self._number(rule, own, beside or 0.0), beside if rule.kind == "above" else rule.value
        if number is None or bound is None:
            return None
        return number > bound - (rule.deadband if self.calls[rule.name] and self.beyond[rule.name] else 0)

    def _number(self, rule: Rule, own: float, beside: float) -> float | None:
        if rule.kind == "rate":
            rate = limit_models.rate(self.heard[rule.name], rule.over_s * 1000, 1000)
            return None if rate is None else abs(rate)
        return abs(own - beside) if rule.kind == "deviation" else own

    def _flowed_s(self, rule: Rule) -> float:
        """Return the known seconds since the last zero; where there was none, on top of those before the restart."""
        heard = self.heard[rule.name]
        last_zero = max(
            (place for place, (_t, value) in enumerate(heard) if value is not None and value <= 0), default=-1
        )
        since = heard[max(last_zero, 0) :]
        known = sum(
            later[0] - earlier[0]
            for earlier, later in pairwise(since)
            if earlier[1] is not None and later[1] is not None
        )
        return known / 1000 + (self.leaked_s[rule.name] if last_zero < 0 else 0)

    def _delay(self, rule: Rule, now: int) -> None:
        name = rule.name
        if not self.delay_runs[name]:
            return
        if now - self.called_at[name] >= (rule.on_s if self.calls[name] else rule.off_s):
            self.delay_runs[name] = False
            self._let_go(now)
            self.is_crossed = True
            self.beyond[name] = self.calls[name]
            if self.beyond[name]:
                self._exceeded(name, now)
            else:
                self._returned(name, now)

    # -- the alarm of a limit

    def _exceeded(self, name: str, now: int) -> None:
        alarm = self.alarms.get(name)
        if alarm and alarm["active"]:  # latched or chattering: still the same alarm
            alarm["beyond"] = True
            alarm["begins"] += 1
            if alarm["chattering"]:
                alarm["quiet"] = now + self.chatter_s
                return
            alarm["acked"] = False
            self._tell("latch", now, name, id=alarm["id"], latched=False)
        else:
            self.last_number += 1
            alarm = {
                "id": self.last_number, "active": True, "beyond": True, "acked": False, "chattering": False,
                "begins": 1, "heard": True, "first": False, "silence": "", "by": "", "at": now,
            }  # fmt: skip
            self.alarms.setdefault(name, alarm)
            self.alarms[name] = alarm
            alarm["silence"], alarm["by"] = self._silence(name)
            says: dict[str, Any] = {"id": alarm["id"]}
            if alarm["silence"]:
                alarm["heard"] = False
                says[alarm["silence"]] = True
            elif self.moment is None or now - self.moment["at"] > self.together_s:
                self.moment = alarm
            else:
                self.moment["first"] = True
                says["after"] = self.moment["id"]
            self._tell("begin", now, name, **says)
            self.heard_together.append((alarm, self.told[-1][3]))
        lately = self.begins[name] = [*self.begins[name], now][-self.chatter_begins :]
        if len(lately) == self.chatter_begins and now - lately[0] <= self.chatter_s:
            alarm["chattering"], alarm["quiet"] = True, now + self.chatter_s
            self._tell("chatter", now, name, id=alarm["id"])

    def _returned(self, name: str, now: int) -> None:
        alarm = self.alarms.get(name)
        if not alarm or not alarm["active"]:
            return
        alarm["beyond"] = False
        if alarm["chattering"]:
            alarm["quiet"] = now + self.chatter_s
        elif self.rules[name].latch:
            self._tell("latch", now, name, id=alarm["id"], latched=True)
        else:
            self._over(name, now)

    def _over(self, name: str, now: int) -> None:
        alarm = self.alarms[name]
        alarm["active"] = alarm["beyond"] = False
        if alarm["acked"] or not alarm["heard"]:
            del self.alarms[name]
        says = {"id": alarm["id"]}
        if alarm["first"]:
            says["first"] = True
        if alarm["begins"] > 1:
            says["begins"] = alarm["begins"]
        self._tell("end", now, name, **says)

    # -- who hears of it?

    def _silence(self, name: str) -> tuple[str, str]:
        rule = self.rules[name]
        if name in self.out:
            return "out_of_service", ""
        for source, points in self.suppressed.items():
            if rule.point in points:
                return "suppressed", source
        if name in self.shelved:
            return "shelved", ""
        for other in self.rules.values():
            is_next = other.point == rule.point and other.kind == NEXT_STAGE.get(rule.kind)
            alarm = self.alarms.get(other.name)
            if is_next and alarm and alarm["active"] and not self._silence(other.name)[0]:
                return "suppressed", ""
        return "", ""

    def _let_go(self, now: int) -> None:
        """End the shelvings whose time is over; nobody hears of anything before all of them have ended."""
        for name, shelving in list(self.shelved.items()):
            if now >= shelving["ends"]:
                del self.shelved[name]
                is_lost = shelving["start"] != self.start and not shelving["is_dated"]
                self._tell("unshelve", now, name, why="restart" if is_lost else "time")

    def _settle(self, now: int) -> None:
        self._let_go(now)
        for alarm, says in self.heard_together:
            if alarm["first"]:
                says["first"] = True
        self.heard_together = []
        for name, alarm in self.alarms.items():
            was, was_by = alarm["silence"], alarm["by"]
            alarm["silence"], alarm["by"] = self._silence(name)
            if (was, was_by) == (alarm["silence"], alarm["by"]):
                continue
            self.is_written = True
            if not alarm["active"]:
                continue
            if not alarm["silence"]:
                alarm["heard"] = True
            if alarm["by"] and not was_by:
                self._tell("suppress", now, name, id=alarm["id"], by=alarm["by"])
            if was_by and not alarm["by"]:
                self._tell("unsuppress", now, name, id=alarm["id"], by=was_by)

    def state(self, name: str) -> str:
        """Return the state of a limit's alarm in the standard's words."""
        alarm = self.alarms.get(name)
        return "normal" if alarm is None else alarm["silence"] or self._condition(alarm)

    def _condition(self, alarm: dict[str, Any]) -> str:
        if not alarm["active"]:
            return "returned"
        if not alarm["beyond"] and not alarm["chattering"]:
            return "latched"
        return "acknowledged" if alarm["acked"] else "unacknowledged"

    def waiting(self) -> list[int]:
        """Return the numbers that somebody has to acknowledge."""
        return sorted(
            alarm["id"] for alarm in self.alarms.values()
            if not alarm["silence"] and (not alarm["acked"] or self._condition(alarm) == "latched")
        )  # fmt: skip

    # -- what people and machines order

    def acknowledge(self, numbers: list[int], now: int) -> bool:
        """Acknowledge these, or all that wait; nothing at all where one of them can't be."""
        self.is_written = False
        named = [self._named(number) for number in numbers or self.waiting()]
        if not named or any(
            name is None or (self.alarms[name]["acked"] and self._condition(self.alarms[name]) != "latched")
            for name in named
        ):
            return False
        names: list[str] = []
        for name in named:
            nearer = [
                rule.name for rule in self.rules.values()
                if rule.point == self.rules[name].point and NEXT_STAGE.get(rule.kind) == self.rules[name].kind
                and rule.name in self.alarms and self.state(rule.name) == "suppressed"
                and not self.alarms[rule.name]["by"] and not self.alarms[rule.name]["acked"]
            ]  # fmt: skip
            names += [other for other in (name, *nearer) if other not in names]
        for name in names:
            alarm = self.alarms[name]
            before = self._condition(alarm)
            alarm["acked"] = True
            if before == "returned":
                del self.alarms[name]
            after = "normal" if before in {"returned", "latched"} else "acknowledged"
            self._tell("ack", now, name, id=alarm["id"], before=before, after=after)
            if before == "latched":
                self._over(name, now)
            self._settle(now)
        self._write()
        return True

    def _named(self, number: int) -> Any:
        return next((name for name, alarm in self.alarms.items() if alarm["id"] == number), None)

    def shelve(self, name: str, for_s: int, now: int) -> None:
        """Shelve a limit for so long."""
        self.is_written = False
        self.shelved.pop(name, None) if name not in self.shelved else None
        self.shelved[name] = {
            "for": for_s, "until": now + for_s, "ends": now + for_s, "start": self.start, "is_dated": self.is_dated,
        }  # fmt: skip
        self._act("shelve", name, now)

    def unshelve(self, name: str, now: int) -> None:
        """Take it from the shelf."""
        self.is_written = False
        if self.shelved.pop(name, None):
            self._tell("unshelve", now, name, why="order")
            self._settle(now)
            self._write()

    def service(self, name: str, now: int, *, is_out: bool) -> None:
        """Take a limit out of service, or back in."""
        self.is_written = False
        if (name in self.out) != is_out:
            (self.out.add if is_out else self.out.discard)(name)
            self._act("out_of_service" if is_out else "in_service", name, now)

    def _act(self, kind: str, name: str, now: int) -> None:
        alarm = self.alarms.get(name)
        self._tell(kind, now, name, **({"id": alarm["id"]} if alarm else {}))
        self._settle(now)
        self._write()

    def suppress(self, source: str, points: set[str], now: int) -> None:
        """Suppress the alarms of these points; of none: take it back."""
        self.is_written = False
        if points:
            self.suppressed[source] = points
        else:
            self.suppressed.pop(source, None)
        self._settle(now)
        self._write()
