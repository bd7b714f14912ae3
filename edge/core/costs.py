"""What each tariff costs today, this month and this year, and all together: for screens, the API and reports.

Nothing here rounds but to the coin, and nothing is translated: that is the reader's side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from edge.core.cost import Cost, Line, cost
from edge.core.moved_days import MovedDays
from edge.core.part import Part
from edge.core.tariff import Tariff, in_force
from edge.core.tariff_book import TariffBook

if TYPE_CHECKING:
    from edge.core.engine import Engine

Span = Literal["today", "month", "year"]
SPANS: Final[tuple[Span, ...]] = ("today", "month", "year")
AGAIN_MS: Final[dict[Span, int]] = {"month": 60_000, "year": 300_000}  # worked out at most this often


class SpanView(msgspec.Struct, frozen=True):
    """What a span costs so far. `amount` None: it is not known; amounts and quantities are decimals as text."""

    begin: date
    amount: Decimal | None
    before_tax: Decimal | None
    used: dict[str, Decimal | None]
    """By price, in the tariff's unit."""
    completeness: float
    partial: bool
    estimated: bool
    unpriced: Decimal
    without_tariff: int
    """Days on which nothing has a price."""


class CostView(msgspec.Struct, frozen=True):
    """One tariff: what it is now, and what it costs."""

    tariff: str
    name: dict[str, str]
    version: int | None
    """The version that holds today; None: there is none."""
    currency: str
    unit: str
    with_tax: bool
    production: bool
    meters: tuple[str, ...]
    undated: Decimal
    """What its meters moved, in their own unit, while nobody vouched for the date: it is in no day."""
    spans: dict[Span, SpanView]


class TotalView(msgspec.Struct, frozen=True):
    """All tariffs of one currency together; None as soon as one of them is not known."""

    currency: str
    amounts: dict[Span, Decimal | None]
    partial: dict[Span, bool]


class CostsView(msgspec.Struct, frozen=True):
    """All costs of a site; `spans` of the tariffs are empty while nobody knows which day it is."""

    dated: bool
    tariffs: list[CostView]
    totals: list[TotalView]


class Costs(Part):
    """Works costs out when asked, and remembers the long ones for a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[tuple[str, Span, date, int], tuple[int, Cost]] = {}

    def attach(self, site: Engine) -> None:
        """Take the site whose meters and tariffs it reads."""
        self._site = site
        self.book = site.part(TariffBook)
        self.moved = site.part(MovedDays)

    def of(self, tariff: str, days: Sequence[date]) -> Cost:
        """Return what a tariff costs on these consecutive days. Raises KeyError for an unknown one."""
        versions = self.book.versions[tariff]
        meters = {point for version in versions for point in version.meters()}
        return cost(versions, days, lambda day: self.moved.usage(day, meters))

    def span(self, tariff: str, span: Span) -> Cost:
        """Return what a tariff costs in a span that has today in it, today included."""
        today = self.moved.local_day()
        if span == "today":
            return self.of(tariff, [today])
        key = (tariff, span, today, self.book.revision)
        until_ms, found = self._kept.get(key, (-1, None))
        if found is None or self._site.now_ms >= until_ms:
            first = today.replace(day=1) if span == "month" else today.replace(month=1, day=1)
            found = self.of(tariff, [first + timedelta(days=number) for number in range((today - first).days + 1)])
            self._kept = {other: kept for other, kept in self._kept.items() if other[2:] == key[2:]}
            self._kept[key] = (self._site.now_ms + AGAIN_MS[span], found)
        return found


def costs(engine: Engine) -> CostsView:
    """Return all costs of a site; none where it has no tariffs."""
    try:
        part = engine.part(Costs)
    except KeyError:
        return CostsView(engine.is_dated, [], [])
    views = [_view(part, name, versions, engine) for name, versions in part.book.versions.items()]
    currencies = dict.fromkeys(view.currency for view in views) if engine.is_dated else {}
    return CostsView(engine.is_dated, views, [_total(currency, views) for currency in currencies])


def cost_lines(engine: Engine) -> dict[str, dict[Span, list[Line]]]:
    """Return line by line how the costs of today and of the month come about, by tariff."""
    try:
        part = engine.part(Costs)
    except KeyError:
        return {}
    told: tuple[Span, ...] = ("today", "month") if engine.is_dated else ()
    return {name: {span: part.span(name, span).lines for span in told} for name in part.book.versions}


def _view(part: Costs, name: str, versions: Sequence[Tariff], engine: Engine) -> CostView:
    now = in_force(versions, part.moved.local_day()) if engine.is_dated else None
    told = now or versions[-1]
    spans: dict[Span, SpanView] = {span: _span(part.span(name, span)) for span in SPANS} if engine.is_dated else {}
    undated = sum((part.moved.undated(point) for point in told.meters()), Decimal(0))
    with_tax = told.is_with_tax or told.vat is not None
    return CostView(
        name, told.name, None if now is None else now.version, told.currency, told.unit, with_tax, told.is_production,
        told.meters(), undated, spans,
    )  # fmt: skip


def _span(found: Cost) -> SpanView:
    used: dict[str, Decimal | None] = {}
    for line in found.lines:
        if line.kind == "price":
            used[line.name] = _sum([used.get(line.name, Decimal(0)), line.quantity])
    return SpanView(
        found.begin, found.amount, found.before_tax, used, round(found.completeness, 4), found.is_partial,
        found.is_estimated, found.unpriced, found.days_without_tariff,
    )  # fmt: skip


def _total(currency: str, views: Sequence[CostView]) -> TotalView:
    own = [view.spans for view in views if view.currency == currency]
    return TotalView(
        currency,
        {span: _sum([spans[span].amount for spans in own]) for span in SPANS},
        {span: any(spans[span].partial for spans in own) for span in SPANS},
    )


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def tariffs(engine: Engine) -> Mapping[str, Any]:
    """Return the versions of each tariff as they are, and which one holds today."""
    try:
        book = engine.part(TariffBook)
    except KeyError:
        return {"dated": engine.is_dated, "tariffs": {}}
    today = book.local_day() if engine.is_dated else None
    return {
        "dated": engine.is_dated,
        "tariffs": {
            name: [
                {
                    **msgspec.to_builtins(version),
                    "holds": today is not None and version is in_force(versions, today),
                    "by": book.author_of(version),
                }
                for version in versions
            ]
            for name, versions in book.versions.items()
        },
    }
