"""`vigie report --bill FROM TO`: an invoice worked out anew from its two readings, and each difference.

Exit codes: 0 nothing differs, 1 something does or can't be worked out, 2 no sense in what is asked, 3 no box answers.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

import msgspec

from edge.cli.bill_text import Readings, difference_lines, invoice_lines, reading_lines
from edge.cli.client import Client, NotRunningError, RefusedError, socket_path
from edge.cli.console import EXIT_BAD_INPUT, EXIT_NO_BOX, EXIT_REFUSED, complain, write_json, write_lines
from edge.cli.source import RemoteHistory
from edge.cli.words import Words, zone_of
from edge.core.bill import BillError, bill, changes
from edge.core.tariff import Tariff, in_force

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2198  # a box asks its history no farther


def add_arguments(parser: argparse.ArgumentParser, span: argparse._MutuallyExclusiveGroup) -> None:
    """Declare what `vigie report` takes with --bill, which stands in place of another span."""
    span.add_argument(
        "--bill", nargs=2, metavar=("FROM", "TO"), help="first and last day of an invoice: 2026-07-01 2026-08-31"
    )
    group = parser.add_argument_group("with --bill: an invoice worked out anew")
    group.add_argument("--tariff", metavar="ID", help="whose invoice it is (default: the only tariff)")
    group.add_argument(
        "indexes", nargs="*", metavar="NAME=FIRST:LAST",
        help="the readings of the invoice, with those at each change of price between them (default: the box's own)",
    )  # fmt: skip
    group.add_argument("--billed", metavar="AMOUNT", help="the total of the invoice")
    group.add_argument(
        "--line", action="append", default=[], metavar="NAME=AMOUNT",
        help='a line of the invoice: a price, tax or charge by its name, subscription, "vat 20"',
    )  # fmt: skip


def is_meant(args: argparse.Namespace) -> bool:
    """Return whether something is given that only an invoice has."""
    return bool(args.indexes or args.line or args.tariff or args.billed)


def run(args: argparse.Namespace) -> int:
    """Print the invoice as it comes out here, and what differs; return the exit code."""
    try:
        client = Client(socket_path(args.socket))
        box = client.get("box")
        say = Words(getattr(args, "lang", None) or box["site"]["lang"])
        try:
            return _run(client, args, zone_of({"box": box}), say)
        except BillError as exc:
            complain(say(f"bill.{exc.key.removeprefix('bill_')}", **exc.values))
            return EXIT_BAD_INPUT
    except RefusedError as exc:
        complain(str(exc))
        return EXIT_REFUSED
    except NotRunningError as exc:
        complain(str(exc))
        return EXIT_NO_BOX


def _run(client: Client, args: argparse.Namespace, zone: tzinfo, say: Words) -> int:
    if args.bill is None:
        raise BillError("bill_no_span")
    begin, last = (_day(text) for text in args.bill)
    versions = _versions(client.get("tariffs")["tariffs"], args.tariff)
    box = _box_indexes(RemoteHistory(client), versions, begin, last, zone)
    given = {name: [_index(name, part) for part in text.split(":")] for name, text in _pairs(args.indexes).items()}
    billed = {name: _number(name, text) for name, text in _pairs(args.line).items()}
    if args.billed is not None:
        billed["total"] = _number("--billed", args.billed)
    made = bill(versions, begin, last, given or _own(box))
    differences = made.differences(billed)
    readings = _compared(given, box)
    if args.json:
        plain = {"bill": made, "differences": differences, "readings": readings}
        write_json(plain)
    else:
        write_lines(
            [
                *invoice_lines(made, say),
                *difference_lines(differences, made.currency, say),
                *reading_lines(readings, say),
            ]
        )
    is_other = any(difference.more != 0 for difference in differences)
    return EXIT_REFUSED if is_other else 0


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BillError("bill_no_day", given=text) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise BillError("bill_no_day", given=text)
    return day


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name in found:
            raise BillError("bill_no_pair", given=text)
        found[name] = value
    return found


def _index(name: str, text: str) -> Decimal:
    found = _number(name, text)
    if found < 0:
        raise BillError("bill_index_below", name=name, given=text)
    return found


def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text.strip().replace(",", ".").replace(" ", ""))
    except ArithmeticError:
        raise BillError("bill_no_number", name=name, given=text) from None
    if not number.is_finite() or abs(number) > Decimal(10**12):
        raise BillError("bill_no_number", name=name, given=text)
    return number


def _versions(known: Mapping[str, Any], wanted: str | None) -> list[Tariff]:
    """Return the versions of the tariff whose invoice it is."""
    if not known:
        raise BillError("bill_no_tariffs")
    if wanted is None and len(known) > 1:
        raise BillError("bill_which", known=sorted(known))
    name = wanted or next(iter(known))
    if name not in known:
        raise BillError("bill_unknown", id=name, known=sorted(known))
    return msgspec.convert(known[name], list[Tariff], strict=False)


def _box_indexes(
    history: RemoteHistory, versions: Sequence[Tariff], begin: date, last: date, zone: tzinfo
) -> dict[str, dict[date, Decimal | None]]:
    """Return the box's index by price at the beginning of these days: the first, each change of price, the one after.

    Of a counter that is split among prices there are none: the meter has one index for all.
    """
    version = in_force(versions, last)
    if version is None or version.meter:
        if version is None or len(version.prices) > 1:
            return {}
        points = {next(iter(version.prices)): version.meter}
    else:
        points = dict(version.points)
    days = [begin, *changes(versions, begin, last), last + timedelta(days=1)]
    return {
        price: {day: _index_at(history, point, day, zone, version.factors.get(point, Decimal(1))) for day in days}
        for price, point in points.items()
    }


def _index_at(history: RemoteHistory, point: str, day: date, zone: tzinfo, factor: Decimal) -> Decimal | None:
    """Return the index at the beginning of a local day: the one at which the day before ended, or this one began."""
    begin_ms = _midnight_ms(day, zone)
    try:
        found = history.periods(point, "day", _midnight_ms(day - timedelta(days=1), zone), begin_ms + 1)
    except KeyError:
        return None
    for period in found:
        if not isinstance(period.last, int | float):
            continue
        if period.t_ms < begin_ms:
            return Decimal(repr(period.last)) * factor
        if period.increment is not None:
            return (Decimal(repr(period.last)) - Decimal(repr(period.increment))) * factor
    return None


def _midnight_ms(day: date, zone: tzinfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


def _own(box: Mapping[str, Mapping[date, Decimal | None]]) -> dict[str, list[Decimal]]:
    """Return the box's own readings in place of the invoice's."""
    if not box:
        raise BillError("bill_split")
    found: dict[str, list[Decimal]] = {}
    for price, by_day in box.items():
        own: list[Decimal] = []
        for day, index in by_day.items():
            if index is None:
                raise BillError("bill_no_reading", price=price, day=day.isoformat())
            own.append(index)
        found[price] = own
    return found


def _compared(
    given: Mapping[str, Sequence[Decimal]], box: Mapping[str, Mapping[date, Decimal | None]]
) -> list[Readings]:
    """Return the invoice's first and last reading of each price beside the box's."""
    found = []
    for price, by_day in box.items():
        ends = given.get(price)
        for place, day in ((0, min(by_day)), (-1, max(by_day))):
            found.append(Readings(price, day, None if ends is None else ends[place], by_day[day]))
    return found
