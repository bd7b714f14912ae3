"""What people say of meters: which energy each counts, what a unit of it is worth, and what they read off it.

The args of the orders `meter.*`, their numbers as people write them, and coefficients that count from a date on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from edge.core.units import FIELD, SECONDARY, Secondary

Energy: TypeAlias = Literal["water.cold", "water.hot", "gas", "electricity", "heat", "cold", "fuel"]
Role: TypeAlias = Literal["consumption", "production", "injection"]
Number: TypeAlias = str | float
"""As people write it: "482,137" or "482.137"; spaces between thousands."""

LITRE: Final = Secondary("m3", 0.001)  # a unit of its own in RFC 8428
_NUMBER: Final = re.compile(r"\d{1,15}(\.\d{1,9})?")


class MeterSpec(msgspec.Struct, frozen=True):
    """What the settings say of one meter. `coefficients`: since when a unit is worth so many of `to_unit`."""

    point: str
    energy: str = ""
    role: Role = "consumption"
    to_unit: str = ""
    coefficients: tuple[tuple[date, Decimal], ...] = ()


class MeterRead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Compare the box with a reading taken at the meter; nothing changes. `at`, `then`: as for `meter.set`."""

    point: str
    value: Number
    at: str | None = None
    then: Annotated[float, Meta(description="the box's own index at that time, from its records")] | None = None


class MeterSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Set the index by what stands on the meter: the base index. It is never counted as consumption.

    `at`: when it was read, if not now; `then` is the box's own index at that time, from its records.
    """

    point: str
    value: Number
    at: str | None = None
    then: Annotated[float, Meta(description="the box's own index at that time, from its records")] | None = None


class MeterExchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say with which index the old meter ended and the new one began; consumption goes on."""

    point: str
    old: Number
    new: Number


class MeterCoefficient(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """Say what a unit is worth from a local day on, such as kWh per m³ of gas. Earlier days keep what they had."""

    point: str
    factor: Number
    since: str


class Act(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person did at a meter, numbered over all meters. Numbers are decimal texts in the point's unit."""

    n: int
    kind: str
    boot: int
    at_ms: int
    value: str
    """What stood on the meter; of an exchange, on the new one."""
    before: str
    """The box's index until then."""
    old: str = ""
    """Of an exchange: what stood on the old one."""
    author: str = ""
    channel: str = ""


def decimal_text(value: float) -> str:
    """Return a number's shortest decimal text, without an exponent.

    >>> decimal_text(482.137), decimal_text(1e-7)
    ('482.137', '0.0000001')
    """
    return f"{Decimal(repr(value)):f}"


def number_of(said: Number) -> Decimal | None:
    """Return a number that a person wrote, None when it is none or below 0.

    >>> number_of("482,137"), number_of(" 14 253.7 "), number_of(12.5)
    (Decimal('482.137'), Decimal('14253.7'), Decimal('12.5'))
    >>> number_of("-3"), number_of("1,234.5"), number_of("12 m3"), number_of(float("nan"))
    (None, None, None, None)
    """
    text = repr(said) if isinstance(said, float) else said
    plain = re.sub(r"[\s\u00a0\u202f]", "", text).replace(",", ".")
    return Decimal(plain) if _NUMBER.fullmatch(plain) else None


def day_of(said: str) -> date | None:
    """Return the day that a person wrote as 2026-12-01, None when it is none."""
    try:
        return date.fromisoformat(said.strip())
    except ValueError:
        return None


def unit_worth(unit: str, other: str) -> Decimal | None:
    """Return how many of another unit one of this is, None where they measure different things.

    >>> unit_worth("Wh", "kWh"), unit_worth("m3", "kWh")
    (Decimal('0.001'), None)
    """
    if unit == other:
        return Decimal(1)
    here, there = (
        LITRE if name == "l" else SECONDARY.get(name) or FIELD.get(name) or Secondary(name, 1.0)
        for name in (unit, other)
    )
    if here.unit != there.unit or here.offset or there.offset:
        return None
    return (Decimal(repr(here.factor)) / Decimal(repr(there.factor))).normalize()


class Coefficients:
    """What a unit of a meter is worth, by local day."""

    __slots__ = ("_always", "_dated")

    def __init__(self, dated: Iterable[tuple[date, Decimal]], always: Decimal | None = None) -> None:
        """`dated`: since when it is so much; `always`: where no date counts, such as kWh per Wh."""
        self._dated = sorted(dict(dated).items())
        self._always = always

    def on(self, day: date) -> Decimal | None:
        """Return what a unit is worth on a day, None where nothing says so."""
        return next((factor for since, factor in reversed(self._dated) if since <= day), self._always)

    def dated(self) -> list[tuple[date, Decimal]]:
        """Return all of them, in the order in which they come into force."""
        return list(self._dated)


def merged(spec: MeterSpec | None, made: Mapping[str, str], always: Decimal | None = None) -> Coefficients:
    """Return the settings' coefficients with those that were set by order, which count where both name one day."""
    dated = dict(spec.coefficients) if spec is not None else {}
    dated |= {date.fromisoformat(since): Decimal(factor) for since, factor in made.items()}
    return Coefficients(dated.items(), always)
