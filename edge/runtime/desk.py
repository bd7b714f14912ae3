"""The box's side of the local API: every question is asked of the station and answered between two cycles."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from edge.core import view
from edge.core.calculated import Calculated
from edge.core.clock import Clock, Dating
from edge.core.commands import Command, Result
from edge.core.engine import Engine
from edge.core.facts import PointFacts
from edge.core.journal_page import JournalPage, Wanted
from edge.core.ports import Reader
from edge.core.reload import ReloadReport
from edge.core.report import Length, Report
from edge.core.series import HistoryReader, JournalLine
from edge.core.types import Event
from edge.core.views import VIEWS
from edge.runtime.bus import BusWorker
from edge.runtime.past import Past
from edge.runtime.reporting import report
from edge.runtime.station import Order, Question, Station
from edge.runtime.stores import LINKS
from edge.settings import event_text, packaged
from edge.settings.model import Settings
from edge.settings.room import buffer_days
from edge.settings.specs import equipment_of
from edge.store.journal import Journal
from edge.store.writer import Degraded

ANSWER_WITHIN_S: Final = 2.0

Answer = TypeVar("Answer")


def journal_of(
    settings: Settings, events: Reader[Event], dating: Dating, history: HistoryReader | None = None
) -> Journal:
    """Return the journal of a site, whose sentences for the search by text are in the site's language."""
    zone, lang = ZoneInfo(settings.site.tz), settings.site.lang

    def say(line: JournalLine) -> str:
        return event_text.sentence(lang, zone, line.kind, line.point, line.values)

    return Journal(events, dating, history, say, equipment_of(settings))


def product_version() -> str:
    """Return the installed version, such as "0.1.0"."""
    return packaged.product_version()


