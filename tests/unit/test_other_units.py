"""A counter whose unit changes in the settings: index, sums and days of the past are told in the new one."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.counter import Kept
from edge.core.kinds import Counter
from edge.core.moved_days import MovedDays
from edge.core.other_units import in_new_units
from edge.core.totals import Totals
from edge.core.types import LimitSpec, PointSpec, RecordBatch
from edge.runtime.parts import engine_of
from edge.runtime.stores import Stores
from edge.settings.load import loads
from edge.store.fs_memory import MemoryFs
from tests.metered_site import MeteredSite, counter, utc_ms
from tests.support import ManualClock, about

PARIS = ZoneInfo("Europe/Paris")
BEGIN = "2026-11-21T12:00"
LITRES = counter("water", unit="l", scale=10.0)
CUBIC = counter("water", unit="m3", scale=0.01)
SITE = """
[box]
id = "b1"
[site]
name = "x"
tz = "Europe/Paris"
[bus.gpio]
kind = "gpio"
[[point]]
id = "water"
driver = "pulse"
bus = "gpio"
pin = 17
weight = {weight}
weight_unit = "{unit}"
[[tariff]]
id = "water"
valid_from = 2026-01-01
currency = "EUR"
unit = "m3"
prices = {{ water = 4.26 }}
points = {{ water = "water" }}
"""


def used(spec: PointSpec, pulses: int, minutes: int = 5) -> MeteredSite:
    """Return a site that counted pulses at an even pace, and was cut with some of them in no record."""
    site = MeteredSite([spec], PARIS, utc_ms(BEGIN, PARIS))
    for step in range(minutes * 6 + 1):
        site.read(site.start_ms + step * 10_000, ("water", pulses * step // (minutes * 6)))
    site.commit()
    return site


def after(site: MeteredSite, spec: PointSpec) -> MeteredSite:
    """Start the site again with other settings."""
    site.specs = [spec]
    site.registers.update(in_new_units(site.registers, [spec]))
    site.kill(site.start_ms + 600_000)
    return site


def index(site: MeteredSite) -> tuple[float | None, float]:
    point = site.engine.points["water"]
    assert isinstance(point, Counter)
    saved = point.register.saved()
    return point.register.index, saved["pending"]


def test_pulses_of_the_past_are_told_in_the_new_unit_with_what_waits_for_a_record() -> None:
    site = used(LITRES, 503)
    assert index(site)[0] == 5030
    waiting = index(site)[1]
    after(site, CUBIC)
    assert index(site) == (5.03, about(waiting / 1000, 1e-9))
    site.read(site.start_ms + 10_000, ("water", 0))
    site.read(site.start_ms + 20_000, ("water", 7))
    assert index(site)[0] == pytest.approx(5.1)
    total = site.totals.total("water", "day")
    assert total is not None
    assert total.moved == Decimal("5.1"), "the whole day, in the unit of today"


def test_a_register_that_the_meter_keeps_counts_what_waited_in_its_new_unit() -> None:
    """25,000,500 Wh with 500 in no record: shown in kWh, half a kilowatt-hour waits and not five hundred."""
    kilo = counter("water", unit="kWh", scale=0.001, volatile=False, wrap=10**9)
    register = {"raw": 25_000_500, "index": 25_000_500, "pending": 500, "unit": "Wh", "scale": 1.0}
    saved = {"counter/water": register, "totals/water": {"hours": [[0, "500"]], "day": [739_000, "1500.5", 60_000]}}
    found = in_new_units(saved, [kilo])
    assert found["counter/water"] == {**register, "unit": "kWh"}, "the register says the rest"
    assert found["totals/water"] == {"hours": [[0, "0.5"]], "day": [739_000, "1.5005", 60_000]}
    point = MeteredSite([kilo], PARIS, 0)
    point.registers.update(found)
    point.kill(60_000)
    assert index(point) == (25_000.5, 0.5)
    assert in_new_units({**saved, **found}, [kilo]) == {}, "once"


def test_a_scale_that_is_put_right_values_what_waits_anew() -> None:
    """First unit = "kWh" alone, then the scale too: 500 Wh that wait are not 500 kWh."""
    site = MeteredSite([counter("water", unit="kWh", scale=1.0, volatile=False)], PARIS, 0)
    site.registers = {
        "counter/water": {"raw": 25_000_500, "index": 25_000_500, "pending": 500, "unit": "kWh", "scale": 1.0}
    }
    site.registers["counter/water"]["changed"] = [9000.0, 8000.0]
    after(site, counter("water", unit="kWh", scale=0.001, volatile=False))
    assert index(site) == (25_000.5, 0.5)
    point = site.engine.points["water"]
    assert isinstance(point, Counter)
    assert point.register.saved()["changed"] == [9.0, 8.0]


def test_pulses_that_wait_when_a_meter_with_a_register_comes_are_units_and_no_register() -> None:
    pulses = {"base": 100.0, "count": 2, "scale": 10.0, "pending": 20.0, "unit": "l"}
    kept = Kept(1.0, 0, pulses, "l")
    kept.advance(5000)
    assert kept.saved()["pending"] == 20


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(counter("water", unit="l", scale=1.0), id="another weight values the pulses to come"),
        pytest.param(counter("water", unit="m3", scale=10.0), id="a unit alone corrects a word"),
        pytest.param(counter("water", unit="l", scale=10.0), id="nothing changed"),
    ],
)
def test_what_is_no_change_of_unit_moves_no_figure(spec: PointSpec) -> None:
    site = used(LITRES, 503)
    assert in_new_units(site.registers, [spec]) == {}
    assert index(after(site, spec))[0] == 5030


def test_sums_of_another_quantity_begin_anew_and_nothing_of_it_is_used_in_this_one() -> None:
    site = used(counter("water", unit="count", scale=1.0), 503)
    after(site, counter("water", unit="kWh", scale=0.001))
    assert index(site)[1] == 0
    assert site.totals.total("water", "day") is None


def test_a_limit_on_what_was_used_begins_anew() -> None:
    limit = LimitSpec(id="leak", point="water", kind="consumption", value=500)
    found = in_new_units(used(LITRES, 503).registers, [CUBIC], [limit, LimitSpec("x", "other", "high", 1)])
    assert found["limit/leak"] == {"kind": ""}
    assert "limit/x" not in found


@pytest.mark.parametrize(
    "register",
    [
        None,
        7,
        "soon",
        [],
        {},
        {"unit": "l"},
        {"count": 5, "unit": "l", "scale": 10.0, "base": 1.0},
        {"count": 5, "unit": "l", "scale": 10.0},
        {"count": "5", "base": None, "unit": 7, "scale": "x"},
    ],
)
def test_a_register_of_an_older_or_damaged_form_stops_no_start(register: Any) -> None:
    saved = {"counter/water": register, "totals/water": {"day": ["?", "x", None]}, "cost/water": 7, "cost/water2": []}
    saved |= {"totals/water/wait": [7, []], "cost/water/undated": None}
    assert "cost/water2" not in in_new_units(saved, [CUBIC])
    MeteredSite([CUBIC], PARIS, 0)


def test_what_waits_for_a_date_and_the_days_of_a_cost_are_amounts_too() -> None:
    saved = {
        "counter/water": {"base": 0.0, "count": 3, "scale": 10.0, "unit": "l", "pending": 0},
        "totals/water/wait": [[1, 0, 60_000, 5_000_000_000, 0], [1, 60_000, 60_000, None, 2]],
        "totals/water/older": {"2024-11": ["12345.678", 9]},
        "cost/water/11": {"year": 2026, "days": {"3": {"": ["250", 86400], "HP": ["0.5", 9, 1]}}},
        "cost/water": {"day": "2026-11-21", "moved": {"": ["1000", 600]}},
        "cost/water/undated": [None, 5],
    }
    assert in_new_units(saved, [CUBIC]) == {
        "counter/water": {"base": 0.03, "count": 0, "scale": 0.01, "unit": "m3", "pending": 0.0},
        "totals/water/wait": [[1, 0, 60_000, 5_000_000, 0], [1, 60_000, 60_000, None, 2]],
        "totals/water/older": {"2024-11": ["12.345678", 9]},
        "cost/water/11": {"year": 2026, "days": {"3": {"": ["0.25", 86400], "HP": ["0.0005", 9, 1]}}},
        "cost/water": {"day": "2026-11-21", "moved": {"": ["1", 600]}},
        "cost/water/undated": [None, 5],
    }


def test_a_box_that_starts_with_another_unit_keeps_its_index_and_its_year_in_one_commit(tmp_path: Path) -> None:
    clock = ManualClock()
    day = date.fromordinal(date(1970, 1, 1).toordinal() + clock.utc_ms() // 86_400_000)
    moved = {"": ["250", 3600]}
    old = {
        "counter/water": {"base": 5000.0, "count": 3, "scale": 10.0, "unit": "l", "pending": 20},
        f"cost/water/{day.month:02}": {"year": day.year, "days": {}},
        "cost/water": {"day": (day - timedelta(days=1)).isoformat(), "moved": moved},
        "totals/water": {"hours": [], "day": [day.toordinal(), "250", 3_600_000]},
    }
    stores = Stores(loads(SITE.format(weight=10, unit="l")), tmp_path, MemoryFs())
    try:
        stores.records.append(RecordBatch(1, [], old))
        stores.recalled.records.update(old)
        engine = engine_of(loads(SITE.format(weight=0.01, unit="m3")), stores, clock, was_cut=True)
    finally:
        stores.close()
    point = engine.points["water"]
    assert isinstance(point, Counter)
    assert (point.register.index, point.register.saved()["pending"]) == (5.03, 0.02)
    found = engine.take_actions().registers
    assert found.keys() == old.keys(), "all that changed, at once"
    assert engine.part(Totals).days("water")[day.toordinal()].moved == 250_000_000
    (costs,) = [part for part in engine.parts._all if isinstance(part, MovedDays)]
    assert costs.saved()["cost/water"]["moved"] == {"": ["0.25", 3600]}
