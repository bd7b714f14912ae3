"""What the tariffs of a site cost in a report's span and in the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from edge.core.cost import Cost
from edge.core.costs import Costs
from edge.core.engine import Engine
from edge.core.report import CostLine, Length


def cost_lines(engine: Engine, length: Length, day: date) -> list[CostLine]:
    """Return a line for each tariff, of the local day or of the month that begins with it; none without a date."""
    try:
        part = engine.part(Costs)
    except KeyError:
        return []
    if not engine.is_dated:
        return []
    today = part.moved.local_day()
    now, before = days_of(length, day, today), days_of(length, first_before(length, day), today)
    return [_line(part, name, now, before) for name in part.book.versions]


def _line(part: Costs, tariff: str, now: Sequence[date], before: Sequence[date]) -> CostLine:
    found, former = part.of(tariff, now), part.of(tariff, before)
    told = part.book.versions[tariff][-1]
    return CostLine(
        tariff, told.name, found.currency, told.unit, used(found), found.amount, former.amount, found.is_partial,
        told.is_production, told.meters(), former.is_partial,
    )  # fmt: skip


def used(found: Cost) -> dict[str, Decimal | None]:
    """Return what was used at each price, in the tariff's unit; None where it is not known."""
    amounts: dict[str, Decimal | None] = {}
    for line in found.lines:
        if line.kind == "price":
            sofar = amounts.get(line.name, Decimal(0))
            amounts[line.name] = None if sofar is None or line.quantity is None else sofar + line.quantity
    return amounts


def days_of(length: Length, first: date, today: date) -> list[date]:
    """Return the days of a day or month, up to today.

    >>> len(days_of("month", date(2026, 2, 1), date(2026, 11, 21)))
    28
    >>> days_of("month", date(2026, 11, 1), date(2026, 11, 2))
    [datetime.date(2026, 11, 1), datetime.date(2026, 11, 2)]
    """
    if length == "day":
        return [first]
    end = (first + timedelta(days=31)).replace(day=1)
    return [first + timedelta(days=number) for number in range((min(end, today + timedelta(days=1)) - first).days)]


def first_before(length: Length, first: date) -> date:
    """Return the first day of the span before.

    >>> first_before("day", date(2026, 3, 1)), first_before("month", date(2026, 1, 1))
    (datetime.date(2026, 2, 28), datetime.date(2025, 12, 1))
    """
    yesterday = first - timedelta(days=1)
    return yesterday if length == "day" else yesterday.replace(day=1)
