"""What a tariff is: dated prices of a meter's registers, standing charges, taxes; and which version holds on a day.

A version holds from the beginning of its local day `valid_from` until that of the next one. Prices are Decimal and
as written; nothing here is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, Literal

import msgspec

from edge.core.timetable import Hours

Per = Literal["day", "month", "year"]
UNKNOWN: Final = "?"
"""The bucket of what moved while nobody knew which price holds."""


class Standing(msgspec.Struct, frozen=True):
    """An amount that is due by the calendar alone: `price` × `times` each day, month or year."""

    name: str
    price: Decimal
    per: Per = "month"
    times: Decimal = Decimal(1)
    """Such as the subscribed kVA."""


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one contract.

    Where `meter` is empty, each price has a register of its own in `points`. Else `meter` is split: by the words of the
    point `split_by` (`periods`), by weekly hours (`hours`; the one price without hours has the rest), or not at all.
    """

    id: str
    valid_from: date
    valid_until: date | None = None
    """The first day on which it no longer holds; None: until the next version."""
    currency: str
    unit: str
    """What a price is for one of: kWh, m3."""
    prices: dict[str, Decimal]
    points: dict[str, str] = {}
    meter: str = ""
    split_by: str = ""
    periods: dict[str, tuple[str, ...]] = {}
    hours: dict[str, Hours] = {}
    factors: dict[str, Decimal] = {}
    """Of each point: how many `unit`s its own unit is, such as 0.001 kWh per Wh."""
    coefficient: Decimal | None = None
    """`unit`s per unit of the point where they measure different things: 11.2 kWh per m³ of gas."""
    standing: tuple[Standing, ...] = ()
    taxes: dict[str, Decimal] = {}
    """Taxes per unit, on all that was used."""
    is_production: bool = False
    """What moved is sold: it lowers the cost."""
    is_with_tax: bool = True
    """Whether prices hold value-added tax already."""
    vat: Decimal | None = None
    """Percent, on prices and taxes per unit."""
    standing_vat: Decimal | None = None
    """Percent, on what is due by the calendar; where None, `vat`."""
    is_rounded_by_line: bool = True
    """Each line to the smallest coin, half up, as on a bill; else the total alone."""
    name: dict[str, str] = {}
    version: int = 0

    def meters(self) -> tuple[str, ...]:
        """Return the points that count."""
        return (self.meter,) if self.meter else tuple(self.points.values())

    def quantities(self, moved: Mapping[str, Mapping[str, Decimal | None]]) -> dict[str, Decimal | None]:
        """Return what was used by price, in `unit`, from what each point moved by bucket; None: nothing is known.

        UNKNOWN is in it when something moved that belongs to no price.
        """
        found: dict[str, Decimal | None] = dict.fromkeys(self.prices)
        for price, point in self.points.items():
            if not self.meter:
                found[price] = self._converted(point, moved.get(point, {}).values())
        for bucket, amount in moved.get(self.meter, {}).items() if self.meter else ():
            price = self.price_of(bucket)
            more = self._converted(self.meter, [amount])
            before = found.get(price)
            found[price] = more if before is None else before if more is None else before + more
        if self.meter and any(amount is not None for amount in found.values()):  # nothing moved at that price
            found = {price: Decimal(0) if amount is None else amount for price, amount in found.items()}
        return found

    def _converted(self, point: str, amounts: Iterable[Decimal | None]) -> Decimal | None:
        known = [amount for amount in amounts if amount is not None]
        factor = self.factors.get(point, Decimal(1)) * (Decimal(1) if self.coefficient is None else self.coefficient)
        return sum(known, Decimal(0)) * factor if known else None

    def price_of(self, bucket: str) -> str:
        """Return the price of what the split meter moved in this bucket: a word of `split_by`, or a price's name."""
        if self.split_by:
            return next((price for price, words in self.periods.items() if bucket.strip() in words), UNKNOWN)
        if bucket in self.prices:
            return bucket
        return next(iter(self.prices)) if len(self.prices) == 1 else UNKNOWN


def in_force(versions: Sequence[Tariff], day: date) -> Tariff | None:
    """Return the version that holds on this local day, None where none does; `versions` of one id, in any order.

    Of two that begin on the same day the later made one holds.
    """
    begun = [version for version in versions if version.valid_from <= day]
    if not begun:
        return None
    newest = max(begun, key=lambda version: (version.valid_from, version.version))
    return None if newest.valid_until is not None and newest.valid_until <= day else newest


def by_id(tariffs: Iterable[Tariff]) -> dict[str, list[Tariff]]:
    """Return the versions of each tariff, in the order in which they come into force; the tariffs as they are given."""
    found: dict[str, list[Tariff]] = {}
    for tariff in tariffs:
        found.setdefault(tariff.id, []).append(tariff)
    for versions in found.values():
        versions.sort(key=lambda version: (version.valid_from, version.version))
    return found
