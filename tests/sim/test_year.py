"""A year of a site with one point of each kind, a record a minute, both changes of the clocks, in local Paris time.

Every reading goes through the engine and its parts as the box runs them; what comes out is compared with a computation
that knows nothing of them: whole numbers added up by the local day, hour and minute at which a record begins.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.core.cost import Cost
from edge.core.costs import Costs
from edge.core.engine import Engine
from edge.core.outputs import OutputList
from edge.core.read_back import ReadBack
from edge.core.run_time import RunTime
from edge.core.totals import Totals
from edge.core.types import Event, LimitSpec, PointSpec, Record
from edge.settings.alarm_rules import alarm_rules
from edge.settings.load import loads
from edge.settings.site_parts import site_parts
from edge.settings.specs import output_specs, specs
from hal.sample import Cycle, Sample

PARIS = ZoneInfo("Europe/Paris")
YEAR = 2026
MINUTE_MS = 60_000
BEGIN_MS = round(datetime(YEAR, 1, 1, tzinfo=PARIS).timestamp() * 1000)
END_MS = round(datetime(YEAR + 1, 1, 1, tzinfo=PARIS).timestamp() * 1000)
START_MS = 100_000 + BEGIN_MS % MINUTE_MS
"""Monotonic ms at the beginning of the year."""
MINUTES = (END_MS - BEGIN_MS) // MINUTE_MS
CPU_MOST_S = 60.0
NUMBER = "000000000000"

SITE = """\
[box]
id = "b0042"
[site]
name = "A year"
tz = "Europe/Paris"
[bus.w1]
kind = "onewire"
[bus.gpio]
kind = "gpio"
[bus.tic]
kind = "serial"
port = "/dev/serial/by-id/demo-meter1"
[[point]]
id = "flow"
bus = "w1"
driver = "ds18b20"
probe = "28-3c01f0950a21"
period_s = 60
[[point]]
id = "energy"
bus = "tic"
driver = "teleinfo"
label = "BASE"
unit = "kWh"
scale = 0.001
period_s = 60
[[point]]
id = "water"
bus = "gpio"
driver = "pulse"
pin = 5
weight = 0.001
weight_unit = "m3"
period_s = 60
[[point]]
id = "door"
bus = "gpio"
driver = "contact"
pin = 6
period_s = 60
[[point]]
id = "meter"
bus = "tic"
driver = "teleinfo"
label = "ADCO"
period_s = 60
[[limit]]
id = "flow.hot"
point = "flow"
kind = "high"
value = 85
deadband = 5
on_delay_s = 300
[[output]]
id = "heater"
bus = "gpio"
pin = 7
[[setpoint]]
id = "wanted"
initial = 16
unit = "Cel"
min = 5
max = 30
[[program]]
id = "mornings"
target = "heater"
slots = ["mon-fri 06:30-08:00"]
[[program]]
id = "warmer"
target = "wanted"
slots = ["mon-sun 07:00-22:00 = 20"]
outside = 16
[[equipment]]
id = "boiler"
runs = "flow"
runs_above = 60
[[tariff]]
id = "elec"
valid_from = 2025-01-01
currency = "EUR"
prices = { HP = 0.2068, HC = 0.1579 }
meter = "energy"
hours = { HC = ["22:30-06:30"] }
subscription = 15.74
"""


# -- what happens at a minute of the year


def flow(minute: int) -> float:
    """A boiler that fires for a third of each hour and a half."""
    return 70.5 if minute % 90 < 30 else 40.25 + minute % 7 * 0.25


def watt_hours(minute: int) -> int:
    return 3 + minute * 7 % 40


def litres(minute: int) -> int:
    return 0 if minute % 5 else 2 + minute % 11


def is_open(minute: int) -> bool:
    return minute % 97 < 4


class Year:
    """The engine of the site, one step a minute, and everything it made."""

    used_wh: dict[str, int]
    used_l: dict[str, int]
    bill: Cost
    expected: Decimal

    def __init__(self, first: int, end: int) -> None:
        """Begin with this minute of the year, to end before that one."""
        settings = loads(SITE)
        points, limits = specs(settings)
        self.first, self.end = first, end
        self.engine = self._engine(points, limits, settings, START_MS + first * MINUTE_MS)
        self.records: dict[str, list[Record]] = {spec.id: [] for spec in points}
        self.events: Tally[str] = Tally()
        self.made = 0
        self._raw_wh = 1_000_000
        self._pulses = 0
        self._pin = False
        self._moved: set[str] = set()

    @staticmethod
    def _engine(points: list[PointSpec], limits: list[LimitSpec], settings: object, now_ms: int) -> Engine:
        """Return the engine; the output's state is a record a minute too, and is read each minute."""
        each_minute = {"period_ms": MINUTE_MS, "record_ms": MINUTE_MS, "stale_ms": 3 * MINUTE_MS, "deadband": 0.0}
        coarse = [msgspec.structs.replace(spec, **each_minute) if spec.id == "heater" else spec for spec in points]
        by_id = {spec.id: spec for spec in coarse}
        outputs = [
            msgspec.structs.replace(spec, point=by_id[spec.id])
            for spec in output_specs(settings)  # type: ignore[arg-type]
        ]
        offset_ms = BEGIN_MS - START_MS
        return Engine(
            coarse, limits, boot=1, now_ms=now_ms, utc_offset_ms=offset_ms, zone=PARIS,
            outputs=OutputList(outputs, boot=1, now_ms=now_ms, utc_offset_ms=offset_ms),
            parts=site_parts(settings, {}, {}),  # type: ignore[arg-type]
            alarm_rules=alarm_rules(settings),  # type: ignore[arg-type]
        )  # fmt: skip

    def step(self, minute: int) -> None:
        """Read everything at the beginning of a minute, and let time pass."""
        engine, t_ms = self.engine, START_MS + minute * MINUTE_MS
        t_ns = t_ms * 1_000_000
        if minute > self.first:
            self._raw_wh += watt_hours(minute)
            self._pulses += litres(minute)
        samples = [
            Sample("flow", t_ns, flow(minute)), Sample("water", t_ns, self._pulses),
            Sample("door", t_ns, int(is_open(minute))), Sample("energy", t_ns, self._raw_wh),
            Sample("meter", t_ns, NUMBER),
        ]  # fmt: skip
        engine.handle(Cycle("bus", t_ns, samples))
        engine.tick(t_ms)
        if engine.outputs.due_ms <= t_ms:  # a program has spoken: the station is called again at once
            engine.tick(t_ms)
        for _, on in engine.outputs.to_switch():
            self._pin = on
        due = engine.outputs.to_read(t_ms)
        if due:
            engine.read_back(dict.fromkeys(due, ReadBack(self._pin)), t_ms)
        self._take()

    def close(self) -> None:
        self.engine.close(START_MS + self.end * MINUTE_MS)
        self._take()

    def _take(self) -> None:
        actions = self.engine.take_actions()
        self.made += len(actions.records)
        for record in actions.records:
            self.records[record.point].append(record)
        for event in actions.events:
            self.events[event.kind] += isinstance(event, Event)
        self._moved |= actions.moved
        if self.made % 60 == 0:  # what a commit takes
            self.engine.registers_of(self._moved)
            self._moved.clear()


