"""Meters: the acceptance lines of D4, D5, D7, C2, C3, C7 and C8, through orders, records and events."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.calendar import bounds_ms
from edge.core.commands import Command
from edge.core.integral import Integral
from edge.core.meter import MeterSpec
from edge.core.meter_view import meters, peaks
from edge.core.meters import Meters
from edge.core.part import Part
from edge.core.peaks import Peaks
from edge.core.rate import Rate
from edge.core.sums import Sum
from edge.core.totals import TotalStep
from edge.core.types import PointSpec
from tests.metered_site import MeteredSite, counter, independent, local_period, utc_ms
from tests.support import ROOT

PARIS = ZoneInfo("Europe/Paris")
TRACES = ROOT.parent / "shared" / "data" / "traces"
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
STEPS: tuple[tuple[TotalStep, int], ...] = (
    ("hour", 0), ("hour", 1), ("day", 0), ("day", 1), ("week", 0), ("week", 1), ("month", 0), ("month", 1), ("year", 0),
)  # fmt: skip


class Site(MeteredSite):
    """A site with meters and peaks."""

    meter_specs: tuple[MeterSpec, ...] = ()

    def parts(self) -> list[Part]:
        return [*super().parts(), Peaks(self.registers), Meters(self.meter_specs, self.event_registers)]

    def order(self, verb: str, at_ms: int, **args: Any) -> Any:
        command = Command(f"c{at_ms}{verb}", f"meter.{verb}", args, author="anna", channel="local")
        result = self.engine.command(command, at_ms - self.start_ms)
        self._collect()
        return result


class GasSite(Site):
    meter_specs = (
        MeterSpec("gas", "gas", to_unit="kWh", coefficients=((date(2026, 11, 1), Decimal("11.2")),)),
    )  # fmt: skip


def trace(name: str) -> Path:
    """Return a file of measurements; the test is left out where it is not beside the project."""
    path = TRACES / name
    if not path.exists():
        pytest.skip(f"the measurements are not at hand: {path}")
    return path


def test_a_hundred_pulses_of_gas_are_energy_by_the_coefficient_of_their_day() -> None:
    """D4: 100 pulses ×0.01 m³ with coeff 11.2 → 11.2 kWh; coefficient changed at date D → only later periods change."""
    begin_ms = utc_ms("2026-11-21T10:00", PARIS)
    site = GasSite([counter("gas", scale=0.01)], PARIS, begin_ms)
    for pulses in range(101):
        site.read(begin_ms + pulses * MINUTE_MS, ("gas", pulses))
    at_ms = begin_ms + 101 * MINUTE_MS
    (view,) = meters(site.engine, site.dating)
    assert view.totals["today"].converted == Decimal("11.2")
    assert site.order("coefficient", at_ms, point="gas", factor="11,5", **{"from": "2026-11-22"}).done
    assert [event.kind for event in site.events if event.kind.startswith("meter")] == ["meter_coefficient"]
    next_ms = utc_ms("2026-11-22T10:00", PARIS)
    site.stop(at_ms)
    site.kill(next_ms)  # an act stands after a power cut
    for pulses in range(101):
        site.read(next_ms + pulses * MINUTE_MS, ("gas", pulses))
    (view,) = meters(site.engine, site.dating)
    assert view.totals["yesterday"].converted == Decimal("1.0") * Decimal("11.2")
    assert view.totals["today"].converted == view.totals["today"].moved * Decimal("11.5")
    assert view.totals["month"].converted == view.totals["yesterday"].converted + view.totals["today"].converted


def test_a_register_that_rolls_over_and_an_index_that_is_set_are_journaled_and_never_negative() -> None:
    """D5: index 99 999 998 → 3 → consumption 5, no negative, journal "rollover"; "set index" command journaled."""
    begin_ms = utc_ms("2026-11-21T10:00", PARIS)
    site = Site([counter("elec", volatile=False, scale=1, wrap=10**8), counter("water")], PARIS, begin_ms)
    site.read(begin_ms, ("elec", 99_999_998), ("water", 0))
    site.read(begin_ms + MINUTE_MS, ("elec", 3), ("water", 4))
    site.pass_time(begin_ms + 3 * MINUTE_MS)
    assert site.totals.moved("elec", "day") == 5
    assert all((record.increment or 0) >= 0 for record in site.history("elec"))
    result = site.order("set", begin_ms + 3 * MINUTE_MS, point="water", value="482.137")
    assert (result.done, result.values["after"]) == (True, 482.137)
    assert site.totals.moved("water", "day") == 0.004
    told = [event for event in site.events if event.kind in {"counter_rollover", "meter_set", "command"}]
    assert [event.kind for event in told] == ["counter_rollover", "meter_set", "command"]
    assert told[1].values["author"] == told[2].values["author"] == "anna"


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_the_day_of_a_clock_change_has_each_of_its_hourly_records_once(day: str, hours: int) -> None:
    """D7: each aggregated record has t, dt; DST change day gives 23/25 hourly records, no duplicate."""
    begin_ms = utc_ms(f"{day}T00:00", PARIS)
    site = Site([counter(record_ms=HOUR_MS)], PARIS, begin_ms)
    for minute in range(hours * 60 + 2):
        site.read(begin_ms + minute * MINUTE_MS, ("water.cold", minute))
    told = [(record.t_ms, record.dt_ms) for record in site.history("water.cold")]
    assert told == [(begin_ms + number * HOUR_MS, HOUR_MS) for number in range(hours)]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-21", 24)])
def test_a_local_day_sums_all_its_hours(day: str, hours: int) -> None:
    """C2: 25-hour day sums correctly; period boundaries at local midnight."""
    begin_ms = utc_ms(f"{day}T00:00", PARIS)
    site = Site([counter()], PARIS, begin_ms - HOUR_MS)
    for pulses, minute in enumerate(range(-60, hours * 60 + 61)):
        site.read(begin_ms + minute * MINUTE_MS, ("water.cold", pulses))
    (view,) = meters(site.engine, site.dating)
    yesterday = view.totals["yesterday"]
    assert (yesterday.begin_ms, yesterday.end_ms) == (begin_ms, begin_ms + hours * HOUR_MS)
    assert yesterday.moved == Decimal(hours * 60) / 1000
    assert yesterday.completeness == 1.0


def check(site: MeteredSite, point: str) -> int:
    """Compare the totals of a counter that has nothing pending with the sums of its records; return how many."""
    now_ms = site.dating.utc_ms(site.boot, site.engine.now_ms)
    assert now_ms is not None
    records, compared = site.history(point), 0
    for step, back in STEPS:
        at_ms = now_ms
        for _ in range(back):
            at_ms = bounds_ms(at_ms, step, site.zone)[0] - 1
        total = site.totals.total(point, step, back)
        expected = independent(records, step, site.zone).get(local_period(at_ms, step, site.zone))
        assert (None if total is None else total.moved) == expected, (point, step, back)
        compared += expected is not None
    return compared


def water_readings(user: str, days: int) -> Iterator[tuple[int, int]]:
    """Yield UTC ms and litres, in order of time; rows that came late or twice are left out, as no meter is read so."""
    zone, last_ms, first_ms = ZoneInfo("Europe/Madrid"), 0, 0
    with trace("water_meters_hourly.csv").open(encoding="ascii") as file:
        for row in csv.DictReader(file):
            if row["user"] != user:
                continue
            at_ms = round(datetime.fromisoformat(row["time_local"]).replace(tzinfo=zone).timestamp() * 1000)
            first_ms = first_ms or at_ms
            if at_ms <= last_ms:
                continue
            if at_ms > first_ms + days * DAY_MS:
                return
            last_ms = at_ms
            yield at_ms, int(row["meter_reading_l"])


def test_forty_replayed_days_of_water_equal_an_independent_computation_also_after_kills_at_midnight() -> None:
    """C3: replay 40 days → table equals independent computation, also after kill -9 at midnight."""
    zone = ZoneInfo("Europe/Madrid")
    users = ("u1", "u2", "u3")
    readings = sorted((at_ms, user, litres) for user in users for at_ms, litres in water_readings(user, 40))
    specs = [counter(user, volatile=False, period_ms=HOUR_MS, record_ms=HOUR_MS, stale_ms=2 * DAY_MS) for user in users]
    begin_ms = readings[0][0] - 1
    site = Site(specs, zone, begin_ms)
    midnight_ms, kills, compared = bounds_ms(begin_ms, "day", zone)[1], 0, 0
    for at_ms, user, litres in readings:
        while at_ms >= midnight_ms:
            site.pass_time(midnight_ms)
            site.kill(midnight_ms + (kills % 3) * 700)
            compared += sum(check_with_pending(site, name) for name in users)
            midnight_ms, kills = bounds_ms(midnight_ms, "day", zone)[1], kills + 1
        site.read(max(at_ms, site.start_ms + 1), (user, litres))
    site.stop(readings[-1][0] + 1)
    compared += sum(check(site, name) for name in users)
    assert kills >= 40
    assert compared > 250
    for user in users:
        litres = [found for _, name, found in readings if name == user]
        total = sum((one.moved or 0) for one in site.totals.days(user).values())
        assert total == (litres[-1] - litres[0]) * 1_000_000, "nothing was lost or counted twice by any kill"


def check_with_pending(site: MeteredSite, point: str) -> int:
    """Compare former periods, in which nothing is open any more."""
    now_ms = site.dating.utc_ms(site.boot, site.engine.now_ms)
    assert now_ms is not None
    records, compared = site.history(point), 0
    for step, back in STEPS:
        if not back:
            continue
        before_ms = bounds_ms(now_ms, step, site.zone)[0] - 1
        total = site.totals.total(point, step, back)
        expected = independent(records, step, site.zone).get(local_period(before_ms, step, site.zone))
        assert (None if total is None else total.moved) == expected, (point, step, back)
        compared += expected is not None
    return compared


def test_forty_generated_days_of_pulses_and_of_a_linky_equal_an_independent_computation() -> None:
    """C3: the same of meters that count and of one that keeps its register, over a clock change, killed at midnight."""
    begin_ms = utc_ms("2026-09-25T00:00", PARIS)
    specs = [
        counter("water", record_ms=600_000, period_ms=600_000, stale_ms=DAY_MS),
        counter("linky", volatile=False, unit="Wh", scale=1, record_ms=600_000, period_ms=600_000, stale_ms=DAY_MS),
    ]
    site = Site(specs, PARIS, begin_ms)
    index, pulses, opened = 14_253_681, 0, 0
    compared = kills = 0
    for number in range(40 * 144):
        at_ms = begin_ms + number * 600_000
        local = datetime.fromtimestamp(at_ms / 1000, PARIS)
        if local.hour == 0 and local.minute == 0 and number:
            site.pass_time(at_ms)
            site.kill(at_ms)
            opened = pulses
            kills += 1
            if kills % 5 == 0:
                compared += check_with_pending(site, "water") + check_with_pending(site, "linky")
        index += 40 + number * 7919 % 531
        pulses += number * 104_729 % 17
        site.read(at_ms + 5000, ("water", pulses - opened), ("linky", index))
        site.commit()
    site.stop(begin_ms + 40 * DAY_MS)
    compared += check(site, "water") + check(site, "linky")
    assert (kills, compared) >= (39, 70)
    assert sum(one.moved or 0 for one in site.totals.days("water").values()) == (pulses - 0) * 1_000_000
    first = 14_253_681 + 40
    assert sum(one.moved or 0 for one in site.totals.days("linky").values()) == (index - first) * 10**9


def household() -> Iterator[tuple[int, dict[str, str]]]:
    """Yield UTC ms and the row of each minute, "?" where the meter did not answer."""
    with trace("electricity_household_1min.csv").open(encoding="ascii") as file:
        for row in csv.DictReader(file, delimiter=";"):
            day = datetime.strptime(f"{row['Date']} {row['Time']}", "%d/%m/%Y %H:%M:%S")  # noqa: DTZ007 - local below
            yield round(day.replace(tzinfo=PARIS).timestamp() * 1000), row


def test_a_measured_household_has_its_energy_and_its_peaks() -> None:
    """C8: peak value and its time; C3: energy by sub-meter, both equal to the file's own figures."""
    power = PointSpec("power", "gauge", unit="kW", period_ms=MINUTE_MS, record_ms=600_000, stale_ms=DAY_MS)
    heater = counter("heater", volatile=False, unit="Wh", scale=1, stale_ms=DAY_MS, period_ms=MINUTE_MS)
    rows = list(household())
    site = Site([power, heater], PARIS, rows[0][0] - 1)
    used, highest = 0, dict[date, tuple[Decimal, int]]()
    by_day: dict[date, int] = {}
    for number, (at_ms, row) in enumerate(rows):
        text = row["Global_active_power"]
        day = datetime.fromtimestamp(at_ms / 1000, PARIS).date()
        if text in {"", "?"}:
            site.read(at_ms, ("power", None), ("heater", None))
            continue
        moved = round(float(row["Sub_metering_3"])) if number else 0
        used += moved
        by_day[day] = by_day.get(day, 0) + moved
        site.read(at_ms, ("power", float(text)), ("heater", used))
        kw = Decimal(text)
        if day not in highest or kw > highest[day][0]:
            highest[day] = (kw, at_ms - at_ms % 600_000)
    site.stop(rows[-1][0] + 1)
    told = {day: site.totals.days("heater").get(day.toordinal(), Sum()).moved or 0 for day in by_day}
    assert told == {day: wh * 10**9 for day, wh in by_day.items()}
    (view,) = peaks(site.engine)
    last = max(highest)
    assert (Decimal(repr(view.peaks["today"].value)), view.peaks["today"].utc_ms) == highest[last]
    before = last - timedelta(days=1)
    assert (Decimal(repr(view.peaks["yesterday"].value)), view.peaks["yesterday"].utc_ms) == highest[before]


