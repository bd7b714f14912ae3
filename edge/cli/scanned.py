"""What `vigie scan` prints of what it found: lines for a person, points to paste. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from edge.cli.cells import cells, padded, wrapped
from edge.cli.diagnosis import words_of
from edge.cli.words import Words
from edge.core.doctor_devices import place_lost
from edge.settings import expect
from edge.settings.model import Settings
from hal import drivers
from hal.scan import Seen

NOISE: Final = "00-"
"""What the kernel makes of a 1-Wire line without pull-up: probes of family 00."""
MODEM: Final = "modem"
"""The device of a port that takes AT commands."""
KIND_OF: Final = {"ds18b20": "onewire", "teleinfo": "serial", "modbus": "modbus"}
"""Driver -> the kind of its bus; all others are on I2C."""
ASK_MORE: Final = {"teleinfo": "scan.each_label", "modbus": "scan.each_register"}
"""Drivers of devices with many values, of which nobody can say which are wanted."""
GAP: Final = 2
WHO_LEAST: Final = 24  # cells of a column of its own for who reads a device


class Row(msgspec.Struct):
    """Something that is there, or should be, and the points of the settings that read it."""

    seen: Seen
    """`device` "" = the place alone: nobody is there, or it could not be looked at."""
    points: list[str] = []
    fault: str = ""
    """Why a place could not be looked at, in the driver's words."""
    reason: str = ""
    """The code of that."""
    kind: str = ""
    """Of the bus: a word of `hal.buses.KINDS`; "" where nobody looked or listened."""
    is_missing: bool = False
    """The settings name it, and nobody answers there."""
    is_held: bool = False
    """A running box reads there: nobody was disturbed."""


def lines_of(rows: Sequence[Row], say: Words, width: int = 80) -> list[str]:
    """Return the places, and under each what is there, by which driver or point it is read."""
    if not rows:
        return wrapped(say("scan.nothing"), width)
    lines: list[str] = []
    places = list(dict.fromkeys(row.seen.where for row in rows))
    for place in places:
        lines.append(place)
        lines += _place([row for row in rows if row.seen.where == place], say, width)
    return lines


def _place(rows: Sequence[Row], say: Words, width: int) -> Iterator[str]:
    told = [(row.seen.device, _what(row, say), _who(row, say)) for row in rows if not row.fault]
    table = [line for line in told if any(line)]
    first, second = (max((cells(line[column]) for line in table), default=0) for column in (0, 1))
    room = width - 3 * GAP - first - second
    is_narrow = any(who and room < min(cells(who), WHO_LEAST) for _device, _what, who in table)
    for device, what, who in table:
        head = f"{padded(device, first)}{' ' * GAP}" if first and not is_narrow else f"{device}  ".lstrip()
        head += padded(what, second + GAP) if who and not is_narrow else what
        if is_narrow or not who:
            above, below = wrapped(head, width - GAP), wrapped(who, width - 2 * GAP) if who else []
            yield from (" " * GAP + line for line in above)
            yield from (" " * 2 * GAP + line for line in below)
            continue
        for number, line in enumerate(wrapped(who, room)):
            yield " " * GAP + (head if number == 0 else " " * cells(head)) + line
    for row in rows:
        if row.fault:
            text, remedy = words_of(place_lost(row.seen.where, row.kind, row.reason, row.fault), say)
            whole = f"{', '.join(row.points)}{say.colon} {text}" if row.points else text
            yield from (" " * GAP + line for line in wrapped(whole, width - GAP))
            cure = wrapped(remedy, width - 2 * GAP) if remedy else []
            yield from (f"{'  → ' if number == 0 else '    '}{line}" for number, line in enumerate(cure))


def _what(row: Row, say: Words) -> str:
    seen = row.seen
    if row.is_missing:
        return say("scan.missing")
    if row.is_held:
        return say("scan.held")
    if seen.device.startswith(NOISE):
        return say("scan.noise")
    if not seen.device:
        return say("scan.silent" if row.kind == "serial" else "scan.nobody") if row.kind else ""
    joint = ", " if seen.driver in ASK_MORE else say("scan.or")
    return joint.join(seen.names) if seen.names else say("scan.nobody_knows")


def _who(row: Row, say: Words) -> str:
    if row.points:
        return ", ".join(row.points)
    if not row.seen.device or row.seen.device.startswith(NOISE):
        return ""
    if row.seen.device == MODEM:
        return say("scan.modem_new")
    return say("scan.new", driver=row.seen.driver) if row.seen.driver else say("scan.unread")


def toml_of(rows: Sequence[Row], settings: Settings | None, say: Words) -> list[str]:
    """Return a [[point]] for each device that no point reads and a driver could, with its bus where there is none.

    What looking can't tell is one of the driver's own words, its others beside it; ids are to be corrected.
    """
    lines: list[str] = []
    buses: dict[str, tuple[str, Any]] = dict(settings.buses) if settings else {}
    for row in rows:
        seen = row.seen
        if row.points or not seen.driver:
            continue
        if seen.driver in ASK_MORE:
            lines += [f"# {seen.where}: {seen.device}, driver {seen.driver}, {say(ASK_MORE[seen.driver])}", ""]
            continue
        bus = _bus(seen, buses, lines)
        name = re.sub(r"[^a-z0-9_.-]", "-", seen.device.lower())
        lines += ["[[point]]", f'id = "new.{name}"', f'bus = "{bus}"', f'driver = "{seen.driver}"']
        lines += [f"{key} = {_toml(key, value)}" for key, value in seen.options.items()]
        lines += _asked(seen)
        lines.append("")
    return lines


def _bus(seen: Seen, buses: dict[str, tuple[str, Any]], lines: list[str]) -> str:
    """Return the name of the device's bus in the settings; one that is missing is written, once."""
    kind = KIND_OF.get(seen.driver, "i2c")
    number = int(seen.where.rpartition("-")[2]) if kind == "i2c" else None
    for name, (known, options) in buses.items():
        if known == kind and number in (None, getattr(options, "number", None)):
            return name
    name = f"i2c{number}" if kind == "i2c" else "w1"
    lines += [f"[bus.{name}]", f'kind = "{kind}"', *([f"number = {number}"] if kind == "i2c" else []), ""]
    buses[name] = (kind, _Number(number))
    return name


class _Number(msgspec.Struct):
    number: int | None


def _asked(seen: Seen) -> Iterator[str]:
    """Yield the keys that the driver needs and looking can't tell, with the first of their words."""
    for field in msgspec.structs.fields(drivers.load(seen.driver).Options):
        words = expect.choices(field.type) if field.required and field.name not in seen.options else []
        if words:
            others = ", ".join(words[1:])
            yield f'{field.name} = "{words[0]}"' + (f"  # {others}" if others else "")


def _toml(key: str, value: Any) -> str:
    if key == "address":
        return f"0x{value:02x}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def named(settings: Settings | None, kind: str) -> Iterator[tuple[Any, Any, str]]:
    """Yield bus options, point options and id of the points on buses of a kind."""
    kinds: Mapping[str, tuple[str, Any]] = settings.buses if settings else {}
    for entry in settings.points if settings else ():
        bus_kind, bus = kinds[entry.point.bus or ""]
        if bus_kind == kind:
            yield bus, entry.options, entry.point.id
