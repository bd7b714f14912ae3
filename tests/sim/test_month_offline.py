"""A month without the link, at 200 points with a record of each a minute: what is kept, dropped, declared, drained."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest

from edge.sim.simulation import BEGIN, Simulation
from edge.sim.upstream import Outage
from edge.upstream.ledger import Ledger
from tests.sim.big_site import Account, LedgerUpstream, big_site, differences

DAY_S = 86_400.0


def offline(folder: Path, days: float, buffer_mb: int) -> dict[str, int]:
    """Be offline for so many virtual days, drain, compare, print; return the figures."""
    settings = big_site(folder, buffer_mb=buffer_mb)
    began_s = time.process_time()
    database = folder / "consumer.db"
    ledger = Ledger(database)
    upstream = partial(LedgerUpstream, ledger=ledger)
    simulation = Simulation(settings, seed=1, outages=[Outage(0, days * DAY_S)], upstream=upstream)
    account = Account(simulation.records)
    simulation.loop.add(account)
    offset_ms = BEGIN - simulation.clock.now_ns // 1_000_000
    report = simulation.run(days)
    account.close()
    ledger.close()
    held, wrong, missing = differences(database, account, offset_ms, print)
    figures = {
        "made": report.records,
        "stored": held,
        "declared lost": report.gaps,
        "wrong": wrong,
        "missing": missing,
        "waiting": report.waiting,
        "written MiB/day": round(report.octets_written / days / 2**20),
        "CPU s": round(time.process_time() - began_s),
    }
    print(f"\n{days:g} days offline, ring of {buffer_mb} MB:", ", ".join(f"{k} {v:,}" for k, v in figures.items()))
    return figures


@pytest.mark.slow(reason="nineteen virtual hours at 200 points: the smallest ring must turn")
def test_a_ring_that_is_too_small_drops_the_oldest_and_declares_it_to_the_record(tmp_path: Path) -> None:
    found = offline(tmp_path, 0.8, 8)

    assert found["declared lost"] > 10_000
    assert found["stored"] + found["declared lost"] == found["made"]
    assert (found["wrong"], found["missing"], found["waiting"]) == (0, 0, 0)


def test_a_ring_that_is_large_enough_keeps_it_all(tmp_path: Path) -> None:
    found = offline(tmp_path, 0.1, 64)

    assert found["stored"] == found["made"] > 28_000
    assert (found["declared lost"], found["wrong"], found["missing"], found["waiting"]) == (0, 0, 0, 0)


@pytest.mark.campaign(reason="30 virtual days offline, 8.6 million records, drained into the consumer's database")
@pytest.mark.parametrize("buffer_mb", [1024, 256])
def test_thirty_days_offline_are_accounted_for_to_the_record(tmp_path: Path, buffer_mb: int) -> None:
    found = offline(tmp_path, 30, buffer_mb)

    assert found["made"] > 8_600_000
    assert found["stored"] + found["declared lost"] == found["made"]
    assert (found["wrong"], found["missing"], found["waiting"]) == (0, 0, 0)
    assert (found["declared lost"] == 0) == (buffer_mb == 1024)
