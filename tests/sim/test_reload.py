"""The demonstration in virtual time goes over to other settings: its parts go on where they were."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from edge.core.engine import Engine
from edge.core.replacing import Site
from edge.core.types import Event
from edge.runtime.station import Question
from edge.settings.alarm_rules import alarm_rules
from edge.settings.load import loads
from edge.settings.packaged import find
from edge.settings.site_parts import site_parts
from edge.settings.specs import output_specs
from edge.sim.loop import START_S
from edge.sim.simulation import DAY_S, Simulation
from edge.store.log import Log

DEMO = find("sites", "demo.toml").read_text("utf-8")


def running(days: float) -> Simulation:
    simulation = Simulation(loads(DEMO), seed=7, outages=[])
    simulation.loop.run_until(START_S + days * DAY_S)
    return simulation


def same_site(simulation: Simulation) -> Site:
    """Return the very settings that are in force, with all parts made anew."""
    described, settings = simulation.station.described, simulation.settings
    by_id = {point.id: point for point in described.points}
    outputs = [msgspec.structs.replace(spec, point=by_id[spec.id]) for spec in output_specs(settings)]
    rules = alarm_rules(settings)
    return Site(described.points, described.limits, outputs, partial(site_parts, settings), rules)


def go_over(simulation: Simulation, site: Site) -> tuple[Any, Any]:
    """Let the station go over; return what its parts had saved and what those made from it save."""
    station, now_ms = simulation.station, simulation.clock.now_ns // 1_000_000
    logs: list[Log[Any]] = [simulation.records, simulation.events]

    def change(engine: Engine) -> tuple[Any, Any]:
        engine.parts.close(now_ms)
        station._collect()  # what came of it is heard before anything is compared
        before = held(engine)
        station.replace(site, {}, lambda: (logs[0].registers, logs[1].registers), now_ms)
        return before, held(engine)

    done: list[tuple[Any, Any]] = []
    station.post(Question(change, done.append))
    simulation.loop.run_until(simulation.clock.now_ns / 1e9 + 0.001)
    return done[0]


def held(engine: Engine) -> dict[str, Any]:
    """Return all that must not change: what the parts hold, which alarms there are, how the outputs stand."""
    return {
        "alarms": [(alarm.number, alarm.active) for alarm in engine.alarms.sorted()],
        "levels": {name: output.level for name, output in engine.outputs.by_id.items()},
        **saved(engine),
    }


def saved(engine: Engine) -> dict[str, Any]:
    found = {**engine.parts.saved(in_records=True), **engine.parts.saved(in_records=False)}
    return msgspec.json.decode(msgspec.json.encode(found))  # type: ignore[no-any-return]


@pytest.mark.slow("a day of the demonstration, changed four times")
def test_every_part_goes_on_from_what_it_saved() -> None:
    """Made anew, each part holds what it held: alarms, totals, run hours, setpoints, programs."""
    for days in (0.05, 0.3, 0.55, 0.8):
        simulation = running(days + 7.3 / DAY_S)  # within a period: a close at its end makes records, not heard yet
        engine = simulation.station.engine
        before, after = go_over(simulation, same_site(simulation))
        assert after.keys() == before.keys()
        assert {name for name in before if after[name] != before[name]} == set(), days
        simulation.loop.run_until(simulation.clock.now_ns / 1e9 + 2)
        assert {name: output.level for name, output in engine.outputs.by_id.items()} == after["levels"]


@pytest.mark.slow("two days of the demonstration, one of them changed each hour")
def test_a_day_that_is_changed_each_hour_has_the_records_and_events_of_one_that_is_not() -> None:
    plain, changed = running(0.5), running(0.0)
    for hour in range(12):
        changed.loop.run_until(START_S + (hour + 0.5) * 3600.0 + 7.3)
        go_over(changed, same_site(changed))
    changed.loop.run_until(START_S + 0.5 * DAY_S)
    assert records_of(changed) == records_of(plain)
    assert events_of(changed) == events_of(plain), "nobody hears of it"


def events_of(simulation: Simulation) -> list[Any]:
    log = simulation.events
    found = [entry for entry in log.read(log.first_seq(), 10_000).entries if isinstance(entry, Event)]
    return sorted((event.at_ms, event.kind, event.point, str(event.values)) for event in found)


def records_of(simulation: Simulation) -> list[Any]:
    log, found = simulation.records, []
    first = log.first_seq()
    while entries := log.read(first, 5000).entries:
        found += [
            (entry.point, entry.start_ms, entry.dt_ms, entry.value, entry.quality, entry.increment) for entry in entries
        ]
        first += len(entries)
    return sorted(found, key=lambda entry: entry[:2])
