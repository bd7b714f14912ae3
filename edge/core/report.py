"""The report of a local day or month: machines, alarms, consumption and cost beside the time before, health. Pure.

Everything in it is a figure, a date or a code; people's words and units are made by who shows it. What is not known is
None and never 0, and how much of the time is behind a figure stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from edge.core.calendar import bounds_ms
from edge.core.equipment import hours_point, starts_point
from edge.core.facts import PointFacts
from edge.core.series import JournalLine, Period, PeriodLength

Length = Literal["day", "month"]
YEARS: Final = range(1971, 9991)
"""Of a report: the ends of the calendar, and the days beside the first, can't be reckoned with."""
INCIDENTS: Final = frozenset({"alarm_begin", "unclean_stop"})
"""Kinds of journal lines that are an incident."""


class Span(msgspec.Struct, frozen=True):
    """A local day or month: [begin_ms, end_ms[ in UTC, and the one before it. `until_ms`: how far it is known."""

    length: Length
    day: date
    """Its first day."""
    begin_ms: int
    end_ms: int
    until_ms: int
    before_ms: int

    @property
    def is_whole(self) -> bool:
        """Whether it is over."""
        return self.until_ms >= self.end_ms


class MeterLine(msgspec.Struct, frozen=True):
    """What a counter moved in the span and in the one before it; `complete` is the share of the time with a value."""

    point: str
    name: dict[str, str]
    place: str
    unit: str
    role: str
    moved: float | None
    before: float | None
    index: float | None
    complete: float | None
    uncertain: bool
    parts: list[float | None]
    """The same by the hours of a day or the days of a month; None: nothing is known."""


class GaugeLine(msgspec.Struct, frozen=True):
    """Lowest, mean and highest of a measured value, and when."""

    point: str
    name: dict[str, str]
    place: str
    unit: str
    low: float | None
    low_ms: int | None
    mean: float | None
    high: float | None
    high_ms: int | None
    complete: float | None
    parts: list[float | None]


class CostLine(msgspec.Struct, frozen=True):
    """What a tariff's contract costs in the span and in the one before it; None: it is not known.

    `partial`, `before_partial`: the true amount may be higher for want of data.
    """

    tariff: str
    name: dict[str, str]
    currency: str
    unit: str
    used: dict[str, Decimal | None]
    amount: Decimal | None
    before: Decimal | None
    partial: bool
    production: bool
    meters: tuple[str, ...] = ()
    before_partial: bool = False


class RunLine(msgspec.Struct, frozen=True):
    """How long a machine ran in the span, and how often it started; None: nobody knows."""

    equipment: str
    name: dict[str, str]
    run_h: float | None
    before_h: float | None
    starts: float | None


class Machines(msgspec.Struct, frozen=True):
    """How many machines there are, those that are not in service as /v1/equipment has them, and how they ran."""

    total: int
    in_service: int
    faulty: int
    maintenance: int
    out: list[dict[str, Any]]
    runs: list[RunLine] = []


class Alarms(msgspec.Struct, frozen=True):
    """Alarms active now, as /v1/alarms has them; how many began in the span; the last incident before its end."""

    active: list[dict[str, Any]]
    begun: int
    last: JournalLine | None


class Health(msgspec.Struct, frozen=True):
    """How the box itself is."""

    version: str
    starts: int
    """Starts of the station in the span."""
    unclean: int
    """… after a power cut or a crash."""
    clock: str
    store: str
    """"ok", or why the card can't be written."""
    waiting: dict[str, int]
    """By link, entries not yet acknowledged."""
    links: dict[str, str]


class Report(msgspec.Struct, frozen=True):
    """All that a manager is told of a span."""

    box: str
    site: str
    tz: str
    made_ms: int
    span: Span
    machines: Machines
    alarms: Alarms
    meters: list[MeterLine]
    gauges: list[GaugeLine]
    costs: list[CostLine]
    complete: float | None
    """Share of the time for which points have a value, over all points; None: nothing was due yet."""
    health: Health


def span_of(length: Length, day: date, now_ms: int, zone: tzinfo) -> Span:
    """Return the day, or the month that holds the day.

    Raises ValueError: "future" when it has not begun yet, "no_day" before there was any UTC.

    >>> from datetime import UTC
    >>> span_of("month", date(2026, 11, 20), 1_795_166_000_000, UTC).before_ms
    1790812800000
    """
    if day.year not in YEARS:
        raise ValueError("future" if day.year >= YEARS.stop else "no_day")
    noon_ms = round(datetime(day.year, day.month, day.day, 12, tzinfo=zone).timestamp() * 1000)
    begin_ms, end_ms = bounds_ms(noon_ms, length, zone)
    if begin_ms > now_ms:
        raise ValueError("future")
    before_ms, _ = bounds_ms(begin_ms - 1, length, zone)
    first = datetime.fromtimestamp(begin_ms / 1000, zone).date()
    return Span(length, first, begin_ms, end_ms, min(now_ms, end_ms), before_ms)


Periods = Callable[[str, PeriodLength, int, int], Sequence[Period]]
"""(point, length, from_ms, to_ms) -> the periods that history has; KeyError where it has nothing of that point."""


