"""All outputs of a site: they follow alarms, take orders, and show what is read back from their pins.

Pure: `to_switch` and `to_read` say what the pins' owner has to do, `read_back` takes what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from edge.core.output import Happening, Output, OutputSpec, Override, outlives, works_alike
from edge.core.read_back import WORDS, Comparison, ReadBack
from edge.core.types import NEVER, Event
from hal.sample import Cycle, Sample

UtcOf: TypeAlias = Callable[[int, int], int | None]
"""(boot, monotonic ms) -> UTC in ms, None while nothing dates it."""


class OutputList:
    """The outputs by id, and what has to be done about them. `due_ms` is when `step` has something to do."""

    def __init__(
        self, specs: Sequence[OutputSpec], *, boot: int, now_ms: int, saved: Mapping[str, Any] | None = None,
        utc_of: UtcOf = lambda _boot, _at_ms: None, utc_offset_ms: int = 0,
    ) -> None:  # fmt: skip
        """Begin in the safe states; `saved` is the register of the orders, `utc_of` dates instants of past starts."""
        self.boot = boot
        self.is_changed = False
        """Whether the orders in force are others than those made durable."""
        self.by_id: dict[str, Output] = {}
        self._of_limit: dict[str, list[Output]] = {}
        self._comparison = Comparison()
        self._driven: dict[str, bool] = {}
        self._read_ms: dict[str, int] = {}
        self._ends_utc_ms: dict[str, int] = {}
        self._links_up: set[str] = set()
        self._utc_offset_ms = utc_offset_ms
        saved = saved or {}
        for spec in specs:
            order = self._recalled(spec, saved[spec.id], now_ms, utc_of) if spec.id in saved else None
            output = self.by_id[spec.id] = Output(spec, now_ms, order)
            self._driven[spec.id] = spec.safe
            self._read_ms[spec.id] = now_ms
            if spec.limit:
                self._of_limit.setdefault(spec.limit, []).append(output)
        self.is_changed = self.register() != saved
        self.due_ms: float = now_ms if specs else NEVER

    def _recalled(self, spec: OutputSpec, saved: Any, now_ms: int, utc_of: UtcOf) -> Override | None:
        """Return what is left of the order that was in force before the start; the journal hears of what is not."""
        was = msgspec.convert(saved, Override)
        order = outlives(was, spec.safe)
        if order is None:
            self._tell(spec.id, now_ms, Happening("output_order_end", "restart", was))
            return None
        if order.until_ms is None:
            return order
        end_utc_ms = utc_of(order.boot, order.until_ms)
        if end_utc_ms is None:  # nobody knows how much of it is left: all of it, for the safe level can wait
            until_ms = now_ms + order.until_ms - order.at_ms
        else:
            self._ends_utc_ms[spec.id] = end_utc_ms
            until_ms = end_utc_ms - self._utc_offset_ms
        return msgspec.structs.replace(order, boot=self.boot, at_ms=now_ms, until_ms=until_ms)

    @property
    def lost(self) -> set[str]:
        """The outputs whose pin can't be had."""
        return self._comparison.lost

    def take_events(self) -> list[Event]:
        """Return what the journal has to hear since the last call."""
        events, self._comparison.events = self._comparison.events, []
        return events

    # -- what happens

    def follow(self, limit: str, now_ms: int, *, active: bool) -> None:
        """Switch what follows this limit."""
        for output in self._of_limit.get(limit, ()):
            output.follow(now_ms, active=active)
            self.due_ms = now_ms

    def ask(self, name: str, now_ms: int, *, level: bool | None) -> None:
        """Let a program or thermostat rule ask for a level; None: it says nothing, the safe state counts."""
        output = self.by_id[name]
        if output.asked != level:
            output.ask(now_ms, level=level)
            self.due_ms = now_ms

    def act(self, name: str, now_ms: int, *, level: bool | None) -> None:
        """Let an alarm's action hold an output at a level; None: no longer."""
        output = self.by_id[name]
        if output.acted != level:
            output.act(now_ms, level=level)
            self.due_ms = now_ms

    def take(self, output: Output, order: Override | None, now_ms: int) -> None:
        """Let an order count, None: be automatic again."""
        output.take(order, now_ms)
        self._ends_utc_ms.pop(output.spec.id, None)
        self.is_changed = True
        self.step(now_ms)

    def replace(self, specs: Sequence[OutputSpec], reopened: Collection[str], now_ms: int) -> None:
        """Go on with these outputs: one whose pin stays keeps its level, whatever else of it changed.

        `reopened` are those whose pins are opened anew: they begin in their safe state, as at a start.
        """
        before, self.by_id = self.by_id, {}
        for spec in specs:
            was = before.get(spec.id)
            if was is not None and spec.id not in reopened and works_alike(was.spec, spec):
                was.spec = spec
                self.by_id[spec.id] = was
                continue
            output = self.by_id[spec.id] = Output(spec, now_ms)
            output.link(now_ms, is_up=bool(self._links_up))
            self._read_ms[spec.id] = now_ms
            if was is not None and spec.id not in reopened:
                output.go_on_from(was)
            else:
                self._driven[spec.id] = spec.safe
                output.order = None if was is None else outlives(was.order, spec.safe)
            if not spec.by_command:
                output.order = None
        for name, was in before.items():
            left = self.by_id.get(name)
            if was.order is not None and (left is None or left.order is None):
                self._tell(name, now_ms, Happening("output_order_end", "reload", was.order))
            if left is None:
                for kept in (self._driven, self._read_ms, self._ends_utc_ms):
                    kept.pop(name, None)
                self.lost.discard(name)
        self._of_limit = {}
        for output in self.by_id.values():
            if output.spec.limit:
                self._of_limit.setdefault(output.spec.limit, []).append(output)
        self.is_changed = True
        self.due_ms = now_ms if specs else NEVER

    def link(self, name: str, now_ms: int, *, is_up: bool) -> None:
        """Take note that a link came or went; outputs care whether any is up."""
        had_any = bool(self._links_up)
        (self._links_up.add if is_up else self._links_up.discard)(name)
        if had_any != bool(self._links_up):
            for output in self.by_id.values():
                output.link(now_ms, is_up=is_up)
                self.due_ms = now_ms

    def set_clock(self, utc_offset_ms: int, now_ms: int) -> None:
        """Place the ends of orders from before the start anew, after the clock was set."""
        self._utc_offset_ms = utc_offset_ms
        for name, end_utc_ms in self._ends_utc_ms.items():
            output = self.by_id[name]
            if output.order is not None:
                output.order = msgspec.structs.replace(output.order, until_ms=end_utc_ms - utc_offset_ms)
                output.due_ms = self.due_ms = now_ms

    def rest(self, now_ms: int) -> Cycle:
        """Go to the safe states for good; return them as readings, since the pins are there already."""
        for name, output in self.by_id.items():
            output.rest(now_ms)
            self._driven[name] = output.level
        self._read_ms.clear()
        self.due_ms = NEVER
        t_ns = now_ms * 1_000_000
        return Cycle(
            "", t_ns, [Sample(name, t_ns, int(on)) for name, on in self._driven.items() if name not in self.lost]
        )

    def step(self, now_ms: int) -> None:
        """Let time pass for those that are due."""
        for name, output in self.by_id.items():
            if now_ms >= output.due_ms:
                for happening in output.step(now_ms):
                    self.is_changed = True
                    self._tell(name, now_ms, happening)
                if self._driven[name] != output.level:
                    self._read_ms[name] = now_ms
        self._plan()

    def _plan(self) -> None:
        switches: float = min((output.due_ms for output in self.by_id.values()), default=NEVER)
        self.due_ms = min(switches, *self._read_ms.values(), NEVER)

    def _tell(self, name: str, now_ms: int, happening: Happening) -> None:
        values: dict[str, Any] = {"why": happening.why}
        if happening.lasted_ms is not None:
            values["lasted_ms"] = happening.lasted_ms
        if happening.order is not None:
            order = happening.order
            who = {"author": order.author, "channel": order.channel}
            values |= {"to": WORDS[order.level], **{name: word for name, word in who.items() if word}}
        self._comparison.events.append(Event(happening.kind, now_ms, name, values))

    # -- pins

    def to_switch(self) -> list[tuple[str, bool]]:
        """Return what has to be driven now, each once."""
        found = [(name, output.level) for name, output in self.by_id.items() if self._driven[name] != output.level]
        self._driven.update(found)
        return found

    def to_read(self, now_ms: int) -> list[str]:
        """Return what has to be read back now; the next time is a period later, or when its contact must be there."""
        found = [name for name, due_ms in self._read_ms.items() if now_ms >= due_ms]
        for name in found:
            output = self.by_id[name]
            period_ms = output.spec.point.period_ms
            next_ms = now_ms - now_ms % period_ms + period_ms
            settled_ms = output.since_ms + output.spec.feedback_ms
            self._read_ms[name] = settled_ms if now_ms < settled_ms < next_ms else next_ms
        self._plan()
        return found

    def read_back(self, found: Mapping[str, ReadBack], now_ms: int) -> Cycle:
        """Return the readings of the outputs' points from what was read."""
        samples = []
        for name, back in found.items():
            output = self.by_id[name]
            is_moving = now_ms < output.since_ms + output.spec.feedback_ms
            samples.append(self._comparison.sample(name, back, self._driven, now_ms, is_moving=is_moving))
        return Cycle("", now_ms * 1_000_000, samples)

    def register(self) -> dict[str, Any]:
        """Return what must be durable: the orders in force, by output."""
        return {
            name: msgspec.to_builtins(output.order) for name, output in self.by_id.items() if output.order is not None
        }
