"""An invoice that was worked out anew, as text: its lines, what was billed otherwise, the readings. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from edge.cli.printed import aligned
from edge.cli.words import Words
from edge.core.bill import Bill, Difference
from edge.core.cost import Line
from edge.settings import amounts, catalogue

INDEX_DIGITS: Final = 3


class Readings(msgspec.Struct, frozen=True):
    """An index as the invoice has it and as the box has it; None: the box has none of that day."""

    price: str
    day: date
    billed: Decimal | None
    box: Decimal | None


def invoice_lines(made: Bill, say: Words) -> list[str]:
    """Return the invoice line by line: what, how much, at which price, amount; then sums and tax."""
    last = (made.end - timedelta(days=1)).isoformat()
    days = {"begin": made.begin.isoformat(), "last": last}
    rows = [[say("bill.title", id=made.tariff, **days), "", "", "", ""]]
    rows += [_row(line, made.currency, say) for line in made.lines if line.kind != "vat"]
    if made.before_tax is not None:
        rows.append([say("bill.before_tax"), "", "", "", amounts.money(say.lang, made.before_tax, made.currency)])
    rows += [_row(line, made.currency, say) for line in made.lines if line.kind == "vat"]
    rows.append([say("bill.total"), "", "", "", amounts.money(say.lang, made.total, made.currency)])
    head, *body = rows
    return [head[0], *aligned(body, frozenset({2, 4}))]


def _row(line: Line, currency: str, say: Words) -> list[str]:
    amount = amounts.money(say.lang, line.amount, currency)
    if line.kind == "vat":
        base = amounts.money(say.lang, line.quantity, currency)
        return [f"{say('cost.vat')} {amounts.plain(say.lang, line.price)} %", "", base, "", amount]
    last = (line.end - timedelta(days=1)).isoformat()
    span = f"{catalogue.day(say.lang, line.begin.isoformat())} - {catalogue.day(say.lang, last)}"
    name = say("cost.subscription") if line.name == "subscription" else line.name
    if line.kind == "standing":
        quantity, unit = say.count("cost.days", int(line.quantity or 0)), say(f"cost.{line.unit}")
    else:
        quantity, unit = f"{amounts.plain(say.lang, line.quantity or Decimal(0))} {line.unit}", line.unit
    return [name, span, quantity, f"× {amounts.price(say.lang, line.price)} {currency}/{unit}", amount]


def difference_lines(found: Sequence[Difference], currency: str, say: Words) -> list[str]:
    """Return what was billed beside what comes out here."""
    if not found:
        return []
    rows = [[say("bill.line"), say("bill.billed"), say("bill.here"), say("bill.more")]]
    for each in found:
        name = say("bill.total") if each.name == "total" else each.name
        told = [amounts.money(say.lang, amount, currency) for amount in (each.billed, each.here, each.more)]
        if each.more is not None and each.more >= 0:
            told[2] = f"+{told[2]}" if each.more else say("bill.same")
        rows.append([name, *told])
    return ["", *aligned(rows, frozenset({1, 2, 3}))]


def reading_lines(found: Sequence[Readings], say: Words) -> list[str]:
    """Return the invoice's readings beside the box's."""
    if not any(each.billed is not None for each in found):
        return []
    rows = [[say("bill.reading"), "", say("bill.billed"), say("bill.box"), say("bill.more")]]
    for each in found:
        more = None if each.billed is None or each.box is None else each.billed - each.box
        cells = [amounts.MISSING if number is None else _index(number, say) for number in (each.billed, each.box, more)]
        rows.append([each.price, catalogue.day(say.lang, each.day.isoformat()), *cells])
    return ["", *aligned(rows, frozenset({2, 3, 4}))]


def _index(number: Decimal, say: Words) -> str:
    return amounts.plain(say.lang, round(number, INDEX_DIGITS).normalize())