def local_days() -> Iterator[tuple[date, int, int]]:
    """Yield each day with its first minute of the year and how many minutes it has."""
    day, first = date(YEAR, 1, 1), 0
    while day < date(YEAR + 1, 1, 1):
        after = datetime(day.year, day.month, day.day, tzinfo=PARIS) + timedelta(days=1)
        end = (round(after.astimezone(UTC).timestamp() * 1000) - BEGIN_MS) // MINUTE_MS
        yield day, first, end - first
        day, first = after.date(), end


def clock(minute: int) -> datetime:
    return datetime.fromtimestamp((BEGIN_MS + minute * MINUTE_MS) / 1000, PARIS)


@pytest.mark.campaign("525,600 minutes of eight points")
def test_a_year_of_one_point_of_each_kind_is_exact_to_the_last_digit(capsys: pytest.CaptureFixture[str]) -> None:
    days = list(local_days())
    lengths = [length for _, _, length in days]
    assert {min(lengths), max(lengths)} == {1380, 1500}
    year = played(days, capsys)
    totals = year.engine.part(Totals)
    for point, used in (("energy", year.used_wh), ("water", year.used_l)):
        found = totals.total(point, "year", 1)  # it has just ended
        assert found is not None
        assert found.moved * 1000 == used[f"{YEAR}"]
        assert (found.covered_ms, found.bad_ms, found.uncertain_ms) == (MINUTES * MINUTE_MS, 0, 0)
    assert year.bill.amount == year.expected + 12 * Decimal("15.74")


