"""What the card is asked for: octets, writes and flushes of a loop device under an ext4, by vigie and by other ways.

The same 200 readings a second, 2,000 a batch. Back to back, what a batch costs; at real pace, what the file system's
own journal adds, which writes by the clock; a virtual day, what each part of the store writes. Needs root. 20 minutes.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from edge.store.fs import BLOCK
from tests.bench.bench_steady import wait_for_window
from tests.bench.card_box import COMMIT_S, POINTS, CardBox, CountingFs
from tests.bench.card_disks import RING_MB, RING_S, ROWS_S, Bench, Cost, Turned
from tests.bench.rig import rig, wait_until
from tests.bench.site_200 import write_site
from tests.disks import Counted, make_ext4, mounted, skip_without_disks
from tests.support import eventually

MIB: Final = 1 << 20
DAY_S: Final = 86_400
BATCH: Final = POINTS * COMMIT_S
PACE_S: Final = float(os.environ.get("BENCH_SECONDS", "300"))
DOCUMENTS_S: Final = 100
SETTLE_S: Final = 70.0  # longer than the journal's own period

OCTETS_A_READING: Final = 2.5
FLUSHES_A_READING: Final = 0.0006
LOG_MIB_A_DAY: Final = 60.0
AIMS_A_DAY: Final = {1: 140.0, 60: 65.0}
"""MiB a day in all, by the period of the records in s."""
VIGIE: Final = "vigie, records of 1 s"

WAL_FULL: Final = ("journal_mode=WAL", "synchronous=FULL")


def at_real_pace(all_of_them: list[Turned]) -> dict[str, Cost]:
    """Give each its readings as time really passes, a batch each COMMIT_S seconds; return what a window of it cost."""
    os.sync()
    begin_s = time.monotonic()
    batches = round(PACE_S / COMMIT_S)
    settle = round(SETTLE_S / COMMIT_S)
    before: dict[str, Counted] = {}
    for number in range(settle + batches):
        if number == settle:
            before = {turned.name: turned.disk.counted() for turned in all_of_them}
        for turned in all_of_them:
            for _ in range(COMMIT_S):
                turned.second()
        wait_until(begin_s + (number + 1) * COMMIT_S)
    return {turned.name: Cost(batches * BATCH, turned.disk.counted() - before[turned.name]) for turned in all_of_them}


def mib_a_day(cost: Cost) -> float:
    """Return what a day of such readings writes."""
    return cost.octets * POINTS * DAY_S / MIB


def by_the_clock(cost: Cost) -> float:
    """Return MiB a day beyond the one block a batch: what the file system's journal writes because time passes."""
    return mib_a_day(cost) - DAY_S / COMMIT_S * BLOCK / MIB


def virtual_day(bench: Bench, record_s: int) -> dict[str, float]:
    """Let 24 hours pass with history being filled; return what each part wrote, in MiB."""
    disk, beside = bench.disk(f"day{record_s}", 64), bench.disk(f"history{record_s}", 512)
    fs = CountingFs(disk.folder)
    box = CardBox(fs, record_s, RING_MB)
    historian = box.with_history(beside.folder)
    for _ in range(RING_S):  # the ring has turned once, history has its files
        box.second()
        box.acknowledge("mqtt")
    os.sync()
    octets, counted, of_history = Counter(fs.octets), disk.counted(), beside.counted()
    for _ in range(DAY_S):
        box.second()
        box.acknowledge("mqtt")
    os.sync()
    shares = {share: (fs.octets[share] - octets[share]) / MIB for share in ("records", "events", "cursors", "notebook")}
    written = (disk.counted() - counted).octets / MIB
    shares["history"] = (beside.counted() - of_history).octets / MIB
    shares["new names, journal at flushes"] = written - sum(fs.octets[share] - octets[share] for share in octets) / MIB
    assert box.records.cursor("history") > box.records.next_seq() - 2 * 3600 * POINTS
    assert not historian.history.degraded
    historian.close()
    box.close()
    return shares


def print_costs(costs: dict[str, Cost], pace: dict[str, Cost]) -> None:
    print(f"\n{'':34}{'B a reading':>12}{'flushes a reading':>19}{'at real pace MiB a day':>24}{'flushes a day':>15}")
    for name in {**costs, **pace}:
        cost, real = costs.get(name), pace.get(name)
        line = f"{name:34}"
        line += f"{'':31}" if cost is None else f"{cost.octets:12.2f}{cost.flushes:19.6f}"
        if real is not None:
            line += f"{mib_a_day(real):24.1f}{real.flushes * POINTS * DAY_S:15.0f}"
        print(line)


