"""What 50 Modbus registers cost, by RTU at periods of 1 to 10 s: requests a cycle, CPU a request and a reading."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.unit.test_modbus_station import NAMES, Plant

SECONDS = 120


@pytest.mark.bench
def test_requests_and_cpu_of_fifty_registers(tmp_path: Path) -> None:
    plant = Plant(tmp_path, {1: {name: (1, 2, 5, 10)[number % 4] for number, name in enumerate(NAMES)}})
    try:
        plant.run(2)
        began_ns, requests, cycles = time.thread_time_ns(), plant.line.requests, len(plant.cycles)
        plant.run(SECONDS)
        spent_us = (time.thread_time_ns() - began_ns) / 1000
        requests, cycles = plant.line.requests - requests, len(plant.cycles) - cycles
        readings = sum(len(cycle.samples) for cycle in plant.cycles[-cycles:])
    finally:
        plant.close()
    print(
        f"\n50 registers at 1, 2, 5 and 10 s: {requests / cycles:.2f} requests a cycle, "
        f"{spent_us / requests:.0f} µs CPU a request, {spent_us / readings:.1f} a reading"
    )
    assert requests <= 5 * cycles
