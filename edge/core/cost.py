"""What a span of local days costs under a tariff: line by line as on a bill, cent-exact, never silently cheap.

A change of price inside the span gives lines for each version. What is due by the calendar is split by days: a monthly
amount × days / days of that month, a yearly one × days / days of that year. Each line is rounded half up to the
smallest coin where the tariff says so. Value-added tax is worked out once per rate, on the sum of its lines.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import groupby
from typing import Final, Literal

import msgspec

from edge.core.tariff import UNKNOWN, Per, Standing, Tariff, in_force

DIGITS: Final = 50  # nothing is lost on the way to the coin
ROOM: Final = 400  # digits of the largest amount: an index is below 10³⁰⁰
NO_COINS: Final = frozenset({"XPF", "XAF", "XOF", "JPY"})  # ISO 4217: currencies without a hundredth
HUNDRED: Final = Decimal(100)


class Moved(msgspec.Struct, frozen=True):
    """What one point moved on one local day, by bucket (`edge.core.tariff`), and how well that is known."""

    by_bucket: Mapping[str, Decimal | None]
    covered_ms: int
    is_estimated: bool = False


class Usage(msgspec.Struct, frozen=True):
    """A local day: what each point moved, and how much of the day has gone by."""

    moved: Mapping[str, Moved]
    length_ms: int


class Line(msgspec.Struct, frozen=True):
    """One line of a bill: quantity × price = amount."""

    kind: Literal["price", "standing", "tax", "vat"]
    name: str
    quantity: Decimal | None
    """In `unit`; None: nothing is known of it. Of a standing charge: days. Of vat: what it is worked out on."""
    unit: str
    price: Decimal
    amount: Decimal | None
    begin: date
    end: date
    """The first day after it."""
    version: int
    vat: Decimal | None = None
    """Percent that is due on it; None where its amount holds it already."""


class Cost(msgspec.Struct, frozen=True):
    """What a tariff's contract costs from `begin` up to, not including, `end`. `amount` None: it is not known."""

    tariff: str
    currency: str
    begin: date
    end: date
    lines: list[Line]
    before_tax: Decimal | None
    amount: Decimal | None
    is_with_tax: bool
    completeness: float
    """Share of the time that has gone by with a value of every meter, 0 to 1."""
    is_estimated: bool
    unpriced: Decimal
    """What was used while nobody knew which price holds: it is in no line."""
    days_without_tariff: int

    @property
    def is_partial(self) -> bool:
        """Whether the true cost may be higher for want of data."""
        return self.completeness < WHOLE or self.unpriced != 0 or self.days_without_tariff > 0


WHOLE: Final = 0.999  # a restart costs a minute of a day; what is less is said


def coins(amount: Decimal, currency: str) -> Decimal:
    """Return the amount in the smallest coin of its currency, half up, away from zero.

    >>> coins(Decimal("1.005"), "EUR"), coins(Decimal("-0.005"), "EUR"), coins(Decimal("12.5"), "XPF")
    (Decimal('1.01'), Decimal('-0.01'), Decimal('13'))
    """
    with localcontext(prec=ROOM):  # a register gone mad must not keep the other costs from being told
        return amount.quantize(Decimal(1) if currency in NO_COINS else Decimal("0.01"), ROUND_HALF_UP)


def due(charge: Standing, days: Sequence[date]) -> Decimal:
    """Return what a standing charge comes to on these days, unrounded.

    >>> due(Standing("s", Decimal(12)), [date(2026, 11, 21)])
    Decimal('0.4')
    """
    with localcontext(prec=DIGITS):
        total = Decimal(0)
        for length, run in groupby(days, lambda day: (_days_in(charge.per, day), charge.per == "month" and day.month)):
            total += charge.price * charge.times * sum(1 for _ in run) / length[0]
        return total


def _days_in(per: Per, day: date) -> int:
    if per == "month":
        return monthrange(day.year, day.month)[1]
    return 1 if per == "day" else 366 if isleap(day.year) else 365


def cost(versions: Sequence[Tariff], days: Sequence[date], usage: Callable[[date], Usage]) -> Cost:
    """Return what these consecutive days cost; `versions` are those of one tariff."""
    with localcontext(prec=DIGITS):
        known = {day: usage(day) for day in days}
        lines: list[Line] = []
        unpriced, without = Decimal(0), 0
        for version, run in groupby(days, lambda day: in_force(versions, day)):
            own = list(run)
            if version is None:
                without += len(own)
                continue
            more, odd = lines_of(version, own, known)
            lines += more
            unpriced += odd
        newest = max(versions, key=lambda version: (version.valid_from, version.version))
        meters = {point for version in versions for point in version.meters()}
        is_used = any(_has_moved(known[day], meters) for day in days if in_force(versions, day) is None)
        is_known = bool(lines) and not is_used and all(line.amount is not None for line in lines)
        before, amount = totals(versions, newest, lines) if is_known else (None, None)
        return Cost(
            newest.id, newest.currency, days[0], days[-1] + timedelta(days=1), lines, before, amount,
            newest.is_with_tax or newest.vat is not None, _completeness(versions, known),
            any(known[day].moved[point].is_estimated for day in days for point in meters & known[day].moved.keys()),
            unpriced, without,
        )  # fmt: skip


