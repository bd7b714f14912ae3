"""What one reading costs in the engine alone: scaling, range, counter, limits, window, record. CPU, median of 3."""

from __future__ import annotations

import statistics
import time

import pytest

from edge.core.engine import Engine
from edge.core.types import LimitSpec, PointSpec
from hal.sample import Cycle, Sample


def site(record_ms: int) -> tuple[list[PointSpec], list[LimitSpec]]:
    """60 temperatures, 70 powers, 40 counters, 10 humidities, 20 states; a high limit with deadband on 140."""
    kinds = ["gauge"] * 60 + ["gauge"] * 70 + ["counter"] * 40 + ["gauge"] * 10 + ["state"] * 20
    points = [
        PointSpec(
            id=f"p{number}", kind=kind, period_ms=1000, record_ms=record_ms, words=("off", "on"), low=-1e6, high=1e6
        )
        for number, kind in enumerate(kinds)
    ]
    limits = [
        LimitSpec(id=f"l{number}", point=f"p{number}", kind="high", value=1e5, deadband=2, on_delay_ms=5000)
        for number, kind in enumerate(kinds)
        if kind == "gauge"
    ]
    return points, limits


def cycles(points: list[PointSpec], seconds: int) -> list[Cycle]:
    made = []
    for second in range(seconds):
        t_ns = (second + 10) * 1_000_000_000
        for bus in range(4):
            samples = []
            for number, point in list(enumerate(points))[bus * 50 : bus * 50 + 50]:
                value: float = 20 + (second * 7 + number) % 40
                if point.kind == "counter":
                    value = second * 3
                elif point.kind == "state":
                    value = second // 20 % 2
                samples.append(Sample(point.id, t_ns, value))
            made.append(Cycle(f"bus{bus}", t_ns, samples))
    return made


@pytest.mark.bench
@pytest.mark.parametrize("record_ms", [1000, 60_000])
def test_readings_a_cpu_second(record_ms: int) -> None:
    seconds = 600
    figures = []
    for _ in range(3):
        points, limits = site(record_ms)
        engine = Engine(points, limits, boot=1, now_ms=9000)
        messages = cycles(points, seconds)
        began = time.process_time_ns()
        for cycle in messages:
            engine.handle(cycle)
            engine.tick(cycle.t_ns // 1_000_000)
            engine.take_actions()
        figures.append(seconds * 200 / ((time.process_time_ns() - began) / 1e9))
    print(f"\nengine, records of {record_ms // 1000} s: {statistics.median(figures) / 1e6:.2f} M readings/CPU-s")
