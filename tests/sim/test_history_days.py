"""A day of a site in virtual time: history holds what was made, hour by hour."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edge.settings.load import load
from edge.sim.simulation import Simulation
from edge.sim.upstream import Outage
from tests.support import ROOT

DEMO = ROOT / "config" / "sites" / "demo.toml"
HOUR_S = 3600.0


@pytest.mark.slow(reason="a local midnight, and an outage before it")
def test_history_holds_every_record_of_a_day_and_its_hours_add_up(tmp_path: Path) -> None:
    sim = Simulation(load(DEMO), seed=1, outages=[Outage(5 * HOUR_S, 8 * HOUR_S)], history_folder=tmp_path)
    report = sim.run(1.0)
    history, log = sim.history, sim.records
    assert history is not None
    assert (report.lost, log.cursor("history")) == (0, report.records)
    made: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    seq = log.first_seq()
    while entries := log.read(seq, 5000).entries:
        for entry in entries:
            made[entry.point] += 1
            moved[entry.point] += round((entry.increment or 0) * 1e9)
        seq += len(entries)
    assert {info.point: len(history.records(info.point, 0, 2**60, 10**6)) for info in history.points()} == dict(made)
    for info in history.points():
        for length in ("hour", "day", "month"):
            found = history.periods(info.point, length, 0, 2**60)
            assert sum(period.records for period in found) == made[info.point]
            if info.kind == "counter":
                assert sum(round((period.increment or 0) * 1e9) for period in found) == moved[info.point]
    assert history.gaps(0, 2**60) == []