@pytest.mark.parametrize(
    ("begin", "end"), [(date(2026, 3, 27), date(2026, 4, 2)), (date(2026, 10, 23), date(2026, 11, 2))]
)
def test_the_days_around_a_change_of_the_clocks_are_exact_to_the_last_digit(
    begin: date, end: date, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same as the year, which takes too long for each run: a change, a month's end and a weekend."""
    days = [found for found in local_days() if begin <= found[0] < end]
    assert {1380, 1500} & {length for _, _, length in days}
    played(days, capsys)


def played(days: list[tuple[date, int, int]], capsys: pytest.CaptureFixture[str]) -> Year:
    """Play these days, each compared with what was read; return all that they left."""
    year = Year(days[0][1], days[-1][1] + days[-1][2])
    first_minute = {day: first for day, first, _ in days}
    used_wh: dict[str, int] = {}
    used_l: dict[str, int] = {}
    priced = {"HP": 0, "HC": 0}
    began_ns = time.process_time_ns()
    told_ns = 0
    for day, first, length in days:
        for minute in range(first, first + length):
            year.step(minute)
        aside_ns = time.process_time_ns()
        wh = [watt_hours(minute) if minute > year.first else 0 for minute in range(first, first + length)]
        for key in (f"{day}", f"{day:%Y-%m}", f"{day:%Y}"):
            used_wh[key] = used_wh.get(key, 0) + sum(wh)
            used_l[key] = used_l.get(key, 0) + sum(
                litres(minute) for minute in range(first, first + length) if minute > year.first
            )
        for minute, amount in zip(range(first, first + length), wh, strict=True):
            hour = clock(minute)
            is_cheap = (hour.hour, hour.minute) >= (22, 30) or (hour.hour, hour.minute) < (6, 30)
            priced["HC" if is_cheap else "HP"] += amount
        yesterday = day - timedelta(days=1)
        if f"{yesterday}" in used_wh:
            assert_day(year, yesterday, first_minute[yesterday], first - first_minute[yesterday])
            assert_totals(year, yesterday, used_wh, used_l, (first - first_minute[yesterday]) * MINUTE_MS)
        told_ns += time.process_time_ns() - aside_ns
    spent_s = (time.process_time_ns() - began_ns - told_ns) / 1e9
    year.close()
    with capsys.disabled():
        print(f"\na year: {year.made} records of {len(year.records)} points in {spent_s:.1f} s CPU")
    assert spent_s < CPU_MOST_S

    assert_day(year, *days[-1])
    assert_run_hours(year)
    assert year.events["alarm_begin"] == 0
    bill = year.engine.part(Costs).of("elec", [day for day, _, _ in days])
    expected = [
        round(Decimal(priced[name]) / 1000 * price, 2)
        for name, price in (("HP", Decimal("0.2068")), ("HC", Decimal("0.1579")))
    ]
    amounts = {line.name: line.amount for line in bill.lines if line.kind == "price"}
    assert amounts == dict(zip(("HP", "HC"), expected, strict=True))
    year.used_wh, year.used_l, year.bill, year.expected = used_wh, used_l, bill, sum(expected, Decimal(0))
    return year


def assert_totals(year: Year, day: date, used_wh: dict[str, int], used_l: dict[str, int], length_ms: int) -> None:
    """The day before, and at a month's end the month before, are what was added up; in the last minute of a day."""
    totals = year.engine.part(Totals)
    spans = [("day", f"{day}", length_ms)]
    if (day + timedelta(days=2)).day == 1 and day.month > 1 and year.first == 0:
        before = day.replace(day=1) - timedelta(days=1)
        spans.append(("month", f"{before:%Y-%m}", 0))
    for step, key, covered_ms in spans:
        for point, used in (("energy", used_wh), ("water", used_l)):
            found = totals.total(point, step, 1)  # type: ignore[arg-type]
            assert found is not None
            assert found.moved * 1000 == used[key], (point, step, key)
            assert found.bad_ms == found.uncertain_ms == 0
            assert not covered_ms or found.covered_ms == covered_ms


def assert_day(year: Year, day: date, first: int, length: int) -> None:
    """1380, 1440 or 1500 records of each point, a minute each, none twice, none missing, and each says what was read.

    The day's last minute closes with the first reading of the next.
    """
    found = year.records
    for name in ("flow", "energy", "water", "door", "meter", "heater"):
        records = found[name][:length]
        del found[name][:length]
        starts = [(record.start_ms - START_MS) // MINUTE_MS for record in records]
        assert starts == list(range(first, first + length)), (day, name)
        assert all(record.dt_ms == MINUTE_MS and record.quality == 0 for record in records), (day, name)
        wrong = [
            (day, name, minute, record)
            for minute, record in enumerate(records, first)
            if minute > year.first and not SAYS[name](record, minute)
        ]
        assert wrong == []
    for record in found["wanted"]:
        minute = (record.start_ms - START_MS) // MINUTE_MS
        assert record.value == (20 if 7 <= clock(minute).hour < 22 else 16), clock(minute)
    found["wanted"].clear()


def is_morning(minute: int) -> bool:
    at = clock(minute)
    return at.weekday() < 5 and (6, 30) <= (at.hour, at.minute) < (8, 0)


SAYS: dict[str, Callable[[Record, int], bool]] = {
    "flow": lambda record, minute: record.value == flow(minute),
    "energy": lambda record, minute: round((record.increment or 0) * 1000) == watt_hours(minute),
    "water": lambda record, minute: round((record.increment or 0) * 1000) == litres(minute),
    "door": lambda record, minute: bool(record.value) == is_open(minute),
    "meter": lambda record, _minute: record.value == NUMBER,
    "heater": lambda record, minute: bool(record.value) == is_morning(minute),
}


def assert_run_hours(year: Year) -> None:
    """The boiler ran for the minutes in which it fired, and started as often, but for the one that nobody saw begin."""
    run = year.engine.part(RunTime)
    assert run.of("boiler").starts == sum(minute % 90 == 0 for minute in range(year.first + 1, year.end))
    fired = sum(minute % 90 < 30 for minute in range(year.first, year.end))
    assert abs(run.of("boiler").run_ms - fired * MINUTE_MS) <= MINUTE_MS