def test_a_synthetic_day_has_its_peak_and_when_it_was() -> None:
    """C8: synthetic day → peak value and its time."""
    begin_ms = utc_ms("2026-11-21T00:00", PARIS)
    power = PointSpec("tic.papp", "gauge", unit="VA", period_ms=MINUTE_MS, record_ms=600_000, stale_ms=HOUR_MS)
    site = Site([power], PARIS, begin_ms)
    for minute in range(1440 + 20):
        at_s = 9100 if minute == 1122 else 500 + minute % 300
        site.read(begin_ms + minute * MINUTE_MS, ("tic.papp", at_s))
    site.kill(begin_ms + 1470 * MINUTE_MS)
    (view,) = peaks(site.engine)
    assert view.peaks["yesterday"].value == view.peaks["month"].value == view.peaks["year"].value == 9100
    at = datetime.fromtimestamp(view.peaks["yesterday"].utc_ms / 1000, PARIS)
    assert f"{at:%H:%M}" == "18:40", "the record of 18:40 to 18:50 holds it"
    assert view.peaks["today"].value == 749


def test_power_from_an_index_and_energy_from_a_power() -> None:
    """C7: index +10 Wh in 60 s → 600 W, and 600 W for an hour are 600 Wh."""
    rate, energy = Rate(), Integral()
    rate.take(0, 0)
    watts = [(rate.take(10 * minute, minute * MINUTE_MS) or 0) * 3600 for minute in range(1, 62)]
    assert watts == pytest.approx([600.0] * 61)
    for minute in range(61):
        joules = energy.take(600.0, minute * MINUTE_MS)
    assert joules / 3600 == 600.0
