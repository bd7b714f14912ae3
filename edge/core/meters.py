"""The acts of people at meters: readings compared, indexes set, meters exchanged, coefficients dated.

An act is durable with the events, before it is answered; the counter's register says up to which act it holds them. So
a power cut between both only means that the act is done again, once, at the next start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec

from edge.core.commands import Command, Result
from edge.core.counter import Kept, Volatile
from edge.core.engine import Engine
from edge.core.kinds import Counter
from edge.core.meter import (
    Act,
    Coefficients,
    MeterCoefficient,
    MeterExchange,
    MeterRead,
    MeterSet,
    MeterSpec,
    day_of,
    decimal_text,
    merged,
    number_of,
    unit_worth,
)
from edge.core.meter_then import MOVES, why_not
from edge.core.part import Part
from edge.core.text import Text
from edge.core.types import Event, Record

REGISTER: Final = "meters"
ACTS: Final = 8  # kept of each meter, and what moved its index last


class Told(msgspec.Struct):
    """What people told of meters, as the register holds it."""

    n: int = 0
    acts: dict[str, list[Act]] = {}
    coefficients: dict[str, dict[str, str]] = {}


class Meters(Part):
    """The meters of a site: its counters, what the settings say of them, and what people did."""

    def __init__(self, specs: Iterable[MeterSpec] = (), saved: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.specs = {spec.point: spec for spec in specs}
        self._broken = ""
        try:
            told = msgspec.convert((saved or {}).get(REGISTER, {}), Told)
            for made in told.coefficients.values():
                merged(None, made)
        except (ArithmeticError, ValueError) as exc:  # of another version; the indexes themselves stand elsewhere
            told, self._broken = Told(), str(exc)
        self.acts = told.acts
        """The newest of each meter, oldest first."""
        self._made = told.coefficients
        """Coefficients set by order: point -> since -> factor."""
        self._number = told.n
        self._counters: dict[str, Counter] = {}

    def attach(self, site: Engine) -> None:
        """Take the counters, and do what a power cut left undone."""
        self.site = site
        if self._broken:
            fault = {"worker": "meters", "text": f"what was done at meters is forgotten: {self._broken}"[:200]}
            site.emit(Event("fault", site.now_ms, "", fault))
        self._counters = {name: point for name, point in site.points.items() if isinstance(point, Counter)}
        self._number = max([self._number, *(counter.register.act for counter in self._counters.values())])
        for point, acts in self.acts.items():
            if point in self._counters:
                for act in acts:
                    self._carry_out(self._counters[point], act)
        site.commands.on("meter.read", self._read)
        orders: dict[str, Callable[..., Result]] = {
            "meter.set": self._set, "meter.exchange": self._exchange, "meter.coefficient": self._coefficient,
        }  # fmt: skip
        for verb, carry_out in orders.items():
            site.commands.on(verb, carry_out, would=partial(carry_out, is_proposed=True))

    def hear(self, records: Sequence[Record], events: Sequence[Event]) -> None:
        """Carry out an exchange that was told before the new meter was noticed."""
        for event in events:
            if event.kind == "meter_changed" and event.point in self._counters:
                told = self.acts.get(event.point, [])
                if told and told[-1].kind == "exchange":
                    self._carry_out(self._counters[event.point], told[-1])

    # -- what is asked

    def coefficients(self, point: str) -> Coefficients:
        """Return what a unit of a meter is worth in its `to_unit`, by day. Raises KeyError for no counter."""
        spec, counter = self.specs.get(point), self._counters[point]
        always = unit_worth(counter.spec.unit, spec.to_unit) if spec is not None and spec.to_unit else None
        return merged(spec, self._made.get(point, {}), always)

    # -- acts

    def _carry_out(self, counter: Counter, act: Act) -> None:
        """Let a counter's register hold an act, unless it does."""
        register = counter.register
        if act.n <= register.act or act.kind == "read":
            return
        if isinstance(register, Volatile):
            counter.shift(float(Decimal(act.value) - Decimal(act.before)))
        elif register.changed is None:
            return  # the new meter was not noticed yet
        elif self._contradiction(register, Decimal(act.old), Decimal(act.value)) is None:
            register.exchange(float(act.old), float(act.value))
        register.act = act.n
        self.site.untaken.moved.add(counter.id)

    def _done(self, command: Command, counter: Counter, kind: str, told: Mapping[str, Any], **more: str) -> None:
        """Note an act, journal it, and carry it out."""
        self._number += 1
        before = decimal_text(counter.register.index or 0.0)
        act = Act(
            self._number, kind, self.site.boot, self.site.now_ms, before=before, author=command.author,
            channel=command.channel, **{"value": before, **more},
        )  # fmt: skip
        self.acts[counter.id] = newest([*self.acts.get(counter.id, []), act])
        self.is_changed = True
        self._carry_out(counter, act)
        self._tell(f"meter_{kind}", command, counter.id, told)

    def _tell(self, kind: str, command: Command, point: str, told: Mapping[str, Any]) -> None:
        values = {name: value for name, value in told.items() if name != "point"}
        who = {"author": command.author, "channel": command.channel}
        self.site.emit(Event(kind, self.site.now_ms, point, {**values, **who}))

    def _counter(self, command: Command, point: str) -> Counter | Result:
        counter = self._counters.get(point)
        if counter is None:
            return refused(command, "meter_none", point=point, known=sorted(self._counters))
        if counter.register.index is None:
            return refused(command, "meter_unread", point=point)
        return counter

    def _compared(self, command: Command, args: MeterRead | MeterSet) -> dict[str, Any] | Result:
        """Return how far the box is from a reading: both, the difference in the unit, in pulses and in %."""
        counter = self._counter(command, args.point)
        if isinstance(counter, Result):
            return counter
        value = number_of(args.value)
        if value is None:
            return refused(command, "meter_number", point=args.point, value=str(args.value)[:40])
        if (args.at is None) != (args.then is None):
            return refused(command, "meter_then", point=args.point)
        wrong = None if args.at is None else why_not(self.site, counter, self.acts.get(args.point, ()), args.at)
        if wrong is not None:
            return Result(command.id, done=False, text=wrong)
        index = Decimal(repr(counter.register.index if args.then is None else args.then))
        drift = index - value
        found: dict[str, Any] = {
            "point": args.point, "value": float(value), "index": float(index), "drift": float(drift),
            "u": counter.spec.unit,
        }  # fmt: skip
        since = self._set_last(args.point)
        if since is not None and isinstance(counter.register, Volatile):  # before, no index of ours meant the meter
            found["pulses"] = round(float(drift) / counter.spec.scale)
        if since is not None and value > since:
            found["percent"] = round(float(drift / (value - since)) * 100, 3)
        return found if args.at is None else {**found, "at": args.at}

    def _set_last(self, point: str) -> Decimal | None:
        """Return what stood on the meter when its index was set last."""
        acts = [act for act in self.acts.get(point, []) if act.kind in MOVES]
        return Decimal(acts[-1].value) if acts else None

    def _read(self, command: Command, args: MeterRead) -> Result:
        told = self._compared(command, args)
        if isinstance(told, Result):
            return told
        self._done(command, self._counters[args.point], "read", told, value=decimal_text(told["value"]))
        return Result(command.id, done=True, text=Text("meter_read_done", told), values=told)

    def _set(self, command: Command, args: MeterSet, *, is_proposed: bool = False) -> Result:
        told = self._compared(command, args)
        if isinstance(told, Result):
            return told
        counter = self._counters[args.point]
        if not isinstance(counter.register, Volatile):
            return refused(command, "meter_kept", point=args.point, index=counter.register.index, u=counter.spec.unit)
        before = Decimal(repr(counter.register.index))
        value = before - Decimal(repr(told["drift"]))  # read at another time: what moved since then stays
        told = {**told, "was": float(before), "now": float(value)}
        if is_proposed:
            return Result(command.id, done=True, text=Text("meter_set_would", told))
        self._done(command, counter, "set", told, value=str(value))
        values = {**told, "before": float(before), "after": counter.register.index}
        return Result(command.id, done=True, text=Text("meter_set_done", told), values=values)

    def _exchange(self, command: Command, args: MeterExchange, *, is_proposed: bool = False) -> Result:
        counter = self._counter(command, args.point)
        if isinstance(counter, Result):
            return counter
        old, new = number_of(args.old), number_of(args.new)
        if old is None or new is None:
            return refused(
                command, "meter_number", point=args.point, value=str(args.old if old is None else args.new)[:40]
            )
        register = counter.register
        if isinstance(register, Kept):
            wrong = self._contradiction(register, old, new)
            if wrong is not None:
                return refused(command, wrong[0], point=args.point, u=counter.spec.unit, **wrong[1])
        told: dict[str, Any] = {
            "point": args.point, "old": float(old), "new": float(new), "index": register.index, "u": counter.spec.unit,
        }  # fmt: skip
        if isinstance(register, Volatile):
            told |= {"was": register.index, "now": float(new)}
        if isinstance(register, Volatile) and self._set_last(args.point) is not None:
            told["pulses"] = round(float(Decimal(repr(register.index)) - old) / counter.spec.scale)
        if is_proposed:
            return Result(command.id, done=True, text=Text("meter_exchange_would", told))
        before = register.index
        self._done(command, counter, "exchange", told, value=str(new), old=str(old))
        values = {**told, "before": before, "after": register.index}
        return Result(command.id, done=True, text=Text("meter_exchange_done", told), values=values)

    @staticmethod
    def _contradiction(register: Kept, old: Decimal, new: Decimal) -> tuple[str, dict[str, Any]] | None:
        """Return why a closing and a first index can't be, next to what the box read itself."""
        last, first = register.changed or (register.index, None)
        if last is not None and old < Decimal(repr(last)):
            return "meter_old_below", {"old": float(old), "index": last}
        if first is not None and new > Decimal(repr(first)):
            return "meter_new_above", {"new": float(new), "index": first}
        return None

    def _coefficient(self, command: Command, args: MeterCoefficient, *, is_proposed: bool = False) -> Result:
        counter = self._counters.get(args.point)
        if counter is None:
            return refused(command, "meter_none", point=args.point, known=sorted(self._counters))
        spec = self.specs.get(args.point)
        if spec is None or not spec.to_unit:
            return refused(command, "meter_no_unit", point=args.point)
        factor, since = number_of(args.factor), day_of(args.since)
        if not factor:
            return refused(command, "meter_factor", point=args.point, value=str(args.factor)[:40])
        if since is None:
            return refused(command, "meter_day", point=args.point, value=args.since[:40])
        before = self.coefficients(args.point).on(since)
        told: dict[str, Any] = {
            "point": args.point, "factor": float(factor), "from": since.isoformat(), "u": spec.to_unit,
            "per": counter.spec.unit,
        }  # fmt: skip
        if before is not None:
            told["was"] = float(before)
        if is_proposed:
            return Result(command.id, done=True, text=Text("meter_coefficient_would", told))
        self._made.setdefault(args.point, {})[since.isoformat()] = str(factor)
        self.is_changed = True
        self._tell("meter_coefficient", command, args.point, told)
        values = {**told, "before": told.get("was"), "after": float(factor)}
        return Result(command.id, done=True, text=Text("meter_coefficient_done", told), values=values)

    # -- registers

    def registers(self) -> dict[str, Any]:
        """Return acts and coefficients, whole: they are few."""
        return {REGISTER: msgspec.to_builtins(Told(self._number, self.acts, self._made))}


def newest(acts: Sequence[Act]) -> list[Act]:
    """Return the newest of a meter's acts, and the last that moved its index however many readings came after it."""
    kept = list(acts[-ACTS:])
    if not any(act.kind in MOVES for act in kept):
        kept = [*[act for act in acts[:-ACTS] if act.kind in MOVES][-1:], *kept]
    return kept


def refused(command: Command, key: str, **values: Any) -> Result:
    """Return why an act can't be done; nothing changed."""
    return Result(command.id, done=False, text=Text(key, values))