def lines_of(version: Tariff, days: Sequence[date], known: Mapping[date, Usage]) -> tuple[list[Line], Decimal]:
    """Return the lines of days on which one version holds, vat included, and what was used that has no price."""
    used: dict[str, Decimal | None] = dict.fromkeys(version.prices)
    for day in days:
        moved = {point: found.by_bucket for point, found in known[day].moved.items()}
        for price, amount in version.quantities(moved).items():
            before = used.get(price)
            used[price] = amount if before is None else before if amount is None else before + amount
    unpriced = used.pop(UNKNOWN, None) or Decimal(0)
    return priced(version, days, used), unpriced


def priced(version: Tariff, days: Sequence[date], used: Mapping[str, Decimal | None]) -> list[Line]:
    """Return the lines for what was used on these days by price, in the tariff's unit: prices, standing, taxes, vat."""
    begin, end = days[0], days[-1] + timedelta(days=1)
    sign = Decimal(-1) if version.is_production else Decimal(1)
    standing_vat = version.vat if version.standing_vat is None else version.standing_vat

    def line(
        kind: Literal["price", "standing", "tax"], name: str, quantity: Decimal | None, unit: str, price: Decimal,
        amount: Decimal | None,
    ) -> Line:  # fmt: skip
        if amount is not None and version.is_rounded_by_line:
            amount = coins(amount, version.currency)
        vat = None if version.is_with_tax else standing_vat if kind == "standing" else version.vat
        return Line(kind, name, quantity, unit, price, amount, begin, end, version.version, vat)

    with localcontext(prec=DIGITS):
        lines = [
            line(
                "standing", charge.name, Decimal(len(days)), charge.per, charge.price * charge.times, due(charge, days)
            )
            for charge in version.standing
        ]
        for name, price in version.prices.items():
            quantity = used.get(name)
            lines.append(
                line(
                    "price", name, quantity, version.unit, price, None if quantity is None else sign * quantity * price
                )
            )
        amounts = [used.get(name) for name in version.prices]
        total = None if None in amounts else sum((amount for amount in amounts if amount), Decimal(0))
        for name, price in version.taxes.items():
            lines.append(line("tax", name, total, version.unit, price, None if total is None else total * price))
        return lines


def _vat_lines(newest: Tariff, lines: Sequence[Line]) -> list[Line]:
    """Return a line of value-added tax for each rate, on the sum of the lines at that rate."""
    found = []
    for rate in sorted({line.vat for line in lines if line.vat is not None}):
        own = [line for line in lines if line.vat == rate]
        base = sum((line.amount or Decimal(0) for line in own), Decimal(0))
        amount = base * rate / HUNDRED
        if newest.is_rounded_by_line:
            amount = coins(amount, newest.currency)
        begin, end = min(line.begin for line in own), max(line.end for line in own)
        found.append(Line("vat", f"{rate.normalize():f} %", base, newest.currency, rate, amount, begin, end, 0))
    return found


def totals(versions: Sequence[Tariff], newest: Tariff, lines: list[Line]) -> tuple[Decimal | None, Decimal]:
    """Return the sum without and with tax; the lines of value-added tax join the others.

    Without tax it is not known where the prices of one version hold it already.
    """
    total = sum((line.amount or Decimal(0) for line in lines), Decimal(0))
    used = {line.version for line in lines}
    is_with_tax = any(version.is_with_tax for version in versions if version.version in used)
    vat = _vat_lines(newest, lines)
    lines += vat
    with_tax = total + sum((line.amount or Decimal(0) for line in vat), Decimal(0))
    return None if is_with_tax else coins(total, newest.currency), coins(with_tax, newest.currency)


def _has_moved(usage: Usage, meters: set[str]) -> bool:
    return any(amount for point in meters & usage.moved.keys() for amount in usage.moved[point].by_bucket.values())


def _completeness(versions: Sequence[Tariff], known: Mapping[date, Usage]) -> float:
    """Return the share of the time that has gone by in which every meter had a value."""
    length_ms = sum(usage.length_ms for usage in known.values())
    covered_ms = 0
    for day, usage in known.items():
        version = in_force(versions, day)
        if version is not None:
            each = [usage.moved[point].covered_ms if point in usage.moved else 0 for point in version.meters()]
            covered_ms += min(min(each, default=0), usage.length_ms)
    return covered_ms / length_ms if length_ms else 0.0
