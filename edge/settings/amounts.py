"""Money and what was used for it, as people read them: "17.40 EUR", "86.2 kWh"; what is not known is "-"."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from edge.core import units
from edge.core.cost import NO_COINS
from edge.settings import catalogue

MISSING: Final = "-"


def money(lang: str, amount: Decimal | str | None, currency: str, *, is_partial: bool = False) -> str:
    """Return an amount with its currency; `≥` where the true one may be higher for want of data.

    >>> money("en", "1642.5", "EUR"), money("fr", "17.4", "EUR", is_partial=True), money("en", None, "EUR")
    ('1 642.50 EUR', '≥ 17,40 EUR', '-')
    """
    if amount is None:
        return MISSING
    exact = Decimal(amount)
    decimals = 0 if currency in NO_COINS else 2
    sign = "≥ " if is_partial and exact >= 0 else "~ " if is_partial else ""
    return f"{sign}{_parted(lang, exact, decimals)} {currency}"


def used(lang: str, quantity: Decimal | str | None, unit: str) -> str:
    """Return a quantity by the figures that count.

    >>> used("en", "86.2041", "kWh"), used("fr", "1.8204", "m3"), used("en", "1642.1", "kWh"), used("en", None, "kWh")
    ('86.2 kWh', '1,82 m³', '1 642 kWh', '-')
    """
    if quantity is None:
        return MISSING
    how = units.shown(unit)
    exact = Decimal(quantity) * Decimal(repr(how.factor))
    size = abs(exact)
    decimals = 0 if size >= 100 or not size else 1 if size >= 10 else 2 if size >= Decimal("0.1") else 3
    return f"{_parted(lang, exact, decimals)} {how.name}".rstrip()


def summed(quantities: Iterable[Decimal | str | None]) -> Decimal | None:
    """Return the sum, None where one of them is not known."""
    total = Decimal(0)
    for quantity in quantities:
        if quantity is None:
            return None
        total += Decimal(quantity)
    return total


def price(lang: str, amount: Decimal | str) -> str:
    """Return a unit price: every digit counts, and there are at least those of a cent.

    >>> price("fr", "0.2146"), price("en", "12")
    ('0,2146', '12.00')
    """
    exact = Decimal(amount)
    exponent = exact.as_tuple().exponent
    return plain(lang, exact.quantize(Decimal("0.01")) if isinstance(exponent, int) and exponent > -2 else exact)


def plain(lang: str, amount: Decimal | str) -> str:
    """Return a number with all its digits.

    >>> plain("fr", "20441.9"), plain("en", Decimal("171"))
    ('20441,9', '171')
    """
    return f"{Decimal(amount):f}".replace(".", catalogue.word(lang, "number", "decimal"))


def _parted(lang: str, amount: Decimal, decimals: int) -> str:
    text = f"{amount:,.{decimals}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return text.replace(",", " ").replace(".", catalogue.word(lang, "number", "decimal"))
