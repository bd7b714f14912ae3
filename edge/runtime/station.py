"""The station: takes every message of the site, lets the engine decide, and hands on what it decided.

It is the one worker that owns the engine; all others reach it by its inbox. It never waits: not for the card (the
writer has its own thread), not for a bus, not for a link.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from edge.core import alarm_view
from edge.core.clock import Clock, ClockEntry, Dating
from edge.core.commands import Command, Result
from edge.core.engine import Engine
from edge.core.overseas import as_there
from edge.core.read_back import ReadBack
from edge.core.replacing import Site
from edge.core.types import Event, EventBatch, LimitSpec, PointSpec, Record, RecordBatch
from edge.links.messages import ClockWanted, TimeHeard
from edge.runtime.answering import Answering
from edge.runtime.clock_keeper import ClockKeeper
from edge.runtime.outputs import Outputs
from hal.sample import BAD, Cycle, Notice, Sample

INBOX_MAX: Final = 10_000  # messages; more means that the station stands still: the oldest cycles go
ALONE_MS: Final = 60_000  # a frame costs the card a block: for what parts count by time alone, one a minute
BLOCKED_AFTER_S: Final = 5.0
BLOCKED_EVERY_MS: Final = 1000
URGENT: Final = frozenset(
    {
        "start", "stop", "unclean_stop", "clock", "alarm_begin", "alarm_end", "alarm_ack", "command", "fault",
        "output_safe", "output_mismatch", "output_lost",
    }
)  # fmt: skip
LINK_NEWS: Final = {"link_up": True, "link_down": False}

log = logging.getLogger(__name__)


class Question(msgspec.Struct, frozen=True):
    """Something the local API wants to know: answered between two cycles, by `reply` on the station's thread."""

    ask: Callable[[Engine], Any]
    reply: Callable[[Any], None]


class Order(msgspec.Struct, frozen=True):
    """A command and where its result goes once what it changed is on its way to the card."""

    command: Command
    reply: Callable[[Result], None]


class Pins(Protocol):
    """Who touches the pins of the outputs."""

    def drive(self, name: str, *, on: bool) -> None:
        """Switch an output."""

    def read(self, name: str, now_ms: int) -> ReadBack | None:
        """Return its real state, None when it is no longer ours to tell."""


class Described(msgspec.Struct, frozen=True):
    """What the points and limits are: replaced as a whole where they change, so that any thread may read it."""

    points: list[PointSpec]
    limits: list[LimitSpec]

    @classmethod
    def of(cls, engine: Engine) -> Described:
        """Return what an engine's points and limits are."""
        return cls([point.spec for point in engine.points.values()], [limit.spec for limit in engine.limits.values()])


