"""[[tariff]]: what a meter's consumption costs from a day on."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.core.units import KNOWN
from edge.settings.patterns import ID_PATTERN

PRICE_MOST = 1e6
Price = Annotated[float, Meta(ge=-PRICE_MOST, le=PRICE_MOST)]
Amount = Annotated[float, Meta(ge=0, le=PRICE_MOST)]
Percent = Annotated[float, Meta(ge=0, le=100)]


class Tariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tariff, from a day on; its next prices are another [[tariff]] with the same id (docs/tariffs.md)."""

    id: Annotated[str, Meta(pattern=ID_PATTERN, description="such as elec", extra={"expect": "id"})]
    valid_from: Annotated[date, Meta(description="the first local day, such as 2026-02-01")]
    valid_until: (
        Annotated[date, Meta(description="the first day on which it holds no more; else it does until the next one")]
        | None
    ) = None
    name: Annotated[str | dict[str, str], Meta(description='people\'s name, or { en = "…", fr = "…" }')] = ""
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="such as EUR", extra={"expect": "currency"})]
    unit: Annotated[
        str, Meta(description="what a price is for: kWh, m3", extra_json_schema={"enum": sorted(KNOWN)})
    ] = "kWh"
    prices: Annotated[dict[str, Price], Meta(min_length=1, description="by name, such as { HP = 0.2146, HC = 0.1696 }")]
    points: Annotated[dict[str, str], Meta(description="each price's counter, where each has its own")] = {}
    meter: Annotated[str, Meta(description="the one counter, where it serves all prices")] = ""
    split_by: Annotated[str, Meta(description="with meter: the point that says which price holds")] = ""
    periods: Annotated[dict[str, list[str]], Meta(description="with split_by: its words for each price")] = {}
    hours: Annotated[
        dict[str, list[str]],
        Meta(description='with meter: local hours of all prices but one, such as { HC = ["22:30-06:30"] }'),
    ] = {}
    coefficient: (
        Annotated[float, Meta(gt=0, le=PRICE_MOST, description="units per unit of the counter: kWh per m³ of gas")]
        | None
    ) = None
    subscription: Annotated[Amount, Meta(description="what is due without any use")] | None = None
    subscription_per: Literal["day", "month", "year"] = "month"
    subscription_kva: (
        Annotated[float, Meta(gt=0, le=10_000, description="subscription is per kVA, of so many")] | None
    ) = None
    charges: Annotated[dict[str, Amount], Meta(description="other amounts due each month, by name, such as CTA")] = {}
    taxes: Annotated[dict[str, Amount], Meta(description="taxes on each unit, by name, such as accise")] = {}
    production: Annotated[bool, Meta(description="what is counted is sold: it lowers the cost")] = False
    with_tax: Annotated[bool, Meta(description="whether these prices hold value-added tax")] = True
    vat: Annotated[Percent, Meta(description="percent, on prices and taxes")] | None = None
    subscription_vat: Annotated[Percent, Meta(description="percent, on subscription and charges; else vat")] | None = (
        None
    )
    rounding: Annotated[
        Literal["line", "total"], Meta(description="what is rounded to the cent, half up: each line, or the total")
    ] = "line"

    @property
    def row_name(self) -> str:
        """What tells it from other versions."""
        return f"{self.id}@{self.valid_from}"
