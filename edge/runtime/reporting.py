"""The report of a running box: what history, journal, engine and stores know of a day or a month."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from edge.core.engine import Engine
from edge.core.equipment import hours_point, starts_point
from edge.core.facts import PointFacts
from edge.core.journal_page import PAGE_MAX, JournalPage, Wanted
from edge.core.report import (
    INCIDENTS,
    Figures,
    Health,
    Length,
    Report,
    Span,
    alarms_of,
    machines_of,
    span_of,
    starts_of,
)
from edge.core.report_costs import cost_lines
from edge.core.series import HistoryReader, JournalLine

Answer = TypeVar("Answer")
TOLD = frozenset({*INCIDENTS, "start"})
LINES_MOST = 20_000  # journal lines that are counted: a flood of alarms has fewer


class Asked(Protocol):
    """What a report asks of the box."""

    def box(self) -> Mapping[str, Any]:
        """Return who it is and what time it believes it is."""

    def view(self, name: str) -> Any:
        """Return one of `edge.core.views.VIEWS`."""

    def ask(self, question: Callable[[Engine], Answer]) -> Answer:
        """Return what the station answers between two cycles."""

    def buffer(self) -> Mapping[str, Any]:
        """Return what the logs hold and how the links are."""

    def facts(self) -> list[PointFacts]:
        """Return the points of the settings."""

    def history(self) -> HistoryReader:
        """Return what answers about the past. Raises LookupError with why when nothing does."""

    def journal(self, before: int | None, limit: int, wanted: Wanted) -> JournalPage:
        """Return a page of the journal, newest first."""


def report(desk: Asked, length: Length, day: date) -> Report:
    """Return the report of a local day, or of the month that holds it.

    Raises ValueError ("future") when it has not begun, or "no_day", LookupError when there is no history to report
    from, OSError when the card can't be read.
    """
    box = desk.box()
    zone = ZoneInfo(box["site"]["tz"])
    span = span_of(length, day, box["utc_ms"], zone)
    past = desk.history()
    facts = desk.facts()
    figures = Figures(span, zone, past.periods, {known.point: known.first_ms for known in past.points()})
    lines = _lines(desk, span)
    buffer = desk.buffer()
    starts, unclean = starts_of(lines, span)
    counters = {point.point: figures.meter(point) for point in facts if point.kind == "counter"}
    found = msgspec.to_builtins(desk.view("equipment"))
    machines = machines_of(found, counters)
    of_machines = {name for one in found for name in (hours_point(one["equipment"]), starts_point(one["equipment"]))}
    return Report(
        box=box["id"],
        site=box["site"]["name"],
        tz=box["site"]["tz"],
        made_ms=box["utc_ms"],
        span=span,
        machines=machines,
        alarms=alarms_of(msgspec.to_builtins(desk.view("alarms")), lines, span),
        meters=[line for name, line in counters.items() if name not in of_machines],
        gauges=[figures.gauge(point) for point in facts if point.kind == "gauge"],
        costs=desk.ask(lambda engine: cost_lines(engine, length, span.day)),
        complete=figures.share(facts),
        health=Health(
            version=box["version"],
            starts=starts,
            unclean=unclean,
            clock=box["clock"],
            store=buffer["records"]["degraded"] or "ok",
            waiting={
                name: buffer["records"]["next"] - 1 - buffer["records"]["acknowledged"][name]
                if name in buffer["records"]["acknowledged"]
                else sum(link["waiting"].values())
                for name, link in buffer["links"].items()
            },
            links={name: link["state"] for name, link in buffer["links"].items()},
        ),
    )


def _lines(desk: Asked, span: Span) -> list[JournalLine]:
    """Return the lines of the span, newest first, and below them the last incident before it."""
    found: list[JournalLine] = []
    wanted = Wanted(TOLD, since_ms=span.begin_ms, until_ms=span.end_ms)
    page = desk.journal(None, PAGE_MAX, wanted)
    found += page.lines
    while page.before is not None and len(found) < LINES_MOST:
        page = desk.journal(page.before, PAGE_MAX, wanted)
        found += page.lines
    if not any(line.kind in INCIDENTS for line in found):
        found += desk.journal(None, 1, Wanted(INCIDENTS, until_ms=span.begin_ms)).lines
    return [line for line in found if line.kind in TOLD]
