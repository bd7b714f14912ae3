"""Any schema with any columns for the SMS codec: quiet, noisy, far, with holes, long and short; and measured ones."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

from sms.schema import Channel, Schema, What

Columns = list[list[int | None]]
KINDS: dict[str, What] = {"index": "index", "mean": "mean", "min": "min", "max": "max", "temp": "last", "rh": "last"}
STEP_S = {"hourly": 3600, "10min": 600, "daily": 86_400}
EXPONENTS = {"kWh": 3, "Wh": 0, "10l": -2, "VA": 1, "0.1C": -1, "Tout": -1, "1%": 0}
UNITS = {"kWh": "Wh", "Wh": "Wh", "10l": "m3", "VA": "VA", "0.1C": "Cel", "Tout": "Cel", "1%": "%RH"}
"""How `site_*.csv` names what its integers are: `heat.kWh`, `hpc.VA_mean`, `enr.RH_1_1%`."""
LEANS_ON = {
    "hpc.VA_mean": "hpc.index_Wh", "hpc.VA_min": "hpc.VA_mean", "hpc.VA_max": "hpc.VA_mean",
    "enr.Tout_min": "enr.Tout_0.1C", "enr.Tout_max": "enr.Tout_0.1C",
}  # fmt: skip


def some_columns(rng: random.Random, channels: int, intervals: Sequence[int]) -> tuple[Schema, Columns]:
    """Return a schema of up to so many channels and its columns, of one of these lengths."""
    made: list[Channel] = []
    columns: Columns = []
    length = rng.choice(intervals)
    holes = rng.choice((0.0, 0.0, 0.02, 0.5, 1.0))
    for number in range(rng.randint(1, channels)):
        what: What = rng.choice(("index", "index", "mean", "min", "max", "last"))
        refs = [n for n, one in enumerate(made) if what != "index" and (what == "mean" or one.what != "index")]
        unit = rng.choice(("Wh", "kWh", "W"))
        made.append(Channel(f"p{number}", what, unit, rng.randint(-3, 3), rng.choice([-1, *refs])))
        spread = rng.choice((0, 1, 3, 30, 1000, 10**6, 2**30))
        least, most = (0, 2**32 - 1) if what == "index" else (-(2**31) + 1, 2**31 - 1)
        value = rng.choice((0, 200, rng.randint(least, most)))
        column: list[int | None] = []
        for _ in range(length):
            value = min(max(value + rng.randint(0 if what == "index" else -spread, spread), least), most)
            column.append(None if rng.random() < holes else value)
        columns.append(column)
    return Schema("b1", "Etc/UTC", rng.choice((60, 600, 3600, 86_400)), tuple(made)), columns


def measured(folder: Path, step: str) -> tuple[Schema, list[list[int]], list[list[int]]]:
    """Return the composite site of a step, the first half of each column, and the second halves cut to the shortest."""
    with (folder / f"site_{step}.csv").open(newline="") as lines:
        names, kinds, *rows = list(csv.reader(lines))
    channels = []
    for name, kind in zip(names, kinds, strict=True):
        unit = next(one for one in EXPONENTS if one in name.split(".", 1)[1].split("_") or one in name)
        ref = names.index(LEANS_ON[name]) if name in LEANS_ON else -1
        channels.append(Channel(name.rsplit("_", 1)[0], KINDS[kind], UNITS[unit], EXPONENTS[unit], ref))
    columns = [[int(row[at]) for row in rows if row[at]] for at in range(len(names))]
    first = [column[: len(column) // 2] for column in columns]
    shortest = min(len(column) - len(column) // 2 for column in columns)
    second = [column[len(column) // 2 :][:shortest] for column in columns]
    return Schema("b0117", "Europe/Paris", STEP_S[step], tuple(channels)), first, second


def slices(columns: Sequence[Sequence[int | None]], length: int) -> list[Columns]:
    """Return columns in reports of so many intervals; those that end earlier have no value there."""
    longest = max(map(len, columns))
    return [
        [[*column[at : at + length], *[None] * (at + length - max(len(column), at))][:length] for column in columns]
        for at in range(0, longest - length + 1, length)
    ]