class Figures:
    """What history knows of the points in a span."""

    def __init__(self, span: Span, zone: tzinfo, periods: Periods, since_ms: Mapping[str, int]) -> None:
        """`since_ms`: when the records of each point begin; a point that came in the middle owes nothing before."""
        self._span = span
        self._periods = periods
        self._since_ms = since_ms
        self._cells = list(_cells(span, zone))

    def meter(self, point: PointFacts) -> MeterLine:
        """Return the line of a counter."""
        now, before = self._of(point.point, self._span.begin_ms), self._of(point.point, self._span.before_ms)
        by_begin = self._by_part(point.point)
        return MeterLine(
            point.point, point.name, point.place, point.unit, point.role,
            None if now is None else now.increment, None if before is None else before.increment,
            None if now is None or isinstance(now.last, str) else now.last,
            self.complete(point, now), now is not None and now.uncertain_ms > 0,
            [None if (part := by_begin.get(cell)) is None else part.increment for cell in self._cells],
        )  # fmt: skip

    def gauge(self, point: PointFacts) -> GaugeLine:
        """Return the line of a gauge."""
        now = self._of(point.point, self._span.begin_ms) or Period(self._span.begin_ms, self._span.end_ms)
        by_begin = self._by_part(point.point)
        return GaugeLine(
            point.point, point.name, point.place, point.unit, now.low, now.low_ms, now.mean, now.high, now.high_ms,
            self.complete(point, now),
            [None if (part := by_begin.get(cell)) is None else part.mean for cell in self._cells],
        )  # fmt: skip

    def complete(self, point: PointFacts, found: Period | None) -> float | None:
        """Return the share of the time that was due which has a value; None where nothing was due.

        With a deadband a record stands for the time until the next one: only what is known to be BAD is missing.
        """
        due_ms = self._span.until_ms - max(self._span.begin_ms, self._since_ms.get(point.point, self._span.until_ms))
        due_ms -= 2 * point.record_ms  # the last period may not be over, or not yet durable
        if due_ms <= 0:
            return None
        if found is None:
            return 0.0
        covered_ms = due_ms - found.bad_ms if point.held_ms and found.records else found.covered_ms
        return max(0.0, min(1.0, covered_ms / due_ms))

    def share(self, points: Iterable[PointFacts]) -> float | None:
        """Return the mean completeness of these points."""
        shares = [self.complete(point, self._of(point.point, self._span.begin_ms)) for point in points]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if known else None

    def _of(self, point: str, begin_ms: int) -> Period | None:
        try:
            found = self._periods(point, self._span.length, begin_ms, begin_ms + 1)
        except KeyError:
            return None
        return found[0] if found else None

    def _by_part(self, point: str) -> dict[int, Period]:
        part: PeriodLength = "hour" if self._span.length == "day" else "day"
        try:
            return {found.t_ms: found for found in self._periods(point, part, self._span.begin_ms, self._span.end_ms)}
        except KeyError:
            return {}


def _cells(span: Span, zone: tzinfo) -> Iterable[int]:
    """Yield the begin of each hour of a day (23 to 25), or of each day of a month."""
    at_ms = span.begin_ms
    while at_ms < span.end_ms:
        yield at_ms
        _, at_ms = bounds_ms(at_ms, "hour" if span.length == "day" else "day", zone)


def machines_of(found: Sequence[Mapping[str, Any]], counters: Mapping[str, MeterLine]) -> Machines:
    """Return the summary of /v1/equipment; `counters` holds the lines of run hours and starts by point."""
    states = [machine["state"] for machine in found]
    runs = []
    for machine in found:
        name = machine["equipment"]
        hours, starts = counters.get(hours_point(name)), counters.get(starts_point(name))
        if hours is not None:
            moved = None if starts is None else starts.moved
            runs.append(RunLine(name, machine["name"], hours.moved, hours.before, moved))
    return Machines(
        len(states), states.count("in_service"), states.count("faulty"), states.count("maintenance"),
        [dict(machine) for machine in found if machine["state"] != "in_service"], runs,
    )  # fmt: skip


def alarms_of(active: Sequence[Mapping[str, Any]], lines: Sequence[JournalLine], span: Span) -> Alarms:
    """Return what /v1/alarms and the journal (newest first) tell of a span."""
    inside = [line for line in lines if line.t_ms is not None and span.begin_ms <= line.t_ms < span.end_ms]
    until = [line for line in lines if line.kind in INCIDENTS and line.t_ms is not None and line.t_ms < span.end_ms]
    return Alarms(
        [dict(alarm) for alarm in active if alarm["active"]],
        sum(line.kind == "alarm_begin" for line in inside),
        until[0] if until else None,
    )


def starts_of(lines: Sequence[JournalLine], span: Span) -> tuple[int, int]:
    """Return how often the station started in the span, and how often not after a clean stop."""
    inside = [line for line in lines if line.t_ms is not None and span.begin_ms <= line.t_ms < span.end_ms]
    return sum(line.kind == "start" for line in inside), sum(line.kind == "unclean_stop" for line in inside)