class RunningBox:
    """What `edge.web.api.Desk` asks for, over a running station."""

    def __init__(
        self,
        settings: Settings,
        station: Station,
        clock: Clock,
        dating: Dating,
        past: Past,
        *,
        logs: Mapping[str, Reader[Any]],
        links: Mapping[str, Callable[[], Mapping[str, Any]]],
        buses: list[BusWorker],
        degraded: Callable[[], Degraded | None] = lambda: None,
        is_demo: bool = False,
    ) -> None:
        self.settings = settings
        self._station = station
        self._clock = clock
        self._dating = dating
        self._logs = logs
        self.links = dict(links)
        self._buses = buses
        self._degraded = degraded
        self.history_status: Callable[[], Mapping[str, Any]] = dict
        """What history says of itself, once there is one."""
        self.output_wire: Callable[[str], dict[str, Any]] = lambda _output: {}
        """What is known of an output on the side of its pin."""
        self.backup: Callable[[], Any] = dict
        """Return all that a new box needs to go on as this one."""
        self.reload: Callable[[], ReloadReport] = ReloadReport
        """Return what became of the last order to reload."""
        self._is_demo = is_demo
        self.config: Path | None = None
        """The settings file, where there is one."""
        self.past = past
        self.answer_within_s = ANSWER_WITHIN_S
        self._started_ms = self.settings_ms = clock.monotonic_ns() // 1_000_000

    def ask(self, question: Callable[[Engine], Answer]) -> Answer:
        """Return what the station answers between two cycles. Raises TimeoutError when it does not."""
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._station.post(Question(question, answers.put))
        return self._within(answers)

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000

    def box(self) -> dict[str, Any]:
        """Return who this box is, since when it runs, and what time it believes it is."""
        site = self.settings.site
        now_ms, utc_ms = self._now_ms(), self._clock.utc_ms()
        return {
            "id": self.settings.box.id,
            "site": {"name": site.name, "tz": site.tz, "lang": site.lang},
            "version": product_version(),
            "boot": self._clock.boot,
            "started_utc_ms": utc_ms - (now_ms - self._started_ms),
            "settings_utc_ms": utc_ms - (now_ms - self.settings_ms),
            "utc_ms": utc_ms,
            "clock": self._clock.trust(),
            "demo": self._is_demo,
            "settings": "" if self.config is None else str(self.config),
            "notebook": self.past.degraded() or "ok",
            "readings": self._station.readings,
            "records": self._station.records_made,
        }

    def view(self, name: str) -> Any:
        """Return one of VIEWS as it is now. Raises KeyError for an unknown one."""
        shown = VIEWS[name]
        return self.ask(lambda engine: shown(engine, self._now_ms(), self._dating))

    def buffer(self) -> dict[str, Any]:
        """Return what the logs hold, what each link has had acknowledged, and what history keeps."""
        found: dict[str, Any] = {}
        degraded = self._degraded()
        since_ms = None if degraded is None else round(degraded.since_s * 1000) + self._clock.utc_ms() - self._now_ms()
        for name, log in self._logs.items():
            acknowledged = {link: log.cursor(link) for link in self.links if link in LINKS[name]}
            following = log.next_seq()
            found[name] = {
                "stream": log.stream,
                "first": log.first_seq(),
                "next": following,
                "acknowledged": acknowledged,
                "waiting": following - 1 - min(acknowledged.values(), default=following - 1),
                "degraded": "" if degraded is None else degraded.why,
                "degraded_utc_ms": since_ms,
            }
        if "records" in found:
            found["records"]["lasts_days"] = round(buffer_days(self.settings), 1)
        found["history"] = dict(self.history_status())
        found["links"] = {name: dict(status()) for name, status in self.links.items()}
        return found

    def buses(self) -> list[dict[str, Any]]:
        """Return every bus with its devices, as the buses themselves know them."""
        kinds = self.settings.buses
        return [{**bus.status(), "kind": kinds[bus.bus][0]} for bus in self._buses]

    def journal(self, before: int | None, limit: int, wanted: Wanted) -> JournalPage:
        """Return a page of what happened, newest first. Raises OSError when the card can't be read."""
        try:
            history: HistoryReader | None = self.past.history()
        except LookupError:
            history = None
        return journal_of(self.settings, self._logs["events"], self._dating, history).page(before, limit, wanted)

    def time(self) -> dict[str, Any]:
        """Return what time the box believes it is, by whom, and its clock entries."""
        return self.ask(lambda _engine: self._station.clock_keeper.report())

    def explain(self, point: str) -> dict[str, Any]:
        """Return a point from wire to record. Raises KeyError for an unknown one."""
        value = self.ask(
            lambda engine: view.value_view(engine.points[point], self._now_ms()) if point in engine.points else None
        )
        if value is None:
            raise KeyError(point)
        wire = next((found for bus in self._buses if (found := bus.explain(point))), self.output_wire(point))
        spec = self.ask(lambda engine: engine.points[point].spec)
        rules = {
            name: getattr(spec, name)
            for name in ("scale", "offset", "low", "high", "period_ms", "record_ms", "stale_ms", "deadband")
            if abs(getattr(spec, name)) != float("inf")
        }
        if wire.get("bus") in self.settings.buses:
            wire["kind"] = self.settings.buses[wire["bus"]][0]
        told: dict[str, Any] = {"wire": wire, "rules": rules, "value": msgspec.to_builtins(value)}
        calculation = self.ask(lambda engine: self._calculation(engine, point))
        return {**told, "calculation": calculation} if calculation else told

    def _calculation(self, engine: Engine, point: str) -> dict[str, Any]:
        """Return the expression of a calculated point and its inputs as they stand; empty for any other."""
        try:
            found = engine.part(Calculated).explained(point)
        except KeyError:
            return {}
        inputs = [view.value_view(engine.points[name], self._now_ms()) for name in found.get("inputs", [])]
        return {**found, "inputs": msgspec.to_builtins(inputs)} if found else {}

    def history(self) -> HistoryReader:
        """Return what answers about the past; it has its own locks and is not asked of the station."""
        return self.past.history()

    def facts(self) -> list[PointFacts]:
        """Return what a reader of figures must know of each point of the settings."""
        return self.past.facts()

    def report(self, length: Length, day: date) -> Report:
        """Return the report of a day or a month; raises as `edge.runtime.reporting.report`."""
        return report(self, length, day)

    def order(self, command: Command) -> Result:
        """Hand a command to the station and return its result."""
        answers: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._station.post(Order(command, answers.put))
        return self._within(answers)

    def _within(self, answers: queue.SimpleQueue[Answer]) -> Answer:
        try:
            return answers.get(timeout=self.answer_within_s)
        except queue.Empty:
            raise TimeoutError("the station does not answer") from None