class Station:
    """The worker between buses and logs."""

    name = "station"

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        dating: Dating,
        *,
        save: Callable[[RecordBatch], None],
        journal: Callable[[EventBatch, Callable[[], None] | None], None],
        commit_s: float = 10.0,
        blocked: Callable[[float, float], list[str]] = lambda _now_s, _longer_s: [],
        points_of_bus: Mapping[str, list[str]] | None = None,
        alarm_changed: Callable[[str, bool], None] = lambda _limit, _active: None,
        estimated: Callable[[int, Dating], ClockEntry | None] = lambda _boot, _dating: None,
    ) -> None:
        self.engine = engine
        self.described = Described.of(engine)
        self._clock = clock
        self._dating = dating
        self._save = save
        self._journal = journal
        self.commit_ms = round(commit_s * 1000)
        self._blocked = blocked
        self._points_of_bus = points_of_bus or {}
        self._alarm_changed = alarm_changed
        self.pins: Pins = Outputs([])
        """Who touches the pins of the outputs: to be set before the first step."""
        self.clock_keeper = keeper = ClockKeeper(clock, dating, journal, engine.set_clock, estimated)
        engine.dating = keeper.entered
        engine.commands.on("time.set", lambda command, args: keeper.set_by_person(command, args, engine.zone))
        self.alarm_documents: Mapping[str, Mapping[str, Any]] = alarm_view.alarm_documents(engine, dating)
        """The active alarms as they stand upstream: replaced as a whole, so that a link may read it at any time."""
        self._inbox: deque[Any] = deque(maxlen=INBOX_MAX)
        self._wake: Callable[[], None] = lambda: None
        self._records: list[Record] = []
        self._events: list[Event] = []
        self._moved: set[str] = set()
        self._registers: dict[str, Any] = {}
        self._event_registers: dict[str, Any] = {}
        self._replies: list[Callable[[], None]] = []
        self._answering = Answering()
        self._next_commit_ms = 0
        self._alone_ms = 0
        """When registers of parts are committed though nothing else is."""
        self._next_blocked_ms = 0
        self.steps = 0
        self.records_made = 0
        self.readings = 0

    def replace(
        self,
        site: Site,
        points_of_bus: Mapping[str, list[str]],
        registers: Callable[[], tuple[Mapping[str, Any], Mapping[str, Any]]],
        now_ms: int,
    ) -> None:
        """Go on as this site; on the station's thread. What was read under the old settings is handed on before.

        `registers` gives those of the records' and of the events' log.
        """
        if site.parts is not None:
            self.engine.parts.close(now_ms)
        self._collect()
        self._alone_ms = now_ms
        self._commit_records(now_ms)
        self._commit_events()
        self.engine.replace(site, *registers(), now_ms)
        self._points_of_bus = points_of_bus
        self.described = Described.of(self.engine)
        self._collect()
        self._commit_records(now_ms)
        self.alarm_documents = alarm_view.alarm_documents(self.engine, self._dating)

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Say what wakes the station's thread."""
        self._wake = wake

    def post(self, message: Cycle | Notice | ClockWanted | TimeHeard | Question | Order) -> None:
        """Hand over a message; never blocks. Any thread may post."""
        self._inbox.append(message)
        self._wake()

    def filenos(self) -> list[int]:
        """The inbox rings its bell by itself."""
        return []

    def step(self, now_s: float) -> float:
        """Take all messages, let time pass, hand on; return when to be called at the latest."""
        self.steps += 1
        now_ms = round(now_s * 1000)
        inbox, engine = self._inbox, self.engine
        while inbox:
            message = inbox.popleft()
            if type(message) is Cycle:
                self.readings += len(message.samples)
                engine.handle(message)
                if message.fix is not None:
                    self.clock_keeper.hear(as_there(message.fix, engine.zone), message.bus)
            else:
                self._take(message, now_ms)
        self._report_blocked(now_ms)
        engine.tick(now_ms)
        self._work_pins(now_ms)
        self._collect()
        self.clock_keeper.step(now_ms)
        if now_ms >= self._next_commit_ms:
            self._next_commit_ms = now_ms - now_ms % self.commit_ms + self.commit_ms
            self._commit_records(now_ms)
            self._commit_events()
        elif self._event_registers or any(event.kind in URGENT for event in self._events):
            if self._answering.has_new:  # an order may have moved an index: first, or it were answered and not there
                self._commit_records(now_ms)
            self._commit_events()
        for reply in self._replies:
            reply()
        self._replies.clear()
        self._answering.step(now_ms)
        due_ms = min(engine.next_due_ms(), self._next_commit_ms, self.clock_keeper.due_ms, self._answering.due_ms)
        return due_ms / 1000

    def _take(self, message: Notice | ClockWanted | TimeHeard | Question | Order, now_ms: int) -> None:
        if isinstance(message, Notice):
            if message.kind in LINK_NEWS:
                self.engine.outputs.link(str(message.values["link"]), now_ms, is_up=LINK_NEWS[message.kind])
            self._events.append(Event(message.kind, message.t_ns // 1_000_000, message.point, message.values))
        elif isinstance(message, ClockWanted):
            self.clock_keeper.guess(message.boot, now_ms)
        elif isinstance(message, TimeHeard):
            self.clock_keeper.hear(message.fix, message.link)
        else:
            try:
                self._answer(message, now_ms)
            except Exception:  # who asked gets no answer in time; the site's readings go on
                log.exception("a question or an order could not be answered")

    def _answer(self, message: Question | Order, now_ms: int) -> None:
        """Answer a question, or carry out an order, whose answer waits until what it changed is on the card."""
        if isinstance(message, Order):
            self._answering.add(message.reply, self.engine.command(message.command, now_ms), now_ms)
        else:
            self._replies.append(partial(message.reply, message.ask(self.engine)))

    def _work_pins(self, now_ms: int) -> None:
        """Switch what is to be switched and read back what is due."""
        outputs, pins = self.engine.outputs, self.pins
        if not outputs.by_id:
            return
        for name, on in outputs.to_switch():
            pins.drive(name, on=on)
        due = outputs.to_read(now_ms)
        if due:
            self.engine.read_back({name: back for name in due if (back := pins.read(name, now_ms)) is not None}, now_ms)

    def _report_blocked(self, now_ms: int) -> None:
        """Speak for the buses that hang in a call: their points have no value, and say why."""
        if now_ms < self._next_blocked_ms:
            return
        self._next_blocked_ms = now_ms + BLOCKED_EVERY_MS
        for name in self._blocked(now_ms / 1000, BLOCKED_AFTER_S):
            bus = name.removeprefix("bus:")
            t_ns = now_ms * 1_000_000
            samples = [Sample(point, t_ns, None, BAD, "bus_blocked") for point in self._points_of_bus.get(bus, ())]
            self.engine.handle(Cycle(bus, t_ns, samples))

    def _collect(self) -> None:
        """Move the engine's actions to what waits for the card."""
        actions = self.engine.take_actions()
        self._records += actions.records
        self.records_made += len(actions.records)
        self._moved |= actions.moved
        self._registers.update(actions.registers)
        self._event_registers.update(actions.event_registers)
        self._events += actions.events
        is_undated = any("t" not in document for document in self.alarm_documents.values())
        if is_undated or "alarms" in actions.event_registers:
            self.alarm_documents = alarm_view.alarm_documents(self.engine, self._dating)
        for event in actions.events:
            if event.kind in {"alarm_begin", "alarm_end"}:
                self._alarm_changed(event.values["limit"], event.kind == "alarm_begin")

    def _commit_records(self, now_ms: int) -> None:
        """Hand records and registers on; what parts alone have counted goes with them, or waits for a while."""
        is_alone = not (self._records or self._registers or self._moved)
        if is_alone and now_ms < self._alone_ms:
            return
        self._alone_ms = now_ms + ALONE_MS
        registers = {**self._registers, **self.engine.registers_of(self._moved)}
        if self._records or registers:
            self._save(RecordBatch(self._clock.boot, self._records, registers))
            self._records, self._registers = [], {}
            self._moved.clear()

    def _commit_events(self) -> None:
        if self._events or self._event_registers:
            batch = EventBatch(self._clock.boot, self._events, self._event_registers)
            self._journal(batch, self._answering.sent())
            self._events, self._event_registers = [], {}

    def close(self) -> None:
        """Take what is in the inbox, close all periods, hand everything to the writer: a clean stop loses nothing."""
        now_ns = self._clock.monotonic_ns()
        while self._inbox:
            message = self._inbox.popleft()
            if isinstance(message, Cycle):
                self.readings += len(message.samples)
                self.engine.handle(message)
            else:
                self._take(message, now_ns // 1_000_000)
        self.engine.close(now_ns // 1_000_000)
        self._collect()
        self._events.append(Event("stop", now_ns // 1_000_000))
        self._event_registers["running"] = False
        self._alone_ms = 0
        self._commit_records(now_ns // 1_000_000)
        self._commit_events()
        for reply in self._replies:
            reply()
        self._replies.clear()
        self._answering.close()
