"""What a station costs in steady state: 200 points at 1 Hz, as docs/performance.md tells it.

Three runs a case of 60 s each after 15 s of settling, and one of the demonstration: about 13 minutes in all. Figures of
time are printed with their aim and never fail a run, since they depend on the machine and on what else it does; what is
counted (readings, bytes, threads) is checked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Final

import msgspec
import pytest

from edge.cli.client import Client
from tests.bench import procfs
from tests.bench.rig import Rig, Station, first_reading_cpu_s, rig, wait_until
from tests.bench.site_200 import write_site
from tests.support import ROOT, eventually

READINGS_A_S: Final = 200
SETTLE_S: Final = 15.0
RUNS: Final = 3
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "60"))
COMMIT_S: Final = 10.0
TOLERANCE: Final = 1.05  # of counts: an edge or a status more in one window
BELLS: Final = 0.3  # bytes a reading by which threads wake each other, in `handed`


class Figures(msgspec.Struct, frozen=True):
    """One run. Times are of the process's own CPU clock."""

    start_cpu_s: float
    cpu_ms: float
    """CPU ms per 1000 readings."""
    uss_mb: float
    pss_mb: float
    rss_mb: float
    threads: float
    switches_a_s: float
    sent: float
    """Bytes on the wire towards the broker per reading, MQTT and TCP payload, acknowledgements included."""
    written: float
    """Bytes per reading that the kernel counts as written to the disk; `procfs.Spent` says when that is too much."""
    handed: float
    """Bytes per reading handed to write calls."""


class Case(msgspec.Struct, frozen=True):
    """A way to run the site, and what is aimed at."""

    name: str
    record_s: float
    encoding: str
    aims: dict[str, float]


ALL: Final = {"start_cpu_s": 0.2, "cpu_ms": 6.0, "uss_mb": 20.0, "pss_mb": 22.0, "threads": 10.0, "switches_a_s": 25.0}
CASES: Final = (
    Case("records of 1 s, json", 1, "json", {**ALL, "sent": 60.0, "written": 2.5}),
    Case("records of 60 s, json", 60, "json", {**ALL, "sent": 1.6, "written": 2.5}),
    Case("records of 1 s, json+zlib", 1, "json+zlib", {**ALL, "sent": 8.0, "written": 2.5}),
)


def wait_for_window() -> None:
    """Begin halfway between two commits, so that a window of whole commit periods holds whole batches."""
    now_s = time.monotonic()
    wait_until(now_s - now_s % COMMIT_S + COMMIT_S * 1.5)


def measured(bench: Rig, station: Station, start_cpu_s: float) -> Figures:
    """Return the figures of one window of a running station."""
    wait_for_window()
    before, sent = procfs.spent(station.pid), bench.line.bytes_up
    wait_until(before.at_s + SECONDS)
    cost, sent = procfs.spent(station.pid) - before, bench.line.bytes_up - sent
    held = procfs.memory(station.pid)
    readings = READINGS_A_S * cost.at_s
    return Figures(
        start_cpu_s=start_cpu_s,
        cpu_ms=cost.cpu_ns / 1000 / readings,
        uss_mb=held.uss,
        pss_mb=held.pss,
        rss_mb=held.rss,
        threads=procfs.threads(station.pid),
        switches_a_s=cost.switches / cost.at_s,
        sent=sent / readings,
        written=cost.written / readings,
        handed=cost.handed / readings,
    )


def one_run(bench: Rig, case: Case, box: str) -> Figures:
    """Start a station, let it settle, measure it, end it, and account for every record."""
    folder = bench.folder / box
    folder.mkdir()
    site = write_site(folder, port=bench.line.port, record_s=case.record_s, encoding=case.encoding, box=box)
    station = bench.run(box, "--config", str(site))
    try:
        start_cpu_s = first_reading_cpu_s(station)
        wait_until(time.monotonic() + SETTLE_S)
        figures = measured(bench, station, start_cpu_s)
    finally:
        last = station.stop()
    eventually(lambda: bench.stored(box) == last["records"], 10, f"all records at the consumer: {last}")
    assert bench.good(box) == last["records"], "a record of a healthy site is not good"
    return figures


def report(title: str, runs: Sequence[Figures], aims: dict[str, float]) -> Figures:
    """Print the medians with their spread and aim; return the medians."""
    print(f"\n{title}: median of {len(runs)} (least … most), load {os.getloadavg()[0]:.1f}")
    medians = {}
    for name in Figures.__struct_fields__:
        values = [getattr(run, name) for run in runs]
        medians[name] = middle = median(values)
        aim = aims.get(name)
        verdict = (
            "" if aim is None else f"   aim {aim:g}" + ("" if middle <= aim else f", missed by {middle - aim:.2f}")
        )
        print(f"  {name:13} {middle:8.2f}  ({min(values):.2f} … {max(values):.2f}){verdict}")
    return Figures(**medians)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with rig(tmp_path_factory.mktemp("steady")) as made:
        site = write_site(made.folder, port=made.line.port, record_s=1, box="warm")
        made.warm("--config", str(site))
        yield made


@pytest.mark.bench
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_steady_state(bench: Rig, case: Case) -> None:
    place = CASES.index(case)
    runs = [one_run(bench, case, f"case{place}-run{number}") for number in range(RUNS)]
    found = report(f"200 points at 1 Hz, {case.name}", runs, case.aims)
    assert found.threads <= case.aims["threads"]
    assert found.sent <= case.aims["sent"] * TOLERANCE
    assert found.handed - BELLS <= case.aims["written"] * TOLERANCE


@pytest.mark.bench
def test_memory_of_the_demonstration_with_every_kind_of_bus_and_the_api_in_use(bench: Rig) -> None:
    folder = bench.folder / "demo"
    folder.mkdir()
    demo = (ROOT / "config" / "sites" / "demo.toml").read_text("utf-8")
    site = folder / "site.toml"
    site.write_text(with_broker(demo, bench.line.port), "utf-8")
    bench.warm("--demo", "--config", str(site))
    station = bench.run("demo", "--demo", "--config", str(site))
    try:
        client = Client(folder / "api.sock")
        end_s = time.monotonic() + 40
        eventually(lambda: answers(lambda: client.get("box")), 20, station.log())
        while time.monotonic() < end_s:
            for what in ("values", "alarms", "buffer"):
                client.get(what)
            wait_until(time.monotonic() + 1)
        held, threads = procfs.memory(station.pid), procfs.threads(station.pid)
    finally:
        station.stop()
    print("\ndemonstration, every kind of bus, the API asked each second:", end=" ")
    print(f"USS {held.uss:.1f} MB (aim 26), PSS {held.pss:.1f}, RSS {held.rss:.1f}, {threads} threads")


def answers(ask: Callable[[], object]) -> bool:
    """Return whether a question is answered yet."""
    try:
        ask()
    except OSError:
        return False
    return True


def with_broker(site: str, port: int) -> str:
    """Return the settings of a site with our broker as its link, and the machine's clock trusted."""
    import tomlkit

    document: Any = tomlkit.parse(site)
    document["box"]["trust_clock"] = True
    document.setdefault("link", {})["mqtt"] = {"host": "127.0.0.1", "port": port}
    return tomlkit.dumps(document)
