"""The simulated chips of an I2C bus: which chip a driver meets there, and how its surroundings move it.

A chip that is not here is a device that the demonstration does not have: its points say `no_answer`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import msgspec

from edge.settings.model import PointEntry
from hal.fake import site
from hal.fake.clamp import ClampChip, MainsCurrent
from hal.fake.i2c import Ads1115Chip, FakeI2c, Sht3xChip
from hal.fake.i2c_air import Bh1750Chip, Bme280Chip, Scd4xChip
from hal.fake.i2c_cabinet import Ds3231Chip, Ina219Chip
from hal.pace import Pace

Move = Callable[[float], None]


class Kind(msgspec.Struct, frozen=True):
    """A chip, and the attribute, mean and swing of each channel that its surroundings move."""

    make: Callable[[Pace], Any]
    """By the time in which its bus lives."""
    fields: dict[str, tuple[str, float, float]]


KINDS: Final[dict[str, Kind]] = {
    "sht3x": Kind(
        lambda _pace: Sht3xChip(), {"temperature": ("temperature_c", 20.0, 2.0), "humidity": ("humidity", 50.0, 2.0)}
    ),
    "bme280": Kind(
        lambda _pace: Bme280Chip(),
        {
            "temperature": ("temperature_c", 20.0, 2.0),
            "humidity": ("humidity", 50.0, 2.0),
            "pressure": ("pressure_hpa", 1013.0, 8.0),
        },
    ),
    "scd4x": Kind(
        lambda pace: Scd4xChip(pace=pace),
        {
            "co2": ("co2_ppm", 900.0, 400.0),
            "temperature": ("temperature_c", 21.0, 2.0),
            "humidity": ("humidity", 45.0, 5.0),
        },
    ),
    "bh1750": Kind(lambda _pace: Bh1750Chip(), {"": ("lux", 350.0, 300.0)}),
    "ina219": Kind(
        lambda _pace: Ina219Chip(),
        {"voltage": ("volt", 12.2, 0.3), "current": ("ampere", 0.5, 0.2), "power": ("ampere", 0.5, 0.2)},
    ),
    "ds3231": Kind(lambda pace: Ds3231Chip(int(time.time()), pace=pace), {}),
}


def put_on(fake: FakeI2c, entries: Iterable[PointEntry]) -> list[Move]:
    """Put the chips of these points on the bus; return what moves their surroundings on to a time (s since start)."""
    moves: list[Move] = []
    for entry in entries:
        options = entry.options
        if entry.point.driver in {"ads1115", "clamp"}:
            moves.append(_input(fake, entry) if entry.point.driver == "ads1115" else _clamp(fake, entry))
            continue
        kind = KINDS.get(entry.point.driver)
        if kind is None:
            continue
        chip = fake.chips.setdefault(options.address, kind.make(fake.pace))
        found = kind.fields.get(getattr(options, "channel", ""))
        if found is not None:
            name, mean, swing = found
            moves.append(partial(_blow, chip, name, site.profile(entry.point.id, mean, swing)))
    return moves


def _input(fake: FakeI2c, entry: PointEntry) -> Move:
    """Put the course of a voltage, or of a current loop through its shunt, on one input of the converter."""
    options = entry.options
    chip: Any = fake.chips.setdefault(options.address, Ads1115Chip())
    shunt_ohm = options.shunt_ohm
    course = site.profile(entry.point.id, 11.0 if shunt_ohm else 1.4, 2.0 if shunt_ohm else 0.3)
    return partial(_drive, chip, int(options.input[3]), shunt_ohm / 1000 if shunt_ohm else 1.0, course)


def _clamp(fake: FakeI2c, entry: PointEntry) -> Move:
    """Put a clamp around the mains, on one input of a converter of its own."""
    options = entry.options
    chip: Any = fake.chips.setdefault(options.address, ClampChip(fake.pace, *(MainsCurrent(0.0) for _ in range(4))))
    current = chip.clamps[int(options.input[3])] = MainsCurrent(
        0.0, amps_per_volt=options.amps_per_volt, harmonics={3: 0.2, 5: 0.1}
    )
    return partial(_blow, current, "ampere", lambda t_s: site.power_va(t_s) / options.volts)


def _blow(air: Any, field: str, course: Callable[[float], float], t_s: float) -> None:
    """Give the sensor the air of this instant."""
    setattr(air, field, course(t_s))


def _drive(chip: Any, number: int, volts_each: float, course: Callable[[float], float], t_s: float) -> None:
    chip.volts[number] = course(t_s) * volts_each
