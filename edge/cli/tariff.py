"""`vigie tariff`: what each tariff costs, its versions with their prices, and new prices from a day on.

Exit codes: 0 done, 1 refused by the box, 2 no such tariff or no sense in what is asked, 3 no box.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from edge.cli import costs as shown
from edge.cli.client import Client
from edge.cli.console import EXIT_BAD_INPUT, add_common, asked, complain, write_json, write_lines
from edge.cli.ordered import ordered
from edge.cli.printed import aligned
from edge.cli.words import Words
from edge.settings import amounts, catalogue


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `vigie tariff` takes."""
    acts = parser.add_subparsers(dest="act", metavar="show|set")
    show = acts.add_parser("show", help="the versions of one tariff, and how today's and the month's cost come about")
    show.add_argument("id", metavar="TARIFF")
    change = acts.add_parser("set", help="new prices from a day on")
    change.add_argument("id", metavar="TARIFF")
    change.add_argument("--from", dest="begins", required=True, metavar="DAY", help="the first day, such as 2027-02-01")
    change.add_argument("amounts", nargs="+", metavar="NAME=PRICE", help="such as HP=0.2146; subscription=16.20")
    change.add_argument("--correct", action="store_true", help="allow a day that has begun: costs already shown change")
    add_common(parser)
    for each in (show, change):
        add_common(each, is_act=True)


def run(args: argparse.Namespace) -> int:
    """List tariffs, show one, or change prices."""

    def ask(client: Client, args: argparse.Namespace) -> int:
        say = Words(client.get("box")["site"]["lang"])
        found = client.get("tariffs")
        known = found["tariffs"]
        if args.act is not None and args.id not in known:
            complain(say("tariff_unknown", id=args.id, known=sorted(known)) if known else say("tariff_none"))
            return EXIT_BAD_INPUT
        if args.act == "set":
            return _order(client, args, say)
        if args.act == "show":
            return _show(client, args, known[args.id], say)
        costs = client.get("costs")
        if args.json:
            return write_json(costs)
        write_lines(shown.table(costs, say) if costs["tariffs"] else [say("tariff_none")])
        return 0

    return asked(args, ask)


def _order(client: Client, args: argparse.Namespace, say: Words) -> int:

    prices = {}
    for text in args.amounts:
        name, equals, amount = text.partition("=")
        if not equals or name in prices:
            complain(say("cost.not_an_amount", given=text))
            return EXIT_BAD_INPUT
        prices[name] = amount
    wanted: dict[str, Any] = {"id": args.id, "valid_from": args.begins, "prices": prices}
    if args.correct:
        wanted["correct"] = True
    return ordered(client, args, "tariff", wanted, say)


def _show(client: Client, args: argparse.Namespace, versions: Sequence[Mapping[str, Any]], say: Words) -> int:
    lines = client.get("cost_lines").get(args.id, {})
    if args.json:
        return write_json({"versions": versions, "lines": lines})
    view = next(view for view in client.get("costs")["tariffs"] if view["tariff"] == args.id)
    write_lines(version_table(versions, say))
    for span, own in lines.items():
        write_lines(bill(span, own, view, say))
    write_lines(shown.notes(view, say))
    return 0


def version_table(versions: Sequence[Mapping[str, Any]], say: Words) -> list[str]:
    """Return one line a version: number, first day, prices, who made it; `*` marks the one that holds today."""
    rows = [["", say("cost.version"), say("cost.from"), say("cost.prices"), say("cost.by")]]
    for version in versions:
        per_unit = f"{version['currency']}/{version['unit']}"
        told = [f"{_listed(version['prices'], say)} {per_unit}"]
        if version["taxes"]:
            told.append(f"{_listed(version['taxes'], say)} {per_unit}")
        told += [
            f"{_charge(charge['name'], say)} {amounts.price(say.lang, charge['price'])}"
            f" {version['currency']}/{say('cost.' + charge['per'])}"
            for charge in version["standing"]
        ]
        if version["coefficient"] is not None:
            told.append(f"coefficient {amounts.plain(say.lang, version['coefficient'])}")
        rows.append(
            [
                "*" if version["holds"] else "",
                f"v{version['version']}",
                catalogue.day(say.lang, version["valid_from"]),
                ", ".join(told),
                version["by"] or say("cost.settings"),
            ]
        )
    return aligned(rows)


def _listed(prices: Mapping[str, str], say: Words) -> str:
    return " ".join(f"{name} {amounts.price(say.lang, price)}" for name, price in prices.items())


def _charge(name: str, say: Words) -> str:
    """Return what people call a part of a cost: the subscription has a word, others the name of the settings."""
    return say("cost.subscription") if name == "subscription" else name


def bill(span: str, lines: Sequence[Mapping[str, Any]], view: Mapping[str, Any], say: Words) -> list[str]:
    """Return how a span's cost comes about: quantity × price = amount, line by line, and the sum."""
    rows = [["", say(f"cost.{span}"), "", "", "", ""]]
    for line in lines:
        unit = say(f"cost.{line['unit']}") if line["kind"] == "standing" else line["unit"]
        quantity = say.count("cost.days", int(line["quantity"])) if line["kind"] == "standing" else (
            amounts.used(say.lang, line["quantity"], line["unit"])
        )  # fmt: skip
        price = f"× {amounts.price(say.lang, line['price'])} {view['currency']}/{unit}"
        if line["kind"] == "vat":
            quantity, price = amounts.money(say.lang, line["quantity"], view["currency"]), ""
        name = _charge(line["name"], say)
        name = f"{say('cost.vat')} {name}" if line["kind"] == "vat" else name
        version = f"v{line['version']}" if line["version"] else ""
        rows.append(["", name, version, quantity, price, amounts.money(say.lang, line["amount"], view["currency"])])
    rows.append(["", say("cost.sum"), "", "", "", shown.paid(view["spans"][span], view, say)])
    return aligned(rows, frozenset({3, 5}))
