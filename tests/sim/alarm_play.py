"""Plays one sequence of events to the engine and to the model, and compares all that they say after each."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from edge.core.commands import Command
from edge.core.engine import Engine
from edge.core.notifier import Notifier
from edge.core.notify_gate import NotifyRules
from edge.core.part import Part
from edge.core.together import AlarmRules
from edge.core.types import Event, Input, LimitSpec, PointSpec
from hal.sample import BAD, GOOD, UNCERTAIN, Cycle, Sample
from tests.sim.alarm_model import AlarmModel, Rule

TOGETHER_S, BEGINS, CHATTER_S = 10, 3, 30
VALUES = (None, None, 0.0, 19.0, 20.0, 20.5, 21.0, 25.0, 29.0, 29.5, 30.0, 31.0, 39.0, 41.0)
REASONS = ("", "", "", "", "late", "unconfirmed", "suspect", "clock_degraded")
WHY_BAD = ("no_answer", "crc", "out_of_range")
DEVICES = ("a", "b")
KINDS = (
    "high", "high_high", "low", "low_low", "equal", "not_equal", "fault", "stale", "rate", "never_zero", "deviation",
    "above", "condition",
)  # fmt: skip
WORTH = {
    "high": 30.0, "high_high": 40.0, "low": 21.0, "low_low": 20.0, "equal": 30.0, "not_equal": 29.0, "rate": 2.0,
    "deviation": 5.0,
}  # fmt: skip
SAYS = (
    "id", "after", "first", "shelved", "suppressed", "out_of_service", "begins", "before", "latched", "by", "why",
)  # fmt: skip
LEFT_OUT = {"chatter": {"begins"}, "end": {"why"}, "begin": {"why"}}
NOTIFY = NotifyRules(together_ms=10_000, most_per_hour=60, remind_ms=(0, 60_000, 40_000, 20_000), reminders=2)


REST_S = 12  # longer than the pause between two messages


class Move(msgspec.Struct, frozen=True):
    """One thing that happens; what its numbers mean depends on it."""

    what: str
    a: int = 0
    b: int = 0
    c: int = 0


WHATS = (
    *["read"] * 16, *["wait"] * 4, "hover", "ack", "ack", "ack_all", "shelve", "shelve", "unshelve", "out", "in",
    "suppress", "unsuppress", "restart", "cut",
)  # fmt: skip


def moves_of(rng: random.Random, length: int) -> list[Move]:
    """Return so many moves of this chance."""
    return [
        Move(rng.choice(WHATS), rng.randrange(256), rng.randrange(256), rng.randrange(256)) for _number in range(length)
    ]


def rules_of(rng: random.Random) -> list[Rule]:
    """Return two to six limits on two points, with and without deadband, delays and latch."""
    rules = []
    for number in range(rng.randint(2, 6)):
        kind = rng.choice(KINDS)
        value = WORTH.get(kind, 0.0)
        is_back_by_degrees = kind not in {"fault", "stale", "not_equal", "never_zero", "condition"}
        point = rng.choice(DEVICES)
        rules.append(
            Rule(
                f"l{number}", point, kind, value,
                other=DEVICES[point == DEVICES[0]] if kind in {"deviation", "above", "condition"} else "",
                over_s=rng.choice((2, 5)) if kind in {"rate", "never_zero"} else 0,
                deadband=rng.choice((0.0, 0.0, 1.0)) if is_back_by_degrees else 0.0,
                on_s=rng.choice((0, 0, 0, 2)), off_s=rng.choice((0, 0, 0, 3)), latch=rng.random() < 0.25,
            )
        )  # fmt: skip
    return rules


def _of_others(rule: Rule) -> dict[str, Any]:
    """Return the keys of a limit that looks at the other point."""
    if rule.kind == "condition":
        inputs = dict.fromkeys(DEVICES, Input())
        return {"expression": f"{rule.point} > 20 and {rule.other} > 20", "inputs": inputs}
    return {"other": rule.other}


class Works(Part):
    """Suppresses what is in maintenance, at each start anew."""

    def __init__(self, points: set[str]) -> None:
        super().__init__()
        self.points = points

    def attach(self, site: Engine) -> None:
        """Say it to the alarms."""
        if self.points:
            site.alarms.suppress("works", self.points, site.now_ms)


class Play:
    """One site as the engine and as the model have it, at one instant."""

    def __init__(self, rules: list[Rule], *, is_dated: bool) -> None:
        self.rules = rules
        self.is_dated = is_dated
        self.now = 0
        self.model = AlarmModel(
            rules, together_s=TOGETHER_S, chatter_begins=BEGINS, chatter_s=CHATTER_S, is_dated=is_dated
        )
        self.points = [
            PointSpec(name, kind="gauge", period_ms=1000, record_ms=86_400_000, stale_ms=5000) for name in DEVICES
        ]
        self.limits = [
            LimitSpec(
                rule.name, rule.point, {"above": "high", "condition": "expression"}.get(rule.kind, rule.kind),  # type: ignore[arg-type]
                rule.value, deadband=rule.deadband, on_delay_ms=rule.on_s * 1000, off_delay_ms=rule.off_s * 1000,
                latch=rule.latch, priority=("high", "critical")[place % 2], over_ms=rule.over_s * 1000, per="second",
                **_of_others(rule),
            )
            for place, rule in enumerate(rules)
        ]  # fmt: skip
        self.boot = 0
        self.works: set[str] = set()
        self.is_fresh = False
        """Whether no time has passed since the start."""
        self.orders = 0
        self.registers: dict[str, Any] = {}
        self.events: list[Event] = []
        self.utc_s: list[int] = []
        self.compared = self.model_compared = 0
        self.commits: list[tuple[dict[str, Any], dict[str, Any], int]] = []
        self._start()

    def _start(self) -> None:
        self.boot += 1
        self.base = self.now
        self.engine = Engine(
            self.points, self.limits, boot=self.boot, now_ms=0, utc_offset_ms=self.now * 1000, is_dated=self.is_dated,
            saved_events=self.registers, parts=[Works(self.works), Notifier(NOTIFY, self.registers)],
            alarm_rules=AlarmRules(together_ms=TOGETHER_S * 1000, chatter_begins=BEGINS, chatter_ms=CHATTER_S * 1000),
        )  # fmt: skip
        self._collect()

    @property
    def _ms(self) -> int:
        return (self.now - self.base) * 1000

    def _collect(self) -> None:
        actions = self.engine.take_actions()
        self.events += actions.events
        self.utc_s += [self.base + event.at_ms // 1000 for event in actions.events]
        told = _numbers([event.values for event in actions.events if event.kind == "alarm_notify"], "ids")
        for number in told:
            (alarm,) = (each for each in self.model.alarms.values() if each["id"] == number)
            is_silent = alarm["silence"] or alarm["acked"]
            assert not is_silent, f"{alarm} is told to people"
        if actions.event_registers:
            self.registers = {**self.registers, **actions.event_registers}
            self.commits.append((self.registers, self.model.kept, len(self.events)))

    # -- moves

    def play(self, move: Move) -> None:
        """Let it happen to both, and compare."""
        getattr(self, f"_{move.what}")(move)
        self._compare(move)

    def _read(self, move: Move) -> None:
        name, value = DEVICES[move.a % 2], VALUES[move.b % len(VALUES)]
        reason = WHY_BAD[move.c % 3] if value is None else REASONS[move.c % len(REASONS)]
        quality = BAD if value is None else UNCERTAIN if reason else GOOD
        t_ns = self._ms * 1_000_000
        self.engine.handle(Cycle("bus", t_ns, [Sample(name, t_ns, value, quality, reason)]))
        self.model.read(name, value, reason, self.now)
        self._collect()
        self._second()

    def _hover(self, move: Move) -> None:
        for turn in range(1 + move.b % 8):
            self._read(Move("read", move.a, VALUES.index(41.0 if turn % 2 else 25.0)))

    def _second(self) -> None:
        self.is_fresh = False
        self.engine.tick(self._ms)
        self.model.time(self.now)
        self._collect()
        self.now += 1

    def _wait(self, move: Move) -> None:
        for _second in range((1, 2, 3, 7, 12, 35)[move.a % 6]):
            self._second()

    def _order(self, verb: str, **args: Any) -> Any:
        self.orders += 1
        return self.engine.command(Command(f"{self.orders}", verb, args, "anna", "local", "configure"), self._ms)

    def _ack(self, move: Move) -> None:
        number = max(1, self.model.last_number - move.a % 4)
        done = self._order("ack", number=number).done
        assert done is self.model.acknowledge([number], self.now), (number, done)
        self._collect()

    def _ack_all(self, _move: Move) -> None:
        done = self._order("ack").done
        assert done is self.model.acknowledge([], self.now), done
        self._collect()

    def _name(self, move: Move) -> str:
        return self.rules[move.a % len(self.rules)].name

    def _shelve(self, move: Move) -> None:
        for_s = (60, 61, 100)[move.b % 3]
        assert self._order("shelve", limit=self._name(move), for_s=for_s, reason="x").done
        self.model.shelve(self._name(move), for_s, self.now)
        self._collect()

    def _unshelve(self, move: Move) -> None:
        self._order("shelve", limit=self._name(move), back=True)
        self.model.unshelve(self._name(move), self.now)
        self._collect()

    def _out(self, move: Move) -> None:
        self._order("alarm.service", limit=self._name(move), to="out", reason="x")
        self.model.service(self._name(move), self.now, is_out=True)
        self._collect()

    def _in(self, move: Move) -> None:
        self._order("alarm.service", limit=self._name(move), to="in")
        self.model.service(self._name(move), self.now, is_out=False)
        self._collect()

    def _suppress(self, move: Move) -> None:
        points = {DEVICES[move.a % 2]} if move.b % 3 else set(DEVICES)
        self._source(("works", "programme")[move.c % 2], points)

    def _unsuppress(self, move: Move) -> None:
        self._source(("works", "programme")[move.c % 2], set())

    def _source(self, source: str, points: set[str]) -> None:
        if self.is_fresh:  # sources speak when the site is made, or when it runs
            self._second()
        if source == "works":
            self.works = points
        if points:
            self.engine.alarms.suppress(source, points, self._ms)
        else:
            self.engine.alarms.unsuppress(source, self._ms)
        self.model.suppress(source, points, self.now)
        self._collect()

    def _restart(self, move: Move) -> None:
        self.now += (0, 1, 50, 1000)[move.a % 4]
        self._from(self.model.kept, move)

    def _cut(self, move: Move) -> None:
        """Lose the last few frames of the events' log, with the registers in them."""
        self.now += (0, 1, 50, 1000)[move.a % 4]
        lost = min(move.b % 4, len(self.commits) - 1)
        if lost <= 0:
            self._from(self.model.kept, move)
            return
        del self.commits[-lost:]
        self.registers, kept, events = self.commits[-1]
        del self.events[events:], self.utc_s[events:]
        self.compared = min(self.compared, events)
        self._from(kept, move)

    def _from(self, kept: dict[str, Any], move: Move) -> None:
        """Start anew from what was kept; what happens next may come before the first step of time."""
        self.model.restart(kept, self.now)
        if self.works:
            self.model.suppressed["works"] = self.works
        self._start()
        self.is_fresh = not move.c % 4
        if not self.is_fresh:
            self._second()

    # -- what both say

    def _compare(self, move: Move) -> None:
        mine = sorted(map(repr, self._new_events()))
        told = self.model.told[self.model_compared :]
        theirs = sorted(repr((kind, at, name, dict(sorted(says.items())))) for kind, at, name, says in told)
        assert mine == theirs, f"{move}: the engine says {mine}, the model {theirs}"
        self.compared, self.model_compared = len(self.events), len(self.model.told)
        desk = self.engine.alarms
        states = {name: alarm.state for name, alarm in desk.by_limit.items()}
        assert states == {name: self.model.state(name) for name in self.model.alarms}, move
        assert desk.waiting() == self.model.waiting(), move

    def check_notifications(self) -> None:
        """Let it come to rest; then everything that people were to hear was told, and nothing twice."""
        if self.is_fresh:
            self._second()
            self._compare(Move("rest"))
        while self.now - max((at for _kind, at, _name, _says in self.model.told), default=-99) < REST_S:
            self._second()
            self._compare(Move("rest"))
        told = [event.values for event in self.events if event.kind == "alarm_notify"]
        begun, ended = _numbers(told, "ids"), _numbers(told, "ended")
        assert len(set(begun)) == len(begun), f"told twice: {begun}"
        assert len(set(ended)) == len(ended), f"over twice: {ended}"
        assert set(ended) <= set(begun)
        alarms = {alarm.number: alarm for alarm in self.engine.alarms.by_limit.values()}
        for number, alarm in alarms.items():
            if alarm.active and not alarm.acknowledged and not alarm.silence:
                assert number in begun, f"{alarm} was never told"
        assert {number for number in begun if number not in alarms or not alarms[number].active} == set(ended)
        reminded = _numbers(told, "reminded")
        assert all(reminded.count(number) <= NOTIFY.reminders for number in reminded)

    def _new_events(self) -> list[tuple[str, int, str, dict[str, Any]]]:
        found = []
        for event, utc_s in zip(self.events[self.compared :], self.utc_s[self.compared :], strict=True):
            kind = event.kind.removeprefix("alarm_")
            if event.kind.startswith("alarm_") and kind != "notify":
                kept = [key for key in SAYS if key in event.values and key not in LEFT_OUT.get(kind, ())]
                says = {key: event.values[key] for key in sorted(set(kept))}
                found.append((kind, utc_s, event.values["limit"], says))
        return found


def _numbers(told: list[dict[str, Any]], name: str) -> list[int]:
    return [int(word) for values in told if name in values for word in values[name].split(", ")]


def play(rules: list[Rule], moves: list[Move], *, is_dated: bool = True) -> Play:
    """Play all moves; raises AssertionError at the first that engine and model take differently."""
    site = Play(rules, is_dated=is_dated)
    for move in moves:
        site.play(move)
    site.check_notifications()
    return site
