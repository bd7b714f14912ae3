"""The part of `vigie simulate` that texts: how many messages a month will take, both ways, and what they cost."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.settings import catalogue
from edge.settings.amounts import money

OUT: Final = ("report", "backlog", "alarm", "daily", "answer", "life", "machine")
MONTH_DAYS: Final = 30
IN: Final = ("ack", "nack", "other")


def _between(least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        found = float(text.replace(",", "."))
        if not least <= found <= most:  # nor what is no number at all
            raise argparse.ArgumentTypeError(f"{text}: {least:g} to {most:g} is expected")
        return found

    return number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a site that texts can be tried with."""
    parser.add_argument(
        "--sms-price", type=_between(0, 10), metavar="P", help="of one message (default: [link.sms] price)"
    )
    parser.add_argument(
        "--sms-loss",
        type=_between(0, 100),
        default=2.0,
        metavar="PERCENT",
        help="of the messages get lost on their way (default 2)",
    )


class Texted(msgspec.Struct, frozen=True):
    """A run of a site that texts."""

    report: Any
    bill: Any
    outage_s: float = 0.0
    more: int = 0
    """Messages that the outage cost."""
    has_gateway: bool = True


def run(
    settings: Any, args: argparse.Namespace, outages: list[Any], sms_outages: list[Any],
    passed: Callable[[int], None] = lambda _day: None,
) -> Texted:  # fmt: skip
    """Simulate; with an outage of the network a second time without it, for what that costs."""
    report, bill = _run(settings, args, outages, sms_outages, passed)
    has_gateway = bool(settings.links.sms.gateway)
    if not sms_outages:
        return Texted(report, bill, has_gateway=has_gateway)
    _, without = _run(settings, args, outages, [], passed)
    outage_s = sum(outage.end_s - outage.begin_s for outage in sms_outages)
    return Texted(report, bill, outage_s, bill.sent + bill.received - without.sent - without.received, has_gateway)


def _run(
    settings: Any, args: argparse.Namespace, outages: list[Any], sms_outages: list[Any], passed: Callable[[int], None]
) -> tuple[Any, Any]:
    from edge.sim.gsm import Gsm, Network  # what seals is loaded for a site that texts
    from edge.sim.gsm_bill import bill_of
    from edge.sim.simulation import Simulation

    with tempfile.TemporaryDirectory(prefix="vigie-past-") as folder:
        simulation = Simulation(
            settings, seed=args.seed, outages=outages, acknowledges=not args.no_ack, history_folder=Path(folder)
        )
        gsm = Gsm(simulation, args.seed, Network(loss=args.sms_loss / 100, outages=tuple(sms_outages)))
        report = simulation.run(args.days, passed)
        try:
            return report, bill_of(simulation, gsm, args.sms_price)
        finally:
            if simulation.history is not None:
                simulation.history.file.close()


def lines(texted: Texted, lang: str) -> list[str]:
    """Return the messages of the run for a person: out, in, the month against its budget, and what an outage costs."""
    bill = texted.bill

    def cost(**numbers: int) -> dict[str, str]:
        if bill.price is None:
            return {}
        each = Decimal(str(bill.price))
        return {name: money(lang, each * number, bill.currency) for name, number in numbers.items()}

    def said(name: str, counts: dict[str, int], names: tuple[str, ...], total: int) -> str:
        parts = [catalogue.count(lang, f"simulate.{each}", counts[each]) for each in names if counts.get(each)]
        parts += [catalogue.count(lang, "simulate.again", bill.again)] if name == "sms_out" and bill.again else []
        return catalogue.render(
            lang, f"simulate.{name}", {"parts": "  ".join(parts), "total": total, **cost(cost=total)}
        )  # fmt: skip

    months = max(texted.report.days, 1 / 24) / MONTH_DAYS
    sent, both = round(bill.sent / months), round((bill.sent + bill.received) / months)
    day, most = bill.worst
    budget = {
        "sent": sent, "budget": bill.per_month, "both": both, "most": most, "day": day,
        **cost(budget_cost=bill.per_month, cost=both),
    }  # fmt: skip
    values = {"values": bill.values, "air": bill.lost_in_air, "lost": bill.lost}
    told = [
        said("sms_out", bill.out, OUT, bill.sent),
        said("sms_in", bill.came, IN, bill.received),
        catalogue.render(lang, "simulate.sms_month", budget),
        *([catalogue.render(lang, "simulate.sms_values", values)] if texted.has_gateway else []),
    ]  # fmt: skip
    if bill.price is None:
        told.append(catalogue.render(lang, "simulate.sms_no_price", {}))
    if texted.outage_s:
        hours = round(texted.outage_s / 3600, 1)
        told.append(
            catalogue.render(lang, "simulate.sms_outage", {"hours": hours, "more": texted.more, "lost": bill.lost})
        )
    return told


def figures(texted: Texted) -> dict[str, Any]:
    """Return all of it for a program: the simulation's own report, and beside it `sms`."""
    bill = texted.bill
    found: dict[str, Any] = msgspec.to_builtins(texted.report)
    day, most = bill.worst
    found["sms"] = msgspec.to_builtins(bill) | {
        "sent": bill.sent, "received": bill.received,
        "cost": None if bill.price is None else round((bill.sent + bill.received) * bill.price, 2),
        "worst_day": day, "worst_day_sent": most, "outage_s": texted.outage_s, "outage_more": texted.more,
    }  # fmt: skip
    return found
