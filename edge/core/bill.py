"""An invoice worked out anew from its readings, and what differs from what was billed. Pure.

A reading is the index at the beginning of the first day, at each change of price where it is known, and at the end of
the last day. What was used across a change of price that nobody read is split by days; of whole indexes, in whole
units, the last version having the rest, as suppliers do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import groupby, pairwise

import msgspec

from edge.core.cost import DIGITS, Line, priced, totals
from edge.core.tariff import Tariff, in_force


class BillError(ValueError):
    """An invoice that can't be worked out: `key` of the text catalogue, and the values of its sentence."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key, values)
        self.key = key
        self.values = values


class Difference(msgspec.Struct, frozen=True):
    """What was billed, what comes out here (None: there is no such line), and how much more was billed."""

    name: str
    billed: Decimal
    here: Decimal | None

    @property
    def more(self) -> Decimal | None:
        """By how much more was billed; below 0: less."""
        return None if self.here is None else self.billed - self.here


class Bill(msgspec.Struct, frozen=True):
    """The invoice as it comes out here, `begin` up to, not including, `end`."""

    tariff: str
    currency: str
    begin: date
    end: date
    lines: list[Line]
    before_tax: Decimal | None
    total: Decimal

    def sums(self) -> dict[str, Decimal]:
        """Return the amounts by name, those of several versions together; "total", and "vat 20" for a rate."""
        found: dict[str, Decimal] = {}
        for line in self.lines:
            name = f"vat {line.price.normalize():f}" if line.kind == "vat" else line.name
            found[name] = found.get(name, Decimal(0)) + (line.amount or Decimal(0))
        return {**found, "total": self.total}

    def differences(self, billed: Mapping[str, Decimal]) -> list[Difference]:
        """Return each amount that was billed beside the one of here, in the order in which they are given."""
        own = self.sums()
        return [Difference(name, amount, own.get(name)) for name, amount in billed.items()]


def changes(versions: Sequence[Tariff], begin: date, last: date) -> list[date]:
    """Return the days after `begin` on which another version begins to hold, `last` included."""
    days = _days(begin, last)
    return [after for before, after in pairwise(days) if in_force(versions, before) is not in_force(versions, after)]


def bill(versions: Sequence[Tariff], begin: date, last: date, indexes: Mapping[str, Sequence[Decimal]]) -> Bill:
    """Return the invoice of the days from `begin` to `last`, both billed.

    `indexes` by price: two readings, or as many as there are changes of price between, and two. Raises BillError.
    """
    if last < begin:
        raise BillError("bill_days", begin=begin.isoformat(), last=last.isoformat())
    runs = [(version, list(own)) for version, own in groupby(_days(begin, last), lambda day: in_force(versions, day))]
    lines: list[Line] = []
    with localcontext(prec=DIGITS):
        used = {price: _used(price, readings, runs) for price, readings in indexes.items()}
        for place, (version, own) in enumerate(runs):
            if version is None:
                raise BillError("bill_no_tariff", day=own[0].isoformat())
            _check_prices(version, indexes)
            coefficient = Decimal(1) if version.coefficient is None else version.coefficient
            lines += priced(version, own, {price: used[price][place] * coefficient for price in version.prices})
        newest = runs[-1][0]
        assert newest is not None  # noqa: S101 - each run was looked at
        without_tax, total = totals([version for version, _own in runs if version is not None], newest, lines)
    return Bill(newest.id, newest.currency, begin, last + timedelta(days=1), lines, without_tax, total)


def _days(begin: date, last: date) -> list[date]:
    return [begin + timedelta(days=number) for number in range((last - begin).days + 1)]


def _check_prices(version: Tariff, indexes: Mapping[str, Sequence[Decimal]]) -> None:
    for price in version.prices:
        if price not in indexes:
            raise BillError("bill_no_index", price=price)
    for price in indexes:
        if price not in version.prices:
            raise BillError("bill_no_price", price=price, known=sorted(version.prices))


def _used(price: str, readings: Sequence[Decimal], runs: Sequence[tuple[Tariff | None, list[date]]]) -> list[Decimal]:
    """Return what was used in each run, from the readings between them or, where there are only two, by days."""
    for before, after in pairwise(readings):
        if after < before:
            raise BillError("bill_index_back", price=price, first=f"{before:f}", last=f"{after:f}")
    if len(readings) == len(runs) + 1:
        return [after - before for before, after in pairwise(readings)]
    if len(readings) != 2:
        raise BillError("bill_readings", price=price, count=len(readings), most=len(runs) + 1)
    whole = readings[1] - readings[0]
    days = sum(len(own) for _version, own in runs)
    unit = Decimal(1) if all(reading == reading.to_integral_value() for reading in readings) else Decimal("0.001")
    shares = [(whole * len(own) / days).quantize(unit, ROUND_HALF_UP) for _version, own in runs[:-1]]
    return [*shares, whole - sum(shares, Decimal(0))]
