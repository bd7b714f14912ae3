"""From [[tariff]] tables to what the engine counts by: prices as decimals, factors from the unit of a point."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from edge.core import units
from edge.core.costs import Costs
from edge.core.moved_days import MovedDays
from edge.core.tariff import Standing
from edge.core.tariff import Tariff as Version
from edge.core.tariff_book import TariffBook
from edge.core.timetable import hours_of
from edge.settings.model import Settings
from edge.settings.model_tariff import Tariff
from edge.settings.patterns import named
from edge.settings.specs import specs

SUBSCRIPTION = "subscription"


def factor_between(unit: str, wanted: str) -> Decimal | None:
    """Return how many `wanted` one `unit` is, None where they measure different things.

    >>> factor_between("Wh", "kWh"), factor_between("l", "m3"), factor_between("m3", "kWh")
    (Decimal('0.001'), Decimal('0.001'), None)
    """
    (base, size), (other, wanted_size) = _in_base(unit), _in_base(wanted)
    return (size / wanted_size).normalize() if base == other else None


def _in_base(unit: str) -> tuple[str, Decimal]:
    if unit == "l":
        return "m3", Decimal("0.001")
    secondary = units.SECONDARY.get(unit) or units.FIELD.get(unit)
    if secondary is None or secondary.offset:
        return unit, Decimal(1)
    return secondary.unit, exact(secondary.factor)


def exact(number: float) -> Decimal:
    """Return a number of the file as the decimal that stands there.

    >>> exact(0.2146), exact(12.0)
    (Decimal('0.2146'), Decimal('12'))
    """
    return Decimal(int(number)) if number == int(number) else Decimal(repr(number))


def version_of(row: Tariff, unit_of: Mapping[str, str]) -> Version:
    """Return the engine's view of a table; `unit_of` each point."""
    standing = []
    if row.subscription is not None:
        times = Decimal(1) if row.subscription_kva is None else exact(row.subscription_kva)
        standing = [Standing(SUBSCRIPTION, exact(row.subscription), row.subscription_per, times)]
    standing += [Standing(name, exact(amount)) for name, amount in row.charges.items()]
    meters = [row.meter] if row.meter else list(row.points.values())
    is_same = row.coefficient is None
    factors = {point: factor_between(unit_of[point], row.unit) for point in meters} if is_same else {}
    return Version(
        id=row.id,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        currency=row.currency,
        unit=row.unit,
        prices={name: exact(price) for name, price in row.prices.items()},
        points=row.points,
        meter=row.meter,
        split_by=row.split_by,
        periods={name: tuple(word.strip() for word in words) for name, words in row.periods.items()},
        hours={name: hours_of(texts) for name, texts in row.hours.items()},
        factors={point: factor for point, factor in factors.items() if factor is not None and factor != 1},
        coefficient=None if row.coefficient is None else exact(row.coefficient),
        standing=tuple(standing),
        taxes={name: exact(amount) for name, amount in row.taxes.items()},
        is_production=row.production,
        is_with_tax=row.with_tax,
        vat=None if row.vat is None else exact(row.vat),
        standing_vat=None if row.subscription_vat is None else exact(row.subscription_vat),
        is_rounded_by_line=row.rounding == "line",
        name=named(row.name),
    )


def versions(settings: Settings) -> list[Version]:
    """Return all tariffs of a site."""
    rows = settings.of(Tariff)
    if not rows:
        return []
    unit_of = {point.id: point.unit for point in specs(settings)[0]}
    return [version_of(row, unit_of) for row in rows]


def book_of(settings: Settings, _saved: Mapping[str, Any], saved_events: Mapping[str, Any]) -> TariffBook | None:
    """Return the part that knows the tariffs, where there are any."""
    found = versions(settings)
    return TariffBook(found, saved_events) if found else None


def costs_of(settings: Settings, _saved: Mapping[str, Any], _saved_events: Mapping[str, Any]) -> Costs | None:
    """Return the part that works out what they cost."""
    return Costs() if settings.of(Tariff) else None


def moved_days_of(settings: Settings, saved: Mapping[str, Any], _saved_events: Mapping[str, Any]) -> MovedDays | None:
    """Return the part that counts for them."""
    found = versions(settings)
    return MovedDays(found, saved) if found else None
