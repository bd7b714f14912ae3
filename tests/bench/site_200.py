"""The site that is measured: 200 points at 1 Hz on four buses, with limits on 160 of them.

60 temperatures in steps of 1/16 °C that drift, 70 noisy powers of whole watts, 40 counters of a watt-hour, 10
humidities of 0.01 %, 20 states that change about once an hour. Every limit has delays, and a deadband where it can have
one; none is exceeded.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Final

BUSES: Final = 4
COLUMNS: Final = 50
ROWS: Final = 900
STATE_HOLDS_S: Final = 3600
SHAPES: Final = (
    ("temperature", "temp", 60, 90.0, 2.0),
    ("power", "power", 70, 9000.0, 200.0),
    ("counter", "energy", 40, None, 0.0),
    ("humidity", "humidity", 10, 95.0, 2.0),
    ("state", "state", 20, 2.0, 0.0),
)
"""Shape, stem of the ids, how many, what the limit stands at and its deadband."""


class Course:
    """The course of one point of a shape, second by second."""

    def __init__(self, shape: str, dice: random.Random) -> None:
        self._shape = shape
        self._dice = dice
        self._value = {
            "temperature": dice.randrange(160, 900),
            "power": dice.randrange(100, 3000),
            "counter": dice.randrange(1_000_000),
            "humidity": dice.randrange(3000, 6000),
            "state": 0,
        }[shape]

    def next(self) -> float:
        """Return the value of the next second."""
        dice = self._dice
        if self._shape == "temperature":
            self._value += dice.choice((-1, 0, 0, 0, 0, 0, 0, 1))
            return self._value / 16
        if self._shape == "power":
            return max(0, round(self._value + dice.gauss(0, 20)))
        if self._shape == "counter":
            self._value += dice.choice((0, 0, 1, 1, 2))
            return self._value
        if self._shape == "humidity":
            self._value += round(dice.gauss(0, 5))
            return self._value / 100
        self._value ^= dice.random() < 1 / STATE_HOLDS_S
        return self._value


def write_site(
    folder: Path, *, port: int, record_s: float, encoding: str = "json", box: str = "bench", commit_s: float = 10.0
) -> Path:
    """Write tables and settings of the site into `folder`; return the settings' path."""
    dice = random.Random(1)
    shapes = [(shape, f"{stem}.{number:02}") for shape, stem, count, *_ in SHAPES for number in range(count)]
    limits = {shape: (value, deadband) for shape, _, _, value, deadband in SHAPES if value is not None}
    text = [
        f'[box]\nid = "{box}"\ntrust_clock = true\ncommit_s = {commit_s}\n',
        '[site]\nname = "Bench"\ntz = "Europe/Paris"\n',
        f'[link.mqtt]\nhost = "127.0.0.1"\nport = {port}\nencoding = "{encoding}"\n',
    ]
    for bus in range(BUSES):
        table = folder / f"bus{bus}.table"
        mine = shapes[bus::BUSES]
        courses = [Course(shape, dice) for shape, _ in mine]
        row = struct.Struct(f"<{COLUMNS}d")
        table.write_bytes(b"".join(row.pack(*(course.next() for course in courses)) for _ in range(ROWS)))
        text.append(f'[bus.b{bus}]\nkind = "own"\n')
        for column, (shape, name) in enumerate(mine):
            text.append(
                f'[[point]]\nid = "{name}"\nbus = "b{bus}"\ndriver = "bench_table"\nshape = "{shape}"\n'
                f'table = "{table}"\ncolumn = {column}\ncolumns = {COLUMNS}\nrecord_s = {record_s}\n'
            )
            if shape in limits:
                text.append(_limit(name, shape, *limits[shape]))
    path = folder / "site.toml"
    path.write_text("\n".join(text), encoding="utf-8")
    return path


def _limit(name: str, shape: str, value: float, deadband: float) -> str:
    kind, back = ("equal", "") if shape == "state" else ("high", f"deadband = {deadband}\n")
    return (
        f'[[limit]]\nid = "{name}.limit"\npoint = "{name}"\nkind = "{kind}"\nvalue = {value}\n{back}'
        "on_delay_s = 5\noff_delay_s = 5\n"
    )
