"""The engine's work alone, as a process: a site's readings through scaling, range, counter, limits, window and parts.

`python -m tests.bench.engine_run SECONDS RECORD_S` feeds so many seconds of a site of 200 points and 160 limits, with
the parts that every site has, and prints the CPU seconds that took; with a third word `alone` without the parts. Under
callgrind two lengths and their difference give the instructions a reading: what starts and ends cancels.
"""

from __future__ import annotations

import sys
import time

from edge.core.engine import Engine
from edge.core.types import LimitSpec, PointSpec
from edge.settings.load import loads
from edge.settings.site_parts import site_parts
from hal.sample import Cycle, Sample

LONGEST_COUNTED_S = 65  # as many messages are made for a shorter run: only what is fed differs
KINDS = ["gauge"] * 60 + ["gauge"] * 70 + ["counter"] * 40 + ["gauge"] * 10 + ["state"] * 20
SITE = """\
[box]
id = "b0042"
[site]
name = "Bench"
[bus.box]
kind = "box"
[[point]]
id = "box.temperature"
bus = "box"
driver = "box"
measure = "cpu_temperature"
[[limit]]
id = "box.hot"
point = "box.temperature"
kind = "high"
value = 70
deadband = 3
"""


def site(record_ms: int) -> tuple[list[PointSpec], list[LimitSpec]]:
    """60 temperatures, 70 powers, 40 counters, 10 humidities, 20 states; a limit on each but the counters."""
    points = [
        PointSpec(
            id=f"p{number}", kind=kind, period_ms=1000, record_ms=record_ms,
            words=("off", "on") if kind == "state" else (), low=-1e6, high=1e6,
            scale=0.1 if number % 4 == 1 and kind == "gauge" else 1.0,
        )
        for number, kind in enumerate(KINDS)
    ]  # fmt: skip
    limits = [
        LimitSpec(id=f"l{number}", point=f"p{number}", kind="high", value=1e5, deadband=2, on_delay_ms=5000)
        if kind == "gauge"
        else LimitSpec(id=f"l{number}", point=f"p{number}", kind="equal", value=1, on_delay_ms=5000)
        for number, kind in enumerate(KINDS)
        if kind != "counter"
    ]
    return points, limits


def cycles(points: list[PointSpec], seconds: int) -> list[Cycle]:
    """Return the messages of four buses of 50 points, one a second each."""
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
                    value = int((second + number) % 60 < 3)  # a door that somebody goes through
                samples.append(Sample(point.id, t_ns, value))
            made.append(Cycle(f"bus{bus}", t_ns, samples))
    return made


def engine_of(record_ms: int, *, alone: bool = False) -> tuple[Engine, list[PointSpec]]:
    """Return the engine of the site, with the parts of every site or alone."""
    points, limits = site(record_ms)
    parts = [] if alone else site_parts(loads(SITE), {}, {})
    return Engine(points, limits, boot=1, now_ms=9000, parts=parts), points


def run(seconds: int, record_ms: int, *, alone: bool = False) -> float:
    """Feed so many seconds; return the CPU seconds it took."""
    engine, points = engine_of(record_ms, alone=alone)
    messages = cycles(points, max(seconds, LONGEST_COUNTED_S))[: seconds * 4]
    began_ns = time.process_time_ns()
    moved: set[str] = set()
    for number, cycle in enumerate(messages):
        engine.handle(cycle)
        engine.tick(cycle.t_ns // 1_000_000)
        moved |= engine.take_actions().moved
        if number % 40 == 39:  # each 10 s the station commits
            engine.registers_of(moved)
            moved.clear()
    return (time.process_time_ns() - began_ns) / 1e9


if __name__ == "__main__":
    sys.stdout.write(f"{run(int(sys.argv[1]), round(float(sys.argv[2]) * 1000), alone='alone' in sys.argv)}\n")