def print_day(name: str, shares: dict[str, float], aim: float) -> float:
    print(f"\n{name}: MiB a day")
    for share, mib in shares.items():
        print(f"  {share:32}{mib:8.2f}")
    whole = sum(shares.values())
    print(f"  {'in all':32}{whole:8.2f}   aim {aim:g}" + (f", missed by {whole - aim:.2f}" if whole > aim else ""))
    return whole


def print_documents(cost: Cost) -> None:
    """Say what a day would be: each insert writes all documents again, so it grows with their square."""
    batches = DOCUMENTS_S / COMMIT_S
    of_one = cost.counted.octets / (batches * (batches + 1) / 2)  # octets of a batch's documents in the file
    day = DAY_S / COMMIT_S
    print(
        f"TinyDB: measured with {cost.readings} documents; a day of them, extrapolated: "
        f"{of_one * day * (day + 1) / 2 / 2**40:.1f} TiB written"
    )


@pytest.mark.bench
def test_what_the_card_is_asked_for(tmp_path: Path) -> None:
    skip_without_disks()
    with Bench(tmp_path) as bench:
        box, quick, coarse = (
            bench.box(VIGIE, 1),
            bench.box("vigie, journal each 5 s", 1, "noatime"),
            bench.box("vigie, records of 60 s", 60),
        )
        rows = [bench.rows("SQLite rows, WAL FULL", *WAL_FULL), bench.rows("SQLite rows, Python's defaults")]
        documents = bench.documents("TinyDB, insert a batch")
        costs = {VIGIE: box.cost_of(RING_S), coarse.name: coarse.cost_of(RING_S)}
        costs |= {turned.name: turned.cost_of(ROWS_S) for turned in rows}
        costs[documents.name] = documents.cost_of(DOCUMENTS_S)
        pace = at_real_pace([box, quick, coarse, *rows])
    days = {}
    for record_s in AIMS_A_DAY:
        with Bench(tmp_path) as bench:
            days[record_s] = virtual_day(bench, record_s)
    print_costs(costs, pace)
    print_documents(costs[documents.name])
    wholes = {}
    for record_s, aim in AIMS_A_DAY.items():
        paced = pace[VIGIE if record_s == 1 else coarse.name]
        shares = {**days[record_s], "journal by the clock": by_the_clock(paced)}
        wholes[record_s] = print_day(f"vigie, records of {record_s} s, history included", shares, aim)
    assert costs[VIGIE].octets <= OCTETS_A_READING
    assert costs[VIGIE].flushes <= FLUSHES_A_READING
    assert mib_a_day(pace[VIGIE]) <= LOG_MIB_A_DAY
    assert all(wholes[record_s] <= aim for record_s, aim in AIMS_A_DAY.items())
    assert all(costs[turned.name].octets > 10 * costs[VIGIE].octets for turned in (*rows, documents))


@pytest.mark.bench
def test_what_a_whole_box_asks_of_the_card_at_real_pace(tmp_path: Path) -> None:
    skip_without_disks()
    image, state = tmp_path / "state.ext4", tmp_path / "box" / "state"
    make_ext4(image, 512)
    with rig(tmp_path) as bench, mounted(image, state) as disk:
        site = write_site(tmp_path, port=bench.line.port, record_s=1, box="box")
        station = bench.run("box", "--config", str(site))
        try:
            eventually(station.first_reading.exists, 30, "it reads")
            wait_until(time.monotonic() + SETTLE_S)
            wait_for_window()
            before, begin_s = disk.counted(), time.monotonic()
            wait_until(begin_s + PACE_S)
            cost = Cost(round(PACE_S * POINTS), disk.counted() - before)
        finally:
            station.stop()
    print(
        f"\nvigie run, records of 1 s, sent and acknowledged: {cost.octets:.2f} B a reading, {mib_a_day(cost):.1f} MiB "
        f"a day, {cost.flushes * POINTS * DAY_S:.0f} flushes a day, over {PACE_S:.0f} s"
    )
    assert mib_a_day(cost) <= AIMS_A_DAY[1]
