"""What history costs at 200 points and 1 Hz: CPU and octets a record, RAM between writes; what a question costs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

import pytest

from edge.core.types import Record, RecordBatch
from edge.store.fs import RealFs
from edge.store.history_schema import used_octets
from hal.sample import Kind
from tests.bench.bench_packing import SECONDS, Site, written_octets
from tests.history_rig import HOUR, T0, HistoryRig

DAY = 24 * HOUR
KINDS: dict[str, Kind] = {"temp": "gauge", "power": "gauge", "humidity": "gauge", "energy": "counter", "state": "state"}


def points_of(site: Site) -> dict[str, tuple[Kind, str]]:
    return {name: (KINDS[name.split(".")[0]], "") for name in site.names}


def cpu_ms(began_ns: int) -> float:
    return (time.process_time_ns() - began_ns) / 1e6


def used(rig: HistoryRig) -> int:
    connection = rig.history.file.connection
    assert connection is not None
    return used_octets(connection)


def head_octets(rig: HistoryRig) -> int:
    """Return what the head takes in RAM, object by object."""
    found = 0
    for part_of in rig.history.head.slices:
        found += sys.getsizeof(part_of) + sys.getsizeof(part_of.parts)
        for part in part_of.parts.values():
            found += sys.getsizeof(part) + sys.getsizeof(part.body)
            found += sum(sys.getsizeof(number) for number in (part.first_ms, part.end_ms))
    return found


def fill(rig: HistoryRig, site: Site, first_s: int, seconds: int) -> None:
    for at in range(first_s, first_s + seconds, SECONDS):
        rig.records.append(RecordBatch(1, site.batch(at * 1000).entries))


@pytest.mark.bench
def test_an_hour_of_200_points_at_1_hz(tmp_path: Path) -> None:
    site = Site()
    rig = HistoryRig(tmp_path, RealFs(tmp_path), points=points_of(site), capacity=64 << 20, segment=4 << 20)
    took, most, steps = 0.0, 0, []
    for minute in range(0, 125, 5):
        fill(rig, site, minute * 60, 300)
        rig.clock.advance(300)
        rig.now_s += 300
        octets = written_octets()
        while True:
            began = time.process_time_ns()
            due_s = rig.historian.step(rig.now_s)
            steps.append(cpu_ms(began))
            took += steps[-1]
            most = max(most, head_octets(rig))
            if due_s > rig.now_s + 1:
                break
            rig.now_s += 0.001
        if minute == 60:
            hour_octets = written_octets() - octets
    rows = 200 * 7500
    print(
        f"\nCPU {took * 1000 / rows:.2f} µs a record, longest step {max(steps):.0f} ms, median {median(steps):.1f} ms;",
        end=" ",
    )
    print(f"RAM of the head at most {most / 1e6:.2f} MB;", end="\n")
    print(f"file {used(rig) / 2 / 720_000:.2f} octets a record; {hour_octets / 720_000:.2f} written to the disk")
    began = time.process_time_ns()
    assert len(rig.history.records("power.00", T0, T0 + 2 * HOUR + 300_000, 10_000)) == 7500
    print(f"two hours of a point: {cpu_ms(began):.1f} ms CPU")
    rig.close()


@pytest.mark.bench
def test_a_day_of_one_point_at_1_hz(tmp_path: Path) -> None:
    site = Site()
    rig = HistoryRig(tmp_path, RealFs(tmp_path), points=points_of(site), capacity=64 << 20, segment=4 << 20)
    for hour in range(25):
        names = ("power.00", "temp.00", "energy.00")
        made = [r for at in range(hour * 3600, (hour + 1) * 3600) for r in site.second(at * 1000) if r.point in names]
        rig.records.append(RecordBatch(1, made))
        rig.turn(3600)
    rig.flush()
    for name in names:
        figures = []
        for _ in range(5):
            began = time.process_time_ns()
            found = rig.history.records(name, T0, T0 + DAY, 100_000)
            figures.append(cpu_ms(began))
        assert len(found) == 86_400
        print(f"\n24 h of {name} at 1 Hz, 86,400 records: {median(figures):.1f} ms CPU", end="")
        assert median(figures) < 100
    print()
    rig.close()


@pytest.mark.bench
def test_400_days_of_200_points_each_10_minutes(tmp_path: Path) -> None:
    site = Site()
    rig = HistoryRig(tmp_path, RealFs(tmp_path), points=points_of(site), capacity=64 << 20, segment=4 << 20)
    days, sizes = 6, []
    for day in range(days):
        for hour in range(24):
            made = []
            for at in range(6):
                start_ms = ((day * 24 + hour) * 6 + at) * 600_000
                made += [coarse(record, start_ms) for record in site.second(start_ms)]
            rig.records.append(RecordBatch(1, made))
            rig.turn(3600)
        sizes.append(used(rig))
    a_day = (sizes[-1] - sizes[1]) / (days - 2)
    began = time.process_time_ns()
    assert len(rig.history.records("temp.07", T0 + DAY, T0 + 2 * DAY, 1000)) == 144
    question = cpu_ms(began)
    began = time.process_time_ns()
    assert len(rig.history.periods("energy.07", "hour", T0, T0 + 5 * DAY)) >= 119
    print(
        f"\n{a_day / 28_800:.1f} octets a record with all sums: 400 days of 200 points, 11.52 million records,", end=" "
    )
    print(f"{400 * a_day / 1e6:.0f} MB; a day of a point {question:.1f} ms CPU, 120 hourly sums {cpu_ms(began):.1f} ms")
    rig.close()


def coarse(record: Record, start_ms: int) -> Record:
    """Return a record of ten minutes, with what a period of 600 readings says."""
    value = record.value
    if record.point.startswith(("temp", "power", "humidity")) and isinstance(value, float):
        mean = round(value + 0.123456789 * (start_ms % 7), 9)
        return Record(record.point, start_ms, 600_000, value, 0, "", 600, mean, value - 0.25, value + 0.5)
    return Record(
        record.point, start_ms, 600_000, value, 0, "", 600, increment=record.increment, duration_ms=record.duration_ms,
        changes=record.changes,
    )  # fmt: skip
