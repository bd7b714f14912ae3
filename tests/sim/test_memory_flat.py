"""Memory over a month: a box that never restarts must not grow, with its link up or with nobody to talk to."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from edge.sim.simulation import Simulation
from edge.sim.upstream import Outage
from tests.sim.big_site import big_site

DAY_S = 86_400.0
WARM_DAYS = 3  # the ring turns for the first time, caches fill
SLOPE_KB_A_DAY = 10.0


def rss_kb() -> int:
    """Return the resident memory of this process without what the garbage collector would take."""
    gc.collect()
    status = Path("/proc/self/status").read_text("ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


def slope(daily_kb: list[int]) -> float:
    """Return the kB a day of the straight line that fits best."""
    middle_day, middle_kb = (len(daily_kb) - 1) / 2, sum(daily_kb) / len(daily_kb)
    up = sum((day - middle_day) * (kb - middle_kb) for day, kb in enumerate(daily_kb))
    return up / sum((day - middle_day) ** 2 for day in range(len(daily_kb)))


@pytest.mark.campaign(reason="30 virtual days at 200 points, memory read each day")
@pytest.mark.parametrize("link", ["up", "down"])
def test_memory_stays_flat_for_a_month(link: str, tmp_path: Path) -> None:
    outages = [Outage(0, 40 * DAY_S)] if link == "down" else []
    simulation = Simulation(big_site(tmp_path, buffer_mb=8), seed=1, outages=outages)
    began_s = simulation.clock.now_ns / 1e9
    daily_kb = []
    for day in range(30):
        simulation.loop.run_until(began_s + (day + 1) * DAY_S)
        daily_kb.append(rss_kb())
    steady = daily_kb[WARM_DAYS:]
    print(f"\nlink {link}: RSS {daily_kb[0]} kB on day 1, {steady[-1]} on day 30, {slope(steady):+.1f} kB a day")
    assert slope(steady) <= SLOPE_KB_A_DAY


def test_the_slope_of_a_leak_is_seen() -> None:
    assert slope([1000, 1100, 1200, 1300]) == 100
    assert slope([500] * 27) == 0
